/* Counting by the counters of an interface; see sink_counters.h. */
#include "sink_counters.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base.h"

#define COUNTERS_POLL_NS 10000000u

/** Of the interface, since it exists or since sink started. */
struct counters {
	uint64_t bytes, packets;
};

/* 14 of Ethernet, 20 of IPv4 or 40 of IPv6, 8 of UDP or ESP. */
static uint64_t headers_bytes(const struct mcr_sink_options *options)
{
	return options->groups[0].family == AF_INET ? 42 : 62;
}

/* Of the payloads; none where there were smaller packets of others. */
static uint64_t payload_bytes(const struct mcr_sink_options *options, const struct counters *counted)
{
	const uint64_t headers = headers_bytes(options) * counted->packets;

	return counted->bytes > headers ? counted->bytes - headers : 0;
}

/* Return 0, or MCR_EXIT_FAILED with the interface gone. */
static int read_counters(const struct mcr_sink_options *options, struct counters *counters)
{
	const size_t length = strlen(options->interface.name);
	FILE *file = fopen("/proc/net/dev", "re");
	char line[512];
	bool found = false;

	while (file && !found && fgets(line, sizeof(line), file)) {
		const char *name = line + strspn(line, " ");

		if (strncmp(name, options->interface.name, length) || name[length] != ':')
			continue;
		found = sscanf(name + length + 1, "%" SCNu64 " %" SCNu64, &counters->bytes,
			       &counters->packets) == 2;
	}
	if (file)
		fclose(file);
	if (found)
		return MCR_EXIT_DONE;
	return mcr_failure("sink", "Cannot read the counters of \"%s\" in /proc/net/dev",
			   options->interface.name);
}

static void report_counters(const struct mcr_sink_options *options, const struct counters *counted,
			    double seconds, bool is_final)
{
	const uint64_t bytes = payload_bytes(options, counted);
	const uint64_t number = options->size ? bytes / options->size : counted->packets;
	const char *what = options->size ? "datagrams" : "packets";
	const double rate = seconds > 0 ? (double)number / seconds : 0;

	if (options->json) {
		printf("{\"final\":%s,\"mode\":\"counters\",\"packets\":%" PRIu64
		       ",\"bytes\":%" PRIu64 ",",
		       is_final ? "true" : "false", counted->packets, bytes);
		if (options->size)
			printf("\"received\":%" PRIu64 ",", number);
		printf("\"seconds\":%.6f,\"rate\":%.1f}\n", seconds, rate);
		fflush(stdout);
		return;
	}
	fprintf(is_final ? stdout : stderr,
		"%s %" PRIu64 " by the counters of %s, %" PRIu64 " bytes of payload in %.3f s: "
		"%.0f %s/s\n",
		what, number, options->interface.name, bytes, seconds, rate, what);
	if (is_final)
		printf("these count all that the interface received, and verify nothing\n");
}

int mcr_sink_count(const struct mcr_sink_options *options)
{
	const struct timespec pause = { .tv_nsec = COUNTERS_POLL_NS };
	const uint64_t start = clock_ns(CLOCK_MONOTONIC);
	const uint64_t end = options->timeout_ns ? start + options->timeout_ns : UINT64_MAX;
	uint64_t now = start, first = 0, last = 0, reported_ns = start;
	struct counters base = { 0 }, counted = { 0 };

	if (read_counters(options, &base) != MCR_EXIT_DONE)
		return MCR_EXIT_FAILED;
	for (;;) {
		const bool is_last = mcr_is_stopped() || now >= end ||
				     (first && options->idle_ns && now >= last + options->idle_ns);
		struct counters current = { 0 };

		if (read_counters(options, &current) != MCR_EXIT_DONE)
			return MCR_EXIT_FAILED;
		current.bytes -= base.bytes;
		current.packets -= base.packets;
		if (current.packets != counted.packets) {
			last = now;
			first = first ? first : now - COUNTERS_POLL_NS;
		}
		counted = current;
		if (is_last || (options->size && payload_bytes(options, &counted) / options->size >= options->count))
			break;
		if (options->interval_ns && now >= reported_ns + options->interval_ns) {
			report_counters(options, &counted, (double)(last - first) / 1e9, false);
			reported_ns = now;
		}
		nanosleep(&pause, NULL);
		now = clock_ns(CLOCK_MONOTONIC);
	}
	report_counters(options, &counted, (double)(last - first) / 1e9, true);
	return MCR_EXIT_DONE;
}
