/* What came to `mcr sink`, summed up and told: as a table for people, as JSON for programs. */
#ifndef MCR_SINK_REPORT_H
#define MCR_SINK_REPORT_H

#include <stdbool.h>
#include <stdint.h>

#include "histogram.h"
#include "seen.h"
#include "sink.h"
#include "sink_socket.h"
#include "traffic.h"

/** Everything that a report is made of. Large; all zero before the first datagram, but for the tally. */
struct mcr_sink_result {
	struct mcr_sink_socket *sockets;
	uint32_t socket_count;
	uint64_t socket_drops;
	struct mcr_tally tally;
	struct mcr_seen seen;
	struct mcr_histogram latency; /* of all flows, for a report */
};

/** Sums over all flows, and what belongs to none. */
struct mcr_sink_totals {
	uint64_t received, lost, reordered, duplicated, stale, corrupt, bytes;
	double seconds, rate;
};

/** mcr_sink_sum_up - bring everything that a report needs up to date. */
struct mcr_sink_totals mcr_sink_sum_up(struct mcr_sink_result *result);

/** mcr_sink_report - print on stdout how it ended. */
void mcr_sink_report(const struct mcr_sink_options *options, const struct mcr_sink_result *result,
		     const struct mcr_sink_totals *totals);

/**
 * mcr_sink_report_progress - print how it goes: on stderr, or with -j on stdout.
 * @rate: datagrams a second since the last report.
 */
void mcr_sink_report_progress(const struct mcr_sink_options *options, const struct mcr_sink_result *result,
			      const struct mcr_sink_totals *totals, double rate);

#endif
