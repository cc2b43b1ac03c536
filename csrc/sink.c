/*
 * `mcr sink`: a socket per destination, each bound to it and joined on the one interface, read in
 * batches that may be superframes (UDP_GRO), and accounted per flow.
 *
 * A flow is told apart by the destination it came to, gen's stream and gen's flow number: what a
 * relay sends to two groups is two flows here. Arrival times are the kernel's, so that reading
 * late, in batches, costs a relay on the same host no wake-ups and the latency no accuracy.
 */
#include "sink.h"

#include <errno.h>
#include <inttypes.h>
#include <netinet/udp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "base.h"
#include "sink_counters.h"
#include "sink_report.h"
#include "sink_socket.h"
#include "traffic.h"

#define BATCH_MAX 32u
#define BATCHES_MAX 4096u /* 64 MiB hold no more: the smallest datagram counts as 768 bytes */
/* A superframe at most, and 9 cache lines more so that buffers do not share cache sets. */
#define BUFFER_BYTES (65536u + 9 * 64)
/* With room for this much, a pause between batches cannot overflow the socket at 1.4 Mpps: 0.25 ms
 * are 350 datagrams of up to 4 KiB in the kernel's count.
 */
#define PAUSE_ROOM_BYTES (4 << 20)
#define PAUSE_NS 250000
#define WAIT_NS_MAX 100000000u /* a signal may come between a look at it and a wait */
#define ESP_HEADER_BYTES 8u

struct sink {
	struct mcr_sink_options options;
	struct mcr_sink_result result;
	int epoll;
	bool may_pause;
	uint64_t reported; /* received, at the last report of progress */
	uint64_t reported_ns; /* when that was, CLOCK_MONOTONIC */
	struct mmsghdr messages[BATCH_MAX];
	struct iovec pieces[BATCH_MAX];
	union mcr_endpoint sources[BATCH_MAX];
	union {
		struct cmsghdr align;
		/* Of these there is one each: time, run size, TTL, TOS. */
		uint8_t bytes[CMSG_SPACE(sizeof(struct timespec)) + 3 * CMSG_SPACE(sizeof(int))];
	} controls[BATCH_MAX];
	uint8_t buffers[BATCH_MAX][BUFFER_BYTES];
};

static int open_sockets(struct sink *sink)
{
	const struct mcr_sink_options *options = &sink->options;

	mcr_raise_file_limit();
	sink->epoll = epoll_create1(EPOLL_CLOEXEC);
	if (sink->epoll < 0)
		return mcr_failure("sink", "Cannot wait for sockets: %s", strerror(errno));
	sink->may_pause = true;
	for (uint32_t i = 0; i < options->group_count * options->flows; i++) {
		const struct mcr_flow_range range = mcr_sink_range(options, i / options->flows);
		const struct mcr_address to = mcr_flow_address(&range, i % options->flows);
		struct mcr_sink_socket *one = &sink->result.sockets[i];
		struct epoll_event event = { .events = EPOLLIN, .data.u32 = i };
		socklen_t length = sizeof(int);
		int room = 0;

		one->to = mcr_endpoint_make(&to, mcr_flow_port(&range, i % options->flows), options->interface.index);
		if (mcr_sink_socket_open(options, one) != MCR_EXIT_DONE)
			return MCR_EXIT_FAILED;
		if (epoll_ctl(sink->epoll, EPOLL_CTL_ADD, one->fd, &event) < 0)
			return mcr_failure("sink", "Cannot wait for a socket: %s", strerror(errno));
		getsockopt(one->fd, SOL_SOCKET, SO_RCVBUF, &room, &length);
		if (room < PAUSE_ROOM_BYTES)
			sink->may_pause = false;
		sink->result.socket_count++;
	}
	return MCR_EXIT_DONE;
}

/* What the kernel says of one message beside its bytes. */
struct arrival {
	uint64_t time_ns;
	size_t segment; /* 0: the message is one datagram */
	struct mcr_seen_headers headers;
};

static void read_control(struct arrival *arrival, const struct cmsghdr *control)
{
	const int level = control->cmsg_level, type = control->cmsg_type;
	const uint8_t *data = CMSG_DATA(control);
	struct timespec time;
	int number = 0;

	if (level == SOL_SOCKET && type == SO_TIMESTAMPNS) {
		memcpy(&time, data, sizeof(time));
		arrival->time_ns = (uint64_t)time.tv_sec * MCR_SECOND_NS + (uint64_t)time.tv_nsec;
		return;
	}
	if (level == IPPROTO_IP && type == IP_TOS) {
		arrival->headers.tos = data[0];
		return;
	}
	memcpy(&number, data, sizeof(number));
	if (level == SOL_UDP && type == UDP_GRO && number > 0)
		arrival->segment = (size_t)number;
	else if ((level == IPPROTO_IP && type == IP_TTL) || (level == IPPROTO_IPV6 && type == IPV6_HOPLIMIT))
		arrival->headers.ttl = (uint8_t)number;
	else if (level == IPPROTO_IPV6 && type == IPV6_TCLASS)
		arrival->headers.tos = (uint8_t)number;
}

static struct arrival read_arrival(const struct msghdr *message)
{
	const union mcr_endpoint *source = message->msg_name;
	struct arrival arrival = {
		.headers = {
			.source = mcr_address_from(&source->any),
			.source_port = mcr_endpoint_port(source),
		},
	};
	const uint8_t *controls = message->msg_control;
	const struct cmsghdr *control;

	/* CMSG_NXTHDR() of musl compares signed with unsigned. */
	for (size_t at = 0; at + sizeof(*control) <= message->msg_controllen;
	     at += CMSG_ALIGN(control->cmsg_len)) {
		control = (const struct cmsghdr *)(controls + at);
		read_control(&arrival, control);
	}
	return arrival;
}

/* Return how many bytes of a raw message are before the payload: of IPv4, which comes with them, and of ESP. */
static size_t skip_esp(struct arrival *arrival, const uint8_t *packet, size_t length)
{
	const size_t at = arrival->headers.source.family == AF_INET && length ? (packet[0] & 0xfu) * 4u : 0;

	arrival->headers.source_port = 0;
	if (length < at + ESP_HEADER_BYTES)
		return length;
	arrival->headers.spi = read_be32(packet + at);
	return at + ESP_HEADER_BYTES;
}

/* One message: a datagram, or several of one size (the last may be shorter) back to back. */
static void account_message(struct sink *sink, uint32_t socket_index, const struct mmsghdr *message)
{
	struct mcr_tally *tally = &sink->result.tally;
	const uint64_t before = tally->received;
	const uint8_t *payload = message->msg_hdr.msg_iov->iov_base;
	size_t left = message->msg_len;
	struct arrival arrival = read_arrival(&message->msg_hdr);

	if (sink->options.is_esp) {
		const size_t skipped = skip_esp(&arrival, payload, left);

		payload += skipped;
		left -= skipped;
	}
	do {
		const size_t length = arrival.segment && arrival.segment < left ? arrival.segment : left;

		mcr_tally_add(tally, socket_index, payload, length, arrival.time_ns);
		payload += length;
		left -= length;
	} while (left && tally->received < sink->options.count);
	if (tally->received != before)
		mcr_seen_add(&sink->result.seen, &arrival.headers, tally->received - before);
}

/* Read one batch. Return whether it was a full one, so that there may be more. */
static bool receive_batch(struct sink *sink, uint32_t socket_index)
{
	long got;

	for (uint32_t i = 0; i < BATCH_MAX; i++) {
		struct msghdr *message = &sink->messages[i].msg_hdr;

		sink->pieces[i].iov_base = sink->buffers[i];
		sink->pieces[i].iov_len = sizeof(sink->buffers[i]);
		memset(message, 0, sizeof(*message)); /* musl's padding, too */
		message->msg_name = &sink->sources[i];
		message->msg_namelen = sizeof(sink->sources[i]);
		message->msg_iov = &sink->pieces[i];
		message->msg_iovlen = 1;
		message->msg_control = &sink->controls[i];
		message->msg_controllen = sizeof(sink->controls[i]);
	}
	got = syscall(SYS_recvmmsg, sink->result.sockets[socket_index].fd, sink->messages, BATCH_MAX,
		      MSG_DONTWAIT, NULL);
	for (long i = 0; i < got && sink->result.tally.received < sink->options.count; i++)
		account_message(sink, socket_index, &sink->messages[i]);
	return got == BATCH_MAX;
}

static uint64_t earlier(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

/* Read what a socket holds, within a bound: it must end, and other sockets want their turn. */
static void receive_all(struct sink *sink, uint32_t socket_index)
{
	for (uint32_t i = 0; i < BATCHES_MAX; i++) {
		if (sink->result.tally.received >= sink->options.count ||
		    !receive_batch(sink, socket_index))
			return;
	}
}

static void report_progress(struct sink *sink, uint64_t now)
{
	const struct mcr_sink_totals totals = mcr_sink_sum_up(&sink->result);
	const double seconds = (double)(now - sink->reported_ns) / 1e9;

	mcr_sink_report_progress(&sink->options, &sink->result, &totals,
				 (double)(totals.received - sink->reported) / seconds);
	sink->reported = totals.received;
	sink->reported_ns = now;
}

/* Receive until one of the ends that the user named. */
static void receive(struct sink *sink)
{
	const struct mcr_sink_options *options = &sink->options;
	const struct timespec pause = { .tv_nsec = PAUSE_NS };
	uint64_t now = clock_ns(CLOCK_MONOTONIC), idle_end = UINT64_MAX;
	const uint64_t end = options->timeout_ns ? now + options->timeout_ns : UINT64_MAX;

	sink->reported_ns = now;
	while (!mcr_is_stopped() && sink->result.tally.received < options->count &&
	       now < earlier(end, idle_end)) {
		const uint64_t before = sink->result.tally.received;
		uint64_t wake = earlier(earlier(end, idle_end), now + WAIT_NS_MAX);
		struct epoll_event events[64];
		int ready;

		if (options->interval_ns)
			wake = earlier(wake, sink->reported_ns + options->interval_ns);
		ready = epoll_wait(sink->epoll, events, (int)array_count(events),
				   wake > now ? (int)((wake - now) / 1000000) + 1 : 0);
		for (int i = 0; i < ready; i++)
			receive_all(sink, events[i].data.u32);
		now = clock_ns(CLOCK_MONOTONIC);
		if (sink->result.tally.received != before && options->idle_ns)
			idle_end = now + options->idle_ns;
		if (options->interval_ns && now >= sink->reported_ns + options->interval_ns)
			report_progress(sink, now);
		if (ready > 0 && sink->may_pause)
			nanosleep(&pause, NULL);
	}
	/* What had come when the end came belongs to the result. */
	for (uint32_t i = 0; i < sink->result.socket_count; i++)
		receive_all(sink, i);
}

static int check_expectation(const struct sink *sink, const struct mcr_sink_totals *totals)
{
	const uint64_t expect = sink->options.expect;
	const uint64_t wrong = totals->lost + totals->reordered + totals->duplicated +
			       totals->stale + totals->corrupt + sink->result.tally.broken +
			       sink->result.tally.untracked;

	if (expect == UINT64_MAX || (totals->received == expect && wrong == 0))
		return MCR_EXIT_DONE;
	return mcr_failure("sink",
			   "Expected %" PRIu64 " datagrams, each once and in order: "
			   "received %" PRIu64 ", lost %" PRIu64 ", reordered %" PRIu64 ", duplicated %" PRIu64
			   ", corrupt %" PRIu64 ", broken %" PRIu64,
			   expect, totals->received, totals->lost, totals->reordered,
			   totals->duplicated, totals->corrupt, sink->result.tally.broken);
}

static int run_sink(struct sink *sink)
{
	struct mcr_sink_totals totals;
	int status;

	mcr_catch_signals();
	status = open_sockets(sink);
	if (status != MCR_EXIT_DONE)
		return status;
	fputs("ready\n", stderr);
	if (sink->options.counters)
		return mcr_sink_count(&sink->options);

	receive(sink);
	totals = mcr_sink_sum_up(&sink->result);
	mcr_sink_report(&sink->options, &sink->result, &totals);
	return check_expectation(sink, &totals);
}

int mcr_sink_main(int argc, char **argv)
{
	struct sink *sink = calloc(1, sizeof(*sink));
	int status = MCR_EXIT_FAILED;

	if (!sink)
		return mcr_failure("sink", "Cannot start: %s", strerror(ENOMEM));
	status = mcr_sink_options_parse(argc, argv, &sink->options);
	if (status == MCR_OPTIONS_RUN) {
		sink->result.sockets = calloc((size_t)sink->options.group_count * sink->options.flows,
				       sizeof(*sink->result.sockets));
		status = sink->result.sockets && mcr_tally_init(&sink->result.tally, sink->options.verify) == 0 ?
				 run_sink(sink) :
				 mcr_failure("sink", "Cannot start: %s", strerror(ENOMEM));
	}
	/* Sockets are closed by the exit that follows. */
	mcr_tally_fini(&sink->result.tally);
	free(sink->result.sockets);
	free(sink);
	return status;
}
