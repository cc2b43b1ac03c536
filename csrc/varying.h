/*
 * varying.h - the messages of outputs to which datagrams bring something of their own: time to live, traffic class,
 * address or port. Owns the messages of one submission; pure but for that memory.
 */
#ifndef MCR_VARYING_H
#define MCR_VARYING_H

#include "socket_address.h"
#include "base.h"
#include "mcr.h"

#include <stdint.h>
#include <sys/socket.h>
#include <sys/uio.h>

/* With any of these flags each send of an output says what its socket does not know beforehand. */
#define MCR_OUTPUT_VARYING                                                                                            \
	(MCR_OUTPUT_TTL_DECREMENT | MCR_OUTPUT_DSCP_COPY | MCR_OUTPUT_ECN_COPY | MCR_OUTPUT_GROUP_MAP |               \
	 MCR_OUTPUT_PORT_MAP)

/* What a datagram came with. */
struct mcr_attributes {
	uint8_t group[16];
	uint32_t port; /* less the first of its rule */
	uint32_t ttl;
	uint32_t traffic_class;
};

struct mcr_varying {
	struct msghdr message;
	struct iovec payload; /* of a single datagram */
	union mcr_socket_address to;
	_Alignas(struct cmsghdr) uint8_t control[CMSG_SPACE(sizeof(uint16_t)) + 2 * CMSG_SPACE(sizeof(int))];
};

/* What the requests of one submission point at: one for each, so that the submission is full before they are. */
struct mcr_varyings {
	uint32_t count;
	struct mcr_varying sends[MCR_SUBMISSIONS];
};

/* Forgets the messages of the last submission. */
static inline void mcr_varyings_begin(struct mcr_varyings *varyings)
{
	varyings->count = 0;
}

/* Whether datagrams with these attributes leave alike by all outputs that have these flags together. */
int mcr_attributes_agree(const struct mcr_attributes *one, const struct mcr_attributes *other, uint32_t flags);

/* Whether the datagram's time to live is used up before it leaves by this output. */
static inline int mcr_output_expires(const struct mcr_output *output, const struct mcr_attributes *attributes)
{
	return unlikely(output->flags & MCR_OUTPUT_TTL_DECREMENT) && attributes->ttl <= 1;
}

/* The traffic class that a datagram leaves with. */
uint32_t mcr_varying_class(const struct mcr_output *output, const struct mcr_attributes *attributes);

/**
 * mcr_varyings_add - make the message of one send.
 * @payloads: @payload_count of them; a single one is copied, of more the pointer is kept.
 * @segment_bytes: size of the datagrams that they are to be cut into, or 0 when they are one.
 *
 * Return: the message, valid until mcr_varyings_begin(); NULL when there is no room left.
 */
struct msghdr *mcr_varyings_add(struct mcr_varyings *varyings, const struct mcr_output *output,
				const struct mcr_attributes *attributes, const struct iovec *payloads,
				uint32_t payload_count, uint32_t segment_bytes);

#endif
