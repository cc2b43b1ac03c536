/*
 * Frames of our own making, byte for byte; and each fault alone: what is wrong with a datagram is that, and nothing
 * else. The parser of the data path is the judge where it knows the fault.
 */
#include "check.h"

#include <stdlib.h>
#include <string.h>

#include "base.h"
#include "frame.h"
#include "parse.h"

#define IPV4_BYTES 20u
#define IPV6_BYTES 40u

static const uint8_t head[] = { 'h', 'e', 'a', 'd' }, tail[] = { 't', 'a', 'i', 'l', '!', '!' };

static struct mcr_frame_plan plan_of(const char *from, const char *to)
{
	struct mcr_frame_plan plan = {
		.from_port = 4096,
		.to_port = 5000,
		.protocol = MCR_PROTOCOL_UDP,
		.ttl = 3,
		.tos = 0xb8,
		.spi = 0x01020304,
		.fragment_bytes = 1480,
	};

	CHECK(mcr_parse_address(from, &plan.from) == 0 && mcr_parse_address(to, &plan.to) == 0);
	return plan;
}

static struct mcr_frame_plan plan_ipv4(void)
{
	return plan_of("10.9.0.1", "239.1.1.1");
}

static struct mcr_frame_plan plan_ipv6(void)
{
	return plan_of("fd09::1", "ff3e::1");
}

/* Return the length of the only frame of a small datagram. */
static uint32_t make_one(struct mcr_frames *frames, const struct mcr_frame_plan *plan, enum mcr_fault fault)
{
	mcr_frames_begin(frames, plan, fault, 0x1234, head, sizeof(head), tail, sizeof(tail));
	CHECK(frames->count == 1);
	return mcr_frames_make(frames, 0);
}

static bool is_frame(const struct mcr_frames *frames, uint32_t length, const char *expected, uint32_t expected_length)
{
	return length == expected_length && !memcmp(frames->bytes, expected, length);
}

/* The ones' complement sum of bytes and @start, folded: 0xffff when a checksum among them is right. */
static uint32_t sum_of(const uint8_t *bytes, uint32_t length, uint32_t start)
{
	uint32_t sum = start;

	for (uint32_t i = 0; i < length; i++)
		sum += i % 2 ? bytes[i] : (uint32_t)bytes[i] << 8;
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return sum;
}

/* The UDP checksum of a frame without tags and options, over @length bytes of UDP. */
static uint32_t udp_sum(const uint8_t *packet, uint32_t length)
{
	const bool is_ipv4 = packet[0] >> 4 == 4;
	const uint8_t *udp = packet + (is_ipv4 ? IPV4_BYTES : IPV6_BYTES);
	const uint8_t *addresses = packet + (is_ipv4 ? 12 : 8);

	return sum_of(udp, length, sum_of(addresses, is_ipv4 ? 8 : 32, MCR_PROTOCOL_UDP + read_be16(udp + 4)));
}

static void frame_of_ipv4_is_right_in_every_byte(void)
{
	static const char expected[] = "\x45\xb8\x00\x26\x12\x34\x00\x00\x03\x11\xaa\xcf"
				       "\x0a\x09\x00\x01\xef\x01\x01\x01"
				       "\x10\x00\x13\x88\x00\x12\x19\x7d"
				       "headtail!!";
	struct mcr_frames *frames = calloc(1, sizeof(*frames));
	struct mcr_frame_plan plan = plan_ipv4();
	uint32_t length;

	if (!CHECK(frames))
		return;
	length = make_one(frames, &plan, MCR_FAULT_NONE);
	CHECK(mcr_frame_protocol(&plan) == 0x0800);
	CHECK(is_frame(frames, length, expected, sizeof(expected) - 1));
	CHECK(sum_of(frames->bytes, IPV4_BYTES, 0) == 0xffff && udp_sum(frames->bytes, 18) == 0xffff);
	plan.no_checksum = true;
	make_one(frames, &plan, MCR_FAULT_NONE);
	CHECK(read_be16(frames->bytes + 26) == 0);
	free(frames);
}

static void frame_of_ipv6_is_right_in_every_byte(void)
{
	static const char expected[] = "\x6b\x80\x00\x00\x00\x12\x11\x03"
				       "\xfd\x09\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x01"
				       "\xff\x3e\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x01"
				       "\x10\x00\x13\x88\x00\x12\x17\x3f"
				       "headtail!!";
	struct mcr_frames *frames = calloc(1, sizeof(*frames));
	const struct mcr_frame_plan plan = plan_ipv6();
	uint32_t length;

	if (!CHECK(frames))
		return;
	length = make_one(frames, &plan, MCR_FAULT_NONE);
	CHECK(mcr_frame_protocol(&plan) == 0x86dd);
	CHECK(is_frame(frames, length, expected, sizeof(expected) - 1));
	CHECK(udp_sum(frames->bytes, 18) == 0xffff);
	free(frames);
}

static void frame_carries_one_tag_or_two(void)
{
	struct mcr_frames *frames = calloc(1, sizeof(*frames));
	struct mcr_frame_plan plan = plan_ipv4();

	if (!CHECK(frames))
		return;
	plan.vlans[plan.vlan_count++] = 100;
	CHECK(make_one(frames, &plan, MCR_FAULT_NONE) == 4 + 38);
	CHECK(mcr_frame_protocol(&plan) == 0x8100);
	CHECK(!memcmp(frames->bytes, "\x00\x64\x08\x00\x45", 5));
	plan = plan_ipv6();
	plan.vlan_count = 2;
	plan.vlans[0] = 100;
	plan.vlans[1] = 4094;
	CHECK(make_one(frames, &plan, MCR_FAULT_NONE) == 8 + 58);
	CHECK(mcr_frame_protocol(&plan) == 0x88a8);
	CHECK(!memcmp(frames->bytes, "\x00\x64\x81\x00\x0f\xfe\x86\xdd\x6b", 9));
	free(frames);
}

static void frame_carries_options_that_a_parser_skips(void)
{
	struct mcr_frames *frames = calloc(1, sizeof(*frames));
	struct mcr_frame_plan plan = plan_ipv4();
	struct mcr_flow flow;
	uint32_t length;

	if (!CHECK(frames))
		return;
	plan.has_options = true;
	length = make_one(frames, &plan, MCR_FAULT_NONE);
	CHECK(length == 46 && frames->bytes[0] == 0x47 && read_be16(frames->bytes + 2) == 46);
	CHECK(!memcmp(frames->bytes + 20, "\1\1\1\1\1\1\1\1", 8));
	CHECK(mcr_parse_packet(frames->bytes, length, 4, 0, &flow) == MCR_DROP_COUNT);
	CHECK(flow.port == 5000 && flow.payload_length == 10);
	plan = plan_ipv6();
	plan.has_options = true;
	CHECK(make_one(frames, &plan, MCR_FAULT_NONE) == 66);
	CHECK(frames->bytes[6] == 60 && read_be16(frames->bytes + 4) == 26);
	CHECK(!memcmp(frames->bytes + 40, "\x11\x00\x01\x04\0\0\0\0\x10\x00", 10));
	free(frames);
}

static void frame_of_esp_has_spi_and_number_before_the_payload(void)
{
	struct mcr_frames *frames = calloc(1, sizeof(*frames));
	struct mcr_frame_plan plan = plan_ipv4();

	if (!CHECK(frames))
		return;
	plan.protocol = MCR_PROTOCOL_ESP;
	CHECK(make_one(frames, &plan, MCR_FAULT_NONE) == 38);
	CHECK(frames->bytes[9] == 50);
	CHECK(!memcmp(frames->bytes + 20, "\x01\x02\x03\x04\x00\x00\x12\x34headtail!!", 18));
	CHECK(make_one(frames, &plan, MCR_FAULT_ESP_SHORT) == 27);
	CHECK(read_be16(frames->bytes + 2) == 27 && sum_of(frames->bytes, IPV4_BYTES, 0) == 0xffff);
	CHECK(make_one(frames, &plan, MCR_FAULT_ESP_SPI) == 38);
	CHECK(read_be32(frames->bytes + 20) == 0);
	plan = plan_ipv6();
	plan.protocol = MCR_PROTOCOL_ESP;
	CHECK(make_one(frames, &plan, MCR_FAULT_NONE) == 58 && frames->bytes[6] == 50);
	free(frames);
}

/* What the data path says of each fault that IPv4 can have. */
static void parser_finds_each_fault_and_no_other(void)
{
	static const struct {
		enum mcr_fault fault;
		enum mcr_drop drop;
	} cases[] = {
		{ MCR_FAULT_NONE, MCR_DROP_COUNT },
		{ MCR_FAULT_UDP_CHECKSUM, MCR_DROP_UDP_CHECKSUM },
		{ MCR_FAULT_UDP_LENGTH, MCR_DROP_UDP_LENGTH },
		{ MCR_FAULT_UDP_SHORT, MCR_DROP_UDP_LENGTH },
		{ MCR_FAULT_UDP_TRUNCATED, MCR_DROP_TRUNCATED },
		{ MCR_FAULT_IP_CHECKSUM, MCR_DROP_IP_CHECKSUM },
		{ MCR_FAULT_IP_LENGTH, MCR_DROP_IP_LENGTH },
		{ MCR_FAULT_IP_SHORT, MCR_DROP_IP_LENGTH },
		{ MCR_FAULT_IP_VERSION, MCR_DROP_IP_VERSION },
		{ MCR_FAULT_PORT_ZERO, MCR_DROP_PORT_ZERO },
		{ MCR_FAULT_IP_HEADER_LENGTH, MCR_DROP_IP_HEADER },
		{ MCR_FAULT_IP_TRUNCATED, MCR_DROP_TRUNCATED },
	};
	struct mcr_frames *frames = calloc(1, sizeof(*frames));
	const struct mcr_frame_plan plan = plan_ipv4();
	struct mcr_flow flow;

	if (!CHECK(frames))
		return;
	for (size_t i = 0; i < array_count(cases); i++) {
		const uint32_t length = make_one(frames, &plan, cases[i].fault);

		CHECK(mcr_parse_packet(frames->bytes, length, 4, 0, &flow) == cases[i].drop);
	}
	free(frames);
}

static void faults_leave_the_other_checksums_right(void)
{
	struct mcr_frames *frames = calloc(1, sizeof(*frames));
	const struct mcr_frame_plan ipv4 = plan_ipv4(), ipv6 = plan_ipv6();

	if (!CHECK(frames))
		return;
	make_one(frames, &ipv4, MCR_FAULT_PORT_ZERO);
	CHECK(read_be16(frames->bytes + 22) == 0 && udp_sum(frames->bytes, 18) == 0xffff);
	make_one(frames, &ipv4, MCR_FAULT_UDP_SHORT);
	CHECK(read_be16(frames->bytes + 24) == 13 && udp_sum(frames->bytes, 13) == 0xffff);
	make_one(frames, &ipv4, MCR_FAULT_UDP_LENGTH);
	CHECK(read_be16(frames->bytes + 24) == 50 && udp_sum(frames->bytes, 18) == 0xffff);
	make_one(frames, &ipv4, MCR_FAULT_IP_LENGTH);
	CHECK(read_be16(frames->bytes + 2) == 70 && sum_of(frames->bytes, IPV4_BYTES, 0) == 0xffff);
	make_one(frames, &ipv4, MCR_FAULT_IP_VERSION);
	CHECK(frames->bytes[0] == 0x55 && sum_of(frames->bytes, IPV4_BYTES, 0) == 0xffff);
	make_one(frames, &ipv4, MCR_FAULT_IP_HEADER_LENGTH);
	CHECK(frames->bytes[0] == 0x44 && sum_of(frames->bytes, 16, 0) == 0xffff);

	make_one(frames, &ipv6, MCR_FAULT_UDP_NO_CHECKSUM);
	CHECK(read_be16(frames->bytes + 46) == 0);
	make_one(frames, &ipv6, MCR_FAULT_UDP_CHECKSUM);
	CHECK(read_be16(frames->bytes + 46) != 0 && udp_sum(frames->bytes, 18) != 0xffff);
	make_one(frames, &ipv6, MCR_FAULT_IP_LENGTH);
	CHECK(read_be16(frames->bytes + 4) == 50 && udp_sum(frames->bytes, 18) == 0xffff);
	make_one(frames, &ipv6, MCR_FAULT_IP_VERSION);
	CHECK(frames->bytes[0] == 0x5b);
	CHECK(make_one(frames, &ipv6, MCR_FAULT_IP_TRUNCATED) == 10);
	CHECK(make_one(frames, &ipv6, MCR_FAULT_UDP_TRUNCATED) == IPV6_BYTES + 4);
	CHECK(read_be16(frames->bytes + 4) == 4);
	free(frames);
}

/* A wrong checksum is never 0, which would mean that there is none, nor right by another writing of 0. */
static void wrong_checksums_are_wrong_for_every_datagram(void)
{
	struct mcr_frames *frames = calloc(1, sizeof(*frames));
	const struct mcr_frame_plan plan = plan_ipv4();
	uint32_t found = 0;

	if (!CHECK(frames))
		return;
	for (uint32_t i = 0; i < 65536; i++) {
		const uint8_t bytes[] = { (uint8_t)(i >> 8), (uint8_t)i };

		mcr_frames_begin(frames, &plan, MCR_FAULT_UDP_CHECKSUM, i, bytes, 2, NULL, 0);
		mcr_frames_make(frames, 0);
		found += read_be16(frames->bytes + 26) == 0 || udp_sum(frames->bytes, 10) == 0xffff;
		mcr_frames_begin(frames, &plan, MCR_FAULT_IP_CHECKSUM, i, bytes, 2, NULL, 0);
		mcr_frames_make(frames, 0);
		found += sum_of(frames->bytes, IPV4_BYTES, 0) == 0xffff;
		mcr_frames_begin(frames, &plan, MCR_FAULT_NONE, i, bytes, 2, NULL, 0);
		mcr_frames_make(frames, 0);
		found += read_be16(frames->bytes + 26) == 0 || udp_sum(frames->bytes, 10) != 0xffff;
	}
	CHECK(found == 0);
	free(frames);
}

/* Puts fragments together as a receiver does. Return: bytes of IP payload; 0 when some are missing or twice there. */
static uint32_t assemble(struct mcr_frames *frames, uint8_t *body, uint8_t *seen, uint32_t identification)
{
	uint32_t total = 0, sum = 0;

	memset(seen, 0, 65536);
	for (uint32_t i = 0; i < frames->count; i++) {
		const uint32_t length = mcr_frames_make(frames, i);
		const uint8_t *ip = frames->bytes;
		const bool is_ipv4 = ip[0] >> 4 == 4;
		const uint32_t at = is_ipv4 ? IPV4_BYTES : IPV6_BYTES + 8;
		const uint32_t word = read_be16(is_ipv4 ? ip + 6 : ip + 42);
		const uint32_t offset = is_ipv4 ? (word & 0x1fff) * 8 : word & 0xfff8;
		const bool is_last = is_ipv4 ? !(word & 0x2000) : !(word & 1);

		CHECK((is_ipv4 ? read_be16(ip + 4) : read_be32(ip + 44)) == identification);
		CHECK(is_ipv4 ? ip[9] == 17 : ip[6] == 44 && ip[40] == 17);
		CHECK(is_ipv4 ? read_be16(ip + 2) == length : read_be16(ip + 4) + IPV6_BYTES == length);
		CHECK(!is_ipv4 || sum_of(ip, IPV4_BYTES, 0) == 0xffff);
		memcpy(body + offset, ip + at, length - at);
		for (uint32_t j = offset; j < offset + length - at; j++)
			sum += !seen[j]++;
		if (is_last)
			total = offset + length - at;
	}
	return sum == total ? total : 0;
}

static void fragments_make_the_datagram_whole(void)
{
	struct mcr_frames *frames = calloc(1, sizeof(*frames));
	uint8_t *payload = malloc(MCR_FRAME_PAYLOAD_MAX), *body = malloc(131072), *seen = malloc(131072);
	const uint32_t sizes[] = { 1, 8, 9, 1000, MCR_FRAME_PAYLOAD_MAX - sizeof(head) };
	const uint16_t cuts[] = { 8, 400, 1480 };

	if (!CHECK(frames && payload && body && seen))
		goto done;
	for (uint32_t i = 0; i < MCR_FRAME_PAYLOAD_MAX; i++)
		payload[i] = (uint8_t)(i * 7 + i / 256);
	for (uint32_t i = 0; i < array_count(sizes) * array_count(cuts) * 4; i++) {
		struct mcr_frame_plan plan = i % 2 ? plan_ipv4() : plan_ipv6();
		const uint32_t size = sizes[i / 4 % array_count(sizes)];
		const uint32_t bytes = 8 + (uint32_t)sizeof(head) + size;

		plan.reverse = i / 2 % 2;
		plan.fragment_bytes = cuts[i / 4 / array_count(sizes)];
		plan.identification = 70;
		mcr_frames_begin(frames, &plan, MCR_FAULT_NONE, 7, head, sizeof(head), payload, size);
		CHECK(frames->count == (bytes + plan.fragment_bytes - 1) / plan.fragment_bytes);
		if (frames->count == 1)
			continue;
		CHECK(assemble(frames, body, seen, 77) == bytes);
		CHECK(read_be16(body + 4) == bytes && !memcmp(body + 8, "head", 4));
		CHECK(!memcmp(body + 12, payload, size));
	}
done:
	free(frames);
	free(payload);
	free(body);
	free(seen);
}

static void broken_fragments_never_make_a_whole(void)
{
	struct mcr_frames *frames = calloc(1, sizeof(*frames));
	uint8_t *body = malloc(131072), *seen = malloc(131072);
	static const uint8_t payload[1000];

	if (!CHECK(frames && body && seen))
		goto done;
	for (uint32_t i = 0; i < 2; i++) {
		struct mcr_frame_plan plan = i ? plan_ipv4() : plan_ipv6();

		plan.fragment_bytes = 400;
		mcr_frames_begin(frames, &plan, MCR_FAULT_FRAGMENT_MISSING, 1, head, sizeof(head), payload, 1000);
		CHECK(frames->count == 2);
		CHECK(assemble(frames, body, seen, 1) == 0);
		mcr_frames_begin(frames, &plan, MCR_FAULT_FRAGMENT_OVERLAP, 2, head, sizeof(head), payload, 1000);
		CHECK(frames->count == 3);
		CHECK(assemble(frames, body, seen, 2) == 0);
		CHECK(seen[392] == 2);
	}
done:
	free(frames);
	free(body);
	free(seen);
}

static void room_is_what_the_link_carries_in_units_of_eight(void)
{
	struct mcr_frame_plan ipv4 = plan_ipv4(), ipv6 = plan_ipv6();

	CHECK(mcr_frame_room(&ipv4, 1500) == 1480 && mcr_frame_room(&ipv6, 1500) == 1448);
	ipv4.vlan_count = 1;
	ipv4.has_options = true;
	CHECK(mcr_frame_room(&ipv4, 1500) == 1464);
	CHECK(mcr_frame_room(&ipv4, 10) == 8);
	CHECK(mcr_frame_room(&ipv6, 65536) == 65464 && mcr_frame_room(&ipv6, 1000000) == 65464);
}

static void faults_have_words_that_are_found_again(void)
{
	static const char *const words[] = {
#define FAULT_WORD(name, word, has, meaning) word,
		MCR_FAULTS(FAULT_WORD)
#undef FAULT_WORD
	};

	for (uint32_t i = 0; i < array_count(words); i++) {
		const enum mcr_fault fault = mcr_fault_find(words[i]);

		CHECK(fault == i + 1 && !strcmp(mcr_fault_word(fault), words[i]));
		CHECK(mcr_fault_traits(fault) & (MCR_FAULT_UDP | MCR_FAULT_ESP));
		CHECK(mcr_fault_traits(fault) & (MCR_FAULT_IPV4 | MCR_FAULT_IPV6));
	}
	CHECK(mcr_fault_find("none") == MCR_FAULT_NONE && mcr_fault_find("checksum") == MCR_FAULT_NONE);
}

void mcr_frame_tests(void)
{
	RUN(frame_of_ipv4_is_right_in_every_byte);
	RUN(frame_of_ipv6_is_right_in_every_byte);
	RUN(frame_carries_one_tag_or_two);
	RUN(frame_carries_options_that_a_parser_skips);
	RUN(frame_of_esp_has_spi_and_number_before_the_payload);
	RUN(parser_finds_each_fault_and_no_other);
	RUN(faults_leave_the_other_checksums_right);
	RUN(wrong_checksums_are_wrong_for_every_datagram);
	RUN(fragments_make_the_datagram_whole);
	RUN(broken_fragments_never_make_a_whole);
	RUN(room_is_what_the_link_carries_in_units_of_eight);
	RUN(faults_have_words_that_are_found_again);
}
