/* route_plan.c - see route_plan.h. */
#include "route_plan.h"

#include "base.h"
#include "route_hash.h"

#include <errno.h>
#include <stdlib.h>

#define PORTS 65536u
#define NONE UINT32_MAX
/* 64 MiB. Only rules that have sources and whose ports overlap need more than one entry for each of their blocks. */
#define CHAIN_MAX (16u << 20)

/* An entry of a source list, before it has its place. */
struct source_key {
	struct mcr_words address;
	uint32_t bits;
	uint32_t rule;
};

/* All rules of one group prefix with the same ports. */
struct range {
	uint32_t first, last;
	uint32_t rule_first, rule_count; /* in the sorted list */
	uint32_t taker; /* NONE until a chain needs it */
	uint32_t is_open; /* one rule, that takes all sources: it needs no chain */
	uint32_t is_final; /* no source passes it by, so that none behind it is ever asked */
};

/* A port at which a range begins, or the one after its last. */
struct border {
	uint32_t port;
	uint32_t range;
	uint32_t is_end;
};

/* What is needed while a plan is made. */
struct planner {
	struct mcr_plan *plan;
	const struct mcr_rule *rules;
	const struct mcr_source *sources;
	const struct mcr_rule **sorted;
	struct source_key *keys; /* of one list */
	/* Of one group prefix; the most urgent range first. */
	struct range *ranges;
	struct border *borders;
	uint32_t *active; /* ranges that the port at hand lies in */
	uint32_t range_count, active_count;
};

struct mcr_words mcr_prefix_mask(uint32_t bits)
{
	uint8_t mask[16] = { 0 };

	for (uint32_t i = 0; i < 16; i++)
		mask[i] = bits >= (i + 1) * 8 ? 0xff : bits <= i * 8 ? 0 : (uint8_t)(0xff00u >> (bits - i * 8));
	return mcr_words_of(mask);
}

static int32_t fail_memory(uint32_t rule_count)
{
	return mcr_fail(ENOMEM, "Cannot compile %u rules: out of memory", rule_count);
}

/* ---- source lists ---- */

static int key_compare(const void *left, const void *right)
{
	const struct source_key *a = left, *b = right;
	const int order = mcr_words_compare(a->address, b->address);

	if (a->bits != b->bits)
		return a->bits > b->bits ? -1 : 1;
	return order ? order : a->rule < b->rule ? -1 : a->rule > b->rule;
}

static uint32_t add_keys(struct planner *planner, uint32_t at, uint32_t rule, uint32_t first, uint32_t count)
{
	for (uint32_t i = 0; i < count; i++) {
		const struct mcr_source *source = &planner->sources[first + i];

		planner->keys[at + i] = (struct source_key){ mcr_words_of(source->address), source->bits, rule };
	}
	return at + count;
}

/* Turns the keys into levels. Return: 0; -EEXIST when two rules have the same. */
static int32_t make_levels(struct planner *planner, uint32_t key_count, struct mcr_taker *taker)
{
	struct mcr_plan *plan = planner->plan;
	struct mcr_level *level = NULL;
	const struct source_key *last = NULL;

	qsort(planner->keys, key_count, sizeof(*planner->keys), key_compare);
	taker->level_first = plan->level_count;
	for (uint32_t i = 0; i < key_count; i++) {
		const struct source_key *key = &planner->keys[i];

		if (last && last->bits == key->bits && mcr_words_equal(last->address, key->address)) {
			if (last->rule != key->rule)
				return mcr_fail(EEXIST, "Cannot compile rule %u: rule %u has the same key and sources",
						key->rule, last->rule);
			continue;
		}
		if (!last || last->bits != key->bits) {
			level = &plan->levels[plan->level_count++];
			*level = (struct mcr_level){ .mask = mcr_prefix_mask(key->bits),
						     .entry_first = plan->entry_count };
		}
		plan->entries[plan->entry_count++] = (struct mcr_entry){ .address = key->address, .route = key->rule };
		level->entry_count++;
		last = key;
	}
	taker->level_count = plan->level_count - taker->level_first;
	return 0;
}

/* A rule without sources is one that takes all: a prefix of no bits. */
static int32_t make_taker(struct planner *planner, struct range *range)
{
	uint32_t count = 0;

	for (uint32_t i = 0; i < range->rule_count; i++) {
		const struct mcr_rule *rule = planner->sorted[range->rule_first + i];
		const uint32_t index = (uint32_t)(rule - planner->rules);

		if (rule->source_count)
			count = add_keys(planner, count, index, rule->source_first, rule->source_count);
		else
			planner->keys[count++] = (struct source_key){ .rule = index };
	}
	range->taker = planner->plan->taker_count++;
	return make_levels(planner, count, &planner->plan->takers[range->taker]);
}

static int32_t make_excluded(struct planner *planner, uint32_t rule_count)
{
	int32_t error = 0;

	for (uint32_t i = 0; i < rule_count && error == 0; i++) {
		const struct mcr_rule *rule = &planner->rules[i];
		const uint32_t count = add_keys(planner, 0, i, rule->excluded_first, rule->excluded_count);

		error = make_levels(planner, count, &planner->plan->excluded[i]);
	}
	return error;
}

/* ---- ports ---- */

/* The largest power of two that begins at @first and does not reach beyond @last. */
static uint32_t block_size(uint32_t first, uint32_t last)
{
	uint32_t size = first ? first & -first : PORTS;

	while (size > last - first + 1)
		size /= 2;
	return size;
}

static int32_t add_blocks(struct mcr_plan *plan, const struct mcr_block *alike, uint32_t first, uint32_t last)
{
	while (first <= last) {
		const uint32_t size = block_size(first, last);
		struct mcr_block *blocks =
			mcr_grow(plan->blocks, &plan->block_capacity, plan->block_count, sizeof(*blocks));

		if (!blocks)
			return fail_memory(plan->block_count);
		plan->blocks = blocks;
		blocks[plan->block_count] = *alike;
		blocks[plan->block_count].port = first;
		blocks[plan->block_count].port_bits = 16 - (uint32_t)__builtin_ctz(size);
		plan->block_count++;
		first += size;
	}
	return 0;
}

static int32_t add_to_chain(struct planner *planner, struct range *range)
{
	struct mcr_plan *plan = planner->plan;
	uint32_t *chain;
	int32_t error = 0;

	if (plan->chain_count == CHAIN_MAX)
		return mcr_fail(ENOSPC, "Cannot compile the rules: too many with sources overlap in their ports");
	if (range->taker == NONE)
		error = make_taker(planner, range);
	if (error < 0)
		return error;
	chain = mcr_grow(plan->chain, &plan->chain_capacity, plan->chain_count, sizeof(*chain));
	if (!chain)
		return fail_memory(plan->chain_count);
	plan->chain = chain;
	chain[plan->chain_count++] = range->taker;
	return 0;
}

/* The active ranges decide these ports. */
static int32_t add_ports(struct planner *planner, uint32_t first, uint32_t last)
{
	struct mcr_plan *plan = planner->plan;
	const struct range *foremost = &planner->ranges[planner->active[0]];
	struct mcr_block block = { .rule = planner->sorted[foremost->rule_first] };
	int32_t error;

	if (foremost->is_open) {
		block.target = (uint32_t)(block.rule - planner->rules);
		return add_blocks(plan, &block, first, last);
	}
	block.target = plan->chain_count;
	for (uint32_t i = 0; i < planner->active_count; i++) {
		struct range *range = &planner->ranges[planner->active[i]];

		error = add_to_chain(planner, range);
		if (error < 0)
			return error;
		block.chain_count++;
		if (range->is_final)
			break;
	}
	return add_blocks(plan, &block, first, last);
}

static int border_compare(const void *left, const void *right)
{
	const struct border *a = left, *b = right;

	return a->port < b->port ? -1 : a->port > b->port;
}

static void activate(struct planner *planner, uint32_t range)
{
	uint32_t at = planner->active_count++;

	for (; at > 0 && planner->active[at - 1] > range; at--)
		planner->active[at] = planner->active[at - 1];
	planner->active[at] = range;
}

static void deactivate(struct planner *planner, uint32_t range)
{
	uint32_t at = 0;

	while (planner->active[at] != range)
		at++;
	planner->active_count--;
	memmove(planner->active + at, planner->active + at + 1,
		(planner->active_count - at) * sizeof(*planner->active));
}

/* Goes through the ports from border to border. */
static int32_t cut_ranges(struct planner *planner)
{
	const uint32_t border_count = planner->range_count * 2;
	int32_t error = 0;

	for (uint32_t i = 0; i < planner->range_count; i++) {
		planner->borders[2 * i] = (struct border){ planner->ranges[i].first, i, 0 };
		planner->borders[2 * i + 1] = (struct border){ planner->ranges[i].last + 1, i, 1 };
	}
	qsort(planner->borders, border_count, sizeof(*planner->borders), border_compare);
	planner->active_count = 0;
	for (uint32_t i = 0; i < border_count && error == 0; i++) {
		const struct border *border = &planner->borders[i];

		if (border->is_end)
			deactivate(planner, border->range);
		else
			activate(planner, border->range);
		if (planner->active_count > 0 && border[1].port > border->port)
			error = add_ports(planner, border->port, border[1].port - 1);
	}
	return error;
}

/* ---- rules ---- */

static int place_compare(const struct mcr_rule *a, const struct mcr_rule *b)
{
	if (a->input != b->input)
		return a->input < b->input ? -1 : 1;
	if (a->protocol != b->protocol)
		return a->protocol < b->protocol ? -1 : 1;
	if (a->group_bits != b->group_bits)
		return a->group_bits < b->group_bits ? -1 : 1;
	return memcmp(a->group, b->group, sizeof(a->group));
}

/* Among rules of one group prefix, the most urgent first: the narrowest ports, then the lowest. */
static int rule_compare(const void *left, const void *right)
{
	const struct mcr_rule *a = *(const struct mcr_rule *const *)left;
	const struct mcr_rule *b = *(const struct mcr_rule *const *)right;
	const uint32_t width = a->port_last - a->port_first, other_width = b->port_last - b->port_first;
	const int order = place_compare(a, b);

	if (order)
		return order;
	if (width != other_width)
		return width < other_width ? -1 : 1;
	if (a->port_first != b->port_first)
		return a->port_first < b->port_first ? -1 : 1;
	/* They lie in one array. */
	return a < b ? -1 : a > b;
}

/* Takes the rules of one range off the sorted list. */
static int32_t add_range(struct planner *planner, uint32_t rule_first, uint32_t rule_count)
{
	const struct mcr_rule *rule = planner->sorted[rule_first];
	struct range *range = &planner->ranges[planner->range_count++];

	*range = (struct range){ .first = rule->port_first,
				 .last = rule->port_last,
				 .rule_first = rule_first,
				 .rule_count = rule_count,
				 .taker = NONE };
	for (uint32_t i = 0; i < rule_count; i++) {
		rule = planner->sorted[rule_first + i];
		range->is_final |= rule->source_count == 0 && rule->excluded_count == 0;
	}
	range->is_open = range->is_final && rule_count == 1;
	/* At once, so that two rules for the same are found even where others take all that they could. */
	return rule_count > 1 ? make_taker(planner, range) : 0;
}

static int32_t plan_rules(struct planner *planner, uint32_t rule_count)
{
	uint32_t first = 0;
	int32_t error = 0;

	while (first < rule_count && error == 0) {
		const struct mcr_rule *place = planner->sorted[first];

		planner->range_count = 0;
		while (first < rule_count && place_compare(place, planner->sorted[first]) == 0 && error == 0) {
			const struct mcr_rule *rule = planner->sorted[first];
			uint32_t count = 1;

			while (first + count < rule_count &&
			       place_compare(place, planner->sorted[first + count]) == 0 &&
			       planner->sorted[first + count]->port_first == rule->port_first &&
			       planner->sorted[first + count]->port_last == rule->port_last)
				count++;
			error = add_range(planner, first, count);
			first += count;
		}
		if (error == 0)
			error = cut_ranges(planner);
	}
	return error;
}

static int open_planner(struct planner *planner, uint32_t rule_count)
{
	struct mcr_plan *plan = planner->plan;
	uint32_t key_count = rule_count;

	for (uint32_t i = 0; i < rule_count; i++)
		key_count += planner->rules[i].source_count + planner->rules[i].excluded_count;
	plan->takers = calloc(rule_count + 1, sizeof(*plan->takers));
	plan->excluded = calloc(rule_count + 1, sizeof(*plan->excluded));
	plan->levels = calloc(key_count + 1, sizeof(*plan->levels));
	plan->entries = calloc(key_count + 1, sizeof(*plan->entries));
	planner->keys = calloc(key_count + 1, sizeof(*planner->keys));
	planner->sorted = calloc(rule_count + 1, sizeof(*planner->sorted));
	planner->ranges = calloc(rule_count + 1, sizeof(*planner->ranges));
	planner->borders = calloc(rule_count + 1, 2 * sizeof(*planner->borders));
	planner->active = calloc(rule_count + 1, sizeof(*planner->active));
	return plan->takers && plan->excluded && plan->levels && plan->entries && planner->keys && planner->sorted &&
	       planner->ranges && planner->borders && planner->active;
}

int32_t mcr_plan_make(struct mcr_plan *plan, const struct mcr_rule *rules, uint32_t rule_count,
		      const struct mcr_source *sources)
{
	struct planner planner = { .plan = plan, .rules = rules, .sources = sources };
	int32_t error = -ENOMEM;

	*plan = (struct mcr_plan){ 0 };
	if (open_planner(&planner, rule_count)) {
		for (uint32_t i = 0; i < rule_count; i++)
			planner.sorted[i] = &rules[i];
		qsort(planner.sorted, rule_count, sizeof(*planner.sorted), rule_compare);
		error = make_excluded(&planner, rule_count);
		if (error == 0)
			error = plan_rules(&planner, rule_count);
	} else {
		error = fail_memory(rule_count);
	}
	free(planner.keys);
	free(planner.sorted);
	free(planner.ranges);
	free(planner.borders);
	free(planner.active);
	if (error < 0)
		mcr_plan_free(plan);
	return error;
}

void mcr_plan_free(struct mcr_plan *plan)
{
	free(plan->blocks);
	free(plan->chain);
	free(plan->takers);
	free(plan->levels);
	free(plan->entries);
	free(plan->excluded);
	*plan = (struct mcr_plan){ 0 };
}
