/* The fuse: what passes at which rate, whatever the frames' sizes and the times they come at. */
#include "check.h"

#include "model.h"
#include "rate.h"

static bool pass(struct mcr_rate *rate, struct mcr_rate_limit limit, uint64_t time_us, uint32_t datagrams,
		 uint32_t bytes)
{
	if (!mcr_rate_has(rate, limit, time_us, datagrams, bytes))
		return false;
	mcr_rate_take(rate, limit, datagrams, bytes);
	return true;
}

static void without_a_limit_everything_passes(void)
{
	struct mcr_rate rate = { 0 };

	for (uint32_t i = 0; i < 100000; i++)
		CHECK(pass(&rate, (struct mcr_rate_limit){ 0, 0 }, 1, 64, 65535));
}

/* Far more than allowed, at random times: the burst passes at once, then exactly the rate. */
static void check_rate(uint64_t datagrams_max, uint64_t bits_max, uint64_t burst, uint64_t seconds)
{
	struct model_random random = model_random_from(0x4a7eull + datagrams_max + bits_max);
	const struct mcr_rate_limit limit = { datagrams_max, bits_max };
	const uint64_t end_us = 1000000 + seconds * 1000000;
	const uint64_t a_second = datagrams_max ? datagrams_max : bits_max / 1000;
	struct mcr_rate rate = { 0 };
	uint64_t time_us = 1000000, passed = 0;

	while (time_us < end_us) {
		passed += pass(&rate, limit, time_us, 1, 125);
		if (passed < burst || model_random_below(&random, 4) == 0)
			time_us += passed < burst ? 0 : model_random_below(&random, 1000000u / (uint32_t)a_second + 1);
	}
	while (pass(&rate, limit, end_us, 1, 125))
		passed++;
	CHECK(passed >= burst + seconds * a_second - 1 && passed <= burst + seconds * a_second);
}

static void rate_is_what_passes(void)
{
	check_rate(2000, 0, 200, 100);
	check_rate(333, 0, 128, 100);
	check_rate(1, 0, 128, 100);
	check_rate(100000, 0, 10000, 3);
	check_rate(0, 12345000, 1234, 20);
	check_rate(0, 1000000, 524, 20);
}

static void quiet_time_saves_up_no_more_than_the_burst(void)
{
	const struct mcr_rate_limit limit = { 10000, 0 };
	struct mcr_rate rate = { 0 };
	uint32_t passed = 0;

	while (pass(&rate, limit, 5000000, 1, 0))
		passed++;
	CHECK(passed == 1000);
	while (pass(&rate, limit, UINT64_MAX, 1, 0))
		passed++;
	CHECK(passed == 2000);
	/* A clock that goes back gives nothing, and takes nothing. */
	CHECK(!pass(&rate, limit, 5000000, 1, 0));
}

static void superframe_passes_whole_or_not_at_all(void)
{
	const struct mcr_rate_limit slow = { 10, 0 }, narrow = { 0, 8 };
	struct mcr_rate rate = { 0 };

	CHECK(pass(&rate, slow, 1000000, 124, 0));
	CHECK(!pass(&rate, slow, 1000000, 5, 0));
	CHECK(pass(&rate, slow, 1000000, 4, 0));
	CHECK(!pass(&rate, slow, 1099999, 1, 0));
	CHECK(pass(&rate, slow, 1100000, 1, 0));
	/* Slow as it is, the least that fits a bucket comes together again. */
	CHECK(!pass(&rate, slow, 13899999, 128, 0));
	CHECK(pass(&rate, slow, 13900000, 128, 0));
	rate = (struct mcr_rate){ 0 };
	CHECK(pass(&rate, narrow, 1000000, 45, 65507));
	CHECK(!pass(&rate, narrow, 1000000, 1, 30));
	CHECK(pass(&rate, narrow, 2000000, 1, 30));
}

static void both_limits_hold_and_a_refusal_costs_nothing(void)
{
	const struct mcr_rate_limit limit = { 2000, 8000000 };
	struct mcr_rate rate = { 0 };

	CHECK(!pass(&rate, limit, 1000000, 201, 0));
	CHECK(!pass(&rate, limit, 1000000, 1, 100001));
	CHECK(pass(&rate, limit, 1000000, 200, 100000));
	CHECK(!pass(&rate, limit, 1000000, 1, 0));
	/* Beyond what any interface carries. */
	rate = (struct mcr_rate){ 0 };
	for (uint32_t i = 0; i < 1000; i++)
		CHECK(pass(&rate, (struct mcr_rate_limit){ UINT64_MAX, UINT64_MAX }, 1000000, 64, 65507));
}

void mcr_rate_tests(void)
{
	RUN(without_a_limit_everything_passes);
	RUN(rate_is_what_passes);
	RUN(quiet_time_saves_up_no_more_than_the_burst);
	RUN(superframe_passes_whole_or_not_at_all);
	RUN(both_limits_hold_and_a_refusal_costs_nothing);
}
