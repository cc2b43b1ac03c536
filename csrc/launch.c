/* launch.c - finds the payloads behind the native part of this file and starts the runtime on the script among them. */
#include "launch.h"

#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base.h"
#include "image.h"
#include "mcr.h"
#include "unpack.h"

extern char **environ;

/*
 * Nothing outside this file may steer the runtime: no configuration, module, package or cache of the directory that it
 * is started in. Of its permissions none is left out that the supervisor needs: --allow-ffi cannot be narrowed to a
 * path where pointers are read, and with it every other permission is a formality.
 */
static const char *const runtime_arguments[] = {
	"run",
	"--quiet",
	"--ext=js",
	"--no-prompt",
	"--no-config",
	"--no-lock",
	"--no-remote",
	"--no-npm",
	"--no-check",
	"--no-code-cache",
	"--cached-only",
	"--node-modules-dir=none",
	"--allow-read",
	"--allow-write",
	"--allow-env",
	"--allow-sys",
	"--allow-run",
	"--allow-net",
	"--allow-ffi",
};

/* By prefix: what the runtime, its Rust and JavaScript libraries read, and what the launcher itself hands on. */
static const char *const steering_variables[] = {
	"DENO_", "NODE_", "NPM_", "JSR_", "OTEL_", "RUST_", "MCR_LIB=", "MCR_NATIVE=", "MCR_RUNTIME=",
};

/*
 * Set for the runtime: it has no business with a cache directory or with looking for news of itself. Without DENO_LOG
 * it would tell everybody at a terminal that there is no such directory, before each command.
 */
static const char *const fixed_variables[] = {
	"DENO_DIR=/dev/null/none",
	"DENO_LOG=error,deno::cache=off",
	"DENO_NO_UPDATE_CHECK=1",
};

static bool is_steering(const char *variable)
{
	for (size_t i = 0; i < array_count(steering_variables); i++) {
		if (strncmp(variable, steering_variables[i], strlen(steering_variables[i])) == 0)
			return true;
	}
	return false;
}

/* Where the native part ends, by its own headers: a file no longer than that never had payloads. */
static uint64_t native_end(int self)
{
	Elf64_Ehdr file;
	Elf64_Phdr header;
	uint64_t end;

	if (pread(self, &file, sizeof(file), 0) != sizeof(file))
		return 0;
	end = file.e_shoff + (uint64_t)file.e_shnum * file.e_shentsize;
	for (uint16_t i = 0; i < file.e_phnum; i++) {
		if (pread(self, &header, sizeof(header), (off_t)(file.e_phoff + i * sizeof(header))) != sizeof(header))
			return 0;
		if (header.p_type == PT_LOAD && header.p_offset + header.p_filesz > end)
			end = header.p_offset + header.p_filesz;
	}
	return end;
}

/* Payloads lie in order, without overlap, between the native part and the trailer. */
static bool is_placed(const struct mcr_payload *payload, uint64_t begin, uint64_t end)
{
	return payload->offset % MCR_PAYLOAD_ALIGNMENT == 0 && payload->offset >= begin && payload->offset <= end &&
	       payload->bytes > 0 && payload->bytes <= end - payload->offset;
}

static uint64_t end_of(const struct mcr_payload *payload)
{
	return payload->offset + payload->bytes;
}

static int32_t read_trailer(int self, struct mcr_trailer *trailer)
{
	const uint64_t native = native_end(self);
	struct stat file;
	uint64_t end;

	if (fstat(self, &file) < 0)
		return mcr_fail(errno, "Cannot read its own file: %s", strerror(errno));
	if ((uint64_t)file.st_size <= native)
		return mcr_fail(ENOEXEC, "Cannot run this command: this file is only the native part of mcr; "
					 "use the whole executable (./dev build makes dist/mcr), or ./dev mcr");
	end = (uint64_t)file.st_size - sizeof(*trailer);
	if (pread(self, trailer, sizeof(*trailer), (off_t)end) != sizeof(*trailer) ||
	    memcmp(trailer->magic, MCR_TRAILER_MAGIC, sizeof(trailer->magic)) != 0)
		return mcr_fail(ENOEXEC, "Cannot start: the executable is cut short or damaged; install it again");
	if (trailer->version != MCR_TRAILER_VERSION)
		return mcr_fail(ENOEXEC, "Cannot start: the executable's payloads are of version %u, and %u is wanted; "
					 "install it again", trailer->version, MCR_TRAILER_VERSION);
	if (!is_placed(&trailer->runtime, native, end) ||
	    !is_placed(&trailer->script, end_of(&trailer->runtime), end) ||
	    !is_placed(&trailer->library, end_of(&trailer->script), end) || end_of(&trailer->library) != end)
		return mcr_fail(ENOEXEC, "Cannot start: the executable is damaged; install it again");
	return 0;
}

/* A sealed copy of a payload in memory, for readers that want a path: "/proc/self/fd/N". */
static int32_t expose(int self, const struct mcr_payload *payload, const char *name, char *path, size_t path_bytes)
{
	int fd = memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING);
	int32_t status;

	if (fd < 0)
		return mcr_fail(errno, "Cannot make memory for %s: %s", name, strerror(errno));
	status = mcr_unpack(self, payload, fd);
	if (status < 0)
		return status;
	if (fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE | F_SEAL_GROW | F_SEAL_SHRINK | F_SEAL_SEAL) < 0)
		return mcr_fail(errno, "Cannot seal %s: %s", name, strerror(errno));
	snprintf(path, path_bytes, "/proc/self/fd/%d", fd);
	return 0;
}

static char **arguments_for(const char *script, int argc, char **argv)
{
	char **arguments = calloc(array_count(runtime_arguments) + (size_t)argc + 2, sizeof(*arguments));
	size_t count = 0;

	if (!arguments)
		return NULL;
	arguments[count++] = argv[0];
	for (size_t i = 0; i < array_count(runtime_arguments); i++)
		arguments[count++] = (char *)runtime_arguments[i];
	arguments[count++] = (char *)script;
	for (int i = 1; i < argc; i++)
		arguments[count++] = argv[i];
	return arguments;
}

static char **environment_for(char *library, char *native)
{
	size_t count = 0, inherited = 0;
	char **environment;

	while (environ[inherited])
		inherited++;
	environment = calloc(inherited + array_count(fixed_variables) + 3, sizeof(*environment));
	if (!environment)
		return NULL;
	for (size_t i = 0; i < inherited; i++) {
		if (!is_steering(environ[i]))
			environment[count++] = environ[i];
	}
	for (size_t i = 0; i < array_count(fixed_variables); i++)
		environment[count++] = (char *)fixed_variables[i];
	environment[count++] = library;
	environment[count++] = native;
	return environment;
}

/* The way that is taken unless another is asked for: the runtime's segments are mapped out of this file. */
static int32_t run_mapped(int self, const struct mcr_trailer *trailer, int argc, char **argv)
{
	char script[32], library[48] = "MCR_LIB=", native[] = "MCR_NATIVE=/proc/self/exe";
	const size_t prefix = strlen(library);
	char **arguments, **environment;
	struct mcr_image runtime;
	int32_t status;

	status = expose(self, &trailer->script, "mcr.js", script, sizeof(script));
	if (status == 0)
		status = expose(self, &trailer->library, "libmcr.so", library + prefix, sizeof(library) - prefix);
	if (status == 0)
		status = mcr_image_map(self, trailer->runtime.offset, &runtime);
	if (status < 0)
		return status;
	close(self);
	arguments = arguments_for(script, argc, argv);
	environment = environment_for(library, native);
	if (!arguments || !environment)
		return mcr_fail(ENOMEM, "Cannot start: out of memory");
	return mcr_image_run(&runtime, arguments, environment);
}

/* The way out: everything lies in a directory, and the kernel starts the runtime. */
static int32_t run_unpacked(int self, const struct mcr_trailer *trailer, int argc, char **argv)
{
	char runtime[PATH_MAX], script[PATH_MAX], library[PATH_MAX], native[PATH_MAX];
	char directory[MCR_UNPACK_PATH_MAX];
	char **arguments, **environment;
	int32_t status = mcr_unpack_all(self, trailer, directory);

	if (status < 0)
		return status;
	snprintf(runtime, sizeof(runtime), "%s/" MCR_UNPACK_RUNTIME, directory);
	snprintf(script, sizeof(script), "%s/" MCR_UNPACK_SCRIPT, directory);
	snprintf(library, sizeof(library), "MCR_LIB=%s/" MCR_UNPACK_LIBRARY, directory);
	snprintf(native, sizeof(native), "MCR_NATIVE=%s/" MCR_UNPACK_NATIVE, directory);
	arguments = arguments_for(script, argc, argv);
	environment = environment_for(library, native);
	if (!arguments || !environment)
		return mcr_fail(ENOMEM, "Cannot start: out of memory");
	execve(runtime, arguments, environment);
	return mcr_fail(errno, "Cannot execute \"%s\": %s", runtime, strerror(errno));
}

static int32_t launch(int argc, char **argv)
{
	const char *way = getenv("MCR_RUNTIME");
	const bool is_unpacked = way && strcmp(way, "cache") == 0;
	struct mcr_trailer trailer;
	int32_t status;
	int self;

	if (way && !is_unpacked && strcmp(way, "map") != 0)
		return mcr_fail(EINVAL, "Cannot start: MCR_RUNTIME is \"%s\", and \"map\" or \"cache\" is wanted", way);
	self = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
	if (self < 0)
		return mcr_fail(errno, "Cannot open its own file through \"/proc/self/exe\": %s", strerror(errno));
	status = read_trailer(self, &trailer);
	if (status < 0)
		return status;
	return is_unpacked ? run_unpacked(self, &trailer, argc, argv) : run_mapped(self, &trailer, argc, argv);
}

int mcr_launch(int argc, char **argv)
{
	launch(argc, argv);
	fprintf(stderr, "mcr: %s\n", mcr_error());
	return 1;
}
