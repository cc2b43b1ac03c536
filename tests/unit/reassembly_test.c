/* Fragments put together: in any order, at most once, never of what contradicts itself. */
#include "check.h"

#include <stdlib.h>
#include <string.h>

#include "model.h"
#include "reassembly.h"

#define CONTENT_MAX 65527u
#define SECOND_NS 1000000000ull

static uint8_t content[MCR_REASSEMBLY_BYTES];
static uint8_t packet[MCR_IPV6_HEADER_BYTES + 8 + MCR_REASSEMBLY_BYTES];

/* A fragment of `content`, behind @extension_bytes of destination options. */
static uint32_t make_fragment(uint32_t identification, uint32_t offset, uint32_t length, bool is_last,
			      uint32_t extension_bytes)
{
	uint8_t *header = packet + MCR_IPV6_HEADER_BYTES + extension_bytes;
	const uint32_t payload = extension_bytes + 8 + length;

	memset(packet, 0, MCR_IPV6_HEADER_BYTES + extension_bytes + 8);
	packet[0] = 0x60;
	packet[4] = (uint8_t)(payload >> 8);
	packet[5] = (uint8_t)payload;
	packet[6] = extension_bytes ? 60 : 44;
	packet[7] = 9;
	packet[23] = 1;
	packet[24] = 0xff;
	packet[39] = 2;
	if (extension_bytes) {
		packet[MCR_IPV6_HEADER_BYTES] = 44;
		packet[MCR_IPV6_HEADER_BYTES + 1] = (uint8_t)(extension_bytes / 8 - 1);
		packet[MCR_IPV6_HEADER_BYTES + 2] = 1;
		packet[MCR_IPV6_HEADER_BYTES + 3] = (uint8_t)(extension_bytes - 4);
	}
	header[0] = 17;
	header[2] = (uint8_t)(offset >> 8);
	header[3] = (uint8_t)(offset | !is_last);
	header[6] = (uint8_t)(identification >> 8);
	header[7] = (uint8_t)identification;
	memcpy(header + 8, content + offset, length);
	return MCR_IPV6_HEADER_BYTES + payload;
}

static bool is_whole(const uint8_t *whole, uint32_t length, uint32_t total)
{
	return length == MCR_IPV6_HEADER_BYTES + total && whole[0] == 0x60 && whole[6] == 17 && whole[7] == 9 &&
	       (uint32_t)(whole[4] << 8 | whole[5]) == total &&
	       memcmp(whole + MCR_IPV6_HEADER_BYTES, content, total) == 0;
}

static struct mcr_reassembler *make_reassembler(void)
{
	struct model_random random = model_random_from(0xf7a6ull);

	for (uint32_t i = 0; i < sizeof(content); i++)
		content[i] = (uint8_t)model_random_next(&random);
	return calloc(1, sizeof(struct mcr_reassembler));
}

/* Cut in pieces of random sizes, in random order, each up to three times: whole at the first moment it can be. */
static void any_order_makes_the_packet_once(void)
{
	struct mcr_reassembler *all = make_reassembler();
	struct model_random random = model_random_from(0x0deeull);

	for (uint32_t round = 0; round < 300; round++) {
		const uint32_t total = 33 + model_random_below(&random, round % 10 ? 4000 : CONTENT_MAX - 33);
		const uint32_t most = total / 8 / 20 + 1;
		uint32_t offsets[256], lengths[256], order[256], count = 0, missing, made = 0;

		for (uint32_t offset = 0; offset < total && count < 255; offset += lengths[count++]) {
			const uint32_t length = 8 * (1 + model_random_below(&random, 2 * most));

			offsets[count] = offset;
			lengths[count] = count == 254 || length > total - offset ? total - offset : length;
		}
		for (uint32_t i = 0; i < count; i++)
			order[i] = i;
		for (uint32_t i = count; i > 1; i--) {
			const uint32_t other = model_random_below(&random, i), kept = order[other];

			order[other] = order[i - 1];
			order[i - 1] = kept;
		}
		missing = count;
		for (uint32_t i = 0; i < count; i++) {
			const uint32_t times = i + 1 < count ? 1 + model_random_below(&random, 3) : 1;

			missing--;
			for (uint32_t time = 0; time < times; time++) {
				const uint8_t *whole = NULL;
				const uint32_t at = order[i];
				const uint32_t bytes = make_fragment(round, offsets[at], lengths[at], at + 1 == count,
								     round % 3 * 8);
				const uint32_t length = mcr_reassembly_take(all, 3, packet, bytes, round, &whole);

				CHECK((length > 0) == (missing == 0));
				made += length > 0 && is_whole(whole, length, total);
			}
		}
		CHECK(made == 1 && all->lost == 0);
	}
	CHECK(all->active_count == 1);
	free(all);
}

static uint32_t take(struct mcr_reassembler *all, uint32_t input, uint32_t bytes, uint64_t now_ns)
{
	const uint8_t *whole = NULL;

	return mcr_reassembly_take(all, input, packet, bytes, now_ns, &whole);
}

static void what_differs_is_put_together_apart(void)
{
	struct mcr_reassembler *all = make_reassembler();

	CHECK(take(all, 1, make_fragment(1, 0, 64, false, 0), 0) == 0);
	CHECK(take(all, 1, make_fragment(2, 64, 10, true, 0), 0) == 0);
	CHECK(take(all, 2, make_fragment(1, 64, 10, true, 0), 0) == 0);
	packet[8] ^= 1;
	CHECK(all->active_count == 3 && take(all, 1, make_fragment(1, 64, 10, true, 0), 0) == 40 + 74);
	CHECK(all->lost == 0);
	free(all);
}

/* What overlaps, ends twice or ends before its parts do cannot be trusted, and counts as one datagram. */
static void contradictions_are_given_up_once(void)
{
	static const struct {
		uint32_t offset, length;
		bool is_last;
	} wrong[][2] = {
		{ { 0, 64, false }, { 56, 64, false } }, { { 64, 64, false }, { 0, 72, false } },
		{ { 64, 10, true }, { 72, 10, true } },	 { { 64, 10, true }, { 128, 8, false } },
		{ { 128, 8, false }, { 64, 8, true } },
	};
	struct mcr_reassembler *all = make_reassembler();

	for (uint32_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		all->lost = 0;
		for (uint32_t part = 0; part < 2; part++)
			CHECK(take(all, 1, make_fragment(i, wrong[i][part].offset, wrong[i][part].length,
							 wrong[i][part].is_last, 0), 5) == 0);
		CHECK(all->lost == 1);
		/* The rest of it is swallowed. */
		CHECK(take(all, 1, make_fragment(i, 0, 8, false, 0), 6) == 0);
	}
	CHECK(take(all, 1, make_fragment(9, 0, 12, false, 0), 7) == 0);
	CHECK(all->lost == 2);
	free(all);
}

static void what_does_not_come_in_time_counts_once(void)
{
	struct mcr_reassembler *all = make_reassembler();

	for (uint32_t i = 0; i < MCR_REASSEMBLIES + 10; i++)
		CHECK(take(all, 1, make_fragment(i, 0, 64, false, 0), i) == 0);
	CHECK(all->lost == 10 && all->active_count == MCR_REASSEMBLIES);
	mcr_reassembly_expire(all, SECOND_NS);
	CHECK(all->lost == 10);
	mcr_reassembly_expire(all, 2 * SECOND_NS);
	CHECK(all->lost == 10 + MCR_REASSEMBLIES && all->active_count == 0);
	CHECK(take(all, 1, make_fragment(1, 64, 10, true, 0), 3 * SECOND_NS) == 0);
	CHECK(take(all, 1, make_fragment(1, 0, 64, false, 0), 3 * SECOND_NS) == 40 + 74);
	free(all);
}

#define IPV4_PAYLOAD 3000u

/* Bytes @offset to @end of what an IPv4 packet has behind its header, in a fragment with options. */
static uint32_t make_fragment_ipv4(const uint8_t *from, uint32_t offset, uint32_t end, bool is_last)
{
	const uint32_t length = 28 + end - offset;

	memcpy(packet, from, 20);
	memset(packet + 20, 1, 8);
	packet[0] = 0x47;
	packet[2] = (uint8_t)(length >> 8);
	packet[3] = (uint8_t)length;
	packet[6] = (uint8_t)((is_last ? 0 : 0x20) | offset >> 11);
	packet[7] = (uint8_t)(offset >> 3);
	memcpy(packet + 28, from + 20 + offset, end - offset);
	model_packet_seal_header(packet);
	return length;
}

static void fragments_of_ipv4_make_the_packet_that_was_cut(void)
{
	const struct model_packet of = { .source = 0x0a000001, .group = 0xef010101, .port = 5000, .payload = content,
					 .payload_length = IPV4_PAYLOAD };
	static uint8_t from[20 + 8 + IPV4_PAYLOAD];
	struct mcr_reassembler *all = make_reassembler();
	const uint32_t bytes = model_packet_write(&of, from) - 20;

	for (uint32_t cut = 8; cut < bytes; cut += 328) {
		const uint8_t *whole = NULL;
		struct mcr_flow flow;
		uint32_t length;

		/* The other protocol's is another datagram, and so is IPv6's of the same number. */
		from[4] = (uint8_t)cut;
		length = make_fragment_ipv4(from, 0, cut, false);
		packet[9] = MCR_PROTOCOL_ESP;
		CHECK(take(all, 1, length, 0) == 0);
		CHECK(take(all, 1, make_fragment(cut << 8, 0, 64, false, 0), 0) == 0);
		CHECK(take(all, 1, make_fragment_ipv4(from, cut, bytes, true), 0) == 0);
		length = make_fragment_ipv4(from, 0, cut, false);
		CHECK(mcr_parse_packet(packet, length, 4, 0, &flow) == MCR_DROP_FRAGMENT);
		length = mcr_reassembly_take(all, 1, packet, length, 0, &whole);
		if (!CHECK(length == 20 + bytes))
			break;
		CHECK(mcr_parse_packet(whole, length, 4, 0, &flow) == MCR_DROP_COUNT);
		CHECK(flow.port == 5000 && flow.payload_length == IPV4_PAYLOAD && flow.ttl == from[8]);
		CHECK(memcmp(flow.payload, content, IPV4_PAYLOAD) == 0);
	}
	CHECK(all->lost == 0);
	free(all);
}

/* With its header a packet has 65,535 bytes at most. */
static void fragments_of_ipv4_beyond_the_longest_packet_are_given_up(void)
{
	static uint8_t from[20 + 65536];
	struct mcr_reassembler *all = make_reassembler();
	const uint8_t *whole = NULL;

	from[0] = 0x45;
	CHECK(take(all, 1, make_fragment_ipv4(from, 65512, 65516, true), 0) == 0 && all->lost == 1);
	CHECK(take(all, 1, make_fragment_ipv4(from, 65512, 65515, true), 0) == 0 && all->lost == 1);
	for (uint32_t offset = 0; offset < 65512; offset += 8)
		CHECK((take(all, 1, make_fragment_ipv4(from, offset, offset + 8, false), 0) > 0) == (offset == 65504));
	CHECK(mcr_reassembly_take(all, 1, packet, make_fragment_ipv4(from, 8, 8, true), 0, &whole) == 0);
	CHECK(all->lost == 2);
	free(all);
}

void mcr_reassembly_tests(void)
{
	RUN(any_order_makes_the_packet_once);
	RUN(what_differs_is_put_together_apart);
	RUN(contradictions_are_given_up_once);
	RUN(what_does_not_come_in_time_counts_once);
	RUN(fragments_of_ipv4_make_the_packet_that_was_cut);
	RUN(fragments_of_ipv4_beyond_the_longest_packet_are_given_up);
}
