/*
 * `mcr sink`: a socket per destination, each bound to it and joined on the one interface, read in
 * batches that may be superframes (UDP_GRO), and accounted per flow.
 *
 * A flow is told apart by the destination it came to, gen's stream and gen's flow number: what a
 * relay sends to two groups is two flows here. Arrival times are the kernel's, so that reading
 * late, in batches, costs a relay on the same host no wake-ups and the latency no accuracy.
 */
#include "sink.h"

#include <arpa/inet.h>
#include <errno.h>
#include <inttypes.h>
#include <linux/sock_diag.h>
#include <netinet/udp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "base.h"
#include "traffic.h"

#define BATCH_MAX 32u
#define BATCHES_MAX 4096u /* 64 MiB hold no more: the smallest datagram counts as 768 bytes */
/* A superframe at most, and 9 cache lines more so that buffers do not share cache sets. */
#define BUFFER_BYTES (65536u + 9 * 64)
#define RECEIVE_BUFFER_BYTES (64 << 20)
/* With room for this much, a pause between batches cannot overflow the socket at 1.4 Mpps: 0.25 ms
 * are 350 datagrams of up to 4 KiB in the kernel's count.
 */
#define PAUSE_ROOM_BYTES (4 << 20)
#define PAUSE_NS 250000
#define WAIT_NS_MAX 100000000u /* a signal may come between a look at it and a wait */
#define COUNTERS_POLL_NS 10000000u
#define HEADERS_BYTES 42u /* 14 of Ethernet, 20 of IPv4, 8 of UDP */

struct sink_socket {
	int fd;
	uint32_t drops_seen; /* the kernel's own count, which wraps */
	struct sockaddr_in to;
};

/** Sums over all flows, and what belongs to none. */
struct sink_totals {
	uint64_t received, lost, reordered, duplicated, stale, corrupt, bytes;
	double seconds, rate;
};

/** Of the interface, since it exists or since sink started. */
struct counters {
	uint64_t bytes, packets;
};

struct sink {
	struct mcr_sink_options options;
	struct sink_socket *sockets;
	uint32_t socket_count;
	int epoll;
	bool may_pause;
	uint64_t socket_drops;
	uint64_t reported; /* received, at the last report of progress */
	uint64_t reported_ns; /* when that was, CLOCK_MONOTONIC */
	struct mcr_histogram latency; /* scratch: of all flows, for a report */
	struct mcr_tally tally;
	struct mmsghdr messages[BATCH_MAX];
	struct iovec pieces[BATCH_MAX];
	union {
		struct cmsghdr align;
		uint8_t bytes[CMSG_SPACE(sizeof(struct timespec)) + CMSG_SPACE(sizeof(int))];
	} controls[BATCH_MAX];
	uint8_t buffers[BATCH_MAX][BUFFER_BYTES];
};

static int join(const struct sink *sink, int fd, struct in_addr group)
{
	const struct ip_mreqn membership = {
		.imr_multiaddr = group,
		.imr_ifindex = (int)sink->options.interface.index,
	};
	const int error = mcr_is_multicast(group) && setsockopt(fd, IPPROTO_IP, IP_ADD_MEMBERSHIP,
								&membership, sizeof(membership)) < 0
				  ? errno
				  : 0;

	if (error == 0)
		return MCR_EXIT_DONE;
	return mcr_failure("sink", "Cannot join %s on \"%s\": %s%s", inet_ntoa(group),
			   sink->options.interface.name, strerror(error),
			   error == ENOBUFS ? " (see net.ipv4.igmp_max_memberships)" : "");
}

static int open_socket(struct sink *sink, struct sink_socket *socket_)
{
	const struct sockaddr_in *to = &socket_->to;
	const int on = 1, off = 0, wanted = RECEIVE_BUFFER_BYTES;
	struct epoll_event event = { .events = EPOLLIN };
	socklen_t length = sizeof(int);
	int room = 0;

	socket_->fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (socket_->fd < 0)
		return mcr_failure("sink", "Cannot open a socket: %s%s", strerror(errno),
				   errno == EMFILE ? " (see ulimit -n)" : "");
	if (setsockopt(socket_->fd, SOL_SOCKET, SO_RCVBUFFORCE, &wanted, sizeof(wanted)) < 0)
		setsockopt(socket_->fd, SOL_SOCKET, SO_RCVBUF, &wanted, sizeof(wanted));
	getsockopt(socket_->fd, SOL_SOCKET, SO_RCVBUF, &room, &length);
	if (room < PAUSE_ROOM_BYTES)
		sink->may_pause = false;
	/* Kernels before 5.0 know no UDP_GRO; datagrams then come one by one. */
	setsockopt(socket_->fd, SOL_UDP, UDP_GRO, &on, sizeof(on));
	/* IP_MULTICAST_ALL off: only from the interface joined on, whoever joined elsewhere. */
	if (setsockopt(socket_->fd, SOL_SOCKET, SO_TIMESTAMPNS, &on, sizeof(on)) < 0 ||
	    setsockopt(socket_->fd, IPPROTO_IP, IP_MULTICAST_ALL, &off, sizeof(off)) < 0 ||
	    (mcr_is_multicast(to->sin_addr) &&
	     setsockopt(socket_->fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) < 0))
		return mcr_failure("sink", "Cannot set up a socket: %s", strerror(errno));
	if (bind(socket_->fd, (const struct sockaddr *)to, sizeof(*to)) < 0)
		return mcr_failure("sink", "Cannot listen on %s port %u: %s%s",
				   inet_ntoa(to->sin_addr), ntohs(to->sin_port), strerror(errno),
				   errno == EACCES ? " (a port below 1024 needs root or "
						     "CAP_NET_BIND_SERVICE)" :
						     "");
	event.data.u32 = (uint32_t)(socket_ - sink->sockets);
	if (epoll_ctl(sink->epoll, EPOLL_CTL_ADD, socket_->fd, &event) < 0)
		return mcr_failure("sink", "Cannot wait for a socket: %s", strerror(errno));
	return join(sink, socket_->fd, to->sin_addr);
}

/* Joined, but bound to nothing: the network delivers, and the kernel has nobody to queue it for. */
static int open_counting(struct sink *sink, struct sink_socket *socket_)
{
	socket_->fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (socket_->fd < 0)
		return mcr_failure("sink", "Cannot open a socket: %s", strerror(errno));
	return join(sink, socket_->fd, socket_->to.sin_addr);
}

static int open_sockets(struct sink *sink)
{
	const struct mcr_sink_options *options = &sink->options;

	mcr_raise_file_limit();
	sink->epoll = epoll_create1(EPOLL_CLOEXEC);
	if (sink->epoll < 0)
		return mcr_failure("sink", "Cannot wait for sockets: %s", strerror(errno));
	sink->may_pause = true;
	for (uint32_t i = 0; i < options->group_count * options->flows; i++) {
		struct sink_socket *one = &sink->sockets[i];
		int status;

		one->to = mcr_flow_address(options->groups[i / options->flows], options->port,
					   options->flows_by_port, i % options->flows);
		status = options->counters ? open_counting(sink, one) : open_socket(sink, one);
		if (status != MCR_EXIT_DONE)
			return status;
		sink->socket_count++;
	}
	return MCR_EXIT_DONE;
}

/* One message: a datagram, or several of one size (the last may be shorter) back to back. */
static void account_message(struct sink *sink, uint32_t socket_index, struct mmsghdr *message)
{
	const uint8_t *payload = message->msg_hdr.msg_iov->iov_base;
	size_t left = message->msg_len, segment = left;
	const uint8_t *controls = message->msg_hdr.msg_control;
	const struct cmsghdr *control;
	uint64_t arrival_ns = 0;

	/* CMSG_NXTHDR() of musl compares signed with unsigned. */
	for (size_t at = 0; at + sizeof(*control) <= message->msg_hdr.msg_controllen;
	     at += CMSG_ALIGN(control->cmsg_len)) {
		control = (const struct cmsghdr *)(controls + at);
		if (control->cmsg_level == SOL_SOCKET && control->cmsg_type == SO_TIMESTAMPNS) {
			struct timespec time;

			memcpy(&time, CMSG_DATA(control), sizeof(time));
			arrival_ns = (uint64_t)time.tv_sec * MCR_SECOND_NS + (uint64_t)time.tv_nsec;
		} else if (control->cmsg_level == SOL_UDP && control->cmsg_type == UDP_GRO) {
			int size;

			memcpy(&size, CMSG_DATA(control), sizeof(size));
			if (size > 0)
				segment = (size_t)size;
		}
	}
	do {
		const size_t length = left < segment ? left : segment;

		mcr_tally_add(&sink->tally, socket_index, payload, length, arrival_ns);
		payload += length;
		left -= length;
	} while (left && sink->tally.received < sink->options.count);
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
		message->msg_iov = &sink->pieces[i];
		message->msg_iovlen = 1;
		message->msg_control = &sink->controls[i];
		message->msg_controllen = sizeof(sink->controls[i]);
	}
	got = syscall(SYS_recvmmsg, sink->sockets[socket_index].fd, sink->messages, BATCH_MAX,
		      MSG_DONTWAIT, NULL);
	for (long i = 0; i < got && sink->tally.received < sink->options.count; i++)
		account_message(sink, socket_index, &sink->messages[i]);
	return got == BATCH_MAX;
}

/* The kernel's count, not SO_RXQ_OVFL: that comes with the next datagram only, if there is one. */
static void read_drops(struct sink *sink)
{
	for (uint32_t i = 0; i < sink->socket_count; i++) {
		struct sink_socket *socket_ = &sink->sockets[i];
		uint32_t memory[SK_MEMINFO_VARS] = { 0 };
		socklen_t length = sizeof(memory);

		if (getsockopt(socket_->fd, SOL_SOCKET, SO_MEMINFO, memory, &length) < 0)
			continue;
		sink->socket_drops += memory[SK_MEMINFO_DROPS] - socket_->drops_seen;
		socket_->drops_seen = memory[SK_MEMINFO_DROPS];
	}
}

/* Bring everything that a report needs up to date. */
static struct sink_totals sum_up(struct sink *sink)
{
	struct sink_totals totals = { .corrupt = sink->tally.corrupt };

	read_drops(sink);
	memset(&sink->latency, 0, sizeof(sink->latency));
	for (uint32_t i = 0; i < sink->tally.flow_count; i++) {
		const struct mcr_tally_flow *flow = &sink->tally.flows[i];

		totals.received += flow->received;
		totals.lost += mcr_sequence_lost(&flow->sequence);
		totals.reordered += flow->sequence.reordered;
		totals.duplicated += flow->sequence.duplicated;
		totals.stale += flow->sequence.stale;
		totals.corrupt += flow->corrupt;
		totals.bytes += flow->bytes;
		mcr_histogram_merge(&sink->latency, &flow->latency);
	}
	totals.seconds = (double)(sink->tally.last_ns - sink->tally.first_ns) / 1e9;
	/* N datagrams have N - 1 intervals between them. */
	if (totals.seconds > 0 && totals.received > 1)
		totals.rate = (double)(totals.received - 1) / totals.seconds;
	return totals;
}

static double quantile_us(const struct mcr_histogram *latency, uint32_t per_mille)
{
	return (double)mcr_histogram_quantile(latency, per_mille) / 1e3;
}

static void print_latency(const struct mcr_histogram *latency)
{
	printf("\"latency_us\":{\"p50\":%.3f,\"p99\":%.3f,\"p99_9\":%.3f,\"max\":%.3f}",
	       quantile_us(latency, 500), quantile_us(latency, 990), quantile_us(latency, 999),
	       quantile_us(latency, 1000));
}

static void print_flow(const struct sink *sink, const struct mcr_tally_flow *flow)
{
	const struct sockaddr_in *to = &sink->sockets[flow->destination].to;
	const struct mcr_sequence *sequence = &flow->sequence;

	printf("{\"flow\":%u,\"stream\":\"%016" PRIx64 "\",\"group\":\"%s\",\"port\":%u,"
	       "\"received\":%" PRIu64 ",\"lost\":%" PRIu64 ",\"reordered\":%" PRIu64
	       ",\"duplicated\":%" PRIu64 ",\"stale\":%" PRIu64 ",\"corrupt\":%" PRIu64
	       ",\"bytes\":%" PRIu64 ",\"first\":%" PRIu64 ",\"last\":%" PRIu64 ",",
	       flow->flow, flow->stream, inet_ntoa(to->sin_addr), ntohs(to->sin_port),
	       flow->received, mcr_sequence_lost(sequence), sequence->reordered,
	       sequence->duplicated, sequence->stale, flow->corrupt, flow->bytes, sequence->first,
	       sequence->last);
	print_latency(&flow->latency);
	if (flow->is_unverified)
		printf(",\"digest\":null}");
	else
		printf(",\"digest\":\"%016" PRIx64 "\"}", flow->digest);
}

static void print_json(const struct sink *sink, const struct sink_totals *totals, bool is_final)
{
	printf("{\"final\":%s,\"received\":%" PRIu64 ",\"lost\":%" PRIu64 ",\"reordered\":%" PRIu64
	       ",\"duplicated\":%" PRIu64 ",\"stale\":%" PRIu64 ",\"corrupt\":%" PRIu64
	       ",\"foreign\":%" PRIu64 ",\"untracked\":%" PRIu64 ",\"socket_drops\":%" PRIu64
	       ",\"behind\":%" PRIu64 ",\"bytes\":%" PRIu64 ",\"seconds\":%.6f,\"rate\":%.1f,",
	       is_final ? "true" : "false", totals->received, totals->lost, totals->reordered,
	       totals->duplicated, totals->stale, totals->corrupt, sink->tally.foreign,
	       sink->tally.untracked, sink->socket_drops, sink->tally.behind, totals->bytes,
	       totals->seconds, totals->rate);
	print_latency(&sink->latency);
	if (is_final) {
		printf(",\"flows\":[");
		for (uint32_t i = 0; i < sink->tally.flow_count; i++) {
			if (i)
				putchar(',');
			print_flow(sink, &sink->tally.flows[i]);
		}
		putchar(']');
	}
	printf("}\n");
	fflush(stdout);
}

static void print_table(const struct sink *sink, const struct sink_totals *totals)
{
	printf("received %" PRIu64 ", lost %" PRIu64 ", reordered %" PRIu64 ", duplicated %" PRIu64
	       ", stale %" PRIu64 ", corrupt %" PRIu64 ", foreign %" PRIu64 ", untracked %" PRIu64
	       ", socket drops %" PRIu64 "\n",
	       totals->received, totals->lost, totals->reordered, totals->duplicated,
	       totals->stale, totals->corrupt, sink->tally.foreign, sink->tally.untracked,
	       sink->socket_drops);
	printf("%" PRIu64 " bytes in %.3f s: %.0f datagrams/s, %.1f Mbit/s\n", totals->bytes,
	       totals->seconds, totals->rate,
	       totals->seconds > 0 ? (double)totals->bytes * 8 / totals->seconds / 1e6 : 0);
	printf("latency p50 %.1f us, p99 %.1f us, p99.9 %.1f us, max %.1f us\n",
	       quantile_us(&sink->latency, 500), quantile_us(&sink->latency, 990),
	       quantile_us(&sink->latency, 999), quantile_us(&sink->latency, 1000));
	if (sink->tally.behind)
		printf("%" PRIu64 " arrived before they were sent: the two clocks disagree\n",
		       sink->tally.behind);
	printf("%6s  %-21s %12s %9s %9s %9s %9s %9s %9s  %s\n", "flow", "destination", "received",
	       "lost", "reordered", "dup", "corrupt", "p50 us", "p99 us", "digest");
	for (uint32_t i = 0; i < sink->tally.flow_count && i < MCR_TABLE_ROWS_MAX; i++) {
		const struct mcr_tally_flow *flow = &sink->tally.flows[i];
		const struct sockaddr_in *to = &sink->sockets[flow->destination].to;
		char name[32];

		snprintf(name, sizeof(name), "%s:%u", inet_ntoa(to->sin_addr), ntohs(to->sin_port));
		printf("%6u  %-21s %12" PRIu64 " %9" PRIu64 " %9" PRIu64 " %9" PRIu64 " %9" PRIu64
		       " %9.1f %9.1f  ",
		       flow->flow, name, flow->received, mcr_sequence_lost(&flow->sequence),
		       flow->sequence.reordered, flow->sequence.duplicated, flow->corrupt,
		       quantile_us(&flow->latency, 500), quantile_us(&flow->latency, 990));
		if (flow->is_unverified)
			printf("-\n");
		else
			printf("%016" PRIx64 "\n", flow->digest);
	}
	if (sink->tally.flow_count > MCR_TABLE_ROWS_MAX)
		printf("and %u flows more: see -j\n", sink->tally.flow_count - MCR_TABLE_ROWS_MAX);
}

static void report_progress(struct sink *sink, uint64_t now)
{
	const struct sink_totals totals = sum_up(sink);
	const double seconds = (double)(now - sink->reported_ns) / 1e9;

	if (sink->options.json)
		print_json(sink, &totals, false);
	else
		fprintf(stderr,
			"received %" PRIu64 " (%.0f/s), lost %" PRIu64 ", socket drops %" PRIu64
			", latency p50 %.1f us, p99 %.1f us\n",
			totals.received, (double)(totals.received - sink->reported) / seconds,
			totals.lost, sink->socket_drops, quantile_us(&sink->latency, 500),
			quantile_us(&sink->latency, 990));
	sink->reported = totals.received;
	sink->reported_ns = now;
}

static uint64_t earlier(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

/* Read what a socket holds, within a bound: it must end, and other sockets want their turn. */
static void receive_all(struct sink *sink, uint32_t socket_index)
{
	for (uint32_t i = 0; i < BATCHES_MAX; i++) {
		if (sink->tally.received >= sink->options.count ||
		    !receive_batch(sink, socket_index))
			return;
	}
}

/* Receive until one of the ends that the user named. */
static void receive(struct sink *sink)
{
	const struct mcr_sink_options *options = &sink->options;
	const struct timespec pause = { .tv_nsec = PAUSE_NS };
	uint64_t now = clock_ns(CLOCK_MONOTONIC), idle_end = UINT64_MAX;
	const uint64_t end = options->timeout_ns ? now + options->timeout_ns : UINT64_MAX;

	sink->reported_ns = now;
	while (!mcr_is_stopped() && sink->tally.received < options->count &&
	       now < earlier(end, idle_end)) {
		const uint64_t before = sink->tally.received;
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
		if (sink->tally.received != before && options->idle_ns)
			idle_end = now + options->idle_ns;
		if (options->interval_ns && now >= sink->reported_ns + options->interval_ns)
			report_progress(sink, now);
		if (ready > 0 && sink->may_pause)
			nanosleep(&pause, NULL);
	}
	/* What had come when the end came belongs to the result. */
	for (uint32_t i = 0; i < sink->socket_count; i++)
		receive_all(sink, i);
}

/* Return 0, or MCR_EXIT_FAILED with the interface gone. */
static int read_counters(const struct sink *sink, struct counters *counters)
{
	const size_t length = strlen(sink->options.interface.name);
	FILE *file = fopen("/proc/net/dev", "re");
	char line[512];
	bool found = false;

	while (file && !found && fgets(line, sizeof(line), file)) {
		const char *name = line + strspn(line, " ");

		if (strncmp(name, sink->options.interface.name, length) || name[length] != ':')
			continue;
		found = sscanf(name + length + 1, "%" SCNu64 " %" SCNu64, &counters->bytes,
			       &counters->packets) == 2;
	}
	if (file)
		fclose(file);
	if (found)
		return MCR_EXIT_DONE;
	return mcr_failure("sink", "Cannot read the counters of \"%s\" in /proc/net/dev",
			   sink->options.interface.name);
}

static void report_counters(const struct sink *sink, const struct counters *counted,
			    double seconds, bool is_final)
{
	const struct mcr_sink_options *options = &sink->options;
	const uint64_t bytes = counted->bytes - HEADERS_BYTES * counted->packets;
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

/* As receive(), by the counters of the interface. Time runs from the first change to the last. */
static int count(struct sink *sink)
{
	const struct mcr_sink_options *options = &sink->options;
	const struct timespec pause = { .tv_nsec = COUNTERS_POLL_NS };
	const uint64_t start = clock_ns(CLOCK_MONOTONIC);
	const uint64_t end = options->timeout_ns ? start + options->timeout_ns : UINT64_MAX;
	uint64_t now = start, first = 0, last = 0;
	struct counters base = { 0 }, counted = { 0 };

	if (read_counters(sink, &base) != MCR_EXIT_DONE)
		return MCR_EXIT_FAILED;
	sink->reported_ns = start;
	for (;;) {
		const bool is_last = mcr_is_stopped() || now >= end ||
				     (first && options->idle_ns && now >= last + options->idle_ns);
		struct counters current = { 0 };
		uint64_t payload;

		if (read_counters(sink, &current) != MCR_EXIT_DONE)
			return MCR_EXIT_FAILED;
		current.bytes -= base.bytes;
		current.packets -= base.packets;
		if (current.packets != counted.packets) {
			last = now;
			first = first ? first : now - COUNTERS_POLL_NS;
		}
		counted = current;
		payload = counted.bytes - HEADERS_BYTES * counted.packets;
		if (is_last || (options->size && payload / options->size >= options->count))
			break;
		if (options->interval_ns && now >= sink->reported_ns + options->interval_ns) {
			report_counters(sink, &counted, (double)(last - first) / 1e9, false);
			sink->reported_ns = now;
		}
		nanosleep(&pause, NULL);
		now = clock_ns(CLOCK_MONOTONIC);
	}
	report_counters(sink, &counted, (double)(last - first) / 1e9, true);
	return MCR_EXIT_DONE;
}

static int check_expectation(const struct sink *sink, const struct sink_totals *totals)
{
	const uint64_t expect = sink->options.expect;
	const uint64_t wrong = totals->lost + totals->reordered + totals->duplicated +
			       totals->stale + totals->corrupt + sink->tally.untracked;

	if (expect == UINT64_MAX || (totals->received == expect && wrong == 0))
		return MCR_EXIT_DONE;
	return mcr_failure("sink",
			   "Expected %" PRIu64 " datagrams, each once and in order: "
			   "received %" PRIu64 ", lost %" PRIu64 ", reordered %" PRIu64 ", duplicated %" PRIu64
			   ", corrupt %" PRIu64,
			   expect, totals->received, totals->lost, totals->reordered,
			   totals->duplicated, totals->corrupt);
}

static int run_sink(struct sink *sink)
{
	struct sink_totals totals;
	int status;

	mcr_catch_signals();
	status = open_sockets(sink);
	if (status != MCR_EXIT_DONE)
		return status;
	fputs("ready\n", stderr);
	if (sink->options.counters)
		return count(sink);

	receive(sink);
	totals = sum_up(sink);
	if (sink->options.json)
		print_json(sink, &totals, true);
	else
		print_table(sink, &totals);
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
		sink->sockets = calloc((size_t)sink->options.group_count * sink->options.flows,
				       sizeof(*sink->sockets));
		status = sink->sockets && mcr_tally_init(&sink->tally, sink->options.verify) == 0 ?
				 run_sink(sink) :
				 mcr_failure("sink", "Cannot start: %s", strerror(ENOMEM));
	}
	/* Sockets are closed by the exit that follows. */
	mcr_tally_fini(&sink->tally);
	free(sink->sockets);
	free(sink);
	return status;
}
