/* exclusive.c - see exclusive.h. */
#include "exclusive.h"

#include "base.h"

#include <errno.h>
#include <linux/if_ether.h>
#include <linux/pkt_cls.h>
#include <stdlib.h>

#define DROP ((uint32_t)TC_ACT_SHOT)
#define NEXT ((uint32_t)TC_ACT_UNSPEC)
/* "More fragments" and the fragment offset, in the halfword that has them. */
#define FRAGMENT_BITS 0x3fffu

/* In front of the tree, whose jumps are relative. A frame that ends too early ends the program with TC_ACT_OK. */
static const struct sock_filter prologue[] = {
	BPF_STMT(BPF_LD | BPF_IMM, MCR_EXCLUSIVE_MAGIC),
	BPF_STMT(BPF_LD | BPF_IMM, 0),
	BPF_STMT(BPF_LD | BPF_W | BPF_ABS, (uint32_t)SKF_AD_OFF + SKF_AD_PROTOCOL),
	BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, ETH_P_IP, 1, 0),
	BPF_STMT(BPF_RET | BPF_K, NEXT),
	BPF_STMT(BPF_LD | BPF_H | BPF_ABS, (uint32_t)SKF_NET_OFF + 6),
	BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, FRAGMENT_BITS, 0, 1),
	BPF_STMT(BPF_RET | BPF_K, NEXT),
};

#define TREE_INSTRUCTIONS_MAX (MCR_EXCLUSIVE_INSTRUCTIONS_MAX - (uint32_t)array_count(prologue))

/* Return: 1; 0 when the first @rule_count rules do not fit; -ENOMEM. */
static int32_t compile_tree(struct mcr_filter *tree, uint32_t input, const struct mcr_rule *rules, uint32_t rule_count)
{
	const int32_t is_exact = mcr_filter_compile(tree, input, rules, rule_count);

	return is_exact == 1 ? tree->count <= TREE_INSTRUCTIONS_MAX : is_exact;
}

/* The most rules that fit: more never take less room. Return: how many, all of them compiled; -ENOMEM. */
static int32_t compile_most(struct mcr_filter *tree, uint32_t input, const struct mcr_rule *rules, uint32_t rule_count)
{
	uint32_t fit = 0, too_many = rule_count + 1;
	int32_t is_fit = compile_tree(tree, input, rules, rule_count);

	if (is_fit != 0)
		return is_fit < 0 ? is_fit : (int32_t)rule_count;
	while (fit + 1 < too_many) {
		const uint32_t middle = fit + (too_many - fit) / 2;

		is_fit = compile_tree(tree, input, rules, middle);
		if (is_fit < 0)
			return is_fit;
		if (is_fit)
			fit = middle;
		else
			too_many = middle;
	}
	is_fit = compile_tree(tree, input, rules, fit);
	return is_fit < 0 ? is_fit : (int32_t)fit;
}

int32_t mcr_exclusive_program(struct mcr_filter *program, uint32_t is_qdisc_ours, uint32_t input,
			      const struct mcr_rule *rules, uint32_t rule_count)
{
	struct mcr_filter *tree = malloc(sizeof(*tree));
	int32_t first_count, covered = 0;

	if (!tree)
		return mcr_fail(ENOMEM, "Cannot compile an exclusive filter of %u rules: out of memory", rule_count);
	first_count = compile_most(tree, input, rules, rule_count);
	if (first_count < 0) {
		free(tree);
		return first_count;
	}
	memcpy(program->instructions, prologue, sizeof(prologue));
	program->instructions[1].k = is_qdisc_ours != 0;
	program->count = array_count(prologue);
	for (uint32_t i = 0; i < tree->count; i++) {
		struct sock_filter one = tree->instructions[i];

		/* The tree returns how many bytes the packet socket is to get. */
		if (one.code == (BPF_RET | BPF_K))
			one.k = one.k != 0 ? DROP : NEXT;
		program->instructions[program->count++] = one;
	}
	free(tree);
	for (int32_t i = 0; i < first_count; i++)
		covered += rules[i].input == input;
	return covered;
}

int mcr_exclusive_is_ours(const struct sock_filter *instructions, uint32_t count)
{
	return count > array_count(prologue) && instructions[0].code == (BPF_LD | BPF_IMM) &&
	       instructions[0].k == MCR_EXCLUSIVE_MAGIC;
}

int mcr_exclusive_is_qdisc_ours(const struct sock_filter *instructions, uint32_t count)
{
	return mcr_exclusive_is_ours(instructions, count) && instructions[1].k == 1;
}
