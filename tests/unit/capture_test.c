/* What a capture lets through: run by the interpreter, on packets that differ in one thing each. */
#include "check.h"

#include <linux/if_ether.h>
#include <string.h>

#include "bpf.h"
#include "capture.h"
#include "model.h"

#define GROUP 0xef010101u
#define PORT 5001u

static struct bpf_view view_of(uint32_t group, uint16_t port)
{
	const struct model_packet packet = { .source = 0x0a000001, .group = group, .port = port };
	struct bpf_view view = { .protocol = ETH_P_IP };

	view.length = model_packet_write(&packet, view.bytes);
	return view;
}

static struct bpf_view view6_of(uint8_t last, uint16_t port)
{
	struct model_packet6 packet = { .port = port };
	struct bpf_view view = { .protocol = ETH_P_IPV6 };

	packet.group[0] = 0xff;
	packet.group[1] = 0x3e;
	packet.group[15] = last;
	view.length = model_packet6_write(&packet, view.bytes);
	return view;
}

static bool is_taken(const uint8_t *group, uint32_t port, struct bpf_view view)
{
	static struct mcr_filter filter;

	mcr_capture_compile(&filter, group, port);
	return CHECK(bpf_is_well_formed(&filter)) && bpf_run(&filter, &view) == UINT32_MAX;
}

static void capture_takes_the_group_at_any_port_and_the_port_of_any_group(void)
{
	struct bpf_view tagged = view_of(GROUP, PORT), tcp = view_of(GROUP + 1, PORT), odd = view_of(GROUP, PORT);
	uint8_t group[16];

	model_address(group, GROUP);
	tagged.is_tagged = 1;
	tcp.bytes[9] = 6;
	odd.bytes[0] = 0x65;
	CHECK(is_taken(group, PORT, view_of(GROUP, PORT)));
	CHECK(is_taken(group, PORT, tagged));
	CHECK(is_taken(group, PORT, odd));
	CHECK(is_taken(group, PORT, view_of(GROUP, PORT + 1)));
	CHECK(is_taken(group, PORT, view_of(GROUP + 1, PORT)));
	CHECK(is_taken(group, PORT, view6_of(1, PORT)));
	CHECK(!is_taken(group, PORT, view_of(GROUP + 1, PORT + 1)));
	CHECK(!is_taken(group, PORT, view_of(0x0a000001, PORT)));
	CHECK(!is_taken(group, PORT, tcp));
	CHECK(!is_taken(group, 0, view_of(GROUP + 1, PORT)));
}

static void capture_takes_groups_of_ipv6(void)
{
	struct bpf_view other = view6_of(1, PORT), arp = view_of(GROUP, PORT);
	uint8_t group[16] = { 0xff, 0x3e, [15] = 1 };

	other.bytes[24 + 4] = 1;
	arp.protocol = ETH_P_ARP;
	CHECK(is_taken(group, PORT, view6_of(1, PORT)));
	CHECK(is_taken(group, PORT, view6_of(1, PORT + 1)));
	CHECK(is_taken(group, PORT, view6_of(2, PORT)));
	CHECK(is_taken(group, 0, view6_of(1, PORT)));
	CHECK(!is_taken(group, 0, view6_of(2, PORT)));
	CHECK(!is_taken(group, 0, other));
	CHECK(!is_taken(group, PORT, view6_of(2, PORT + 1)));
	CHECK(!is_taken(group, PORT, arp));
}

static void capture_takes_igmp_queries_and_no_reports(void)
{
	struct bpf_view query = view_of(0xe0000001, 0);
	uint8_t group[16];

	model_address(group, GROUP);
	query.bytes[9] = 2;
	query.bytes[20] = 0x11;
	CHECK(is_taken(group, 0, query));
	CHECK(is_taken(group, PORT, query));
	query.bytes[20] = 0x16;
	CHECK(!is_taken(group, PORT, query));
}

void mcr_capture_tests(void)
{
	RUN(capture_takes_the_group_at_any_port_and_the_port_of_any_group);
	RUN(capture_takes_groups_of_ipv6);
	RUN(capture_takes_igmp_queries_and_no_reports);
}
