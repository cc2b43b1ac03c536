/*
 * Packet sockets and their filters in the kernel, on interfaces that are no Ethernet: what is written to a tun device
 * arrives as if from its other end, without any header before that of IP.
 */
#include "check.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <poll.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "mcr.h"
#include "model.h"
#include "packet_ring.h"
#include "parse.h"
#include "relay_world.h"

#define SLOTS 64u
#define GROUP 0xef010101u
#define PORT 5000u
#define MTU 9000

static const uint8_t ipv6_group[16] = { 0xff, 0x3e, [14] = 0x80, [15] = 1 };
static const uint8_t no_payload[MTU];

/* A tun device, and the relay's view of it. */
struct tunnel {
	int device;
	uint32_t interface;
	int32_t input;
	uint64_t cursor;
	struct mcr_packet_ring ring;
};

static int open_device(uint32_t *interface)
{
	struct ifreq request = { .ifr_flags = IFF_TUN | IFF_NO_PI };
	const int device = open("/dev/net/tun", O_RDWR | O_CLOEXEC), fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	strcpy(request.ifr_name, "tun0");
	if (device < 0 || fd < 0 || ioctl(device, TUNSETIFF, &request) < 0)
		return -1;
	request.ifr_mtu = MTU;
	CHECK(ioctl(fd, SIOCSIFMTU, &request) == 0);
	request.ifr_flags = IFF_UP;
	CHECK(ioctl(fd, SIOCSIFFLAGS, &request) == 0);
	*interface = if_nametoindex("tun0");
	close(fd);
	return device;
}

static bool open_tunnel(struct tunnel *tunnel, const struct mcr_rule *rules, uint32_t rule_count)
{
	uint32_t fanout = 0;
	void *memory;

	memset(tunnel, 0, sizeof(*tunnel));
	tunnel->device = open_device(&tunnel->interface);
	if (!CHECK(tunnel->device >= 0))
		return false;
	tunnel->input = mcr_input_open(tunnel->interface, SLOTS, &fanout);
	if (!CHECK(tunnel->input >= 0) || !CHECK(mcr_input_filter(tunnel->input, 0, rules, rule_count) == 1))
		return false;
	memory = mmap(NULL, SLOTS * MCR_SLOT_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED, tunnel->input, 0);
	tunnel->ring = (struct mcr_packet_ring){ .memory = memory, .slot_count = SLOTS, .cursor = &tunnel->cursor };
	return CHECK(memory != MAP_FAILED);
}

/* What the parser says of a packet that is written to the device; -1 when the filter keeps it away. */
static int receive(struct tunnel *tunnel, const uint8_t *packet, uint32_t length, struct mcr_flow *flow)
{
	struct pollfd wait = { .fd = tunnel->input, .events = POLLIN };
	struct mcr_frame frame;
	int reason = -1;

	CHECK(write(tunnel->device, packet, length) == (ssize_t)length);
	/* It arrives within the write. */
	if (poll(&wait, 1, 0) == 1 && CHECK(mcr_packet_ring_look(&tunnel->ring, 0, &frame))) {
		CHECK(frame.link_bytes == 0 && frame.wire_length == length);
		reason = (int)mcr_parse_packet(frame.packet, frame.length, frame.version, 0, flow);
		mcr_packet_ring_give_back(&tunnel->ring, 1);
	}
	return reason;
}

static struct mcr_rule make_rule(bool is_ipv6, uint32_t protocol)
{
	const uint32_t port = protocol == MCR_PROTOCOL_UDP ? PORT : 0;
	struct mcr_rule rule = { .group_bits = 128, .protocol = protocol, .port_first = port, .port_last = port };

	model_address(rule.group, GROUP);
	if (is_ipv6)
		memcpy(rule.group, ipv6_group, 16);
	return rule;
}

static uint32_t write_packet(uint8_t *bytes, bool is_ipv6, uint32_t payload_length)
{
	const struct model_packet packet = { .source = 0x0a000001, .group = GROUP, .port = PORT,
					     .payload = no_payload, .payload_length = payload_length };
	struct model_packet6 packet6 = { .port = PORT, .payload = no_payload, .payload_length = payload_length };

	memcpy(packet6.group, ipv6_group, 16);
	packet6.source[0] = 0x20;
	return is_ipv6 ? model_packet6_write(&packet6, bytes) : model_packet_write(&packet, bytes);
}

static bool receive_from_a_tunnel(bool is_ipv6)
{
	const struct mcr_rule rules[2] = { make_rule(is_ipv6, MCR_PROTOCOL_UDP), make_rule(is_ipv6, MCR_PROTOCOL_ESP) };
	uint8_t bytes[MTU];
	uint32_t length = write_packet(bytes, is_ipv6, 1000);
	const uint32_t headers = is_ipv6 ? 40 : 20;
	struct tunnel tunnel;
	struct mcr_flow flow;

	if (!open_tunnel(&tunnel, rules, 2))
		return false;
	CHECK(receive(&tunnel, bytes, length, &flow) == MCR_DROP_COUNT);
	CHECK(flow.port == PORT && flow.payload_length == 1000);
	/* Cut in its ports, or between them and the group: shown to be counted. */
	for (uint32_t cut = headers; cut < headers + 4; cut++)
		CHECK(receive(&tunnel, bytes, cut, &flow) == MCR_DROP_IP_LENGTH);
	bytes[headers + 3] ^= 1;
	CHECK(receive(&tunnel, bytes, length, &flow) == -1);
	CHECK(receive(&tunnel, bytes, headers + 4, &flow) == -1);
	bytes[headers + 2] = bytes[headers + 3] = 0;
	CHECK(receive(&tunnel, bytes, length, &flow) == MCR_DROP_PORT_ZERO);
	bytes[is_ipv6 ? 6 : 9] = MCR_PROTOCOL_ESP;
	if (!is_ipv6)
		model_packet_seal_header(bytes);
	CHECK(receive(&tunnel, bytes, length, &flow) == MCR_DROP_COUNT && flow.protocol == MCR_PROTOCOL_ESP);
	bytes[is_ipv6 ? 39 : 19] ^= 1;
	CHECK(receive(&tunnel, bytes, length, &flow) == -1);
	return true;
}

static bool receive_ipv4(void)
{
	return receive_from_a_tunnel(false);
}

static bool receive_ipv6(void)
{
	return receive_from_a_tunnel(true);
}

static void tunnel_without_link_header_is_an_input(void)
{
	if (access("/dev/net/tun", R_OK | W_OK) < 0) {
		mcr_check_skip("there is no /dev/net/tun for us");
		return;
	}
	relay_run(receive_ipv4);
	relay_run(receive_ipv6);
}

void mcr_input_tests(void)
{
	RUN(tunnel_without_link_header_is_an_input);
}
