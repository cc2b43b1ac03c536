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
	uint32_t port; /* destination, host order; 0 with ESP */
	uint32_t source_port; /* 0 with ESP, or where the sender wants no answer */
	uint32_t protocol; /* MCR_PROTOCOL_UDP or MCR_PROTOCOL_ESP */
	uint32_t ttl; /* or hop limit */
	uint32_t traffic_class; /* DSCP and ECN as one byte */
	const uint8_t *payload; /* ESP: from the SPI on */
	uint32_t payload_length;
};

/**
 * mcr_parse_packet - take an IPv4 or IPv6 packet with a UDP datagram or ESP apart.
 * @packet: from the IP header on.
 * @length: bytes there; what lies beyond the packet's own length (Ethernet padding) is ignored.
 * @version: of IP, 4 or 6, by the header before: one that says otherwise is refused.
 * @is_checksummed: the kernel vouches for the UDP checksum, or it has not been written yet.
 *
 * The checksums are verified: a relay that writes fresh ones must not turn a corrupt datagram into a valid one.
 *
 * What is refused though it is well-formed: a destination port of 0 (a source port of 0 is not: RFC 768 has it mean
 * that no answer is wanted); a UDP checksum of 0 over IPv6 (RFC 8200); a routing header with segments left, behind
 * which the destination is another one; the authentication header, whose promise a relay can neither check nor keep;
 * fragments, but for one that is whole (RFC 6946): see mcr_parse_fragment().
 *
 * Return: MCR_DROP_COUNT when all is well and @flow is filled in, else the enum mcr_drop.
 */
enum mcr_drop mcr_parse_packet(const uint8_t *packet, uint32_t length, uint32_t version, int is_checksummed,
			       struct mcr_flow *flow);

/* A part of an IP packet. */
struct mcr_fragment {
	const uint8_t *bytes;
	uint32_t length;
	uint32_t offset; /* in what the fragments make together, which is no header of IP; a multiple of 8 */
	uint32_t identification;
	uint32_t protocol; /* what they make together; of the first one it counts */
	int is_last;
};

/*
 * Takes apart a packet for which mcr_parse_packet() says MCR_DROP_FRAGMENT. Return: 0 when it cannot be part of
 * anything: it would end beyond the longest packet, is empty, or not the last and of a length that is no multiple of 8.
 */
int mcr_parse_fragment(const uint8_t *packet, uint32_t length, struct mcr_fragment *fragment);

/* Bytes of a UDP packet before its payload, as far as the @length bytes that are there tell; of whatever packet. */
uint32_t mcr_parse_header_bytes(const uint8_t *packet, uint32_t length, uint32_t version);

#endif
