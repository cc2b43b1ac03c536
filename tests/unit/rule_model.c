/* rule_model.c - see rule_model.h. */
#include "rule_model.h"

#include <string.h>
#include <unistd.h>

#include "check.h"

struct mcr_rule rule_model_rule(uint32_t group, uint32_t group_bits, uint32_t port_first, uint32_t port_last)
{
	struct mcr_rule rule = { .group_bits = group_bits,
				 .protocol = MCR_PROTOCOL_UDP,
				 .port_first = port_first,
				 .port_last = port_last };

	model_address(rule.group, group);
	return rule;
}

struct mcr_source rule_model_source(uint32_t ipv4, uint32_t bits)
{
	struct mcr_source source = { .bits = bits };

	model_address(source.address, ipv4);
	return source;
}

int32_t rule_model_compile(const struct rule_set *set)
{
	const struct mcr_rules counts = { .rule_count = set->rule_count, .source_count = set->source_count };

	return mcr_table_compile(1, &counts, set->rules, NULL, set->sources, NULL);
}

const struct mcr_table *rule_model_map(const struct rule_set *set)
{
	const struct mcr_table *table = NULL;
	const int32_t fd = rule_model_compile(set);

	if (CHECK(fd >= 0))
		CHECK(mcr_table_map(fd, &table) == 0);
	close(fd);
	return table;
}

int rule_model_find_in(const struct mcr_table *table, uint32_t input, const struct mcr_flow *flow)
{
	enum mcr_drop reason = MCR_DROP_COUNT;
	const struct mcr_route *route = mcr_route_find(table, input, flow, &reason);

	return route ? (int)route->stats : -(int)reason;
}

/* ---- who takes it ---- */

bool rule_model_is_in_prefix(const uint8_t *address, const uint8_t *prefix, uint32_t bits)
{
	for (uint32_t i = 0; i < bits; i++) {
		if ((address[i / 8] ^ prefix[i / 8]) >> (7 - i % 8) & 1)
			return false;
	}
	return true;
}

/* Bits of the longest entry that has the source, or -1. */
static int longest_in(const struct rule_set *set, uint32_t first, uint32_t count, const uint8_t *source)
{
	int longest = -1;

	for (uint32_t i = first; i < first + count; i++) {
		if (rule_model_is_in_prefix(source, set->sources[i].address, set->sources[i].bits) &&
		    (int)set->sources[i].bits > longest)
			longest = (int)set->sources[i].bits;
	}
	return longest;
}

/* How good a match is, to be compared from the front; the first number is -1 when it is none. */
struct match {
	int group_bits;
	int narrowness, lowness;
	int source_bits;
};

static bool is_better(struct match a, struct match b)
{
	if (a.group_bits != b.group_bits)
		return a.group_bits > b.group_bits;
	if (a.narrowness != b.narrowness)
		return a.narrowness > b.narrowness;
	if (a.lowness != b.lowness)
		return a.lowness > b.lowness;
	return a.source_bits > b.source_bits;
}

int rule_model_find(const struct rule_set *set, uint32_t input, const struct mcr_flow *flow)
{
	struct match best = { .group_bits = -1 };
	int found = -MCR_DROP_NO_RULE;

	for (uint32_t i = 0; i < set->rule_count; i++) {
		const struct mcr_rule *rule = &set->rules[i];
		struct match match = { (int)rule->group_bits, (int)rule->port_first - (int)rule->port_last,
				       -(int)rule->port_first, 0 };

		if (rule->input != input || rule->protocol != flow->protocol || flow->port < rule->port_first ||
		    flow->port > rule->port_last ||
		    !rule_model_is_in_prefix(flow->group, rule->group, rule->group_bits))
			continue;
		if (found == -MCR_DROP_NO_RULE)
			found = -MCR_DROP_SOURCE;
		if (rule->source_count)
			match.source_bits = longest_in(set, rule->source_first, rule->source_count, flow->source);
		if (match.source_bits < 0 ||
		    longest_in(set, rule->excluded_first, rule->excluded_count, flow->source) >= 0)
			continue;
		if (is_better(match, best)) {
			best = match;
			found = (int)rule->stats;
		}
	}
	return found;
}

/* ---- sets at random ---- */

/* Groups and sources of both families, near each other; the IPv6 ones differ in several words. */
static void random_address(uint8_t *address, uint32_t version, uint32_t ipv4, struct model_random *random)
{
	if (version == 4) {
		model_address(address, ipv4 + model_random_below(random, ipv4 >> 28 == 14 ? 10 : 34));
		return;
	}
	memset(address, 0, 16);
	address[0] = ipv4 >> 28 == 14 ? 0xff : 0x20;
	address[1] = ipv4 >> 28 == 14 ? 0x0e : 0;
	address[5] = (uint8_t)model_random_below(random, 3);
	address[11] = (uint8_t)model_random_below(random, 2);
	address[15] = (uint8_t)model_random_below(random, 5);
}

/* Cuts an address to a prefix, mostly a long one. Return: its bits. */
static uint32_t random_prefix(uint8_t *address, uint32_t version, struct model_random *random)
{
	uint32_t bits = 128;

	if (model_random_below(random, 2))
		bits -= model_random_below(random, 5);
	if (version == 6 && model_random_below(random, 4) == 0)
		bits = 30 + model_random_below(random, 70);
	for (uint32_t i = bits; i < 128; i++)
		address[i / 8] &= (uint8_t)~(0x80u >> i % 8);
	return bits;
}

static void add_sources(struct rule_set *set, uint32_t version, uint32_t *first, uint32_t *count,
			struct model_random *random)
{
	*first = set->source_count;
	*count = model_random_below(random, 2) ? model_random_below(random, 4) : 0;
	for (uint32_t i = 0; i < *count; i++) {
		struct mcr_source *source = &set->sources[set->source_count++];

		*source = (struct mcr_source){ 0 };
		random_address(source->address, version, 0x0a000000u, random);
		source->bits = random_prefix(source->address, version, random);
	}
}

static struct mcr_rule random_rule(struct rule_set *set, struct model_random *random)
{
	const uint32_t version = model_random_below(random, 3) ? 4 : 6;
	const uint32_t first = model_random_below(random, 3) ? 1 + model_random_below(random, 40) : 65500;
	struct mcr_rule rule = rule_model_rule(0, 128, first, first);

	random_address(rule.group, version, 0xef000000u, random);
	rule.group_bits = random_prefix(rule.group, version, random);
	if (model_random_below(random, 2))
		rule.port_last += model_random_below(random, 36);
	if (model_random_below(random, 12) == 0) {
		rule.port_first = 0;
		rule.port_last = 65535;
	}
	rule.input = model_random_below(random, 2);
	if (model_random_below(random, 5) == 0) {
		rule.protocol = MCR_PROTOCOL_ESP;
		rule.port_first = rule.port_last = 0;
	}
	add_sources(set, version, &rule.source_first, &rule.source_count, random);
	add_sources(set, version, &rule.excluded_first, &rule.excluded_count, random);
	return rule;
}

static bool is_same_place(const struct mcr_rule *a, const struct mcr_rule *b)
{
	return a->input == b->input && a->protocol == b->protocol && a->group_bits == b->group_bits &&
	       memcmp(a->group, b->group, 16) == 0 && a->port_first == b->port_first && a->port_last == b->port_last;
}

static bool have_common_source(const struct rule_set *set, const struct mcr_rule *a, const struct mcr_rule *b)
{
	for (uint32_t i = 0; i < a->source_count; i++) {
		for (uint32_t j = 0; j < b->source_count; j++) {
			if (memcmp(&set->sources[a->source_first + i], &set->sources[b->source_first + j],
				   sizeof(struct mcr_source)) == 0)
				return true;
		}
	}
	return a->source_count == 0 && b->source_count == 0;
}

/* Adds a rule that stands in the way of none. */
static void add_random_rule(struct rule_set *set, struct model_random *random)
{
	const uint32_t source_count = set->source_count;
	struct mcr_rule rule = random_rule(set, random);

	rule.stats = set->rule_count;
	for (uint32_t i = 0; i < set->rule_count; i++) {
		if (is_same_place(&set->rules[i], &rule) && have_common_source(set, &set->rules[i], &rule)) {
			set->source_count = source_count;
			return;
		}
	}
	set->rules[set->rule_count++] = rule;
}

void rule_model_make(struct rule_set *set, struct model_random *random, uint32_t wanted)
{
	set->rule_count = set->source_count = 0;
	for (uint32_t i = 0; i < wanted; i++)
		add_random_rule(set, random);
}

struct mcr_flow rule_model_flow(struct model_random *random)
{
	const uint32_t version = model_random_below(random, 3) ? 4 : 6;
	struct mcr_flow flow = { .protocol = MCR_PROTOCOL_UDP, .port = 1 + model_random_below(random, 80) };

	random_address(flow.group, version, 0xef000000u, random);
	random_address(flow.source, version, 0x0a000000u, random);
	if (model_random_below(random, 4) == 0)
		flow.port = 65490 + model_random_below(random, 46);
	if (model_random_below(random, 5) == 0) {
		flow.protocol = MCR_PROTOCOL_ESP;
		flow.port = 0;
	}
	return flow;
}
