/* The sockets of outputs: what they send as, what they refuse, and hosts that are not there. */
#include "check.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/sock_diag.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include "relay_world.h"
#include "wire_world.h"

#define ETHERNET_MTU 1500u
/* What a socket holds of errors at most: a receive buffer of the smallest size and one more. */
#define ERRORS_BYTES_MAX 8192u

static const struct wanted {
	const char *to, *from;
	uint32_t port, from_port, protocol, ttl, traffic_class, is_connected;
} wanted[] = {
	{ "239.8.8.8", "127.0.0.1", 6000, 0, MCR_PROTOCOL_UDP, 33, 0xb9, 1 },
	{ "127.0.0.1", "127.0.0.5", 6000, 4444, MCR_PROTOCOL_UDP, 255, 0x20, 1 },
	{ "239.8.8.8", "127.0.0.5", 6001, 4444, MCR_PROTOCOL_UDP, 1, 0, 1 },
	{ "::1", "::1", 6000, 4444, MCR_PROTOCOL_UDP, 9, 0xff, 1 },
	{ "ff15::8", "::1", 6000, 0, MCR_PROTOCOL_UDP, 33, 0x03, 1 },
	{ "127.7.7.7", "127.0.0.6", 6000, 4444, MCR_PROTOCOL_UDP, 3, 4, 0 },
	{ "ff15::9", "::1", 6000, 0, MCR_PROTOCOL_UDP, 3, 4, 0 },
	{ "127.0.0.1", "127.0.0.6", 0, 0, MCR_PROTOCOL_ESP, 12, 0xb8, 1 },
	{ "::1", "::1", 0, 0, MCR_PROTOCOL_ESP, 12, 0xb8, 1 },
};

static struct mcr_output_options options_of(const struct wanted *want)
{
	struct mcr_output_options options = { .interface = WIRE_LOOPBACK,
					      .protocol = want->protocol,
					      .port = want->port,
					      .source_port = want->from_port,
					      .ttl = want->ttl,
					      .traffic_class = want->traffic_class,
					      .is_connected = want->is_connected,
					      .is_fragmenting = 1,
					      .send_buffer_bytes = 1 << 20 };

	wire_address(options.address, want->to);
	wire_address(options.source, want->from);
	return options;
}

/* From an unconnected socket. */
static ssize_t send_to(int fd, const struct wanted *want, const char *payload)
{
	struct sockaddr_in ipv4 = { .sin_family = AF_INET, .sin_port = htons((uint16_t)want->port) };
	struct sockaddr_in6 ipv6 = { .sin6_family = AF_INET6, .sin6_port = htons((uint16_t)want->port) };

	if (inet_pton(AF_INET, want->to, &ipv4.sin_addr) == 1)
		return sendto(fd, payload, strlen(payload), 0, (const void *)&ipv4, sizeof(ipv4));
	inet_pton(AF_INET6, want->to, &ipv6.sin6_addr);
	return sendto(fd, payload, strlen(payload), 0, (const void *)&ipv6, sizeof(ipv6));
}

/* Sends something and looks at it on the wire. */
static void check_wanted(struct wire *wire, const struct wanted *want)
{
	const struct mcr_output_options options = options_of(want);
	const char *payload = "a payload of ours";
	const int fd = mcr_output_open(&options);
	struct wire_packet packet;
	struct mcr_sender sender;

	if (!CHECK(fd >= 0) || !CHECK(mcr_output_sender(fd, &sender) == 0))
		return;
	CHECK(memcmp(sender.address, options.source, 16) == 0);
	CHECK(want->from_port ? sender.port == want->from_port : (sender.port > 0) == (want->port > 0));
	CHECK((want->is_connected ? send(fd, payload, strlen(payload), 0) : send_to(fd, want, payload)) > 0);
	if (CHECK(wire_next(wire, &packet))) {
		CHECK(memcmp(packet.from, options.source, 16) == 0 && memcmp(packet.to, options.address, 16) == 0);
		CHECK(packet.from_port == sender.port && packet.to_port == want->port);
		CHECK(packet.protocol == want->protocol && packet.ttl == want->ttl);
		CHECK(packet.traffic_class == want->traffic_class && packet.length == strlen(payload));
		CHECK(memcmp(packet.payload, payload, packet.length) == 0);
	}
	CHECK(!wire_next(wire, &packet));
	close(fd);
}

static bool send_as_wanted(void)
{
	const struct mcr_rule rule = world_rule(0, 0, 1);
	const struct mcr_output output = world_output(0, 0);
	struct mcr_output_options options;
	struct mcr_sender sender;
	static struct wire wire;
	int fd;

	if (!wire_open(&wire, &rule, 1, &output, 1))
		return false;
	for (uint32_t i = 0; i < sizeof(wanted) / sizeof(wanted[0]); i++)
		check_wanted(&wire, &wanted[i]);
	/* Without a source, an unconnected socket has the address that a connected one would get. */
	options = options_of(&wanted[5]);
	memset(options.source, 0, sizeof(options.source));
	fd = mcr_output_open(&options);
	wire_address(options.source, "127.0.0.1");
	CHECK(fd >= 0 && mcr_output_sender(fd, &sender) == 0);
	CHECK(memcmp(sender.address, options.source, 16) == 0 && sender.port == 4444);
	close(fd);
	wire_close(&wire);
	return true;
}

static bool hear_nothing(void)
{
	const struct wanted *const outputs[] = { &wanted[1], &wanted[5], &wanted[7] };
	const struct sockaddr_in there = { .sin_family = AF_INET, .sin_port = htons(6000),
					   .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };

	for (uint32_t i = 0; i < 3; i++) {
		const struct mcr_output_options options = options_of(outputs[i]);
		const bool is_esp = outputs[i]->protocol == MCR_PROTOCOL_ESP;
		struct sockaddr_in to = { .sin_family = AF_INET, .sin_port = htons(is_esp ? 0 : 4444) };
		const int fd = mcr_output_open(&options);
		const int peer = socket(AF_INET, is_esp ? SOCK_RAW : SOCK_DGRAM, is_esp ? (int)MCR_PROTOCOL_ESP : 0);
		uint8_t byte;

		memcpy(&to.sin_addr, options.source + 12, 4);
		CHECK(fd >= 0 && (is_esp || bind(peer, (const void *)&there, sizeof(there)) == 0));
		CHECK(sendto(peer, "hello", 5, 0, (const void *)&to, sizeof(to)) == 5);
		CHECK(recv(fd, &byte, 1, MSG_DONTWAIT) < 0 && errno == EAGAIN);
		close(peer);
		close(fd);
	}
	return true;
}

/* Outputs of all four kinds: IPv4 and IPv6, such as send in fragments and such as do not. */
static bool open_by_mtu(struct wire *wire)
{
	const struct mcr_rule rule = world_rule(0, 0, 4);
	struct mcr_output outputs[4];

	for (uint32_t i = 0; i < 4; i++) {
		outputs[i] = world_output(i, i);
		outputs[i].segment_max = ETHERNET_MTU - (i < 2 ? 28 : 48);
		outputs[i].port = 6000 + i;
		wire_address(outputs[i].group, i < 2 ? "239.8.8.8" : "ff15::8");
	}
	if (!wire_set_mtu(ETHERNET_MTU) || !wire_open(wire, &rule, 1, outputs, 4))
		return false;
	for (uint32_t i = 0; i < 4; i++) {
		struct mcr_output_options options = wire_options(&outputs[i]);

		options.is_fragmenting = i % 2;
		if (!wire_open_output(wire, i, &options))
			return false;
	}
	return true;
}

static bool heed_the_mtu(void)
{
	/* Runs of both sizes, and one whose last datagram is the only one that fits. */
	static const uint32_t lengths[] = { 1472, 1472, 1472, 1452, 1452, 1473, 1453,
					    1453, 1453, 4000, 4000, 9,	  65507 };
	const uint32_t count = sizeof(lengths) / sizeof(lengths[0]);
	uint32_t large[2] = { 0 }, fragments[2] = { 0 }, packets = 0, sent = 0;
	struct wire_packet packet;
	static struct wire wire;

	if (!open_by_mtu(&wire))
		return false;
	for (uint32_t i = 0; i < count; i++) {
		large[0] += lengths[i] > ETHERNET_MTU - 28;
		large[1] += lengths[i] > ETHERNET_MTU - 48;
	}
	for (uint32_t at = 0; at < count;) {
		mcr_egress_begin(wire.world.egress);
		while (at < count && mcr_egress_has_room(wire.world.egress))
			world_add(&wire.world, 0, wire.world.stream, lengths[at++], 0);
		world_flush(&wire.world);
	}
	while (wire_next(&wire, &packet)) {
		if (packet.is_fragment)
			fragments[packet.from[10] == 0]++;
		else
			packets++;
	}
	for (uint32_t i = 0; i < 4; i++) {
		const struct mcr_output_stats *stats = &wire.world.stats->outputs[i];
		const uint32_t too_large = large[i / 2];

		CHECK(stats->due == count && stats->sent == count - (i % 2 ? 0 : too_large));
		CHECK(stats->fragmented == (i % 2 ? too_large : 0));
		CHECK(stats->drops[MCR_DROP_TOO_BIG] == (i % 2 ? 0 : too_large));
		sent += count - too_large;
	}
	/* 1,473 bytes are two, 4,000 are three; IPv6 has less room, so to it all above 1,452 are two. */
	CHECK(packets == sent && fragments[0] == 2 + 3 + 3 + 45 && fragments[1] == 7 * 2 + 3 + 3 + 46);
	world_check_identities(&wire.world);
	wire_close(&wire);
	return true;
}

/* Sends runs of 1,400 bytes. Return: whether all of them were sent, and in how many packets. */
static bool send_in_packets(struct wire *wire, uint32_t packets_wanted)
{
	struct wire_packet packet;
	uint32_t packets = 0;

	for (uint32_t batch = 0; batch < 2; batch++) {
		mcr_egress_begin(wire->world.egress);
		for (uint32_t i = 0; i < 8 && mcr_egress_has_room(wire->world.egress); i++)
			world_add(&wire->world, 0, wire->world.stream, 1400, 0);
		world_flush(&wire->world);
	}
	while (wire_next(wire, &packet))
		packets++;
	return CHECK(packets == packets_wanted);
}

static bool take_segments_again(void)
{
	const struct mcr_rule rule = world_rule(0, 0, 1);
	struct mcr_output output = world_output(0, 0);
	struct mcr_output_options options;
	static struct wire wire;

	output.port = 6000;
	wire_address(output.group, "239.8.8.8");
	options = wire_options(&output);
	if (!wire_set_mtu(ETHERNET_MTU) || !wire_open(&wire, &rule, 1, &output, 1) ||
	    !wire_open_output(&wire, 0, &options))
		return false;
	/* The first run of two ends its batch. */
	CHECK(send_in_packets(&wire, 2 + 8) && wire.world.egress->segmentation[0] == MCR_SEGMENTATION_WORKS);
	/* Lower than the table knows; in force before the next table, which knows. */
	CHECK(wire_set_mtu(1280) && send_in_packets(&wire, 2 * (8 + 8)));
	CHECK(wire.world.egress->segmentation[0] == MCR_SEGMENTATION_REFUSED);
	mcr_egress_take_table(wire.world.egress, wire.world.table);
	CHECK(wire_set_mtu(ETHERNET_MTU) && send_in_packets(&wire, 2 + 8));
	CHECK(wire.world.egress->segmentation[0] == MCR_SEGMENTATION_WORKS);
	CHECK(wire.world.stats->outputs[0].sent == 10 + 16 + 10);
	world_check_identities(&wire.world);
	wire_close(&wire);
	return true;
}

static int open_receiver(uint32_t port)
{
	const struct sockaddr_in at = { .sin_family = AF_INET, .sin_port = htons((uint16_t)port),
					.sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	const int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0), bytes = 8 << 20;
	const struct timeval second = { .tv_sec = 1 };

	(void)setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &bytes, sizeof(bytes));
	(void)setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &second, sizeof(second));
	CHECK(bind(fd, (const void *)&at, sizeof(at)) == 0);
	return fd;
}

/* A batch of several runs, or of one datagram, each datagram with its number. */
static uint32_t send_numbered(struct wire *wire, uint32_t first, uint32_t datagrams_max)
{
	const uint32_t lengths[] = { 100, 100, 100, 90, 300, 300, 8, 500 };
	uint32_t count = 0;

	mcr_egress_begin(wire->world.egress);
	while (count < datagrams_max && mcr_egress_has_room(wire->world.egress)) {
		uint8_t *payload = wire->world.stream + 1000 * count;
		const uint32_t number = first + count;

		memcpy(payload, &number, sizeof(number));
		world_add(&wire->world, 0, payload, lengths[count++], 0);
	}
	world_flush(&wire->world);
	return count;
}

/* Whether a receiver has got what was sent since @first, in order. */
static bool has_all_since(int receiver, uint32_t first, uint32_t end)
{
	uint32_t number;

	for (uint32_t i = first; i < end; i++) {
		/* It may be late. */
		if (!CHECK(recv(receiver, &number, sizeof(number), 0) == sizeof(number)) ||
		    !CHECK(number == i))
			return false;
	}
	return CHECK(recv(receiver, &number, sizeof(number), MSG_DONTWAIT) < 0);
}

/* As many hosts as there are sockets, of which some are there at times. */
static bool send_to_absent(void)
{
	const struct mcr_rule rule = world_rule(0, 0, SOCKETS);
	struct mcr_output outputs[SOCKETS];
	uint32_t next = 0;
	static struct wire wire;

	for (uint32_t i = 0; i < SOCKETS; i++) {
		outputs[i] = world_output(i, i);
		outputs[i].port = 7000 + i;
		wire_address(outputs[i].group, "127.0.0.1");
	}
	if (!wire_open(&wire, &rule, 1, outputs, SOCKETS))
		return false;
	for (uint32_t i = 0; i < SOCKETS; i++) {
		const struct mcr_output_options options = wire_options(&outputs[i]);

		if (!wire_open_output(&wire, i, &options))
			return false;
	}
	for (uint32_t round = 0; round < 100; round++) {
		const uint32_t first = next, there = round % SOCKETS;
		const int receiver = round % 2 ? open_receiver(7000 + there) : -1;

		for (uint32_t batch = 0; batch < 6; batch++)
			next += send_numbered(&wire, next, batch % 2 ? 1 : 8);
		if (receiver >= 0 && !has_all_since(receiver, first, next))
			return false;
		close(receiver);
	}
	for (uint32_t i = 0; i < SOCKETS; i++) {
		uint32_t memory[SK_MEMINFO_VARS] = { 0 };
		socklen_t length = sizeof(memory);

		CHECK(wire.world.stats->outputs[i].sent == next && wire.world.stats->outputs[i].due == next);
		CHECK(getsockopt(wire.world.senders[i], SOL_SOCKET, SO_MEMINFO, memory, &length) == 0);
		CHECK(memory[SK_MEMINFO_RMEM_ALLOC] > 0 && memory[SK_MEMINFO_RMEM_ALLOC] < ERRORS_BYTES_MAX);
	}
	world_check_identities(&wire.world);
	wire_close(&wire);
	return true;
}

/* Where there is no way at all, the second try fails too, and is the last. */
static bool send_nowhere(void)
{
	const struct mcr_rule rule = world_rule(0, 0, 1);
	struct mcr_output output = world_output(0, 0);
	uint32_t count = 0;
	static struct wire wire;
	struct mcr_output_options options;

	output.port = 7000;
	wire_address(output.group, "127.0.0.1");
	options = wire_options(&output);
	if (!wire_open(&wire, &rule, 1, &output, 1) || !wire_open_output(&wire, 0, &options))
		return false;
	CHECK(relay_set_loopback(false));
	for (uint32_t batch = 0; batch < 3; batch++)
		count += send_numbered(&wire, count, 8);
	CHECK(wire.world.stats->outputs[0].drops[MCR_DROP_UNREACHABLE] == count);
	CHECK(relay_set_loopback(true));
	world_check_identities(&wire.world);
	wire_close(&wire);
	return true;
}

/* What anybody who has heard an output's datagrams may say to it: that they arrive nowhere, or are too big. */
static const struct rumour {
	const char *group;
	uint8_t type, code;
} rumours[] = {
	{ "239.8.8.8", 3, 3 },
	{ "239.8.8.8", 3, 4 },
	{ "239.8.8.8", 11, 0 },
	{ "ff15::8", 1, 4 },
	{ "ff15::8", 2, 0 },
};
#define RUMOURS (sizeof(rumours) / sizeof(rumours[0]))

static uint16_t internet_checksum(const uint8_t *bytes, uint32_t length)
{
	uint32_t sum = 0;

	for (uint32_t i = 0; i < length; i += 2)
		sum += (uint32_t)bytes[i] << 8 | bytes[i + 1];
	sum = (sum >> 16) + (sum & 0xffffu);
	return (uint16_t)~((sum >> 16) + (sum & 0xffffu));
}

/* Quotes the headers of a datagram that an output has sent. The loopback delivers it before the send returns. */
static void spread(const struct wire *wire, uint32_t at, const uint8_t *group, uint32_t port)
{
	const struct rumour *rumour = &rumours[at];
	const bool is_ipv4 = rumour->group[0] != 'f';
	const uint32_t ip_bytes = is_ipv4 ? 20 : 40, bytes = is_ipv4 ? 4 : 16;
	const struct sockaddr_in ipv4 = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	const struct sockaddr_in6 ipv6 = { .sin6_family = AF_INET6, .sin6_addr = IN6ADDR_LOOPBACK_INIT };
	const int fd = socket(is_ipv4 ? AF_INET : AF_INET6, SOCK_RAW, is_ipv4 ? IPPROTO_ICMP : IPPROTO_ICMPV6);
	uint8_t message[8 + 40 + 8] = { rumour->type, rumour->code, 0, 0, 0, 0, 1300 >> 8, 1300 & 0xff };
	uint8_t *ip = message + 8, *udp = ip + ip_bytes;
	struct mcr_sender sender = { .port = 0 };
	uint16_t sum, ports[4];

	CHECK(mcr_output_sender(wire->world.senders[at], &sender) == 0);
	ports[0] = htons((uint16_t)sender.port);
	ports[1] = htons((uint16_t)port);
	ports[2] = htons(108);
	ports[3] = 1;
	ip[0] = is_ipv4 ? 0x45 : 0x60;
	ip[is_ipv4 ? 9 : 6] = MCR_PROTOCOL_UDP;
	memcpy(ip + (is_ipv4 ? 12 : 8), sender.address + 16 - bytes, bytes);
	memcpy(ip + (is_ipv4 ? 16 : 24), group + 16 - bytes, bytes);
	memcpy(udp, ports, sizeof(ports));
	sum = htons(internet_checksum(message, 8 + ip_bytes + 8));
	if (is_ipv4)
		memcpy(message + 2, &sum, sizeof(sum));
	CHECK(sendto(fd, message, 8 + ip_bytes + 8, 0, is_ipv4 ? (const void *)&ipv4 : (const void *)&ipv6,
		     is_ipv4 ? sizeof(ipv4) : sizeof(ipv6)) > 0);
	close(fd);
}

static bool ignore_rumours(void)
{
	const struct mcr_rule rule = world_rule(0, 0, RUMOURS);
	struct mcr_output outputs[RUMOURS];
	struct wire_packet packet;
	uint32_t count = 0, packets = 0;
	static struct wire wire;

	for (uint32_t i = 0; i < RUMOURS; i++) {
		outputs[i] = world_output(i, i);
		outputs[i].port = 6000 + i;
		wire_address(outputs[i].group, rumours[i].group);
	}
	if (!wire_open(&wire, &rule, 1, outputs, RUMOURS))
		return false;
	for (uint32_t i = 0; i < RUMOURS; i++) {
		const struct mcr_output_options options = wire_options(&outputs[i]);

		if (!wire_open_output(&wire, i, &options))
			return false;
	}
	/* The first run asks for segments; a run is first in its batch, then, and a datagram alone. */
	for (uint32_t batch = 0; batch < 5; batch++) {
		count += send_numbered(&wire, count, batch % 2 ? 1 : 8);
		for (uint32_t i = 0; i < RUMOURS; i++)
			spread(&wire, i, outputs[i].group, outputs[i].port);
	}
	while (wire_next(&wire, &packet))
		packets += packet.protocol == MCR_PROTOCOL_UDP && !packet.is_fragment;
	CHECK(packets == RUMOURS * count);
	for (uint32_t i = 0; i < RUMOURS; i++) {
		CHECK(wire.world.stats->outputs[i].sent == count);
		CHECK(wire.world.egress->segmentation[i] == MCR_SEGMENTATION_WORKS);
	}
	world_check_identities(&wire.world);
	wire_close(&wire);
	return true;
}

static bool lack_the_interface(void)
{
	const char *const addresses[] = { "239.8.8.8", "127.0.0.1", "ff15::8", "::1" };

	for (uint32_t i = 0; i < 4; i++) {
		struct mcr_output_options options = {
			.interface = 77, .protocol = MCR_PROTOCOL_UDP, .port = 1, .ttl = 1
		};
		const uint32_t before = model_fd_count();

		wire_address(options.address, addresses[i]);
		CHECK(mcr_output_open(&options) == -EADDRNOTAVAIL);
		options.is_connected = 1;
		CHECK(mcr_output_open(&options) == -EADDRNOTAVAIL);
		CHECK(model_fd_count() == before);
	}
	return true;
}

static void outputs_send_as_they_were_opened(void)
{
	relay_run(send_as_wanted);
}

static void outputs_hear_nothing(void)
{
	relay_run(hear_nothing);
}

static void datagrams_beyond_the_mtu_leave_in_fragments_or_are_refused(void)
{
	relay_run(heed_the_mtu);
}

static void lower_mtu_costs_segments_until_the_next_table(void)
{
	relay_run(take_segments_again);
}

static void host_that_returns_misses_nothing(void)
{
	relay_run(send_to_absent);
}

static void host_without_a_way_is_unreachable(void)
{
	relay_run(send_nowhere);
}

static void what_is_said_of_a_group_costs_it_nothing(void)
{
	relay_run(ignore_rumours);
}

static void output_of_a_missing_interface_is_refused(void)
{
	relay_run(lack_the_interface);
}

void mcr_output_tests(void)
{
	RUN(outputs_send_as_they_were_opened);
	RUN(outputs_hear_nothing);
	RUN(datagrams_beyond_the_mtu_leave_in_fragments_or_are_refused);
	RUN(lower_mtu_costs_segments_until_the_next_table);
	RUN(host_that_returns_misses_nothing);
	RUN(host_without_a_way_is_unreachable);
	RUN(what_is_said_of_a_group_costs_it_nothing);
	RUN(output_of_a_missing_interface_is_refused);
}
