/* Datagrams as whole frames; see frame.h. */
#include "frame.h"

#include <assert.h>
#include <linux/if_ether.h>
#include <string.h>

#include "base.h"

#define VLAN_TAG_BYTES 4u
#define IPV4_HEADER_BYTES 20u
#define IPV6_HEADER_BYTES 40u
#define FRAGMENT_HEADER_BYTES 8u
#define FRAGMENT_UNIT 8u
#define IPV4_MORE_FRAGMENTS 0x2000u
#define NEXT_FRAGMENT 44u
#define NEXT_DESTINATION_OPTIONS 60u
#define IPV4_NOP 1u
#define EXCESS 32u /* what a length that is too large claims too much */
/* So that an IP length can have the longest header, and EXCESS, and is still one of 16 bits. */
#define ROOM_MAX (65535u / FRAGMENT_UNIT * FRAGMENT_UNIT - IPV4_HEADER_BYTES - MCR_FRAME_OPTION_BYTES - EXCESS - 4u)
_Static_assert(ROOM_MAX % FRAGMENT_UNIT == 0, "a fragment ends on a unit");

/* Where half headers and short lengths end. */
#define TRUNCATED_IP_BYTES 10u
#define TRUNCATED_UDP_BYTES 4u
#define TRUNCATED_ESP_BYTES (MCR_ESP_HEADER_BYTES - 1u)
#define SHORT_IPV4_BYTES 16u

static const struct {
	const char *word;
	const char *meaning;
	uint32_t traits;
} faults[] = {
	[MCR_FAULT_NONE] = { "none", "nothing", MCR_FAULT_ANY },
#define FAULT_ROW(name, text, has, meaning) [MCR_FAULT_##name] = { text, meaning, has },
	MCR_FAULTS(FAULT_ROW)
#undef FAULT_ROW
};

enum mcr_fault mcr_fault_find(const char *word)
{
	for (uint32_t i = 1; i < array_count(faults); i++) {
		if (!strcmp(word, faults[i].word))
			return (enum mcr_fault)i;
	}
	return MCR_FAULT_NONE;
}

uint32_t mcr_fault_traits(enum mcr_fault fault)
{
	assert(fault < array_count(faults));
	return faults[fault].traits;
}

const char *mcr_fault_word(enum mcr_fault fault)
{
	assert(fault < array_count(faults));
	return faults[fault].word;
}

const char *mcr_fault_meaning(enum mcr_fault fault)
{
	assert(fault < array_count(faults));
	return faults[fault].meaning;
}

static void write_be16(uint8_t *bytes, uint32_t value)
{
	bytes[0] = (uint8_t)(value >> 8);
	bytes[1] = (uint8_t)value;
}

static void write_be32(uint8_t *bytes, uint32_t value)
{
	write_be16(bytes, value >> 16);
	write_be16(bytes + 2, value);
}

/* Adds bytes to a ones' complement sum. At most 64 KiB of them: 32 bits cannot overflow. */
static uint32_t sum_add(uint32_t sum, const uint8_t *bytes, uint32_t length)
{
	for (; length >= 2; length -= 2, bytes += 2)
		sum += read_be16(bytes);
	return length ? sum + ((uint32_t)bytes[0] << 8) : sum;
}

static uint16_t checksum(uint32_t sum)
{
	sum = (sum >> 16) + (sum & 0xffffu);
	sum = (sum >> 16) + (sum & 0xffffu);
	return (uint16_t)~sum;
}

static bool is_ipv4(const struct mcr_frame_plan *plan)
{
	return plan->to.family == AF_INET;
}

static uint32_t ip_header_bytes(const struct mcr_frame_plan *plan)
{
	const uint32_t fixed = is_ipv4(plan) ? IPV4_HEADER_BYTES : IPV6_HEADER_BYTES;

	return fixed + (plan->has_options ? MCR_FRAME_OPTION_BYTES : 0);
}

uint32_t mcr_frame_room(const struct mcr_frame_plan *plan, uint32_t mtu)
{
	/* The kernel counts tags as what the link carries. */
	const uint32_t headers = ip_header_bytes(plan) + (is_ipv4(plan) ? 0 : FRAGMENT_HEADER_BYTES) +
				 VLAN_TAG_BYTES * plan->vlan_count;

	if (mtu < headers + FRAGMENT_UNIT)
		return FRAGMENT_UNIT;
	return mtu - headers > ROOM_MAX ? ROOM_MAX : (mtu - headers) / FRAGMENT_UNIT * FRAGMENT_UNIT;
}

uint16_t mcr_frame_protocol(const struct mcr_frame_plan *plan)
{
	if (plan->vlan_count > 1)
		return ETH_P_8021AD;
	if (plan->vlan_count == 1)
		return ETH_P_8021Q;
	return is_ipv4(plan) ? ETH_P_IP : ETH_P_IPV6;
}

static uint16_t udp_checksum(const struct mcr_frames *frames, uint32_t claimed)
{
	const struct mcr_frame_plan *plan = &frames->plan;
	const uint32_t length = claimed < frames->body_bytes ? claimed : frames->body_bytes;
	uint32_t sum = MCR_PROTOCOL_UDP + claimed;
	uint16_t right;

	sum = sum_add(sum, plan->from.bytes, mcr_address_bytes(&plan->from));
	sum = sum_add(sum, plan->to.bytes, mcr_address_bytes(&plan->to));
	right = checksum(sum_add(sum, frames->body, length));
	return right ? right : 0xffff;
}

/* 0 would say that there is none, which IPv4 allows. */
static uint16_t wrong_checksum(uint16_t right)
{
	return right == 1 ? 2 : right ^ 1;
}

static void write_udp(struct mcr_frames *frames)
{
	const struct mcr_frame_plan *plan = &frames->plan;
	uint8_t *udp = frames->body;
	uint32_t claimed = frames->body_bytes;
	uint16_t sum;

	if (frames->fault == MCR_FAULT_UDP_LENGTH)
		claimed = claimed + EXCESS > UINT16_MAX ? UINT16_MAX : claimed + EXCESS;
	if (frames->fault == MCR_FAULT_UDP_SHORT)
		claimed -= (claimed - MCR_UDP_HEADER_BYTES) / 2;
	write_be16(udp, plan->from_port);
	write_be16(udp + 2, frames->fault == MCR_FAULT_PORT_ZERO ? 0 : plan->to_port);
	write_be16(udp + 4, claimed);
	write_be16(udp + 6, 0);
	if (plan->no_checksum || frames->fault == MCR_FAULT_UDP_NO_CHECKSUM)
		return;
	sum = udp_checksum(frames, claimed);
	write_be16(udp + 6, frames->fault == MCR_FAULT_UDP_CHECKSUM ? wrong_checksum(sum) : sum);
	if (frames->fault == MCR_FAULT_UDP_TRUNCATED)
		frames->body_bytes = TRUNCATED_UDP_BYTES;
}

static void write_esp(struct mcr_frames *frames)
{
	write_be32(frames->body, frames->fault == MCR_FAULT_ESP_SPI ? 0 : frames->plan.spi);
	write_be32(frames->body + 4, frames->number);
	if (frames->fault == MCR_FAULT_ESP_SHORT)
		frames->body_bytes = TRUNCATED_ESP_BYTES;
}

void mcr_frames_begin(struct mcr_frames *frames, const struct mcr_frame_plan *plan, enum mcr_fault fault,
		      uint32_t number, const uint8_t *head, uint32_t head_bytes, const uint8_t *tail,
		      uint32_t tail_bytes)
{
	const uint32_t header_bytes = plan->protocol == MCR_PROTOCOL_ESP ? MCR_ESP_HEADER_BYTES : MCR_UDP_HEADER_BYTES;

	_Static_assert(MCR_UDP_HEADER_BYTES == MCR_ESP_HEADER_BYTES, "either fits before the payload");
	assert(head_bytes + tail_bytes <= MCR_FRAME_PAYLOAD_MAX);
	assert(plan->fragment_bytes >= FRAGMENT_UNIT && plan->fragment_bytes % FRAGMENT_UNIT == 0);
	frames->plan = *plan;
	frames->fault = fault;
	frames->number = number;
	frames->body_bytes = header_bytes + head_bytes + tail_bytes;
	memcpy(frames->body + header_bytes, head, head_bytes);
	memcpy(frames->body + header_bytes + head_bytes, tail, tail_bytes);
	if (plan->protocol == MCR_PROTOCOL_ESP)
		write_esp(frames);
	else
		write_udp(frames);
	frames->count = (frames->body_bytes + plan->fragment_bytes - 1) / plan->fragment_bytes;
	if (fault == MCR_FAULT_FRAGMENT_MISSING)
		frames->count--;
}

/* Return the length of the tags, the last EtherType included. */
static uint32_t write_tags(uint8_t *to, const struct mcr_frame_plan *plan)
{
	for (uint32_t i = 0; i < plan->vlan_count; i++) {
		const bool is_last = i + 1u == plan->vlan_count;

		write_be16(to + VLAN_TAG_BYTES * i, plan->vlans[i]);
		write_be16(to + VLAN_TAG_BYTES * i + 2,
			   !is_last ? ETH_P_8021Q : is_ipv4(plan) ? ETH_P_IP : ETH_P_IPV6);
	}
	return VLAN_TAG_BYTES * plan->vlan_count;
}

/* Return the length of the header. @body_bytes behind it, @offset into the datagram's. */
static uint32_t write_ipv4(uint8_t *to, const struct mcr_frames *frames, uint32_t offset, uint32_t body_bytes,
			   bool is_last)
{
	const struct mcr_frame_plan *plan = &frames->plan;
	const uint32_t length = ip_header_bytes(plan);
	uint16_t sum;

	memset(to, 0, IPV4_HEADER_BYTES);
	memset(to + IPV4_HEADER_BYTES, IPV4_NOP, length - IPV4_HEADER_BYTES);
	to[0] = (uint8_t)(0x40 | length / 4);
	if (frames->fault == MCR_FAULT_IP_VERSION)
		to[0] = (uint8_t)(0x50 | length / 4);
	if (frames->fault == MCR_FAULT_IP_HEADER_LENGTH)
		to[0] = 0x44;
	to[1] = plan->tos;
	write_be16(to + 2, frames->fault == MCR_FAULT_IP_SHORT ? SHORT_IPV4_BYTES :
			   frames->fault == MCR_FAULT_IP_LENGTH ? length + body_bytes + EXCESS :
								  length + body_bytes);
	write_be16(to + 4, plan->identification + frames->number);
	write_be16(to + 6, offset / FRAGMENT_UNIT | (is_last ? 0 : IPV4_MORE_FRAGMENTS));
	to[8] = plan->ttl;
	to[9] = plan->protocol;
	memcpy(to + 12, plan->from.bytes, 4);
	memcpy(to + 16, plan->to.bytes, 4);
	/* Over what a receiver takes for the header. */
	sum = checksum(sum_add(0, to, (to[0] & 0xfu) * 4));
	write_be16(to + 10, frames->fault == MCR_FAULT_IP_CHECKSUM ? wrong_checksum(sum) : sum);
	return length;
}

static uint32_t write_ipv6(uint8_t *to, const struct mcr_frames *frames, uint32_t offset, uint32_t body_bytes,
			   bool is_last)
{
	/* Destination options that are all padding: PadN with four bytes. */
	static const uint8_t padding[] = { 1, 4, 0, 0, 0, 0 };
	const struct mcr_frame_plan *plan = &frames->plan;
	const bool is_fragment = offset > 0 || !is_last;
	uint32_t at = IPV6_HEADER_BYTES, next = 6;

	_Static_assert(sizeof(padding) + 2 == MCR_FRAME_OPTION_BYTES, "the options and their header");
	memset(to, 0, IPV6_HEADER_BYTES);
	to[0] = (uint8_t)((frames->fault == MCR_FAULT_IP_VERSION ? 0x50 : 0x60) | plan->tos >> 4);
	to[1] = (uint8_t)(plan->tos << 4);
	to[7] = plan->ttl;
	memcpy(to + 8, plan->from.bytes, 16);
	memcpy(to + 24, plan->to.bytes, 16);
	/* Options before the fragment header are in each fragment. */
	if (plan->has_options) {
		to[next] = NEXT_DESTINATION_OPTIONS;
		next = at;
		to[at + 1] = 0;
		memcpy(to + at + 2, padding, sizeof(padding));
		at += MCR_FRAME_OPTION_BYTES;
	}
	if (is_fragment) {
		to[next] = NEXT_FRAGMENT;
		next = at;
		to[at + 1] = 0;
		write_be16(to + at + 2, offset | (is_last ? 0 : 1));
		write_be32(to + at + 4, plan->identification + frames->number);
		at += FRAGMENT_HEADER_BYTES;
	}
	to[next] = plan->protocol;
	write_be16(to + 4, at - IPV6_HEADER_BYTES + body_bytes +
				   (frames->fault == MCR_FAULT_IP_LENGTH ? EXCESS : 0));
	return at;
}

uint32_t mcr_frames_make(struct mcr_frames *frames, uint32_t index)
{
	const struct mcr_frame_plan *plan = &frames->plan;
	const uint32_t all = (frames->body_bytes + plan->fragment_bytes - 1) / plan->fragment_bytes;
	const uint32_t number = plan->reverse ? frames->count - 1 - index : index;
	const bool is_overlapping = frames->fault == MCR_FAULT_FRAGMENT_OVERLAP && number == 1;
	uint32_t offset = number * plan->fragment_bytes;
	const uint32_t left = frames->body_bytes - offset;
	const uint32_t bytes = left < plan->fragment_bytes ? left : plan->fragment_bytes;
	uint8_t *to = frames->bytes;

	assert(index < frames->count);
	to += write_tags(to, plan);
	if (frames->fault == MCR_FAULT_IP_TRUNCATED) {
		(is_ipv4(plan) ? write_ipv4 : write_ipv6)(to, frames, 0, bytes, true);
		return (uint32_t)(to - frames->bytes) + TRUNCATED_IP_BYTES;
	}
	if (is_overlapping)
		offset -= FRAGMENT_UNIT;
	to += (is_ipv4(plan) ? write_ipv4 : write_ipv6)(to, frames, offset, bytes, number + 1 == all);
	memcpy(to, frames->body + number * plan->fragment_bytes, bytes);
	return (uint32_t)(to - frames->bytes) + bytes;
}
