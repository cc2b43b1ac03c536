/*
 * route_plan.h - works out from rules which keys a route table has, and who takes what of each: ranges of ports are cut
 * into blocks that do not overlap, source lists become levels. Knows nothing of the table's hashing and layout.
 */
#ifndef MCR_ROUTE_PLAN_H
#define MCR_ROUTE_PLAN_H

#include "mcr.h"
#include "route.h"

#include <stdint.h>

/* Ports of one group prefix that are decided alike. */
struct mcr_block {
	const struct mcr_rule *rule; /* one of those with this input, protocol and group prefix */
	uint32_t port;
	uint32_t port_bits; /* 16 is one port, 0 all of them */
	uint32_t target; /* as in struct mcr_bucket */
	uint32_t chain_count;
};

struct mcr_plan {
	struct mcr_block *blocks;
	uint32_t *chain;
	struct mcr_taker *takers;
	struct mcr_level *levels;
	struct mcr_entry *entries;
	struct mcr_taker *excluded; /* of each rule */
	uint32_t block_count, chain_count, taker_count, level_count, entry_count;
	uint32_t block_capacity, chain_capacity;
};

/* The bits of an address that a prefix leaves, as words. @bits: 0 to 128. */
struct mcr_words mcr_prefix_mask(uint32_t bits);

/**
 * mcr_plan_make - fill in a plan of rules that have been checked: values within limits, lists within @sources.
 *
 * Return: 0, then mcr_plan_free() is owed; -EEXIST: two rules take the same; -ENOSPC: too many overlap; -ENOMEM.
 */
int32_t mcr_plan_make(struct mcr_plan *plan, const struct mcr_rule *rules, uint32_t rule_count,
		      const struct mcr_source *sources);

void mcr_plan_free(struct mcr_plan *plan);

#endif
