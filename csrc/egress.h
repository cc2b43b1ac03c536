/*
 * egress.h - sends the datagrams of one batch: forms runs, makes one request for each run and output, takes note of
 * what failed, sends again what a device could not send segmented, and counts. Owns the batch; knows neither the
 * packet ring nor how datagrams are found.
 *
 *     begin()  add() drop() add() ...   emit() -> [caller submits, complete() for each failure] -> ... -> account()
 *
 * A run is consecutive datagrams of one route and one size, the last one may be shorter, which also have in common what
 * the route's outputs take from them. It leaves as one request for each output, with UDP_SEGMENT and an iovec that
 * points at the payloads where they lie. The kernel copies them while it takes the submission, so once the submission
 * has returned nothing points at them any more.
 *
 * A host that is not there answers, and so may a router, or anybody who pretends to be one. The kernel then gives the
 * answer to the next send in place of sending. So a send that may have met one is tried once more. To a host, where
 * more than one is queued, each has a request before it that takes such an answer away, that no send comes to be tried
 * after a later one; to a group, of which nobody should say anything, the rest of the batch is not held up.
 */
#ifndef MCR_EGRESS_H
#define MCR_EGRESS_H

#include "mcr.h"
#include "parse.h"
#include "raw_frame.h"
#include "route.h"
#include "varying.h"

#include <liburing.h>
#include <stdint.h>
#include <sys/socket.h>
#include <sys/uio.h>

/* Frames of one batch: enough to amortise a submission, few enough that the first does not wait long for the last. */
#define MCR_BATCH_FRAMES 256u
/* Payload of one UDP send over IPv4: 65535 less IP and UDP header. IPv6 takes 20 more, so all outputs take this. */
#define MCR_RUN_BYTES_MAX 65507u

struct mcr_run {
	const struct mcr_route *route;
	const struct mcr_output *outputs;
	uint64_t newest_ns; /* receive timestamp */
	uint32_t frame_first; /* its iovecs are consecutive */
	uint32_t frame_count;
	uint32_t datagram_count; /* frame_count, or those of its one superframe */
	uint32_t segment_bytes; /* size of all its datagrams but the last */
	uint32_t bytes;
	uint32_t singly_count; /* requests of each datagram beyond the first: of outputs that send one by one */
	int is_closed; /* takes no more */
	struct mcr_attributes attributes; /* only where the route's outputs take any */
	struct msghdr message;
	_Alignas(struct cmsghdr) uint8_t control[CMSG_SPACE(sizeof(uint16_t))];
};

/*
 * Of an output's socket: whether it takes UDP_SEGMENT. Found out at the first run, remembered until a refusal, and that
 * until the next table: it may have been the MTU, of which a table brings the new one.
 */
enum mcr_segmentation {
	MCR_SEGMENTATION_UNKNOWN,
	MCR_SEGMENTATION_WORKS,
	MCR_SEGMENTATION_REFUSED,
};

/* Datagrams of this batch that one output did not send; indexed as mcr_stats.outputs. */
struct mcr_debt {
	uint32_t datagrams;
	uint32_t bytes;
	uint32_t fragmented; /* of the datagrams: larger than segment_max */
};

/* Datagrams of this batch that a route took but that are not relayed. */
struct mcr_refusal {
	const struct mcr_route *route;
	enum mcr_drop reason;
	uint32_t datagram_count;
	uint32_t bytes;
};

/* What is to be sent again. */
struct mcr_retry {
	uint16_t run, output;
	uint16_t datagram; /* of the run, or MCR_RETRY_RUN, or MCR_RETRY_SINGLY */
};

#define MCR_RETRY_RUN 0xffffu
#define MCR_RETRY_SINGLY 0xfffeu

struct mcr_egress {
	struct io_uring *ring;
	struct mcr_stats *stats;
	const struct mcr_table *table;
	uint32_t segments_max; /* datagrams of one run */

	uint32_t frame_count;
	uint32_t run_count;
	uint32_t request_count; /* that emit() will make */
	int is_probing; /* a run asks a socket for the first time whether it takes segments: it ends the batch */
	struct iovec payloads[MCR_BATCH_FRAMES];
	uint64_t times_ns[MCR_BATCH_FRAMES];
	struct mcr_run runs[MCR_BATCH_FRAMES];
	uint32_t drops[MCR_DROPS_MAX];
	uint32_t refusal_count;
	struct mcr_refusal refusals[MCR_BATCH_FRAMES];

	/* Where emit() goes on. */
	uint32_t next_run, next_output, next_datagram;

	uint32_t failure_count; /* of this batch: debts are to be looked at */
	uint32_t retry_count, retry_next;
	struct mcr_retry retries[2 * MCR_SUBMISSIONS]; /* runs that were refused for being segmented; answers */
	uint8_t segmentation[MCR_OUTPUTS_MAX]; /* enum mcr_segmentation, by UDP socket, of whatever it sends through */
	struct mcr_debt debts[MCR_OUTPUTS_MAX];
	struct mcr_raw_frames raw_frames;
	struct mcr_varyings varyings;
};

/* Starts a batch. What was added before must have been accounted for. */
void mcr_egress_begin(struct mcr_egress *egress);

/* Whether one more frame of any route fits. */
int mcr_egress_has_room(const struct mcr_egress *egress);

/**
 * mcr_egress_add - add a frame's payload; only while mcr_egress_has_room().
 * @flow: its payload must stay until mcr_egress_account().
 * @segment_bytes: size of the datagrams of a superframe, else 0.
 */
void mcr_egress_add(struct mcr_egress *egress, const struct mcr_route *route, const struct mcr_flow *flow,
		    uint32_t segment_bytes, uint64_t time_ns);

/* Notes datagrams that are not relayed; counted by mcr_egress_account() like the others. */
void mcr_egress_drop(struct mcr_egress *egress, enum mcr_drop reason, uint32_t datagram_count);

/* The same for a frame that has a route: counted there too. At most MCR_BATCH_FRAMES times a batch. */
void mcr_egress_drop_at(struct mcr_egress *egress, const struct mcr_route *route, enum mcr_drop reason,
			uint32_t datagram_count, uint32_t bytes);

/*
 * Queues the batch's requests. Nothing that was queued here before may be without submission. Return: 1 when all are
 * queued, 0 when there is no room left: submit, then call again.
 */
int mcr_egress_emit(struct mcr_egress *egress);

/* Takes the completion of a failed send. @result: negative errno. */
void mcr_egress_complete(struct mcr_egress *egress, uint64_t user_data, int32_t result);

/*
 * Queues again what was refused for being segmented, datagram by datagram, and what an answer stood in the way of.
 * Return: as mcr_egress_emit(). A retry may fail and be retried in another way.
 */
int mcr_egress_retry(struct mcr_egress *egress);

/* Counts the batch, all of it, at the moment it is over. @now_ns: CLOCK_REALTIME. */
void mcr_egress_account(struct mcr_egress *egress, uint64_t now_ns);

/* Sends by this table from now on. Between batches only. */
void mcr_egress_take_table(struct mcr_egress *egress, const struct mcr_table *table);

/* Forgets what is known of a socket: its index has a new one. */
void mcr_egress_forget(struct mcr_egress *egress, uint32_t socket);

/* Datagrams in a payload of segments. */
static inline uint32_t mcr_segment_count(uint32_t length, uint32_t segment_bytes)
{
	return segment_bytes && length > segment_bytes ? (length + segment_bytes - 1) / segment_bytes : 1;
}

/* The bucket of mcr_rule_stats.latency for a time: 4 for each doubling from 256 ns, the last for all above 8.6 s. */
static inline uint32_t mcr_latency_bucket(uint64_t time_ns)
{
	const uint64_t value = time_ns >> MCR_LATENCY_FIRST_LOG2 ? time_ns : 1u << MCR_LATENCY_FIRST_LOG2;
	const uint32_t log2 = 63u - (uint32_t)__builtin_clzll(value);
	const uint32_t bucket = (log2 - MCR_LATENCY_FIRST_LOG2) * MCR_LATENCY_STEPS + ((value >> (log2 - 2)) & 3u);

	return bucket < MCR_LATENCY_BUCKETS - 1 ? bucket : MCR_LATENCY_BUCKETS - 1;
}

#endif
