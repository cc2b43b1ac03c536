/*
 * uring.h - sets up the worker's io_uring and restricts it. Requests on an io_uring pass seccomp by: what a worker may
 * ask of the kernel through it is decided here. Knows no packets.
 */
#ifndef MCR_URING_H
#define MCR_URING_H

#include "mcr.h"

#include <liburing.h>
#include <stdint.h>

/*
 * The registered files. A request names a file by its index here and by nothing else.
 *
 *     0                channel
 *     1 + 2 * input    packet socket, and behind it the input's progress eventfd
 *     FILE_OUTPUTS +   sockets of the outputs
 */
#define MCR_FILE_CHANNEL 0u
#define MCR_FILE_INPUT(input) (1u + 2u * (input))
#define MCR_FILE_PROGRESS(input) (2u + 2u * (input))
#define MCR_FILE_OUTPUTS MCR_WORKER_FILES

/* user_data: what a completion is about. 16 bits of kind, and of each of up to three indexes. */
enum mcr_request {
	MCR_REQUEST_CHANNEL, /* can be read */
	MCR_REQUEST_INPUT, /* input: its ring has frames */
	MCR_REQUEST_SEND_RUN, /* run, output: a whole run failed (successes complete silently) */
	MCR_REQUEST_SEND_ONE, /* run, output, datagram of the run: failed */
	MCR_REQUEST_RUN_AGAIN, /* as SEND_RUN, at the second try */
	MCR_REQUEST_ONE_AGAIN, /* as SEND_ONE, at the second try */
	MCR_REQUEST_ANSWER, /* run, output: what a host has answered before was taken away, or there was nothing */
	MCR_REQUEST_DISCARD, /* input: a large frame could not be taken off the queue */
	MCR_REQUEST_PROGRESS, /* input: its slots could not be noted */
	MCR_REQUEST_CANCEL, /* input: its poll had ended already */
};

static inline uint64_t mcr_request_pack(enum mcr_request kind, uint32_t first, uint32_t second, uint32_t third)
{
	return (uint64_t)kind << 48 | (uint64_t)first << 32 | (uint64_t)second << 16 | third;
}

static inline enum mcr_request mcr_request_kind(uint64_t user_data)
{
	return (enum mcr_request)(user_data >> 48);
}

/* @position: 0, 1 or 2. */
static inline uint32_t mcr_request_index(uint64_t user_data, uint32_t position)
{
	return (uint32_t)(user_data >> (32 - 16 * position)) & 0xffffu;
}

/**
 * mcr_uring_open - make the ring, for the calling thread only, with an empty file table and the restrictions in force.
 *
 * May send to, receive from, poll and write to its registered files, and exchange those; nothing else. Syscalls:
 * io_uring_setup, io_uring_register, mmap, prlimit.
 *
 * Return: 0; -EPERM or -ENOSYS: io_uring is disabled; -EMFILE: the limit of open files is below @files_max; -ENOMEM.
 */
int32_t mcr_uring_open(struct io_uring *ring, uint32_t files_max);

/* Puts @count descriptors (-1: none) into the file table; the descriptors stay the caller's. Return: 0 or -errno. */
int32_t mcr_uring_set_files(struct io_uring *ring, uint32_t index, const int32_t *fds, uint32_t count);

/*
 * Submits what is queued and sleeps until there is a completion, a second at most. The sleep does not count as waiting
 * for a disk where the kernel can tell them apart (Linux 6.15): an idle worker would show as a core all in iowait.
 */
void mcr_uring_sleep(struct io_uring *ring);

/* Asks for one completion when the registered file can be read. */
void mcr_uring_prepare_poll(struct io_uring_sqe *request, uint32_t file, uint64_t user_data);

#endif
