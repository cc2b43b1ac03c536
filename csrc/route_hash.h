/* route_hash.h - where a key lies in the route table: known to who fills it and to who looks things up. */
#ifndef MCR_ROUTE_HASH_H
#define MCR_ROUTE_HASH_H

#include "route.h"

#include <stdint.h>
#include <string.h>

#define MCR_TABLE_MAGIC 0x32656c62617472ull /* "rtable2" */

static inline struct mcr_words mcr_words_of(const uint8_t *address)
{
	struct mcr_words words;

	memcpy(&words, address, sizeof(words));
	return words;
}

static inline struct mcr_words mcr_words_and(struct mcr_words words, struct mcr_words mask)
{
	return (struct mcr_words){ words.high & mask.high, words.low & mask.low };
}

static inline int mcr_words_equal(struct mcr_words a, struct mcr_words b)
{
	return ((a.high ^ b.high) | (a.low ^ b.low)) == 0;
}

/* Ascending in whatever order of the bytes: it only has to be the same where entries are sorted and where sought. */
static inline int mcr_words_compare(struct mcr_words a, struct mcr_words b)
{
	if (a.high != b.high)
		return a.high < b.high ? -1 : 1;
	return a.low < b.low ? -1 : a.low > b.low;
}

/*
 * Groups differ in few bits, and those lie in the topmost byte of the word: a multiplication carries bits upwards only,
 * so they are folded down before each (the finalizer of MurmurHash3).
 */
static inline uint32_t mcr_key_hash(struct mcr_words words, uint64_t rest)
{
	uint64_t low = words.low ^ words.high * 0x9e3779b97f4a7c15ull;

	low += rest * 0xc2b2ae3d27d4eb4full;
	low ^= low >> 33;
	low *= 0xff51afd7ed558ccdull;
	low ^= low >> 33;
	low *= 0xc4ceb9fe1a85ec53ull;
	return (uint32_t)(low >> 32);
}

/* What a bucket is for beside its group, as one number. */
static inline uint64_t mcr_bucket_rest(uint32_t input, uint32_t shape, uint32_t port)
{
	return (uint64_t)input << 32 | (uint64_t)shape << 16 | port;
}

#endif
