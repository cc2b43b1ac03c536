/* What the worker's io_uring takes, what it refuses, and how completions find their owner. */
#include "check.h"

#include <errno.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include "mcr.h"
#include "uring.h"

#define FILES 8u
#define TAG 77u

/* A ring whose file 0 is an eventfd and file 1 a socket. */
struct world {
	struct io_uring ring;
	int32_t event;
	int32_t ends[2];
};

static bool open_world(struct world *world)
{
	const int32_t error = mcr_uring_open(&world->ring, FILES);

	if (error == -EPERM || error == -ENOSYS || error == -ENOMEM) {
		mcr_check_skip(mcr_error());
		return false;
	}
	world->event = mcr_event_open();
	if (!CHECK(error == 0 && socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, world->ends) == 0))
		return false;
	return CHECK(mcr_uring_set_files(&world->ring, 0, (const int32_t[]){ world->event, world->ends[0] }, 2) == 0);
}

static void close_world(struct world *world)
{
	io_uring_queue_exit(&world->ring);
	close(world->event);
	close(world->ends[0]);
	close(world->ends[1]);
}

/* Submits what is queued. Return: the result of its one completion, or 1 when there is none or more. */
static int32_t outcome(struct world *world)
{
	struct io_uring_cqe *completion;
	uint32_t head, count = 0;
	int32_t result = 1;

	CHECK(io_uring_submit_and_get_events(&world->ring) >= 0 && io_uring_sq_ready(&world->ring) == 0);
	io_uring_for_each_cqe(&world->ring, head, completion) {
		result = completion->res;
		count++;
	}
	io_uring_cq_advance(&world->ring, count);
	return count == 1 ? result : 1;
}

static struct io_uring_sqe *take(struct world *world, uint8_t flags)
{
	struct io_uring_sqe *request = io_uring_get_sqe(&world->ring);

	io_uring_prep_nop(request);
	request->flags = flags;
	io_uring_sqe_set_data64(request, TAG);
	return request;
}

static void queue_write(struct world *world, const uint64_t *value, uint8_t flags)
{
	struct io_uring_sqe *request = io_uring_get_sqe(&world->ring);

	io_uring_prep_write(request, 0, value, sizeof(*value), 0);
	request->flags |= flags;
	io_uring_sqe_set_data64(request, TAG);
}

static uint64_t event_value(const struct world *world)
{
	eventfd_t value = 0;

	(void)eventfd_read(world->event, &value);
	return value;
}

static void indexes_come_out_as_they_went_in(void)
{
	for (uint32_t kind = MCR_REQUEST_CHANNEL; kind <= MCR_REQUEST_CANCEL; kind++) {
		const uint64_t packed = mcr_request_pack((enum mcr_request)kind, 0xfffe, 0x8001, 0xffff);

		CHECK(mcr_request_kind(packed) == kind && mcr_request_index(packed, 0) == 0xfffe);
		CHECK(mcr_request_index(packed, 1) == 0x8001 && mcr_request_index(packed, 2) == 0xffff);
	}
	/* Two to an input, and outputs behind the last. */
	CHECK(MCR_FILE_PROGRESS(0) + 1 == MCR_FILE_INPUT(1));
	CHECK(MCR_FILE_PROGRESS(MCR_INPUTS_MAX - 1) + 1 == MCR_FILE_OUTPUTS);
}

static void note_of_progress_is_written_when_submit_returns(void)
{
	const uint64_t value = 5;
	struct world world;

	if (!open_world(&world))
		return;
	queue_write(&world, &value, IOSQE_FIXED_FILE | IOSQE_CQE_SKIP_SUCCESS);
	queue_write(&world, &value, IOSQE_FIXED_FILE | IOSQE_CQE_SKIP_SUCCESS);
	CHECK(outcome(&world) == 1 && event_value(&world) == 10);
	close_world(&world);
}

static void failed_request_does_not_hold_up_the_next(void)
{
	const uint64_t value = 5;
	struct world world;

	if (!open_world(&world))
		return;
	take(&world, IOSQE_FIXED_FILE)->opcode = IORING_OP_OPENAT;
	queue_write(&world, &value, IOSQE_FIXED_FILE | IOSQE_CQE_SKIP_SUCCESS);
	CHECK(outcome(&world) == -EACCES && event_value(&world) == 5);
	close_world(&world);
}

static void other_operations_are_refused(void)
{
	static const uint8_t operations[] = { IORING_OP_NOP,	IORING_OP_READ,	  IORING_OP_READV,    IORING_OP_WRITEV,
					      IORING_OP_OPENAT, IORING_OP_CLOSE,  IORING_OP_ACCEPT,   IORING_OP_CONNECT,
					      IORING_OP_SOCKET, IORING_OP_UNLINKAT, IORING_OP_URING_CMD,
					      IORING_OP_MSG_RING, IORING_OP_RECVMSG, IORING_OP_FILES_UPDATE };
	struct world world;

	if (!open_world(&world))
		return;
	for (size_t i = 0; i < sizeof(operations); i++) {
		take(&world, IOSQE_FIXED_FILE)->opcode = operations[i];
		CHECK(outcome(&world) == -EACCES);
	}
	close_world(&world);
}

static void requests_name_registered_files_only(void)
{
	const uint64_t value = 5;
	struct world world;

	if (!open_world(&world))
		return;
	/* Descriptor 0 exists, as does file 0. */
	queue_write(&world, &value, 0);
	CHECK(outcome(&world) == -EACCES && event_value(&world) == 0);
	queue_write(&world, &value, IOSQE_FIXED_FILE | IOSQE_ASYNC);
	CHECK(outcome(&world) == -EACCES);
	queue_write(&world, &value, IOSQE_FIXED_FILE);
	CHECK(outcome(&world) == sizeof(value) && event_value(&world) == 5);
	close_world(&world);
}

static void registration_is_for_files_only(void)
{
	const int32_t none = -1;
	struct iovec buffer = { .iov_base = &(uint64_t){ 0 }, .iov_len = 8 };
	struct world world;

	if (!open_world(&world))
		return;
	CHECK(io_uring_register_buffers(&world.ring, &buffer, 1) == -EACCES);
	CHECK(io_uring_unregister_files(&world.ring) == -EACCES);
	CHECK(io_uring_register_eventfd(&world.ring, world.event) == -EACCES);
	CHECK(mcr_uring_set_files(&world.ring, 0, &none, 1) == 0);
	take(&world, IOSQE_FIXED_FILE)->opcode = IORING_OP_WRITE;
	CHECK(outcome(&world) == -EBADF);
	CHECK(mcr_uring_set_files(&world.ring, FILES, &none, 1) == -EINVAL);
	close_world(&world);
}

static void poll_completes_once_when_its_file_can_be_read(void)
{
	struct world world;

	if (!open_world(&world))
		return;
	mcr_uring_prepare_poll(io_uring_get_sqe(&world.ring), 1, TAG);
	CHECK(outcome(&world) == 1);
	CHECK(send(world.ends[1], "x", 1, 0) == 1);
	CHECK(outcome(&world) > 0 && outcome(&world) == 1);
	close_world(&world);
}

void mcr_uring_tests(void)
{
	RUN(indexes_come_out_as_they_went_in);
	RUN(note_of_progress_is_written_when_submit_returns);
	RUN(failed_request_does_not_hold_up_the_next);
	RUN(other_operations_are_refused);
	RUN(requests_name_registered_files_only);
	RUN(registration_is_for_files_only);
	RUN(poll_completes_once_when_its_file_can_be_read);
}
