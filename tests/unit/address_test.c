/* Addresses of both IP versions: what is read, how it is printed, and which follow one another. */
#include "check.h"

#include <errno.h>
#include <string.h>

#include "address.h"

static struct mcr_address parse(const char *text)
{
	struct mcr_address address = { .family = AF_UNSPEC };

	CHECK(mcr_parse_address(text, &address) == 0);
	return address;
}

static void addresses_are_those_one_can_send_to(void)
{
	static const struct {
		const char *text;
		int32_t status;
	} refused[] = {
		{ "0.1.2.3", -ERANGE },	    { "240.0.0.1", -ERANGE }, { "239.1.1", -EINVAL },
		{ "239.1.1.256", -EINVAL }, { "", -EINVAL },	      { "::", -ERANGE },
		{ "::ffff:1.2.3.4", -ERANGE }, { "ff02::1%lo", -EINVAL }, { "ff02:::1", -EINVAL },
	};
	struct mcr_address address = { .family = AF_UNSPEC };

	for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]); i++) {
		CHECK(mcr_parse_address(refused[i].text, &address) == refused[i].status);
		CHECK(address.family == AF_UNSPEC);
	}
	address = parse("10.0.0.1");
	CHECK(address.family == AF_INET && !memcmp(address.bytes, "\x0a\x00\x00\x01", 4));
	address = parse("ff3e::1:2");
	CHECK(address.family == AF_INET6 && address.bytes[0] == 0xff && address.bytes[15] == 2);
}

static void groups_and_link_local_addresses_are_told_from_others(void)
{
	static const struct {
		const char *text;
		bool is_group, is_local;
	} cases[] = {
		{ "10.0.0.1", false, false },  { "223.255.255.255", false, false }, { "224.0.0.1", true, false },
		{ "239.255.255.255", true, false }, { "fd00::1", false, false },    { "fe80::1", false, true },
		{ "febf::1", false, true },    { "fec0::1", false, false },	    { "ff02::1", true, true },
		{ "ff11::1", true, true },     { "ff3e::1", true, false },	    { "::1", false, false },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const struct mcr_address address = parse(cases[i].text);

		CHECK(mcr_address_is_multicast(&address) == cases[i].is_group);
		CHECK(mcr_address_is_link_local(&address) == cases[i].is_local);
	}
}

static void endpoints_say_what_sockets_take_and_people_read(void)
{
	const struct mcr_address ipv4 = parse("239.1.1.1"), ipv6 = parse("ff3e::1"), link = parse("ff02::1");
	union mcr_endpoint endpoint = mcr_endpoint_make(&ipv4, 5000, 7);
	char text[MCR_ENDPOINT_TEXT_BYTES];
	struct mcr_address back;

	CHECK(mcr_endpoint_length(&endpoint) == sizeof(struct sockaddr_in) && mcr_endpoint_port(&endpoint) == 5000);
	CHECK(!strcmp(mcr_endpoint_print(&endpoint, text), "239.1.1.1:5000"));
	endpoint = mcr_endpoint_make(&ipv6, 65535, 7);
	CHECK(mcr_endpoint_length(&endpoint) == sizeof(struct sockaddr_in6));
	CHECK(endpoint.ipv6.sin6_scope_id == 0);
	CHECK(!strcmp(mcr_endpoint_print(&endpoint, text), "[ff3e::1]:65535"));
	back = mcr_address_from(&endpoint.any);
	CHECK(mcr_address_is_equal(&back, &ipv6) && !mcr_address_is_equal(&back, &ipv4));
	endpoint = mcr_endpoint_make(&link, 1, 7);
	CHECK(endpoint.ipv6.sin6_scope_id == 7);
	back = mcr_address_from(NULL);
	CHECK(back.family == AF_UNSPEC);
}

static void flows_follow_one_another_within_their_range(void)
{
	struct mcr_flow_range range = { .first = parse("239.255.255.254"), .port = 5000 };
	struct mcr_address address = mcr_flow_address(&range, 1);
	const struct mcr_address last = parse("239.255.255.255"), carried = parse("ff3e::2:0");

	CHECK(mcr_address_is_equal(&address, &last) && mcr_flow_port(&range, 1) == 5000);
	CHECK(mcr_check_flows(&range, 2) == 0);
	CHECK(mcr_check_flows(&range, 3) == -ERANGE);
	range.by_port = true;
	range.port = 65000;
	address = mcr_flow_address(&range, 1);
	CHECK(mcr_address_is_equal(&address, &range.first) && mcr_flow_port(&range, 1) == 65001);
	CHECK(mcr_check_flows(&range, 536) == 0);
	CHECK(mcr_check_flows(&range, 537) == -ERANGE);

	range = (struct mcr_flow_range){ .first = parse("ff3e::1:ffff"), .port = 1 };
	address = mcr_flow_address(&range, 1);
	CHECK(mcr_address_is_equal(&address, &carried));
	range.first = parse("ff3e::ffff:ffff:ffff:fffe");
	CHECK(mcr_check_flows(&range, 2) == 0);
	CHECK(mcr_check_flows(&range, 3) == -ERANGE);
	range.first = parse("223.255.255.255");
	CHECK(mcr_check_flows(&range, 1) == 0);
	CHECK(mcr_check_flows(&range, 2) == -ERANGE);
}

static void distances_are_those_of_flows(void)
{
	const struct mcr_address low = parse("239.1.1.1"), high = parse("239.1.2.1");
	const struct mcr_address low6 = parse("ff3e::1"), high6 = parse("ff3e::3"), far6 = parse("ff3e:1::3");

	CHECK(mcr_address_distance(&low, &high) == 256 && mcr_address_distance(&low, &low) == 0);
	CHECK(mcr_address_distance(&high, &low) == UINT64_MAX);
	CHECK(mcr_address_distance(&low6, &high6) == 2);
	CHECK(mcr_address_distance(&low6, &far6) == UINT64_MAX);
	CHECK(mcr_address_distance(&low, &high6) == UINT64_MAX);
}

void mcr_address_tests(void)
{
	RUN(addresses_are_those_one_can_send_to);
	RUN(groups_and_link_local_addresses_are_told_from_others);
	RUN(endpoints_say_what_sockets_take_and_people_read);
	RUN(flows_follow_one_another_within_their_range);
	RUN(distances_are_those_of_flows);
}
