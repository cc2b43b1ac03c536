/* netlink.c - see netlink.h. */
#include "netlink.h"

#include "base.h"

#include <assert.h>
#include <errno.h>
#include <sys/socket.h>
#include <unistd.h>

/* The most that the kernel puts into one message of a dump, once it has seen a buffer of this size. */
#define ANSWER_BYTES (32u << 10)

int mcr_netlink_open(void)
{
	const int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE), on = 1;
	int error;

	if (fd < 0)
		return -errno;
	/* A refusal does not bring the request back, which could be larger than the buffer for the answer. */
	if (setsockopt(fd, SOL_NETLINK, NETLINK_CAP_ACK, &on, sizeof(on)) == 0)
		return fd;
	error = errno;
	close(fd);
	return -error;
}

void mcr_netlink_begin(struct mcr_netlink_request *request, uint16_t type, uint16_t flags)
{
	memset(request, 0, sizeof(request->header) + sizeof(request->traffic));
	request->header.nlmsg_type = type;
	request->header.nlmsg_flags = (uint16_t)(NLM_F_REQUEST | flags);
	request->header.nlmsg_len = NLMSG_LENGTH(sizeof(request->traffic));
}

static struct rtattr *end_of(struct mcr_netlink_request *request)
{
	return (struct rtattr *)(void *)((uint8_t *)request + NLMSG_ALIGN(request->header.nlmsg_len));
}

void mcr_netlink_add(struct mcr_netlink_request *request, uint16_t type, const void *value, uint32_t length)
{
	struct rtattr *attribute = end_of(request);

	assert(NLMSG_ALIGN(request->header.nlmsg_len) + RTA_SPACE(length) <= sizeof(*request));
	memset(attribute, 0, RTA_SPACE(length));
	attribute->rta_type = type;
	attribute->rta_len = (uint16_t)RTA_LENGTH(length);
	if (length > 0)
		memcpy(RTA_DATA(attribute), value, length);
	request->header.nlmsg_len = NLMSG_ALIGN(request->header.nlmsg_len) + (uint32_t)RTA_SPACE(length);
}

struct rtattr *mcr_netlink_nest(struct mcr_netlink_request *request, uint16_t type)
{
	struct rtattr *nest = end_of(request);

	mcr_netlink_add(request, type, NULL, 0);
	return nest;
}

void mcr_netlink_nest_end(struct mcr_netlink_request *request, struct rtattr *nest)
{
	nest->rta_len = (uint16_t)((uint8_t *)end_of(request) - (uint8_t *)nest);
}

/* Receives until the acknowledgement, or the end of the dump. */
static int receive_answer(int fd, uint8_t *bytes, mcr_netlink_visit *visit, void *context)
{
	for (;;) {
		const ssize_t count = recv(fd, bytes, ANSWER_BYTES, 0);
		const struct nlmsghdr *message = (const struct nlmsghdr *)(const void *)bytes;
		uint32_t rest;

		if (count < 0 && errno == EINTR)
			continue;
		if (count < 0)
			return -errno;
		for (rest = (uint32_t)count; NLMSG_OK(message, rest); message = NLMSG_NEXT(message, rest)) {
			/* The end of a dump and an acknowledgement both begin with the outcome. */
			if (message->nlmsg_type == NLMSG_DONE || message->nlmsg_type == NLMSG_ERROR)
				return *(const int *)NLMSG_DATA(message);
			if (visit)
				visit(context, message);
		}
	}
}

static int ask(int fd, struct mcr_netlink_request *request, mcr_netlink_visit *visit, void *context)
{
	_Alignas(struct nlmsghdr) uint8_t bytes[ANSWER_BYTES];

	/* One request is under way on a socket at a time, so answers need no telling apart. */
	if (send(fd, request, request->header.nlmsg_len, 0) < 0)
		return -errno;
	return receive_answer(fd, bytes, visit, context);
}

int mcr_netlink_change(int fd, struct mcr_netlink_request *request)
{
	request->header.nlmsg_flags |= NLM_F_ACK;
	return ask(fd, request, NULL, NULL);
}

int mcr_netlink_dump(int fd, struct mcr_netlink_request *request, mcr_netlink_visit *visit, void *context)
{
	request->header.nlmsg_flags |= NLM_F_DUMP;
	return ask(fd, request, visit, context);
}

const struct rtattr *mcr_netlink_find(const void *attributes, uint32_t length, uint16_t type)
{
	const struct rtattr *attribute = attributes;
	int rest = (int)length;

	for (; RTA_OK(attribute, rest); attribute = RTA_NEXT(attribute, rest)) {
		if (attribute->rta_type == type)
			return attribute;
	}
	return NULL;
}
