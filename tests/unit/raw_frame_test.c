/* Frames that a packet socket sends, finished as a device would and then taken apart as by a receiver. */
#include "check.h"

#include <string.h>

#include "base.h"
#include "model.h"
#include "parse.h"
#include "raw_frame.h"
#include "wire_world.h"

#define PAYLOAD_BYTES 1472u

static struct mcr_raw_frames frames;

static struct mcr_output make_output(const char *from, const char *to, uint32_t ttl, uint32_t traffic_class)
{
	struct mcr_raw_ends ends = { .from_mac = { 2, 1, 2, 3, 4, 5 },
				     .from_port = 40001,
				     .to_port = 6001,
				     .ttl = ttl,
				     .traffic_class = traffic_class };
	struct mcr_output output = { .flags = MCR_OUTPUT_RAW };

	wire_address(ends.from, from);
	wire_address(ends.to, to);
	mcr_raw_group_mac(ends.to_mac, ends.to);
	output.header_bytes = (uint8_t)mcr_raw_header_make(output.header, &ends);
	return output;
}

/* Puts a message's parts behind each other, with the UDP checksum as a device writes it. Return: the length. */
static uint32_t finish(const struct msghdr *message, uint8_t *frame)
{
	struct virtio_net_hdr vnet;
	uint32_t length = 0;
	uint16_t checksum;

	for (size_t i = 0; i < (size_t)message->msg_iovlen; i++) {
		const struct iovec *part = &message->msg_iov[i];
		const size_t skipped = i == 0 ? sizeof(vnet) : 0;

		memcpy(frame + length, (const uint8_t *)part->iov_base + skipped, part->iov_len - skipped);
		length += (uint32_t)(part->iov_len - skipped);
	}
	memcpy(&vnet, message->msg_iov[0].iov_base, sizeof(vnet));
	CHECK(vnet.flags == VIRTIO_NET_HDR_F_NEEDS_CSUM && vnet.csum_offset == 6);
	CHECK(vnet.hdr_len == vnet.csum_start + 8);
	checksum = model_checksum(frame + vnet.csum_start, length - vnet.csum_start, 0);
	checksum = checksum ? checksum : 0xffff;
	frame[vnet.csum_start + 6] = (uint8_t)(checksum >> 8);
	frame[vnet.csum_start + 7] = (uint8_t)checksum;
	return length;
}

static void check_frame(const struct mcr_output *output, const struct msghdr *message, const char *to, uint32_t ttl,
			uint32_t traffic_class, const uint8_t *payload, uint32_t payload_bytes)
{
	static uint8_t frame[PAYLOAD_BYTES + 128];
	const uint32_t length = finish(message, frame), version = output->header_bytes == 42 ? 4 : 6;
	struct mcr_flow flow;
	uint8_t group[16];

	wire_address(group, to);
	CHECK(length == output->header_bytes + payload_bytes);
	CHECK(read_be16(frame + 12) == (version == 4 ? 0x0800 : 0x86dd));
	if (!CHECK(mcr_parse_packet(frame + 14, length - 14, version, 0, &flow) == MCR_DROP_COUNT))
		return;
	CHECK(memcmp(flow.group, group, 16) == 0 && flow.port == 6001 && flow.source_port == 40001);
	CHECK(flow.ttl == ttl && flow.traffic_class == traffic_class && flow.payload_length == payload_bytes);
	CHECK(memcmp(flow.payload, payload, payload_bytes) == 0);
}

static void frame_is_what_its_output_says(void)
{
	static const struct {
		const char *from, *to;
		uint8_t mac[6];
		uint32_t header_bytes;
	} ends[] = {
		{ "10.1.2.3", "239.129.2.3", { 1, 0, 0x5e, 1, 2, 3 }, 42 },
		{ "fe80::1", "ff15::1:ff02:304", { 0x33, 0x33, 0xff, 2, 3, 4 }, 62 },
	};
	struct model_random random = model_random_from(0xf4a3eull);
	uint8_t payload[PAYLOAD_BYTES];

	for (uint32_t i = 0; i < PAYLOAD_BYTES; i++)
		payload[i] = (uint8_t)model_random_next(&random);
	for (uint32_t at = 0; at < 2; at++) {
		for (uint32_t length = 1; length <= PAYLOAD_BYTES; length += 7) {
			const uint32_t ttl = 1 + length % 255, traffic_class = length % 256;
			const struct mcr_output output = make_output(ends[at].from, ends[at].to, ttl, traffic_class);
			const struct iovec datagram = { payload, length };
			struct msghdr *message;

			CHECK(output.header_bytes == ends[at].header_bytes);
			CHECK(memcmp(output.header, ends[at].mac, 6) == 0);
			mcr_raw_frames_begin(&frames);
			message = mcr_raw_frames_add(&frames, &output, &datagram, 1, length, 0);
			check_frame(&output, message, ends[at].to, ttl, traffic_class, payload, length);
			mcr_raw_frame_vary(message, 77, 0xb9);
			check_frame(&output, message, ends[at].to, 77, 0xb9, payload, length);
			mcr_raw_frame_vary(message, 0, 3);
			check_frame(&output, message, ends[at].to, 77, 3, payload, length);
		}
	}
}

static void run_says_how_it_is_to_be_cut(void)
{
	const struct mcr_output output = make_output("fe80::1", "ff15::1", 1, 0);
	uint8_t payload[300] = { 0 };
	const struct iovec datagrams[] = { { payload, 100 }, { payload + 100, 100 }, { payload + 200, 50 } };
	const struct msghdr *message;
	struct virtio_net_hdr vnet;

	mcr_raw_frames_begin(&frames);
	message = mcr_raw_frames_add(&frames, &output, datagrams, 3, 250, 100);
	memcpy(&vnet, message->msg_iov[0].iov_base, sizeof(vnet));
	CHECK(vnet.gso_type == VIRTIO_NET_HDR_GSO_UDP_L4 && vnet.gso_size == 100 && vnet.hdr_len == 62);
	CHECK(message->msg_iovlen == 4 && message->msg_iov[3].iov_len == 50);
}

void mcr_raw_frame_tests(void)
{
	RUN(frame_is_what_its_output_says);
	RUN(run_says_how_it_is_to_be_cut);
}
