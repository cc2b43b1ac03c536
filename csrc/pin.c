/*
 * pin.c - keeps libmcr.so in the process once it is loaded. Deno unmaps its libraries when it goes down, also after an
 * uncaught exception, and a thread that is inside one of our calls at that moment would go on in unmapped code (seen:
 * SIGSEGV at exit). The same as the linker's -z nodelete.
 */
#include <dlfcn.h>

__attribute__((constructor)) static void pin(void)
{
	static const int anchor;
	Dl_info library;

	if (dladdr(&anchor, &library) && library.dli_fname)
		dlopen(library.dli_fname, RTLD_NOW | RTLD_NOLOAD | RTLD_NODELETE);
}
