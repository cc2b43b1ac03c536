/*
 * Whether filters agree with the parser and the table: what one rejects, those would not have relayed; what keeps
 * datagrams from the rest of the host takes only what those relay. With rules and packets at random.
 */
#include "check.h"

#include <linux/if_ether.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "base.h"
#include "bpf.h"
#include "filter.h"
#include "model.h"
#include "parse.h"
#include "rule_model.h"

#define ROUNDS 400u
#define PACKETS 800u
#define LINK_BYTES 14u

/* A packet of a flow, sound at first. */
static struct bpf_view packet_of(const struct mcr_flow *flow, struct model_random *random)
{
	static const uint8_t chains[][16] = { { 60, 0, 1, 4, [8] = 17, [10] = 1, [11] = 4 }, { 17, 1, 1, 12 } };
	const uint32_t chain = model_random_below(random, 6);
	const bool is_ipv4 = flow->group[10] == 0xff && flow->group[0] == 0;
	struct bpf_view view = { .link_bytes = LINK_BYTES, .protocol = is_ipv4 ? ETH_P_IP : ETH_P_IPV6 };

	if (is_ipv4) {
		const struct model_packet packet = {
			.source = 0x0a000000u | flow->source[15],
			.group = 0xef000000u | flow->group[15],
			.port = (uint16_t)flow->port,
			.option_bytes = model_random_below(random, 4) ? 0 : model_random_below(random, 11) * 4,
			.payload = (const uint8_t *)"a payload",
			.payload_length = 9,
		};

		view.length = model_packet_write(&packet, view.bytes);
	} else {
		struct model_packet6 packet = { .port = (uint16_t)flow->port,
						.first = chain == 0 ? 0 : 60,
						.extensions = chains[chain % 2],
						.extension_bytes = chain < 2 ? 16 : 0,
						.payload = (const uint8_t *)"a payload",
						.payload_length = 9 };

		memcpy(packet.source, flow->source, 16);
		memcpy(packet.group, flow->group, 16);
		view.length = model_packet6_write(&packet, view.bytes);
	}
	if (flow->protocol == MCR_PROTOCOL_ESP) {
		view.bytes[is_ipv4 ? 9 : 6] = MCR_PROTOCOL_ESP;
		if (is_ipv4)
			model_packet_seal_header(view.bytes);
	}
	return view;
}

/* What can be wrong with it. */
static void damage(struct bpf_view *view, struct model_random *random)
{
	const bool is_ipv4 = view->protocol == ETH_P_IP;

	switch (model_random_below(random, 14)) {
	case 0:
		view->length = model_random_below(random, view->length + 1);
		break;
	case 1:
		view->is_tagged = 1;
		view->tag = 100;
		break;
	case 2:
		view->protocol = is_ipv4 ? ETH_P_IPV6 : ETH_P_IP;
		break;
	case 3:
		view->bytes[0] = (uint8_t)model_random_next(random);
		break;
	case 4:
		view->bytes[model_random_below(random, view->length)] ^= (uint8_t)(1u << model_random_below(random, 8));
		break;
	case 5:
		view->bytes[is_ipv4 ? 6 : 40] ^= 0x20;
		break;
	default:
		return;
	}
	if (is_ipv4 && model_random_below(random, 2) && (view->bytes[0] & 15u) * 4 <= view->length)
		model_packet_seal_header(view->bytes);
}

/* What a worker does with it: the rule's number, or a drop reason below 0. Whether it was sound is written. */
static int relay(const struct mcr_table *table, const struct bpf_view *view, bool *is_sound)
{
	const uint32_t version = view->protocol == ETH_P_IP ? 4 : 6;
	struct mcr_flow flow;
	const enum mcr_drop reason = mcr_parse_packet(view->bytes, view->length, version, 0, &flow);

	*is_sound = reason == MCR_DROP_COUNT;
	return *is_sound ? rule_model_find_in(table, 0, &flow) : -(int)reason;
}

/* Whether the frame shows the group of a rule, whatever else it is. */
static bool shows_group(const struct rule_set *set, const struct bpf_view *view)
{
	const uint32_t end = view->protocol == ETH_P_IP ? 20 : 40;
	uint8_t group[16];

	if (view->length < end)
		return false;
	model_address(group, 0);
	memcpy(end == 20 ? group + 12 : group, view->bytes + (end == 20 ? 16 : 24), end == 20 ? 4 : 16);
	for (uint32_t i = 0; i < set->rule_count; i++) {
		const struct mcr_rule *rule = &set->rules[i];

		if (rule->input == 0 && address_is_ipv4(rule->group) == (end == 20) &&
		    rule_model_is_in_prefix(group, rule->group, rule->group_bits))
			return true;
	}
	return false;
}

/*
 * Whether a worker has to see what it will not relay, if only the frame shows the group of a rule. What has ports is
 * nobody's where they are not those of a rule, whatever else is wrong with it.
 */
static bool is_to_be_counted(const struct mcr_table *table, const struct bpf_view *view, int outcome)
{
	const uint32_t header_bytes = view->protocol == ETH_P_IP ? (view->bytes[0] & 15u) * 4 : 40;
	struct mcr_flow flow;

	switch (-outcome) {
	case MCR_DROP_IP_VERSION:
	case MCR_DROP_IP_HEADER:
	case MCR_DROP_EXTENSION:
	case MCR_DROP_PORT_ZERO:
	case MCR_DROP_SOURCE:
		return true;
	case MCR_DROP_FRAGMENT:
		return view->protocol == ETH_P_IPV6;
	case MCR_DROP_TRUNCATED:
		return view->length < header_bytes + 4;
	case MCR_DROP_UDP_CHECKSUM:
		return mcr_parse_packet(view->bytes, view->length, view->protocol == ETH_P_IP ? 4 : 6, 1, &flow) ==
			       MCR_DROP_COUNT &&
		       rule_model_find_in(table, 0, &flow) != -MCR_DROP_NO_RULE;
	default:
		return false;
	}
}

struct filters {
	struct mcr_filter exact, wide, narrowest, exclusive;
};

static bool agree(const struct filters *filters, const struct rule_set *set, const struct mcr_table *table,
		  const struct bpf_view *view)
{
	const bool is_let_in = bpf_run(&filters->exact, view) != 0;
	const bool is_taken = bpf_run(&filters->exclusive, view) != 0;
	bool is_sound;
	const int outcome = relay(table, view, &is_sound);

	if (view->is_tagged)
		return CHECK(!is_let_in && !is_taken) && CHECK(bpf_run(&filters->wide, view) == 0);
	/* Whatever is relayed or to be counted comes in, and nothing that is nobody's. */
	if ((outcome >= 0 || (shows_group(set, view) && is_to_be_counted(table, view, outcome))) && !CHECK(is_let_in))
		return false;
	/* A frame that ends within the group may show a short prefix. */
	if (is_let_in && !CHECK(shows_group(set, view) || (view->length < 40 && view->protocol == ETH_P_IPV6)))
		return false;
	if (is_let_in && is_sound && outcome == -MCR_DROP_NO_RULE &&
	    !CHECK(view->protocol == ETH_P_IPV6 && view->bytes[6] != 17 && view->bytes[6] != 50))
		return false;
	if (is_let_in && !CHECK(bpf_run(&filters->wide, view) != 0 && bpf_run(&filters->narrowest, view) != 0))
		return false;
	/* And only what is relayed is kept from others; all of it, but for what has extension headers. */
	if (is_sound && is_taken && !CHECK(outcome >= 0))
		return false;
	return !is_sound || outcome < 0 || is_taken ||
	       CHECK(view->protocol == ETH_P_IPV6 && view->bytes[6] != 17 && view->bytes[6] != 50);
}

static bool compile(struct filters *filters, const struct rule_set *set)
{
	struct mcr_filter_wish wish = { .rules = set->rules,
					.rule_count = set->rule_count,
					.has_odd = 1,
					.link_bytes = LINK_BYTES };

	if (!CHECK(mcr_filter_compile(&filters->exact, &wish) == 1) ||
	    !CHECK(mcr_filter_compile_wide(&filters->wide, &wish, 100) == 1) ||
	    !CHECK(mcr_filter_compile_wide(&filters->narrowest, &wish, 1) == 1))
		return false;
	wish.has_odd = 0;
	wish.link_bytes = MCR_LINK_UNKNOWN;
	wish.sources = set->sources;
	wish.source_count = set->source_count;
	return CHECK(mcr_filter_compile(&filters->exclusive, &wish) == 1) &&
	       CHECK(bpf_is_well_formed(&filters->exact) && bpf_is_well_formed(&filters->wide)) &&
	       CHECK(bpf_is_well_formed(&filters->narrowest) && bpf_is_well_formed(&filters->exclusive));
}

static void filters_agree_with_parser_and_table(void)
{
	struct model_random random = model_random_from(0xa94eeull);
	struct filters *filters = malloc(sizeof(*filters));
	struct rule_set *set = malloc(sizeof(*set));
	uint32_t relayed = 0;
	bool holds = true;

	for (uint32_t round = 0; round < ROUNDS && holds; round++) {
		const struct mcr_table *table;

		rule_model_make(set, &random, 1 + model_random_below(&random, round % 3 ? 8 : 30));
		table = rule_model_map(set);
		holds = table && compile(filters, set);
		for (uint32_t i = 0; i < PACKETS && holds; i++) {
			const struct mcr_flow flow = rule_model_flow(&random);
			struct bpf_view view = packet_of(&flow, &random);
			bool is_sound;

			damage(&view, &random);
			relayed += relay(table, &view, &is_sound) >= 0 && !view.is_tagged;
			holds = agree(filters, set, table, &view) || model_random_failed(&random);
		}
		if (table)
			munmap((void *)(uintptr_t)table, table->bytes);
	}
	CHECK(relayed > ROUNDS * PACKETS / 50);
	free(filters);
	free(set);
}

void mcr_filter_match_tests(void)
{
	RUN(filters_agree_with_parser_and_table);
}
