/* Messages with descriptors over the control channel, and what is done with those of strangers. */
#include "check.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "channel.h"
#include "mcr.h"
#include "model.h"

/* Both ends, and a file whose descriptors are sent about. */
struct world {
	int32_t ends[2];
	int32_t file;
};

static bool open_world(struct world *world)
{
	world->file = memfd_create("test", MFD_CLOEXEC);
	return CHECK(world->file >= 0 && mcr_channel_open(world->ends) == 0);
}

static void close_world(struct world *world)
{
	close(world->ends[0]);
	close(world->ends[1]);
	close(world->file);
}

static void send_descriptors_of(const struct world *world, uint32_t count)
{
	const struct mcr_message message = { .type = MCR_MESSAGE_OUTPUTS, .index = 12, .generation = 1ull << 40 };
	int32_t fds[MCR_MESSAGE_FDS_MAX];

	for (uint32_t i = 0; i < count; i++)
		fds[i] = world->file;
	CHECK(mcr_channel_send(world->ends[0], &message, fds, count) == 0);
}

static void message_arrives_with_its_descriptors(void)
{
	const uint32_t counts[] = { 0, 1, 2, MCR_MESSAGE_FDS_MAX };
	const uint32_t before = model_fd_count();
	struct mcr_parcel parcel;
	struct world world;

	if (!open_world(&world))
		return;
	for (uint32_t i = 0; i < 4; i++) {
		send_descriptors_of(&world, counts[i]);
		CHECK(mcr_channel_take(world.ends[1], &parcel) == 1);
		CHECK(parcel.message.type == MCR_MESSAGE_OUTPUTS && parcel.message.index == 12);
		CHECK(parcel.message.generation == 1ull << 40 && parcel.fd_count == counts[i]);
		for (uint32_t at = 0; at < parcel.fd_count; at++) {
			CHECK(fcntl(parcel.fds[at], F_GETFD) == FD_CLOEXEC);
			CHECK(lseek(parcel.fds[at], at, SEEK_SET) == at && lseek(world.file, 0, SEEK_CUR) == at);
		}
		mcr_parcel_end(&parcel);
		CHECK(model_fd_count() == before + 3);
	}
	close_world(&world);
	CHECK(model_fd_count() == before);
}

static void descriptor_that_was_taken_over_stays_open(void)
{
	struct mcr_parcel parcel;
	struct world world;
	int32_t taken;

	if (!open_world(&world))
		return;
	send_descriptors_of(&world, 2);
	CHECK(mcr_channel_take(world.ends[1], &parcel) == 1);
	taken = parcel.fds[0];
	parcel.fds[0] = -1;
	mcr_parcel_end(&parcel);
	CHECK(fcntl(taken, F_GETFD) >= 0);
	close(taken);
	close_world(&world);
}

static void too_many_descriptors_are_refused_by_the_sender(void)
{
	const int32_t fds[MCR_MESSAGE_FDS_MAX + 1] = { 0 };
	const struct mcr_message message = { .type = MCR_MESSAGE_OUTPUTS };
	struct world world;

	if (!open_world(&world))
		return;
	CHECK(mcr_channel_send(world.ends[0], &message, fds, MCR_MESSAGE_FDS_MAX + 1) == -EINVAL);
	close_world(&world);
}

static void nothing_there_is_no_end(void)
{
	struct mcr_message message;
	struct world world;

	if (!open_world(&world))
		return;
	CHECK(mcr_channel_receive(world.ends[0], &message) == -EAGAIN);
	CHECK(mcr_channel_receive(world.ends[1], &message) == -EAGAIN);
	close_world(&world);
}

static void other_end_gone_is_the_end(void)
{
	const struct mcr_message message = { .type = MCR_MESSAGE_READY };
	struct mcr_message taken;
	struct world world;

	if (!open_world(&world))
		return;
	CHECK(mcr_channel_send(world.ends[1], &message, NULL, 0) == 0);
	close(world.ends[1]);
	CHECK(mcr_channel_receive(world.ends[0], &taken) == 1 && taken.type == MCR_MESSAGE_READY);
	CHECK(mcr_channel_receive(world.ends[0], &taken) == 0);
	CHECK(mcr_channel_send(world.ends[0], &message, NULL, 0) == -EPIPE);
	world.ends[1] = dup(world.file);
	close_world(&world);
}

static void last_words_are_heard_though_nobody_listened(void)
{
	const struct mcr_message unread = { .type = MCR_MESSAGE_TABLE }, last = { .type = MCR_MESSAGE_FAILED };
	struct mcr_message taken;
	struct world world;

	if (!open_world(&world))
		return;
	CHECK(mcr_channel_send(world.ends[0], &unread, NULL, 0) == 0);
	CHECK(mcr_channel_send(world.ends[1], &last, NULL, 0) == 0);
	close(world.ends[1]);
	CHECK(mcr_channel_receive(world.ends[0], &taken) == 1 && taken.type == MCR_MESSAGE_FAILED);
	CHECK(mcr_channel_receive(world.ends[0], &taken) == 0);
	world.ends[1] = dup(world.file);
	close_world(&world);
}

/* Bytes that are no message of ours, with a descriptor beside them. */
static void send_foreign(const struct world *world, const void *bytes, size_t length)
{
	union {
		struct cmsghdr header;
		uint8_t bytes[CMSG_SPACE(sizeof(int32_t))];
	} control;
	struct iovec part = { .iov_base = (void *)(uintptr_t)bytes, .iov_len = length };
	struct msghdr header = {
		.msg_iov = &part, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof(control)
	};

	memset(&control, 0, sizeof(control));
	control.header.cmsg_level = SOL_SOCKET;
	control.header.cmsg_type = SCM_RIGHTS;
	control.header.cmsg_len = CMSG_LEN(sizeof(int32_t));
	memcpy(CMSG_DATA(&control.header), &world->file, sizeof(world->file));
	CHECK(sendmsg(world->ends[0], &header, 0) == (ssize_t)length);
}

static void foreign_message_is_refused_and_its_descriptors_ended(void)
{
	const uint32_t before = model_fd_count() + 3;
	uint8_t bytes[2 * sizeof(struct mcr_message)] = { 0 };
	struct mcr_parcel parcel;
	struct world world;

	if (!open_world(&world))
		return;
	for (size_t length = 1; length <= sizeof(bytes); length += 61) {
		if (length == sizeof(struct mcr_message))
			continue;
		send_foreign(&world, bytes, length);
		CHECK(mcr_channel_take(world.ends[1], &parcel) == -EBADMSG);
		CHECK(model_fd_count() == before);
	}
	send_foreign(&world, bytes, 0);
	CHECK(mcr_channel_take(world.ends[1], &parcel) == 0);
	CHECK(model_fd_count() == before);
	close_world(&world);
}

static void supervisor_keeps_no_descriptor_of_a_worker(void)
{
	const uint32_t before = model_fd_count() + 3;
	struct mcr_message message = { .type = MCR_MESSAGE_READY };
	struct world world;

	if (!open_world(&world))
		return;
	CHECK(mcr_channel_send(world.ends[1], &message, &world.file, 1) == 0);
	CHECK(mcr_channel_receive(world.ends[0], &message) == 1);
	CHECK(model_fd_count() == before);
	close_world(&world);
}

static void text_always_ends(void)
{
	struct mcr_message message = { .type = MCR_MESSAGE_FAILED }, taken;
	struct world world;

	if (!open_world(&world))
		return;
	memset(message.text, 'x', sizeof(message.text));
	CHECK(mcr_channel_send(world.ends[1], &message, NULL, 0) == 0);
	CHECK(mcr_channel_receive(world.ends[0], &taken) == 1);
	CHECK(strlen(taken.text) == sizeof(taken.text) - 1);
	close_world(&world);
}

/* A new worker is told everything before it reads. */
static void channel_holds_the_sockets_of_all_outputs(void)
{
	const uint32_t messages = MCR_OUTPUTS_MAX / MCR_MESSAGE_FDS_MAX + 1;
	const struct mcr_message message = { .type = MCR_MESSAGE_OUTPUTS };
	struct world world;

	if (!open_world(&world))
		return;
	for (uint32_t i = 0; i < messages; i++) {
		if (!CHECK(mcr_channel_send(world.ends[0], &message, NULL, 0) == 0))
			break;
	}
	close_world(&world);
}

void mcr_channel_tests(void)
{
	RUN(message_arrives_with_its_descriptors);
	RUN(descriptor_that_was_taken_over_stays_open);
	RUN(too_many_descriptors_are_refused_by_the_sender);
	RUN(nothing_there_is_no_end);
	RUN(other_end_gone_is_the_end);
	RUN(last_words_are_heard_though_nobody_listened);
	RUN(foreign_message_is_refused_and_its_descriptors_ended);
	RUN(supervisor_keeps_no_descriptor_of_a_worker);
	RUN(text_always_ends);
	RUN(channel_holds_the_sockets_of_all_outputs);
}
