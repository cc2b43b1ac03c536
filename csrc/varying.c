/* varying.c - see varying.h. */
#include "varying.h"

#include <netinet/in.h>
#include <netinet/udp.h>

#ifndef UDP_SEGMENT
#define UDP_SEGMENT 103
#endif

/* The upper six bits of a traffic class, and the lower two. */
#define DSCP_MASK 0xfcu
#define ECN_MASK 0x03u

static uint32_t class_mask(uint32_t flags)
{
	return (flags & MCR_OUTPUT_DSCP_COPY ? DSCP_MASK : 0) | (flags & MCR_OUTPUT_ECN_COPY ? ECN_MASK : 0);
}

int mcr_attributes_agree(const struct mcr_attributes *one, const struct mcr_attributes *other, uint32_t flags)
{
	return (!(flags & MCR_OUTPUT_TTL_DECREMENT) || one->ttl == other->ttl) &&
	       ((one->traffic_class ^ other->traffic_class) & class_mask(flags)) == 0 &&
	       (!(flags & MCR_OUTPUT_PORT_MAP) || one->port == other->port) &&
	       (!(flags & MCR_OUTPUT_GROUP_MAP) || memcmp(one->group, other->group, sizeof(one->group)) == 0);
}

uint32_t mcr_varying_class(const struct mcr_output *output, const struct mcr_attributes *attributes)
{
	const uint32_t mask = class_mask(output->flags);

	return (output->traffic_class & ~mask) | (attributes->traffic_class & mask);
}

/* The prefix of the output, and below it the bits of the datagram's own address. */
static void map_address(uint8_t *to, const struct mcr_output *output, const uint8_t *from)
{
	const uint32_t whole = output->group_bits / 8;
	const uint8_t below = (uint8_t)(0xffu >> output->group_bits % 8);

	memcpy(to, output->group, 16);
	if (whole < 16) {
		to[whole] = (uint8_t)((to[whole] & ~below) | (from[whole] & below));
		memcpy(to + whole + 1, from + whole + 1, 15 - whole);
	}
}

static void set_destination(struct mcr_varying *send, const struct mcr_output *output,
			    const struct mcr_attributes *attributes)
{
	const uint32_t port = output->port + (output->flags & MCR_OUTPUT_PORT_MAP ? attributes->port : 0);
	uint8_t address[16];

	memcpy(address, output->group, sizeof(address));
	if (output->flags & MCR_OUTPUT_GROUP_MAP)
		map_address(address, output, attributes->group);
	send->message.msg_namelen = mcr_socket_address_write(&send->to, address, port, output->interface);
	send->message.msg_name = &send->to;
}

/* The C libraries disagree on their types. */
typedef __typeof__(((struct msghdr *)0)->msg_iovlen) iovec_count;
typedef __typeof__(((struct msghdr *)0)->msg_controllen) control_bytes;

static void put_control(struct mcr_varying *send, int level, int type, const void *value, uint32_t bytes)
{
	struct cmsghdr *control = (void *)(send->control + send->message.msg_controllen);

	*control = (struct cmsghdr){ .cmsg_len = CMSG_LEN(bytes), .cmsg_level = level, .cmsg_type = type };
	memcpy(CMSG_DATA(control), value, bytes);
	send->message.msg_control = send->control;
	send->message.msg_controllen += (control_bytes)CMSG_SPACE(bytes);
}

struct msghdr *mcr_varyings_add(struct mcr_varyings *varyings, const struct mcr_output *output,
				const struct mcr_attributes *attributes, const struct iovec *payloads,
				uint32_t payload_count, uint32_t segment_bytes)
{
	const int is_ipv4 = address_is_ipv4(output->group), level = is_ipv4 ? IPPROTO_IP : IPPROTO_IPV6;
	const uint16_t segment = (uint16_t)segment_bytes;
	struct mcr_varying *send;
	int value;

	if (unlikely(varyings->count == MCR_SUBMISSIONS))
		return NULL;
	send = &varyings->sends[varyings->count++];
	send->payload = payloads[0];
	send->message = (struct msghdr){ .msg_iov = payload_count == 1 ? &send->payload : (void *)(uintptr_t)payloads,
					 .msg_iovlen = (iovec_count)payload_count };
	if (segment_bytes)
		put_control(send, IPPROTO_UDP, UDP_SEGMENT, &segment, sizeof(segment));
	if (output->flags & MCR_OUTPUT_TTL_DECREMENT) {
		value = (int)attributes->ttl - 1;
		put_control(send, level, is_ipv4 ? IP_TTL : IPV6_HOPLIMIT, &value, sizeof(value));
	}
	if (class_mask(output->flags)) {
		value = (int)mcr_varying_class(output, attributes);
		put_control(send, level, is_ipv4 ? IP_TOS : IPV6_TCLASS, &value, sizeof(value));
	}
	if (output->flags & (MCR_OUTPUT_GROUP_MAP | MCR_OUTPUT_PORT_MAP))
		set_destination(send, output, attributes);
	return &send->message;
}
