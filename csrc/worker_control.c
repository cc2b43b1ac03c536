/* worker_control.c - what a worker does when its supervisor says so. See worker.h and enum mcr_message_type. */
#include "base.h"
#include "sandbox.h"
#include "uring.h"
#include "worker.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

void mcr_worker_say(const struct mcr_worker *worker, enum mcr_message_type type, int32_t error)
{
	struct mcr_message message = { .type = type, .error = error };

	if (worker->table)
		message.generation = worker->table->generation;
	if (error)
		snprintf(message.text, sizeof(message.text), "%s", mcr_error());
	(void)mcr_channel_send(worker->channel, &message, NULL, 0);
}

/* Takes the parcel's descriptor at @at over from it. */
static int32_t take_fd(struct mcr_parcel *parcel, uint32_t at)
{
	const int32_t fd = parcel->fds[at];

	parcel->fds[at] = -1;
	return fd;
}

static int32_t want_fds(const struct mcr_parcel *parcel, uint32_t count)
{
	if (parcel->fd_count == count)
		return 0;
	return mcr_fail(EBADMSG, "Cannot take message %u with %u descriptors: wanted %u", parcel->message.type,
			parcel->fd_count, count);
}

static int32_t take_input(struct mcr_worker *worker, struct mcr_parcel *parcel)
{
	const uint32_t index = parcel->message.index, slot_count = parcel->message.slot_count;
	struct mcr_worker_input *input;
	int32_t error = want_fds(parcel, 2);
	void *memory;

	if (error < 0)
		return error;
	if (index >= MCR_INPUTS_MAX || slot_count < MCR_SLOTS_MIN || slot_count > MCR_SLOTS_MAX ||
	    (slot_count & (slot_count - 1)) || worker->inputs[index].socket >= 0)
		return mcr_fail(EBADMSG, "Cannot take input %u with %u slots", index, slot_count);
	input = &worker->inputs[index];
	memory = mmap(NULL, (size_t)slot_count * MCR_SLOT_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE,
		      parcel->fds[0], 0);
	if (memory == MAP_FAILED)
		return mcr_fail(errno, "Cannot map the packet ring of input %u: %s", index, strerror(errno));
	error = mcr_uring_set_files(&worker->uring, MCR_FILE_INPUT(index), parcel->fds, 2);
	if (error < 0) {
		munmap(memory, (size_t)slot_count * MCR_SLOT_BYTES);
		return error;
	}
	input->ring = (struct mcr_packet_ring){ .memory = memory,
						.slot_count = slot_count,
						.cursor = &worker->stats->rings[index].cursor };
	input->is_ready = 1;
	input->is_polled = 0;
	input->socket = take_fd(parcel, 0);
	if (index >= worker->input_count)
		worker->input_count = index + 1;
	return 0;
}

/* A poll in progress would keep the packet socket, and its place in the fanout group, alive. */
static void cancel_poll(struct mcr_worker *worker, uint32_t input)
{
	struct io_uring_sqe *request;

	/* What is queued goes first: it may be the very poll. */
	mcr_worker_submit(worker);
	request = io_uring_get_sqe(&worker->uring);
	io_uring_prep_poll_remove(request, mcr_request_pack(MCR_REQUEST_INPUT, input, 0, 0));
	request->flags |= IOSQE_FIXED_FILE | IOSQE_CQE_SKIP_SUCCESS;
	io_uring_sqe_set_data64(request, mcr_request_pack(MCR_REQUEST_CANCEL, input, 0, 0));
	/* The poll ends here too: later it would be taken for one of the index's next input. */
	mcr_worker_submit(worker);
}

static int32_t end_input(struct mcr_worker *worker, uint32_t index)
{
	const int32_t none[2] = { -1, -1 };
	struct mcr_worker_input *input;

	if (index >= worker->input_count || worker->inputs[index].socket < 0)
		return mcr_fail(EBADMSG, "Cannot end input %u: it is not in use", index);
	input = &worker->inputs[index];
	if (input->is_polled)
		cancel_poll(worker, index);
	mcr_worker_count_ring_drops(worker, index);
	munmap(input->ring.memory, (size_t)input->ring.slot_count * MCR_SLOT_BYTES);
	close(input->socket);
	input->socket = -1;
	return mcr_uring_set_files(&worker->uring, MCR_FILE_INPUT(index), none, 2);
}

static int32_t check_outputs(const struct mcr_worker *worker, uint32_t first, uint32_t count)
{
	if (first < MCR_OUTPUTS_MAX && count <= MCR_OUTPUTS_MAX - first &&
	    MCR_FILE_OUTPUTS + first + count <= worker->file_count)
		return 0;
	return mcr_fail(EMFILE, "Cannot take outputs %u+%u: the limit of open files allows %u", first, count,
			worker->file_count - MCR_FILE_OUTPUTS);
}

static int32_t take_outputs(struct mcr_worker *worker, struct mcr_parcel *parcel)
{
	const uint32_t first = parcel->message.index;
	const int32_t error = check_outputs(worker, first, parcel->fd_count);

	if (error < 0)
		return error;
	for (uint32_t i = 0; i < parcel->fd_count; i++)
		mcr_egress_forget(&worker->egress, first + i);
	return mcr_uring_set_files(&worker->uring, MCR_FILE_OUTPUTS + first, parcel->fds, parcel->fd_count);
}

static int32_t end_outputs(struct mcr_worker *worker, uint32_t first, uint32_t count)
{
	int32_t error = check_outputs(worker, first, count);

	for (uint32_t i = 0; i < count && error == 0; i++) {
		const int32_t none = -1;

		error = mcr_uring_set_files(&worker->uring, MCR_FILE_OUTPUTS + first + i, &none, 1);
	}
	return error;
}

/* What has been saved up, or used up, is of a rule: where the new table limits none, the slot may be another's next. */
static void forget_rates(struct mcr_worker *worker, const struct mcr_table *old, const struct mcr_table *table)
{
	const struct mcr_route *was = mcr_table_routes(old), *is = mcr_table_routes(table);

	memset(worker->limited, 0, sizeof(worker->limited));
	for (uint32_t i = 0; i < table->counts[MCR_SECTION_ROUTES]; i++) {
		if (is[i].is_limited)
			worker->limited[is[i].stats / 64] |= 1ull << is[i].stats % 64;
	}
	for (uint32_t i = 0; i < old->counts[MCR_SECTION_ROUTES]; i++) {
		if (was[i].is_limited && !(worker->limited[was[i].stats / 64] >> was[i].stats % 64 & 1))
			worker->rates[was[i].stats] = (struct mcr_rate){ .time_us = 0 };
	}
}

static int32_t take_table(struct mcr_worker *worker, struct mcr_parcel *parcel)
{
	const struct mcr_table *table, *old = worker->table;
	int32_t error = want_fds(parcel, 1);

	if (error == 0)
		error = mcr_table_map(parcel->fds[0], &table);
	if (error < 0)
		return error;
	/* Between batches: nothing in flight refers to the old one. */
	worker->table = table;
	mcr_egress_take_table(&worker->egress, table);
	if (old) {
		forget_rates(worker, old, table);
		munmap((void *)(uintptr_t)old, old->bytes);
	}
	stat_set(&worker->stats->worker.generation, table->generation);
	mcr_worker_say(worker, MCR_MESSAGE_ACKNOWLEDGE, 0);
	return 0;
}

static int32_t obey(struct mcr_worker *worker, struct mcr_parcel *parcel)
{
	const struct mcr_message *message = &parcel->message;

	switch (message->type) {
	case MCR_MESSAGE_INPUT:
		return take_input(worker, parcel);
	case MCR_MESSAGE_INPUT_END:
		return end_input(worker, message->index);
	case MCR_MESSAGE_OUTPUTS:
		return take_outputs(worker, parcel);
	case MCR_MESSAGE_OUTPUTS_END:
		return end_outputs(worker, message->index, message->count);
	case MCR_MESSAGE_TABLE:
		return take_table(worker, parcel);
	default:
		return mcr_fail(EBADMSG, "Cannot take a message of type %u here", message->type);
	}
}

int32_t mcr_worker_listen(struct mcr_worker *worker)
{
	int32_t error = 0;

	while (error == 0) {
		const int32_t taken = mcr_channel_take(worker->channel, &worker->parcel);

		if (taken == -EAGAIN)
			return 0;
		if (taken == 0) {
			worker->is_ending = 1;
			return 0;
		}
		if (taken < 0)
			return taken;
		error = obey(worker, &worker->parcel);
		mcr_parcel_end(&worker->parcel);
	}
	return error;
}

static int32_t pin(uint32_t core)
{
	cpu_set_t set;

	if (core == MCR_NO_CORE)
		return 0;
	if (core >= CPU_SETSIZE)
		return mcr_fail(EINVAL, "Cannot pin a worker to core %u: at most %d", core, CPU_SETSIZE - 1);
	CPU_ZERO(&set);
	CPU_SET(core, &set);
	if (sched_setaffinity(0, sizeof(set), &set) < 0)
		return mcr_fail(errno, "Cannot pin a worker to core %u: %s", core, strerror(errno));
	return 0;
}

/*
 * Ahead of all that is no real-time process on the core: otherwise a datagram in a hundred waits, for milliseconds
 * even, until the supervisor or a thread of the kernel ends its turn. Without the right to it we go on as we are. The
 * call by its number: musl's function refuses.
 */
static int32_t take_priority(struct mcr_worker *worker, uint32_t priority)
{
	const struct sched_param wanted = { .sched_priority = (int)priority };

	if (priority > MCR_PRIORITY_MAX)
		return mcr_fail(EBADMSG, "Cannot run at priority %u: at most %u", priority, MCR_PRIORITY_MAX);
	if (priority)
		worker->has_priority = syscall(__NR_sched_setscheduler, 0, SCHED_FIFO, &wanted) == 0;
	return 0;
}

static int32_t take_profile(struct mcr_worker *worker, const struct mcr_message *message)
{
	if (message->coalesce_us > MCR_PAUSE_US_MAX || message->busy_poll_us > MCR_PAUSE_US_MAX)
		return mcr_fail(EBADMSG, "Cannot pause for %u us or look for %u us: at most %u", message->coalesce_us,
				message->busy_poll_us, MCR_PAUSE_US_MAX);
	if (message->segments_max > MCR_SEGMENTS_MAX)
		return mcr_fail(EBADMSG, "Cannot send %u datagrams at once: at most %u", message->segments_max,
				MCR_SEGMENTS_MAX);
	worker->egress.segments_max = message->segments_max ? message->segments_max : MCR_SEGMENTS_MAX;
	worker->coalesce_ns = message->coalesce_us * 1000;
	worker->busy_poll_ns = message->busy_poll_us * 1000;
	/* A pause of 50 us must not become one of 100: that is the usual slack. */
	(void)prctl(PR_SET_TIMERSLACK, 1, 0, 0, 0);
	return 0;
}

static int32_t wait_for_start(struct mcr_worker *worker)
{
	struct pollfd wait = { .fd = worker->channel, .events = POLLIN };
	int32_t taken;

	do {
		if (poll(&wait, 1, -1) < 0 && errno != EINTR)
			return mcr_fail(errno, "Cannot wait for the supervisor: %s", strerror(errno));
		taken = mcr_channel_take(worker->channel, &worker->parcel);
	} while (taken == -EAGAIN);
	if (taken == 0)
		return mcr_fail(EPIPE, "Cannot start: the supervisor is gone");
	if (taken < 0)
		return taken;
	if (worker->parcel.message.type != MCR_MESSAGE_START)
		return mcr_fail(EBADMSG, "Cannot start with a message of type %u", worker->parcel.message.type);
	return want_fds(&worker->parcel, 1);
}

/* The table has room for all outputs that there can be, or that the limit of open files lets a process have. */
static int32_t open_uring(struct mcr_worker *worker)
{
	const int32_t limit = mcr_files_limit_raise();
	const uint32_t wanted = MCR_FILE_OUTPUTS + MCR_OUTPUTS_MAX;
	int32_t error;

	if (limit < 0)
		return limit;
	if ((uint32_t)limit <= MCR_FILE_OUTPUTS)
		return mcr_fail(EMFILE, "Cannot start with a limit of %d open files: wanted more than %u", limit,
				MCR_FILE_OUTPUTS);
	worker->file_count = (uint32_t)limit < wanted ? (uint32_t)limit : wanted;
	error = mcr_uring_open(&worker->uring, worker->file_count);
	if (error == 0)
		error = mcr_uring_set_files(&worker->uring, MCR_FILE_CHANNEL, &worker->channel, 1);
	return error;
}

int32_t mcr_worker_set_up(struct mcr_worker *worker)
{
	const struct mcr_message *message = &worker->parcel.message;
	int32_t error;

	mcr_sandbox_close_from((uint32_t)worker->channel + 1);
	error = wait_for_start(worker);
	if (error == 0)
		error = pin(message->core);
	if (error == 0)
		error = take_profile(worker, message);
	if (error == 0)
		error = take_priority(worker, message->priority);
	if (error < 0)
		return error;
	worker->stats = mcr_stats_map(worker->parcel.fds[0]);
	mcr_parcel_end(&worker->parcel);
	if (!worker->stats)
		return -ENOMEM;
	error = open_uring(worker);
	if (error < 0)
		return error;
	for (uint32_t i = 0; i < MCR_INPUTS_MAX; i++)
		worker->inputs[i].socket = -1;
	worker->egress.ring = &worker->uring;
	worker->egress.stats = worker->stats;
	/* What is touched stays, as rings do anyway. Where the limit of locked memory forbids it, the kernel may page
	 * as it likes. Not what comes later: without rights a new ring could then be refused by that limit.
	 */
	(void)mlockall(MCL_CURRENT | MCL_ONFAULT);
	error = mcr_sandbox_enter(message->uid, message->gid);
	if (error < 0)
		return error;
	stat_set(&worker->stats->worker.abi, MCR_ABI_VERSION);
	stat_set(&worker->stats->worker.state, MCR_WORKER_RUN);
	return 0;
}
