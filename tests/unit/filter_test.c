/* Filters out of rules: run by an interpreter of our own against the list of rules, and by the kernel. */
#include "check.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/if_ether.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "filter.h"
#include "model.h"

/* What an exact filter has room for when every rule has a group of its own. */
#define GROUPS_MAX 510u
#define PACKETS 2000u

/* A packet as the kernel shows it to a filter, from the network header on. */
struct view {
	uint8_t bytes[128];
	uint32_t length;
	uint32_t protocol;
	uint32_t is_tagged;
};

/* Loads as the kernel does: relative to the network header or ancillary. Return: false where it ends the filter. */
static bool load(const struct view *view, uint32_t offset, uint32_t size, uint32_t *value)
{
	const uint32_t at = offset - (uint32_t)SKF_NET_OFF;

	if (offset == (uint32_t)SKF_AD_OFF + SKF_AD_PROTOCOL) {
		*value = view->protocol;
		return true;
	}
	if (offset == (uint32_t)SKF_AD_OFF + SKF_AD_VLAN_TAG_PRESENT) {
		*value = view->is_tagged;
		return true;
	}
	if ((int32_t)offset < SKF_NET_OFF || at > view->length || size > view->length - at)
		return false;
	*value = 0;
	for (uint32_t i = 0; i < size; i++)
		*value = *value << 8 | view->bytes[at + i];
	return true;
}

static uint32_t load_size(uint16_t code)
{
	return BPF_SIZE(code) == BPF_W ? 4 : BPF_SIZE(code) == BPF_H ? 2 : 1;
}

/* Return: the filter's verdict, or -1 for a program that the kernel would not have taken. */
static int64_t interpret(const struct mcr_filter *filter, const struct view *view)
{
	uint32_t a = 0, x = 0;

	for (uint32_t at = 0; at < filter->count; at++) {
		const struct sock_filter *one = &filter->instructions[at];

		switch (one->code) {
		case BPF_LD | BPF_W | BPF_ABS:
		case BPF_LD | BPF_H | BPF_ABS:
		case BPF_LD | BPF_B | BPF_ABS:
			if (!load(view, one->k, load_size(one->code), &a))
				return 0;
			break;
		case BPF_LD | BPF_H | BPF_IND:
			if (!load(view, x + one->k, 2, &a))
				return 0;
			break;
		case BPF_LDX | BPF_B | BPF_MSH:
			if (!load(view, one->k, 1, &x))
				return 0;
			x = (x & 15) * 4;
			break;
		case BPF_JMP | BPF_JA:
			at += one->k;
			break;
		case BPF_JMP | BPF_JEQ | BPF_K:
			at += a == one->k ? one->jt : one->jf;
			break;
		case BPF_JMP | BPF_JGE | BPF_K:
			at += a >= one->k ? one->jt : one->jf;
			break;
		case BPF_JMP | BPF_JGT | BPF_K:
			at += a > one->k ? one->jt : one->jf;
			break;
		case BPF_RET | BPF_K:
			return one->k;
		default:
			return -1;
		}
	}
	return -1;
}

/* No jump leaves the program, and its last instruction is a return: the kernel asks for both. */
static bool is_well_formed(const struct mcr_filter *filter)
{
	for (uint32_t at = 0; at < filter->count; at++) {
		const struct sock_filter *one = &filter->instructions[at];
		const uint64_t next = (uint64_t)at + 1;

		if (BPF_CLASS(one->code) != BPF_JMP)
			continue;
		if (one->code == (BPF_JMP | BPF_JA)) {
			if (next + one->k >= filter->count)
				return false;
		} else if (next + one->jt >= filter->count || next + one->jf >= filter->count) {
			return false;
		}
	}
	return filter->count > 0 && filter->instructions[filter->count - 1].code == (BPF_RET | BPF_K);
}

static struct mcr_rule make_rule(uint32_t input, uint32_t group, uint32_t port)
{
	struct mcr_rule rule = { .group_bits = 128, .protocol = MCR_PROTOCOL_UDP, .port_first = port, .port_last = port,
				 .input = input };

	model_address(rule.group, group);
	return rule;
}

static bool is_wanted(const struct mcr_rule *rules, uint32_t rule_count, const struct view *view)
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
		if (rules[i].input == 0 && rules[i].port_first == port && memcmp(rules[i].group, group, 16) == 0)
			return true;
	}
	return false;
}

/* A rule's own packet half of the time; else one that is not quite it. */
static struct view make_view(const struct mcr_rule *rules, uint32_t rule_count, struct model_random *random)
{
	const struct mcr_rule any = make_rule(0, 0xef010203, 5000);
	const struct mcr_rule *rule = rule_count ? &rules[model_random_below(random, rule_count)] : &any;
	const uint32_t group = (uint32_t)rule->group[12] << 24 | (uint32_t)rule->group[13] << 16 |
			       (uint32_t)rule->group[14] << 8 | rule->group[15];
	struct model_packet packet = { .group = group,
				       .port = (uint16_t)rule->port_first,
				       .option_bytes = model_random_below(random, 11) * 4,
				       .payload_length = 0 };
	struct view view = { .protocol = ETH_P_IP };
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
		view.is_tagged = 1;
	return view;
}

static bool filter_is_the_rules(const struct mcr_filter *filter, const struct mcr_rule *rules, uint32_t rule_count,
				struct model_random *random)
{
	uint32_t wanted = 0;

	if (!CHECK(is_well_formed(filter)))
		return false;
	for (uint32_t i = 0; i < PACKETS; i++) {
		const struct view view = make_view(rules, rule_count, random);
		const bool is_in = is_wanted(rules, rule_count, &view);

		wanted += is_in;
		if (!CHECK(interpret(filter, &view) == (is_in ? UINT32_MAX : 0)))
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
	CHECK(mcr_filter_compile(filter, 0, rules, rule_count) == 1);
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
	check_shape(GROUPS_MAX, GROUPS_MAX, false);
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
	CHECK(mcr_filter_compile(filter, 0, rules, 30) == 1);
	filter_is_the_rules(filter, rules, 30, &random);
	free(filter);
}

/* Whether the wide filter lets every packet of the rules through, and nothing that is not IPv4 and UDP. */
static bool wide_has_all(const struct mcr_filter *filter, const struct mcr_rule *rules, uint32_t rule_count)
{
	struct model_random random = model_random_from(0x31deull);

	for (uint32_t i = 0; i < PACKETS; i++) {
		const struct view view = make_view(rules, rule_count, &random);
		const int64_t verdict = interpret(filter, &view);
		const bool is_udp = view.protocol == ETH_P_IP && !view.is_tagged && view.length >= 20 &&
				    view.bytes[9] == 17;

		if (!CHECK(verdict == UINT32_MAX || verdict == 0) ||
		    !CHECK(verdict != 0 || !is_wanted(rules, rule_count, &view)) ||
		    !CHECK(verdict == 0 || is_udp))
			return model_random_failed(&random);
	}
	return true;
}

static void too_many_groups_widen_the_filter(void)
{
	struct mcr_filter *filter = malloc(sizeof(*filter));
	struct mcr_rule rules[GROUPS_MAX + 1];
	struct view view = { .protocol = ETH_P_IP };
	const struct model_packet below = { .group = 0xeeffffff, .port = 1 };

	for (uint32_t i = 0; i <= GROUPS_MAX; i++)
		rules[i] = make_rule(0, 0xef000000u + i * 7, 1 + i);
	CHECK(mcr_filter_compile(filter, 0, rules, GROUPS_MAX) == 1);
	CHECK(mcr_filter_compile(filter, 0, rules, GROUPS_MAX + 1) == 0);
	mcr_filter_compile_wide(filter, 0, rules, GROUPS_MAX + 1);
	CHECK(is_well_formed(filter));
	wide_has_all(filter, rules, GROUPS_MAX + 1);
	view.length = model_packet_write(&below, view.bytes);
	CHECK(interpret(filter, &view) == 0);
	mcr_filter_compile_wide(filter, 0, rules, 0);
	wide_has_all(filter, rules, 0);
	view.length = model_packet_write(&below, view.bytes);
	CHECK(interpret(filter, &view) == 0);
	free(filter);
}

static void many_ports_of_one_group_end_the_compiler_too(void)
{
	struct mcr_filter *filter = malloc(sizeof(*filter));
	struct mcr_rule *rules = calloc(65535, sizeof(*rules));

	for (uint32_t i = 0; i < 65535; i++)
		rules[i] = make_rule(0, 0xef010101, 1 + i);
	CHECK(mcr_filter_compile(filter, 0, rules, 65535) == 0);
	mcr_filter_compile_wide(filter, 0, rules, 65535);
	wide_has_all(filter, rules, 65535);
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
	RUN(too_many_groups_widen_the_filter);
	RUN(many_ports_of_one_group_end_the_compiler_too);
	RUN(kernel_runs_what_was_compiled);
}
