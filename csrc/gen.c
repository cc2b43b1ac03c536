/*
 * `mcr gen`: paces and sends. By sockets, a flow has a connected socket of its own, so that the kernel looks
 * up its route once and so that each flow has a source port, as real senders do; above
 * FLOW_SOCKETS_MAX flows they share one unconnected socket, for descriptors are a limited good.
 *
 * The unit of sending is a run: consecutive datagrams of one flow, in one call. Payloads are
 * never assembled: the kernel gathers each from its header and a slice of the filling table.
 * What no socket would send leaves as whole frames, one datagram a run.
 * A sequence number is used up, and the digest moves on, when the kernel has taken the datagram.
 */
#include "gen.h"

#include <errno.h>
#include <netinet/udp.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/random.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "base.h"
#include "gen_report.h"
#include "gen_socket.h"

#define FLOW_SOCKETS_MAX 1024u
#define RUN_MAX 64u /* segments of one UDP_SEGMENT send; kernels before 6.9 take no more */
#define GSO_RATE_MIN 100000u /* below this single sends keep up, and look like single senders */
#define SPIN_NS 10000u /* what waking from a sleep costs; the rest of the wait is spun */
#define CATCH_UP_NS 10000000u /* a longer lag is not made up for: it would be a burst */
#define RETRY_NS 1000000u

/* One run on its way: everything that a call needs, for every datagram of it. */
struct run {
	struct mcr_traffic_header headers[RUN_MAX];
	uint64_t hashes[RUN_MAX];
	uint8_t wire[RUN_MAX][MCR_TRAFFIC_HEADER_BYTES];
	struct iovec pieces[RUN_MAX][2];
	struct mmsghdr messages[RUN_MAX];
	union {
		struct cmsghdr align;
		uint8_t bytes[CMSG_SPACE(sizeof(uint16_t))];
	} control;
};

struct gen {
	struct mcr_gen_options options;
	struct mcr_gen_result result;
	struct mcr_gen_framer *framer; /* NULL: by sockets */
	uint32_t flow_index; /* whose turn it is */
	uint32_t turn; /* datagrams of each flow in this round over all of them */
	uint32_t turn_left; /* datagrams until the next flow's turn */
	uint32_t run_max;
	bool is_shared; /* all flows use the descriptor of the first */
	uint64_t limit; /* datagrams to send */
	uint64_t start_ns;
	uint64_t end_ns; /* no sending after it */
	struct run run;
	struct mcr_filling filling;
};

static void sleep_until(uint64_t time_ns)
{
	const struct timespec until = {
		.tv_sec = (time_t)(time_ns / MCR_SECOND_NS),
		.tv_nsec = (long)(time_ns % MCR_SECOND_NS),
	};

	clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &until, NULL);
}

static int open_flows(struct gen *gen)
{
	const struct mcr_gen_options *options = &gen->options;

	gen->is_shared = options->flows > FLOW_SOCKETS_MAX || options->by_frames;
	mcr_raise_file_limit();
	if (options->by_frames && mcr_gen_framer_new(options, &gen->framer) != MCR_EXIT_DONE)
		return MCR_EXIT_FAILED;
	for (uint32_t i = 0; i < options->flows; i++) {
		const struct mcr_address to = mcr_flow_address(&options->range, i);
		struct mcr_gen_flow *flow = &gen->result.flows[i];

		flow->to = mcr_endpoint_make(&to, mcr_flow_port(&options->range, i), options->interface.index);
		flow->digest = MCR_DIGEST_START;
		if (gen->framer)
			flow->fd = gen->framer->fd;
		else if (gen->is_shared && i > 0)
			flow->fd = gen->result.flows[0].fd;
		else if (mcr_gen_socket_open(options, gen->is_shared ? NULL : &flow->to, &flow->fd) != MCR_EXIT_DONE)
			return MCR_EXIT_FAILED;
	}
	return MCR_EXIT_DONE;
}

static void count_error(struct gen *gen, int32_t number)
{
	for (uint32_t i = 0; i < MCR_GEN_ERRORS_MAX; i++) {
		struct mcr_gen_error *error = &gen->result.errors[i];

		if (error->count && error->number != number)
			continue;
		error->number = number;
		error->count++;
		return;
	}
}

/* Whether the next datagram of a flow is to have the fault. */
static bool is_next_broken(const struct mcr_gen_options *options, const struct mcr_gen_flow *flow)
{
	return options->fault != MCR_FAULT_NONE && (flow->sequence + flow->broken + 1) % options->fault_every == 0;
}

/* Lay out @count datagrams of @flow from @sequence on: all but their send times. */
static void prepare_run(struct gen *gen, uint32_t flow_index, uint64_t sequence, uint32_t count, uint8_t flags)
{
	const struct mcr_gen_options *options = &gen->options;
	struct run *run = &gen->run;

	for (uint32_t i = 0; i < count; i++) {
		struct mcr_traffic_header *header = &run->headers[i];
		uint32_t offset = 0;

		header->stream = gen->result.stream;
		header->sequence = sequence + i;
		header->flow = flow_index;
		header->length =
			mcr_sizes_pick(&options->sizes, gen->result.stream, flow_index, sequence + i);
		header->version = MCR_TRAFFIC_VERSION;
		header->flags = flags;
		if (options->verify)
			offset = mcr_filling_offset(gen->result.stream, flow_index, sequence + i);
		run->pieces[i][0].iov_base = run->wire[i];
		run->pieces[i][0].iov_len = MCR_TRAFFIC_HEADER_BYTES;
		run->pieces[i][1].iov_base = gen->filling.bytes + offset;
		run->pieces[i][1].iov_len = header->length - MCR_TRAFFIC_HEADER_BYTES;
		if (options->payload) {
			run->pieces[i][0].iov_len = 0;
			run->pieces[i][1].iov_base = gen->filling.bytes;
			run->pieces[i][1].iov_len = header->length;
		}
	}
}

static void stamp_run(struct run *run, uint32_t from, uint32_t count)
{
	const uint64_t now = clock_ns(CLOCK_REALTIME);

	for (uint32_t i = from; i < count; i++) {
		run->headers[i].sent_ns = now;
		run->hashes[i] = mcr_traffic_hash(&run->headers[i]);
		mcr_traffic_write(run->wire[i], &run->headers[i], run->hashes[i]);
	}
}

/* Hand datagrams @from to @count of the run to the kernel. Return how many it took, or -errno. */
static int32_t submit_run(struct gen *gen, struct mcr_gen_flow *flow, uint32_t from, uint32_t count)
{
	struct run *run = &gen->run;
	const bool in_one = gen->result.gso && count - from > 1;
	const uint32_t messages = in_one ? 1 : count - from;
	const uint32_t pieces = in_one ? 2 * (count - from) : 2;
	long status;

	/* The kernel reads 64-bit lengths where musl declares 32 bits and padding, which its own
	 * sendmmsg() works around with a call for each message. Zeroed padding serves as well.
	 */
	memset(run->messages, 0, messages * sizeof(run->messages[0]));
	for (uint32_t i = 0; i < messages; i++) {
		struct msghdr *message = &run->messages[i].msg_hdr;

		message->msg_iov = run->pieces[from + i];
		/* int in musl, size_t in glibc */
		message->msg_iovlen = (__typeof__(message->msg_iovlen))pieces;
		if (gen->is_shared) {
			message->msg_name = &flow->to;
			message->msg_namelen = mcr_endpoint_length(&flow->to);
		}
	}
	if (in_one) {
		struct msghdr *message = &run->messages[0].msg_hdr;
		struct cmsghdr *control = &run->control.align;
		const uint16_t segment = run->headers[0].length;

		memset(&run->control, 0, sizeof(run->control));
		message->msg_control = &run->control;
		message->msg_controllen = sizeof(run->control);
		control->cmsg_level = SOL_UDP;
		control->cmsg_type = UDP_SEGMENT;
		control->cmsg_len = CMSG_LEN(sizeof(segment));
		memcpy(CMSG_DATA(control), &segment, sizeof(segment));
	}
	status = syscall(SYS_sendmmsg, flow->fd, run->messages, messages, MSG_DONTWAIT);
	if (status < 0)
		return -errno;
	return in_one ? (int32_t)(count - from) : (int32_t)status;
}

static int32_t submit_frames(struct gen *gen, uint32_t flow_index)
{
	const struct iovec *pieces = gen->run.pieces[0];
	const bool is_broken = gen->run.headers[0].flags & MCR_TRAFFIC_BROKEN;

	return mcr_gen_framer_send(gen->framer, flow_index, is_broken ? gen->options.fault : MCR_FAULT_NONE,
				   pieces[0].iov_base, (uint32_t)pieces[0].iov_len, pieces[1].iov_base,
				   (uint32_t)pieces[1].iov_len);
}

static void commit_run(struct gen *gen, struct mcr_gen_flow *flow, uint32_t from, uint32_t count)
{
	const struct run *run = &gen->run;

	if (run->headers[0].flags & MCR_TRAFFIC_BROKEN) {
		flow->broken++;
		gen->result.broken++;
		gen->result.sent++;
		return;
	}
	for (uint32_t i = from; i < count; i++) {
		gen->result.bytes += run->headers[i].length;
		if (gen->options.verify)
			flow->digest = mcr_digest_next(flow->digest, run->hashes[i], 0);
	}
	flow->sequence += count - from;
	gen->result.sent += count - from;
}

static bool is_over(const struct gen *gen)
{
	return mcr_is_stopped() || clock_ns(CLOCK_MONOTONIC) >= gen->end_ns;
}

static bool is_gso_refusal(int32_t status)
{
	return status == -EIO || status == -EINVAL || status == -EMSGSIZE ||
	       status == -EOPNOTSUPP;
}

/* A first send that fails will not get better; later, an interface may come back. */
static bool is_passing(const struct gen *gen, int32_t status)
{
	if (status == -ENOBUFS || status == -ENOMEM)
		return true;
	return gen->result.sent > 0 && status != -EINVAL && status != -EMSGSIZE && status != -EACCES;
}

/*
 * Send @count datagrams of one flow, waiting where the socket is full. Return how many were sent:
 * fewer when it is over, or after an error that may pass; -errno after one that will not.
 */
static int32_t send_run(struct gen *gen, uint32_t flow_index, uint32_t count)
{
	struct mcr_gen_flow *flow = &gen->result.flows[flow_index];
	const bool is_broken = is_next_broken(&gen->options, flow);
	const uint8_t flags = (uint8_t)((gen->options.verify ? MCR_TRAFFIC_FILLED : 0) |
					(is_broken ? MCR_TRAFFIC_BROKEN : 0));
	uint32_t done = 0;

	prepare_run(gen, flow_index, is_broken ? flow->broken : flow->sequence, count, flags);
	while (done < count) {
		struct pollfd writable = { .fd = flow->fd, .events = POLLOUT };
		int32_t status;

		stamp_run(&gen->run, done, count);
		status = gen->framer ? submit_frames(gen, flow_index) : submit_run(gen, flow, done, count);
		if (status > 0) {
			commit_run(gen, flow, done, done + (uint32_t)status);
			done += (uint32_t)status;
			continue;
		}
		if (status == -EAGAIN) {
			gen->result.waits++;
			poll(&writable, 1, 100);
			if (is_over(gen))
				break;
			continue;
		}
		/* A host's answer to an earlier datagram; this one was not tried. */
		if (status == -ECONNREFUSED) {
			count_error(gen, -status);
			continue;
		}
		if (gen->result.gso && count - done > 1 && is_gso_refusal(status) &&
		    gen->options.gso == MCR_GEN_GSO_AUTO) {
			gen->result.gso = false;
			continue;
		}
		count_error(gen, -status);
		if (!is_passing(gen, status))
			return status;
		/* Shaping queues cut a run and take a part of it for success. Now that one is full,
		 * only single sends are told of each datagram's fate.
		 */
		if (status == -ENOBUFS && gen->options.gso == MCR_GEN_GSO_AUTO)
			gen->result.gso = false;
		sleep_until(clock_ns(CLOCK_MONOTONIC) + RETRY_NS);
		break;
	}
	return (int32_t)done;
}

/*
 * How many datagrams each flow sends in its turn of a round over all flows. With a count, the
 * last rounds get shorter, so that no flow sends more than one datagram more than another.
 */
static uint32_t turn_length(const struct gen *gen)
{
	const uint32_t flows = gen->options.flows;
	const uint64_t share = (gen->limit - gen->result.sent) / flows;
	uint64_t turn = gen->options.rate ? gen->options.burst / flows : gen->run_max;

	if (turn > gen->run_max)
		turn = gen->run_max;
	if (turn > share)
		turn = share;
	return turn ? (uint32_t)turn : 1;
}

/* Send up to @count datagrams, flow after flow. Return 0, or -errno. */
static int32_t send_burst(struct gen *gen, uint64_t count)
{
	while (count && !mcr_is_stopped()) {
		uint32_t run;
		int32_t status;

		if (gen->turn_left == 0) {
			gen->flow_index = (gen->flow_index + 1) % gen->options.flows;
			if (gen->flow_index == 0)
				gen->turn = turn_length(gen);
			gen->turn_left = gen->turn;
		}
		run = count < gen->turn_left ? (uint32_t)count : gen->turn_left;
		status = send_run(gen, gen->flow_index, run);
		if (status < 0)
			return status;
		gen->turn_left -= (uint32_t)status;
		count -= (uint64_t)status;
		if ((uint32_t)status < run)
			break;
	}
	return 0;
}

/*
 * Wait until datagram number gen->result.sent is due. A lag is made up for, up to CATCH_UP_NS of it; the
 * schedule moves by what is beyond. Return when gen->result.sent is due, or it is over.
 */
static void wait_until_due(struct gen *gen)
{
	__extension__ typedef unsigned __int128 wide;
	const uint64_t after = (uint64_t)((wide)gen->result.sent * MCR_SECOND_NS / gen->options.rate);
	const uint64_t due = gen->start_ns + after;
	uint64_t now = clock_ns(CLOCK_MONOTONIC);

	if (now > due + CATCH_UP_NS) {
		gen->start_ns += now - due - CATCH_UP_NS;
		return;
	}
	while (now + SPIN_NS < due && !mcr_is_stopped() && now < gen->end_ns) {
		/* In slices, as a signal may come just before the sleep. */
		const uint64_t slice = now + MCR_SECOND_NS / 10;

		sleep_until(due - SPIN_NS < slice ? due - SPIN_NS : slice);
		now = clock_ns(CLOCK_MONOTONIC);
	}
	while (now < due && !mcr_is_stopped())
		now = clock_ns(CLOCK_MONOTONIC);
}

static int generate(struct gen *gen)
{
	const struct mcr_gen_options *options = &gen->options;
	const uint64_t begin_ns = clock_ns(CLOCK_MONOTONIC);
	uint64_t last_slot_ns = 0;
	int32_t status = 0;

	gen->start_ns = begin_ns;
	gen->end_ns = UINT64_MAX;
	if (options->duration_ns)
		gen->end_ns = begin_ns + options->duration_ns + (options->rate ? CATCH_UP_NS : 0);
	while (gen->result.sent < gen->limit && status == 0) {
		const uint64_t left = gen->limit - gen->result.sent;
		uint64_t burst = options->rate ? options->burst : gen->run_max;

		if (options->rate)
			wait_until_due(gen);
		if (is_over(gen))
			break;
		if (burst > left)
			burst = left;
		status = send_burst(gen, burst);
	}
	gen->result.elapsed_ns = clock_ns(CLOCK_MONOTONIC) - begin_ns;
	/* The interval after the last datagram belongs to the rate as the others do. */
	if (options->rate)
		last_slot_ns = (uint64_t)((double)gen->result.sent * 1e9 / (double)options->rate);
	if (gen->result.elapsed_ns < last_slot_ns)
		gen->result.elapsed_ns = last_slot_ns;
	if (status < 0)
		return mcr_failure("gen", "Cannot send on \"%s\": %s%s", options->interface.name,
				   strerror(-status),
				   status == -ENETUNREACH || status == -ENETDOWN ?
					   " (is the interface up?)" :
				   is_gso_refusal(status) && options->gso == MCR_GEN_GSO_ON ?
					   " (it may refuse segmentation: try --gso auto)" :
					   "");
	return MCR_EXIT_DONE;
}

/* What datagrams are filled with: the table that sink knows, or what the user has said and zeroes. */
static void fill(struct gen *gen)
{
	const char *payload = gen->options.payload;

	if (payload)
		memcpy(gen->filling.bytes, payload, strnlen(payload, MCR_TRAFFIC_LENGTH_MAX));
	else
		mcr_filling_init(&gen->filling);
}

/* Decide what can be decided before the first datagram. */
static void plan(struct gen *gen)
{
	__extension__ typedef unsigned __int128 wide;
	const struct mcr_gen_options *options = &gen->options;
	const bool is_equal = options->sizes.min == options->sizes.max;

	gen->flow_index = options->flows - 1; /* the first turn is flow 0's */
	gen->limit = options->count;
	if (options->duration_ns && options->rate) {
		const wide due = (wide)options->rate * options->duration_ns / MCR_SECOND_NS;

		if (due < gen->limit)
			gen->limit = (uint64_t)due;
	}
	gen->result.gso = options->gso == MCR_GEN_GSO_ON ||
		   (options->gso == MCR_GEN_GSO_AUTO && is_equal && !options->by_frames &&
		    (options->rate == 0 || options->rate >= GSO_RATE_MIN));
	gen->run_max = gen->options.by_frames ? 1 : RUN_MAX;
	if (gen->result.gso && RUN_MAX * options->sizes.max > MCR_TRAFFIC_LENGTH_MAX)
		gen->run_max = MCR_TRAFFIC_LENGTH_MAX / options->sizes.max;
}

static int run_gen(struct gen *gen)
{
	int status;

	if (getrandom(&gen->result.stream, sizeof(gen->result.stream), 0) != sizeof(gen->result.stream))
		return mcr_failure("gen", "Cannot draw a stream number: %s", strerror(errno));
	fill(gen);
	plan(gen);
	status = open_flows(gen);
	if (status != MCR_EXIT_DONE)
		return status;
	mcr_catch_signals();
	prctl(PR_SET_TIMERSLACK, 1UL);

	status = generate(gen);
	mcr_gen_report(&gen->options, &gen->result);
	return status;
}

int mcr_gen_main(int argc, char **argv)
{
	struct gen *gen = calloc(1, sizeof(*gen));
	int status = MCR_EXIT_FAILED;

	if (!gen)
		return mcr_failure("gen", "Cannot start: %s", strerror(ENOMEM));
	status = mcr_gen_options_parse(argc, argv, &gen->options);
	if (status == MCR_OPTIONS_RUN) {
		gen->result.flows = calloc(gen->options.flows, sizeof(*gen->result.flows));
		status = gen->result.flows ? run_gen(gen) :
					     mcr_failure("gen", "Cannot start: %s", strerror(ENOMEM));
	}
	/* Sockets are closed by the exit that follows. */
	free(gen->framer);
	free(gen->result.flows);
	free(gen);
	return status;
}
