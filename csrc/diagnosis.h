/*
 * diagnosis.h - what is looked at to find out why something is missing: links, the clock, live traffic. A part of
 * mcr.h, which includes it.
 */
#ifndef MCR_DIAGNOSIS_H
#define MCR_DIAGNOSIS_H

#include <stdint.h>

/* What an interface is connected to. */
struct mcr_link {
	uint32_t master; /* index of the bridge or bond that it is a part of; 0: none */
	uint32_t has_carrier;
	uint32_t is_bridge; /* of the kernel; only then: */
	uint32_t is_snooping; /* it sends groups only where they were joined, as long as there is a querier */
	uint32_t has_querier; /* itself, or another that it hears */
};

/* Looks at one interface. -ENODEV: it is gone. */
MCR_API int32_t mcr_link_get(uint32_t interface, struct mcr_link *link);

/* 1 when something keeps CLOCK_REALTIME right, as the kernel was told, else 0. */
MCR_API int32_t mcr_clock_is_synchronized(void);

/* In place of a tag: there is none. */
#define MCR_NO_VLAN UINT32_MAX

/* One frame, and what the relay's own parser says of it. */
struct mcr_captured {
	uint64_t time_ns; /* the kernel's receive timestamp, CLOCK_REALTIME */
	uint32_t interface; /* index */
	uint32_t link_type; /* ARPHRD_* */
	uint32_t frame_bytes; /* as received, without the tag that the kernel took off */
	uint32_t captured_bytes; /* of those, how many were written */
	uint32_t packet_offset; /* of the IP header */
	uint32_t vlan; /* tag control information, or MCR_NO_VLAN */
	uint32_t vlan_protocol;
	uint32_t version; /* of IP, by the header before it: 4 or 6; 0: something else */
	uint32_t segment_bytes; /* payload of each datagram of a superframe; 0: it is one datagram */
	uint32_t is_vouched; /* the kernel vouches for the UDP checksum, or it is still to be written */
	uint32_t is_query; /* IGMP: a querier asks who wants which group */
	uint32_t reason; /* enum mcr_drop; MCR_DROP_COUNT: the parser takes it */
	uint32_t protocol; /* of IP; this and what follows as far as the packet tells, 0 else */
	uint32_t ttl;
	uint32_t port;
	uint32_t source_port;
	uint32_t payload_bytes; /* 0 where the parser does not take it */
	uint8_t group[16];
	uint8_t source[16];
};

/**
 * mcr_capture_open - a packet socket that takes what is sent to a group, and what could be meant by it.
 * @interface: 0 for all of them.
 * @port: also takes UDP to this port of any other group; 0 for none.
 *
 * Takes VLAN-tagged frames too, and IGMP queries; not what is sent from here. Holds a MiB and drops what comes beyond.
 * Needs CAP_NET_RAW.
 *
 * Return: descriptor, non-blocking; -EPERM; -ENODEV, -ENETDOWN: interface gone or down.
 */
MCR_API int32_t mcr_capture_open(uint32_t interface, const uint8_t *group, uint32_t port);

/* What a capture remembers of fragments. */
#define MCR_CAPTURE_MEMORY_BYTES (5u << 20)

/**
 * mcr_capture_read - take one frame of at most @capacity bytes, which is to be as large as any.
 * @memory: MCR_CAPTURE_MEMORY_BYTES for this capture alone, all 0 before the first call.
 *
 * Fragments are taken together as one frame, when the last of them is there.
 *
 * Return: 1; 0: none is there.
 */
MCR_API int32_t mcr_capture_read(int32_t socket, uint8_t *memory, struct mcr_captured *captured, uint8_t *frame,
				 uint32_t capacity);

#endif
