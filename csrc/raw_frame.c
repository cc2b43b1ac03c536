/* raw_frame.c - see raw_frame.h. */
#include "raw_frame.h"

#include "base.h"

#include <linux/if_ether.h>

#define ETHERNET_BYTES 14u
#define IPV4_BYTES 20u
#define UDP_BYTES 8u
#define IP_PROTOCOL_UDP 17u
/* RFC 6864: with "don't fragment" the identification means nothing and may be 0. */
#define IPV4_DONT_FRAGMENT 0x4000u

/* Offsets into the frame header. */
#define FRAME_HEADER_BYTES 42u
#define AT_IP ETHERNET_BYTES
#define AT_UDP (ETHERNET_BYTES + IPV4_BYTES)
_Static_assert(ETHERNET_BYTES + IPV4_BYTES + UDP_BYTES == FRAME_HEADER_BYTES, "the header is these three");

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

void mcr_raw_header_make(uint8_t *header, const uint8_t *to_mac, const uint8_t *from_mac, uint32_t from, uint32_t to,
			 uint32_t from_port, uint32_t to_port, uint32_t ttl)
{
	uint8_t *ip = header + AT_IP, *udp = header + AT_UDP;

	memset(header, 0, FRAME_HEADER_BYTES);
	memcpy(header, to_mac, ETH_ALEN);
	memcpy(header + ETH_ALEN, from_mac, ETH_ALEN);
	write_be16(header + 2 * ETH_ALEN, ETH_P_IP);
	ip[0] = 0x45;
	write_be16(ip + 6, IPV4_DONT_FRAGMENT);
	ip[8] = (uint8_t)ttl;
	ip[9] = IP_PROTOCOL_UDP;
	memcpy(ip + 12, &from, 4);
	memcpy(ip + 16, &to, 4);
	write_be16(ip + 10, ~fold(sum_be16(ip, IPV4_BYTES)));
	write_be16(udp, from_port);
	write_be16(udp + 2, to_port);
	/* Of the pseudo header, not complemented: whoever puts the frame on the wire adds the rest. */
	write_be16(udp + 6, fold(sum_be16(ip + 12, 8) + IP_PROTOCOL_UDP));
}

static void write_vnet(uint8_t *bytes, uint32_t segment_bytes)
{
	const struct virtio_net_hdr vnet = {
		.flags = VIRTIO_NET_HDR_F_NEEDS_CSUM,
		.gso_type = segment_bytes ? VIRTIO_NET_HDR_GSO_UDP_L4 : VIRTIO_NET_HDR_GSO_NONE,
		.hdr_len = FRAME_HEADER_BYTES,
		.gso_size = (uint16_t)segment_bytes,
		.csum_start = AT_UDP,
		.csum_offset = 6,
	};

	memcpy(bytes, &vnet, sizeof(vnet));
}

static void write_frame_header(uint8_t *frame, const uint8_t *header, uint32_t bytes)
{
	const uint32_t udp_length = bytes + UDP_BYTES, ip_length = udp_length + IPV4_BYTES;
	uint8_t *ip = frame + AT_IP, *udp = frame + AT_UDP;

	memcpy(frame, header, FRAME_HEADER_BYTES);
	/* Both sums were made with a length of 0. */
	write_be16(ip + 2, ip_length);
	write_be16(ip + 10, ~fold((~(uint32_t)read_be16(ip + 10) & 0xffffu) + ip_length));
	write_be16(udp + 4, udp_length);
	write_be16(udp + 6, fold((uint32_t)read_be16(udp + 6) + udp_length));
}

/* The C libraries disagree on its type. */
typedef __typeof__(((struct msghdr *)0)->msg_iovlen) iovec_count;

struct msghdr *mcr_raw_frames_add(struct mcr_raw_frames *frames, const uint8_t *header, const struct iovec *payloads,
				  uint32_t payload_count, uint32_t bytes, uint32_t segment_bytes)
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

	write_vnet(own->vnet, segment_bytes);
	write_frame_header(own->frame, header, bytes);
	iovecs[0] = (struct iovec){ .iov_base = own, .iov_len = sizeof(own->vnet) + FRAME_HEADER_BYTES };
	for (uint32_t i = 0; i < payload_count; i++)
		iovecs[1 + i] = payloads[i];
	*message = (struct msghdr){ .msg_iov = iovecs, .msg_iovlen = (iovec_count)(1 + payload_count) };
	return message;
}
