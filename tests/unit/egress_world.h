/*
 * egress_world.h - what a worker has around its egress, made of a real io_uring and UDP sockets on the loopback, with
 * somebody who listens to each of them.
 */
#ifndef MCR_EGRESS_WORLD_H
#define MCR_EGRESS_WORLD_H

#include <stdbool.h>

#include "egress.h"
#include "model.h"
#include "uring.h"

#define SOCKETS 32u
#define SEGMENT_MAX 1472u
#define STREAM_BYTES (1u << 20)

struct world {
	struct io_uring ring;
	struct mcr_egress *egress;
	struct mcr_stats *stats;
	const struct mcr_table *table;
	int32_t page;
	int32_t senders[SOCKETS];
	int32_t receivers[SOCKETS];
	bool has_missed; /* a listener waited in vain */
	int32_t answer; /* what a send that fails is told instead of its own errno, negative; 0: that */
	uint8_t *stream; /* random bytes that payloads are cut from */
};

/* Rules and outputs become the table; outputs name the sockets by 0 to SOCKETS - 1. Return: false where the test cannot
 * be made, which has been said.
 */
bool world_open(struct world *world, const struct mcr_rule *rules, uint32_t rule_count,
		const struct mcr_output *outputs, uint32_t output_count);
void world_close(struct world *world);

/* A rule on group 239.0.0.0 plus @number, which is also its slot and, where it is first of its table, its route. */
struct mcr_rule world_rule(uint32_t number, uint32_t output_first, uint32_t output_count);
struct mcr_output world_output(uint32_t socket, uint32_t stats);

/* Adds to the batch, which must have room. */
void world_add_flow(struct world *world, uint32_t route, const struct mcr_flow *flow, uint32_t segment_bytes);
void world_add(struct world *world, uint32_t route, const uint8_t *payload, uint32_t length, uint32_t segment_bytes);

/* Sends the batch to its end and counts it. */
void world_flush(struct world *world);

/* Whether a socket's listener gets exactly this datagram next, which a busy kernel may be late with; or has none. */
bool world_hears(struct world *world, uint32_t socket, const uint8_t *payload, uint32_t length);
bool world_hears_nothing(const struct world *world, uint32_t socket);

/* due = sent + drops and received = relayed + drops, whatever has happened. */
void world_check_identities(const struct world *world);

#endif
