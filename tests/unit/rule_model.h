/*
 * rule_model.h - rule sets at random, small enough that their rules meet, and which rule takes a datagram, told by
 * somebody who asks them all.
 */
#ifndef MCR_RULE_MODEL_H
#define MCR_RULE_MODEL_H

#include "mcr.h"
#include "model.h"
#include "route.h"

#define RULE_MODEL_RULES_MAX 120u
#define RULE_MODEL_SOURCES_MAX 800u

struct rule_set {
	struct mcr_rule rules[RULE_MODEL_RULES_MAX];
	struct mcr_source sources[RULE_MODEL_SOURCES_MAX];
	uint32_t rule_count, source_count;
};

/* A rule of UDP on an IPv4 group prefix. */
struct mcr_rule rule_model_rule(uint32_t group, uint32_t group_bits, uint32_t port_first, uint32_t port_last);
struct mcr_source rule_model_source(uint32_t ipv4, uint32_t bits);

/* Up to @wanted rules on inputs 0 and 1, of both families and protocols; none is refused. Slots are their numbers. */
void rule_model_make(struct rule_set *set, struct model_random *random, uint32_t wanted);

/* A datagram that such rules are likely to be for. */
struct mcr_flow rule_model_flow(struct model_random *random);

int32_t rule_model_compile(const struct rule_set *set);

/* Compiles and maps; NULL when that fails, which has been said. munmap() is owed. */
const struct mcr_table *rule_model_map(const struct rule_set *set);

/* The number of the rule that takes a datagram, or a drop reason below 0; by the model, and by the table. */
int rule_model_find(const struct rule_set *set, uint32_t input, const struct mcr_flow *flow);
int rule_model_find_in(const struct mcr_table *table, uint32_t input, const struct mcr_flow *flow);

bool rule_model_is_in_prefix(const uint8_t *address, const uint8_t *prefix, uint32_t bits);

#endif
