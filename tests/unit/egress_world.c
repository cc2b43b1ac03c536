/* egress_world.c - see egress_world.h. */
#include "egress_world.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include "check.h"

static bool open_pair(struct world *world, uint32_t at)
{
	struct sockaddr_in address = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t length = sizeof(address);
	const struct timeval second = { .tv_sec = 1 };
	const int bytes = 8 << 20;

	world->receivers[at] = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	world->senders[at] = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	setsockopt(world->receivers[at], SOL_SOCKET, SO_RCVBUF, &bytes, sizeof(bytes));
	setsockopt(world->receivers[at], SOL_SOCKET, SO_RCVTIMEO, &second, sizeof(second));
	return bind(world->receivers[at], (struct sockaddr *)&address, length) == 0 &&
	       getsockname(world->receivers[at], (struct sockaddr *)&address, &length) == 0 &&
	       connect(world->senders[at], (struct sockaddr *)&address, length) == 0;
}

void world_close(struct world *world)
{
	for (uint32_t i = 0; i < SOCKETS; i++) {
		close(world->senders[i]);
		close(world->receivers[i]);
	}
	io_uring_queue_exit(&world->ring);
	munmap((void *)(uintptr_t)world->table, world->table->bytes);
	mcr_stats_unmap(world->stats);
	close(world->page);
	free(world->egress);
	free(world->stream);
}

bool world_open(struct world *world, const struct mcr_rule *rules, uint32_t rule_count,
		const struct mcr_output *outputs, uint32_t output_count)
{
	struct model_random random = model_random_from(0x57eaaull);
	const struct mcr_rules counts = { .rule_count = rule_count, .output_count = output_count };
	const int32_t fd = mcr_table_compile(1, &counts, rules, outputs, NULL, NULL);
	int32_t error;

	if (!CHECK(fd >= 0))
		return false;
	(void)mcr_files_limit_raise();
	error = mcr_uring_open(&world->ring, MCR_FILE_OUTPUTS + SOCKETS);
	if (error == -EPERM || error == -ENOSYS || error == -EMFILE || error == -ENOMEM) {
		mcr_check_skip(mcr_error());
		close(fd);
		return false;
	}
	world->has_missed = false;
	world->answer = 0;
	world->egress = calloc(1, sizeof(*world->egress));
	world->page = mcr_stats_open();
	world->stats = mcr_stats_map(world->page);
	world->stream = malloc(STREAM_BYTES);
	for (uint32_t i = 0; i < STREAM_BYTES / 8; i++)
		((uint64_t *)(void *)world->stream)[i] = model_random_next(&random);
	CHECK(error == 0 && world->stats && mcr_table_map(fd, &world->table) == 0);
	close(fd);
	world->egress->ring = &world->ring;
	world->egress->stats = world->stats;
	world->egress->table = world->table;
	world->egress->segments_max = MCR_SEGMENTS_MAX;
	for (uint32_t i = 0; i < SOCKETS; i++)
		CHECK(open_pair(world, i));
	return CHECK(mcr_uring_set_files(&world->ring, MCR_FILE_OUTPUTS, world->senders, SOCKETS) == 0);
}

/* As a worker's mcr_worker_submit(). */
static void submit(struct world *world)
{
	struct io_uring_cqe *completion;
	uint32_t head, count = 0;

	CHECK(io_uring_submit_and_get_events(&world->ring) >= 0 && io_uring_sq_ready(&world->ring) == 0);
	io_uring_for_each_cqe(&world->ring, head, completion) {
		if (mcr_request_kind(completion->user_data) != MCR_REQUEST_ANSWER)
			mcr_egress_complete(world->egress, completion->user_data,
					    world->answer ? world->answer : completion->res);
		count++;
	}
	io_uring_cq_advance(&world->ring, count);
}

void world_flush(struct world *world)
{
	while (!mcr_egress_emit(world->egress))
		submit(world);
	submit(world);
	while (world->egress->retry_next < world->egress->retry_count) {
		(void)mcr_egress_retry(world->egress);
		submit(world);
	}
	mcr_egress_account(world->egress, 2000);
}

static const struct mcr_route *route_at(const struct world *world, uint32_t at)
{
	return mcr_table_routes(world->table) + at;
}

void world_add_flow(struct world *world, uint32_t route, const struct mcr_flow *flow, uint32_t segment_bytes)
{
	CHECK(mcr_egress_has_room(world->egress));
	mcr_egress_add(world->egress, route_at(world, route), flow, segment_bytes, 1000);
}

void world_add(struct world *world, uint32_t route, const uint8_t *payload, uint32_t length, uint32_t segment_bytes)
{
	const struct mcr_flow flow = { .payload = payload, .payload_length = length };

	world_add_flow(world, route, &flow, segment_bytes);
}

bool world_hears(struct world *world, uint32_t socket, const uint8_t *payload, uint32_t length)
{
	static uint8_t bytes[65536];
	const ssize_t taken =
		recv(world->receivers[socket], bytes, sizeof(bytes), world->has_missed ? MSG_DONTWAIT : 0);

	/* One wait in vain says enough. */
	world->has_missed |= taken < 0;
	return taken == (ssize_t)length && memcmp(bytes, payload, length) == 0;
}

bool world_hears_nothing(const struct world *world, uint32_t socket)
{
	uint8_t byte;

	return recv(world->receivers[socket], &byte, 1, MSG_DONTWAIT) < 0 && errno == EAGAIN;
}

void world_check_identities(const struct world *world)
{
	const struct mcr_worker_stats *worker = &world->stats->worker;
	uint64_t lost = 0;

	for (uint32_t reason = 0; reason < MCR_DROPS_MAX; reason++)
		lost += worker->drops[reason];
	CHECK(worker->received == worker->relayed + lost);
	for (uint32_t i = 0; i < world->table->counts[MCR_SECTION_OUTPUTS]; i++) {
		const struct mcr_output_stats *output = &world->stats->outputs[i];

		lost = 0;
		for (uint32_t reason = 0; reason < MCR_DROPS_MAX; reason++)
			lost += output->drops[reason];
		CHECK(output->due == output->sent + lost);
		CHECK(world->egress->debts[i].datagrams == 0 && world->egress->debts[i].bytes == 0);
	}
}

struct mcr_rule world_rule(uint32_t number, uint32_t output_first, uint32_t output_count)
{
	struct mcr_rule rule = {
		.group_bits = 128,
		.protocol = MCR_PROTOCOL_UDP,
		.port_first = 5000,
		.port_last = 5000,
		.stats = number,
		.output_first = output_first,
		.output_count = output_count,
	};

	model_address(rule.group, 0xef000000u + number);
	return rule;
}

struct mcr_output world_output(uint32_t socket, uint32_t stats)
{
	struct mcr_output output = { .socket = socket, .stats = stats, .segment_max = SEGMENT_MAX, .group_bits = 128 };

	/* Where its socket is connected to matters to the kernel only. */
	model_address(output.group, 0xef090000u + socket);
	return output;
}
