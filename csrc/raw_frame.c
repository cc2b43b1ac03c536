/* raw_frame.c - see raw_frame.h. */
#include "raw_frame.h"

#include "base.h"

#include <linux/if_ether.h>

#define ETHERNET_BYTES 14u
#define IPV4_BYTES 20u
#define IPV6_BYTES 40u
#define UDP_BYTES 8u
#define IP_PROTOCOL_UDP 17u
/* RFC 6864: with "don't fragment" the identification means nothing and may be 0. */
#define IPV4_DONT_FRAGMENT 0x4000u

_Static_assert(ETHERNET_BYTES + IPV6_BYTES + UDP_BYTES == MCR_FRAME_HEADER_BYTES, "the header is these three");

static void write_be16(uint8_t *bytes, uint32_t value)
{
	bytes[0] = (uint8_t)(value >> 8);
	bytes[1] = (uint8_t)value;
}

static uint32_t fold(uint32_t sum)
{
	sum = (sum >> 16) + (sum & 0xffffu);
	return (sum >> 16) + (sum & 0xffffu);
}

static uint32_t sum_be16(const uint8_t *bytes, uint32_t length)
{
	uint32_t sum = 0;

	for (uint32_t i = 0; i < length; i += 2)
		sum += read_be16(bytes + i);
	return sum;
}

static int is_ipv6(const uint8_t *ip)
{
	return ip[0] >> 4 == 6;
}

static void write_ipv6_class(uint8_t *ip, uint32_t traffic_class)
{
	write_be16(ip, 0x6000u | traffic_class << 4);
}

/* What the sum over the header is without its own field. */
static void write_ipv4_checksum(uint8_t *ip)
{
	write_be16(ip + 10, 0);
	write_be16(ip + 10, ~fold(sum_be16(ip, IPV4_BYTES)));
}

static uint32_t write_ipv4(uint8_t *ip, const struct mcr_raw_ends *ends)
{
	ip[0] = 0x45;
	ip[1] = (uint8_t)ends->traffic_class;
	write_be16(ip + 6, IPV4_DONT_FRAGMENT);
	ip[8] = (uint8_t)ends->ttl;
	ip[9] = IP_PROTOCOL_UDP;
	memcpy(ip + 12, ends->from + 12, 4);
	memcpy(ip + 16, ends->to + 12, 4);
	write_ipv4_checksum(ip);
	return IPV4_BYTES;
}

static uint32_t write_ipv6(uint8_t *ip, const struct mcr_raw_ends *ends)
{
	write_ipv6_class(ip, ends->traffic_class);
	ip[6] = IP_PROTOCOL_UDP;
	ip[7] = (uint8_t)ends->ttl;
	memcpy(ip + 8, ends->from, 16);
	memcpy(ip + 24, ends->to, 16);
	return IPV6_BYTES;
}

uint32_t mcr_raw_header_make(uint8_t *header, const struct mcr_raw_ends *ends)
{
	const int is_ipv4 = address_is_ipv4(ends->to);
	uint8_t *ip = header + ETHERNET_BYTES, *udp;
	uint32_t sum;

	memset(header, 0, MCR_FRAME_HEADER_BYTES);
	memcpy(header, ends->to_mac, ETH_ALEN);
	memcpy(header + ETH_ALEN, ends->from_mac, ETH_ALEN);
	write_be16(header + 2 * ETH_ALEN, is_ipv4 ? ETH_P_IP : ETH_P_IPV6);
	udp = ip + (is_ipv4 ? write_ipv4(ip, ends) : write_ipv6(ip, ends));
	sum = is_ipv4 ? sum_be16(ip + 12, 8) : sum_be16(ip + 8, 32);
	write_be16(udp, ends->from_port);
	write_be16(udp + 2, ends->to_port);
	/* Of the pseudo header, not complemented: whoever puts the frame on the wire adds the rest. */
	write_be16(udp + 6, fold(sum + IP_PROTOCOL_UDP));
	return (uint32_t)(udp - header) + UDP_BYTES;
}

void mcr_raw_group_mac(uint8_t *mac, const uint8_t *group)
{
	static const uint8_t ipv4[] = { 0x01, 0x00, 0x5e }, ipv6[] = { 0x33, 0x33 };

	if (address_is_ipv4(group)) {
		memcpy(mac, ipv4, sizeof(ipv4));
		memcpy(mac + 3, group + 13, 3);
		mac[3] &= 0x7f;
	} else {
		memcpy(mac, ipv6, sizeof(ipv6));
		memcpy(mac + 2, group + 12, 4);
	}
}

static void write_vnet(uint8_t *bytes, uint32_t header_bytes, uint32_t segment_bytes)
{
	const struct virtio_net_hdr vnet = {
		.flags = VIRTIO_NET_HDR_F_NEEDS_CSUM,
		.gso_type = segment_bytes ? VIRTIO_NET_HDR_GSO_UDP_L4 : VIRTIO_NET_HDR_GSO_NONE,
		.hdr_len = (uint16_t)header_bytes,
		.gso_size = (uint16_t)segment_bytes,
		.csum_start = (uint16_t)(header_bytes - UDP_BYTES),
		.csum_offset = 6,
	};

	memcpy(bytes, &vnet, sizeof(vnet));
}

static void write_frame_header(uint8_t *frame, const struct mcr_output *output, uint32_t bytes)
{
	const uint32_t udp_length = bytes + UDP_BYTES, ip_length = udp_length + IPV4_BYTES;
	uint8_t *ip = frame + ETHERNET_BYTES, *udp = frame + output->header_bytes - UDP_BYTES;

	memcpy(frame, output->header, output->header_bytes);
	/* The sums were made with a length of 0. */
	if (is_ipv6(ip)) {
		write_be16(ip + 4, udp_length);
	} else {
		write_be16(ip + 2, ip_length);
		write_be16(ip + 10, ~fold((~(uint32_t)read_be16(ip + 10) & 0xffffu) + ip_length));
	}
	write_be16(udp + 4, udp_length);
	write_be16(udp + 6, fold((uint32_t)read_be16(udp + 6) + udp_length));
}

/* The C libraries disagree on its type. */
typedef __typeof__(((struct msghdr *)0)->msg_iovlen) iovec_count;

struct msghdr *mcr_raw_frames_add(struct mcr_raw_frames *frames, const struct mcr_output *output,
				  const struct iovec *payloads, uint32_t payload_count, uint32_t bytes,
				  uint32_t segment_bytes)
{
	struct iovec *iovecs = &frames->iovecs[frames->iovec_count];
	struct mcr_raw_header *own;
	struct msghdr *message;

	if (unlikely(frames->send_count == MCR_RAW_SENDS_MAX ||
		     frames->iovec_count + 1 + payload_count > MCR_RAW_IOVECS_MAX))
		return NULL;
	own = &frames->headers[frames->send_count];
	message = &frames->messages[frames->send_count++];
	frames->iovec_count += 1 + payload_count;

	write_vnet(own->vnet, output->header_bytes, segment_bytes);
	write_frame_header(own->frame, output, bytes);
	iovecs[0] = (struct iovec){ .iov_base = own, .iov_len = sizeof(own->vnet) + output->header_bytes };
	for (uint32_t i = 0; i < payload_count; i++)
		iovecs[1 + i] = payloads[i];
	*message = (struct msghdr){ .msg_iov = iovecs, .msg_iovlen = (iovec_count)(1 + payload_count) };
	return message;
}

void mcr_raw_frame_vary(const struct msghdr *message, uint32_t ttl, uint32_t traffic_class)
{
	struct mcr_raw_header *own = message->msg_iov[0].iov_base;
	uint8_t *ip = own->frame + ETHERNET_BYTES;

	if (is_ipv6(ip)) {
		write_ipv6_class(ip, traffic_class);
		ip[7] = ttl ? (uint8_t)ttl : ip[7];
	} else {
		ip[1] = (uint8_t)traffic_class;
		ip[8] = ttl ? (uint8_t)ttl : ip[8];
		write_ipv4_checksum(ip);
	}
}
