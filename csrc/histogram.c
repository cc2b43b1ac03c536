/* A log-linear histogram; see histogram.h. */
#include "histogram.h"

#include <assert.h>

static uint32_t bucket_of(uint64_t value)
{
	uint32_t power;

	if (value < 2 * MCR_HISTOGRAM_SUB)
		return (uint32_t)value;
	if (value >> MCR_HISTOGRAM_BITS_MAX)
		return MCR_HISTOGRAM_BUCKETS - 1;
	power = 63u - (uint32_t)__builtin_clzll(value);
	return (power - MCR_HISTOGRAM_SUB_BITS) * MCR_HISTOGRAM_SUB +
	       (uint32_t)(value >> (power - MCR_HISTOGRAM_SUB_BITS));
}

static uint64_t middle_of(uint32_t bucket)
{
	uint32_t shift;
	uint64_t low;

	if (bucket < 2 * MCR_HISTOGRAM_SUB)
		return bucket;
	shift = bucket / MCR_HISTOGRAM_SUB - 1;
	low = (uint64_t)(bucket % MCR_HISTOGRAM_SUB + MCR_HISTOGRAM_SUB) << shift;
	return low + (UINT64_C(1) << shift) / 2;
}

void mcr_histogram_add(struct mcr_histogram *histogram, uint64_t value)
{
	histogram->buckets[bucket_of(value)]++;
	histogram->count++;
	if (value > histogram->max)
		histogram->max = value;
}

void mcr_histogram_merge(struct mcr_histogram *into, const struct mcr_histogram *from)
{
	if (from->count == 0)
		return;
	for (uint32_t i = 0; i < MCR_HISTOGRAM_BUCKETS; i++)
		into->buckets[i] += from->buckets[i];
	into->count += from->count;
	if (from->max > into->max)
		into->max = from->max;
}

uint64_t mcr_histogram_quantile(const struct mcr_histogram *histogram, uint32_t per_mille)
{
	uint64_t rank, seen = 0;

	assert(per_mille <= 1000);
	if (histogram->count == 0)
		return 0;
	if (per_mille == 1000)
		return histogram->max;
	/* Split so that no count, however large, overflows the product. */
	rank = histogram->count / 1000 * per_mille +
	       (histogram->count % 1000 * per_mille + 999) / 1000;
	if (rank == 0)
		rank = 1;
	for (uint32_t i = 0; i < MCR_HISTOGRAM_BUCKETS; i++) {
		seen += histogram->buckets[i];
		if (seen >= rank) {
			const uint64_t middle = middle_of(i);

			return middle < histogram->max ? middle : histogram->max;
		}
	}
	return histogram->max;
}
