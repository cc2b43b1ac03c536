/*
 * image.h - starts an ELF program that lies somewhere inside a file, as execve() would start a file of its own: the
 * segments are mapped, not copied, so that processes share the page cache and nothing is written to a disk.
 */
#ifndef MCR_IMAGE_H
#define MCR_IMAGE_H

#include <elf.h>
#include <stdint.h>

/* A program, or a dynamic linker, in this process' memory. */
struct mcr_image {
	uintptr_t bias; /* address less what the file says */
	uintptr_t entry;
	uintptr_t headers; /* its program headers */
	uint16_t header_count;
	char interpreter[64]; /* path of the dynamic linker it asks for, or "" */
};

/**
 * mcr_image_map - map a position-independent ELF file that begins at @offset of @fd.
 * @offset: a multiple of the page size.
 *
 * The mapping stays until the process ends; @fd may be closed.
 *
 * Return: 0, or with mcr_error() telling more: -ENOEXEC: not such an ELF file for this CPU, or made for smaller pages
 * than the machine's; -ENOMEM; -EIO: file too short; other errors of pread() and mmap().
 */
int32_t mcr_image_map(int fd, uint64_t offset, struct mcr_image *image);

/**
 * mcr_image_run - map the program's dynamic linker and give the process over to it.
 * @arguments, @environment: NULL-terminated.
 *
 * What this process had open stays open; close-on-exec means nothing here. To be called from the first thread.
 *
 * Return: only on failure, as mcr_image_map().
 */
int32_t mcr_image_run(const struct mcr_image *program, char **arguments, char **environment);

#endif
