/* The worker as a process: what it relays and counts, how it ends, and what its successor makes of its end. */
#include "check.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "model.h"
#include "relay_world.h"
#include "wire_world.h"

#define LIVES 40u
#define FRAGMENTED_BYTES 4000u

static uint64_t drops_of(const struct relay *relay)
{
	uint64_t sum = 0;

	for (uint32_t reason = 0; reason < MCR_DROPS_MAX; reason++)
		sum += relay->stats->worker.drops[reason];
	return sum;
}

/* After the worker's end, when nothing changes any more. */
static bool identities_hold(const struct relay *relay, uint64_t received)
{
	const struct mcr_worker_stats *worker = &relay->stats->worker;
	const struct mcr_output_stats *output = &relay->stats->outputs[0];
	uint64_t unsent = 0;

	for (uint32_t reason = 0; reason < MCR_DROPS_MAX; reason++)
		unsent += output->drops[reason];
	return CHECK(worker->received == received) && CHECK(worker->received == worker->relayed + drops_of(relay)) &&
	       CHECK(output->due == output->sent + unsent) &&
	       CHECK(relay->stats->rings[0].frames == relay->stats->rings[0].cursor);
}

static bool relay_datagrams(void)
{
	static const uint32_t lengths[] = { 8,    0,    1400, 1400, 1399, 9, 65507, 2100,
					    1959, 1958, 1957, 100,  0,    0, 30000 };
	struct relay relay;
	uint64_t number = 0;

	if (!relay_open(&relay) || !relay_start(&relay))
		return false;
	for (uint32_t i = 0; i < sizeof(lengths) / sizeof(lengths[0]); i++) {
		const uint32_t count = 1 + i % 4 * 9;

		if (!relay_send(&relay, number, count, lengths[i], false) ||
		    !relay_hears(&relay, number, count, lengths[i]))
			return false;
		number += count;
	}
	return relay_hears_nothing(&relay) && CHECK(relay_stop(&relay) == 0) &&
	       CHECK(relay.stats->worker.state == MCR_WORKER_STOPPED) &&
	       CHECK(relay.stats->rules[0].received == number && relay.stats->worker.superframes == 0) &&
	       identities_hold(&relay, number);
}

static void worker_relays_datagrams_of_any_size(void)
{
	relay_run(relay_datagrams);
}

static bool relay_superframes(void)
{
	static const uint32_t counts[] = { 2, 64, 3, 40, 40, 40, 40, 2 };
	struct relay relay;
	uint64_t number = 0;

	if (!relay_open(&relay) || !relay_start(&relay))
		return false;
	/* Some fit into a slot, most do not; single datagrams between them must not overtake. */
	for (uint32_t i = 0; i < sizeof(counts) / sizeof(counts[0]); i++) {
		if (!relay_send(&relay, number, counts[i], 600, true) ||
		    !relay_send(&relay, number + counts[i], 3, 600, false))
			return false;
		number += counts[i] + 3;
	}
	return relay_hears(&relay, 0, (uint32_t)number, 600) && relay_hears_nothing(&relay) &&
	       CHECK(relay_stop(&relay) == 0) && CHECK(relay.stats->worker.superframes == 8) &&
	       identities_hold(&relay, number);
}

static void worker_relays_superframes_whole(void)
{
	relay_run(relay_superframes);
}

static bool drop_what_has_no_rule(void)
{
	struct relay relay, other;

	if (!relay_open(&relay) || !relay_start(&relay))
		return false;
	/* Alone in their batches, so that these send nothing. */
	other = relay;
	other.source = relay_open_source(RELAY_OTHER_PORT);
	for (uint32_t i = 0; i < 20; i++) {
		if (!relay_send(&other, 0, 3, 100, false) || !relay_send(&relay, i, 1, 100, false) ||
		    !relay_hears(&relay, i, 1, 100))
			return false;
	}
	return CHECK(relay_stop(&relay) == 0) && CHECK(relay.stats->worker.drops[MCR_DROP_NO_RULE] == 60) &&
	       CHECK(relay.stats->worker.relayed == 20) && identities_hold(&relay, 80);
}

static void worker_counts_what_it_drops(void)
{
	relay_run(drop_what_has_no_rule);
}

static bool relay_after_the_end_was_announced(void)
{
	struct relay relay;

	/* There before the worker, which then hears of its end before it has looked. */
	return relay_open(&relay) && relay_send(&relay, 0, 90, 100, false) && relay_brief(&relay) &&
	       CHECK(relay_stop(&relay) == 0) && relay_hears(&relay, 0, 90, 100) && relay_hears_nothing(&relay) &&
	       identities_hold(&relay, 90);
}

static void worker_drains_before_it_ends(void)
{
	relay_run(relay_after_the_end_was_announced);
}

/* As if a predecessor had sent @sent of the frames in the ring, and counted @counted of these, when it died. */
static bool note_as_sent(struct relay *relay, uint64_t sent, uint64_t counted)
{
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	relay->stats->rings[0].batch_time_ns = (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
	relay->stats->rings[0].frames = counted;
	return CHECK(write(relay->progress, &sent, sizeof(sent)) == sizeof(sent)) &&
	       CHECK(mcr_stats_settle(relay->stats, 0, relay->progress) == 0);
}

/* Of 90 frames. */
static bool leave_over(struct relay *relay, uint64_t sent, uint64_t counted)
{
	return relay_open(relay) && relay_send(relay, 0, 90, 100, false) && note_as_sent(relay, sent, counted);
}

static bool move_over_leftovers(void)
{
	struct relay relay;

	return leave_over(&relay, 5, 0) && relay_start(&relay) && relay_hears(&relay, 5, 85, 100) &&
	       CHECK(relay_stop(&relay) == 0) && relay_hears_nothing(&relay) &&
	       CHECK(relay.stats->worker.recovered == 5) && identities_hold(&relay, 90);
}

static bool move_over_counted_leftovers(void)
{
	struct relay relay;

	return leave_over(&relay, 7, 4) && relay_start(&relay) && relay_hears(&relay, 7, 83, 100) &&
	       CHECK(relay_stop(&relay) == 0) && CHECK(relay.stats->worker.recovered == 7) &&
	       identities_hold(&relay, 86);
}

static bool move_over_leftovers_at_the_end(void)
{
	struct relay relay;

	return leave_over(&relay, 9, 0) && relay_brief(&relay) && CHECK(relay_stop(&relay) == 0) &&
	       relay_hears(&relay, 9, 81, 100) && relay_hears_nothing(&relay) && identities_hold(&relay, 90);
}

/* 30 datagrams in three fragments each: the predecessor had two of them, and a fragment of the third. */
static bool move_over_fragments(void)
{
	struct relay relay;

	return relay_open(&relay) && CHECK(wire_set_mtu(1500)) && relay_send(&relay, 0, 30, 4000, false) &&
	       note_as_sent(&relay, 7, 0) && relay_start(&relay) && relay_hears(&relay, 2, 28, 4000) &&
	       CHECK(relay_stop(&relay) == 0) && relay_hears_nothing(&relay) &&
	       CHECK(relay.stats->worker.recovered == 7) && CHECK(relay.stats->worker.relayed == 30) &&
	       identities_hold(&relay, 30);
}

static void leftovers_are_counted_once_and_not_sent(void)
{
	relay_run(move_over_leftovers);
	relay_run(move_over_counted_leftovers);
	relay_run(move_over_leftovers_at_the_end);
	relay_run(move_over_fragments);
}

/* A datagram of IPv6 in three frames, all zeros, for the relay's one rule. */
static bool send_fragments(struct relay *relay)
{
	static const uint8_t payload[FRAGMENTED_BYTES];
	const struct sockaddr_in6 to = { .sin6_family = AF_INET6,
					 .sin6_port = htons(RELAY_PORT),
					 .sin6_addr = IN6ADDR_LOOPBACK_INIT };
	const struct mcr_rule rule = { .group = { [15] = 1 },
				       .group_bits = 128,
				       .protocol = MCR_PROTOCOL_UDP,
				       .port_first = RELAY_PORT,
				       .port_last = RELAY_PORT,
				       .output_count = 1 };
	const struct mcr_rules counts = { .rule_count = 1, .output_count = 1 };
	const struct mcr_output output = { .segment_max = 65507 };
	const int fd = socket(AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	bool is_sent;

	close(relay->table);
	relay->table = mcr_table_compile(1, &counts, &rule, &output, NULL, NULL);
	is_sent = CHECK(relay->table >= 0) && CHECK(mcr_input_filter(relay->input, 0, &rule, 1) == 1) &&
		  CHECK(wire_set_mtu(1500)) &&
		  CHECK(sendto(fd, payload, sizeof(payload), 0, (const void *)&to, sizeof(to)) == sizeof(payload));
	close(fd);
	return is_sent;
}

static bool count_fragments_left_over(void)
{
	struct relay relay;

	return relay_open(&relay) && send_fragments(&relay) && note_as_sent(&relay, 3, 0) && relay_start(&relay) &&
	       CHECK(relay_stop(&relay) == 0) && relay_hears_nothing(&relay) &&
	       CHECK(relay.stats->rules[0].relayed == 1 && relay.stats->worker.recovered == 3) &&
	       identities_hold(&relay, 1);
}

static bool complete_fragments_left_over(void)
{
	struct relay relay;

	return relay_open(&relay) && send_fragments(&relay) && note_as_sent(&relay, 1, 0) && relay_start(&relay) &&
	       relay_hears(&relay, 0, 1, FRAGMENTED_BYTES) && CHECK(relay_stop(&relay) == 0) &&
	       CHECK(relay.stats->rules[0].relayed == 1) && identities_hold(&relay, 1);
}

static void fragments_left_over_are_one_datagram(void)
{
	relay_run(count_fragments_left_over);
	relay_run(complete_fragments_left_over);
}

/* Kills workers wherever they happen to be, again and again. */
static bool relay_through_deaths(void)
{
	struct model_random random = model_random_from(0x1e9ac7ull);
	uint64_t number = 0, heard = 0;
	struct relay relay;

	if (!relay_open(&relay))
		return false;
	for (uint32_t life = 0; life < LIVES; life++) {
		if (!relay_start(&relay))
			return false;
		for (uint32_t bursts = model_random_below(&random, 6); bursts > 0; bursts--) {
			const uint32_t count = 2 + model_random_below(&random, 30);

			if (!relay_send(&relay, number, count, 600, model_random_below(&random, 2)))
				return false;
			number += count;
		}
		/* Some are waited for, so that not all die at the same place. */
		if (model_random_below(&random, 2)) {
			if (!relay_hears(&relay, heard, (uint32_t)(number - heard), 600))
				return model_random_failed(&random);
			heard = number;
		}
		if (!relay_kill(&relay))
			return false;
	}
	/* The last has a dead one's slots to move over while its own end is announced already. */
	if (!relay_start(&relay) || !CHECK(relay_stop(&relay) == 0) ||
	    !relay_hears(&relay, heard, (uint32_t)(number - heard), 600) || !relay_hears_nothing(&relay))
		return model_random_failed(&random);
	return CHECK(relay.stats->rings[0].frames == relay.stats->rings[0].cursor);
}

static void successors_lose_and_repeat_nothing(void)
{
	relay_run(relay_through_deaths);
}

/* Sockets of the kind in this network namespace. */
static uint32_t packet_sockets(void)
{
	char line[256];
	uint32_t count = 0;
	FILE *list = fopen("/proc/self/net/packet", "r");

	while (list && fgets(line, sizeof(line), list))
		count++;
	if (list)
		fclose(list);
	return count ? count - 1 : 0;
}

static bool exchange_inputs(void)
{
	struct relay relay;

	if (!relay_open(&relay) || !relay_start(&relay))
		return false;
	for (uint32_t i = 0; i < 3; i++) {
		if (!relay_send(&relay, i, 1, 100, false) || !relay_hears(&relay, i, 1, 100))
			return false;
		/* Ended and opened again before the worker listens: the old one's poll is not the new one's. */
		close(relay.input);
		close(relay.progress);
		if (!relay_tell(&relay, MCR_MESSAGE_INPUT_END, NULL, 0) ||
		    !relay_tell(&relay, MCR_MESSAGE_TABLE, &relay.table, 1) ||
		    !relay_answers(&relay, MCR_MESSAGE_ACKNOWLEDGE) || !CHECK(packet_sockets() == 0) ||
		    !relay_open_input(&relay) ||
		    !relay_tell(&relay, MCR_MESSAGE_INPUT, (const int32_t[]){ relay.input, relay.progress }, 2) ||
		    !relay_tell(&relay, MCR_MESSAGE_TABLE, &relay.table, 1) ||
		    !relay_answers(&relay, MCR_MESSAGE_ACKNOWLEDGE))
			return false;
	}
	return relay_send(&relay, 7, 1, 100, false) && relay_hears(&relay, 7, 1, 100) &&
	       CHECK(relay_stop(&relay) == 0) && CHECK(relay.stats->worker.relayed == 4);
}

/* Before the worker looks at the kernel's count again, the ring is full and then gone. */
static bool end_a_full_input(void)
{
	struct relay relay;
	int status;

	return relay_open(&relay) && relay_start(&relay) && CHECK(kill(relay.worker, SIGSTOP) == 0) &&
	       CHECK(waitpid(relay.worker, &status, WUNTRACED) == relay.worker && WIFSTOPPED(status)) &&
	       relay_send(&relay, 0, RELAY_SLOTS + 44, 100, false) &&
	       relay_tell(&relay, MCR_MESSAGE_INPUT_END, NULL, 0) && CHECK(kill(relay.worker, SIGCONT) == 0) &&
	       CHECK(relay_stop(&relay) == 0) && CHECK(relay.stats->worker.drops[MCR_DROP_RING_FULL] == 44) &&
	       CHECK(relay.stats->worker.received == relay.stats->worker.relayed + 44);
}

static void ended_input_leaves_nothing_behind(void)
{
	relay_run(exchange_inputs);
	relay_run(end_a_full_input);
}

static bool rest_while_the_interface_is_down(void)
{
	const struct timespec while_down = { .tv_nsec = 30000000 };
	struct relay relay;
	uint64_t wakeups;

	if (!relay_open(&relay) || !relay_start(&relay))
		return false;
	if (!relay_send(&relay, 0, 9, 100, true) || !relay_hears(&relay, 0, 9, 100))
		return false;
	wakeups = relay.stats->worker.wakeups;
	if (!CHECK(relay_set_loopback(false)))
		return false;
	nanosleep(&while_down, NULL);
	if (!CHECK(relay.stats->worker.wakeups < wakeups + 20) || !CHECK(relay_set_loopback(true)))
		return false;
	return relay_send(&relay, 9, 40, 600, true) && relay_send(&relay, 49, 9, 600, false) &&
	       relay_hears(&relay, 9, 49, 600) && CHECK(relay_stop(&relay) == 0) && identities_hold(&relay, 58);
}

static void worker_rests_while_an_interface_is_down(void)
{
	relay_run(rest_while_the_interface_is_down);
}

static bool keep_large_frames(void)
{
	struct relay relay;

	/* That the interface was down is what the socket says first; the frames are still there. */
	return relay_open(&relay) && relay_send(&relay, 0, 40, 600, true) && relay_send(&relay, 40, 30, 600, true) &&
	       CHECK(relay_set_loopback(false)) && CHECK(relay_set_loopback(true)) && relay_start(&relay) &&
	       relay_send(&relay, 70, 20, 600, true) && relay_hears(&relay, 0, 90, 600) &&
	       CHECK(relay_stop(&relay) == 0) && relay_hears_nothing(&relay) && identities_hold(&relay, 90);
}

static void large_frames_outlast_an_interface_that_was_down(void)
{
	relay_run(keep_large_frames);
}

static bool refuse_to_open(void)
{
	uint32_t fanout = 0;

	return CHECK(relay_set_loopback(false)) &&
	       CHECK(mcr_input_open(RELAY_LOOPBACK, RELAY_SLOTS, &fanout) == -ENETDOWN) &&
	       CHECK(mcr_input_open(99, RELAY_SLOTS, &fanout) == -ENODEV) &&
	       CHECK(mcr_input_open(0, RELAY_SLOTS, &fanout) == -ENODEV) &&
	       CHECK(mcr_input_open(RELAY_LOOPBACK, 100, &fanout) == -EINVAL) &&
	       CHECK(mcr_input_open(RELAY_LOOPBACK, MCR_SLOTS_MIN / 2, &fanout) == -EINVAL) &&
	       CHECK(mcr_input_open(RELAY_LOOPBACK, MCR_SLOTS_MAX * 2, &fanout) == -EINVAL) && CHECK(fanout == 0);
}

static void input_that_cannot_receive_is_refused(void)
{
	relay_run(refuse_to_open);
}

static bool fail_with_a_sentence(void)
{
	struct relay relay;

	/* No start; a start without its page; a message that only a worker sends. */
	if (!relay_open(&relay) || !relay_fork(&relay) || !CHECK(relay_stop(&relay) == 1))
		return false;
	if (!relay_fork(&relay) || !relay_tell(&relay, MCR_MESSAGE_START, NULL, 0) ||
	    !relay_answers(&relay, MCR_MESSAGE_FAILED) || !CHECK(relay_stop(&relay) == 1))
		return false;
	return relay_start(&relay) && relay_tell(&relay, MCR_MESSAGE_READY, NULL, 0) &&
	       relay_answers(&relay, MCR_MESSAGE_FAILED) && CHECK(relay_stop(&relay) == 1);
}

static void worker_that_cannot_obey_says_so_and_ends(void)
{
	relay_run(fail_with_a_sentence);
}

void mcr_worker_tests(void)
{
	RUN(worker_relays_datagrams_of_any_size);
	RUN(worker_relays_superframes_whole);
	RUN(worker_counts_what_it_drops);
	RUN(worker_drains_before_it_ends);
	RUN(leftovers_are_counted_once_and_not_sent);
	RUN(fragments_left_over_are_one_datagram);
	RUN(successors_lose_and_repeat_nothing);
	RUN(ended_input_leaves_nothing_behind);
	RUN(worker_rests_while_an_interface_is_down);
	RUN(large_frames_outlast_an_interface_that_was_down);
	RUN(input_that_cannot_receive_is_refused);
	RUN(worker_that_cannot_obey_says_so_and_ends);
}
