/* Which of several rules takes a datagram (prefixes, ranges of ports, sources, ESP), as a model that asks them all. */
#include "check.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "mcr.h"
#include "model.h"
#include "route.h"
#include "rule_model.h"

#define ROUNDS 300u
#define LOOKUPS 2000u

static void unmap(const struct mcr_table *table)
{
	munmap((void *)(uintptr_t)table, table->bytes);
}

static struct mcr_flow make_flow(uint32_t group, uint32_t port, uint32_t source)
{
	struct mcr_flow flow = { .protocol = MCR_PROTOCOL_UDP, .port = port };

	model_address(flow.group, group);
	model_address(flow.source, source);
	return flow;
}

static int find_ipv4(const struct mcr_table *table, uint32_t group, uint32_t port, uint32_t source)
{
	const struct mcr_flow flow = make_flow(group, port, source);

	return rule_model_find_in(table, 0, &flow);
}

static void lookups_agree_with_asking_every_rule(void)
{
	struct model_random random = model_random_from(0x3a7c4ull);
	struct rule_set *set = malloc(sizeof(*set));
	uint32_t taken = 0, refused = 0;

	for (uint32_t round = 0; round < ROUNDS; round++) {
		const struct mcr_table *table;

		rule_model_make(set, &random, 1 + model_random_below(&random, round % 3 ? 12 : 60));
		table = rule_model_map(set);
		for (uint32_t i = 0; table && i < LOOKUPS; i++) {
			const struct mcr_flow flow = rule_model_flow(&random);
			const uint32_t input = model_random_below(&random, 2);
			const int found = rule_model_find_in(table, input, &flow);

			taken += found >= 0;
			refused += found == -MCR_DROP_SOURCE;
			if (!CHECK(found == rule_model_find(set, input, &flow))) {
				model_random_failed(&random);
				round = ROUNDS;
				break;
			}
		}
		if (table)
			unmap(table);
	}
	CHECK(taken > ROUNDS * LOOKUPS / 20 && refused > ROUNDS * LOOKUPS / 200);
	free(set);
}

static void exact_beats_range_and_longest_prefix_comes_first(void)
{
	struct rule_set set = { .rule_count = 5 };
	const struct mcr_table *table;

	set.rules[0] = rule_model_rule(0xef010000, 112, 0, 65535);
	set.rules[1] = rule_model_rule(0xef010100, 120, 0, 65535);
	set.rules[2] = rule_model_rule(0xef010102, 128, 5000, 5009);
	set.rules[3] = rule_model_rule(0xef010102, 128, 5003, 5003);
	set.rules[4] = rule_model_rule(0xef010100, 120, 5003, 5003);
	for (uint32_t i = 0; i < set.rule_count; i++)
		set.rules[i].stats = i;
	table = rule_model_map(&set);
	if (!table)
		return;
	CHECK(find_ipv4(table, 0xef010203, 5003, 1) == 0);
	CHECK(find_ipv4(table, 0xef010103, 5004, 1) == 1);
	CHECK(find_ipv4(table, 0xef010102, 5000, 1) == 2 && find_ipv4(table, 0xef010102, 5009, 1) == 2);
	CHECK(find_ipv4(table, 0xef010102, 5010, 1) == 1);
	CHECK(find_ipv4(table, 0xef010102, 5003, 1) == 3);
	CHECK(find_ipv4(table, 0xef010103, 5003, 1) == 4);
	CHECK(find_ipv4(table, 0xef020000, 5003, 1) == -MCR_DROP_NO_RULE);
	unmap(table);
}

/* As 239.1.0.0/16 has: one key of the table, and so one lookup as for a single group. */
static void range_of_65536_groups_is_one_bucket(void)
{
	struct rule_set set = { .rule_count = 1, .rules = { rule_model_rule(0xef010000, 112, 5000, 5000) } };
	const struct mcr_table *table = rule_model_map(&set);
	uint32_t taken = 0;

	if (!table)
		return;
	CHECK(table->counts[MCR_SECTION_SHAPES] == 1 && table->counts[MCR_SECTION_BUCKETS] == 16);
	for (uint32_t group = 0; group < 65536; group++)
		taken += find_ipv4(table, 0xef010000 + group, 5000, 1) == 0;
	CHECK(taken == 65536);
	unmap(table);
	/* The most unhandy ports. */
	set.rules[0] = rule_model_rule(0xef010000, 112, 1, 65534);
	table = rule_model_map(&set);
	if (!table)
		return;
	CHECK(table->counts[MCR_SECTION_SHAPES] == 15 && table->counts[MCR_SECTION_BUCKETS] == 64);
	CHECK(find_ipv4(table, 0xef010000, 1, 1) == 0 && find_ipv4(table, 0xef010000, 65534, 1) == 0);
	CHECK(find_ipv4(table, 0xef010000, 65535, 1) == -MCR_DROP_NO_RULE);
	unmap(table);
}

static void ipv6_groups_have_prefixes_too(void)
{
	struct rule_set set = { .rule_count = 3 };
	struct mcr_flow flow = { .protocol = MCR_PROTOCOL_UDP, .port = 5000, .group = { 0xff, 0x3e, [15] = 1 } };
	const struct mcr_table *table;

	set.rules[0] = rule_model_rule(0xef010101, 128, 5000, 5000);
	for (uint32_t i = 1; i < 3; i++) {
		set.rules[i] = set.rules[0];
		memset(set.rules[i].group, 0, 16);
		set.rules[i].stats = i;
	}
	memcpy(set.rules[1].group, flow.group, 16);
	set.rules[2].group[0] = 0xff;
	set.rules[2].group_bits = 8;
	table = rule_model_map(&set);
	if (!table)
		return;
	CHECK(rule_model_find_in(table, 0, &flow) == 1);
	flow.group[8] = 1;
	CHECK(rule_model_find_in(table, 0, &flow) == 2);
	flow.group[0] = 0xfe;
	CHECK(rule_model_find_in(table, 0, &flow) == -MCR_DROP_NO_RULE);
	unmap(table);
}

static int32_t compile_twice(uint32_t first, uint32_t second, uint32_t source_bits, uint32_t other_bits)
{
	struct rule_set set = { .rule_count = 2, .source_count = 2 };
	int32_t fd;

	for (uint32_t i = 0; i < 2; i++) {
		set.rules[i] = rule_model_rule(0xef010101, 128, 5000, 5003);
		set.rules[i].source_first = i;
		set.rules[i].source_count = i ? second : first;
		set.sources[i] = rule_model_source(0x0a000000, i ? other_bits : source_bits);
	}
	fd = rule_model_compile(&set);
	if (fd >= 0)
		close(fd);
	return fd < 0 ? fd : 0;
}

static void same_source_twice_is_refused(void)
{
	CHECK(compile_twice(0, 0, 128, 128) == -EEXIST);
	CHECK(strstr(mcr_error(), "rule 1: rule 0 has the same key and sources") != NULL);
	CHECK(compile_twice(1, 1, 128, 128) == -EEXIST);
	CHECK(compile_twice(1, 0, 128, 128) == 0);
	CHECK(compile_twice(0, 1, 128, 128) == 0);
	CHECK(compile_twice(1, 1, 128, 120) == 0);
}

static void what_is_no_rule_is_refused(void)
{
	const struct mcr_rule sound = rule_model_rule(0xef010100, 120, 5000, 5000);
	struct rule_set set = { .rule_count = 1, .source_count = 1, .sources = { rule_model_source(0x0a000000, 104) } };

#define REFUSES(change)                                                \
	do {                                                           \
		set.rules[0] = sound;                                  \
		change;                                                \
		CHECK(rule_model_compile(&set) == -EINVAL);            \
	} while (0)
	REFUSES(set.rules[0].group_bits = 119);
	REFUSES(set.rules[0].group_bits = 129);
	REFUSES(set.rules[0].group[15] = 1);
	REFUSES(memset(set.rules[0].group, 0, 16); set.rules[0].group_bits = 0);
	REFUSES(set.rules[0].protocol = 6);
	REFUSES(set.rules[0].protocol = MCR_PROTOCOL_ESP);
	REFUSES(set.rules[0].port_first = 5001);
	REFUSES(set.rules[0].port_last = 65536);
	REFUSES(set.rules[0].port_first = set.rules[0].port_last = 0);
	REFUSES(set.rules[0].source_count = 2);
	REFUSES(set.rules[0].source_first = 1; set.rules[0].source_count = 1);
	REFUSES(set.rules[0].excluded_first = UINT32_MAX; set.rules[0].excluded_count = 2);
	REFUSES(set.sources[0].bits = 103; set.sources[0].address[12] = 11);
	REFUSES(set.sources[0].bits = 129);
#undef REFUSES
}

/* All the source lists together have a limit, also where rules share the entries. */
static void too_many_sources_are_refused(void)
{
	const uint32_t rule_count = MCR_SOURCES_MAX / MCR_RULE_SOURCES_MAX + 1;
	struct mcr_rule *rules = calloc(rule_count, sizeof(*rules));
	struct mcr_source sources[MCR_RULE_SOURCES_MAX];
	struct mcr_rules counts = { .rule_count = rule_count, .source_count = MCR_RULE_SOURCES_MAX };
	int32_t fd;

	for (uint32_t i = 0; i < MCR_RULE_SOURCES_MAX; i++)
		sources[i] = rule_model_source(i, 128);
	for (uint32_t i = 0; i < rule_count; i++) {
		rules[i] = rule_model_rule(0xef000000u + i, 128, 1, 65535);
		rules[i].source_count = MCR_RULE_SOURCES_MAX;
	}
	CHECK(mcr_table_compile(1, &counts, rules, NULL, sources, NULL) == -EINVAL);
	counts.rule_count--;
	fd = mcr_table_compile(1, &counts, rules, NULL, sources, NULL);
	CHECK(fd >= 0);
	close(fd);
	free(rules);
}

/* What overlaps most: each range of ports lies in the one before it, and only sources pass through. */
static void deep_nesting_is_compiled_or_refused(void)
{
	const uint32_t rule_count = 8000;
	struct mcr_rule *rules = calloc(rule_count, sizeof(*rules));
	const struct mcr_source source = rule_model_source(0x0a000001, 128);
	struct mcr_rules counts = { .rule_count = rule_count, .source_count = 1 };
	int32_t fd;

	for (uint32_t i = 0; i < rule_count; i++)
		rules[i] = rule_model_rule(0xef010101, 128, 1 + i, 65535 - i);
	fd = mcr_table_compile(1, &counts, rules, NULL, &source, NULL);
	CHECK(fd >= 0);
	close(fd);
	for (uint32_t i = 0; i < rule_count; i++)
		rules[i].source_count = 1;
	CHECK(mcr_table_compile(1, &counts, rules, NULL, &source, NULL) == -ENOSPC);
	counts.rule_count = 1000;
	fd = mcr_table_compile(1, &counts, rules, NULL, &source, NULL);
	CHECK(fd >= 0);
	close(fd);
	free(rules);
}

static void own_senders_are_known(void)
{
	static struct mcr_sender senders[1000];
	struct mcr_rules counts = { .sender_count = 1000 };
	const struct mcr_table *table = NULL;
	struct mcr_flow flow;
	int32_t fd;

	for (uint32_t i = 0; i < 1000; i++) {
		/* Every address twice with ports of its own, one in ten with any. */
		model_address(senders[i].address, 0x0a000000u + i / 2);
		senders[i].port = i % 10 ? 30000 + i : 0;
	}
	fd = mcr_table_compile(1, &counts, NULL, NULL, NULL, senders);
	if (!CHECK(fd >= 0) || !CHECK(mcr_table_map(fd, &table) == 0))
		return;
	for (uint32_t i = 0; i < 1000; i++) {
		const bool has_any = i % 10 == 0 || i % 10 == 1;

		flow = make_flow(0xef010101, 5000, 0x0a000000u + i / 2);
		flow.source_port = 30000 + i;
		CHECK(mcr_table_has_sender(table, &flow));
		flow.source_port = 29999;
		CHECK(mcr_table_has_sender(table, &flow) == has_any);
		flow = make_flow(0xef010101, 5000, 0x0b000000u + i / 2);
		flow.source_port = 30000 + i;
		CHECK(!mcr_table_has_sender(table, &flow));
	}
	unmap(table);
	close(fd);
	senders[999].port = 65536;
	CHECK(mcr_table_compile(1, &counts, NULL, NULL, NULL, senders) == -EINVAL);
	counts.sender_count = 0;
	fd = mcr_table_compile(1, &counts, NULL, NULL, NULL, NULL);
	if (!CHECK(fd >= 0) || !CHECK(mcr_table_map(fd, &table) == 0))
		return;
	CHECK(!mcr_table_has_sender(table, &flow));
	unmap(table);
	close(fd);
}

void mcr_route_match_tests(void)
{
	RUN(lookups_agree_with_asking_every_rule);
	RUN(exact_beats_range_and_longest_prefix_comes_first);
	RUN(range_of_65536_groups_is_one_bucket);
	RUN(ipv6_groups_have_prefixes_too);
	RUN(same_source_twice_is_refused);
	RUN(what_is_no_rule_is_refused);
	RUN(too_many_sources_are_refused);
	RUN(deep_nesting_is_compiled_or_refused);
	RUN(own_senders_are_known);
}
