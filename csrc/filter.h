/*
 * filter.h - compiles rules to a classic BPF program, so that what no rule wants never reaches the ring. Pure: knows
 * no sockets.
 *
 *     in no VLAN? -- IPv4 or IPv6? -- malformed? --------------------------> tree of groups alone
 *                                 \- fragment? extension headers? -------> the same
 *                                 \- UDP? --> tree of groups -> tree of ports -> tree of sources
 *                                 \- ESP? --> tree of groups -----------------> tree of sources
 *
 * Each tree is a balanced one of comparisons, word by word of the address.
 */
#ifndef MCR_FILTER_H
#define MCR_FILTER_H

#include "mcr.h"

#include <linux/filter.h>

/* What the kernel takes (BPF_MAXINSNS). */
#define MCR_FILTER_INSTRUCTIONS_MAX 4096u
/* Of a device whose packets have headers before the network header that nobody can tell the length of beforehand. */
#define MCR_LINK_UNKNOWN UINT32_MAX
/* Groups of malformed packets, fragments and extension headers: beyond, groups between them are let through too. */
#define MCR_FILTER_ODD_GROUPS_MAX 64u
/* Of which a wide program has room: each costs five instructions or more. */
#define MCR_FILTER_WIDE_GROUPS_MAX 800u

struct mcr_filter {
	uint32_t count;
	struct sock_filter instructions[MCR_FILTER_INSTRUCTIONS_MAX];
};

/* What is to be let through. */
struct mcr_filter_wish {
	const struct mcr_rule *rules;
	uint32_t rule_count;
	uint32_t input; /* rules of other inputs are passed over */
	/*
	 * For a packet socket: what is malformed but shows the group of a rule passes too, to be counted, as do
	 * fragments, for the worker to put together, and what has extension headers, for it to look behind; sources do
	 * not count. Else exactly what the rules take.
	 */
	uint32_t has_odd;
	uint32_t link_bytes; /* before the network header, or MCR_LINK_UNKNOWN: a frame that is cut shows it by that */
	const struct mcr_source *sources; /* unless has_odd */
	uint32_t source_count;
};

/**
 * mcr_filter_compile - make the program that returns UINT32_MAX for what a wish lets through, else 0.
 *
 * Return: 1; 0 when the program would be too long: then nothing usable is in @filter; -EINVAL: a prefix of more than
 * 128 bits, a source list outside of @wish->sources; -ENOMEM.
 */
int32_t mcr_filter_compile(struct mcr_filter *filter, const struct mcr_filter_wish *wish);

/**
 * mcr_filter_compile_wide - the same for all ports, and for more groups than the wish has: for at most @groups_max
 * stretches of groups, with the narrowest gaps between them closed; for fewer, until it fits.
 *
 * Return: 1; -EINVAL; -ENOMEM.
 */
int32_t mcr_filter_compile_wide(struct mcr_filter *filter, const struct mcr_filter_wish *wish, uint32_t groups_max);

#endif
