/* exclusive.c - see exclusive.h. */
#include "exclusive.h"

#include "base.h"

#include <errno.h>
#include <linux/pkt_cls.h>
#include <stdlib.h>

#define DROP ((uint32_t)TC_ACT_SHOT)
#define NEXT ((uint32_t)TC_ACT_UNSPEC)

/* In front of the tree, whose jumps are relative. A frame that ends too early ends the program with TC_ACT_OK. */
static const struct sock_filter prologue[] = {
	BPF_STMT(BPF_LD | BPF_IMM, MCR_EXCLUSIVE_MAGIC),
	BPF_STMT(BPF_LD | BPF_IMM, 0),
};

#define TREE_INSTRUCTIONS_MAX (MCR_EXCLUSIVE_INSTRUCTIONS_MAX - (uint32_t)array_count(prologue))

/* Return: 1; 0 when the first @rule_count rules do not fit; -EINVAL; -ENOMEM. */
static int32_t compile_tree(struct mcr_filter *tree, const struct mcr_filter_wish *wish, uint32_t rule_count)
{
	struct mcr_filter_wish first = *wish;
	int32_t is_exact;

	first.rule_count = rule_count;
	is_exact = mcr_filter_compile(tree, &first);
	return is_exact == 1 ? tree->count <= TREE_INSTRUCTIONS_MAX : is_exact;
}

/*
 * The most rules that fit, or nearly: those that adjoin others may take less room with them than without. Return: how
 * many, all of them compiled; -EINVAL; -ENOMEM.
 */
static int32_t compile_most(struct mcr_filter *tree, const struct mcr_filter_wish *wish)
{
	uint32_t fit = 0, too_many = wish->rule_count + 1;
	int32_t is_fit = compile_tree(tree, wish, wish->rule_count);

	if (is_fit != 0)
		return is_fit < 0 ? is_fit : (int32_t)wish->rule_count;
	while (fit + 1 < too_many) {
		const uint32_t middle = fit + (too_many - fit) / 2;

		is_fit = compile_tree(tree, wish, middle);
		if (is_fit < 0)
			return is_fit;
		if (is_fit)
			fit = middle;
		else
			too_many = middle;
	}
	is_fit = compile_tree(tree, wish, fit);
	return is_fit < 0 ? is_fit : (int32_t)fit;
}

int32_t mcr_exclusive_program(struct mcr_filter *program, uint32_t is_qdisc_ours, const struct mcr_filter_wish *wish)
{
	struct mcr_filter *tree = malloc(sizeof(*tree));
	int32_t first_count, covered = 0;

	if (!tree)
		return mcr_fail(ENOMEM, "Cannot compile an exclusive filter of %u rules: out of memory",
				wish->rule_count);
	first_count = compile_most(tree, wish);
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
		covered += wish->rules[i].input == wish->input;
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
