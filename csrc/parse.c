/* parse.c - see parse.h. */
#include "parse.h"

#include "base.h"

#define IPV4_HEADER_BYTES 20u
#define UDP_HEADER_BYTES 8u
#define IP_PROTOCOL_UDP 17u
/* More fragments, or an offset: RFC 791, the 16 bits at offset 6 less "don't fragment" and the reserved bit. */
#define IPV4_FRAGMENT_MASK 0x3fffu

/*
 * Adds bytes to a ones' complement sum. Eight at a time into 64 bits, end-around carry kept apart: byte order and
 * width do not matter to such a sum until it is folded (RFC 1071).
 */
static uint64_t sum_add(uint64_t sum, const uint8_t *bytes, uint32_t length)
{
	uint64_t word, tail = 0;

	while (length >= sizeof(word)) {
		memcpy(&word, bytes, sizeof(word));
		sum += word;
		sum += sum < word;
		bytes += sizeof(word);
		length -= (uint32_t)sizeof(word);
	}
	if (length) {
		memcpy(&tail, bytes, length);
		sum += tail;
		sum += sum < tail;
	}
	return sum;
}

static uint16_t sum_fold(uint64_t sum)
{
	sum = (sum >> 32) + (sum & 0xffffffffu);
	sum = (sum >> 32) + (sum & 0xffffffffu);
	sum = (sum >> 16) + (sum & 0xffffu);
	sum = (sum >> 16) + (sum & 0xffffu);
	return (uint16_t)sum;
}

/* The pseudo header is the two addresses, the protocol and the UDP length. */
static int udp_checksum_is_right(const uint8_t *addresses, const uint8_t *udp, uint32_t udp_length)
{
	const uint8_t rest[4] = { 0, IP_PROTOCOL_UDP, (uint8_t)(udp_length >> 8), (uint8_t)udp_length };
	uint64_t sum;

	if (udp[6] == 0 && udp[7] == 0)
		return 1; /* the sender chose to have none: allowed on IPv4 */
	sum = sum_add(0, addresses, 8);
	sum = sum_add(sum, rest, sizeof(rest));
	return sum_fold(sum_add(sum, udp, udp_length)) == 0xffff;
}

static void address_from_ipv4(uint8_t *address, const uint8_t *ipv4)
{
	memset(address, 0, 10);
	address[10] = address[11] = 0xff;
	memcpy(address + 12, ipv4, 4);
}

enum mcr_drop mcr_parse_ipv4(const uint8_t *packet, uint32_t length, int is_checksummed, struct mcr_flow *flow)
{
	uint32_t header_length, total_length, udp_length;
	const uint8_t *udp;

	if (unlikely(length < IPV4_HEADER_BYTES))
		return MCR_DROP_TRUNCATED;
	header_length = (packet[0] & 0xfu) * 4;
	if (unlikely(packet[0] >> 4 != 4 || header_length < IPV4_HEADER_BYTES))
		return MCR_DROP_IP_HEADER;
	if (unlikely(length < header_length))
		return MCR_DROP_TRUNCATED;
	total_length = read_be16(packet + 2);
	if (unlikely(total_length > length || total_length < header_length))
		return MCR_DROP_IP_LENGTH;
	if (unlikely(sum_fold(sum_add(0, packet, header_length)) != 0xffff))
		return MCR_DROP_IP_CHECKSUM;
	if (unlikely(read_be16(packet + 6) & IPV4_FRAGMENT_MASK))
		return MCR_DROP_FRAGMENT;
	if (unlikely(packet[9] != IP_PROTOCOL_UDP))
		return MCR_DROP_NOT_UDP;
	if (unlikely(total_length - header_length < UDP_HEADER_BYTES))
		return MCR_DROP_TRUNCATED;
	udp = packet + header_length;
	udp_length = read_be16(udp + 4);
	if (unlikely(udp_length != total_length - header_length))
		return MCR_DROP_UDP_LENGTH;
	if (!is_checksummed && unlikely(!udp_checksum_is_right(packet + 12, udp, udp_length)))
		return MCR_DROP_UDP_CHECKSUM;

	address_from_ipv4(flow->source, packet + 12);
	address_from_ipv4(flow->group, packet + 16);
	flow->port = read_be16(udp + 2);
	flow->source_port = read_be16(udp);
	flow->protocol = MCR_PROTOCOL_UDP;
	flow->ttl = packet[8];
	flow->traffic_class = packet[1];
	flow->payload = udp + UDP_HEADER_BYTES;
	flow->payload_length = udp_length - UDP_HEADER_BYTES;
	return MCR_DROP_COUNT;
}
