/* uring.c - see uring.h. */
#include "uring.h"

#include "base.h"

#include <errno.h>
#include <poll.h>

/* IORING_RESTRICTION_SQE_FLAGS_REQUIRED makes every request name a registered file. */
static const struct io_uring_restriction restrictions[] = {
	{ .opcode = IORING_RESTRICTION_SQE_OP, .sqe_op = IORING_OP_SENDMSG },
	{ .opcode = IORING_RESTRICTION_SQE_OP, .sqe_op = IORING_OP_SEND },
	{ .opcode = IORING_RESTRICTION_SQE_OP, .sqe_op = IORING_OP_RECV },
	{ .opcode = IORING_RESTRICTION_SQE_OP, .sqe_op = IORING_OP_WRITE },
	{ .opcode = IORING_RESTRICTION_SQE_OP, .sqe_op = IORING_OP_POLL_ADD },
	{ .opcode = IORING_RESTRICTION_SQE_OP, .sqe_op = IORING_OP_POLL_REMOVE },
	{ .opcode = IORING_RESTRICTION_SQE_FLAGS_ALLOWED, .sqe_flags = IOSQE_FIXED_FILE | IOSQE_CQE_SKIP_SUCCESS },
	{ .opcode = IORING_RESTRICTION_SQE_FLAGS_REQUIRED, .sqe_flags = IOSQE_FIXED_FILE },
	{ .opcode = IORING_RESTRICTION_REGISTER_OP, .register_op = IORING_REGISTER_FILES_UPDATE },
};

static int32_t ring_fail(int error, const char *step)
{
	const char *advice = "";

	if (error == EPERM || error == ENOSYS)
		advice = "; is kernel.io_uring_disabled set?";
	/* Of a user without CAP_IPC_LOCK: 400 KiB each on Linux 6.18, and those of the dead for a moment more. */
	if (error == ENOMEM)
		advice = "; its rings count against the limit of locked memory (ulimit -l)";
	return mcr_fail(error, "Cannot %s: %s%s", step, strerror(error), advice);
}

int32_t mcr_uring_open(struct io_uring *ring, uint32_t files_max)
{
	/* Completions run when we ask for them, on our core, and never interrupt a batch. One bad request does not put
	 * off those behind it, the note of progress among them.
	 */
	struct io_uring_params parameters = {
		.flags = IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN | IORING_SETUP_R_DISABLED |
			 IORING_SETUP_SUBMIT_ALL | IORING_SETUP_CQSIZE,
		/* Successes complete silently, so what is expected are polls; a batch in which all fails fits too. */
		.cq_entries = MCR_SUBMISSIONS * 2,
	};
	int error = io_uring_queue_init_params(MCR_SUBMISSIONS, ring, &parameters);

	if (error < 0)
		return ring_fail(-error, "set up io_uring");
	error = io_uring_register_files_sparse(ring, files_max);
	if (error < 0) {
		ring_fail(-error, "make the io_uring file table");
		goto fail;
	}
	/* Spares a reference to the ring's file at each submission. Not there before Linux 5.18: then without. */
	(void)io_uring_register_ring_fd(ring);
	error = io_uring_register_restrictions(ring, (struct io_uring_restriction *)(uintptr_t)restrictions,
					       array_count(restrictions));
	if (error < 0) {
		ring_fail(-error, "restrict io_uring");
		goto fail;
	}
	error = io_uring_enable_rings(ring);
	if (error < 0) {
		ring_fail(-error, "enable io_uring");
		goto fail;
	}
	return 0;
fail:
	io_uring_queue_exit(ring);
	return error;
}

int32_t mcr_uring_set_files(struct io_uring *ring, uint32_t index, const int32_t *fds, uint32_t count)
{
	const int done = io_uring_register_files_update(ring, index, fds, count);

	if (done < 0)
		return mcr_fail(-done, "Cannot register %u files: %s", count, strerror(-done));
	return (uint32_t)done == count ? 0 : mcr_fail(EBADF, "Cannot register %u files: took %d", count, done);
}

/* Newer than the liburing that we build with. */
#ifndef IORING_FEAT_NO_IOWAIT
#define IORING_FEAT_NO_IOWAIT (1u << 17)
#endif
#ifndef IORING_ENTER_NO_IOWAIT
#define IORING_ENTER_NO_IOWAIT (1u << 7)
#endif

void mcr_uring_sleep(struct io_uring *ring)
{
	struct __kernel_timespec second = { .tv_sec = 1 };
	struct io_uring_getevents_arg argument = { .ts = (uint64_t)(uintptr_t)&second };
	struct io_uring_cqe *completion;

	if (!(ring->features & IORING_FEAT_NO_IOWAIT)) {
		(void)io_uring_submit_and_wait_timeout(ring, &completion, 1, &second, NULL);
		return;
	}
	if (io_uring_sq_ready(ring) > 0)
		(void)io_uring_submit_and_get_events(ring);
	if (io_uring_cq_ready(ring) == 0)
		(void)io_uring_enter2((unsigned)ring->ring_fd, 0, 1,
				      IORING_ENTER_GETEVENTS | IORING_ENTER_EXT_ARG | IORING_ENTER_NO_IOWAIT,
				      (void *)&argument, sizeof(argument));
}

void mcr_uring_prepare_poll(struct io_uring_sqe *request, uint32_t file, uint64_t user_data)
{
	io_uring_prep_poll_add(request, (int)file, POLLIN);
	request->flags |= IOSQE_FIXED_FILE;
	io_uring_sqe_set_data64(request, user_data);
}
