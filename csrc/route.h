/*
 * route.h - the route table: made once by the supervisor, sealed, and read by every worker. One hash lookup decides a
 * datagram, however many rules there are, where all of them are of one shape.
 *
 *     struct mcr_table | buckets | shapes | routes | takers | levels | entries | senders | outputs | chain
 *
 * A shape is how much of group and port counts: 239.1.2.3 port 5000 is one with all bits, 239.1.0.0/24 any port one
 * with 120 and 0. Ranges of ports become blocks, each a power of two that begins at a multiple of itself, at most 30 a
 * rule; where rules for the same group overlap, they are cut so that no two blocks do. The shapes are looked up one
 * after the other, those of the longest group prefix first:
 *
 *     shape --masked key--> bucket --> route                                      the one that takes all sources
 *                                 \--> chain: takers, the narrowest ports first
 *                                        taker: all rules of one group and the same ports
 *                                          level: a length of source prefixes, the longest first
 *                                            entry: such a prefix, and its route unless that excludes the source
 */
#ifndef MCR_ROUTE_H
#define MCR_ROUTE_H

#include "mcr.h"
#include "parse.h"

#include <stdint.h>
#include <string.h>

/* A rule compiled: what a worker needs of it once it has matched. */
struct mcr_route {
	uint32_t stats; /* slot in mcr_stats.rules */
	uint32_t output_first;
	uint32_t output_count;
	uint32_t port_first; /* of the rule: what MCR_OUTPUT_PORT_MAP counts from */
	uint32_t varies; /* flags of all its outputs together: what a run's datagrams must have in common */
	uint32_t is_limited; /* it has rates, or all rules together do */
	uint32_t excluded_first; /* levels */
	uint32_t excluded_count;
	uint32_t request_count; /* of one run: one for each output, and one more for each that is unicast */
	uint32_t reserved;
	uint64_t datagrams_max; /* as those of struct mcr_rule */
	uint64_t bits_max;
};

/* 16 bytes of an address, as they lie in memory. */
struct mcr_words {
	uint64_t high, low;
};

struct mcr_bucket {
	struct mcr_words group; /* masked */
	uint32_t input;
	uint16_t port; /* masked */
	uint16_t shape; /* and one; 0: the bucket is empty */
	uint32_t target; /* a route, or the first of a chain */
	uint32_t chain_count; /* takers; 0: the route takes all sources */
};

struct mcr_shape {
	struct mcr_words group_mask;
	uint32_t port_mask;
	uint32_t reserved;
};

struct mcr_taker {
	uint32_t level_first;
	uint32_t level_count;
};

struct mcr_level {
	struct mcr_words mask;
	uint32_t entry_first; /* in ascending order of their addresses */
	uint32_t entry_count;
};

struct mcr_entry {
	struct mcr_words address;
	uint32_t route; /* unused in what a route excludes */
	uint32_t reserved;
};

struct mcr_sender_bucket {
	struct mcr_words address;
	uint32_t port;
	uint32_t is_used;
};

enum mcr_section {
	MCR_SECTION_BUCKETS, /* open addressing, at most half full */
	MCR_SECTION_SHAPES, /* those of UDP, then those of ESP */
	MCR_SECTION_ROUTES,
	MCR_SECTION_TAKERS,
	MCR_SECTION_LEVELS,
	MCR_SECTION_ENTRIES,
	MCR_SECTION_SENDERS, /* open addressing too */
	MCR_SECTION_OUTPUTS,
	MCR_SECTION_CHAIN, /* indexes of takers */
	MCR_SECTION_COUNT
};

struct mcr_table {
	_Alignas(64) uint64_t magic; /* no bucket lies in two cache lines */
	uint64_t generation;
	uint64_t bytes; /* of the whole */
	uint32_t abi;
	uint32_t udp_shape_count;
	uint32_t esp_shape_count;
	uint32_t counts[MCR_SECTION_COUNT]; /* entries; of buckets, a power of two; of those of senders too, or 0 */
	uint32_t route_requests_max; /* of the route that has most */
	uint64_t offsets[MCR_SECTION_COUNT]; /* from the start of the table, nothing between */
	uint64_t sender_bits; /* one for each value of mcr_sender_bit() that a sender has */
	uint64_t datagrams_max; /* as those of struct mcr_rules */
	uint64_t bits_max;
};

/**
 * mcr_table_map - map a table read-only, after checking that it is sealed, whole and of this build.
 *
 * Return: 0 with @table written, valid until munmap(); -EINVAL: not a table of ours; -ENOMEM.
 */
int32_t mcr_table_map(int32_t fd, const struct mcr_table **table);

/* Writes offsets and bytes from the counts: how a table is laid out. */
void mcr_table_lay_out(struct mcr_table *table);

/**
 * mcr_route_find - the route that takes a datagram.
 * @table: may be NULL: before the first one there are no routes.
 *
 * Return: a route; or NULL with @reason MCR_DROP_SOURCE: there are routes for its group and port, but none takes its
 * source; or MCR_DROP_NO_RULE.
 */
const struct mcr_route *mcr_route_find(const struct mcr_table *table, uint32_t input, const struct mcr_flow *flow,
				       enum mcr_drop *reason);

/* Whether a datagram's source is one of the senders. Dear: asked by mcr_table_has_sender() only. */
int mcr_table_find_sender(const struct mcr_table *table, const struct mcr_flow *flow);

static inline const void *mcr_table_section(const struct mcr_table *table, enum mcr_section section)
{
	return (const uint8_t *)table + table->offsets[section];
}

static inline const struct mcr_route *mcr_table_routes(const struct mcr_table *table)
{
	return mcr_table_section(table, MCR_SECTION_ROUTES);
}

static inline const struct mcr_output *mcr_route_outputs(const struct mcr_table *table, const struct mcr_route *route)
{
	return (const struct mcr_output *)mcr_table_section(table, MCR_SECTION_OUTPUTS) + route->output_first;
}

/* Of 64 kinds of addresses, that of this one: senders have few addresses, most sources none of them. */
static inline uint64_t mcr_sender_bit(const uint8_t *address)
{
	uint64_t low;

	memcpy(&low, address + 8, sizeof(low));
	return 1ull << (low * 0x9e3779b97f4a7c15ull >> 58);
}

/* Whether a datagram comes from this relay itself. */
static inline int mcr_table_has_sender(const struct mcr_table *table, const struct mcr_flow *flow)
{
	return __builtin_expect((table->sender_bits & mcr_sender_bit(flow->source)) != 0, 0) &&
	       mcr_table_find_sender(table, flow);
}

#endif
