/* `mcr sink`: receives what `mcr gen` sends and tells what became of it. */
#ifndef MCR_SINK_H
#define MCR_SINK_H

#include <stdbool.h>
#include <stdint.h>

#include "address.h"
#include "options.h"

#define MCR_SINK_GROUPS_MAX 64u
#define MCR_SINK_SOURCES_MAX 64u
#define MCR_SINK_SOCKETS_MAX 4096u /* groups times flows; each is a socket */

/** What the command line asked for, checked and complete. */
struct mcr_sink_options {
	struct mcr_local_interface interface;
	struct mcr_address groups[MCR_SINK_GROUPS_MAX];
	struct mcr_address sources[MCR_SINK_SOURCES_MAX]; /* joined with each group; none: any */
	uint32_t group_count;
	uint32_t source_count;
	uint32_t flows; /* destinations from each group on */
	uint64_t count; /* UINT64_MAX: no end */
	uint64_t expect; /* UINT64_MAX: nothing is expected */
	uint64_t idle_ns; /* these three, 0: never */
	uint64_t timeout_ns;
	uint64_t interval_ns;
	uint32_t size; /* bytes of payload, to count datagrams by the counters; 0: unknown */
	uint16_t port; /* 0 for ESP */
	bool flows_by_port;
	bool is_esp;
	bool verify;
	bool counters;
	bool json;
};

/**
 * mcr_sink_options_parse - read the command line of sink, or answer `--help`.
 *
 * Return: MCR_OPTIONS_RUN with @options complete; otherwise the exit status, all having been said.
 */
int mcr_sink_options_parse(int argc, char **argv, struct mcr_sink_options *options);

/** The destinations from group number @group on. */
static inline struct mcr_flow_range mcr_sink_range(const struct mcr_sink_options *options, uint32_t group)
{
	return (struct mcr_flow_range){
		.first = options->groups[group],
		.port = options->port,
		.by_port = options->flows_by_port,
	};
}

/**
 * mcr_sink_main - run `mcr sink`.
 * @argv: argv[0] is `sink`.
 *
 * Prints `ready` on stderr once it has joined and listens. Returns after the count, the idle time,
 * the timeout, or on SIGINT or SIGTERM, with a summary on stdout.
 *
 * Return: the exit status, MCR_EXIT_*; loss is a result and no failure, unless --expect says so.
 */
int mcr_sink_main(int argc, char **argv);

#endif
