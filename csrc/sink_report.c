/* The summary of `mcr sink`; see sink_report.h. */
#include "sink_report.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

struct mcr_sink_totals mcr_sink_sum_up(struct mcr_sink_result *result)
{
	struct mcr_sink_totals totals = { .corrupt = result->tally.corrupt };

	for (uint32_t i = 0; i < result->socket_count; i++)
		result->socket_drops += mcr_sink_socket_drops(&result->sockets[i]);
	memset(&result->latency, 0, sizeof(result->latency));
	for (uint32_t i = 0; i < result->tally.flow_count; i++) {
		const struct mcr_tally_flow *flow = &result->tally.flows[i];

		totals.received += flow->received;
		totals.lost += mcr_sequence_lost(&flow->sequence);
		totals.reordered += flow->sequence.reordered;
		totals.duplicated += flow->sequence.duplicated;
		totals.stale += flow->sequence.stale;
		totals.corrupt += flow->corrupt;
		totals.bytes += flow->bytes;
		mcr_histogram_merge(&result->latency, &flow->latency);
	}
	totals.seconds = (double)(result->tally.last_ns - result->tally.first_ns) / 1e9;
	/* N datagrams have N - 1 intervals between them. */
	if (totals.seconds > 0 && totals.received > 1)
		totals.rate = (double)(totals.received - 1) / totals.seconds;
	return totals;
}

static double quantile_us(const struct mcr_histogram *latency, uint32_t per_mille)
{
	return (double)mcr_histogram_quantile(latency, per_mille) / 1e3;
}

static void print_latency(const struct mcr_histogram *latency)
{
	printf("\"latency_us\":{\"p50\":%.3f,\"p99\":%.3f,\"p99_9\":%.3f,\"max\":%.3f}",
	       quantile_us(latency, 500), quantile_us(latency, 990), quantile_us(latency, 999),
	       quantile_us(latency, 1000));
}

static void print_flow(const struct mcr_sink_result *result, const struct mcr_tally_flow *flow)
{
	const union mcr_endpoint *to = &result->sockets[flow->destination].to;
	const struct mcr_address group = mcr_address_from(&to->any);
	const struct mcr_sequence *sequence = &flow->sequence;
	char text[MCR_ADDRESS_TEXT_BYTES];

	printf("{\"flow\":%u,\"stream\":\"%016" PRIx64 "\",\"group\":\"%s\",\"port\":%u,"
	       "\"received\":%" PRIu64 ",\"lost\":%" PRIu64 ",\"reordered\":%" PRIu64
	       ",\"duplicated\":%" PRIu64 ",\"stale\":%" PRIu64 ",\"corrupt\":%" PRIu64
	       ",\"bytes\":%" PRIu64 ",\"first\":%" PRIu64 ",\"last\":%" PRIu64 ",",
	       flow->flow, flow->stream, mcr_address_print(&group, text),
	       mcr_endpoint_port(to), flow->received, mcr_sequence_lost(sequence), sequence->reordered,
	       sequence->duplicated, sequence->stale, flow->corrupt, flow->bytes, sequence->first,
	       sequence->last);
	print_latency(&flow->latency);
	if (flow->is_unverified)
		printf(",\"digest\":null}");
	else
		printf(",\"digest\":\"%016" PRIx64 "\"}", flow->digest);
}

static void print_json(const struct mcr_sink_result *result, const struct mcr_sink_totals *totals, bool is_final)
{
	printf("{\"final\":%s,\"received\":%" PRIu64 ",\"lost\":%" PRIu64 ",\"reordered\":%" PRIu64
	       ",\"duplicated\":%" PRIu64 ",\"stale\":%" PRIu64 ",\"corrupt\":%" PRIu64
	       ",\"broken\":%" PRIu64 ",\"foreign\":%" PRIu64 ",\"untracked\":%" PRIu64 ",\"socket_drops\":%" PRIu64
	       ",\"behind\":%" PRIu64 ",\"bytes\":%" PRIu64 ",\"seconds\":%.6f,\"rate\":%.1f,",
	       is_final ? "true" : "false", totals->received, totals->lost, totals->reordered,
	       totals->duplicated, totals->stale, totals->corrupt, result->tally.broken,
	       result->tally.foreign, result->tally.untracked, result->socket_drops, result->tally.behind,
	       totals->bytes, totals->seconds, totals->rate);
	print_latency(&result->latency);
	if (is_final) {
		printf(",\"seen\":");
		mcr_seen_print_json(&result->seen);
		printf(",\"flows\":[");
		for (uint32_t i = 0; i < result->tally.flow_count; i++) {
			if (i)
				putchar(',');
			print_flow(result, &result->tally.flows[i]);
		}
		putchar(']');
	}
	printf("}\n");
	fflush(stdout);
}

static void print_table(const struct mcr_sink_result *result, const struct mcr_sink_totals *totals)
{
	printf("received %" PRIu64 ", lost %" PRIu64 ", reordered %" PRIu64 ", duplicated %" PRIu64
	       ", stale %" PRIu64 ", corrupt %" PRIu64 ", broken %" PRIu64 ", foreign %" PRIu64 ", untracked %" PRIu64
	       ", socket drops %" PRIu64 "\n",
	       totals->received, totals->lost, totals->reordered, totals->duplicated,
	       totals->stale, totals->corrupt, result->tally.broken, result->tally.foreign, result->tally.untracked,
	       result->socket_drops);
	printf("%" PRIu64 " bytes in %.3f s: %.0f datagrams/s, %.1f Mbit/s\n", totals->bytes,
	       totals->seconds, totals->rate,
	       totals->seconds > 0 ? (double)totals->bytes * 8 / totals->seconds / 1e6 : 0);
	printf("latency p50 %.1f us, p99 %.1f us, p99.9 %.1f us, max %.1f us\n",
	       quantile_us(&result->latency, 500), quantile_us(&result->latency, 990),
	       quantile_us(&result->latency, 999), quantile_us(&result->latency, 1000));
	mcr_seen_print(&result->seen);
	if (result->tally.behind)
		printf("%" PRIu64 " arrived before they were sent: the two clocks disagree\n",
		       result->tally.behind);
	printf("%6s  %-21s %12s %9s %9s %9s %9s %9s %9s  %s\n", "flow", "destination", "received",
	       "lost", "reordered", "dup", "corrupt", "p50 us", "p99 us", "digest");
	for (uint32_t i = 0; i < result->tally.flow_count && i < MCR_TABLE_ROWS_MAX; i++) {
		const struct mcr_tally_flow *flow = &result->tally.flows[i];
		char name[MCR_ENDPOINT_TEXT_BYTES];

		mcr_endpoint_print(&result->sockets[flow->destination].to, name);
		printf("%6u  %-21s %12" PRIu64 " %9" PRIu64 " %9" PRIu64 " %9" PRIu64 " %9" PRIu64
		       " %9.1f %9.1f  ",
		       flow->flow, name, flow->received, mcr_sequence_lost(&flow->sequence),
		       flow->sequence.reordered, flow->sequence.duplicated, flow->corrupt,
		       quantile_us(&flow->latency, 500), quantile_us(&flow->latency, 990));
		if (flow->is_unverified)
			printf("-\n");
		else
			printf("%016" PRIx64 "\n", flow->digest);
	}
	if (result->tally.flow_count > MCR_TABLE_ROWS_MAX)
		printf("and %u flows more: see -j\n", result->tally.flow_count - MCR_TABLE_ROWS_MAX);
}

void mcr_sink_report(const struct mcr_sink_options *options, const struct mcr_sink_result *result,
		     const struct mcr_sink_totals *totals)
{
	if (options->json)
		print_json(result, totals, true);
	else
		print_table(result, totals);
}

void mcr_sink_report_progress(const struct mcr_sink_options *options, const struct mcr_sink_result *result,
			      const struct mcr_sink_totals *totals, double rate)
{
	if (options->json)
		print_json(result, totals, false);
	else
		fprintf(stderr,
			"received %" PRIu64 " (%.0f/s), lost %" PRIu64 ", socket drops %" PRIu64
			", latency p50 %.1f us, p99 %.1f us\n",
			totals->received, rate, totals->lost, result->socket_drops,
			quantile_us(&result->latency, 500), quantile_us(&result->latency, 990));
}
