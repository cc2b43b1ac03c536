/*
 * filter.h - compiles rules to a classic BPF program, so that what no rule wants never reaches the ring. Pure: knows
 * no sockets.
 */
#ifndef MCR_FILTER_H
#define MCR_FILTER_H

#include "mcr.h"

#include <linux/filter.h>

/* What the kernel takes (BPF_MAXINSNS). */
#define MCR_FILTER_INSTRUCTIONS_MAX 4096u

struct mcr_filter {
	uint32_t count;
	struct sock_filter instructions[MCR_FILTER_INSTRUCTIONS_MAX];
};

/**
 * mcr_filter_compile - make the program that lets the IPv4 datagrams of an input's rules through whole.
 *
 * A balanced tree of comparisons over the groups, and one over the ports of each.
 *
 * Return: 1; 0 when the program would be too long: then nothing usable is in @filter; -ENOMEM.
 */
int32_t mcr_filter_compile(struct mcr_filter *filter, uint32_t input, const struct mcr_rule *rules,
			   uint32_t rule_count);

/* Makes the wide program: all UDP to addresses from the lowest to the highest group of the input's rules. */
void mcr_filter_compile_wide(struct mcr_filter *filter, uint32_t input, const struct mcr_rule *rules,
			     uint32_t rule_count);

#endif
