/*
 * launch.h - the one-file executable: this native program, and behind it in the same file a JavaScript runtime, mcr's
 * bundled script and libmcr.so. Everything that is no native command is a start of that runtime.
 *
 *      offset 0                                                                            end of file
 *      | native part (ELF) | .. | runtime (ELF) | .. | script | .. | library (ELF) | trailer |
 *
 * `..` is padding to the next multiple of MCR_PAYLOAD_ALIGNMENT. build/pack.ts writes the file.
 */
#ifndef MCR_LAUNCH_H
#define MCR_LAUNCH_H

#include <stdint.h>

/* The largest page size of the machines we run on (aarch64 has kernels with 64 KiB), so that payloads can be mapped. */
#define MCR_PAYLOAD_ALIGNMENT 65536u

#define MCR_TRAILER_MAGIC "mcr-one\n"
/* Changes with struct mcr_trailer. */
#define MCR_TRAILER_VERSION 1u

struct mcr_payload {
	uint64_t offset;
	uint64_t bytes;
};

/* The last bytes of the file; little-endian. */
struct mcr_trailer {
	struct mcr_payload runtime;
	struct mcr_payload script;
	struct mcr_payload library;
	char hash[32]; /* half of the SHA-256 over all before the trailer, in hexadecimal, without a NUL */
	uint32_t reserved;
	uint32_t version;
	char magic[8]; /* MCR_TRAILER_MAGIC without its NUL */
};

/**
 * mcr_launch - run mcr's script with these arguments, in this very process.
 *
 * The environment's variables that steer the runtime (DENO_*, NODE_* and so on) do not reach it. The script finds in
 * MCR_LIB the path of libmcr.so and in MCR_NATIVE that of a program with the native commands.
 *
 * MCR_RUNTIME=cache unpacks the payloads into a directory of the user's cache and executes the runtime there, for
 * systems where mapping it out of this file is forbidden.
 *
 * Return: only on failure, said on standard error: the exit status.
 */
int mcr_launch(int argc, char **argv);

#endif
