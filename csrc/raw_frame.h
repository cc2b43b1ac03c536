/*
 * raw_frame.h - writes the headers of datagrams that leave as whole Ethernet frames over a packet socket, past routing,
 * IP and UDP of the kernel: about a third of what a send of one datagram costs. Owns the messages of one submission;
 * pure but for that memory.
 *
 *     vnet header | Ethernet, IP, UDP header: made once for an output, lengths and sums written here | payload
 */
#ifndef MCR_RAW_FRAME_H
#define MCR_RAW_FRAME_H

#include "mcr.h"

#include <linux/virtio_net.h>
#include <stdint.h>
#include <sys/socket.h>
#include <sys/uio.h>

#define MCR_RAW_SENDS_MAX MCR_SUBMISSIONS
/* A header and a payload for each send that is single, and four runs of 64 for each of 50 outputs. */
#define MCR_RAW_IOVECS_MAX (2u * MCR_SUBMISSIONS + 4u * 50u * 65u)

struct mcr_raw_header {
	uint8_t vnet[sizeof(struct virtio_net_hdr)];
	uint8_t frame[MCR_FRAME_HEADER_BYTES];
};

/* What the requests of one submission point at. Too large for a cache, but only what is used is touched. */
struct mcr_raw_frames {
	uint32_t send_count;
	uint32_t iovec_count;
	struct msghdr messages[MCR_RAW_SENDS_MAX];
	struct mcr_raw_header headers[MCR_RAW_SENDS_MAX];
	struct iovec iovecs[MCR_RAW_IOVECS_MAX];
};

/* Forgets the messages of the last submission. */
static inline void mcr_raw_frames_begin(struct mcr_raw_frames *frames)
{
	frames->send_count = 0;
	frames->iovec_count = 0;
}

/**
 * mcr_raw_frames_add - make the message of one send.
 * @output: with MCR_OUTPUT_RAW, a header and its length.
 * @payloads: @payload_count of them, @bytes together; copied as pointers.
 * @segment_bytes: size of the datagrams that it is to be cut into, or 0 when it is one.
 *
 * Return: the message, valid until mcr_raw_frames_begin(); NULL when there is no room left.
 */
struct msghdr *mcr_raw_frames_add(struct mcr_raw_frames *frames, const struct mcr_output *output,
				  const struct iovec *payloads, uint32_t payload_count, uint32_t bytes,
				  uint32_t segment_bytes);

/* Gives the frame of a message another time to live than its output's, unless it is 0, and another traffic class. */
void mcr_raw_frame_vary(const struct msghdr *message, uint32_t ttl, uint32_t traffic_class);

/* From where to where, of an output. Both addresses are of one family; ports are in host order. */
struct mcr_raw_ends {
	uint8_t from_mac[6], to_mac[6];
	uint8_t from[16], to[16];
	uint32_t from_port, to_port;
	uint32_t ttl;
	uint32_t traffic_class;
};

/**
 * mcr_raw_header_make - make the header of an output.
 * @header: MCR_FRAME_HEADER_BYTES, of which the first are written, with zero lengths; the checksums are those of what
 * is there.
 *
 * Return: how many: 42 with IPv4, 62 with IPv6.
 */
uint32_t mcr_raw_header_make(uint8_t *header, const struct mcr_raw_ends *ends);

/* The Ethernet address that a multicast group has (RFC 1112, RFC 2464): 6 bytes. */
void mcr_raw_group_mac(uint8_t *mac, const uint8_t *group);

#endif
