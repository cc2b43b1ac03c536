/*
 * filter_tree.h - the part of a filter that finds a packet's group, port and source in a plan: balanced trees of
 * comparisons, word by word of the address. A leaf that several groups have in common stands once, behind the tree.
 */
#ifndef MCR_FILTER_TREE_H
#define MCR_FILTER_TREE_H

#include "filter.h"
#include "filter_plan.h"

#include <stdint.h>

/**
 * mcr_filter_tree_emit - add the tree of a plan that is not empty; every path through it ends in a return.
 * @version: of IP; with 4, the length of the header is in X.
 * @is_esp: no ports are looked at.
 *
 * Return: 1, or 0 without memory; when the program becomes too long, its count says so.
 */
int mcr_filter_tree_emit(struct mcr_filter *filter, const struct mcr_filter_plan *plan, uint32_t version,
			 uint32_t is_esp);

#endif
