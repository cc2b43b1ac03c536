/*
 * A histogram of times in nanoseconds, log-linear: 32 buckets per power of two, so that a
 * quantile is off by no more than 1/64 (1.6 %) of its value. Fixed in size, merged by addition.
 */
#ifndef MCR_HISTOGRAM_H
#define MCR_HISTOGRAM_H

#include <stdint.h>

#define MCR_HISTOGRAM_BITS_MAX 40u /* 2^40 ns = 18 minutes; what is longer counts as that */
#define MCR_HISTOGRAM_SUB_BITS 5u
#define MCR_HISTOGRAM_SUB (1u << MCR_HISTOGRAM_SUB_BITS)
/* 0 to 63 have a bucket each, then 32 for each power of two from 2^6 to below 2^40. */
#define MCR_HISTOGRAM_BUCKETS \
	(2 * MCR_HISTOGRAM_SUB + \
	 (MCR_HISTOGRAM_BITS_MAX - MCR_HISTOGRAM_SUB_BITS - 1) * MCR_HISTOGRAM_SUB)

/** All zero is an empty one. */
struct mcr_histogram {
	uint64_t count;
	uint64_t max; /* exact */
	uint64_t buckets[MCR_HISTOGRAM_BUCKETS];
};

/** mcr_histogram_add - count one value. A handful of instructions; no memory but its own. */
void mcr_histogram_add(struct mcr_histogram *histogram, uint64_t value);

/** mcr_histogram_merge - add all that @from counted to @into. */
void mcr_histogram_merge(struct mcr_histogram *into, const struct mcr_histogram *from);

/**
 * mcr_histogram_quantile - the value that @per_mille thousandths of all are not above.
 * @per_mille: 0 to 1000; 1000 gives the exact maximum.
 *
 * Return: the middle of its bucket, never above the maximum; 0 when nothing was counted.
 */
uint64_t mcr_histogram_quantile(const struct mcr_histogram *histogram, uint32_t per_mille);

#endif
