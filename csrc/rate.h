/*
 * rate.h - the fuse against storms: how many datagrams and bits a rule, or all rules together, may still relay. Pure:
 * the caller says what time it is.
 *
 * A bucket of credit each for datagrams and bits fills at the rate and holds what that is in 100 ms, but never less
 * than one superframe: it passes as a whole or not at all. An unlimited kind (a maximum of 0) is never short.
 */
#ifndef MCR_RATE_H
#define MCR_RATE_H

#include <stdint.h>

/* The largest superframe: what a sender may hand to the kernel (UDP_MAX_SEGMENTS), and what an IP packet holds. */
#define MCR_RATE_DATAGRAMS_MIN 128u
#define MCR_RATE_BITS_MIN (65536u * 8u)

/* All 0 before the first use: then the buckets are full. Credit is in millionths of a datagram or bit. */
struct mcr_rate {
	uint64_t time_us;
	uint64_t datagrams;
	uint64_t bits;
};

/* What is allowed a second. */
struct mcr_rate_limit {
	uint64_t datagrams_max;
	uint64_t bits_max;
};

/* Fills up until @time_us. Return: whether there is credit for these. */
int mcr_rate_has(struct mcr_rate *rate, struct mcr_rate_limit limit, uint64_t time_us, uint32_t datagrams,
		 uint32_t bytes);

/* Takes the credit that mcr_rate_has() has just found. */
void mcr_rate_take(struct mcr_rate *rate, struct mcr_rate_limit limit, uint32_t datagrams, uint32_t bytes);

#endif
