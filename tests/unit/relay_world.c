/* relay_world.c - see relay_world.h. */
#include "relay_world.h"

#include <arpa/inet.h>
#include <errno.h>
#include <net/if.h>
#include <netinet/in.h>
#include <netinet/udp.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "check.h"
#include "model.h"
#include "worker.h"

#ifndef UDP_SEGMENT
#define UDP_SEGMENT 103
#endif
#define SINK_GROUP 0xef020202u
#define SINK_PORT 6000u
#define ANSWER_MS 5000u
#define EXIT_SKIP 77
#define ATTEMPTS 100u
#define PAYLOAD_BYTES_MAX 65507u

static uint8_t payloads[PAYLOAD_BYTES_MAX];

bool relay_set_loopback(bool is_up)
{
	struct ifreq request = { .ifr_name = "lo" };
	const int fd = socket(AF_INET, SOCK_DGRAM, 0);
	bool is_done;

	request.ifr_flags = (short)(is_up ? IFF_UP : 0);
	is_done = ioctl(fd, SIOCSIFFLAGS, &request) == 0;
	close(fd);
	return is_done;
}

void relay_run(bool (*test)(void))
{
	const pid_t pid = fork();
	int status = -1;

	if (pid == 0) {
		if (unshare(CLONE_NEWNET) < 0 && unshare(CLONE_NEWUSER | CLONE_NEWNET) < 0)
			_exit(EXIT_SKIP);
		_exit(relay_set_loopback(true) && test() && !mcr_check_is_failing() ? 0 : 1);
	}
	CHECK(waitpid(pid, &status, 0) == pid);
	if (WIFEXITED(status) && WEXITSTATUS(status) == EXIT_SKIP)
		mcr_check_skip("a network namespace needs root or user namespaces");
	else
		CHECK(status == 0);
}

int32_t relay_open_source(uint16_t port)
{
	const struct sockaddr_in to = { .sin_family = AF_INET,
					.sin_port = htons(port),
					.sin_addr.s_addr = htonl(RELAY_GROUP) };
	const struct ip_mreqn out = { .imr_ifindex = RELAY_LOOPBACK };
	const int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	if (setsockopt(fd, IPPROTO_IP, IP_MULTICAST_IF, &out, sizeof(out)) == 0 &&
	    connect(fd, (const struct sockaddr *)&to, sizeof(to)) == 0)
		return fd;
	return -1;
}

static int32_t open_sink(void)
{
	const struct sockaddr_in at = { .sin_family = AF_INET, .sin_port = htons(SINK_PORT) };
	const struct ip_mreqn membership = { .imr_multiaddr.s_addr = htonl(SINK_GROUP), .imr_ifindex = RELAY_LOOPBACK };
	const struct timeval wait = { .tv_sec = ANSWER_MS / 1000 };
	const int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0), bytes = 16 << 20;

	(void)setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &bytes, sizeof(bytes));
	(void)setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &bytes, sizeof(bytes));
	if (setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &wait, sizeof(wait)) == 0 &&
	    bind(fd, (const struct sockaddr *)&at, sizeof(at)) == 0 &&
	    setsockopt(fd, IPPROTO_IP, IP_ADD_MEMBERSHIP, &membership, sizeof(membership)) == 0)
		return fd;
	return -1;
}

static struct mcr_rule make_rule(uint32_t port)
{
	struct mcr_rule rule = {
		.group_bits = 128, .protocol = MCR_PROTOCOL_UDP, .port_first = port, .port_last = port
	};

	model_address(rule.group, RELAY_GROUP);
	return rule;
}

bool relay_open_input(struct relay *relay)
{
	struct mcr_rule rules[2] = { make_rule(RELAY_PORT), make_rule(RELAY_OTHER_PORT) };
	uint32_t fanout = 0;

	memset(&relay->stats->rings[0], 0, sizeof(relay->stats->rings[0]));
	relay->input = mcr_input_open(RELAY_LOOPBACK, RELAY_SLOTS, &fanout);
	relay->progress = mcr_event_open();
	return CHECK(relay->input >= 0 && relay->progress >= 0 && fanout > 0) &&
	       CHECK(mcr_input_filter(relay->input, 0, rules, 2) == 1);
}

bool relay_open(struct relay *relay)
{
	struct mcr_rule rule = make_rule(RELAY_PORT);
	const struct mcr_rules counts = { .rule_count = 1, .output_count = 1 };
	struct mcr_output output = { .segment_max = 65507, .group_bits = 128, .port = SINK_PORT };
	struct mcr_output_options options = { .interface = RELAY_LOOPBACK,
					      .protocol = MCR_PROTOCOL_UDP,
					      .port = SINK_PORT,
					      .ttl = 1,
					      .is_connected = 1,
					      .is_fragmenting = 1,
					      .send_buffer_bytes = 1 << 20 };

	rule.output_count = 1;
	model_address(options.address, SINK_GROUP);
	model_address(output.group, SINK_GROUP);
	relay->page = mcr_stats_open();
	relay->stats = mcr_stats_map(relay->page);
	relay->table = mcr_table_compile(1, &counts, &rule, &output, NULL, NULL);
	relay->output = mcr_output_open(&options);
	relay->source = relay_open_source(RELAY_PORT);
	relay->sink = open_sink();
	return CHECK(relay->stats && relay->table >= 0 && relay->output >= 0) &&
	       CHECK(relay->source >= 0 && relay->sink >= 0) && relay_open_input(relay);
}

bool relay_fork(struct relay *relay)
{
	int32_t ends[2];

	if (!CHECK(mcr_channel_open(ends) == 0))
		return false;
	relay->worker = fork();
	if (relay->worker == 0) {
		/* As mcr_worker_spawn() does; the worker closes all that lies above. */
		close(ends[0]);
		dup2(ends[1], MCR_WORKER_CHANNEL);
		_exit(mcr_worker_main(MCR_WORKER_CHANNEL));
	}
	close(ends[1]);
	relay->channel = ends[0];
	return CHECK(relay->worker > 0);
}

bool relay_tell(const struct relay *relay, enum mcr_message_type type, const int32_t *fds, uint32_t fd_count)
{
	const struct mcr_message message = { .type = type,
					     .slot_count = RELAY_SLOTS,
					     .core = MCR_NO_CORE,
					     .uid = MCR_KEEP_ID,
					     .gid = MCR_KEEP_ID };

	return CHECK(mcr_channel_send(relay->channel, &message, fds, fd_count) == 0);
}

/* The worker's next message. Return: false when there is none. */
static bool hear(const struct relay *relay, struct mcr_message *message)
{
	uint8_t ready;

	return CHECK(mcr_poll(&relay->channel, 1, ANSWER_MS, &ready) == 1) &&
	       CHECK(mcr_channel_receive(relay->channel, message) == 1);
}

bool relay_answers(const struct relay *relay, enum mcr_message_type type)
{
	struct mcr_message message = { 0 };

	return hear(relay, &message) && CHECK(message.type == type);
}

/* Input, output and table. */
static bool tell_work(const struct relay *relay)
{
	const int32_t input[2] = { relay->input, relay->progress };

	return relay_tell(relay, MCR_MESSAGE_INPUT, input, 2) &&
	       relay_tell(relay, MCR_MESSAGE_OUTPUTS, &relay->output, 1) &&
	       relay_tell(relay, MCR_MESSAGE_TABLE, &relay->table, 1);
}

bool relay_brief(struct relay *relay)
{
	return relay_fork(relay) && relay_tell(relay, MCR_MESSAGE_START, &relay->page, 1) && tell_work(relay);
}

static int wait_for_worker(struct relay *relay)
{
	int status = -1;

	waitpid(relay->worker, &status, 0);
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

int relay_stop(struct relay *relay)
{
	close(relay->channel);
	return wait_for_worker(relay);
}

bool relay_start(struct relay *relay)
{
	const struct timespec backoff = { .tv_nsec = 20000000 };
	struct mcr_message message = { 0 };

	/* The kernel takes its time to free the rings of the dead, which count against a user's locked memory. */
	for (uint32_t attempt = 0; attempt < ATTEMPTS; attempt++) {
		if (!relay_fork(relay) || !relay_tell(relay, MCR_MESSAGE_START, &relay->page, 1) ||
		    !hear(relay, &message))
			return false;
		if (message.type == MCR_MESSAGE_READY)
			return tell_work(relay) && relay_answers(relay, MCR_MESSAGE_ACKNOWLEDGE);
		if (!CHECK(message.type == MCR_MESSAGE_FAILED && message.error == ENOMEM) ||
		    !CHECK(relay_stop(relay) == 1))
			return false;
		nanosleep(&backoff, NULL);
	}
	return CHECK(message.type == MCR_MESSAGE_READY);
}

bool relay_kill(struct relay *relay)
{
	kill(relay->worker, SIGKILL);
	if (!CHECK(wait_for_worker(relay) == 128 + SIGKILL))
		return false;
	close(relay->channel);
	return CHECK(mcr_stats_settle(relay->stats, 0, relay->progress) == 0);
}

bool relay_send(const struct relay *relay, uint64_t first, uint32_t count, uint32_t length, bool is_superframe)
{
	const int segment_bytes = is_superframe ? (int)length : 0;

	for (uint32_t i = 0; i < count; i++) {
		const uint64_t number = first + i;

		if (length >= sizeof(number))
			memcpy(payloads + (is_superframe ? i * length : 0), &number, sizeof(number));
		if (!is_superframe && !CHECK(send(relay->source, payloads, length, 0) == (ssize_t)length))
			return false;
	}
	if (!is_superframe)
		return true;
	return CHECK(setsockopt(relay->source, IPPROTO_UDP, UDP_SEGMENT, &segment_bytes, sizeof(int)) == 0) &&
	       CHECK(send(relay->source, payloads, count * length, 0) == (ssize_t)(count * length)) &&
	       CHECK(setsockopt(relay->source, IPPROTO_UDP, UDP_SEGMENT, &(int){ 0 }, sizeof(int)) == 0);
}

bool relay_hears(const struct relay *relay, uint64_t first, uint32_t count, uint32_t length)
{
	static uint8_t bytes[PAYLOAD_BYTES_MAX];

	for (uint32_t i = 0; i < count; i++) {
		uint64_t number = first + i;

		if (!CHECK(recv(relay->sink, bytes, sizeof(bytes), 0) == (ssize_t)length))
			return false;
		if (length >= sizeof(number) && !CHECK(memcmp(bytes, &number, sizeof(number)) == 0))
			return false;
	}
	return true;
}

bool relay_hears_nothing(const struct relay *relay)
{
	uint8_t byte;

	return CHECK(recv(relay->sink, &byte, 1, MSG_DONTWAIT) < 0 && errno == EAGAIN);
}
