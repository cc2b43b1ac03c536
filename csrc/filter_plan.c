/* filter_plan.c - see filter_plan.h. */
#include "filter_plan.h"

#include "base.h"

#include <errno.h>
#include <stdlib.h>

/* More than a program has instructions: each stretch needs one at least. */
#define STRETCHES_MAX 4096u
/* Rules looked at for all stretches together, so that deep nesting ends too: 20 ms. */
#define WORK_MAX (1u << 20)

/* Where a rule's group prefix, or its ports, begin or end. */
struct border {
	mcr_number at;
	uint32_t rule;
	uint32_t is_end; /* behind @at */
};

/* What is needed while a plan is made. */
struct planner {
	struct mcr_filter_plan *plan;
	const struct mcr_filter_scope *scope;
	struct border *borders; /* of groups */
	uint32_t *active; /* rules that the address at hand lies in */
	uint32_t *places; /* of each rule in active */
	struct mcr_port_stretch *ports; /* of the address at hand */
	struct mcr_stretch *taken, *excluded; /* of one rule */
	uint32_t border_count, active_count;
	uint32_t work;
};

static int32_t fail_memory(const struct mcr_filter_scope *scope)
{
	return mcr_fail(ENOMEM, "Cannot compile a filter of %u rules: out of memory", scope->rule_count);
}

static mcr_number number_of(const uint8_t *address)
{
	return (mcr_number)read_be64(address) << 64 | read_be64(address + 8);
}

/* The addresses that a prefix has. */
static struct mcr_stretch stretch_of(const uint8_t *address, uint32_t bits)
{
	const mcr_number rest = bits == 0 ? ~(mcr_number)0 : ((mcr_number)1 << (128 - bits)) - 1;
	const mcr_number first = number_of(address);

	return (struct mcr_stretch){ .first = first, .last = first | rest };
}

static int is_in_scope(const struct mcr_filter_scope *scope, const struct mcr_rule *rule)
{
	return rule->input == scope->input && (scope->version == 4) == address_is_ipv4(rule->group) &&
	       (scope->protocol == 0 || rule->protocol == scope->protocol);
}

/* ---- lists of stretches ---- */

static int stretch_compare(const void *left, const void *right)
{
	const struct mcr_stretch *a = left, *b = right;

	return a->first < b->first ? -1 : a->first > b->first;
}

/* Sorts, and makes one of those that overlap or adjoin. Return: how many are left. */
static uint32_t merge(struct mcr_stretch *list, uint32_t count)
{
	uint32_t kept = 0;

	if (count == 0)
		return 0;
	qsort(list, count, sizeof(*list), stretch_compare);
	for (uint32_t i = 0; i < count; i++) {
		struct mcr_stretch *last = kept ? &list[kept - 1] : NULL;

		if (last && (list[i].first <= last->last || list[i].first - last->last == 1))
			last->last = list[i].last > last->last ? list[i].last : last->last;
		else
			list[kept++] = list[i];
	}
	return kept;
}

static uint32_t read_sources(const struct mcr_filter_scope *scope, struct mcr_stretch *list, uint32_t first,
			     uint32_t count)
{
	for (uint32_t i = 0; i < count; i++)
		list[i] = stretch_of(scope->sources[first + i].address, scope->sources[first + i].bits);
	return merge(list, count);
}

static int add_source(struct mcr_filter_plan *plan, mcr_number first, mcr_number last)
{
	struct mcr_stretch *sources =
		mcr_grow(plan->sources, &plan->source_capacity, plan->source_count, sizeof(*sources));

	if (!sources)
		return 0;
	plan->sources = sources;
	sources[plan->source_count++] = (struct mcr_stretch){ .first = first, .last = last };
	return 1;
}

/* All addresses of a family. */
static struct mcr_stretch family_of(const struct mcr_filter_scope *scope)
{
	static const uint8_t ipv4[16] = { [10] = 0xff, [11] = 0xff }, none[16];

	return scope->version == 4 ? stretch_of(ipv4, 96) : stretch_of(none, 0);
}

/* Adds what is left of a stretch without the excluded ones. Return: 0 without memory. */
static int add_rest(struct planner *planner, struct mcr_stretch taken, uint32_t excluded_count)
{
	for (uint32_t i = 0; i < excluded_count; i++) {
		const struct mcr_stretch *cut = &planner->excluded[i];

		if (cut->last < taken.first || cut->first > taken.last)
			continue;
		if (cut->first > taken.first && !add_source(planner->plan, taken.first, cut->first - 1))
			return 0;
		if (cut->last >= taken.last)
			return 1;
		taken.first = cut->last + 1;
	}
	return add_source(planner->plan, taken.first, taken.last);
}

/* Adds the sources that a rule takes to the plan's. Return: 0 without memory. */
static int add_sources_of(struct planner *planner, const struct mcr_rule *rule)
{
	const struct mcr_filter_scope *scope = planner->scope;
	const struct mcr_stretch family = family_of(scope);
	const uint32_t excluded_count =
		read_sources(scope, planner->excluded, rule->excluded_first, rule->excluded_count);
	const uint32_t taken_count = read_sources(scope, planner->taken, rule->source_first, rule->source_count);

	if (rule->source_count == 0)
		return add_rest(planner, family, excluded_count);
	for (uint32_t i = 0; i < taken_count; i++) {
		struct mcr_stretch taken = planner->taken[i];

		taken.first = taken.first > family.first ? taken.first : family.first;
		taken.last = taken.last < family.last ? taken.last : family.last;
		if (taken.first <= taken.last && !add_rest(planner, taken, excluded_count))
			return 0;
	}
	return 1;
}

/* ---- ports ---- */

static int is_choosy(const struct mcr_filter_scope *scope, const struct mcr_rule *rule)
{
	return scope->has_sources && (rule->source_count || rule->excluded_count);
}

static int port_compare(const void *left, const void *right)
{
	const struct mcr_port_stretch *a = left, *b = right;

	return a->first < b->first ? -1 : a->first > b->first;
}

static int add_port(struct mcr_filter_plan *plan, struct mcr_port_stretch ports)
{
	struct mcr_port_stretch *array = mcr_grow(plan->ports, &plan->port_capacity, plan->port_count, sizeof(*array));

	if (!array)
		return 0;
	plan->ports = array;
	array[plan->port_count++] = ports;
	return 1;
}

/* The ports of the active rules, of which none cares for sources. Return: 0 without memory. */
static int add_ports(struct planner *planner, struct mcr_leaf *leaf)
{
	struct mcr_filter_plan *plan = planner->plan;

	for (uint32_t i = 0; i < planner->active_count; i++) {
		const struct mcr_rule *rule = &planner->scope->rules[planner->active[i]];

		planner->ports[i] = (struct mcr_port_stretch){ .first = rule->port_first, .last = rule->port_last };
	}
	qsort(planner->ports, planner->active_count, sizeof(*planner->ports), port_compare);
	for (uint32_t i = 0; i < planner->active_count; i++) {
		const struct mcr_port_stretch *ports = &planner->ports[i];
		struct mcr_port_stretch *last =
			plan->port_count > leaf->port_first ? &plan->ports[plan->port_count - 1] : NULL;

		if (last && ports->first <= last->last + 1)
			last->last = ports->last > last->last ? ports->last : last->last;
		else if (!add_port(plan, *ports))
			return 0;
	}
	return 1;
}

/* The sources that the active rules with a port take together, if any. Return: 0 without memory. */
static int add_sources(struct planner *planner, struct mcr_port_stretch *ports, int *is_any)
{
	const struct mcr_filter_scope *scope = planner->scope;
	const struct mcr_stretch family = family_of(scope);
	struct mcr_filter_plan *plan = planner->plan;

	ports->source_first = plan->source_count;
	for (uint32_t i = 0; i < planner->active_count; i++) {
		const struct mcr_rule *rule = &scope->rules[planner->active[i]];

		if (rule->port_first <= ports->first && ports->first <= rule->port_last &&
		    !add_sources_of(planner, rule))
			return 0;
	}
	if (plan->source_count > ports->source_first)
		ports->source_count =
			merge(plan->sources + ports->source_first, plan->source_count - ports->source_first);
	plan->source_count = ports->source_first + ports->source_count;
	*is_any = ports->source_count > 0;
	if (*is_any && plan->sources[ports->source_first].first == family.first &&
	    plan->sources[ports->source_first].last == family.last) {
		plan->source_count = ports->source_first;
		ports->source_count = 0;
	}
	return 1;
}

/* Ports at which one of the active rules begins, and those after their last. Return: how many, in ascending order. */
static uint32_t find_cuts(struct planner *planner)
{
	uint32_t count = 0;

	for (uint32_t i = 0; i < planner->active_count; i++) {
		const struct mcr_rule *rule = &planner->scope->rules[planner->active[i]];

		planner->ports[count++].first = rule->port_first;
		planner->ports[count++].first = rule->port_last + 1;
	}
	qsort(planner->ports, count, sizeof(*planner->ports), port_compare);
	return count;
}

/* The ports of the active rules, each with its sources. Return: 0 without memory. */
static int add_ports_with_sources(struct planner *planner)
{
	const uint32_t count = find_cuts(planner);
	int is_any;

	for (uint32_t i = 0; i + 1 < count; i++) {
		struct mcr_port_stretch ports = { .first = planner->ports[i].first,
						  .last = planner->ports[i + 1].first - 1 };

		if (ports.last + 1 == ports.first)
			continue;
		if (!add_sources(planner, &ports, &is_any) || (is_any && !add_port(planner->plan, ports)))
			return 0;
	}
	return 1;
}

/* ---- leaves ---- */

static int ports_are_alike(const struct mcr_filter_plan *plan, const struct mcr_port_stretch *a,
			   const struct mcr_port_stretch *b)
{
	if (a->first != b->first || a->last != b->last || a->source_count != b->source_count)
		return 0;
	for (uint32_t i = 0; i < a->source_count; i++) {
		const struct mcr_stretch *source = &plan->sources[a->source_first + i];
		const struct mcr_stretch *other = &plan->sources[b->source_first + i];

		if (source->first != other->first || source->last != other->last)
			return 0;
	}
	return 1;
}

/* A leaf before the last one that is the same, or the last one. */
static uint32_t find_leaf(const struct mcr_filter_plan *plan)
{
	const struct mcr_leaf *wanted = &plan->leaves[plan->leaf_count - 1];

	for (uint32_t at = 0; at < plan->leaf_count; at++) {
		const struct mcr_leaf *leaf = &plan->leaves[at];
		uint32_t same = 0;

		while (leaf->port_count == wanted->port_count && same < leaf->port_count &&
		       ports_are_alike(plan, &plan->ports[leaf->port_first + same],
				       &plan->ports[wanted->port_first + same]))
			same++;
		if (leaf->port_count == wanted->port_count && same == leaf->port_count)
			return at;
	}
	return plan->leaf_count - 1;
}

/* What the active rules want of the address at hand. Return: 1 with @leaf; 0: nothing; -ENOMEM. */
static int32_t make_leaf(struct planner *planner, uint32_t *leaf)
{
	struct mcr_filter_plan *plan = planner->plan;
	const uint32_t source_count = plan->source_count;
	struct mcr_leaf *leaves = mcr_grow(plan->leaves, &plan->leaf_capacity, plan->leaf_count, sizeof(*leaves));
	struct mcr_leaf *made;
	int is_choosy_one = 0;

	if (!leaves)
		return -ENOMEM;
	plan->leaves = leaves;
	made = &leaves[plan->leaf_count];
	*made = (struct mcr_leaf){ .port_first = plan->port_count };
	for (uint32_t i = 0; i < planner->active_count; i++)
		is_choosy_one |= is_choosy(planner->scope, &planner->scope->rules[planner->active[i]]);
	if (is_choosy_one ? !add_ports_with_sources(planner) : !add_ports(planner, made))
		return -ENOMEM;
	made->port_count = plan->port_count - made->port_first;
	if (made->port_count == 0)
		return 0;
	plan->leaf_count++;
	*leaf = find_leaf(plan);
	if (*leaf + 1 < plan->leaf_count) {
		plan->leaf_count--;
		plan->port_count = made->port_first;
		plan->source_count = source_count;
	}
	return 1;
}

/* ---- groups ---- */

/* Ends come behind their address, so after what begins there. */
static int border_compare(const void *left, const void *right)
{
	const struct border *a = left, *b = right;

	if (a->at != b->at)
		return a->at < b->at ? -1 : 1;
	return (int)a->is_end - (int)b->is_end;
}

static int add_group(struct mcr_filter_plan *plan, struct mcr_stretch group)
{
	struct mcr_stretch *last = plan->group_count ? &plan->groups[plan->group_count - 1] : NULL;
	struct mcr_stretch *groups;

	if (last && last->leaf == group.leaf && group.first - last->last == 1) {
		last->last = group.last;
		return 1;
	}
	groups = mcr_grow(plan->groups, &plan->group_capacity, plan->group_count, sizeof(*groups));
	if (!groups)
		return 0;
	plan->groups = groups;
	groups[plan->group_count++] = group;
	return 1;
}

/* Addresses that all the active rules are for. Return: 1; 0: too much of it; -ENOMEM. */
static int32_t add_stretch(struct planner *planner, mcr_number first, mcr_number last)
{
	struct mcr_stretch group = { .first = first, .last = last };
	int32_t is_wanted;

	planner->work += planner->active_count;
	if (planner->work > WORK_MAX || planner->plan->group_count > STRETCHES_MAX ||
	    planner->plan->port_count > STRETCHES_MAX || planner->plan->source_count > STRETCHES_MAX)
		return 0;
	is_wanted = make_leaf(planner, &group.leaf);
	if (is_wanted <= 0)
		return is_wanted < 0 ? is_wanted : 1;
	return add_group(planner->plan, group) ? 1 : -ENOMEM;
}

static void activate(struct planner *planner, uint32_t rule)
{
	planner->places[rule] = planner->active_count;
	planner->active[planner->active_count++] = rule;
}

static void deactivate(struct planner *planner, uint32_t rule)
{
	const uint32_t last = planner->active[--planner->active_count];

	planner->active[planner->places[rule]] = last;
	planner->places[last] = planner->places[rule];
}

/* Goes through the addresses from border to border. */
static int32_t cut_groups(struct planner *planner)
{
	mcr_number first = 0;
	int32_t result = 1;

	for (uint32_t i = 0; i < planner->border_count && result == 1; i++) {
		const struct border *border = &planner->borders[i];
		/* Behind the last address there is none. */
		const int is_reached =
			i > 0 && planner->borders[i - 1].is_end && planner->borders[i - 1].at == border->at;

		if (border->is_end) {
			if (!is_reached)
				result = add_stretch(planner, first, border->at);
			deactivate(planner, border->rule);
			first = border->at + 1;
		} else {
			if (planner->active_count > 0 && first < border->at)
				result = add_stretch(planner, first, border->at - 1);
			activate(planner, border->rule);
			first = border->at;
		}
	}
	return result;
}

static int open_planner(struct planner *planner)
{
	const struct mcr_filter_scope *scope = planner->scope;
	const size_t count = scope->rule_count + 1;

	planner->borders = calloc(count, 2 * sizeof(*planner->borders));
	planner->active = calloc(count, sizeof(*planner->active));
	planner->places = calloc(count, sizeof(*planner->places));
	planner->ports = calloc(count, 2 * sizeof(*planner->ports));
	planner->taken = calloc(MCR_RULE_SOURCES_MAX, sizeof(*planner->taken));
	planner->excluded = calloc(MCR_RULE_SOURCES_MAX, sizeof(*planner->excluded));
	if (!planner->borders || !planner->active || !planner->places || !planner->ports || !planner->taken ||
	    !planner->excluded)
		return 0;
	for (uint32_t i = 0; i < scope->rule_count; i++) {
		const struct mcr_stretch group = stretch_of(scope->rules[i].group, scope->rules[i].group_bits);

		if (!is_in_scope(scope, &scope->rules[i]))
			continue;
		planner->borders[planner->border_count++] = (struct border){ group.first, i, 0 };
		planner->borders[planner->border_count++] = (struct border){ group.last, i, 1 };
	}
	qsort(planner->borders, planner->border_count, sizeof(*planner->borders), border_compare);
	return 1;
}

int32_t mcr_filter_plan_make(struct mcr_filter_plan *plan, const struct mcr_filter_scope *scope)
{
	struct planner planner = { .plan = plan, .scope = scope };
	int32_t result = -ENOMEM;

	*plan = (struct mcr_filter_plan){ 0 };
	if (open_planner(&planner))
		result = cut_groups(&planner);
	free(planner.borders);
	free(planner.active);
	free(planner.places);
	free(planner.ports);
	free(planner.taken);
	free(planner.excluded);
	if (result >= 0)
		return result;
	mcr_filter_plan_free(plan);
	return fail_memory(scope);
}

/* ---- wide ---- */

static int number_compare(const void *left, const void *right)
{
	const mcr_number a = *(const mcr_number *)left, b = *(const mcr_number *)right;

	return a > b ? -1 : a < b;
}

/* The widest gap that is closed, so that no more stretches are left than wanted. Return: 0 without memory. */
static int find_gap(const struct mcr_filter_plan *plan, uint32_t stretches_max, mcr_number *gap)
{
	const uint32_t count = plan->group_count - 1;
	mcr_number *gaps = calloc(count, sizeof(*gaps));

	if (!gaps)
		return 0;
	for (uint32_t i = 0; i < count; i++)
		gaps[i] = plan->groups[i + 1].first - plan->groups[i].last;
	qsort(gaps, count, sizeof(*gaps), number_compare);
	*gap = gaps[stretches_max - 1];
	free(gaps);
	return 1;
}

int32_t mcr_filter_plan_make_wide(struct mcr_filter_plan *plan, const struct mcr_filter_scope *scope,
				  uint32_t stretches_max)
{
	mcr_number gap = 0;
	uint32_t kept = 1;

	*plan = (struct mcr_filter_plan){ .groups = calloc(scope->rule_count + 1, sizeof(*plan->groups)) };
	if (!plan->groups)
		return fail_memory(scope);
	for (uint32_t i = 0; i < scope->rule_count; i++) {
		if (is_in_scope(scope, &scope->rules[i]))
			plan->groups[plan->group_count++] =
				stretch_of(scope->rules[i].group, scope->rules[i].group_bits);
	}
	plan->group_count = merge(plan->groups, plan->group_count);
	if (plan->group_count > stretches_max && !find_gap(plan, stretches_max, &gap)) {
		mcr_filter_plan_free(plan);
		return fail_memory(scope);
	}
	for (uint32_t i = 0; i < plan->group_count; i++) {
		plan->groups[i].leaf = MCR_LEAF_ANY;
		if (i > 0 && plan->groups[i].first - plan->groups[kept - 1].last <= gap)
			plan->groups[kept - 1].last = plan->groups[i].last;
		else if (i > 0)
			plan->groups[kept++] = plan->groups[i];
	}
	plan->group_count = plan->group_count ? kept : 0;
	return 1;
}

void mcr_filter_plan_free(struct mcr_filter_plan *plan)
{
	free(plan->groups);
	free(plan->leaves);
	free(plan->ports);
	free(plan->sources);
	*plan = (struct mcr_filter_plan){ 0 };
}
