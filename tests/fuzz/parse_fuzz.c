/*
 * parse_fuzz.c - packets of libFuzzer's invention against the parser, the route table and the filters: not only must
 * nothing crash or be read beyond its end, what is said of a packet must be true. tests/fuzz/corpus has what it begins
 * with: IP packets as a Linux kernel sent them, captured without their link headers. build/fuzz.ts builds and runs it.
 */
#include <linux/if_ether.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base.h"
#include "bpf.h"
#include "check.h"
#include "filter.h"
#include "model.h"
#include "parse.h"
#include "reassembly.h"
#include "route.h"
#include "rule_model.h"

#define RULES 40u

/* One set of rules for all packets, and what is made of it. */
static struct rule_set set;
static const struct mcr_table *table;
static struct mcr_filter filter, exclusive;
static struct mcr_reassembler reassembler;

size_t LLVMFuzzerMutate(uint8_t *data, size_t size, size_t size_max);
int LLVMFuzzerInitialize(int *argument_count, char ***arguments);
size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t size_max, unsigned int seed);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

bool mcr_check(bool holds, const char *file, int line, const char *text)
{
	if (!holds) {
		fprintf(stderr, "%s:%d: does not hold: %s\n", file, line, text);
		abort();
	}
	return holds;
}

int LLVMFuzzerInitialize(int *argument_count, char ***arguments)
{
	struct model_random random = model_random_from(0xf0221ull);
	struct mcr_filter_wish wish = { .rules = set.rules, .link_bytes = ETH_HLEN, .has_odd = 1 };

	(void)argument_count;
	(void)arguments;
	rule_model_make(&set, &random, RULES);
	table = rule_model_map(&set);
	wish.rule_count = set.rule_count;
	CHECK(mcr_filter_compile(&filter, &wish) == 1);
	wish.has_odd = 0;
	wish.link_bytes = MCR_LINK_UNKNOWN;
	wish.sources = set.sources;
	wish.source_count = set.source_count;
	CHECK(mcr_filter_compile(&exclusive, &wish) == 1);
	return 0;
}

/* Chance hardly ever finds a checksum: three times out of four it is made right again, so that what follows is met. */
size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t size_max, unsigned int seed)
{
	const size_t mutated = LLVMFuzzerMutate(data, size, size_max);

	if (seed % 4 == 0 || mutated < 48)
		return mutated;
	if (data[0] >> 4 == 6) {
		const uint32_t length = (uint32_t)(data[44] << 8 | data[45]);

		if (data[6] == MCR_PROTOCOL_UDP && length >= 8 && length <= mutated - 40)
			model_packet6_seal(data, 40);
	} else if ((data[0] & 15u) >= 5 && (data[0] & 15u) * 4 <= mutated) {
		model_packet_seal_header(data);
		if (seed % 4 > 1)
			model_packet_seal_udp(data, (uint32_t)mutated);
	}
	return mutated;
}

static void check_flow(const uint8_t *packet, uint32_t length, uint32_t version, const struct mcr_flow *flow)
{
	const uint32_t at = (uint32_t)(flow->payload - packet);
	uint8_t group[16], source[16];

	CHECK(flow->payload >= packet && at <= length && flow->payload_length <= length - at);
	if (version == 4) {
		model_address(group, read_be32(packet + 16));
		model_address(source, read_be32(packet + 12));
	} else {
		memcpy(group, packet + 24, 16);
		memcpy(source, packet + 8, 16);
	}
	CHECK(memcmp(flow->group, group, 16) == 0 && memcmp(flow->source, source, 16) == 0);
	CHECK(flow->ttl == packet[version == 4 ? 8 : 7] && flow->traffic_class <= UINT8_MAX);
	if (flow->protocol == MCR_PROTOCOL_ESP) {
		CHECK(flow->payload_length >= 8 && flow->port == 0 && read_be32(flow->payload) != 0);
		return;
	}
	CHECK(flow->protocol == MCR_PROTOCOL_UDP && flow->port > 0 && flow->port == read_be16(packet + at - 6));
	CHECK(flow->payload_length + 8 == read_be16(packet + at - 4));
	CHECK(mcr_parse_header_bytes(packet, length, version) == at);
}

/* The filters see no more of a packet than a test's view has room for. */
static void check_filters(const uint8_t *packet, uint32_t length, uint32_t version, int found)
{
	struct bpf_view view = { .length = length < sizeof(view.bytes) ? length : sizeof(view.bytes),
				 .link_bytes = ETH_HLEN,
				 .protocol = version == 4 ? ETH_P_IP : ETH_P_IPV6 };
	int64_t let_in, taken;

	memcpy(view.bytes, packet, view.length);
	let_in = bpf_run(&filter, &view);
	taken = bpf_run(&exclusive, &view);
	CHECK(let_in >= 0 && taken >= 0);
	CHECK(let_in > 0 || found < 0);
	CHECK(taken == 0 || found >= 0);
}

/* Alone it makes nothing, or no fragment would have been seen. */
static void check_fragment(const uint8_t *packet, uint32_t length)
{
	const uint8_t *whole;

	CHECK(mcr_reassembly_take(&reassembler, 0, packet, length, 0, &whole) == 0);
	CHECK(reassembler.active_count + reassembler.lost == 1);
	mcr_reassembly_expire(&reassembler, MCR_REASSEMBLY_AGE_NS);
	CHECK(reassembler.active_count == 0 && reassembler.lost == 1);
	reassembler.lost = 0;
}

static void check_packet(const uint8_t *packet, uint32_t length, uint32_t version)
{
	struct mcr_flow flow, unchecked;
	const enum mcr_drop reason = mcr_parse_packet(packet, length, version, 0, &flow);
	const enum mcr_drop trusting = mcr_parse_packet(packet, length, version, 1, &unchecked);
	int found;

	CHECK((reason == MCR_DROP_COUNT) == model_packet_is_sound(packet, length, version));
	CHECK(reason == trusting || (reason == MCR_DROP_UDP_CHECKSUM && trusting == MCR_DROP_COUNT));
	CHECK(mcr_parse_header_bytes(packet, length, version) >= (version == 4 ? 28u : 48u));
	if (trusting == MCR_DROP_COUNT)
		check_flow(packet, length, version, &unchecked);
	if (reason == MCR_DROP_FRAGMENT)
		check_fragment(packet, length);
	if (reason != MCR_DROP_COUNT)
		return;
	check_flow(packet, length, version, &flow);
	for (uint32_t input = 0; input < 2; input++)
		CHECK(rule_model_find_in(table, input, &flow) == rule_model_find(&set, input, &flow));
	found = rule_model_find_in(table, 0, &flow);
	/* Behind extension headers no filter looks: the one lets them in, the other leaves them alone. */
	if (version == 4 || packet[6] == MCR_PROTOCOL_UDP || packet[6] == MCR_PROTOCOL_ESP)
		check_filters(packet, length, version, found);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	/* As large as a packet gets. */
	if (size > UINT16_MAX + 40u)
		return 0;
	check_packet(data, (uint32_t)size, 4);
	check_packet(data, (uint32_t)size, 6);
	return 0;
}
