/*
 * route.h - the route table: made once by the supervisor, sealed, and read by every worker. One hash lookup decides a
 * datagram, however many rules there are.
 *
 *     struct mcr_table | buckets: open addressing, at most half full | routes | outputs
 */
#ifndef MCR_ROUTE_H
#define MCR_ROUTE_H

#include "mcr.h"

#include <stdint.h>

/* A rule compiled: what a worker needs of it once the key has matched. */
struct mcr_route {
	uint32_t stats; /* slot in mcr_stats.rules */
	uint32_t output_first;
	uint32_t output_count;
	uint32_t port_first; /* of the rule: what MCR_OUTPUT_PORT_MAP counts from */
	uint32_t varies; /* flags of all its outputs together: what a run's datagrams must have in common */
};

struct mcr_bucket {
	uint8_t group[16];
	uint32_t input;
	uint32_t port; /* 0: the bucket is empty */
	uint32_t route;
	uint32_t reserved;
};

struct mcr_table {
	uint64_t magic;
	uint64_t generation;
	uint32_t abi;
	uint32_t bytes; /* of the whole */
	uint32_t bucket_count; /* a power of two */
	uint32_t route_count;
	uint32_t output_count;
	uint32_t routes_offset; /* from the start of the table, as the other offsets */
	uint32_t outputs_offset;
	uint32_t route_outputs_max; /* outputs of the route that has most */
};

/**
 * mcr_table_map - map a table read-only, after checking that it is sealed, whole and of this build.
 *
 * Return: 0 with @table and @table_bytes written, valid until munmap(); -EINVAL: not a table of ours; -ENOMEM.
 */
int32_t mcr_table_map(int32_t fd, const struct mcr_table **table);

/* The route of a key, or NULL. @table may be NULL: before the first one there are no routes. */
const struct mcr_route *mcr_route_find(const struct mcr_table *table, uint32_t input, const uint8_t *group,
				       uint32_t port);

static inline const struct mcr_route *mcr_table_routes(const struct mcr_table *table)
{
	return (const void *)((const uint8_t *)table + table->routes_offset);
}

static inline const struct mcr_output *mcr_route_outputs(const struct mcr_table *table, const struct mcr_route *route)
{
	return (const struct mcr_output *)(const void *)((const uint8_t *)table + table->outputs_offset) +
	       route->output_first;
}

#endif
