/*
 * exclusive.h - the program that keeps relayed datagrams from the rest of the host. Pure; installing it is
 * mcr_exclusive_*() of mcr.h.
 */
#ifndef MCR_EXCLUSIVE_H
#define MCR_EXCLUSIVE_H

#include "filter.h"
#include "mcr.h"

/*
 * The kernel lists a filter in one message of at most 32 KiB less its own overhead, and what it cannot list nobody can
 * find again, nor `tc filter show` what else is there: 31 KiB of instructions, 8 bytes each.
 */
#define MCR_EXCLUSIVE_INSTRUCTIONS_MAX (31u * 1024u / 8u)

/* The first instruction loads this and the second 1 or 0, both without effect: how our filters are recognised. */
#define MCR_EXCLUSIVE_MAGIC 0x6d637231u /* "mcr1" */

/**
 * mcr_exclusive_program - drop whole datagrams of an input's rules, pass all else on to the next filter.
 * @is_qdisc_ours: noted in the program, for whoever removes it.
 * @wish: exactly what the rules take (its has_odd is 0).
 *
 * Where not all rules fit, the first ones do. Of one more datagram than these it never drops any: a fragment passes,
 * because only the first carries ports, and without it the others would lie in the kernel's reassembly for 30 s; so
 * does what has extension headers, behind which no filter looks.
 *
 * Return: how many of the input's rules are in the program; -EINVAL: see mcr_filter_compile(); -ENOMEM.
 */
int32_t mcr_exclusive_program(struct mcr_filter *program, uint32_t is_qdisc_ours, const struct mcr_filter_wish *wish);

/* Whether a program is one of ours, by its first two instructions. */
int mcr_exclusive_is_ours(const struct sock_filter *instructions, uint32_t count);
int mcr_exclusive_is_qdisc_ours(const struct sock_filter *instructions, uint32_t count);

#endif
