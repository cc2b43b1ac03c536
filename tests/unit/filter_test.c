/* Filters out of rules: run by an interpreter of our own against the list of rules, and by the kernel. */
#include "check.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/if_ether.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "bpf.h"
#include "filter.h"
#include "model.h"

/* What an exact filter has room for when every rule has a group of its own. */
#define GROUPS_MAX 580u
/* The same where the gaps between them differ: the tree of malformed packets then has as many as it may. */
#define GROUPS_SPREAD_MAX 520u
#define PACKETS 2000u

static struct mcr_filter_wish wish_of(const struct mcr_rule *rules, uint32_t rule_count)
{
	return (struct mcr_filter_wish){
		.rules = rules, .rule_count = rule_count, .has_odd = 1, .link_bytes = MCR_LINK_UNKNOWN
	};
}

static int32_t compile(struct mcr_filter *filter, const struct mcr_rule *rules, uint32_t rule_count)
{
	const struct mcr_filter_wish wish = wish_of(rules, rule_count);

	return mcr_filter_compile(filter, &wish);
}

static void compile_wide(struct mcr_filter *filter, const struct mcr_rule *rules, uint32_t rule_count)
{
	const struct mcr_filter_wish wish = wish_of(rules, rule_count);

	CHECK(mcr_filter_compile_wide(filter, &wish, MCR_FILTER_WIDE_GROUPS_MAX) == 1);
}

static struct mcr_rule make_rule(uint32_t input, uint32_t group, uint32_t port)
{
	struct mcr_rule rule = { .group_bits = 128, .protocol = MCR_PROTOCOL_UDP, .port_first = port, .port_last = port,
				 .input = input };

	model_address(rule.group, group);
	return rule;
}

static bool is_wanted(const struct mcr_rule *rules, uint32_t rule_count, const struct bpf_view *view)
{
	const uint32_t header = (view->bytes[0] & 15u) * 4;
	uint8_t group[16];
	uint32_t port;

	if (view->protocol != ETH_P_IP || view->is_tagged || view->length < 20 || view->bytes[9] != 17 ||
	    header + 4 > view->length)
		return false;
	model_address(group, 0);
	memcpy(group + 12, view->bytes + 16, 4);
	port = (uint32_t)view->bytes[header + 2] << 8 | view->bytes[header + 3];
	for (uint32_t i = 0; i < rule_count; i++) {
		/* A port of 0 is to be counted. */
		if (rules[i].input == 0 && (rules[i].port_first == port || port == 0) &&
		    memcmp(rules[i].group, group, 16) == 0)
			return true;
	}
	return false;
}

/* A rule's own packet half of the time; else one that is not quite it. */
static struct bpf_view make_view(const struct mcr_rule *rules, uint32_t rule_count, struct model_random *random)
{
	const struct mcr_rule any = make_rule(0, 0xef010203, 5000);
	const struct mcr_rule *rule = rule_count ? &rules[model_random_below(random, rule_count)] : &any;
	const uint32_t group = (uint32_t)rule->group[12] << 24 | (uint32_t)rule->group[13] << 16 |
			       (uint32_t)rule->group[14] << 8 | rule->group[15];
	struct model_packet packet = { .group = group,
				       .port = (uint16_t)rule->port_first,
				       .option_bytes = model_random_below(random, 11) * 4,
				       .payload_length = 0 };
	struct bpf_view view = { .protocol = ETH_P_IP };
	const uint32_t what = model_random_below(random, 14);

	if (what == 0)
		packet.port = (uint16_t)(packet.port + model_random_below(random, 5) - 2);
	if (what == 1)
		packet.group += model_random_below(random, 5) - 2;
	if (what == 2)
		packet.group = (uint32_t)model_random_next(random);
	view.length = model_packet_write(&packet, view.bytes);
	if (what == 3)
		view.length = model_random_below(random, view.length);
	if (what == 4)
		view.bytes[9] = 6;
	if (what == 5)
		view.protocol = ETH_P_IPV6;
	if (what == 6)
		view.is_tagged = view.tag = 1;
	return view;
}

static bool filter_is_the_rules(const struct mcr_filter *filter, const struct mcr_rule *rules, uint32_t rule_count,
				struct model_random *random)
{
	uint32_t wanted = 0;

	if (!CHECK(bpf_is_well_formed(filter)))
		return false;
	for (uint32_t i = 0; i < PACKETS; i++) {
		const struct bpf_view view = make_view(rules, rule_count, random);
		const bool is_in = is_wanted(rules, rule_count, &view);

		wanted += is_in;
		if (!CHECK(bpf_run(filter, &view) == (is_in ? UINT32_MAX : 0)))
			return model_random_failed(random);
	}
	return CHECK(rule_count == 0 || wanted > PACKETS / 8);
}

/* What the shapes of a rule set can do to the tree: @group_count groups, as near as can be or anywhere. */
static void check_shape(uint32_t rule_count, uint32_t group_count, bool is_dense)
{
	struct model_random random = model_random_from(0xf117e4ull + rule_count * 977 + group_count);
	struct mcr_rule *rules = calloc(rule_count + 1, sizeof(*rules));
	struct mcr_filter *filter = malloc(sizeof(*filter));
	uint32_t spread = is_dense ? 1 : 2654435761u;

	for (uint32_t i = 0; i < rule_count; i++) {
		const uint32_t group = 0xe8000000u + i % group_count * spread;
		const uint32_t port = is_dense ? 1 + i / group_count : 1 + i * 40503u % 65535;

		rules[i] = make_rule(0, group, port);
	}
	CHECK(compile(filter, rules, rule_count) == 1);
	filter_is_the_rules(filter, rules, rule_count, &random);
	free(rules);
	free(filter);
}

static void filter_lets_exactly_the_rules_through(void)
{
	check_shape(0, 1, true);
	check_shape(1, 1, true);
	check_shape(2, 1, true);
	check_shape(2, 2, true);
	check_shape(3, 2, true);
	check_shape(500, 500, true);
	check_shape(500, 500, false);
	check_shape(GROUPS_SPREAD_MAX, GROUPS_SPREAD_MAX, false);
	check_shape(800, 1, true);
	check_shape(800, 1, false);
	check_shape(600, 7, true);
	check_shape(600, 7, false);
	check_shape(500, 250, true);
}

static void filter_passes_over_other_inputs_and_families(void)
{
	struct model_random random = model_random_from(0x0ff1ull);
	struct mcr_filter *filter = malloc(sizeof(*filter));
	struct mcr_rule rules[30];

	for (uint32_t i = 0; i < 30; i++) {
		rules[i] = make_rule(i % 3, 0xef000000u + i, 5000);
		/* An IPv6 group with the same last bytes. */
		if (i % 5 == 0)
			rules[i].group[0] = 0xff;
	}
	CHECK(compile(filter, rules, 30) == 1);
	filter_is_the_rules(filter, rules, 30, &random);
	free(filter);
}

/* Whether the wide filter lets every packet of the rules through, and nothing that is not IPv4 and UDP. */
static bool wide_has_all(const struct mcr_filter *filter, const struct mcr_rule *rules, uint32_t rule_count)
{
	struct model_random random = model_random_from(0x31deull);

	for (uint32_t i = 0; i < PACKETS; i++) {
		const struct bpf_view view = make_view(rules, rule_count, &random);
		const int64_t verdict = bpf_run(filter, &view);
		const bool is_udp = view.protocol == ETH_P_IP && !view.is_tagged && view.length >= 20 &&
				    view.bytes[9] == 17;

		if (!CHECK(verdict == UINT32_MAX || verdict == 0) ||
		    !CHECK(verdict != 0 || !is_wanted(rules, rule_count, &view)) ||
		    !CHECK(verdict == 0 || is_udp))
			return model_random_failed(&random);
	}
	return true;
}

/* The ports are in the first one only, so that all of a group's are the worker's to put together. */
static void fragments_pass_by_their_group(void)
{
	static const struct {
		uint32_t group;
		uint8_t field; /* the first byte of flags and offset */
		bool is_in;
	} cases[] = {
		{ 0xef010203, 0x20, true },  { 0xef010203, 0x01, true },  { 0xef010203, 0x40, false },
		{ 0xef010204, 0x20, false }, { 0xef010204, 0x01, false },
	};
	const struct mcr_rule rule = make_rule(0, 0xef010203, 5000);
	struct mcr_filter *filter = malloc(sizeof(*filter));

	CHECK(compile(filter, &rule, 1) == 1);
	for (uint32_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const struct model_packet packet = { .group = cases[i].group, .port = 5001 };
		struct bpf_view view = { .protocol = ETH_P_IP };

		view.length = model_packet_write(&packet, view.bytes);
		view.bytes[6] = cases[i].field;
		CHECK(bpf_run(filter, &view) == (cases[i].is_in ? UINT32_MAX : 0));
	}
	free(filter);
}

static void too_many_groups_widen_the_filter(void)
{
	struct mcr_filter *filter = malloc(sizeof(*filter));
	struct mcr_rule rules[GROUPS_MAX + 1];
	struct bpf_view view = { .protocol = ETH_P_IP };
	const struct model_packet below = { .group = 0xeeffffff, .port = 1 };

	for (uint32_t i = 0; i <= GROUPS_MAX; i++)
		rules[i] = make_rule(0, 0xef000000u + i * 7, 1 + i);
	CHECK(compile(filter, rules, GROUPS_MAX) == 1);
	CHECK(compile(filter, rules, GROUPS_MAX + 1) == 0);
	compile_wide(filter, rules, GROUPS_MAX + 1);
	CHECK(bpf_is_well_formed(filter));
	wide_has_all(filter, rules, GROUPS_MAX + 1);
	view.length = model_packet_write(&below, view.bytes);
	CHECK(bpf_run(filter, &view) == 0);
	compile_wide(filter, rules, 0);
	wide_has_all(filter, rules, 0);
	view.length = model_packet_write(&below, view.bytes);
	CHECK(bpf_run(filter, &view) == 0);
	free(filter);
}

/* Far more groups than there is room for, in 300 heaps: what lies between the heaps stays outside. */
static void wide_filter_closes_the_narrowest_gaps(void)
{
	struct mcr_filter *filter = malloc(sizeof(*filter));
	struct mcr_rule *rules = calloc(9000, sizeof(*rules));
	uint32_t let_in = 0;

	for (uint32_t i = 0; i < 9000; i++)
		rules[i] = make_rule(0, 0xe8000000u + i % 300 * 10007 + i / 300 * 9, 1 + i);
	CHECK(compile(filter, rules, 9000) == 0);
	compile_wide(filter, rules, 9000);
	wide_has_all(filter, rules, 9000);
	for (uint32_t i = 0; i < 3000; i++) {
		const struct model_packet packet = { .group = 0xe8000000u + i % 300 * 10007 + i / 300 * 1000 + 500,
						     .port = 1 };
		struct bpf_view view = { .protocol = ETH_P_IP };

		view.length = model_packet_write(&packet, view.bytes);
		let_in += bpf_run(filter, &view) != 0;
	}
	CHECK(let_in == 0);
	free(filter);
	free(rules);
}

static void frames_with_a_priority_are_in_no_vlan(void)
{
	const struct mcr_rule rule = make_rule(0, 0xef010101, 5000);
	const struct model_packet packet = { .group = 0xef010101, .port = 5000 };
	struct bpf_view view = { .protocol = ETH_P_IP, .is_tagged = 1 };
	struct mcr_filter *filter = malloc(sizeof(*filter));

	CHECK(compile(filter, &rule, 1) == 1);
	view.length = model_packet_write(&packet, view.bytes);
	view.tag = 0xe000;
	CHECK(bpf_run(filter, &view) != 0);
	view.tag = 0xe001;
	CHECK(bpf_run(filter, &view) == 0);
	view.tag = 0x0800;
	CHECK(bpf_run(filter, &view) == 0);
	free(filter);
}

/* Queries and reports go to the group that they are about. */
static void memberships_of_ipv6_are_no_datagrams(void)
{
	static const uint8_t router_alert[8] = { 58, 0, 5, 2, 0, 0, 1, 0 }, to_udp[8] = { 17, 0, 5, 2, 0, 0, 1, 0 };
	struct mcr_rule rule = { .group = { 0xff, 0x3e, [15] = 1 }, .group_bits = 128, .protocol = MCR_PROTOCOL_UDP,
				 .port_first = 5000, .port_last = 5000 };
	struct model_packet6 packet = { .port = 5000, .first = 0, .extensions = router_alert, .extension_bytes = 8 };
	struct bpf_view view = { .protocol = ETH_P_IPV6 };
	struct mcr_filter *filter = malloc(sizeof(*filter));

	CHECK(compile(filter, &rule, 1) == 1);
	memcpy(packet.group, rule.group, sizeof(packet.group));
	view.length = model_packet6_write(&packet, view.bytes);
	CHECK(bpf_run(filter, &view) == 0);
	packet.extensions = to_udp;
	view.length = model_packet6_write(&packet, view.bytes);
	CHECK(bpf_run(filter, &view) != 0);
	free(filter);
}

static void many_ports_of_one_group_end_the_compiler_too(void)
{
	struct mcr_filter *filter = malloc(sizeof(*filter));
	struct mcr_rule *rules = calloc(65535, sizeof(*rules));

	for (uint32_t i = 0; i < 65535; i++)
		rules[i] = make_rule(0, 0xef010101, 1 + i);
	/* As one range; every other one, as far as it goes. */
	CHECK(compile(filter, rules, 65535) == 1 && filter->count < 50);
	for (uint32_t i = 0; i < 32767; i++)
		rules[i] = make_rule(0, 0xef010101, 1 + 2 * i);
	CHECK(compile(filter, rules, 32767) == 0);
	compile_wide(filter, rules, 32767);
	wide_has_all(filter, rules, 32767);
	free(filter);
	free(rules);
}

/* A UDP socket on the loopback; a filter of ours works on any socket. */
static int32_t open_receiver(struct sockaddr_in *address)
{
	const int32_t fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	socklen_t length = sizeof(*address);

	*address = (struct sockaddr_in){ .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	if (fd >= 0 && bind(fd, (struct sockaddr *)address, sizeof(*address)) == 0 &&
	    getsockname(fd, (struct sockaddr *)address, &length) == 0)
		return fd;
	return -1;
}

/* The loopback delivers in order, if not at once: when the witness has heard, the other has, or never will. */
static bool arrives(int32_t fd, const struct sockaddr_in *address)
{
	struct sockaddr_in other;
	const int32_t witness = open_receiver(&other);
	uint8_t byte;

	CHECK(sendto(fd, "x", 1, 0, (const struct sockaddr *)address, sizeof(*address)) == 1);
	CHECK(sendto(fd, "x", 1, 0, (const struct sockaddr *)&other, sizeof(other)) == 1);
	CHECK(recv(witness, &byte, 1, 0) == 1);
	close(witness);
	return recv(fd, &byte, 1, MSG_DONTWAIT) == 1;
}

static void kernel_runs_what_was_compiled(void)
{
	struct sockaddr_in address;
	const int32_t fd = open_receiver(&address);
	struct mcr_rule rules[GROUPS_MAX + 1];

	if (!CHECK(fd >= 0))
		return;
	CHECK(arrives(fd, &address));
	CHECK(mcr_input_filter(fd, 0, rules, 0) == 1 && !arrives(fd, &address));
	/* The loopback's own address stands for a group. */
	rules[0] = make_rule(0, INADDR_LOOPBACK, ntohs(address.sin_port));
	rules[1] = make_rule(0, INADDR_LOOPBACK + 1, ntohs(address.sin_port));
	rules[2] = make_rule(0, INADDR_LOOPBACK, ntohs(address.sin_port) ^ 1u);
	CHECK(mcr_input_filter(fd, 0, rules, 1) == 1 && arrives(fd, &address));
	CHECK(mcr_input_filter(fd, 0, rules, 3) == 1 && arrives(fd, &address));
	CHECK(mcr_input_filter(fd, 0, rules + 1, 2) == 1 && !arrives(fd, &address));
	CHECK(mcr_input_filter(fd, 1, rules, 3) == 1 && !arrives(fd, &address));
	/* As large as it gets; net.core.optmem_max may be too small for it, then it widens. */
	for (uint32_t i = 1; i <= GROUPS_MAX; i++)
		rules[i] = make_rule(0, INADDR_LOOPBACK + i, 1 + i);
	CHECK(mcr_input_filter(fd, 0, rules, GROUPS_MAX) >= 0 && arrives(fd, &address));
	CHECK(mcr_input_filter(fd, 0, rules, GROUPS_MAX + 1) == 0 && arrives(fd, &address));
	CHECK(mcr_input_filter(-1, 0, rules, 1) == -EBADF);
	close(fd);
}

void mcr_filter_tests(void)
{
	RUN(filter_lets_exactly_the_rules_through);
	RUN(filter_passes_over_other_inputs_and_families);
	RUN(fragments_pass_by_their_group);
	RUN(too_many_groups_widen_the_filter);
	RUN(wide_filter_closes_the_narrowest_gaps);
	RUN(frames_with_a_priority_are_in_no_vlan);
	RUN(memberships_of_ipv6_are_no_datagrams);
	RUN(many_ports_of_one_group_end_the_compiler_too);
	RUN(kernel_runs_what_was_compiled);
}
