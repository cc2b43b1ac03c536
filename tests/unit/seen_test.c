/* Counts of what headers said, against plain truth. */
#include "check.h"

#include <stdlib.h>
#include <string.h>

#include "seen.h"

static struct mcr_seen_headers headers_of(const char *source, uint16_t port, uint8_t ttl, uint8_t tos)
{
	struct mcr_seen_headers headers = { .source_port = port, .ttl = ttl, .tos = tos };

	CHECK(mcr_parse_address(source, &headers.source) == 0);
	return headers;
}

static void seen_counts_each_field_apart(void)
{
	const struct mcr_seen_headers a = headers_of("10.0.0.1", 5000, 1, 0xb9);
	const struct mcr_seen_headers b = headers_of("10.0.0.2", 5000, 255, 0xb9);
	struct mcr_seen_headers c = headers_of("fd00::1", 65535, 1, 0);
	struct mcr_seen *seen = calloc(1, sizeof(*seen));

	if (!CHECK(seen))
		return;
	mcr_seen_add(seen, &a, 5);
	mcr_seen_add(seen, &b, 2);
	mcr_seen_add(seen, &a, 1);
	mcr_seen_add(seen, &c, 3);
	c.spi = UINT32_MAX;
	c.source_port = 0;
	mcr_seen_add(seen, &c, 4);
	CHECK(seen->ttl[1] == 13 && seen->ttl[255] == 2);
	CHECK(seen->tos[0xb9] == 8 && seen->tos[0] == 7);
	CHECK(seen->source_port[5000] == 8 && seen->source_port[65535] == 3 && seen->source_port[0] == 0);
	CHECK(seen->source.key_count == 3);
	CHECK(seen->source.keys[0].count == 6 && seen->source.keys[0].low == UINT64_C(0xffff0a000001));
	CHECK(seen->source.keys[1].count == 2 && seen->source.keys[2].count == 7);
	CHECK(seen->source.keys[2].high == UINT64_C(0xfd00000000000000) && seen->source.keys[2].low == 1);
	CHECK(seen->spi.key_count == 1 && seen->spi.keys[0].low == UINT32_MAX && seen->spi.keys[0].count == 4);
	free(seen);
}

static void seen_set_counts_more_keys_than_it_holds_together(void)
{
	struct mcr_seen_set *set = calloc(1, sizeof(*set));
	uint64_t sum = 0;

	if (!CHECK(set))
		return;
	for (uint64_t round = 1; round <= 3; round++) {
		for (uint64_t i = 0; i < MCR_SEEN_KEYS_MAX + 100; i++)
			mcr_seen_set_add(set, i % 7, i, round);
	}
	CHECK(set->key_count == MCR_SEEN_KEYS_MAX);
	CHECK(set->others == 600);
	for (uint32_t i = 0; i < set->key_count; i++) {
		CHECK(set->keys[i].low == i && set->keys[i].high == i % 7);
		sum += set->keys[i].count;
	}
	CHECK(sum == UINT64_C(6) * MCR_SEEN_KEYS_MAX);
	free(set);
}

void mcr_seen_tests(void)
{
	RUN(seen_counts_each_field_apart);
	RUN(seen_set_counts_more_keys_than_it_holds_together);
}
