/*
 * filter_plan.h - what a filter has to let through, as stretches of addresses that do not overlap, in ascending order,
 * each with what is wanted of it. Knows nothing of BPF.
 */
#ifndef MCR_FILTER_PLAN_H
#define MCR_FILTER_PLAN_H

#include "mcr.h"

#include <stdint.h>

/* An address as a number; IPv4 in its 16-byte form. */
typedef unsigned __int128 mcr_number;

/* Wanted whatever port and source. */
#define MCR_LEAF_ANY UINT32_MAX

struct mcr_stretch {
	mcr_number first, last;
	uint32_t leaf; /* or MCR_LEAF_ANY; of no meaning in a list of sources */
};

/* Of a leaf: ports, and from whom. */
struct mcr_port_stretch {
	uint32_t first, last;
	uint32_t source_first; /* stretches of addresses */
	uint32_t source_count; /* 0: from all */
};

struct mcr_leaf {
	uint32_t port_first; /* in mcr_filter_plan.ports */
	uint32_t port_count;
};

struct mcr_filter_plan {
	struct mcr_stretch *groups;
	struct mcr_leaf *leaves;
	struct mcr_port_stretch *ports;
	struct mcr_stretch *sources;
	uint32_t group_count, leaf_count, port_count, source_count;
	uint32_t group_capacity, leaf_capacity, port_capacity, source_capacity;
};

/* Which rules. */
struct mcr_filter_scope {
	const struct mcr_rule *rules;
	uint32_t rule_count;
	uint32_t input;
	uint32_t version; /* of IP */
	uint32_t protocol; /* 0: all */
	uint32_t has_sources; /* else whatever the source */
	const struct mcr_source *sources;
};

/**
 * mcr_filter_plan_make - plan what exactly these rules take.
 *
 * Return: 1, or 0 when it is more than any program has room for; then mcr_filter_plan_free() is owed; -ENOMEM.
 */
int32_t mcr_filter_plan_make(struct mcr_filter_plan *plan, const struct mcr_filter_scope *scope);

/* The same with all ports and sources, and at most @stretches_max stretches: the narrowest gaps between are closed. */
int32_t mcr_filter_plan_make_wide(struct mcr_filter_plan *plan, const struct mcr_filter_scope *scope,
				  uint32_t stretches_max);

void mcr_filter_plan_free(struct mcr_filter_plan *plan);

#endif
