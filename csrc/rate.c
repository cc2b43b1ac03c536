/* rate.c - see rate.h. */
#include "rate.h"

#define BURST_US 100000u
#define MICRO 1000000u
/* Beyond what any interface carries, and times BURST_US still far below 2^64. */
#define RATE_MAX 10000000000000ull

static uint64_t fill(uint64_t credit, uint64_t rate, uint64_t elapsed_us, uint64_t least)
{
	const uint64_t whole = rate < RATE_MAX ? rate : RATE_MAX;
	const uint64_t burst = whole * BURST_US > least * MICRO ? whole * BURST_US : least * MICRO;

	if (whole == 0 || elapsed_us > burst / whole)
		return burst;
	return credit + elapsed_us * whole < burst ? credit + elapsed_us * whole : burst;
}

int mcr_rate_has(struct mcr_rate *rate, struct mcr_rate_limit limit, uint64_t time_us, uint32_t datagrams,
		 uint32_t bytes)
{
	const uint64_t elapsed_us = rate->time_us == 0	    ? UINT64_MAX :
				    time_us > rate->time_us ? time_us - rate->time_us :
							      0;

	if (elapsed_us) {
		rate->time_us = time_us;
		rate->datagrams = fill(rate->datagrams, limit.datagrams_max, elapsed_us, MCR_RATE_DATAGRAMS_MIN);
		rate->bits = fill(rate->bits, limit.bits_max, elapsed_us, MCR_RATE_BITS_MIN);
	}
	return (!limit.datagrams_max || rate->datagrams >= (uint64_t)datagrams * MICRO) &&
	       (!limit.bits_max || rate->bits >= (uint64_t)bytes * 8 * MICRO);
}

void mcr_rate_take(struct mcr_rate *rate, struct mcr_rate_limit limit, uint32_t datagrams, uint32_t bytes)
{
	if (limit.datagrams_max)
		rate->datagrams -= (uint64_t)datagrams * MICRO;
	if (limit.bits_max)
		rate->bits -= (uint64_t)bytes * 8 * MICRO;
}
