/*
 * parse.h - from a packet's bytes to a flow and a payload. Pure: no state, no allocation, nothing is read before its
 * length is known. Whatever comes from a wire ends in a drop reason, never in more than that.
 */
#ifndef MCR_PARSE_H
#define MCR_PARSE_H

#include "mcr.h"

#include <stdint.h>

/* What a datagram is looked up by, what its outputs may copy of it, and where its payload lies. */
struct mcr_flow {
	uint8_t group[16]; /* destination address */
	uint8_t source[16];
	uint32_t port; /* destination, host order */
	uint32_t source_port;
	uint32_t protocol; /* MCR_PROTOCOL_UDP */
	uint32_t ttl;
	uint32_t traffic_class; /* DSCP and ECN as one byte */
	const uint8_t *payload;
	uint32_t payload_length;
};

/**
 * mcr_parse_ipv4 - take an IPv4 packet with a UDP datagram apart.
 * @packet: from the IPv4 header on.
 * @length: bytes there; what lies beyond the IPv4 total length (Ethernet padding) is ignored.
 * @is_checksummed: the kernel vouches for the UDP checksum, or it has not been written yet.
 *
 * The checksums are verified: a relay that writes fresh ones must not turn a corrupt datagram into a valid one.
 *
 * Return: MCR_DROP_COUNT when all is well and @flow is filled in, else the enum mcr_drop.
 */
enum mcr_drop mcr_parse_ipv4(const uint8_t *packet, uint32_t length, int is_checksummed, struct mcr_flow *flow);

#endif
