/*
 * reassembly.h - puts the fragments of packets together. Pure: owns its buffers, knows neither rings nor clocks.
 *
 * It is not left to the kernel, which does it for IPv4 only and for all fanout groups of a network namespace as if they
 * were one (PACKET_FANOUT_FLAG_DEFRAG): a datagram gets to the first of the sockets that see its frames and to no
 * other, of those of a bridge and its port, a VLAN and its trunk, a worker and a trace (2026-11, Linux 6.18).
 *
 * Who owns a buffer when:
 *
 *     free --(first fragment)--> gathering --(last one missing came)--> whole: the caller's, until the next take()
 *       ^                            |                                    |
 *       +----- too old, evicted -----+------------------------------------+
 *
 * A datagram that is given up counts once, whatever there was of it. So that it does, the fragments that still come of
 * one that overlapped are swallowed until it would have been too old.
 */
#ifndef MCR_REASSEMBLY_H
#define MCR_REASSEMBLY_H

#include "parse.h"

#include <stdint.h>

/* Datagrams at a time; of more the oldest is given up. */
#define MCR_REASSEMBLIES 64u
/* Far longer than fragments of one datagram lie apart, where they are not lost. */
#define MCR_REASSEMBLY_AGE_NS 1000000000u
#define MCR_IPV6_HEADER_BYTES 40u
#define MCR_REASSEMBLY_BYTES 65535u
/* Fragments begin at multiples of 8 bytes. */
#define MCR_REASSEMBLY_BLOCKS ((MCR_REASSEMBLY_BYTES + 7u) / 8u)

enum mcr_reassembly_state {
	MCR_REASSEMBLY_FREE,
	MCR_REASSEMBLY_GATHERING,
	MCR_REASSEMBLY_WHOLE,
	MCR_REASSEMBLY_REFUSED, /* its fragments overlapped */
};

struct mcr_reassembly {
	uint32_t state; /* enum mcr_reassembly_state */
	uint32_t version; /* of IP */
	uint32_t input;
	uint32_t identification;
	uint32_t total; /* bytes of all fragments; 0: the last one has not come */
	uint32_t furthest; /* where the furthest fragment so far ends */
	uint32_t received; /* bytes */
	uint8_t key[32]; /* source and destination; with IPv4 and protocol */
	uint64_t since_ns;
	uint64_t blocks[(MCR_REASSEMBLY_BLOCKS + 63u) / 64u]; /* a bit for each that is there */
	uint8_t packet[MCR_IPV6_HEADER_BYTES + MCR_REASSEMBLY_BYTES];
};

struct mcr_reassembler {
	uint32_t lost; /* datagrams given up since the caller looked */
	uint32_t active_count; /* not free */
	struct mcr_reassembly all[MCR_REASSEMBLIES];
};

/**
 * mcr_reassembly_take - take a packet for which mcr_parse_packet() says MCR_DROP_FRAGMENT.
 * @packet: of @length bytes. Copied.
 * @now_ns: of a clock that only goes forward.
 * @whole: where the packet is that it completes: the IP header of its first fragment, without options or the extension
 * headers before the fragment header, and what the fragments had. Valid until the next call.
 *
 * Return: bytes at @whole; 0 when more fragments are wanted, or the datagram was given up (lost).
 */
uint32_t mcr_reassembly_take(struct mcr_reassembler *reassembler, uint32_t input, const uint8_t *packet,
			     uint32_t length, uint64_t now_ns, const uint8_t **whole);

/* Gives up what is too old. */
void mcr_reassembly_expire(struct mcr_reassembler *reassembler, uint64_t now_ns);

#endif
