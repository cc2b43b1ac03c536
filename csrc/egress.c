/* egress.c - see egress.h. */
#include "egress.h"

#include "base.h"
#include "uring.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/udp.h>

#ifndef UDP_SEGMENT
#define UDP_SEGMENT 103
#endif

/* A send never waits: a full socket drops and counts, it stalls no other output. */
#define SEND_FLAGS (MSG_DONTWAIT | MSG_NOSIGNAL)

void mcr_egress_begin(struct mcr_egress *egress)
{
	egress->frame_count = 0;
	egress->run_count = 0;
	egress->request_count = 0;
	egress->is_probing = 0;
	egress->next_run = 0;
	egress->next_output = 0;
	egress->next_datagram = 0;
	egress->failure_count = 0;
	egress->retry_count = 0;
	egress->retry_next = 0;
	memset(egress->drops, 0, sizeof(egress->drops));
	egress->refusal_count = 0;
}

int mcr_egress_has_room(const struct mcr_egress *egress)
{
	/* One request is kept for the progress note, one for taking a large frame off its queue. */
	return egress->frame_count < MCR_BATCH_FRAMES && !egress->is_probing &&
	       egress->request_count + egress->table->route_requests_max + 2 <= MCR_SUBMISSIONS;
}

void mcr_egress_drop(struct mcr_egress *egress, enum mcr_drop reason, uint32_t datagram_count)
{
	egress->drops[reason] += datagram_count;
}

void mcr_egress_drop_at(struct mcr_egress *egress, const struct mcr_route *route, enum mcr_drop reason,
			uint32_t datagram_count, uint32_t bytes)
{
	egress->refusals[egress->refusal_count++] = (struct mcr_refusal){ route, reason, datagram_count, bytes };
}

void mcr_egress_take_table(struct mcr_egress *egress, const struct mcr_table *table)
{
	egress->table = table;
	for (uint32_t i = 0; i < MCR_OUTPUTS_MAX; i++) {
		if (egress->segmentation[i] == MCR_SEGMENTATION_REFUSED)
			egress->segmentation[i] = MCR_SEGMENTATION_UNKNOWN;
	}
}

void mcr_egress_forget(struct mcr_egress *egress, uint32_t socket)
{
	egress->segmentation[socket] = MCR_SEGMENTATION_UNKNOWN;
}

static int run_takes(const struct mcr_egress *egress, const struct mcr_run *run, const struct mcr_route *route,
		     uint32_t length, const struct mcr_attributes *attributes)
{
	return run->route == route && !run->is_closed && length <= run->segment_bytes && length > 0 &&
	       run->frame_count < egress->segments_max && run->bytes + length <= MCR_RUN_BYTES_MAX &&
	       (!attributes || mcr_attributes_agree(&run->attributes, attributes, route->varies));
}

/* Whether it goes to one host, which may answer that it is not there. */
static int is_unicast(const struct mcr_run *run, const struct mcr_output *output)
{
	return unlikely(run->route->request_count > run->route->output_count) && !address_is_group(output->group);
}

/* Whether a run is sent by an output at all. Else it is counted as dropped there. */
static int run_is_sent_at(const struct mcr_run *run, const struct mcr_output *output)
{
	return output->socket != MCR_NO_SOCKET && !mcr_output_expires(output, &run->attributes);
}

static int run_is_segmented_at(const struct mcr_egress *egress, const struct mcr_run *run,
			       const struct mcr_output *output)
{
	return run->datagram_count > 1 && run->segment_bytes <= output->segment_max &&
	       /* A superframe of more than may be sent at once leaves singly, where less than usual was asked for. */
	       (run->datagram_count <= egress->segments_max || egress->segments_max == MCR_SEGMENTS_MAX) &&
	       egress->segmentation[output->socket] != MCR_SEGMENTATION_REFUSED && !(output->flags & MCR_OUTPUT_ESP) &&
	       /* A superframe that came over IPv6 may be larger. */
	       (run->bytes <= MCR_RUN_BYTES_MAX || !address_is_ipv4(output->group));
}

/*
 * Looks at the outputs when a run has become one of several datagrams: how many send them one by one, and whether any
 * is asked for segments for the first time. Then the run ends the batch: should it be refused, nothing overtakes it.
 */
static void run_look_at_outputs(struct mcr_egress *egress, struct mcr_run *run)
{
	for (uint32_t i = 0; i < run->route->output_count; i++) {
		const struct mcr_output *output = &run->outputs[i];

		if (!run_is_sent_at(run, output))
			continue;
		if (!run_is_segmented_at(egress, run, output))
			run->singly_count += is_unicast(run, output) ? 2 : 1;
		else if (egress->segmentation[output->socket] == MCR_SEGMENTATION_UNKNOWN)
			egress->is_probing = 1;
	}
	egress->request_count += run->singly_count * (run->datagram_count - 1);
}

static void run_start(struct mcr_egress *egress, struct mcr_run *run, const struct mcr_route *route, uint32_t length,
		      uint32_t datagram_count, uint32_t segment_bytes)
{
	run->route = route;
	run->outputs = mcr_route_outputs(egress->table, route);
	run->frame_first = egress->frame_count - 1;
	run->frame_count = 1;
	run->datagram_count = datagram_count;
	run->segment_bytes = datagram_count > 1 ? segment_bytes : length;
	run->bytes = length;
	run->singly_count = 0;
	run->is_closed = datagram_count > 1;
	egress->request_count += route->request_count;
}

void mcr_egress_add(struct mcr_egress *egress, const struct mcr_route *route, const struct mcr_flow *flow,
		    uint32_t segment_bytes, uint64_t time_ns)
{
	const uint32_t length = flow->payload_length, datagram_count = mcr_segment_count(length, segment_bytes);
	struct mcr_run *run = egress->run_count ? &egress->runs[egress->run_count - 1] : NULL;
	const uint32_t frame = egress->frame_count++;
	const struct mcr_attributes *varying = NULL;
	struct mcr_attributes attributes;

	if (unlikely(route->varies & MCR_OUTPUT_VARYING)) {
		attributes = (struct mcr_attributes){ .port = flow->port - route->port_first,
						      .ttl = flow->ttl,
						      .traffic_class = flow->traffic_class };
		memcpy(attributes.group, flow->group, sizeof(attributes.group));
		varying = &attributes;
	}
	egress->payloads[frame] = (struct iovec){ .iov_base = (void *)(uintptr_t)flow->payload, .iov_len = length };
	egress->times_ns[frame] = time_ns;
	if (run && datagram_count == 1 && run_takes(egress, run, route, length, varying)) {
		run->is_closed = length < run->segment_bytes;
		run->frame_count++;
		run->datagram_count++;
		run->bytes += length;
		if (run->datagram_count == 2)
			run_look_at_outputs(egress, run);
		else
			egress->request_count += run->singly_count;
	} else {
		run = &egress->runs[egress->run_count++];
		run_start(egress, run, route, length, datagram_count, segment_bytes);
		if (varying)
			run->attributes = attributes;
		if (datagram_count > 1)
			run_look_at_outputs(egress, run);
	}
	run->newest_ns = time_ns;
}

/* The C libraries disagree on its type. */
typedef __typeof__(((struct msghdr *)0)->msg_iovlen) iovec_count;

static void run_prepare_message(struct mcr_egress *egress, struct mcr_run *run)
{
	const uint16_t segment_bytes = (uint16_t)run->segment_bytes;
	struct cmsghdr *control = (void *)run->control;

	run->message = (struct msghdr){ .msg_iov = &egress->payloads[run->frame_first],
					.msg_iovlen = (iovec_count)run->frame_count,
					.msg_control = control,
					.msg_controllen = CMSG_SPACE(sizeof(segment_bytes)) };
	control->cmsg_len = CMSG_LEN(sizeof(segment_bytes));
	control->cmsg_level = IPPROTO_UDP;
	control->cmsg_type = UDP_SEGMENT;
	memcpy(CMSG_DATA(control), &segment_bytes, sizeof(segment_bytes));
}

static struct iovec run_datagram(const struct mcr_egress *egress, const struct mcr_run *run, uint32_t datagram)
{
	const struct iovec *payload = &egress->payloads[run->frame_first];
	const uint32_t offset = datagram * run->segment_bytes;

	if (run->frame_count > 1)
		return payload[datagram];
	return (struct iovec){ .iov_base = (uint8_t *)payload->iov_base + offset,
			       .iov_len = datagram + 1 < run->datagram_count ? run->segment_bytes :
									       payload->iov_len - offset };
}

static void request_finish(struct io_uring_sqe *request, uint64_t user_data)
{
	request->flags |= IOSQE_FIXED_FILE | IOSQE_CQE_SKIP_SUCCESS;
	io_uring_sqe_set_data64(request, user_data);
}

/* A packet socket has the one destination that its header names. */
static int is_raw(const struct mcr_output *output, const struct mcr_run *run)
{
	return (output->flags & MCR_OUTPUT_RAW) && run->segment_bytes <= output->segment_max &&
	       !(output->flags & (MCR_OUTPUT_GROUP_MAP | MCR_OUTPUT_PORT_MAP));
}

static struct msghdr *make_frame(struct mcr_egress *egress, const struct mcr_run *run, const struct mcr_output *output,
				 const struct iovec *payloads, uint32_t payload_count, uint32_t bytes,
				 uint32_t segment_bytes)
{
	struct msghdr *message =
		mcr_raw_frames_add(&egress->raw_frames, output, payloads, payload_count, bytes, segment_bytes);

	if (message && unlikely(output->flags & MCR_OUTPUT_VARYING))
		mcr_raw_frame_vary(message,
				   output->flags & MCR_OUTPUT_TTL_DECREMENT ? run->attributes.ttl - 1 : 0,
				   mcr_varying_class(output, &run->attributes));
	return message;
}

/* Has an answer to an earlier send taken away: a receive takes it, or finds nothing, for such sockets are deaf. */
static void emit_answer_taker(struct mcr_egress *egress, const struct mcr_output *output, uint32_t run_index,
			      uint32_t output_index)
{
	struct io_uring_sqe *request = io_uring_get_sqe(egress->ring);

	io_uring_prep_recv(request, (int)(MCR_FILE_OUTPUTS + output->socket), NULL, 0, MSG_DONTWAIT);
	request_finish(request, mcr_request_pack(MCR_REQUEST_ANSWER, run_index, output_index, 0));
}

/* Of a run and an output, with one request beside others of the batch, or alone. */
static int may_follow_answer(const struct mcr_egress *egress, const struct mcr_run *run,
			     const struct mcr_output *output)
{
	return is_unicast(run, output) && (egress->frame_count > 1 || run->datagram_count > 1);
}

/* Return: 0 when there is no room left. */
static int emit_datagram(struct mcr_egress *egress, uint32_t run_index, uint32_t output_index, uint32_t at,
			 enum mcr_request kind)
{
	const struct mcr_run *run = &egress->runs[run_index];
	const struct mcr_output *output = &run->outputs[output_index];
	const struct iovec datagram = run_datagram(egress, run, at);
	const int is_frame = is_raw(output, run), takes_answer = may_follow_answer(egress, run, output);
	struct msghdr *message = NULL;
	struct io_uring_sqe *request;

	if (io_uring_sq_space_left(egress->ring) < 1u + (uint32_t)takes_answer)
		return 0;
	if (is_frame)
		message = make_frame(egress, run, output, &datagram, 1, (uint32_t)datagram.iov_len, 0);
	else if (unlikely(output->flags & MCR_OUTPUT_VARYING))
		message = mcr_varyings_add(&egress->varyings, output, &run->attributes, &datagram, 1, 0);
	if (!message && (is_frame || output->flags & MCR_OUTPUT_VARYING))
		return 0;
	if (takes_answer)
		emit_answer_taker(egress, output, run_index, output_index);
	request = io_uring_get_sqe(egress->ring);
	if (message)
		io_uring_prep_sendmsg(request,
				      (int)(MCR_FILE_OUTPUTS + (is_frame ? output->raw_socket : output->socket)),
				      message, SEND_FLAGS);
	else
		io_uring_prep_send(request, (int)(MCR_FILE_OUTPUTS + output->socket), datagram.iov_base,
				   datagram.iov_len, SEND_FLAGS);
	request_finish(request, mcr_request_pack(kind, run_index, output_index, at));
	return 1;
}

/* One request for each datagram of a run. Return: 0 when there is no room left; next_datagram says where to go on. */
static int emit_singly(struct mcr_egress *egress, uint32_t run_index, uint32_t output_index)
{
	for (; egress->next_datagram < egress->runs[run_index].datagram_count; egress->next_datagram++) {
		if (!emit_datagram(egress, run_index, output_index, egress->next_datagram, MCR_REQUEST_SEND_ONE))
			return 0;
	}
	egress->next_datagram = 0;
	return 1;
}

/* One request for a whole run. Return: 0 when there is no room left. */
static int emit_run(struct mcr_egress *egress, uint32_t run_index, uint32_t output_index, enum mcr_request kind)
{
	struct mcr_run *run = &egress->runs[run_index];
	const struct mcr_output *output = &run->outputs[output_index];
	const int is_frame = is_raw(output, run), takes_answer = may_follow_answer(egress, run, output);
	struct iovec *payloads = &egress->payloads[run->frame_first];
	struct msghdr *message = &run->message;
	struct io_uring_sqe *request;

	if (io_uring_sq_space_left(egress->ring) < 1u + (uint32_t)takes_answer)
		return 0;
	if (is_frame)
		message = make_frame(egress, run, output, payloads, run->frame_count, run->bytes, run->segment_bytes);
	else if (unlikely(output->flags & MCR_OUTPUT_VARYING))
		message = mcr_varyings_add(&egress->varyings, output, &run->attributes, payloads, run->frame_count,
					   run->segment_bytes);
	if (!message)
		return 0;
	if (takes_answer)
		emit_answer_taker(egress, output, run_index, output_index);
	request = io_uring_get_sqe(egress->ring);
	io_uring_prep_sendmsg(request, (int)(MCR_FILE_OUTPUTS + (is_frame ? output->raw_socket : output->socket)),
			      message, SEND_FLAGS);
	request_finish(request, mcr_request_pack(kind, run_index, output_index, 0));
	return 1;
}

static int emit_output(struct mcr_egress *egress, uint32_t run_index, uint32_t output_index)
{
	const struct mcr_run *run = &egress->runs[run_index];
	const struct mcr_output *output = &run->outputs[output_index];

	if (unlikely(!run_is_sent_at(run, output)))
		return 1;
	if (!run_is_segmented_at(egress, run, output))
		return emit_singly(egress, run_index, output_index);
	return emit_run(egress, run_index, output_index, MCR_REQUEST_SEND_RUN);
}

static void begin_messages(struct mcr_egress *egress)
{
	mcr_raw_frames_begin(&egress->raw_frames);
	mcr_varyings_begin(&egress->varyings);
}

int mcr_egress_emit(struct mcr_egress *egress)
{
	begin_messages(egress);
	for (; egress->next_run < egress->run_count; egress->next_run++) {
		struct mcr_run *run = &egress->runs[egress->next_run];

		if (run->datagram_count > 1 && egress->next_output == 0)
			run_prepare_message(egress, run);
		for (; egress->next_output < run->route->output_count; egress->next_output++) {
			if (!emit_output(egress, egress->next_run, egress->next_output))
				return 0;
		}
		egress->next_output = 0;
	}
	return 1;
}

/* One entry for each errno that a UDP send is known to end with; all others are SEND_FAILED. */
static enum mcr_drop drop_of_errno(int error)
{
	switch (error) {
	case EAGAIN:
		return MCR_DROP_SOCKET_FULL;
	case ENOBUFS:
	case ENOMEM:
		return MCR_DROP_NO_BUFFER;
	case EMSGSIZE:
		return MCR_DROP_TOO_BIG;
	case ENETUNREACH:
	case EHOSTUNREACH:
	case EHOSTDOWN:
	case ECONNREFUSED:
	case ENETDOWN:
	case ENODEV:
	case ENXIO:
	case EADDRNOTAVAIL:
		return MCR_DROP_UNREACHABLE;
	case EPERM:
	case EACCES:
		return MCR_DROP_FORBIDDEN;
	default:
		return MCR_DROP_SEND_FAILED;
	}
}

/* What the kernel says when a path or a device takes no segments: no checksum offload, IPsec, a smaller MTU. */
static int is_refusal_of_segments(int error)
{
	return error == EIO || error == EINVAL || error == EMSGSIZE || error == EOPNOTSUPP;
}

/* What an answer to an earlier send may come back as (ICMP, ICMPv6, and that nobody answered to a host's address). */
static int may_be_answer(int error)
{
	return error == ECONNREFUSED || error == EHOSTUNREACH || error == ENETUNREACH || error == EHOSTDOWN ||
	       error == ENONET || error == EACCES || error == EPROTO || error == ENOPROTOOPT || error == EOPNOTSUPP ||
	       error == EMSGSIZE;
}

/* How many datagrams of a run are larger than an output's segment_max. */
static uint32_t run_fragmented_at(const struct mcr_run *run, const struct mcr_output *output)
{
	const uint32_t last_bytes = run->bytes - (run->datagram_count - 1) * run->segment_bytes;

	if (likely(run->segment_bytes <= output->segment_max))
		return 0;
	return run->datagram_count - 1 + (last_bytes > output->segment_max);
}

static void note_failure(struct mcr_egress *egress, const struct mcr_output *output, enum mcr_drop reason,
			 const struct mcr_debt *failed)
{
	struct mcr_debt *debt = &egress->debts[output->stats];

	debt->datagrams += failed->datagrams;
	debt->bytes += failed->bytes;
	debt->fragmented += failed->fragmented;
	egress->failure_count++;
	stat_add(&egress->stats->outputs[output->stats].drops[reason], failed->datagrams);
}

static void note_retry(struct mcr_egress *egress, uint64_t user_data, uint32_t datagram)
{
	struct mcr_retry *retry = &egress->retries[egress->retry_count++];

	retry->run = (uint16_t)mcr_request_index(user_data, 0);
	retry->output = (uint16_t)mcr_request_index(user_data, 1);
	retry->datagram = (uint16_t)datagram;
}

void mcr_egress_complete(struct mcr_egress *egress, uint64_t user_data, int32_t result)
{
	const enum mcr_request kind = mcr_request_kind(user_data);
	const int is_run = kind == MCR_REQUEST_SEND_RUN || kind == MCR_REQUEST_RUN_AGAIN;
	const int is_first = kind == MCR_REQUEST_SEND_RUN || kind == MCR_REQUEST_SEND_ONE;
	const uint32_t datagram = mcr_request_index(user_data, 2);
	const struct mcr_run *run = &egress->runs[mcr_request_index(user_data, 0)];
	const struct mcr_output *output = &run->outputs[mcr_request_index(user_data, 1)];
	struct mcr_debt failed = { run->datagram_count, run->bytes, run_fragmented_at(run, output) };

	/* Of the errors that mean both, an answer comes once, a refusal again. */
	if (is_first && may_be_answer(-result) && egress->retry_count < MCR_SUBMISSIONS) {
		note_retry(egress, user_data, is_run ? MCR_RETRY_RUN : datagram);
		return;
	}
	/* Runs are at most MCR_SUBMISSIONS, and refused once: there is room for them, whatever else is retried. */
	if (is_run && is_refusal_of_segments(-result)) {
		egress->segmentation[output->socket] = MCR_SEGMENTATION_REFUSED;
		note_retry(egress, user_data, MCR_RETRY_SINGLY);
		return;
	}
	if (!is_run) {
		failed.datagrams = 1;
		failed.bytes = (uint32_t)run_datagram(egress, run, datagram).iov_len;
		failed.fragmented = failed.bytes > output->segment_max;
	}
	note_failure(egress, output, drop_of_errno(-result), &failed);
}

int mcr_egress_retry(struct mcr_egress *egress)
{
	begin_messages(egress);
	for (; egress->retry_next < egress->retry_count; egress->retry_next++) {
		const struct mcr_retry *retry = &egress->retries[egress->retry_next];
		int is_queued;

		if (retry->datagram == MCR_RETRY_SINGLY)
			is_queued = emit_singly(egress, retry->run, retry->output);
		else if (retry->datagram == MCR_RETRY_RUN)
			is_queued = emit_run(egress, retry->run, retry->output, MCR_REQUEST_RUN_AGAIN);
		else
			is_queued = emit_datagram(egress, retry->run, retry->output, retry->datagram,
						  MCR_REQUEST_ONE_AGAIN);
		if (!is_queued)
			return 0;
	}
	return 1;
}

static uint32_t smaller_of(uint32_t one, uint32_t other)
{
	return one < other ? one : other;
}

/* Of a run, what an output owes: it failed there. Which of the batch's runs did does not matter to the sums. */
static struct mcr_debt pay_debt(struct mcr_debt *debt, const struct mcr_debt *of_run)
{
	const struct mcr_debt paid = { .datagrams = smaller_of(debt->datagrams, of_run->datagrams),
				       .bytes = smaller_of(debt->bytes, of_run->bytes),
				       .fragmented = smaller_of(debt->fragmented, of_run->fragmented) };

	debt->datagrams -= paid.datagrams;
	debt->bytes -= paid.bytes;
	debt->fragmented -= paid.fragmented;
	return paid;
}

static void account_outputs(struct mcr_egress *egress, const struct mcr_run *run, uint64_t now_ns)
{
	for (uint32_t i = 0; i < run->route->output_count; i++) {
		const struct mcr_output *output = &run->outputs[i];
		struct mcr_output_stats *stats = &egress->stats->outputs[output->stats];
		const struct mcr_debt of_run = { run->datagram_count, run->bytes, run_fragmented_at(run, output) };
		struct mcr_debt paid = { 0, 0, 0 };

		if (unlikely(!run_is_sent_at(run, output))) {
			stat_add(&stats->drops[output->socket == MCR_NO_SOCKET ? MCR_DROP_NO_INTERFACE : MCR_DROP_TTL],
				 run->datagram_count);
			stat_add_last(&stats->due, run->datagram_count);
			continue;
		}
		if (unlikely(egress->failure_count))
			paid = pay_debt(&egress->debts[output->stats], &of_run);
		stat_add(&stats->sent, run->datagram_count - paid.datagrams);
		stat_add(&stats->sent_bytes, run->bytes - paid.bytes);
		if (unlikely(of_run.fragmented))
			stat_add(&stats->fragmented, of_run.fragmented - paid.fragmented);
		if (likely(paid.datagrams < run->datagram_count))
			stat_set(&stats->last_ns, now_ns);
		stat_add_last(&stats->due, run->datagram_count);
	}
}

/*
 * The sockets that were asked for segments for the first time have answered. One whose send failed for another reason
 * counts as willing: an output that is down must not end every batch after two datagrams. Should it refuse later, the
 * run is sent again all the same, only that what follows it in its batch has gone before.
 */
static void note_answers(struct mcr_egress *egress)
{
	const struct mcr_run *run = &egress->runs[egress->run_count - 1];

	for (uint32_t i = 0; i < run->route->output_count; i++) {
		const struct mcr_output *output = &run->outputs[i];

		if (run_is_sent_at(run, output) && run_is_segmented_at(egress, run, output))
			egress->segmentation[output->socket] = MCR_SEGMENTATION_WORKS;
	}
}

static void account_run(struct mcr_egress *egress, const struct mcr_run *run, uint64_t now_ns)
{
	struct mcr_rule_stats *rule = &egress->stats->rules[run->route->stats];
	/* A frame of many datagrams is a run of its own. */
	const uint32_t frame_datagrams = run->frame_count == 1 ? run->datagram_count : 1;
	uint64_t sum_ns = 0;

	stat_add(&rule->received_bytes, run->bytes);
	stat_add(&rule->relayed, run->datagram_count);
	stat_add_last(&rule->received, run->datagram_count);
	stat_set(&rule->last_ns, run->newest_ns);
	for (uint32_t i = 0; i < run->frame_count; i++) {
		const uint64_t received_ns = egress->times_ns[run->frame_first + i];
		/* The clock may have been set back since. */
		const uint64_t taken_ns = now_ns > received_ns ? now_ns - received_ns : 0;

		stat_add(&rule->latency[mcr_latency_bucket(taken_ns)], frame_datagrams);
		sum_ns += taken_ns * frame_datagrams;
	}
	stat_add(&rule->latency_sum_ns, sum_ns);
	account_outputs(egress, run, now_ns);
}

static void account_refusal(struct mcr_egress *egress, const struct mcr_refusal *refusal)
{
	struct mcr_rule_stats *rule = &egress->stats->rules[refusal->route->stats];

	stat_add(&rule->received_bytes, refusal->bytes);
	stat_add(&rule->drops[refusal->reason], refusal->datagram_count);
	stat_add_last(&rule->received, refusal->datagram_count);
	egress->drops[refusal->reason] += refusal->datagram_count;
}

void mcr_egress_account(struct mcr_egress *egress, uint64_t now_ns)
{
	struct mcr_worker_stats *worker = &egress->stats->worker;
	uint64_t relayed = 0, bytes = 0, dropped = 0;

	/* What was never emitted, a predecessor's leftover, has asked nobody. */
	if (unlikely(egress->is_probing) && egress->next_run == egress->run_count)
		note_answers(egress);
	for (uint32_t i = 0; i < egress->run_count; i++) {
		account_run(egress, &egress->runs[i], now_ns);
		relayed += egress->runs[i].datagram_count;
		bytes += egress->runs[i].bytes;
	}
	for (uint32_t i = 0; i < egress->refusal_count; i++) {
		account_refusal(egress, &egress->refusals[i]);
		bytes += egress->refusals[i].bytes;
	}
	for (uint32_t reason = 0; reason < MCR_DROP_COUNT; reason++) {
		if (!egress->drops[reason])
			continue;
		stat_add(&worker->drops[reason], egress->drops[reason]);
		dropped += egress->drops[reason];
	}
	stat_add(&worker->received_bytes, bytes);
	stat_add(&worker->relayed, relayed);
	stat_add_last(&worker->received, relayed + dropped);
}
