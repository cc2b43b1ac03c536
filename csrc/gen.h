/* `mcr gen`: sends numbered, time-stamped datagrams at a promised rate. */
#ifndef MCR_GEN_H
#define MCR_GEN_H

#include <stdbool.h>
#include <stdint.h>

#include "address.h"
#include "frame.h"
#include "options.h"
#include "traffic.h"

#define MCR_GEN_FLOWS_MAX 65535u
#define MCR_GEN_RATE_MAX UINT64_C(1000000000)
#define MCR_GEN_BURST_MAX 65536u

#define MCR_SIZES_MAX 64u

/** The payload sizes of a stream: a list gone through again and again, or a random range. */
struct mcr_sizes {
	uint16_t min;
	uint16_t max;
	uint32_t count; /* of @list; 0: random between min and max */
	uint16_t list[MCR_SIZES_MAX];
};

/**
 * mcr_sizes_parse - read `1316`, `64,512,1400`, `64-1400` or `imix`.
 *
 * imix is 7 : 4 : 1 of the smallest payload (40 bytes), of IP packets of 576 bytes and of
 * 1500 bytes (payloads of 548 and 1472).
 *
 * Return: 0; -EINVAL for text that is none of these; -ERANGE for a size outside 1 to
 * MCR_TRAFFIC_LENGTH_MAX or a range upside down; -E2BIG for more than MCR_SIZES_MAX sizes.
 */
int32_t mcr_sizes_parse(const char *text, struct mcr_sizes *sizes);

/** mcr_sizes_pick - size of the datagram @sequence of flow @flow. */
uint16_t mcr_sizes_pick(const struct mcr_sizes *sizes, uint64_t stream, uint32_t flow,
			uint64_t sequence);

enum mcr_gen_gso {
	MCR_GEN_GSO_AUTO,
	MCR_GEN_GSO_ON,
	MCR_GEN_GSO_OFF,
};

/** What the command line asked for, checked and complete. */
struct mcr_gen_options {
	struct mcr_local_interface interface;
	struct mcr_flow_range range; /* destinations */
	struct mcr_address source; /* none: the interface's */
	struct mcr_sizes sizes;
	const char *payload; /* what all datagrams hold; NULL: headers and fillings */
	struct mcr_frame_plan frame; /* what all datagrams have alike: not their addresses and ports */
	enum mcr_fault fault;
	uint64_t fault_every; /* which datagram of each flow has it: every one whose number this divides */
	uint64_t rate; /* datagrams a second; 0: as fast as possible */
	uint64_t count; /* UINT64_MAX: no end */
	uint64_t duration_ns; /* 0: no end */
	uint32_t flows;
	uint32_t burst; /* at least 1 */
	uint16_t source_port; /* 0: any */
	uint8_t to_mac[6];
	bool has_mac;
	bool by_frames; /* what is wanted only whole frames of our own can have */
	bool verify;
	bool json;
	enum mcr_gen_gso gso;
};

/**
 * mcr_gen_options_parse - read the command line of gen, or answer `--help`.
 *
 * Return: MCR_OPTIONS_RUN with @options complete; otherwise the exit status, all having been said.
 */
int mcr_gen_options_parse(int argc, char **argv, struct mcr_gen_options *options);

/**
 * mcr_gen_main - run `mcr gen`.
 * @argv: argv[0] is `gen`.
 *
 * Returns when what was asked for is sent, or on SIGINT or SIGTERM, with a summary on stdout.
 *
 * Return: the exit status, MCR_EXIT_*.
 */
int mcr_gen_main(int argc, char **argv);

#endif
