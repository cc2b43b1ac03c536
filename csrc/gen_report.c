/* The summary of `mcr gen`; see gen_report.h. */
#include "gen_report.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "mcr.h"

static double seconds_of(const struct mcr_gen_result *result)
{
	return (double)result->elapsed_ns / 1e9;
}

static double rate_of(const struct mcr_gen_result *result)
{
	return result->elapsed_ns ? (double)result->sent / seconds_of(result) : 0;
}

static void print_json(const struct mcr_gen_options *options, const struct mcr_gen_result *result)
{
	char text[MCR_ADDRESS_TEXT_BYTES];

	printf("{\"sent\":%" PRIu64 ",\"broken\":%" PRIu64 ",\"bytes\":%" PRIu64 ",\"seconds\":%.6f,\"rate\":%.1f,"
	       "\"gso\":%s,\"waits\":%" PRIu64 ",\"stream\":\"%016" PRIx64 "\",\"errors\":{",
	       result->sent - result->broken, result->broken, result->bytes, seconds_of(result), rate_of(result),
	       result->gso ? "true" : "false", result->waits, result->stream);
	for (uint32_t i = 0; i < MCR_GEN_ERRORS_MAX && result->errors[i].count; i++)
		printf("%s\"%s\":%" PRIu64, i ? "," : "", mcr_error_name(result->errors[i].number),
		       result->errors[i].count);
	printf("},\"flows\":[");
	for (uint32_t i = 0; i < options->flows; i++) {
		const struct mcr_gen_flow *flow = &result->flows[i];
		const struct mcr_address group = mcr_address_from(&flow->to.any);

		printf("%s{\"flow\":%u,\"group\":\"%s\",\"port\":%u,\"sent\":%" PRIu64 ",\"broken\":%" PRIu64
		       ",\"digest\":",
		       i ? "," : "", i, mcr_address_print(&group, text), mcr_endpoint_port(&flow->to), flow->sequence,
		       flow->broken);
		if (options->verify)
			printf("\"%016" PRIx64 "\"}", flow->digest);
		else
			printf("null}");
	}
	printf("]}\n");
}

static void print_table(const struct mcr_gen_options *options, const struct mcr_gen_result *result)
{
	const double seconds = seconds_of(result);
	char text[MCR_ENDPOINT_TEXT_BYTES];

	printf("sent %" PRIu64 " datagrams, %" PRIu64 " bytes in %.3f s: %.0f datagrams/s, %.1f Mbit/s%s\n",
	       result->sent - result->broken, result->bytes, seconds, rate_of(result),
	       seconds > 0 ? (double)result->bytes * 8 / seconds / 1e6 : 0,
	       result->gso ? ", in runs (UDP_SEGMENT)" : "");
	if (options->fault != MCR_FAULT_NONE)
		printf("and %" PRIu64 " broken ones: %s\n", result->broken, mcr_fault_meaning(options->fault));
	for (uint32_t i = 0; i < MCR_GEN_ERRORS_MAX && result->errors[i].count; i++)
		printf("error %s: %" PRIu64 " times (%s)\n", mcr_error_name(result->errors[i].number),
		       result->errors[i].count, strerror(result->errors[i].number));
	printf("%6s  %-21s %14s  %s\n", "flow", "destination", "sent", "digest");
	for (uint32_t i = 0; i < options->flows && i < MCR_TABLE_ROWS_MAX; i++) {
		const struct mcr_gen_flow *flow = &result->flows[i];

		printf("%6u  %-21s %14" PRIu64 "  ", i, mcr_endpoint_print(&flow->to, text), flow->sequence);
		if (options->verify)
			printf("%016" PRIx64 "\n", flow->digest);
		else
			printf("-\n");
	}
	if (options->flows > MCR_TABLE_ROWS_MAX)
		printf("and %u flows more: see -j\n", options->flows - MCR_TABLE_ROWS_MAX);
}

void mcr_gen_report(const struct mcr_gen_options *options, const struct mcr_gen_result *result)
{
	if (options->json)
		print_json(options, result);
	else
		print_table(options, result);
}
