/*
 * Datagrams as whole frames, right ones and ones with a single chosen fault: VLAN tags, IPv4 or IPv6 with its fragments
 * and options, UDP or ESP. A frame begins behind the EtherType of the link header, which a packet socket writes: so any
 * link will do, also one that has no such header. Pure.
 *
 *      one tag   (ID 100)       TCI 100 | EtherType IP |                             IP header | ...
 *      two tags  (ID 100.200)   TCI 100 | EtherType 802.1Q | TCI 200 | EtherType IP | IP header | ...
 */
#ifndef MCR_FRAME_H
#define MCR_FRAME_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "address.h"

#define MCR_FRAME_VLANS_MAX 2u
#define MCR_VLAN_ID_MAX 4094u
#define MCR_UDP_HEADER_BYTES 8u
#define MCR_ESP_HEADER_BYTES 8u
#define MCR_FRAME_PAYLOAD_MAX 65507u
#define MCR_FRAME_OPTION_BYTES 8u /* what --ip-options puts in, for either version */
/* What stands before the payload of a whole datagram at most: two tags, IPv6, destination options, UDP. */
#define MCR_FRAME_HEADERS_MAX (4u * MCR_FRAME_VLANS_MAX + 40u + MCR_FRAME_OPTION_BYTES + MCR_UDP_HEADER_BYTES)
#define MCR_FRAME_BYTES_MAX (MCR_FRAME_HEADERS_MAX + 8u + MCR_FRAME_PAYLOAD_MAX) /* 8: a fragment header */

#define MCR_PROTOCOL_UDP 17u
#define MCR_PROTOCOL_ESP 50u

/* Which protocols and versions have a fault: bits. */
#define MCR_FAULT_UDP 1u
#define MCR_FAULT_ESP 2u
#define MCR_FAULT_IPV4 4u
#define MCR_FAULT_IPV6 8u
#define MCR_FAULT_WHOLE 16u /* only datagrams of one frame can have it */
#define MCR_FAULT_FRAGMENTS 32u /* only those of several */
#define MCR_FAULT_ANY_IP (MCR_FAULT_IPV4 | MCR_FAULT_IPV6)
#define MCR_FAULT_ANY_IPV4 (MCR_FAULT_UDP | MCR_FAULT_ESP | MCR_FAULT_IPV4)
#define MCR_FAULT_ANY (MCR_FAULT_UDP | MCR_FAULT_ESP | MCR_FAULT_ANY_IP)

/* X(name, word of the command line, what can have it, what is wrong): everything else about the datagram is right. */
#define MCR_FAULTS(X) \
	X(UDP_CHECKSUM, "udp-checksum", MCR_FAULT_UDP | MCR_FAULT_ANY_IP, "a wrong UDP checksum") \
	X(UDP_NO_CHECKSUM, "udp-no-checksum", MCR_FAULT_UDP | MCR_FAULT_IPV6, "no UDP checksum, over IPv6") \
	X(UDP_LENGTH, "udp-length", MCR_FAULT_UDP | MCR_FAULT_ANY_IP, "a UDP length beyond the datagram's end") \
	X(UDP_SHORT, "udp-short", MCR_FAULT_UDP | MCR_FAULT_ANY_IP, "a UDP length before the datagram's end") \
	X(UDP_TRUNCATED, "udp-truncated", MCR_FAULT_UDP | MCR_FAULT_ANY_IP | MCR_FAULT_WHOLE, "half a UDP header") \
	X(PORT_ZERO, "port-0", MCR_FAULT_UDP | MCR_FAULT_ANY_IP, "destination port 0") \
	X(IP_CHECKSUM, "ip-checksum", MCR_FAULT_ANY_IPV4 | MCR_FAULT_WHOLE, "a wrong IPv4 header checksum") \
	X(IP_LENGTH, "ip-length", MCR_FAULT_ANY | MCR_FAULT_WHOLE, "an IP length beyond the frame's end") \
	X(IP_SHORT, "ip-short", MCR_FAULT_ANY_IPV4 | MCR_FAULT_WHOLE, "an IPv4 length less than its header") \
	X(IP_VERSION, "ip-version", MCR_FAULT_ANY | MCR_FAULT_WHOLE, "IP version 5") \
	X(IP_HEADER_LENGTH, "ip-header-length", MCR_FAULT_ANY_IPV4 | MCR_FAULT_WHOLE, "an IPv4 header of 16 bytes") \
	X(IP_TRUNCATED, "ip-truncated", MCR_FAULT_ANY | MCR_FAULT_WHOLE, "half an IP header") \
	X(ESP_SHORT, "esp-short", MCR_FAULT_ESP | MCR_FAULT_ANY_IP | MCR_FAULT_WHOLE, "7 bytes of ESP, one too few") \
	X(ESP_SPI, "esp-spi", MCR_FAULT_ESP | MCR_FAULT_ANY_IP, "SPI 0, which ESP reserves") \
	X(FRAGMENT_MISSING, "fragment-missing", MCR_FAULT_ANY | MCR_FAULT_FRAGMENTS, "its last fragment is not sent") \
	X(FRAGMENT_OVERLAP, "fragment-overlap", MCR_FAULT_ANY | MCR_FAULT_FRAGMENTS, \
	  "its second fragment begins 8 bytes early")

enum mcr_fault {
	MCR_FAULT_NONE,
#define MCR_FAULT_ENUM(name, word, has, text) MCR_FAULT_##name,
	MCR_FAULTS(MCR_FAULT_ENUM)
#undef MCR_FAULT_ENUM
};

/** What the frames of one datagram are to be like. */
struct mcr_frame_plan {
	struct mcr_address from, to; /* of one family */
	uint32_t spi; /* of ESP */
	uint32_t identification; /* of the datagram with the number 0; IPv4 has 16 bits of it */
	uint16_t from_port, to_port; /* of UDP */
	uint16_t vlans[MCR_FRAME_VLANS_MAX]; /* IDs, the outer one first */
	uint16_t fragment_bytes; /* of IP payload in a frame, a multiple of 8, at least 8 */
	uint8_t vlan_count;
	uint8_t protocol; /* MCR_PROTOCOL_UDP or MCR_PROTOCOL_ESP */
	uint8_t ttl; /* or hop limit */
	uint8_t tos; /* or traffic class: DSCP and ECN */
	bool has_options; /* IPv4: four NOPs twice over; IPv6: destination options that are padding */
	bool no_checksum; /* over IPv4, where UDP allows it */
	bool reverse; /* the last fragment first */
};

/** A datagram cut into frames. Large; all zero is an empty one. */
struct mcr_frames {
	struct mcr_frame_plan plan;
	enum mcr_fault fault;
	uint32_t number; /* of the datagram */
	uint32_t count; /* frames */
	uint32_t body_bytes;
	uint8_t body[MCR_UDP_HEADER_BYTES + MCR_FRAME_PAYLOAD_MAX]; /* what IP carries */
	uint8_t bytes[MCR_FRAME_BYTES_MAX]; /* the frame made last */
};

/** mcr_fault_find - the fault of that word; MCR_FAULT_NONE when there is none such. */
enum mcr_fault mcr_fault_find(const char *word);

/** mcr_fault_traits - MCR_FAULT_UDP and the others, as bits. */
uint32_t mcr_fault_traits(enum mcr_fault fault);

/** mcr_fault_word - as the command line has it; "none" for MCR_FAULT_NONE. */
const char *mcr_fault_word(enum mcr_fault fault);

/** mcr_fault_meaning - what is wrong with a datagram that has it. */
const char *mcr_fault_meaning(enum mcr_fault fault);

/** mcr_frame_room - bytes of IP payload, a multiple of 8, that fit into one frame where a link carries @mtu. */
uint32_t mcr_frame_room(const struct mcr_frame_plan *plan, uint32_t mtu);

/** mcr_frame_protocol - EtherType of the frames, in host order. */
uint16_t mcr_frame_protocol(const struct mcr_frame_plan *plan);

/**
 * mcr_frames_begin - take a datagram in, its payload in two parts.
 * @number: of the datagram: for its identification, which its fragments share, and the sequence number of ESP.
 * @fault:  one that the plan's protocol, version and size can have.
 *
 * Afterwards @frames->count frames can be made.
 */
void mcr_frames_begin(struct mcr_frames *frames, const struct mcr_frame_plan *plan, enum mcr_fault fault,
		      uint32_t number, const uint8_t *head, uint32_t head_bytes, const uint8_t *tail,
		      uint32_t tail_bytes);

/** mcr_frames_make - make frame @index, in the order of sending, in @frames->bytes. Return: its length. */
uint32_t mcr_frames_make(struct mcr_frames *frames, uint32_t index);

#endif
