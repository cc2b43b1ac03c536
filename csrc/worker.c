/* worker.c - the loop: rings in, batches out. See worker.h. */
#include "worker.h"

#include "base.h"
#include "parse.h"
#include "uring.h"

#include <errno.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <linux/virtio_net.h>
#include <poll.h>
#include <sys/mman.h>
#include <sys/socket.h>

/* While there is traffic; idle workers look once a wait, so once a second. */
#define HOUSEKEEPING_INTERVAL_NS 100000000u

/* What the queue of large frames has first. That the interface went down is said once, in place of a frame. */
static ssize_t receive_large(const struct mcr_worker *worker, uint32_t input, void *bytes, size_t size, int flags)
{
	const int32_t socket = worker->inputs[input].socket;
	const ssize_t length = recv(socket, bytes, size, flags | MSG_DONTWAIT);

	return length < 0 && errno == ENETDOWN ? recv(socket, bytes, size, flags | MSG_DONTWAIT) : length;
}

/* Until it has been asked, a socket keeps the error that its interface went down, and polls of it return at once. */
static void take_error(const struct mcr_worker *worker, uint32_t input)
{
	int error;
	socklen_t length = sizeof(error);

	(void)getsockopt(worker->inputs[input].socket, SOL_SOCKET, SO_ERROR, &error, &length);
}

static void complete(struct mcr_worker *worker, const struct io_uring_cqe *completion)
{
	const uint64_t user_data = completion->user_data;
	const uint32_t index = mcr_request_index(user_data, 0);

	switch (mcr_request_kind(user_data)) {
	case MCR_REQUEST_CHANNEL:
		worker->is_channel_ready = 1;
		break;
	case MCR_REQUEST_INPUT:
		worker->inputs[index].is_ready = 1;
		worker->inputs[index].is_polled = 0;
		if (unlikely(completion->res > 0 && completion->res & POLLERR))
			take_error(worker, index);
		break;
	case MCR_REQUEST_SEND_RUN:
	case MCR_REQUEST_SEND_ONE:
	case MCR_REQUEST_RUN_AGAIN:
	case MCR_REQUEST_ONE_AGAIN:
		mcr_egress_complete(&worker->egress, user_data, completion->res);
		break;
	case MCR_REQUEST_DISCARD:
		/* The socket had an error to tell; left there, the frame would stand for the next one. */
		(void)receive_large(worker, index, worker->discarded, sizeof(worker->discarded), 0);
		break;
	case MCR_REQUEST_ANSWER:
	case MCR_REQUEST_PROGRESS:
	case MCR_REQUEST_CANCEL:
		/* An answer is not wanted. An eventfd cannot fill up within 10,000 years; a poll that has ended need
		 * not be cancelled.
		 */
		break;
	}
}

void mcr_worker_complete(struct mcr_worker *worker)
{
	struct io_uring_cqe *completion;
	uint32_t head, count = 0;

	io_uring_for_each_cqe(&worker->uring, head, completion) {
		complete(worker, completion);
		count++;
	}
	io_uring_cq_advance(&worker->uring, count);
}

void mcr_worker_submit(struct mcr_worker *worker)
{
	stat_add(&worker->stats->worker.submissions, 1);
	/* More than once only when the kernel was short of memory: nothing may stay queued that points into slots. */
	do {
		(void)io_uring_submit_and_get_events(&worker->uring);
		mcr_worker_complete(worker);
	} while (unlikely(io_uring_sq_ready(&worker->uring) > 0));
}

struct io_uring_sqe *mcr_worker_request(struct mcr_worker *worker)
{
	struct io_uring_sqe *request = io_uring_get_sqe(&worker->uring);

	if (unlikely(!request)) {
		mcr_worker_submit(worker);
		request = io_uring_get_sqe(&worker->uring);
	}
	return request;
}

static void poll_channel(struct mcr_worker *worker)
{
	worker->is_channel_ready = 0;
	mcr_uring_prepare_poll(mcr_worker_request(worker), MCR_FILE_CHANNEL,
			       mcr_request_pack(MCR_REQUEST_CHANNEL, 0, 0, 0));
}

/*
 * Sends a batch and notes its slots as done, in one submission where it fits: the kernel takes a submission without a
 * look at pending signals, so a SIGKILL finds all of it done or nothing. (It does not fit where outputs that take no
 * segments make more than MCR_SUBMISSIONS requests, nor do the sends that are repeated because one began to refuse
 * them or a host had answered.) A batch that sends nothing is noted too: its slots are given back like any others.
 */
static void send_batch(struct mcr_worker *worker, uint32_t input, uint64_t slot_count, int has_large_frame)
{
	struct mcr_worker_input *from = &worker->inputs[input];
	struct io_uring_sqe *request;

	/* Polls that are queued already must not push the note into a second submission. */
	if (unlikely(io_uring_sq_space_left(&worker->uring) < worker->egress.request_count + 2))
		mcr_worker_submit(worker);
	while (!mcr_egress_emit(&worker->egress))
		mcr_worker_submit(worker);
	if (has_large_frame) {
		request = mcr_worker_request(worker);
		io_uring_prep_recv(request, (int)MCR_FILE_INPUT(input), worker->discarded, sizeof(worker->discarded),
				   MSG_DONTWAIT);
		request->flags |= IOSQE_FIXED_FILE | IOSQE_CQE_SKIP_SUCCESS;
		io_uring_sqe_set_data64(request, mcr_request_pack(MCR_REQUEST_DISCARD, input, 0, 0));
	}
	from->progress = slot_count;
	request = mcr_worker_request(worker);
	io_uring_prep_write(request, (int)MCR_FILE_PROGRESS(input), &from->progress, sizeof(from->progress), 0);
	request->flags |= IOSQE_FIXED_FILE | IOSQE_CQE_SKIP_SUCCESS;
	io_uring_sqe_set_data64(request, mcr_request_pack(MCR_REQUEST_PROGRESS, input, 0, 0));
	mcr_worker_submit(worker);
	while (worker->egress.retry_next < worker->egress.retry_count) {
		(void)mcr_egress_retry(&worker->egress);
		mcr_worker_submit(worker);
	}
}

/* How many datagrams a frame has that was not read to its end. */
static uint32_t unread_count(const struct mcr_frame *frame)
{
	const uint32_t header_bytes = mcr_parse_header_bytes(frame->packet, frame->length, frame->version);

	return frame->wire_length > header_bytes ?
		       mcr_segment_count(frame->wire_length - header_bytes, frame->segment_bytes) :
		       1;
}

/*
 * Reads a frame that is larger than a slot from the socket's queue, where it stays until its sends are submitted.
 * Return: 1 with @frame made whole; 0 when the queue had no room for it.
 */
static int look_at_large(struct mcr_worker *worker, uint32_t input, struct mcr_frame *frame)
{
	const uint32_t before = (uint32_t)sizeof(struct virtio_net_hdr) + frame->link_bytes;
	ssize_t length;

	if (!(frame->flags & TP_STATUS_COPY))
		return 0;
	length = receive_large(worker, input, worker->large_frame, sizeof(worker->large_frame), MSG_PEEK);
	if (length < (ssize_t)before)
		return 0;
	frame->packet = worker->large_frame + before;
	frame->length = (uint32_t)length - before;
	return 1;
}

/* Takes a frame's datagrams off the credit of its rule and of all rules together. Return: 0 when it is not enough. */
static int take_credit(struct mcr_worker *worker, const struct mcr_route *route, uint32_t datagram_count,
		       uint32_t bytes)
{
	const struct mcr_rate_limit limit = { route->datagrams_max, route->bits_max };
	const struct mcr_rate_limit total = { worker->table->datagrams_max, worker->table->bits_max };
	struct mcr_rate *rate = &worker->rates[route->stats];

	/* Once a batch. Not the frames' own times: those of another input may lie before. */
	if (worker->batch_time_us == 0)
		worker->batch_time_us = clock_ns(CLOCK_MONOTONIC) / 1000;
	if (!mcr_rate_has(rate, limit, worker->batch_time_us, datagram_count, bytes) ||
	    !mcr_rate_has(&worker->total_rate, total, worker->batch_time_us, datagram_count, bytes))
		return 0;
	mcr_rate_take(rate, limit, datagram_count, bytes);
	mcr_rate_take(&worker->total_rate, total, datagram_count, bytes);
	return 1;
}

/*
 * Takes a fragment. Return: 1 with @frame the packet that it completes, which stays until the next one is; 0 when there
 * is none.
 */
static int put_together(struct mcr_worker *worker, uint32_t input, struct mcr_frame *frame)
{
	struct mcr_reassembler *reassembler = &worker->reassembler;

	frame->length = mcr_reassembly_take(reassembler, input, frame->packet, frame->length,
					    clock_ns(CLOCK_MONOTONIC), &frame->packet);
	if (reassembler->lost)
		mcr_egress_drop(&worker->egress, MCR_DROP_FRAGMENT, reassembler->lost);
	reassembler->lost = 0;
	frame->wire_length = frame->length;
	frame->flags = 0;
	return frame->length > 0;
}

/* Adds one frame to the batch, or notes why not. Return: whether the batch has to end with it. */
static int take_frame(struct mcr_worker *worker, uint32_t input, struct mcr_frame *frame)
{
	const int is_checksummed = (frame->flags & (TP_STATUS_CSUM_VALID | TP_STATUS_CSUMNOTREADY)) != 0;
	const struct mcr_route *route;
	enum mcr_drop reason;
	struct mcr_flow flow;
	int is_put_together = 0;

	if (frame->segment_bytes)
		stat_add(&worker->stats->worker.superframes, 1);
	reason = mcr_parse_packet(frame->packet, frame->length, frame->version, is_checksummed, &flow);
	if (unlikely(reason == MCR_DROP_FRAGMENT)) {
		if (!put_together(worker, input, frame))
			return 0;
		is_put_together = 1;
		reason = mcr_parse_packet(frame->packet, frame->length, frame->version, 0, &flow);
	}
	if (unlikely(reason != MCR_DROP_COUNT))
		goto drop;
	route = mcr_route_find(worker->table, input, &flow, &reason);
	if (unlikely(!route))
		goto drop;
	if (mcr_table_has_sender(worker->table, &flow)) {
		reason = MCR_DROP_OWN_SOURCE;
		goto refuse;
	}
	if (unlikely(route->is_limited) &&
	    !take_credit(worker, route, mcr_segment_count(flow.payload_length, frame->segment_bytes),
			 flow.payload_length)) {
		reason = MCR_DROP_MAX_RATE;
		goto refuse;
	}
	mcr_egress_add(&worker->egress, route, &flow, frame->segment_bytes, frame->time_ns);
	return is_put_together;
refuse:
	mcr_egress_drop_at(&worker->egress, route, reason,
			   mcr_segment_count(flow.payload_length, frame->segment_bytes), flow.payload_length);
	return 0;
drop:
	mcr_egress_drop(&worker->egress, reason, unread_count(frame));
	return 0;
}

static uint32_t relay_batch(struct mcr_worker *worker, uint32_t input)
{
	struct mcr_packet_ring *ring = &worker->inputs[input].ring;
	struct mcr_ring_stats *ring_stats = &worker->stats->rings[input];
	uint64_t newest_ns = 0;
	int has_large_frame = 0, is_over = 0;
	uint32_t count = 0;
	struct mcr_frame frame;

	mcr_egress_begin(&worker->egress);
	worker->batch_time_us = 0;
	/* The queue of large frames shows its first only, and what was put together stays until the next is: so each
	 * ends its batch.
	 */
	while (!has_large_frame && !is_over && mcr_egress_has_room(&worker->egress) && count < MCR_BATCH_FRAMES &&
	       mcr_packet_ring_look(ring, count, &frame)) {
		count++;
		newest_ns = frame.time_ns > newest_ns ? frame.time_ns : newest_ns;
		if (likely(frame.length == frame.wire_length)) {
			is_over = take_frame(worker, input, &frame);
			continue;
		}
		has_large_frame = look_at_large(worker, input, &frame);
		if (has_large_frame)
			(void)take_frame(worker, input, &frame);
		else
			mcr_egress_drop(&worker->egress, MCR_DROP_COPY_LOST, unread_count(&frame));
	}
	if (count == 0)
		return 0;
	stat_set(&ring_stats->batch_time_ns, newest_ns);
	send_batch(worker, input, count, has_large_frame);
	mcr_egress_account(&worker->egress, clock_ns(CLOCK_REALTIME));
	stat_add(&ring_stats->frames, count);
	worker->rate_frames += count;
	mcr_packet_ring_give_back(ring, count);
	return count;
}

/* Of a frame that is larger than its slot the rest is gone: zeros stand in for it, in which no header goes on. */
static void fill_up(struct mcr_worker *worker, struct mcr_frame *frame)
{
	const uint32_t room = sizeof(worker->large_frame);
	const uint32_t length = frame->wire_length < room ? frame->wire_length : room;

	memcpy(worker->large_frame, frame->packet, frame->length);
	memset(worker->large_frame + frame->length, 0, length - frame->length);
	frame->packet = worker->large_frame;
	frame->length = length;
}

/*
 * Counts a slot that a predecessor sent but did not come to count. Fragments are put together once more: they may be
 * those of a datagram of which the last are still to come. What was beyond a rate only the predecessor knew: it counts
 * as relayed.
 */
static void count_leftover(struct mcr_worker *worker, uint32_t input, struct mcr_frame *frame)
{
	const int is_cut = frame->length < frame->wire_length;
	const struct mcr_route *route = NULL;
	struct mcr_flow flow;
	enum mcr_drop reason;

	mcr_egress_begin(&worker->egress);
	if (is_cut)
		fill_up(worker, frame);
	reason = mcr_parse_packet(frame->packet, frame->length, frame->version, 1, &flow);
	if (reason == MCR_DROP_FRAGMENT && !is_cut) {
		if (!put_together(worker, input, frame))
			goto account;
		reason = mcr_parse_packet(frame->packet, frame->length, frame->version, 1, &flow);
	}
	if (reason == MCR_DROP_COUNT)
		route = mcr_route_find(worker->table, input, &flow, &reason);
	if (route && mcr_table_has_sender(worker->table, &flow))
		mcr_egress_drop_at(&worker->egress, route, MCR_DROP_OWN_SOURCE,
				   mcr_segment_count(flow.payload_length, frame->segment_bytes), flow.payload_length);
	else if (route)
		mcr_egress_add(&worker->egress, route, &flow, frame->segment_bytes, frame->time_ns);
	else
		mcr_egress_drop(&worker->egress, reason, unread_count(frame));
account:
	mcr_egress_account(&worker->egress, clock_ns(CLOCK_REALTIME));
	stat_add(&worker->stats->rings[input].frames, 1);
}

/* Moves over what a predecessor sent before it died: those slots are counted and given back, not sent again. */
static void recover(struct mcr_worker *worker, uint32_t input)
{
	struct mcr_packet_ring *ring = &worker->inputs[input].ring;
	const struct mcr_ring_stats *ring_stats = &worker->stats->rings[input];
	struct mcr_frame frame;

	while (*ring->cursor < ring_stats->completed) {
		if (!mcr_packet_ring_is_leftover(ring, ring_stats->batch_time_ns, &frame)) {
			mcr_packet_ring_skip(ring);
			continue;
		}
		/* Else it died between counting its batch and giving it back. */
		if (ring_stats->frames == *ring->cursor)
			count_leftover(worker, input, &frame);
		mcr_packet_ring_give_back(ring, 1);
		stat_add(&worker->stats->worker.recovered, 1);
	}
}

/* Relays what one ring has, up to a batch. Return: slots given back; 0: it was empty. */
static uint32_t relay_input(struct mcr_worker *worker, uint32_t input)
{
	if (unlikely(*worker->inputs[input].ring.cursor < worker->stats->rings[input].completed))
		recover(worker, input);
	return relay_batch(worker, input);
}

/* Relays a batch of each input that may have something. Return: whether any had. */
static int relay_all(struct mcr_worker *worker)
{
	int is_any = 0;

	for (uint32_t input = 0; worker->table && input < worker->input_count; input++) {
		struct mcr_worker_input *from = &worker->inputs[input];

		if (from->socket < 0 || !from->is_ready)
			continue;
		if (relay_input(worker, input) > 0)
			is_any = 1;
		else
			from->is_ready = 0;
	}
	return is_any;
}

void mcr_worker_count_ring_drops(struct mcr_worker *worker, uint32_t input)
{
	struct tpacket_stats kernel;
	socklen_t length = sizeof(kernel);

	if (getsockopt(worker->inputs[input].socket, SOL_PACKET, PACKET_STATISTICS, &kernel, &length) < 0 ||
	    kernel.tp_drops == 0)
		return;
	stat_add(&worker->stats->worker.drops[MCR_DROP_RING_FULL], kernel.tp_drops);
	stat_add_last(&worker->stats->worker.received, kernel.tp_drops);
}

/* A datagram whose fragments did not all come in time. */
static void count_lost_fragments(struct mcr_worker *worker)
{
	struct mcr_reassembler *reassembler = &worker->reassembler;

	mcr_reassembly_expire(reassembler, clock_ns(CLOCK_MONOTONIC));
	stat_add(&worker->stats->worker.drops[MCR_DROP_FRAGMENT], reassembler->lost);
	stat_add_last(&worker->stats->worker.received, reassembler->lost);
	reassembler->lost = 0;
}

static void keep_house(struct mcr_worker *worker)
{
	const uint64_t now_ns = clock_ns(CLOCK_MONOTONIC_COARSE);

	if (now_ns - worker->housekeeping_ns < HOUSEKEEPING_INTERVAL_NS)
		return;
	worker->housekeeping_ns = now_ns;
	stat_set(&worker->stats->worker.heartbeat_ns, now_ns);
	for (uint32_t input = 0; input < worker->input_count; input++) {
		if (worker->inputs[input].socket >= 0)
			mcr_worker_count_ring_drops(worker, input);
	}
	if (unlikely(worker->reassembler.active_count > 0))
		count_lost_fragments(worker);
}

/* What is in the rings when the end is announced is still relayed; what comes later is not waited for. */
static void drain(struct mcr_worker *worker)
{
	for (uint32_t input = 0; worker->table && input < worker->input_count; input++) {
		uint32_t left = worker->inputs[input].ring.slot_count, count = 0;

		if (worker->inputs[input].socket < 0)
			continue;
		while (left > 0 && (count = relay_input(worker, input)) > 0)
			left -= count < left ? count : left;
		mcr_worker_count_ring_drops(worker, input);
	}
}

static int32_t run(struct mcr_worker *worker)
{
	int32_t error = 0;

	poll_channel(worker);
	keep_house(worker);
	while (!worker->is_ending && error == 0) {
		if (relay_all(worker))
			mcr_worker_poll_quiet(worker); /* those beside the busy ones */
		else if (!worker->is_channel_ready)
			mcr_worker_wait(worker);
		if (io_uring_sq_ready(&worker->uring) > 0)
			mcr_worker_submit(worker);
		keep_house(worker);
		if (worker->is_channel_ready) {
			error = mcr_worker_listen(worker);
			poll_channel(worker);
		}
	}
	if (error == 0)
		drain(worker);
	return error;
}

int mcr_worker_main(int channel)
{
	/* Once, before the first datagram; never given back. */
	struct mcr_worker *worker = mmap(NULL, sizeof(*worker), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS,
					 -1, 0);
	int32_t error;

	if (worker == MAP_FAILED)
		return 1;
	worker->channel = channel;
	error = mcr_worker_set_up(worker);
	if (error == 0) {
		mcr_worker_say(worker, MCR_MESSAGE_READY, 0);
		error = run(worker);
	}
	if (error < 0) {
		mcr_worker_say(worker, MCR_MESSAGE_FAILED, -error);
		return 1;
	}
	stat_set(&worker->stats->worker.state, MCR_WORKER_STOPPED);
	return 0;
}
