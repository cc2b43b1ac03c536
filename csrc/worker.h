/*
 * worker.h - the process that relays: one thread, one io_uring, no allocation after it is ready.
 *
 * The loop lives in worker.c, what it does without work in worker_wait.c, what the supervisor says in worker_control.c.
 *
 *              START                 TABLE                     channel closed
 *     (boot) ---------> set up, READY -------> relaying, ACKNOWLEDGE ------------> drains, exits
 *                                              ^   |
 *                                              +---+  INPUT, OUTPUTS, ..., TABLE
 */
#ifndef MCR_WORKER_H
#define MCR_WORKER_H

#include "channel.h"
#include "egress.h"
#include "mcr.h"
#include "packet_ring.h"
#include "rate.h"
#include "reassembly.h"
#include "route.h"

#include <liburing.h>

/* The channel's descriptor in a worker process. */
#define MCR_WORKER_CHANNEL 3

/* Largest frame: 64 KiB of IP, a link header (tunnels and tags included) and the vnet header before it. */
#define MCR_LARGE_FRAME_BYTES (65536u + 256u)

struct mcr_worker_input {
	struct mcr_packet_ring ring;
	int32_t socket; /* -1: not in use */
	int is_ready; /* frames may be there: to be looked at */
	int is_polled; /* the kernel will say when frames are there */
	uint64_t progress; /* slots of the batch in flight */
};

struct mcr_worker {
	struct io_uring uring;
	struct mcr_stats *stats;
	const struct mcr_table *table; /* NULL before the first */
	int32_t channel;
	int is_channel_ready;
	int is_ending;
	uint32_t file_count; /* of the registered table */
	uint32_t input_count; /* highest index in use, and one */
	uint64_t housekeeping_ns;
	uint32_t coalesce_ns; /* pause before a sleep when that is likely to gather a batch; 0: none */
	uint32_t busy_poll_ns; /* how long to look before a sleep; 0: not at all */
	int has_priority; /* real-time: what is no such process waits until the worker sleeps */
	uint32_t wait_count; /* how often a look was due */
	uint64_t rate_frames, rate_since_ns; /* frames taken since then */
	uint64_t frames_in_pause; /* that a pause would have gathered at the rate of the last window */
	uint64_t batch_time_us; /* when the first datagram with a limit was looked at; 0: none yet */
	struct mcr_rate total_rate;
	struct mcr_rate rates[MCR_RULES_MAX]; /* by the rules' slots: they outlast tables, not their rules */
	uint64_t limited[MCR_RULES_MAX / 64]; /* slots of limited routes, a bit each; while a table is taken */
	struct mcr_worker_input inputs[MCR_INPUTS_MAX];
	struct mcr_egress egress;
	struct mcr_reassembler reassembler;
	struct mcr_parcel parcel;
	uint8_t large_frame[MCR_LARGE_FRAME_BYTES];
	uint8_t discarded[64]; /* where the kernel puts the beginning of what is taken off a queue */
};

/* Runs a worker until its channel closes. Return: the process' exit status; 1 after MCR_MESSAGE_FAILED. */
int mcr_worker_main(int channel);

/* Takes START and sets everything up. Return: 0 or -errno with mcr_error(). */
int32_t mcr_worker_set_up(struct mcr_worker *worker);

/* Takes all messages that are there. Sets is_ending when the channel has closed. Return: 0 or -errno. */
int32_t mcr_worker_listen(struct mcr_worker *worker);

/* Has the kernel execute everything that is queued, and takes all completions. Sends never wait (MSG_DONTWAIT), so
 * when this returns they are over.
 */
void mcr_worker_submit(struct mcr_worker *worker);

/* Counts the frames that found no free slot since the last time, each as one datagram. */
void mcr_worker_count_ring_drops(struct mcr_worker *worker, uint32_t input);

/* Takes all completions that are there. */
void mcr_worker_complete(struct mcr_worker *worker);

/* A request to be filled in; submits what is queued when there is no room. */
struct io_uring_sqe *mcr_worker_request(struct mcr_worker *worker);

/* Sleeps until a ring or the channel has something, or looks before, as the profile says. */
void mcr_worker_wait(struct mcr_worker *worker);

/* Has the kernel tell when the inputs that are quiet are so no longer. */
void mcr_worker_poll_quiet(struct mcr_worker *worker);

/* Says something to the supervisor; that it is gone is noticed elsewhere. */
void mcr_worker_say(const struct mcr_worker *worker, enum mcr_message_type type, int32_t error);

#endif
