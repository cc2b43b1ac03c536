/* The statistics page as the supervisor handles it, and the buckets of a latency. */
#include "check.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <unistd.h>

#include "egress.h"
#include "mcr.h"

static void page_is_empty_shared_and_of_fixed_size(void)
{
	const int32_t fd = mcr_stats_open();
	struct mcr_stats *first = mcr_stats_map(fd), *second = mcr_stats_map(fd);

	if (!CHECK(fd >= 0 && first && second))
		return;
	CHECK(first->worker.received == 0 && first->outputs[MCR_OUTPUTS_MAX - 1].due == 0);
	first->outputs[MCR_OUTPUTS_MAX - 1].due = 5;
	CHECK(second->outputs[MCR_OUTPUTS_MAX - 1].due == 5);
	CHECK(ftruncate(fd, 0) < 0 && errno == EPERM);
	CHECK(ftruncate(fd, (off_t)sizeof(struct mcr_stats) + 1) < 0 && errno == EPERM);
	CHECK(fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE) < 0 && errno == EPERM);
	CHECK(mcr_stats_unmap(first) == 0 && mcr_stats_unmap(second) == 0);
	close(fd);
}

static void map_of_no_page_fails_with_a_sentence(void)
{
	CHECK(mcr_stats_map(-1) == NULL);
	CHECK(strncmp(mcr_error(), "Cannot map a statistics page: ", 30) == 0);
}

static void settle_adds_the_notes_of_each_life(void)
{
	const int32_t fd = mcr_stats_open(), progress = mcr_event_open();
	struct mcr_stats *stats = mcr_stats_map(fd);

	if (!CHECK(stats && progress >= 0))
		return;
	CHECK(mcr_stats_settle(stats, 7, progress) == 0 && stats->rings[7].completed == 0);
	eventfd_write(progress, 40);
	eventfd_write(progress, 2);
	CHECK(mcr_stats_settle(stats, 7, progress) == 0 && stats->rings[7].completed == 42);
	CHECK(mcr_stats_settle(stats, 7, progress) == 0 && stats->rings[7].completed == 42);
	eventfd_write(progress, 8);
	CHECK(mcr_stats_settle(stats, 7, progress) == 0 && stats->rings[7].completed == 50);
	CHECK(stats->rings[6].completed == 0 && stats->rings[8].completed == 0);
	CHECK(mcr_stats_settle(stats, MCR_INPUTS_MAX, progress) == -EINVAL);
	CHECK(mcr_stats_settle(stats, 7, -1) == -EBADF);
	mcr_stats_unmap(stats);
	close(progress);
	close(fd);
}

static void buckets_of_latency_are_four_a_doubling(void)
{
	uint32_t previous = 0;

	CHECK(mcr_latency_bucket(0) == 0 && mcr_latency_bucket(1) == 0 && mcr_latency_bucket(256) == 0);
	/* From 320 ns on the second, 384 the third, 448 the fourth, 512 the first of the next doubling. */
	CHECK(mcr_latency_bucket(319) == 0 && mcr_latency_bucket(320) == 1);
	CHECK(mcr_latency_bucket(383) == 1 && mcr_latency_bucket(384) == 2);
	CHECK(mcr_latency_bucket(447) == 2 && mcr_latency_bucket(448) == 3);
	CHECK(mcr_latency_bucket(511) == 3 && mcr_latency_bucket(512) == 4);
	for (uint32_t bucket = 0; bucket < MCR_LATENCY_BUCKETS - 1; bucket++) {
		const uint64_t doubling = UINT64_C(1) << (MCR_LATENCY_FIRST_LOG2 + bucket / MCR_LATENCY_STEPS);
		const uint64_t lowest = doubling + doubling / MCR_LATENCY_STEPS * (bucket % MCR_LATENCY_STEPS);

		CHECK(mcr_latency_bucket(lowest) == bucket);
		CHECK(bucket == 0 || mcr_latency_bucket(lowest - 1) == bucket - 1);
	}
	CHECK(mcr_latency_bucket((UINT64_C(1) << 33) - 1) == MCR_LATENCY_BUCKETS - 2);
	CHECK(mcr_latency_bucket(UINT64_C(1) << 33) == MCR_LATENCY_BUCKETS - 1);
	CHECK(mcr_latency_bucket(UINT64_MAX) == MCR_LATENCY_BUCKETS - 1);
	for (uint64_t time_ns = 0; time_ns < 1u << 20; time_ns += 7) {
		const uint32_t bucket = mcr_latency_bucket(time_ns);

		CHECK(bucket == previous || bucket == previous + 1);
		previous = bucket;
	}
}

static void segments_are_counted_with_the_last(void)
{
	CHECK(mcr_segment_count(0, 0) == 1 && mcr_segment_count(1400, 0) == 1);
	CHECK(mcr_segment_count(0, 100) == 1 && mcr_segment_count(100, 100) == 1);
	CHECK(mcr_segment_count(101, 100) == 2 && mcr_segment_count(200, 100) == 2);
	CHECK(mcr_segment_count(201, 100) == 3);
}

static void drop_reasons_have_names_of_their_own_and_advice(void)
{
	for (uint32_t reason = 0; reason < MCR_DROP_COUNT; reason++) {
		CHECK(mcr_drop_name(reason)[0] != '\0' && mcr_drop_advice(reason)[0] != '\0');
		for (uint32_t other = 0; other < reason; other++)
			CHECK(strcmp(mcr_drop_name(reason), mcr_drop_name(other)) != 0);
	}
	CHECK(mcr_drop_name(MCR_DROP_COUNT)[0] == '\0' && mcr_drop_advice(UINT32_MAX)[0] == '\0');
}

static void errors_have_the_names_of_the_manual(void)
{
	CHECK(strcmp(mcr_error_name(EPERM), "EPERM") == 0);
	CHECK(strcmp(mcr_error_name(-ENOBUFS), "ENOBUFS") == 0);
	CHECK(strcmp(mcr_error_name(9999), "E9999") == 0);
	CHECK(mcr_close(-1) == -EBADF);
	CHECK(strncmp(mcr_error(), "Cannot close descriptor -1: ", 28) == 0);
}

static void event_is_readable_until_cleared(void)
{
	const int32_t event = mcr_event_open();
	uint8_t ready[2] = { 9, 9 };

	CHECK(mcr_poll(&event, 1, 0, ready) == 0 && ready[0] == 0 && ready[1] == 9);
	CHECK(mcr_event_signal(event) == 0 && mcr_event_signal(event) == 0);
	CHECK(mcr_poll(&event, 1, 1000, ready) == 1 && ready[0] == 1);
	CHECK(mcr_event_clear(event) == 0 && mcr_event_clear(event) == 0);
	CHECK(mcr_poll(&event, 1, 0, ready) == 0);
	CHECK(mcr_poll(&event, 1025, 0, ready) == -EINVAL);
	close(event);
}

void mcr_stats_tests(void)
{
	RUN(page_is_empty_shared_and_of_fixed_size);
	RUN(map_of_no_page_fails_with_a_sentence);
	RUN(settle_adds_the_notes_of_each_life);
	RUN(buckets_of_latency_are_four_a_doubling);
	RUN(segments_are_counted_with_the_last);
	RUN(drop_reasons_have_names_of_their_own_and_advice);
	RUN(errors_have_the_names_of_the_manual);
	RUN(event_is_readable_until_cleared);
}
