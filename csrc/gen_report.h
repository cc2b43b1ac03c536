/* What a run of `mcr gen` came to, and how it is told: as a table for people, as JSON for programs. */
#ifndef MCR_GEN_REPORT_H
#define MCR_GEN_REPORT_H

#include <stdbool.h>
#include <stdint.h>

#include "address.h"
#include "gen.h"

#define MCR_GEN_ERRORS_MAX 16u

/** A flow and what was sent of it. */
struct mcr_gen_flow {
	union mcr_endpoint to;
	int fd;
	uint64_t sequence; /* of the next datagram */
	uint64_t digest;
	uint64_t broken; /* datagrams with the fault that was asked for; they have no place in the sequence */
};

struct mcr_gen_error {
	int32_t number;
	uint64_t count;
};

struct mcr_gen_result {
	struct mcr_gen_flow *flows; /* as many as the options say */
	uint64_t stream;
	uint64_t sent; /* taken by the kernel, broken ones included */
	uint64_t broken;
	uint64_t bytes; /* payload of those that are not broken */
	uint64_t waits; /* times that a full socket made gen wait */
	uint64_t elapsed_ns;
	struct mcr_gen_error errors[MCR_GEN_ERRORS_MAX];
	bool gso;
};

/** mcr_gen_report - print on stdout, as the options want it. */
void mcr_gen_report(const struct mcr_gen_options *options, const struct mcr_gen_result *result);

#endif
