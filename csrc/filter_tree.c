/* filter_tree.c - see filter_tree.h. */
#include "filter_tree.h"

#include "base.h"
#include "filter_code.h"

#include <stdlib.h>

/* Of one program; each jump needs four instructions of its own around it. */
#define SHARED_JUMPS_MAX 1024u

/* A jump to a leaf that stands at the end, because several stretches have it. */
struct shared_jump {
	uint32_t at;
	uint32_t leaf;
};

/* A tree over addresses, and what it is made from. */
struct tree {
	struct mcr_filter *filter;
	const struct mcr_filter_plan *plan;
	uint32_t version;
	uint32_t is_esp; /* no ports */
	uint32_t is_of_sources;
	uint32_t jump_count;
	uint16_t *uses; /* of each leaf */
	struct shared_jump jumps[SHARED_JUMPS_MAX];
};

/* A part of a tree at one word of the address: either decided by it, or by the words that follow. */
struct piece {
	uint32_t first, last;
	uint32_t stretch_first, stretch_count; /* one, when it is decided */
	uint32_t is_decided;
};

static uint32_t word_of(mcr_number number, uint32_t word)
{
	return (uint32_t)(number >> (96 - 32 * word));
}

/* What the words behind this one can hold. */
static mcr_number rest_of(uint32_t word)
{
	return word == 3 ? 0 : ((mcr_number)1 << (96 - 32 * word)) - 1;
}

/* Where a word of the address lies; IPv4 has but the last. */
static uint32_t word_offset(const struct tree *tree, uint32_t word)
{
	if (tree->version == 4)
		return NET(tree->is_of_sources ? 12u : 16u);
	return NET((tree->is_of_sources ? 8u : 24u) + 4 * word);
}

static void emit_words(struct tree *tree, uint32_t word, const struct mcr_stretch *stretches, uint32_t count);

/* From whom a port, or ESP, is wanted. */
static void emit_sources(const struct tree *tree, const struct mcr_port_stretch *ports)
{
	struct tree sources = { .filter = tree->filter,
				.plan = tree->plan,
				.version = tree->version,
				.is_of_sources = 1 };

	if (ports->source_count == 0)
		emit_return(tree->filter, ACCEPT);
	else
		emit_words(&sources, tree->version == 4 ? 3 : 0, tree->plan->sources + ports->source_first,
			   ports->source_count);
}

/* Every path ends in a return of its own. Depth: log2 of the ports, so at most 16. */
static void emit_ports(const struct tree *tree, const struct mcr_port_stretch *ports, uint32_t count)
{
	struct mcr_filter *filter = tree->filter;
	struct sock_filter *jump;

	if (is_full(filter))
		return;
	if (count == 1) {
		emit_require_within(filter, ports->first, ports->last < UINT16_MAX ? ports->last : UINT32_MAX);
		emit_sources(tree, ports);
		return;
	}
	jump = branch_begin(filter, ports[count / 2].first);
	emit_ports(tree, ports, count / 2);
	jump_end(filter, jump);
	emit_ports(tree, ports + count / 2, count - count / 2);
}

static void emit_leaf_itself(const struct tree *tree, uint32_t index)
{
	const struct mcr_leaf *leaf = &tree->plan->leaves[index];
	const struct mcr_port_stretch *ports = tree->plan->ports + leaf->port_first;

	if (tree->is_esp) {
		emit_sources(tree, ports);
		return;
	}
	emit_load_port(tree->filter, tree->version);
	emit_ports(tree, ports, leaf->port_count);
}

static void emit_leaf(struct tree *tree, uint32_t index)
{
	if (tree->is_of_sources || index == MCR_LEAF_ANY) {
		emit_return(tree->filter, ACCEPT);
		return;
	}
	if (tree->uses[index] < 2 || tree->jump_count == SHARED_JUMPS_MAX) {
		emit_leaf_itself(tree, index);
		return;
	}
	tree->jumps[tree->jump_count++] = (struct shared_jump){ tree->filter->count, index };
	emit(tree->filter, BPF_JMP | BPF_JA, 0, 0, 0);
}

/* One group and one port, from whomever: what most rules are. Return: 0 when it is something else. */
static int emit_pair(const struct tree *tree, uint32_t group, uint32_t index)
{
	const struct mcr_leaf *leaf = &tree->plan->leaves[index];
	const struct mcr_port_stretch *port = tree->plan->ports + leaf->port_first;

	if (tree->is_esp || tree->uses[index] > 1 || leaf->port_count > 1 || port->first != port->last ||
	    port->source_count)
		return 0;
	emit(tree->filter, BPF_JMP | BPF_JEQ | BPF_K, group, 0, 3);
	emit_load_port(tree->filter, tree->version);
	emit(tree->filter, BPF_JMP | BPF_JEQ | BPF_K, port->first, 0, 1);
	emit_return(tree->filter, ACCEPT);
	emit_return(tree->filter, 0);
	return 1;
}

/* The leaves that several stretches have in common. */
static void emit_shared_leaves(struct tree *tree)
{
	for (uint32_t leaf = 0; leaf < tree->plan->leaf_count && !is_full(tree->filter); leaf++) {
		int is_used = 0;

		for (uint32_t i = 0; i < tree->jump_count; i++) {
			if (tree->jumps[i].leaf != leaf)
				continue;
			jump_end(tree->filter, &tree->filter->instructions[tree->jumps[i].at]);
			is_used = 1;
		}
		if (is_used)
			emit_leaf_itself(tree, leaf);
	}
}

/* Adds to the pieces what is not decided by this word, and goes on in the last piece where it has the same word. */
static void add_undecided(struct piece *pieces, uint32_t *count, uint32_t value, uint32_t stretch)
{
	struct piece *last = *count ? &pieces[*count - 1] : NULL;

	if (last && !last->is_decided && last->first == value)
		last->stretch_count++;
	else
		pieces[(*count)++] = (struct piece){ value, value, stretch, 1, 0 };
}

/* Cuts stretches that agree in the words before this one. Return: how many pieces, at most three for each of them. */
static uint32_t cut_pieces(struct piece *pieces, uint32_t word, const struct mcr_stretch *stretches, uint32_t count)
{
	const mcr_number rest = rest_of(word);
	uint32_t piece_count = 0;

	for (uint32_t i = 0; i < count; i++) {
		const int begins_whole = (stretches[i].first & rest) == 0;
		const int ends_whole = (stretches[i].last & rest) == rest;
		uint32_t first = word_of(stretches[i].first, word), last = word_of(stretches[i].last, word);

		if (first == last && !(begins_whole && ends_whole)) {
			add_undecided(pieces, &piece_count, first, i);
			continue;
		}
		if (!begins_whole)
			add_undecided(pieces, &piece_count, first++, i);
		if (ends_whole || first < last)
			pieces[piece_count++] = (struct piece){ first, ends_whole ? last : last - 1, i, 1, 1 };
		if (!ends_whole)
			add_undecided(pieces, &piece_count, last, i);
	}
	return piece_count;
}

/* The parts of a piece's stretches that have its word, from the next word on. */
static void emit_undecided(struct tree *tree, uint32_t word, const struct piece *piece,
			   const struct mcr_stretch *stretches)
{
	const mcr_number rest = rest_of(word);
	struct mcr_stretch *parts = calloc(piece->stretch_count, sizeof(*parts));

	/* Without memory the program becomes too long. */
	if (!parts) {
		tree->filter->count = MCR_FILTER_INSTRUCTIONS_MAX + 1;
		return;
	}
	for (uint32_t i = 0; i < piece->stretch_count; i++) {
		parts[i] = stretches[piece->stretch_first + i];
		if (word_of(parts[i].first, word) != piece->first)
			parts[i].first = parts[i].last & ~rest;
		if (word_of(parts[i].last, word) != piece->first)
			parts[i].last = parts[i].first | rest;
	}
	emit_words(tree, word + 1, parts, piece->stretch_count);
	free(parts);
}

/* Depth: the logarithm of the pieces. */
static void emit_pieces(struct tree *tree, uint32_t word, const struct mcr_stretch *stretches,
			const struct piece *pieces, uint32_t count)
{
	struct sock_filter *jump;

	/* Too long already: what follows is not wanted any more. */
	if (is_full(tree->filter))
		return;
	if (count == 1) {
		const uint32_t leaf = stretches[pieces->stretch_first].leaf;

		if (pieces->is_decided && pieces->first == pieces->last && !tree->is_of_sources &&
		    leaf != MCR_LEAF_ANY && emit_pair(tree, pieces->first, leaf))
			return;
		emit_require_within(tree->filter, pieces->first, pieces->last);
		if (pieces->is_decided)
			emit_leaf(tree, leaf);
		else
			emit_undecided(tree, word, pieces, stretches);
		return;
	}
	jump = branch_begin(tree->filter, pieces[count / 2].first);
	emit_pieces(tree, word, stretches, pieces, count / 2);
	jump_end(tree->filter, jump);
	emit_pieces(tree, word, stretches, pieces + count / 2, count - count / 2);
}

static void emit_words(struct tree *tree, uint32_t word, const struct mcr_stretch *stretches, uint32_t count)
{
	struct piece *pieces = calloc(count, 3 * sizeof(*pieces));

	if (!pieces) {
		tree->filter->count = MCR_FILTER_INSTRUCTIONS_MAX + 1;
		return;
	}
	emit_load(tree->filter, BPF_W, word_offset(tree, word));
	emit_pieces(tree, word, stretches, pieces, cut_pieces(pieces, word, stretches, count));
	free(pieces);
}

int mcr_filter_tree_emit(struct mcr_filter *filter, const struct mcr_filter_plan *plan, uint32_t version,
			 uint32_t is_esp)
{
	struct tree *tree = calloc(1, sizeof(*tree));

	if (!tree)
		return 0;
	tree->filter = filter;
	tree->plan = plan;
	tree->version = version;
	tree->is_esp = is_esp;
	tree->uses = calloc(plan->leaf_count + 1, sizeof(*tree->uses));
	if (tree->uses) {
		for (uint32_t i = 0; i < plan->group_count; i++) {
			if (plan->groups[i].leaf != MCR_LEAF_ANY)
				tree->uses[plan->groups[i].leaf]++;
		}
		emit_words(tree, version == 4 ? 3 : 0, plan->groups, plan->group_count);
		emit_shared_leaves(tree);
	}
	free(tree->uses);
	free(tree);
	return 1;
}
