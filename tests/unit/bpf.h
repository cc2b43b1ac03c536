/* bpf.h - runs the programs of filter.c as the kernel does, on packets that a test has made. */
#ifndef MCR_BPF_H
#define MCR_BPF_H

#include <stdbool.h>
#include <stdint.h>

#include "filter.h"

/* A packet as the kernel shows it to a filter, from the network header on. */
struct bpf_view {
	uint8_t bytes[256];
	uint32_t length;
	uint32_t link_bytes; /* before it */
	uint32_t protocol; /* ETH_P_* */
	uint32_t is_tagged;
	uint32_t tag; /* priority and VLAN */
};

/* Return: the program's verdict, or -1 for a program that the kernel would not have taken. */
int64_t bpf_run(const struct mcr_filter *filter, const struct bpf_view *view);

/* No jump leaves the program, and its last instruction is a return: the kernel asks for both. */
bool bpf_is_well_formed(const struct mcr_filter *filter);

#endif
