/* The route table against a list that is searched from the front, and what makes a table refused. */
#include "check.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "mcr.h"
#include "model.h"
#include "route.h"

#define MODEL_RULES 10000u
#define MODEL_LOOKUPS 3000u
#define ALL_SEALS (F_SEAL_WRITE | F_SEAL_GROW | F_SEAL_SHRINK | F_SEAL_SEAL)

static struct mcr_rule make_rule(uint32_t input, uint32_t group, uint32_t port)
{
	struct mcr_rule rule = { .group_bits = 128, .protocol = MCR_PROTOCOL_UDP, .port_first = port, .port_last = port,
				 .input = input };

	model_address(rule.group, group);
	return rule;
}

static int32_t compile(uint64_t generation, const struct mcr_rule *rules, uint32_t rule_count,
		       const struct mcr_output *outputs, uint32_t output_count)
{
	const struct mcr_rules counts = { .rule_count = rule_count, .output_count = output_count };

	return mcr_table_compile(generation, &counts, rules, outputs, NULL, NULL);
}

static bool is_key(const struct mcr_rule *rule, uint32_t input, const uint8_t *group, uint32_t port)
{
	return rule->port_first == port && rule->input == input && memcmp(rule->group, group, 16) == 0;
}

/* Of a datagram that a rule of one port is for. */
static const struct mcr_route *find(const struct mcr_table *table, const struct mcr_rule *key)
{
	struct mcr_flow flow = { .protocol = key->protocol, .port = key->port_first };
	const struct mcr_route *route;
	enum mcr_drop reason = MCR_DROP_COUNT;

	memcpy(flow.group, key->group, sizeof(flow.group));
	route = mcr_route_find(table, key->input, &flow, &reason);
	CHECK(route || reason == MCR_DROP_NO_RULE);
	return route;
}

static const struct mcr_rule *find_slowly(const struct mcr_rule *rules, uint32_t count, const struct mcr_rule *key)
{
	for (uint32_t i = 0; i < count; i++) {
		if (is_key(&rules[i], key->input, key->group, key->port_first))
			return &rules[i];
	}
	return NULL;
}

/* Groups as people number them, dense in the low bits, on a few inputs and ports; each has 0 to 3 outputs. */
static uint32_t make_rules(struct mcr_rule *rules, struct model_random *random)
{
	uint32_t output_count = 0;

	for (uint32_t i = 0; i < MODEL_RULES; i++) {
		rules[i] = make_rule(i % 5, 0xef000000u | i / 50, 5000 + i / 5 % 10);
		rules[i].stats = MODEL_RULES - 1 - i;
		rules[i].output_first = output_count;
		rules[i].output_count = model_random_below(random, 4);
		output_count += rules[i].output_count;
	}
	return output_count;
}

/* Mostly a key that is there or almost: one of its three parts may be a neighbour's. */
static struct mcr_rule make_lookup(const struct mcr_rule *rules, struct model_random *random)
{
	struct mcr_rule key = rules[model_random_below(random, MODEL_RULES)];

	switch (model_random_below(random, 6)) {
	case 0:
		key.input = model_random_below(random, 7);
		break;
	case 1:
		key.port_first = 4995 + model_random_below(random, 20);
		break;
	case 2:
		key.group[model_random_below(random, 16)] ^= (uint8_t)(1u << model_random_below(random, 8));
		break;
	default:
		break;
	}
	return key;
}

static bool routes_are_rules(const struct mcr_table *table, const struct mcr_rule *rules,
			     const struct mcr_output *outputs, struct model_random *random)
{
	uint32_t hits = 0;

	for (uint32_t i = 0; i < MODEL_LOOKUPS; i++) {
		const struct mcr_rule key = make_lookup(rules, random);
		const struct mcr_rule *rule = find_slowly(rules, MODEL_RULES, &key);
		const struct mcr_route *route = find(table, &key);

		if (!CHECK(!rule == !route))
			return false;
		if (!route)
			continue;
		hits++;
		if (!CHECK(route->stats == rule->stats && route->output_count == rule->output_count &&
			   memcmp(mcr_route_outputs(table, route), outputs + rule->output_first,
				  rule->output_count * sizeof(*outputs)) == 0))
			return false;
	}
	return CHECK(hits > MODEL_LOOKUPS / 2 && hits < MODEL_LOOKUPS);
}

static uint32_t flags_slowly(const struct mcr_output *outputs, const struct mcr_rule *rule)
{
	uint32_t flags = 0;

	for (uint32_t i = rule->output_first; i < rule->output_first + rule->output_count; i++)
		flags |= outputs[i].flags;
	return flags;
}

/* Every third output is unicast, from the first. */
static uint32_t requests_slowly(const struct mcr_rule *rule)
{
	uint32_t count = rule->output_count;

	for (uint32_t i = rule->output_first; i < rule->output_first + rule->output_count; i++)
		count += i % 3 == 0;
	return count;
}

static void lookups_agree_with_a_linear_search(void)
{
	struct model_random random = model_random_from(0x7ab1e5ull);
	struct mcr_rule *rules = calloc(MODEL_RULES, sizeof(*rules));
	struct mcr_output *outputs = calloc(MODEL_RULES * 3, sizeof(*outputs));
	const uint32_t output_count = make_rules(rules, &random);
	const struct mcr_table *table;
	int32_t fd;

	for (uint32_t i = 0; i < output_count; i++) {
		outputs[i] = (struct mcr_output){
			.socket = i, .stats = output_count - i, .segment_max = 1472, .flags = 1u << i % 5
		};
		model_address(outputs[i].group, i % 3 ? 0xef000001u : 0x0a000001u);
	}
	fd = compile(77, rules, MODEL_RULES, outputs, output_count);
	if (CHECK(fd >= 0) && CHECK(mcr_table_map(fd, &table) == 0)) {
		CHECK(table->generation == 77 && table->route_requests_max == 4);
		for (uint32_t i = 0; i < MODEL_RULES; i++) {
			const struct mcr_route *route = find(table, &rules[i]);

			CHECK(route && route->stats == rules[i].stats);
			CHECK(route->port_first == rules[i].port_first);
			CHECK(route->varies == flags_slowly(outputs, &rules[i]));
			CHECK(route->request_count == requests_slowly(&rules[i]));
		}
		if (!routes_are_rules(table, rules, outputs, &random))
			model_random_failed(&random);
		munmap((void *)(uintptr_t)table, table->bytes);
	}
	close(fd);
	free(rules);
	free(outputs);
}

/* Taken buckets in a row, at most: what the worst lookup has to go through. */
static uint32_t longest_stretch(const struct mcr_table *table)
{
	const struct mcr_bucket *buckets = mcr_table_section(table, MCR_SECTION_BUCKETS);
	const uint32_t count = table->counts[MCR_SECTION_BUCKETS];
	uint32_t longest = 0, stretch = 0;

	/* Twice round: a stretch may go over the end. */
	for (uint32_t i = 0; i < 2 * count; i++) {
		stretch = buckets[i % count].shape ? stretch + 1 : 0;
		longest = stretch > longest ? stretch : longest;
	}
	return longest;
}

/* As groups are given out: one after the other, in any byte of the address. */
static void neighbouring_groups_do_not_crowd(void)
{
	for (uint32_t shift = 0; shift <= 12; shift += 4) {
		struct mcr_rule *rules = calloc(MODEL_RULES, sizeof(*rules));
		const struct mcr_table *table;
		int32_t fd;

		for (uint32_t i = 0; i < MODEL_RULES; i++) {
			const uint32_t group = htonl(0xe0000000u | i << shift);

			rules[i] = make_rule(0, 0, 5000);
			memcpy(rules[i].group + 12, &group, sizeof(group));
		}
		fd = compile(1, rules, MODEL_RULES, NULL, 0);
		if (CHECK(fd >= 0) && CHECK(mcr_table_map(fd, &table) == 0)) {
			CHECK(longest_stretch(table) < 64);
			munmap((void *)(uintptr_t)table, table->bytes);
		}
		close(fd);
		free(rules);
	}
}

static void empty_table_routes_nothing(void)
{
	const struct mcr_rule key = make_rule(0, 0xef010101, 5000);
	const int32_t fd = compile(1, NULL, 0, NULL, 0);
	const struct mcr_table *table;

	CHECK(find(NULL, &key) == NULL);
	if (!CHECK(fd >= 0) || !CHECK(mcr_table_map(fd, &table) == 0))
		return;
	CHECK(find(table, &key) == NULL);
	/* Empty buckets are all 0, and must not be found as one. */
	CHECK(find(table, &(const struct mcr_rule){ .protocol = MCR_PROTOCOL_UDP }) == NULL);
	munmap((void *)(uintptr_t)table, table->bytes);
	close(fd);
}

static void same_key_twice_is_refused(void)
{
	struct mcr_rule rules[3];

	rules[0] = make_rule(3, 0xef010101, 5000);
	rules[1] = make_rule(4, 0xef010101, 5000);
	rules[2] = make_rule(3, 0xef010101, 5000);
	CHECK(compile(1, rules, 3, NULL, 0) == -EEXIST);
	CHECK(strstr(mcr_error(), "rule 2: rule 0 has the same key") != NULL);
}

static int32_t compile_one(struct mcr_rule rule, uint32_t output_count)
{
	static struct mcr_output outputs[MCR_RULE_OUTPUTS_MAX + 1];
	const int32_t fd = compile(1, &rule, 1, outputs, output_count);

	if (fd >= 0)
		close(fd);
	return fd < 0 ? fd : 0;
}

static void what_is_beyond_a_limit_is_refused(void)
{
	const struct mcr_rule sound = make_rule(MCR_INPUTS_MAX - 1, 0xef010101, 65535);
	struct mcr_rule rule = sound;
	struct mcr_output output = { .socket = MCR_OUTPUTS_MAX };

	rule.stats = MCR_RULES_MAX - 1;
	rule.output_count = MCR_RULE_OUTPUTS_MAX;
	CHECK(compile_one(rule, MCR_RULE_OUTPUTS_MAX) == 0);
	CHECK(compile_one(rule, MCR_RULE_OUTPUTS_MAX - 1) == -EINVAL);
	rule.output_count++;
	CHECK(compile_one(rule, MCR_RULE_OUTPUTS_MAX + 1) == -EINVAL);
	rule = sound;
	rule.output_first = 3;
	CHECK(compile_one(rule, 2) == -EINVAL);
	rule.output_first = 1;
	rule.output_count = UINT32_MAX;
	CHECK(compile_one(rule, 2) == -EINVAL);
	rule = sound;
	rule.port_first = rule.port_last = 0;
	CHECK(compile_one(rule, 0) == -EINVAL);
	rule.port_first = rule.port_last = 65536;
	CHECK(compile_one(rule, 0) == -EINVAL);
	rule = sound;
	rule.input = MCR_INPUTS_MAX;
	CHECK(compile_one(rule, 0) == -EINVAL);
	rule = sound;
	rule.stats = MCR_RULES_MAX;
	CHECK(compile_one(rule, 0) == -EINVAL);
	CHECK(compile(1, &sound, MCR_RULES_MAX + 1, NULL, 0) == -EINVAL);
	CHECK(compile(1, NULL, 0, &output, MCR_OUTPUTS_MAX + 1) == -EINVAL);
	CHECK(compile(1, NULL, 0, &output, 1) == -EINVAL);
	output = (struct mcr_output){ .socket = MCR_NO_SOCKET, .stats = MCR_OUTPUTS_MAX };
	CHECK(compile(1, NULL, 0, &output, 1) == -EINVAL);
}

static int32_t compile_output(struct mcr_output output, uint32_t port_first, uint32_t port_last)
{
	struct mcr_rule rule = make_rule(1, 0xef010101, port_first);
	int32_t fd;

	rule.port_last = port_last;
	rule.output_count = 1;
	output.socket = MCR_NO_SOCKET;
	fd = compile(1, &rule, 1, &output, 1);
	if (fd >= 0)
		close(fd);
	return fd < 0 ? fd : 0;
}

static void output_that_no_datagram_could_leave_by_is_refused(void)
{
	struct mcr_output output = { .group_bits = 128 };

	model_address(output.group, 0xef020202);
	CHECK(compile_output(output, 5000, 5000) == 0);
	output.group_bits = 129;
	CHECK(compile_output(output, 5000, 5000) == -EINVAL);
	output.group_bits = 128;
	output.flags = MCR_OUTPUT_RAW;
	output.header_bytes = 42;
	CHECK(compile_output(output, 5000, 5000) == 0);
	output.header_bytes = 62;
	CHECK(compile_output(output, 5000, 5000) == -EINVAL);
	output.group[0] = 0xff;
	CHECK(compile_output(output, 5000, 5000) == 0);
	output.header_bytes = 63;
	CHECK(compile_output(output, 5000, 5000) == -EINVAL);
	output.flags = MCR_OUTPUT_PORT_MAP;
	output.port = 65435;
	CHECK(compile_output(output, 5000, 5100) == 0);
	CHECK(compile_output(output, 5000, 5101) == -EINVAL);
	output.port = 65536;
	CHECK(compile_output(output, 5000, 5000) == -EINVAL);
	output.port = UINT32_MAX;
	CHECK(compile_output(output, 5000, 5100) == -EINVAL);
	output.port = 0;
	CHECK(compile_output(output, 0, 65535) == 0);
}

static int32_t compile_sound(void)
{
	const struct mcr_rule rule = make_rule(1, 0xef010101, 5000);
	const struct mcr_output output = { .socket = MCR_NO_SOCKET };

	return compile(1, &rule, 1, &output, 1);
}

static void table_cannot_be_changed(void)
{
	const int32_t fd = compile_sound();

	if (!CHECK(fd >= 0))
		return;
	errno = 0;
	CHECK(mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0) == MAP_FAILED && errno == EPERM);
	CHECK(pwrite(fd, "x", 1, 0) < 0 && errno == EPERM);
	CHECK(ftruncate(fd, 0) < 0 && errno == EPERM);
	CHECK(fcntl(fd, F_ADD_SEALS, F_SEAL_FUTURE_WRITE) < 0 && errno == EPERM);
	close(fd);
}

/* A memfd with these bytes and these seals, or a file that knows no seals where @seals is negative. */
static int32_t file_with(const uint8_t *bytes, size_t length, int seals)
{
	char path[] = "/tmp/mcr-unit-XXXXXX";
	int32_t fd;

	if (seals < 0) {
		fd = mkstemp(path);
		unlink(path);
	} else {
		fd = memfd_create("test", MFD_ALLOW_SEALING);
	}
	if (pwrite(fd, bytes, length, 0) != (ssize_t)length || (seals > 0 && fcntl(fd, F_ADD_SEALS, seals) < 0)) {
		close(fd);
		return -1;
	}
	return fd;
}

static int32_t map_bytes(const uint8_t *bytes, size_t length, int seals)
{
	const int32_t fd = file_with(bytes, length, seals);
	const struct mcr_table *table;
	const int32_t error = mcr_table_map(fd, &table);

	if (error == 0)
		munmap((void *)(uintptr_t)table, table->bytes);
	close(fd);
	return error;
}

static void what_is_no_sealed_whole_table_is_refused(void)
{
	uint8_t bytes[4096];
	const int32_t fd = compile_sound();
	const ssize_t length = pread(fd, bytes, sizeof(bytes), 0);

	close(fd);
	if (!CHECK(length > (ssize_t)sizeof(struct mcr_table) && length < (ssize_t)sizeof(bytes)))
		return;
	CHECK(map_bytes(bytes, (size_t)length, ALL_SEALS) == 0);
	CHECK(map_bytes(bytes, (size_t)length, 0) == -EINVAL);
	CHECK(map_bytes(bytes, (size_t)length, -1) == -EINVAL);
	CHECK(map_bytes(bytes, (size_t)length, F_SEAL_WRITE) == -EINVAL);
	CHECK(map_bytes(bytes, (size_t)length - 1, ALL_SEALS) == -EINVAL);
	CHECK(map_bytes(bytes, (size_t)length + 1, ALL_SEALS) == -EINVAL);
	CHECK(map_bytes(bytes, sizeof(struct mcr_table) - 1, ALL_SEALS) == -EINVAL);
	CHECK(map_bytes(bytes, 0, ALL_SEALS) == -EINVAL);
	/* Every bit of what describes the table; the generation is anybody's, the most outputs a hint. */
	for (size_t at = 0; at < offsetof(struct mcr_table, datagrams_max); at++) {
		if ((at >= offsetof(struct mcr_table, generation) && at < offsetof(struct mcr_table, bytes)) ||
		    (at >= offsetof(struct mcr_table, route_requests_max) && at < offsetof(struct mcr_table, offsets)))
			continue;
		for (uint32_t bit = 0; bit < 8; bit++) {
			bytes[at] ^= (uint8_t)(1u << bit);
			CHECK(map_bytes(bytes, (size_t)length, ALL_SEALS) == -EINVAL);
			bytes[at] ^= (uint8_t)(1u << bit);
		}
	}
}

void mcr_route_tests(void)
{
	RUN(lookups_agree_with_a_linear_search);
	RUN(neighbouring_groups_do_not_crowd);
	RUN(empty_table_routes_nothing);
	RUN(same_key_twice_is_refused);
	RUN(what_is_beyond_a_limit_is_refused);
	RUN(output_that_no_datagram_could_leave_by_is_refused);
	RUN(table_cannot_be_changed);
	RUN(what_is_no_sealed_whole_table_is_refused);
}
