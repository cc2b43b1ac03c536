/* filter.c - see filter.h. */
#include "filter.h"

#include "base.h"

#include <errno.h>
#include <linux/if_ether.h>
#include <stdlib.h>

#define IP_PROTOCOL_UDP 17u
/* The kernel cuts what it gives to the ring to the returned length. */
#define ACCEPT UINT32_MAX
/* Offsets count from the network header, so that any link type works. */
#define NET(offset) ((uint32_t)SKF_NET_OFF + (offset))
#define ANCILLARY(offset) ((uint32_t)SKF_AD_OFF + (offset))

/* Group and port of a rule as one number: sorting puts the ports of a group together. */
typedef uint64_t filter_key;

static uint32_t key_group(filter_key key)
{
	return (uint32_t)(key >> 16);
}

static uint32_t key_port(filter_key key)
{
	return (uint16_t)key;
}

/* Counts on when the program is full, so that the caller sees it was too long. Return: the instruction, or NULL. */
static struct sock_filter *emit(struct mcr_filter *filter, uint16_t code, uint32_t k, uint8_t jt, uint8_t jf)
{
	struct sock_filter *instruction = NULL;

	if (filter->count < MCR_FILTER_INSTRUCTIONS_MAX) {
		instruction = &filter->instructions[filter->count];
		*instruction = (struct sock_filter){ .code = code, .jt = jt, .jf = jf, .k = k };
	}
	filter->count++;
	return instruction;
}

static void emit_return(struct mcr_filter *filter, uint32_t value)
{
	emit(filter, BPF_RET | BPF_K, value, 0, 0);
}

/* Goes on when A equals @value, else rejects. */
static void emit_require(struct mcr_filter *filter, uint32_t value)
{
	emit(filter, BPF_JMP | BPF_JEQ | BPF_K, value, 1, 0);
	emit_return(filter, 0);
}

/* IPv4, not tagged, UDP; then A holds the destination address and X the length of the IPv4 header. */
static void emit_prologue(struct mcr_filter *filter)
{
	emit(filter, BPF_LD | BPF_W | BPF_ABS, ANCILLARY(SKF_AD_PROTOCOL), 0, 0);
	emit_require(filter, ETH_P_IP);
	emit(filter, BPF_LD | BPF_W | BPF_ABS, ANCILLARY(SKF_AD_VLAN_TAG_PRESENT), 0, 0);
	emit_require(filter, 0);
	emit(filter, BPF_LD | BPF_B | BPF_ABS, NET(9), 0, 0);
	emit_require(filter, IP_PROTOCOL_UDP);
	emit(filter, BPF_LDX | BPF_B | BPF_MSH, NET(0), 0, 0);
	emit(filter, BPF_LD | BPF_W | BPF_ABS, NET(16), 0, 0);
}

/*
 * "A >= value ? right : left" where left follows and right is further away than the 8 bits of a conditional jump
 * reach. Return: the jump whose target branch_end() sets.
 */
static struct sock_filter *branch_begin(struct mcr_filter *filter, uint32_t value)
{
	emit(filter, BPF_JMP | BPF_JGE | BPF_K, value, 0, 1);
	return emit(filter, BPF_JMP | BPF_JA, 0, 0, 0);
}

static void branch_end(const struct mcr_filter *filter, struct sock_filter *jump)
{
	if (jump)
		jump->k = filter->count - (uint32_t)(jump - filter->instructions) - 1;
}

/* Every path ends in a return of its own. Depth: log2 of the ports, so at most 16. */
static void emit_ports(struct mcr_filter *filter, const filter_key *keys, uint32_t count)
{
	struct sock_filter *jump;

	if (count == 1) {
		emit(filter, BPF_JMP | BPF_JEQ | BPF_K, key_port(keys[0]), 0, 1);
		emit_return(filter, ACCEPT);
		emit_return(filter, 0);
		return;
	}
	jump = branch_begin(filter, key_port(keys[count / 2]));
	emit_ports(filter, keys, count / 2);
	branch_end(filter, jump);
	emit_ports(filter, keys + count / 2, count - count / 2);
}

/* Splits the keys in the middle, at a border between two groups. Return: where, or 0 when there is one group only. */
static uint32_t groups_split(const filter_key *keys, uint32_t count)
{
	uint32_t after = count / 2, before = count / 2;

	while (after < count && after > 0 && key_group(keys[after]) == key_group(keys[after - 1]))
		after++;
	if (after > 0 && after < count)
		return after;
	while (before > 0 && key_group(keys[before]) == key_group(keys[before - 1]))
		before--;
	return before;
}

/* Depth: at most 32, one bit of the address a level, or the number of groups' logarithm. */
static void emit_groups(struct mcr_filter *filter, const filter_key *keys, uint32_t count)
{
	const uint32_t middle = count > 1 ? groups_split(keys, count) : 0;
	struct sock_filter *jump;

	/* Too long already: what follows is not wanted any more. */
	if (filter->count > MCR_FILTER_INSTRUCTIONS_MAX)
		return;
	if (middle == 0) {
		emit_require(filter, key_group(keys[0]));
		emit(filter, BPF_LD | BPF_H | BPF_IND, NET(2), 0, 0);
		emit_ports(filter, keys, count);
		return;
	}
	jump = branch_begin(filter, key_group(keys[middle]));
	emit_groups(filter, keys, middle);
	branch_end(filter, jump);
	emit_groups(filter, keys + middle, count - middle);
}

static int keys_compare(const void *left, const void *right)
{
	const filter_key a = *(const filter_key *)left, b = *(const filter_key *)right;

	return a < b ? -1 : a > b;
}

int32_t mcr_filter_compile(struct mcr_filter *filter, uint32_t input, const struct mcr_rule *rules,
			   uint32_t rule_count)
{
	filter_key *keys = malloc((rule_count + 1) * sizeof(*keys));
	uint32_t count = 0;

	if (!keys)
		return mcr_fail(ENOMEM, "Cannot compile a filter of %u rules: out of memory", rule_count);
	for (uint32_t i = 0; i < rule_count; i++) {
		if (rules[i].input == input && address_is_ipv4(rules[i].group))
			keys[count++] = (filter_key)read_be32(rules[i].group + 12) << 16 |
					(uint16_t)rules[i].port_first;
	}
	qsort(keys, count, sizeof(*keys), keys_compare);

	filter->count = 0;
	if (count > 0) {
		emit_prologue(filter);
		emit_groups(filter, keys, count);
	} else {
		emit_return(filter, 0);
	}
	free(keys);
	return filter->count <= MCR_FILTER_INSTRUCTIONS_MAX;
}

void mcr_filter_compile_wide(struct mcr_filter *filter, uint32_t input, const struct mcr_rule *rules,
			     uint32_t rule_count)
{
	uint32_t lowest = UINT32_MAX, highest = 0;

	for (uint32_t i = 0; i < rule_count; i++) {
		const uint32_t group = read_be32(rules[i].group + 12);

		if (rules[i].input != input || !address_is_ipv4(rules[i].group))
			continue;
		lowest = group < lowest ? group : lowest;
		highest = group > highest ? group : highest;
	}
	filter->count = 0;
	emit_prologue(filter);
	emit(filter, BPF_JMP | BPF_JGE | BPF_K, lowest, 0, 1);
	emit(filter, BPF_JMP | BPF_JGT | BPF_K, highest, 0, 1);
	emit_return(filter, 0);
	emit_return(filter, ACCEPT);
}
