/* parse.c - see parse.h. */
#include "parse.h"

#include "base.h"

#define IPV4_HEADER_BYTES 20u
#define IPV6_HEADER_BYTES 40u
#define UDP_HEADER_BYTES 8u
/* SPI and sequence number. */
#define ESP_HEADER_BYTES 8u
/* More fragments, or an offset: RFC 791, the 16 bits at offset 6 less "don't fragment" and the reserved bit. */
#define IPV4_FRAGMENT_MASK 0x3fffu
/* The same in a fragment header: RFC 8200, the 16 bits at offset 2 less the reserved ones. */
#define IPV6_FRAGMENT_MASK 0xfff9u
#define FRAGMENT_HEADER_BYTES 8u
/* Senders make do with two or three; each takes 8 bytes at least, so that without a limit there could be 8,000. */
#define EXTENSIONS_MAX 8u

/* Headers of IPv6 that are known to be such, by the number that announces them (IANA, 2026). */
enum extension {
	EXTENSION_HOP_BY_HOP = 0,
	EXTENSION_ROUTING = 43,
	EXTENSION_FRAGMENT = 44,
	EXTENSION_AUTHENTICATION = 51,
	EXTENSION_DESTINATION = 60,
	EXTENSION_MOBILITY = 135,
	EXTENSION_HOST_IDENTITY = 139,
	EXTENSION_SHIM6 = 140,
	EXTENSION_EXPERIMENT = 253,
	EXTENSION_EXPERIMENT_TOO = 254,
};

/* What lies behind the IP headers. */
struct content {
	const uint8_t *bytes;
	uint32_t length;
	uint32_t protocol;
};

/*
 * Adds bytes to a ones' complement sum. Byte order and width do not matter to such a sum until it is folded (RFC 1071):
 * words of 32 bits into 64, so that nothing is carried, and two at a time, which the compiler makes vectors of (190 to
 * 100 cycles for 1,316 bytes, 2026-11). 2^32 of them would be needed to overflow.
 */
static uint64_t sum_add(uint64_t sum, const uint8_t *bytes, uint32_t length)
{
	uint64_t word, odd = 0;

	for (; length >= sizeof(word); length -= (uint32_t)sizeof(word)) {
		memcpy(&word, bytes, sizeof(word));
		sum += (uint32_t)word;
		odd += word >> 32;
		bytes += sizeof(word);
	}
	word = 0;
	if (length & 4)
		memcpy(&word, bytes, 4);
	sum += word;
	word = 0;
	for (bytes += length & 4, length &= 3; length > 0; length--)
		memcpy((uint8_t *)&word + length - 1, bytes + length - 1, 1);
	return sum + odd + word;
}

static uint16_t sum_fold(uint64_t sum)
{
	sum = (sum >> 32) + (sum & 0xffffffffu);
	sum = (sum >> 16) + (sum & 0xffffu);
	sum = (sum >> 16) + (sum & 0xffffu);
	sum = (sum >> 16) + (sum & 0xffffu);
	return (uint16_t)sum;
}

/* The pseudo header is the two addresses, the protocol and the UDP length. */
static int udp_checksum_is_right(const uint8_t *addresses, uint32_t addresses_bytes, const struct content *udp)
{
	const uint8_t rest[4] = { 0, MCR_PROTOCOL_UDP, (uint8_t)(udp->length >> 8), (uint8_t)udp->length };
	uint64_t sum = sum_add(0, addresses, addresses_bytes);

	sum = sum_add(sum, rest, sizeof(rest));
	return sum_fold(sum_add(sum, udp->bytes, udp->length)) == 0xffff;
}

/* In two stores: it is read again as two words at once, which smaller ones would delay. */
static void address_from_ipv4(uint8_t *address, const uint8_t *ipv4)
{
	uint8_t low[8] = { 0, 0, 0xff, 0xff };
	const uint64_t high = 0;

	memcpy(low + 4, ipv4, 4);
	memcpy(address, &high, sizeof(high));
	memcpy(address + 8, low, sizeof(low));
}

static enum mcr_drop parse_udp(const struct content *udp, uint32_t version, const uint8_t *addresses,
			       uint32_t addresses_bytes, int is_checksummed, struct mcr_flow *flow)
{
	if (unlikely(udp->length < UDP_HEADER_BYTES))
		return MCR_DROP_TRUNCATED;
	if (unlikely(read_be16(udp->bytes + 4) != udp->length))
		return MCR_DROP_UDP_LENGTH;
	flow->port = read_be16(udp->bytes + 2);
	if (unlikely(flow->port == 0))
		return MCR_DROP_PORT_ZERO;
	if (unlikely(read_be16(udp->bytes + 6) == 0)) {
		/* The sender chose to have none: allowed on IPv4. */
		if (version == 6)
			return MCR_DROP_UDP_CHECKSUM;
	} else if (!is_checksummed && unlikely(!udp_checksum_is_right(addresses, addresses_bytes, udp))) {
		return MCR_DROP_UDP_CHECKSUM;
	}
	flow->source_port = read_be16(udp->bytes);
	flow->protocol = MCR_PROTOCOL_UDP;
	flow->payload = udp->bytes + UDP_HEADER_BYTES;
	flow->payload_length = udp->length - UDP_HEADER_BYTES;
	return MCR_DROP_COUNT;
}

static enum mcr_drop parse_esp(const struct content *esp, struct mcr_flow *flow)
{
	/* An SPI of 0 never goes over a wire (RFC 4303). */
	if (esp->length < ESP_HEADER_BYTES || read_be32(esp->bytes) == 0)
		return MCR_DROP_ESP;
	flow->port = 0;
	flow->source_port = 0;
	flow->protocol = MCR_PROTOCOL_ESP;
	flow->payload = esp->bytes;
	flow->payload_length = esp->length;
	return MCR_DROP_COUNT;
}

static enum mcr_drop parse_content(const struct content *content, uint32_t version, const uint8_t *addresses,
				   uint32_t addresses_bytes, int is_checksummed, struct mcr_flow *flow)
{
	if (likely(content->protocol == MCR_PROTOCOL_UDP))
		return parse_udp(content, version, addresses, addresses_bytes, is_checksummed, flow);
	return content->protocol == MCR_PROTOCOL_ESP ? parse_esp(content, flow) : MCR_DROP_NOT_UDP;
}

static enum mcr_drop parse_ipv4(const uint8_t *packet, uint32_t length, int is_checksummed, struct mcr_flow *flow)
{
	uint32_t header_length, total_length;
	struct content content;

	if (unlikely(length < IPV4_HEADER_BYTES))
		return MCR_DROP_TRUNCATED;
	header_length = (packet[0] & 0xfu) * 4;
	if (unlikely(packet[0] >> 4 != 4))
		return MCR_DROP_IP_VERSION;
	if (unlikely(header_length < IPV4_HEADER_BYTES))
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

	content = (struct content){ packet + header_length, total_length - header_length, packet[9] };
	flow->ttl = packet[8];
	flow->traffic_class = packet[1];
	address_from_ipv4(flow->source, packet + 12);
	address_from_ipv4(flow->group, packet + 16);
	return parse_content(&content, 4, packet + 12, 8, is_checksummed, flow);
}

/* Bytes of an extension header of which at least two can be read. */
static uint32_t extension_bytes(const uint8_t *header)
{
	return (header[1] + 1u) * 8;
}

/*
 * Passes over the extension headers of a packet. Return: MCR_DROP_COUNT with @content what follows them, else the
 * reason with @content what was reached.
 */
static enum mcr_drop skip_extensions(struct content *content)
{
	for (uint32_t count = 0;; count++) {
		const uint8_t *header = content->bytes;
		uint32_t bytes = 8;

		switch (content->protocol) {
		case EXTENSION_HOP_BY_HOP:
			if (count > 0)
				return MCR_DROP_EXTENSION;
			break;
		case EXTENSION_ROUTING:
		case EXTENSION_FRAGMENT:
		case EXTENSION_DESTINATION:
			break;
		case EXTENSION_AUTHENTICATION:
		case EXTENSION_MOBILITY:
		case EXTENSION_HOST_IDENTITY:
		case EXTENSION_SHIM6:
		case EXTENSION_EXPERIMENT:
		case EXTENSION_EXPERIMENT_TOO:
			return MCR_DROP_EXTENSION;
		default:
			return MCR_DROP_COUNT;
		}
		if (content->length < bytes || count == EXTENSIONS_MAX)
			return MCR_DROP_EXTENSION;
		if (content->protocol == EXTENSION_FRAGMENT) {
			if (read_be16(header + 2) & IPV6_FRAGMENT_MASK)
				return MCR_DROP_FRAGMENT;
		} else {
			bytes = extension_bytes(header);
			if (content->length < bytes ||
			    (content->protocol == EXTENSION_ROUTING && header[3] != 0))
				return MCR_DROP_EXTENSION;
		}
		*content = (struct content){ header + bytes, content->length - bytes, header[0] };
	}
}

static enum mcr_drop parse_ipv6(const uint8_t *packet, uint32_t length, int is_checksummed, struct mcr_flow *flow)
{
	struct content content;
	enum mcr_drop reason;

	if (unlikely(length < IPV6_HEADER_BYTES))
		return MCR_DROP_TRUNCATED;
	if (unlikely(packet[0] >> 4 != 6))
		return MCR_DROP_IP_VERSION;
	content = (struct content){ packet + IPV6_HEADER_BYTES, read_be16(packet + 4), packet[6] };
	if (unlikely(content.length > length - IPV6_HEADER_BYTES))
		return MCR_DROP_IP_LENGTH;
	if (unlikely(content.protocol != MCR_PROTOCOL_UDP)) {
		reason = skip_extensions(&content);
		if (reason != MCR_DROP_COUNT)
			return reason;
	}
	flow->ttl = packet[7];
	flow->traffic_class = (packet[0] & 0xfu) << 4 | packet[1] >> 4;
	memcpy(flow->source, packet + 8, 16);
	memcpy(flow->group, packet + 24, 16);
	return parse_content(&content, 6, packet + 8, 32, is_checksummed, flow);
}

static int is_possible(const struct mcr_fragment *fragment, uint32_t header_bytes)
{
	return fragment->length > 0 && fragment->offset + fragment->length + header_bytes <= UINT16_MAX &&
	       (fragment->is_last || fragment->length % 8 == 0);
}

static int parse_fragment_ipv4(const uint8_t *packet, uint32_t length, struct mcr_fragment *fragment)
{
	const uint32_t header_length = (packet[0] & 0xfu) * 4, total_length = read_be16(packet + 2);

	if (header_length < IPV4_HEADER_BYTES || total_length > length || total_length < header_length)
		return 0;
	*fragment = (struct mcr_fragment){ .bytes = packet + header_length,
					   .length = total_length - header_length,
					   .offset = (read_be16(packet + 6) & 0x1fffu) * 8,
					   .identification = read_be16(packet + 4),
					   .protocol = packet[9],
					   .is_last = (packet[6] & 0x20) == 0 };
	return is_possible(fragment, IPV4_HEADER_BYTES);
}

int mcr_parse_fragment(const uint8_t *packet, uint32_t length, struct mcr_fragment *fragment)
{
	struct content content;
	const uint8_t *header;

	if (length >= IPV4_HEADER_BYTES && packet[0] >> 4 == 4)
		return parse_fragment_ipv4(packet, length, fragment);
	if (length < IPV6_HEADER_BYTES || read_be16(packet + 4) > length - IPV6_HEADER_BYTES)
		return 0;
	content = (struct content){ packet + IPV6_HEADER_BYTES, read_be16(packet + 4), packet[6] };
	if (skip_extensions(&content) != MCR_DROP_FRAGMENT)
		return 0;
	header = content.bytes;
	*fragment = (struct mcr_fragment){ .bytes = header + FRAGMENT_HEADER_BYTES,
					   .length = content.length - FRAGMENT_HEADER_BYTES,
					   .offset = read_be16(header + 2) & ~7u,
					   .identification = read_be32(header + 4),
					   .protocol = header[0],
					   .is_last = (header[3] & 1) == 0 };
	/* The length of IPv6 leaves its own header out. */
	return is_possible(fragment, 0);
}

enum mcr_drop mcr_parse_packet(const uint8_t *packet, uint32_t length, uint32_t version, int is_checksummed,
			       struct mcr_flow *flow)
{
	if (likely(version == 4))
		return parse_ipv4(packet, length, is_checksummed, flow);
	return parse_ipv6(packet, length, is_checksummed, flow);
}

uint32_t mcr_parse_header_bytes(const uint8_t *packet, uint32_t length, uint32_t version)
{
	struct content content;

	if (version == 4)
		return (length > 0 && (packet[0] & 0xfu) > 5 ? (packet[0] & 0xfu) * 4 : IPV4_HEADER_BYTES) +
		       UDP_HEADER_BYTES;
	if (length < IPV6_HEADER_BYTES)
		return IPV6_HEADER_BYTES + UDP_HEADER_BYTES;
	content = (struct content){ packet + IPV6_HEADER_BYTES, length - IPV6_HEADER_BYTES, packet[6] };
	(void)skip_extensions(&content);
	return (uint32_t)(content.bytes - packet) + UDP_HEADER_BYTES;
}
