/* filter.c - see filter.h. */
#include "filter.h"

#include "base.h"
#include "filter_code.h"
#include "filter_plan.h"
#include "filter_tree.h"

#include <errno.h>
#include <linux/if_ether.h>
#include <netinet/in.h>

#define ANCILLARY(offset) ((uint32_t)SKF_AD_OFF + (offset))
#define IPV4_FRAGMENT_MASK 0x3fffu
/* Of a VLAN tag; the rest is its priority. */
#define VLAN_ID_MASK 0xfffu
#define IPV4_HEADER_BYTES_MAX 60u
/* What a UDP header must have of its ports. */
#define PORTS_BYTES 4u

/* What one program is made of; @stretches_max 0: exactly what the rules want. */
struct program {
	struct mcr_filter *filter;
	const struct mcr_filter_wish *wish;
	uint32_t stretches_max;
};

static struct mcr_filter_scope scope_of(const struct program *program, uint32_t version, uint32_t protocol)
{
	const struct mcr_filter_wish *wish = program->wish;

	return (struct mcr_filter_scope){ .rules = wish->rules,
					  .rule_count = wish->rule_count,
					  .input = wish->input,
					  .version = version,
					  .protocol = protocol,
					  .has_sources = !wish->has_odd,
					  .sources = wish->sources };
}

/* The tree of all rules of a family and a protocol. Return: 1; 0: too long; -ENOMEM. */
static int32_t emit_rules(const struct program *program, uint32_t version, uint32_t protocol)
{
	const struct mcr_filter_scope scope = scope_of(program, version, protocol);
	struct mcr_filter_plan plan;
	int32_t result = program->stretches_max ? mcr_filter_plan_make_wide(&plan, &scope, program->stretches_max) :
						  mcr_filter_plan_make(&plan, &scope);

	if (result < 0)
		return result;
	if (result == 1 && plan.group_count == 0)
		emit_return(program->filter, 0);
	else if (result == 1 && !mcr_filter_tree_emit(program->filter, &plan, version, protocol == MCR_PROTOCOL_ESP))
		result = mcr_fail(ENOMEM, "Cannot compile a filter of %u rules: out of memory", scope.rule_count);
	mcr_filter_plan_free(&plan);
	return result;
}

static int32_t emit_odd(const struct program *program, uint32_t version)
{
	struct program odd = *program;

	if (!program->wish->has_odd) {
		emit_return(program->filter, 0);
		return 1;
	}
	if (odd.stretches_max == 0 || odd.stretches_max > MCR_FILTER_ODD_GROUPS_MAX)
		odd.stretches_max = MCR_FILTER_ODD_GROUPS_MAX;
	return emit_rules(&odd, version, 0);
}

/*
 * Looks for what is malformed. Return: the jump that is taken then; what follows is for the rest, and has with IPv4 the
 * length of its header in X.
 */
static struct sock_filter *emit_checks(const struct program *program, uint32_t version)
{
	const uint32_t link_bytes = program->wish->link_bytes;
	const int is_length_known = link_bytes != MCR_LINK_UNKNOWN;
	struct mcr_filter *filter = program->filter;
	struct sock_filter *jump;

	if (version == 4) {
		/* Version 4 with at least five words, else the ports are not where they are looked for. */
		emit_load(filter, BPF_B, NET(0));
		emit(filter, BPF_JMP | BPF_JGE | BPF_K, 0x45, 0, 1);
		emit(filter, BPF_JMP | BPF_JGT | BPF_K, 0x4f, 0, 1);
		jump = emit(filter, BPF_JMP | BPF_JA, 0, 0, 0);
		emit(filter, BPF_LDX | BPF_B | BPF_MSH, NET(0), 0, 0);
		if (!is_length_known)
			return jump;
		/* Too short for its ports; no header is longer than what is added, so that nothing gets below 0. */
		emit(filter, BPF_LD | BPF_W | BPF_LEN, 0, 0, 0);
		emit(filter, BPF_ALU | BPF_ADD | BPF_K, IPV4_HEADER_BYTES_MAX, 0, 0);
		emit(filter, BPF_ALU | BPF_SUB | BPF_X, 0, 0, 0);
		emit(filter, BPF_JMP | BPF_JGE | BPF_K, link_bytes + PORTS_BYTES + IPV4_HEADER_BYTES_MAX, 1, 0);
		jump_end(filter, jump);
		return emit(filter, BPF_JMP | BPF_JA, 0, 0, 0);
	}
	emit_load(filter, BPF_B, NET(0));
	emit(filter, BPF_ALU | BPF_AND | BPF_K, 0xf0, 0, 0);
	if (is_length_known) {
		emit(filter, BPF_JMP | BPF_JEQ | BPF_K, 0x60, 0, 2);
		emit(filter, BPF_LD | BPF_W | BPF_LEN, 0, 0, 0);
		emit(filter, BPF_JMP | BPF_JGE | BPF_K, link_bytes + IPV6_HEADER_BYTES + PORTS_BYTES, 1, 0);
	} else {
		emit(filter, BPF_JMP | BPF_JEQ | BPF_K, 0x60, 1, 0);
	}
	return emit(filter, BPF_JMP | BPF_JA, 0, 0, 0);
}

/*
 * Only the first fragment has ports; in the others something else lies there. Return: the jump that is taken where they
 * are let through, for the worker to put together.
 */
static struct sock_filter *emit_fragments(const struct program *program)
{
	struct mcr_filter *filter = program->filter;

	emit_load(filter, BPF_H, NET(6));
	emit(filter, BPF_JMP | BPF_JSET | BPF_K, IPV4_FRAGMENT_MASK, 0, 1);
	if (program->wish->has_odd)
		return emit(filter, BPF_JMP | BPF_JA, 0, 0, 0);
	emit_return(filter, 0);
	return NULL;
}

/* Rejects what hosts and routers say of their memberships, to the group itself: ICMPv6 behind hop-by-hop options. */
static void emit_no_memberships(struct mcr_filter *filter)
{
	emit(filter, BPF_JMP | BPF_JEQ | BPF_K, IPPROTO_HOPOPTS, 0, 4);
	emit_load(filter, BPF_B, NET(IPV6_HEADER_BYTES));
	emit(filter, BPF_JMP | BPF_JEQ | BPF_K, IPPROTO_ICMPV6, 0, 1);
	emit_return(filter, 0);
	emit_load(filter, BPF_B, NET(6));
}

/* What an IPv6 header may announce that is neither UDP nor ESP, but may have them behind it or shows what is wrong. */
static void emit_extensions(struct mcr_filter *filter, struct sock_filter **jump)
{
	static const uint8_t extensions[] = { 0, 43, 44, 51, 60, 135, 139, 140, 253, 254 };

	/* Each jumps over those behind it, and over the return, to the long jump. */
	for (uint32_t i = 0; i < array_count(extensions); i++)
		emit(filter, BPF_JMP | BPF_JEQ | BPF_K, extensions[i], (uint8_t)(array_count(extensions) - i), 0);
	emit_return(filter, 0);
	*jump = emit(filter, BPF_JMP | BPF_JA, 0, 0, 0);
}

/* Rejects what is in a VLAN. A tag of VLAN 0 says the frame's priority, and the frame is the interface's own. */
static void emit_no_vlan(struct mcr_filter *filter)
{
	emit_load(filter, BPF_W, ANCILLARY(SKF_AD_VLAN_TAG_PRESENT));
	emit(filter, BPF_JMP | BPF_JEQ | BPF_K, 0, 4, 0);
	emit_load(filter, BPF_W, ANCILLARY(SKF_AD_VLAN_TAG));
	emit(filter, BPF_ALU | BPF_AND | BPF_K, VLAN_ID_MASK, 0, 0);
	emit_require(filter, 0);
}

static int has_rules(const struct program *program, uint32_t version, uint32_t protocol)
{
	const struct mcr_filter_wish *wish = program->wish;

	for (uint32_t i = 0; i < wish->rule_count; i++) {
		if (wish->rules[i].input == wish->input && (version == 4) == address_is_ipv4(wish->rules[i].group) &&
		    (protocol == 0 || wish->rules[i].protocol == protocol))
			return 1;
	}
	return 0;
}

/* All of one family. Return: 1; 0: too long; -ENOMEM. */
static int32_t emit_family(const struct program *program, uint32_t version)
{
	struct mcr_filter *filter = program->filter;
	struct sock_filter *malformed = emit_checks(program, version);
	struct sock_filter *extension = NULL, *no_port = NULL, *fragment = NULL, *esp;
	int32_t result;

	if (version == 4)
		fragment = emit_fragments(program);
	emit_load(filter, BPF_B, NET(version == 4 ? 9u : 6u));
	esp = case_begin(filter, MCR_PROTOCOL_ESP);
	if (version == 6 && program->wish->has_odd) {
		emit(filter, BPF_JMP | BPF_JEQ | BPF_K, MCR_PROTOCOL_UDP, 17, 0);
		emit_no_memberships(filter);
		emit_extensions(filter, &extension);
	} else {
		emit_require(filter, MCR_PROTOCOL_UDP);
	}
	if (program->wish->has_odd) {
		emit_load_port(filter, version);
		no_port = case_begin(filter, 0);
	}
	result = emit_rules(program, version, MCR_PROTOCOL_UDP);
	if (result == 1) {
		jump_end(filter, esp);
		result = emit_rules(program, version, MCR_PROTOCOL_ESP);
	}
	if (result == 1) {
		jump_end(filter, malformed);
		jump_end(filter, extension);
		jump_end(filter, fragment);
		jump_end(filter, no_port);
		result = emit_odd(program, version);
	}
	return result;
}

/* Return: 1; 0: too long; -ENOMEM. */
static int32_t emit_program(const struct program *program)
{
	struct mcr_filter *filter = program->filter;
	const int has_ipv4 = has_rules(program, 4, 0), has_ipv6 = has_rules(program, 6, 0);
	struct sock_filter *ipv6 = NULL;
	int32_t result = 1;

	filter->count = 0;
	if (!has_ipv4 && !has_ipv6) {
		emit_return(filter, 0);
		return 1;
	}
	emit_no_vlan(filter);
	emit_load(filter, BPF_W, ANCILLARY(SKF_AD_PROTOCOL));
	if (has_ipv4 && has_ipv6)
		ipv6 = case_begin(filter, ETH_P_IPV6);
	emit_require(filter, has_ipv4 ? ETH_P_IP : ETH_P_IPV6);
	if (has_ipv4)
		result = emit_family(program, 4);
	if (has_ipv6 && result == 1) {
		jump_end(filter, ipv6);
		result = emit_family(program, 6);
	}
	return result == 1 ? !is_full(filter) : result;
}

/* Return: 0 or -EINVAL. */
static int32_t wish_check(const struct mcr_filter_wish *wish)
{
	const uint32_t count = wish->has_odd ? 0 : wish->source_count;

	for (uint32_t i = 0; i < wish->rule_count; i++) {
		const struct mcr_rule *rule = &wish->rules[i];

		if (rule->group_bits > 128)
			return mcr_fail(EINVAL, "Cannot compile a filter of rule %u: a prefix of %u bits, at most 128",
					i, rule->group_bits);
		if (wish->has_odd)
			continue;
		if (rule->source_count > MCR_RULE_SOURCES_MAX || rule->excluded_count > MCR_RULE_SOURCES_MAX ||
		    rule->source_first > count || rule->source_count > count - rule->source_first ||
		    rule->excluded_first > count || rule->excluded_count > count - rule->excluded_first)
			return mcr_fail(EINVAL, "Cannot compile a filter of rule %u: sources %u+%u and %u+%u of %u", i,
					rule->source_first, rule->source_count, rule->excluded_first,
					rule->excluded_count, count);
	}
	for (uint32_t i = 0; i < count; i++) {
		if (wish->sources[i].bits > 128)
			return mcr_fail(EINVAL, "Cannot compile a filter: source %u has %u bits, at most 128", i,
					wish->sources[i].bits);
	}
	return 0;
}

int32_t mcr_filter_compile(struct mcr_filter *filter, const struct mcr_filter_wish *wish)
{
	const struct program program = { .filter = filter, .wish = wish };
	const int32_t error = wish_check(wish);

	return error < 0 ? error : emit_program(&program);
}

int32_t mcr_filter_compile_wide(struct mcr_filter *filter, const struct mcr_filter_wish *wish, uint32_t groups_max)
{
	struct program program = { .filter = filter, .wish = wish, .stretches_max = groups_max };
	int32_t result = wish_check(wish);

	/* Ends: a single stretch always fits. */
	for (; result == 0 && program.stretches_max > 0; program.stretches_max = program.stretches_max * 3 / 4)
		result = emit_program(&program);
	return result == 0 ? mcr_fail(ENOMEM, "Cannot compile a filter of %u rules: out of memory", wish->rule_count) :
			     result;
}
