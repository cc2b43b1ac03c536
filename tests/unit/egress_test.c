/* Batches that leave through a real io_uring and real UDP sockets on the loopback. */
#include "check.h"

#include <errno.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>

#include "egress_world.h"

/* Fits into a receive buffer of the default size, whatever the datagrams' sizes. */
#define ROUND_DATAGRAMS 60u

/* Rule 0 to socket 0, rule 1 to socket 1. */
static bool open_two_rules(struct world *world)
{
	const struct mcr_rule rules[] = { world_rule(0, 0, 1), world_rule(1, 1, 1) };
	const struct mcr_output outputs[] = { world_output(0, 0), world_output(1, 1) };

	return world_open(world, rules, 2, outputs, 2);
}

/* A run of two, so that it is known whether the socket takes segments and runs may grow. */
static void probe(struct world *world, uint32_t route, uint32_t socket)
{
	mcr_egress_begin(world->egress);
	world_add(world, route, world->stream, 100, 0);
	world_add(world, route, world->stream + 100, 100, 0);
	CHECK(!mcr_egress_has_room(world->egress));
	world_flush(world);
	CHECK(world_hears(world, socket, world->stream, 100) && world_hears(world, socket, world->stream + 100, 100));
}

static void run_is_one_route_and_one_size(void)
{
	static const struct {
		uint32_t route, length, run;
	} datagrams[] = {
		{ 0, 500, 0 }, { 0, 500, 0 }, { 0, 499, 0 }, /* a shorter one closes it */
		{ 0, 500, 1 }, { 0, 501, 2 }, /* a longer one needs another */
		{ 1, 501, 3 }, { 0, 501, 4 }, { 0, 501, 4 }, /* as does another route */
		{ 0, 0, 5 },   { 0, 0, 6 },   { 0, 7, 7 }, /* an empty one stands alone */
		{ 0, 1, 7 },   { 0, 1, 8 },
	};
	const uint32_t count = sizeof(datagrams) / sizeof(datagrams[0]);
	struct world world;

	if (!open_two_rules(&world))
		return;
	probe(&world, 0, 0);
	mcr_egress_begin(world.egress);
	for (uint32_t i = 0; i < count; i++) {
		world_add(&world, datagrams[i].route, world.stream + i * 1000, datagrams[i].length, 0);
		CHECK(world.egress->run_count == datagrams[i].run + 1);
	}
	world_flush(&world);
	for (uint32_t i = 0; i < count; i++)
		CHECK(world_hears(&world, datagrams[i].route, world.stream + i * 1000, datagrams[i].length));
	CHECK(world_hears_nothing(&world, 0) && world_hears_nothing(&world, 1));
	CHECK(world.stats->outputs[0].sent == count - 1 + 2 && world.stats->outputs[1].sent == 1);
	CHECK(world.stats->rules[0].latency[mcr_latency_bucket(1000)] == count - 1 + 2);
	CHECK(world.stats->rules[0].latency_sum_ns == (count - 1 + 2) * 1000);
	world_check_identities(&world);
	world_close(&world);
}

static void run_ends_at_the_limits_of_the_kernel(void)
{
	struct world world;

	if (!open_two_rules(&world))
		return;
	probe(&world, 0, 0);
	mcr_egress_begin(world.egress);
	for (uint32_t i = 0; i < MCR_SEGMENTS_MAX + 1; i++)
		world_add(&world, 0, world.stream + i, 10, 0);
	CHECK(world.egress->run_count == 2 && world.egress->runs[1].datagram_count == 1);
	world_flush(&world);
	for (uint32_t i = 0; i < MCR_SEGMENTS_MAX + 1; i++)
		CHECK(world_hears(&world, 0, world.stream + i, 10));
	/* 44 of 1472 bytes are 64,768; what fills them up to 65,507 is 739. */
	mcr_egress_begin(world.egress);
	for (uint32_t i = 0; i < 44; i++)
		world_add(&world, 0, world.stream + i, SEGMENT_MAX, 0);
	world_add(&world, 0, world.stream, 740, 0);
	CHECK(world.egress->run_count == 2 && world.egress->runs[0].bytes == 44 * SEGMENT_MAX);
	world_flush(&world);
	for (uint32_t i = 0; i < 44; i++)
		CHECK(world_hears(&world, 0, world.stream + i, SEGMENT_MAX));
	CHECK(world_hears(&world, 0, world.stream, 740));
	mcr_egress_begin(world.egress);
	for (uint32_t i = 0; i < 44; i++)
		world_add(&world, 0, world.stream + i, SEGMENT_MAX, 0);
	world_add(&world, 0, world.stream, 739, 0);
	CHECK(world.egress->run_count == 1 && world.egress->runs[0].bytes == MCR_RUN_BYTES_MAX);
	world_flush(&world);
	for (uint32_t i = 0; i < 44; i++)
		CHECK(world_hears(&world, 0, world.stream + i, SEGMENT_MAX));
	CHECK(world_hears(&world, 0, world.stream, 739) && world_hears_nothing(&world, 0));
	world_check_identities(&world);
	world_close(&world);
}

static void batch_ends_with_its_last_frame(void)
{
	struct world world;

	if (!open_two_rules(&world))
		return;
	mcr_egress_begin(world.egress);
	for (uint32_t i = 0; i < MCR_BATCH_FRAMES; i++)
		world_add(&world, i % 2, world.stream, 0, 0);
	CHECK(!mcr_egress_has_room(world.egress));
	world_flush(&world);
	CHECK(world.stats->worker.relayed == MCR_BATCH_FRAMES);
	world_close(&world);
}

/* Sockets 0 and 1 take segments, 2 is told to send every datagram alone, 3 has nowhere to go. */
static bool open_four_outputs(struct world *world)
{
	const struct mcr_rule rules[] = { world_rule(0, 0, 4), world_rule(1, 1, 2) };
	struct mcr_output outputs[] = { world_output(0, 0), world_output(1, 1), world_output(2, 2),
					world_output(MCR_NO_SOCKET, 3) };

	outputs[2].segment_max = 0;
	return world_open(world, rules, 2, outputs, 4);
}

static void superframe_leaves_as_its_datagrams(void)
{
	const uint32_t lengths[] = { 40 * 1000, 40 * 1000 - 1, 39 * 1000 + 1, 1001, 1000, 999 };
	uint64_t datagrams = 0;
	struct world world;

	if (!open_four_outputs(&world))
		return;
	for (uint32_t i = 0; i < 6; i++) {
		const uint32_t count = mcr_segment_count(lengths[i], 1000);

		mcr_egress_begin(world.egress);
		world_add(&world, 0, world.stream, lengths[i], 1000);
		world_flush(&world);
		for (uint32_t at = 0; at < count; at++) {
			const uint32_t length = at + 1 < count ? 1000 : lengths[i] - at * 1000;

			for (uint32_t socket = 0; socket < 3; socket++)
				CHECK(world_hears(&world, socket, world.stream + at * 1000, length));
		}
		datagrams += count;
	}
	CHECK(world.stats->rules[0].received == datagrams && world.stats->worker.relayed == datagrams);
	CHECK(world.stats->outputs[2].sent == datagrams && world.stats->outputs[3].sent == 0);
	CHECK(world.stats->outputs[3].due == datagrams);
	CHECK(world.stats->rules[0].latency[mcr_latency_bucket(1000)] == datagrams);
	CHECK(world.stats->rules[0].latency_sum_ns == datagrams * 1000);
	CHECK(world.stats->outputs[2].last_ns == 2000 && world.stats->outputs[3].last_ns == 0);
	CHECK(world.stats->outputs[3].drops[MCR_DROP_NO_INTERFACE] == datagrams);
	world_check_identities(&world);
	world_close(&world);
}

static void superframe_of_more_than_is_wanted_leaves_singly(void)
{
	struct world world;

	for (uint32_t segments_max = 1; segments_max <= 3; segments_max += 2) {
		if (!open_two_rules(&world))
			return;
		world.egress->segments_max = segments_max;
		for (uint32_t count = segments_max + 1; count >= segments_max; count--) {
			const bool is_whole = count == segments_max && count > 1;

			mcr_egress_begin(world.egress);
			world_add(&world, 0, world.stream, count * 500, count > 1 ? 500 : 0);
			CHECK(world.egress->request_count == (is_whole ? 1 : count));
			world_flush(&world);
			for (uint32_t i = 0; i < count; i++)
				CHECK(world_hears(&world, 0, world.stream + i * 500, 500));
			CHECK((world.egress->segmentation[0] == MCR_SEGMENTATION_WORKS) == is_whole);
		}
		world_check_identities(&world);
		world_close(&world);
	}
}

/* What was added to a round, for each socket in the order that its listener must hear. */
struct expectation {
	uint32_t count;
	struct {
		const uint8_t *payload;
		uint32_t length;
	} datagrams[ROUND_DATAGRAMS];
};

static void expect(struct expectation *expectation, const uint8_t *payload, uint32_t length)
{
	expectation->datagrams[expectation->count].payload = payload;
	expectation->datagrams[expectation->count++].length = length;
}

/* One batch of sizes that come in stretches; rule 0 goes to sockets 0 to 2, rule 1 to 1 and 2. */
static bool play_round(struct world *world, struct expectation *expectations, struct model_random *random)
{
	uint32_t length = 0, route = 0;

	mcr_egress_begin(world->egress);
	for (uint32_t i = 0; i < ROUND_DATAGRAMS && mcr_egress_has_room(world->egress); i++) {
		const uint8_t *payload = world->stream + model_random_below(random, STREAM_BYTES - 2000);

		if (model_random_below(random, 4) == 0)
			length = model_random_below(random, 8) ? model_random_below(random, SEGMENT_MAX + 1) : 0;
		if (model_random_below(random, 6) == 0)
			route = !route;
		if (model_random_below(random, 40) == 0)
			mcr_egress_drop(world->egress, MCR_DROP_NO_RULE, 3);
		world_add(world, route, payload, length, 0);
		for (uint32_t socket = route; socket < 3; socket++)
			expect(&expectations[socket], payload, length);
	}
	world_flush(world);
	for (uint32_t socket = 0; socket < 3; socket++) {
		for (uint32_t i = 0; i < expectations[socket].count; i++) {
			if (!CHECK(world_hears(world, socket, expectations[socket].datagrams[i].payload,
					 expectations[socket].datagrams[i].length)))
				return false;
		}
		if (!CHECK(world_hears_nothing(world, socket)))
			return false;
	}
	return true;
}

static void every_output_hears_all_of_its_rules_in_order(void)
{
	struct model_random random = model_random_from(0x0de12ull);
	static struct expectation expectations[3];
	struct world world;

	if (!open_four_outputs(&world))
		return;
	for (uint32_t i = 0; i < 150; i++) {
		memset(expectations, 0, sizeof(expectations));
		if (!play_round(&world, expectations, &random)) {
			model_random_failed(&random);
			break;
		}
	}
	CHECK(world.stats->worker.received > world.stats->worker.relayed);
	world_check_identities(&world);
	world_close(&world);
}

/* A socket that sends without checksums takes no segments: the kernel says EINVAL. */
static void forbid_segments(const struct world *world, uint32_t socket)
{
	const int on = 1;

	CHECK(setsockopt(world->senders[socket], SOL_SOCKET, SO_NO_CHECK, &on, sizeof(on)) == 0);
}

static void refused_run_is_sent_again_singly_and_remembered(void)
{
	struct model_random random = model_random_from(0x4ef05edull);
	static struct expectation expectations[3];
	struct world world;

	if (!open_four_outputs(&world))
		return;
	forbid_segments(&world, 1);
	probe(&world, 0, 0);
	CHECK(world_hears(&world, 1, world.stream, 100) && world_hears(&world, 1, world.stream + 100, 100));
	CHECK(world_hears(&world, 2, world.stream, 100) && world_hears(&world, 2, world.stream + 100, 100));
	CHECK(world.egress->segmentation[0] == MCR_SEGMENTATION_WORKS);
	CHECK(world.egress->segmentation[1] == MCR_SEGMENTATION_REFUSED);
	CHECK(world.stats->outputs[1].sent == 2 && world.stats->outputs[1].sent_bytes == 200);
	for (uint32_t i = 0; i < 40; i++) {
		memset(expectations, 0, sizeof(expectations));
		if (!play_round(&world, expectations, &random)) {
			model_random_failed(&random);
			break;
		}
		CHECK(world.egress->retry_count == 0);
	}
	CHECK(world.stats->outputs[1].sent == world.stats->outputs[1].due);
	mcr_egress_forget(world.egress, 1);
	CHECK(world.egress->segmentation[1] == MCR_SEGMENTATION_UNKNOWN);
	world_check_identities(&world);
	world_close(&world);
}

static void output_that_fails_harms_no_other(void)
{
	const struct mcr_rule rule = world_rule(0, 0, 3);
	const struct mcr_output outputs[] = { world_output(0, 0), world_output(1, 1), world_output(2, 2) };
	const int32_t none = -1;
	struct world world;

	if (!world_open(&world, &rule, 1, outputs, 3))
		return;
	/* One is shut, the other's socket is gone from under it. */
	CHECK(shutdown(world.senders[0], SHUT_WR) == 0);
	CHECK(mcr_uring_set_files(&world.ring, MCR_FILE_OUTPUTS + 1, &none, 1) == 0);
	probe(&world, 0, 2);
	/* They have answered, if badly: batches are as long as ever. */
	CHECK(world.egress->segmentation[0] == MCR_SEGMENTATION_WORKS);
	for (uint32_t round = 0; round < 20; round++) {
		mcr_egress_begin(world.egress);
		for (uint32_t i = 0; i < 10; i++)
			world_add(&world, 0, world.stream + i, i < 5 ? 200 : 200 + i, 0);
		world_flush(&world);
		for (uint32_t i = 0; i < 10; i++)
			CHECK(world_hears(&world, 2, world.stream + i, i < 5 ? 200 : 200 + i));
	}
	for (uint32_t i = 0; i < 2; i++) {
		CHECK(world.stats->outputs[i].sent == 0 && world.stats->outputs[i].sent_bytes == 0);
		CHECK(world.stats->outputs[i].last_ns == 0);
		CHECK(world.stats->outputs[i].drops[MCR_DROP_SEND_FAILED] == 202);
	}
	CHECK(world.stats->outputs[2].sent == 202 && world_hears_nothing(&world, 2));
	world_check_identities(&world);
	world_close(&world);
}

/* What a send that fails is counted as, for each errno of the kernel's. */
static void refusal_is_counted_by_its_reason(void)
{
	static const struct {
		int32_t error;
		enum mcr_drop reason;
	} refusals[] = {
		{ EAGAIN, MCR_DROP_SOCKET_FULL },      { ENOBUFS, MCR_DROP_NO_BUFFER },
		{ ENOMEM, MCR_DROP_NO_BUFFER },	       { EMSGSIZE, MCR_DROP_TOO_BIG },
		{ ENETUNREACH, MCR_DROP_UNREACHABLE }, { EHOSTUNREACH, MCR_DROP_UNREACHABLE },
		{ ENETDOWN, MCR_DROP_UNREACHABLE },    { ENODEV, MCR_DROP_UNREACHABLE },
		{ EPERM, MCR_DROP_FORBIDDEN },	       { EACCES, MCR_DROP_FORBIDDEN },
		{ EPIPE, MCR_DROP_SEND_FAILED },       { EIO, MCR_DROP_SEND_FAILED },
	};
	const struct mcr_rule rule = world_rule(0, 0, 1);
	const struct mcr_output output = world_output(0, 0);
	uint64_t expected[MCR_DROP_COUNT] = { 0 };
	struct world world;

	if (!world_open(&world, &rule, 1, &output, 1))
		return;
	/* Only what fails is answered at all. */
	CHECK(shutdown(world.senders[0], SHUT_WR) == 0);
	for (uint32_t i = 0; i < array_count(refusals); i++) {
		world.answer = -refusals[i].error;
		mcr_egress_begin(world.egress);
		world_add(&world, 0, world.stream, 100, 0);
		world_flush(&world);
		expected[refusals[i].reason]++;
		for (uint32_t reason = 0; reason < MCR_DROP_COUNT; reason++)
			CHECK(world.stats->outputs[0].drops[reason] == expected[reason]);
	}
	world_check_identities(&world);
	world_close(&world);
}

static void payload_beyond_the_output_is_too_big(void)
{
	const struct mcr_rule rule = world_rule(0, 0, 1);
	struct mcr_output output = world_output(0, 0);
	const int never_fragment = IP_PMTUDISC_DO;
	struct world world;

	if (!world_open(&world, &rule, 1, &output, 1))
		return;
	/* One datagram more than UDP over IPv4 can carry, beside one that it can. */
	setsockopt(world.senders[0], IPPROTO_IP, IP_MTU_DISCOVER, &never_fragment, sizeof(never_fragment));
	mcr_egress_begin(world.egress);
	world_add(&world, 0, world.stream, MCR_RUN_BYTES_MAX + 1, 0);
	world_add(&world, 0, world.stream, MCR_RUN_BYTES_MAX, 0);
	world_flush(&world);
	CHECK(world_hears(&world, 0, world.stream, MCR_RUN_BYTES_MAX) && world_hears_nothing(&world, 0));
	CHECK(world.stats->outputs[0].drops[MCR_DROP_TOO_BIG] == 1 && world.stats->outputs[0].sent == 1);
	CHECK(world.stats->outputs[0].sent_bytes == MCR_RUN_BYTES_MAX);
	world_check_identities(&world);
	world_close(&world);
}

/* 128 outputs, four to a socket, that take no segments: a superframe of 64 datagrams makes 8,192 requests. */
static void batch_may_be_larger_than_the_queue(void)
{
	const struct mcr_rule rule = world_rule(0, 0, 4 * SOCKETS);
	struct mcr_output outputs[4 * SOCKETS];
	struct world world;

	_Static_assert(4 * SOCKETS * 64 > MCR_SUBMISSIONS, "more requests than fit");
	for (uint32_t i = 0; i < 4 * SOCKETS; i++) {
		outputs[i] = world_output(i / 4, i);
		outputs[i].segment_max = 1;
	}
	if (!world_open(&world, &rule, 1, outputs, 4 * SOCKETS))
		return;
	mcr_egress_begin(world.egress);
	world_add(&world, 0, world.stream, 64 * 4, 4);
	CHECK(!mcr_egress_has_room(world.egress));
	world_flush(&world);
	for (uint32_t socket = 0; socket < SOCKETS; socket++) {
		for (uint32_t i = 0; i < 4 * 64; i++)
			CHECK(world_hears(&world, socket, world.stream + i % 64 * 4, 4));
		CHECK(world_hears_nothing(&world, socket));
	}
	CHECK(world.stats->worker.relayed == 64 && world.stats->outputs[0].sent == 64);
	world_check_identities(&world);
	world_close(&world);
}

/* A successor counts what its predecessor sent: nothing leaves, and nothing is learned of the sockets. */
static void leftover_is_counted_and_not_sent(void)
{
	struct world world;

	if (!open_four_outputs(&world))
		return;
	mcr_egress_begin(world.egress);
	world_add(&world, 0, world.stream, 3000, 1000);
	mcr_egress_account(world.egress, 2000);
	CHECK(world_hears_nothing(&world, 0) && world_hears_nothing(&world, 2));
	CHECK(world.stats->outputs[0].sent == 3 && world.stats->outputs[0].sent_bytes == 3000);
	CHECK(world.stats->outputs[3].drops[MCR_DROP_NO_INTERFACE] == 3);
	CHECK(world.egress->segmentation[0] == MCR_SEGMENTATION_UNKNOWN);
	world_check_identities(&world);
	world_close(&world);
}

void mcr_egress_tests(void)
{
	RUN(run_is_one_route_and_one_size);
	RUN(run_ends_at_the_limits_of_the_kernel);
	RUN(batch_ends_with_its_last_frame);
	RUN(superframe_leaves_as_its_datagrams);
	RUN(superframe_of_more_than_is_wanted_leaves_singly);
	RUN(every_output_hears_all_of_its_rules_in_order);
	RUN(refused_run_is_sent_again_singly_and_remembered);
	RUN(output_that_fails_harms_no_other);
	RUN(refusal_is_counted_by_its_reason);
	RUN(payload_beyond_the_output_is_too_big);
	RUN(batch_may_be_larger_than_the_queue);
	RUN(leftover_is_counted_and_not_sent);
}
