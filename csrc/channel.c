/* channel.c - see channel.h and mcr.h: messages with descriptors over a SEQPACKET pair. */
#include "channel.h"

#include "base.h"

#include <errno.h>
#include <sys/socket.h>
#include <unistd.h>

/* A new worker is told everything at once: 65,536 sockets are 260 messages. */
#define CHANNEL_BUFFER_BYTES (1 << 20)

union fd_control {
	struct cmsghdr header;
	uint8_t bytes[CMSG_SPACE(MCR_MESSAGE_FDS_MAX * sizeof(int32_t))];
};

int32_t mcr_channel_open(int32_t *two)
{
	const int bytes = CHANNEL_BUFFER_BYTES;
	int pair[2];

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair) < 0)
		return mcr_fail(errno, "Cannot open a control channel: %s", strerror(errno));
	/* Less room than wanted makes a start slower, nothing else. */
	if (setsockopt(pair[0], SOL_SOCKET, SO_SNDBUFFORCE, &bytes, sizeof(bytes)) < 0)
		(void)setsockopt(pair[0], SOL_SOCKET, SO_SNDBUF, &bytes, sizeof(bytes));
	two[0] = pair[0];
	two[1] = pair[1];
	return 0;
}

int32_t mcr_channel_send(int32_t channel, const struct mcr_message *message, const int32_t *fds, uint32_t fd_count)
{
	struct iovec part = { .iov_base = (void *)(uintptr_t)message, .iov_len = sizeof(*message) };
	struct msghdr header = { .msg_iov = &part, .msg_iovlen = 1 };
	union fd_control control;

	if (fd_count > MCR_MESSAGE_FDS_MAX)
		return mcr_fail(EINVAL, "Cannot send %u descriptors at once: at most %u", fd_count,
				MCR_MESSAGE_FDS_MAX);
	if (fd_count > 0) {
		memset(&control, 0, sizeof(control));
		header.msg_control = &control;
		header.msg_controllen = CMSG_SPACE(fd_count * sizeof(*fds));
		control.header.cmsg_level = SOL_SOCKET;
		control.header.cmsg_type = SCM_RIGHTS;
		control.header.cmsg_len = CMSG_LEN(fd_count * sizeof(*fds));
		memcpy(CMSG_DATA(&control.header), fds, fd_count * sizeof(*fds));
	}
	if (sendmsg(channel, &header, MSG_NOSIGNAL) < 0)
		return mcr_fail(errno, "Cannot send message %u on the control channel: %s", message->type,
				strerror(errno));
	return 0;
}

static void take_descriptors(struct msghdr *header, struct mcr_parcel *parcel)
{
	const struct cmsghdr *part = CMSG_FIRSTHDR(header);

	/* The kernel puts all descriptors into one part; credentials, the other kind, were not asked for. */
	if (!part || part->cmsg_level != SOL_SOCKET || part->cmsg_type != SCM_RIGHTS)
		return;
	parcel->fd_count = (uint32_t)((part->cmsg_len - CMSG_LEN(0)) / sizeof(int32_t));
	memcpy(parcel->fds, CMSG_DATA(part), parcel->fd_count * sizeof(int32_t));
}

int32_t mcr_channel_take(int32_t channel, struct mcr_parcel *parcel)
{
	union fd_control control;
	struct iovec part = { .iov_base = &parcel->message, .iov_len = sizeof(parcel->message) };
	struct msghdr header = {
		.msg_iov = &part, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof(control)
	};
	ssize_t length = recvmsg(channel, &header, MSG_CMSG_CLOEXEC);

	/* The other end went with messages unread, which is said once, before what it had to say itself. */
	if (length < 0 && errno == ECONNRESET)
		length = recvmsg(channel, &header, MSG_CMSG_CLOEXEC);
	if (length < 0)
		return mcr_fail(errno, "Cannot read the control channel: %s", strerror(errno));
	parcel->fd_count = 0;
	take_descriptors(&header, parcel);
	if (length == 0) {
		/* The end, or an empty message: whoever sends that says nothing any more, but may have sent files. */
		mcr_parcel_end(parcel);
		return 0;
	}
	if (length != sizeof(parcel->message) || header.msg_flags & (MSG_TRUNC | MSG_CTRUNC)) {
		mcr_parcel_end(parcel);
		return mcr_fail(EBADMSG, "Cannot take a message of %zd bytes: wanted %zu", length,
				sizeof(parcel->message));
	}
	parcel->message.text[sizeof(parcel->message.text) - 1] = '\0';
	return 1;
}

void mcr_parcel_end(struct mcr_parcel *parcel)
{
	for (uint32_t i = 0; i < parcel->fd_count; i++) {
		if (parcel->fds[i] >= 0)
			close(parcel->fds[i]);
	}
	parcel->fd_count = 0;
}

int32_t mcr_channel_receive(int32_t channel, struct mcr_message *message)
{
	struct mcr_parcel parcel;
	const int32_t taken = mcr_channel_take(channel, &parcel);

	if (taken <= 0)
		return taken;
	/* A worker has nothing to hand over; whatever it sends must not pile up here. */
	mcr_parcel_end(&parcel);
	*message = parcel.message;
	return 1;
}
