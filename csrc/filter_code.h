/* filter_code.h - writes the instructions of a filter, one after the other. */
#ifndef MCR_FILTER_CODE_H
#define MCR_FILTER_CODE_H

#include "filter.h"

/* The kernel cuts what it gives to the ring to the returned length. */
#define ACCEPT UINT32_MAX
/* Offsets count from the network header, so that any link type works. */
#define NET(offset) ((uint32_t)SKF_NET_OFF + (offset))
#define IPV6_HEADER_BYTES 40u

/* Counts on when the program is full, so that the caller sees it was too long. Return: the instruction, or NULL. */
static inline struct sock_filter *emit(struct mcr_filter *filter, uint16_t code, uint32_t k, uint8_t jt, uint8_t jf)
{
	struct sock_filter *instruction = NULL;

	if (filter->count < MCR_FILTER_INSTRUCTIONS_MAX) {
		instruction = &filter->instructions[filter->count];
		*instruction = (struct sock_filter){ .code = code, .jt = jt, .jf = jf, .k = k };
	}
	filter->count++;
	return instruction;
}

static inline int is_full(const struct mcr_filter *filter)
{
	return filter->count > MCR_FILTER_INSTRUCTIONS_MAX;
}

static inline void emit_load(struct mcr_filter *filter, uint16_t size, uint32_t offset)
{
	emit(filter, (uint16_t)(BPF_LD | BPF_ABS | size), offset, 0, 0);
}

/* With IPv4 the length of its header is in X. */
static inline void emit_load_port(struct mcr_filter *filter, uint32_t version)
{
	if (version == 4)
		emit(filter, BPF_LD | BPF_H | BPF_IND, NET(2), 0, 0);
	else
		emit_load(filter, BPF_H, NET(IPV6_HEADER_BYTES + 2));
}

static inline void emit_return(struct mcr_filter *filter, uint32_t value)
{
	emit(filter, BPF_RET | BPF_K, value, 0, 0);
}

/* Goes on when A equals @value, else rejects. */
static inline void emit_require(struct mcr_filter *filter, uint32_t value)
{
	emit(filter, BPF_JMP | BPF_JEQ | BPF_K, value, 1, 0);
	emit_return(filter, 0);
}

/* Goes on when A lies within, else rejects. */
static inline void emit_require_within(struct mcr_filter *filter, uint32_t first, uint32_t last)
{
	if (first == last) {
		emit_require(filter, first);
		return;
	}
	if (first > 0) {
		emit(filter, BPF_JMP | BPF_JGE | BPF_K, first, 1, 0);
		emit_return(filter, 0);
	}
	if (last < UINT32_MAX) {
		emit(filter, BPF_JMP | BPF_JGT | BPF_K, last, 0, 1);
		emit_return(filter, 0);
	}
}

/*
 * "A >= value ? right : left" where left follows and right is further away than the 8 bits of a conditional jump
 * reach. Return: the jump whose target jump_end() sets.
 */
static inline struct sock_filter *branch_begin(struct mcr_filter *filter, uint32_t value)
{
	emit(filter, BPF_JMP | BPF_JGE | BPF_K, value, 0, 1);
	return emit(filter, BPF_JMP | BPF_JA, 0, 0, 0);
}

/* "A == value ? elsewhere : go on". */
static inline struct sock_filter *case_begin(struct mcr_filter *filter, uint32_t value)
{
	emit(filter, BPF_JMP | BPF_JEQ | BPF_K, value, 0, 1);
	return emit(filter, BPF_JMP | BPF_JA, 0, 0, 0);
}

/* What a jump was for comes next. */
static inline void jump_end(const struct mcr_filter *filter, struct sock_filter *jump)
{
	if (jump)
		jump->k = filter->count - (uint32_t)(jump - filter->instructions) - 1;
}

#endif
