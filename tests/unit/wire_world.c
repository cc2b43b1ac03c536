/* wire_world.c - see wire_world.h. */
#include "wire_world.h"

#include <arpa/inet.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <net/route.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include "base.h"
#include "check.h"

/* Else the kernel takes a route to the loopback for one that rejects. */
#ifndef RTF_LOCAL
#define RTF_LOCAL 0x80000000u
#endif
#ifndef PACKET_IGNORE_OUTGOING
#define PACKET_IGNORE_OUTGOING 23
#endif

void wire_address(uint8_t *address, const char *text)
{
	memset(address, 0, 16);
	if (inet_pton(AF_INET6, text, address) == 1)
		return;
	address[10] = address[11] = 0xff;
	CHECK(inet_pton(AF_INET, text, address + 12) == 1);
}

/* The loopback has no way to groups of IPv6 of its own. */
static bool add_group_route(void)
{
	struct in6_rtmsg route = { .rtmsg_dst_len = 8,
				   .rtmsg_metric = 1,
				   .rtmsg_flags = RTF_UP | RTF_LOCAL,
				   .rtmsg_ifindex = (int)WIRE_LOOPBACK };
	const int fd = socket(AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	bool is_done;

	route.rtmsg_dst.s6_addr[0] = 0xff;
	is_done = ioctl(fd, SIOCADDRT, &route) == 0;
	close(fd);
	return is_done;
}

bool wire_set_mtu(uint32_t bytes)
{
	struct ifreq request = { .ifr_name = "lo" };
	const int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	bool is_done;

	request.ifr_mtu = (int)bytes;
	is_done = ioctl(fd, SIOCSIFMTU, &request) == 0;
	close(fd);
	return is_done;
}

static bool open_marker(struct wire *wire)
{
	struct sockaddr_in from = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t length = sizeof(from);

	wire->is_marked = false;
	wire->marker = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (!CHECK(bind(wire->marker, (const void *)&from, length) == 0) ||
	    !CHECK(getsockname(wire->marker, (void *)&from, &length) == 0))
		return false;
	wire->marker_port = ntohs(from.sin_port);
	return true;
}

static void send_marker(struct wire *wire)
{
	const struct sockaddr_in to = { .sin_family = AF_INET, .sin_port = htons(9),
					.sin_addr.s_addr = htonl(INADDR_LOOPBACK) };

	CHECK(sendto(wire->marker, "", 0, 0, (const void *)&to, sizeof(to)) == 0);
	wire->is_marked = true;
}

bool wire_open(struct wire *wire, const struct mcr_rule *rules, uint32_t rule_count, const struct mcr_output *outputs,
	       uint32_t output_count)
{
	const struct sockaddr_ll at = { .sll_family = AF_PACKET, .sll_ifindex = WIRE_LOOPBACK,
					.sll_protocol = htons(ETH_P_ALL) };
	const struct timeval second = { .tv_sec = 1 };
	const int on = 1, bytes = 8 << 20;

	memset(wire->sources, 0, sizeof(wire->sources));
	/* What is sent as a run is on the wire datagram by datagram. */
	if (!CHECK(mcr_feature_set(WIRE_LOOPBACK, "tx-udp-segmentation", 0) >= 0) || !CHECK(add_group_route()) ||
	    !world_open(&wire->world, rules, rule_count, outputs, output_count))
		return false;
	wire->tap = socket(AF_PACKET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	(void)setsockopt(wire->tap, SOL_SOCKET, SO_RCVBUFFORCE, &bytes, sizeof(bytes));
	(void)setsockopt(wire->tap, SOL_SOCKET, SO_RCVTIMEO, &second, sizeof(second));
	return open_marker(wire) &&
	       CHECK(setsockopt(wire->tap, SOL_PACKET, PACKET_IGNORE_OUTGOING, &on, sizeof(on)) == 0) &&
	       CHECK(bind(wire->tap, (const struct sockaddr *)&at, sizeof(at)) == 0);
}

void wire_close(struct wire *wire)
{
	close(wire->marker);
	close(wire->tap);
	world_close(&wire->world);
}

struct mcr_output_options wire_options(const struct mcr_output *output)
{
	const uint32_t mapped = MCR_OUTPUT_GROUP_MAP | MCR_OUTPUT_PORT_MAP;
	struct mcr_output_options options = {
		.interface = WIRE_LOOPBACK,
		.protocol = output->flags & MCR_OUTPUT_ESP ? MCR_PROTOCOL_ESP : MCR_PROTOCOL_UDP,
		.port = output->port,
		.ttl = 7,
		.traffic_class = output->traffic_class,
		.is_connected = !(output->flags & mapped),
		.is_fragmenting = 1,
		.send_buffer_bytes = 1 << 20,
	};

	memcpy(options.address, output->group, sizeof(options.address));
	return options;
}

bool wire_open_output(struct wire *wire, uint32_t socket, const struct mcr_output_options *options)
{
	struct mcr_sender sender;

	close(wire->world.senders[socket]);
	wire->world.senders[socket] = mcr_output_open(options);
	if (!CHECK(wire->world.senders[socket] >= 0) ||
	    !CHECK(mcr_output_sender(wire->world.senders[socket], &sender) == 0))
		return false;
	wire->sources[socket] = sender.port;
	wire->is_ipv4[socket] = address_is_ipv4(options->address);
	return CHECK(mcr_uring_set_files(&wire->world.ring, MCR_FILE_OUTPUTS + socket, &wire->world.senders[socket],
					 1) == 0);
}

static uint32_t take_ipv4_apart(const uint8_t *bytes, struct wire_packet *packet)
{
	memset(packet->from, 0, 10);
	memset(packet->from + 10, 0xff, 2);
	memcpy(packet->to, packet->from, 12);
	memcpy(packet->from + 12, bytes + 12, 4);
	memcpy(packet->to + 12, bytes + 16, 4);
	packet->ttl = bytes[8];
	packet->traffic_class = bytes[1];
	packet->protocol = bytes[9];
	packet->length = read_be16(bytes + 2) - 20u;
	packet->is_fragment = (read_be16(bytes + 6) & 0x3fff) != 0;
	return 20;
}

static uint32_t take_ipv6_apart(const uint8_t *bytes, struct wire_packet *packet)
{
	memcpy(packet->from, bytes + 8, 16);
	memcpy(packet->to, bytes + 24, 16);
	packet->ttl = bytes[7];
	packet->traffic_class = read_be16(bytes) >> 4 & 0xffu;
	packet->protocol = bytes[6];
	packet->length = read_be16(bytes + 4);
	packet->is_fragment = bytes[6] == 44;
	if (packet->is_fragment)
		packet->protocol = bytes[40];
	return 40;
}

static bool is_sent_by(const struct wire_packet *packet, uint32_t port, bool is_ipv4)
{
	return packet->from_port == port && address_is_ipv4(packet->from) == is_ipv4;
}

bool wire_is_from(const struct wire *wire, const struct wire_packet *packet, uint32_t socket)
{
	return is_sent_by(packet, wire->sources[socket], wire->is_ipv4[socket]);
}

bool wire_next(struct wire *wire, struct wire_packet *packet)
{
	static uint8_t bytes[1 << 17];

	if (!wire->is_marked)
		send_marker(wire);
	for (;;) {
		const ssize_t length = recv(wire->tap, bytes, sizeof(bytes), 0);
		uint32_t header_bytes;

		if (!CHECK(length >= 0))
			return false;
		if (length < 20 || (bytes[0] >> 4 != 4 && bytes[0] >> 4 != 6))
			continue;
		header_bytes = bytes[0] >> 4 == 4 ? take_ipv4_apart(bytes, packet) : take_ipv6_apart(bytes, packet);
		packet->payload = bytes + header_bytes;
		packet->from_port = packet->to_port = 0;
		if (packet->protocol == MCR_PROTOCOL_UDP && !packet->is_fragment) {
			packet->from_port = read_be16(packet->payload);
			packet->to_port = read_be16(packet->payload + 2);
			packet->length -= 8;
			packet->payload += 8;
		}
		if (is_sent_by(packet, wire->marker_port, true)) {
			wire->is_marked = false;
			return false;
		}
		if (packet->protocol == MCR_PROTOCOL_UDP || packet->protocol == MCR_PROTOCOL_ESP)
			return true;
	}
}
