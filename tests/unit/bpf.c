/* bpf.c - see bpf.h. */
#include "bpf.h"

struct machine {
	const struct bpf_view *view;
	uint32_t a, x;
	bool has_ended; /* a load beyond the packet ends a program with 0 */
};

/* Loads as the kernel does: relative to the network header or ancillary. */
static uint32_t load(struct machine *machine, uint32_t offset, uint32_t size)
{
	const struct bpf_view *view = machine->view;
	const uint32_t at = offset - (uint32_t)SKF_NET_OFF;
	uint32_t value = 0;

	if (offset == (uint32_t)SKF_AD_OFF + SKF_AD_PROTOCOL)
		return view->protocol;
	if (offset == (uint32_t)SKF_AD_OFF + SKF_AD_VLAN_TAG_PRESENT)
		return view->is_tagged;
	if (offset == (uint32_t)SKF_AD_OFF + SKF_AD_VLAN_TAG)
		return view->tag;
	if ((int32_t)offset < SKF_NET_OFF || at > view->length || size > view->length - at) {
		machine->has_ended = true;
		return 0;
	}
	for (uint32_t i = 0; i < size; i++)
		value = value << 8 | view->bytes[at + i];
	return value;
}

static uint32_t load_size(uint16_t code)
{
	return BPF_SIZE(code) == BPF_W ? 4 : BPF_SIZE(code) == BPF_H ? 2 : 1;
}

/* Return: false for an instruction that filters do not have. */
static bool step(struct machine *machine, const struct sock_filter *one)
{
	switch (one->code) {
	case BPF_LD | BPF_W | BPF_ABS:
	case BPF_LD | BPF_H | BPF_ABS:
	case BPF_LD | BPF_B | BPF_ABS:
		machine->a = load(machine, one->k, load_size(one->code));
		return true;
	case BPF_LD | BPF_H | BPF_IND:
	case BPF_LD | BPF_B | BPF_IND:
		machine->a = load(machine, machine->x + one->k, load_size(one->code));
		return true;
	case BPF_LD | BPF_W | BPF_LEN:
		machine->a = machine->view->link_bytes + machine->view->length;
		return true;
	case BPF_LDX | BPF_B | BPF_MSH:
		machine->x = (load(machine, one->k, 1) & 15) * 4;
		return true;
	case BPF_ALU | BPF_ADD | BPF_K:
		machine->a += one->k;
		return true;
	case BPF_ALU | BPF_SUB | BPF_X:
		machine->a -= machine->x;
		return true;
	case BPF_ALU | BPF_AND | BPF_K:
		machine->a &= one->k;
		return true;
	default:
		return false;
	}
}

/* How many instructions a jump passes over. Return: false for what is no jump. */
static bool jump(const struct machine *machine, const struct sock_filter *one, uint32_t *distance)
{
	bool holds;

	switch (one->code) {
	case BPF_JMP | BPF_JA:
		*distance = one->k;
		return true;
	case BPF_JMP | BPF_JEQ | BPF_K:
		holds = machine->a == one->k;
		break;
	case BPF_JMP | BPF_JGE | BPF_K:
		holds = machine->a >= one->k;
		break;
	case BPF_JMP | BPF_JGT | BPF_K:
		holds = machine->a > one->k;
		break;
	case BPF_JMP | BPF_JSET | BPF_K:
		holds = (machine->a & one->k) != 0;
		break;
	default:
		return false;
	}
	*distance = holds ? one->jt : one->jf;
	return true;
}

int64_t bpf_run(const struct mcr_filter *filter, const struct bpf_view *view)
{
	struct machine machine = { .view = view };
	uint32_t distance;

	for (uint32_t at = 0; at < filter->count; at++) {
		const struct sock_filter *one = &filter->instructions[at];

		if (one->code == (BPF_RET | BPF_K))
			return one->k;
		if (jump(&machine, one, &distance))
			at += distance;
		else if (!step(&machine, one))
			return -1;
		if (machine.has_ended)
			return 0;
	}
	return -1;
}

bool bpf_is_well_formed(const struct mcr_filter *filter)
{
	for (uint32_t at = 0; at < filter->count; at++) {
		const struct sock_filter *one = &filter->instructions[at];
		const uint64_t next = (uint64_t)at + 1;

		if (BPF_CLASS(one->code) != BPF_JMP)
			continue;
		if (one->code == (BPF_JMP | BPF_JA)) {
			if (next + one->k >= filter->count)
				return false;
		} else if (next + one->jt >= filter->count || next + one->jf >= filter->count) {
			return false;
		}
	}
	return filter->count > 0 && filter->instructions[filter->count - 1].code == (BPF_RET | BPF_K);
}
