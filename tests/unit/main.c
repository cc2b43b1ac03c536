/* main.c - runs the C unit tests and says how many passed, and how many could not be made; fails when one did. */
#include <stdio.h>

#include "check.h"

/* One in each file of tests. */
void mcr_address_tests(void);
void mcr_capture_tests(void);
void mcr_channel_tests(void);
void mcr_egress_tests(void);
void mcr_filter_match_tests(void);
void mcr_filter_tests(void);
void mcr_frame_tests(void);
void mcr_hold_tests(void);
void mcr_input_tests(void);
void mcr_membership_tests(void);
void mcr_output_tests(void);
void mcr_packet_ring_tests(void);
void mcr_parse_ipv6_tests(void);
void mcr_parse_tests(void);
void mcr_process_tests(void);
void mcr_raw_frame_tests(void);
void mcr_rate_tests(void);
void mcr_reassembly_tests(void);
void mcr_route_match_tests(void);
void mcr_route_tests(void);
void mcr_sandbox_tests(void);
void mcr_seen_tests(void);
void mcr_stats_tests(void);
void mcr_traffic_tests(void);
void mcr_uring_tests(void);
void mcr_varying_tests(void);
void mcr_worker_match_tests(void);
void mcr_worker_tests(void);

static unsigned passed, failed, skipped;
static bool is_failing, is_skipped;

bool mcr_check(bool holds, const char *file, int line, const char *text)
{
	if (!holds) {
		is_failing = true;
		fprintf(stderr, "%s:%d: does not hold: %s\n", file, line, text);
	}
	return holds;
}

bool mcr_check_is_failing(void)
{
	return is_failing;
}

void mcr_check_skip(const char *reason)
{
	is_skipped = true;
	fprintf(stderr, "skipped: %s\n", reason);
}

void mcr_check_run(void (*test)(void), const char *name)
{
	is_failing = is_skipped = false;
	test();
	if (is_failing) {
		failed++;
		fprintf(stderr, "FAILED %s\n", name);
	} else if (is_skipped) {
		skipped++;
	} else {
		passed++;
	}
}

int main(void)
{
	mcr_address_tests();
	mcr_capture_tests();
	mcr_channel_tests();
	mcr_egress_tests();
	mcr_filter_match_tests();
	mcr_filter_tests();
	mcr_frame_tests();
	mcr_hold_tests();
	mcr_input_tests();
	mcr_membership_tests();
	mcr_output_tests();
	mcr_packet_ring_tests();
	mcr_parse_ipv6_tests();
	mcr_parse_tests();
	mcr_process_tests();
	mcr_raw_frame_tests();
	mcr_rate_tests();
	mcr_reassembly_tests();
	mcr_route_match_tests();
	mcr_route_tests();
	mcr_sandbox_tests();
	mcr_seen_tests();
	mcr_stats_tests();
	mcr_traffic_tests();
	mcr_uring_tests();
	mcr_varying_tests();
	mcr_worker_match_tests();
	mcr_worker_tests();
	printf("%u passed, %u failed, %u skipped\n", passed, failed, skipped);
	return failed > 0;
}
