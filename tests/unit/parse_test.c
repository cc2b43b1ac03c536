/* What parse.c accepts, what it refuses and why, and that it never reads beyond the length it was given. */
#include "check.h"

#include <stdlib.h>
#include <string.h>

#include "model.h"
#include "parse.h"

#define SOURCE 0xc0000207u /* 192.0.2.7 */
#define GROUP 0xefc80a0bu /* 239.200.10.11 */
#define PORT 50123u
#define PACKET_BYTES_MAX 2048u
#define MUTATIONS 1000000u

static const uint8_t no_payload[PACKET_BYTES_MAX];

static uint32_t write_packet(uint8_t *to, uint32_t option_bytes, const uint8_t *payload, uint32_t payload_length)
{
	const struct model_packet packet = { .source = SOURCE,
					     .group = GROUP,
					     .port = PORT,
					     .option_bytes = option_bytes,
					     .payload = payload,
					     .payload_length = payload_length };

	return model_packet_write(&packet, to);
}

static enum mcr_drop parse(const uint8_t *packet, uint32_t length)
{
	struct mcr_flow flow;

	return mcr_parse_packet(packet, length, 4, 0, &flow);
}

static void packet_of_any_length_is_taken_apart(void)
{
	struct model_random random = model_random_from(0x9a7c3d0011ull);
	uint8_t packet[PACKET_BYTES_MAX], payload[PACKET_BYTES_MAX], source[16], group[16];
	struct mcr_flow flow;

	for (size_t i = 0; i < sizeof(payload); i++)
		payload[i] = (uint8_t)model_random_next(&random);
	model_address(source, SOURCE);
	model_address(group, GROUP);
	for (uint32_t length = 0; length <= 1472; length++) {
		const uint32_t option_bytes = length % 11 * 4, padding = length % 7;
		const uint32_t bytes = write_packet(packet, option_bytes, payload, length);

		memset(packet + bytes, 0xee, padding);
		packet[1] = (uint8_t)length;
		packet[8] = (uint8_t)(length + 1);
		model_packet_seal_header(packet);
		if (!CHECK(mcr_parse_packet(packet, bytes + padding, 4, 0, &flow) == MCR_DROP_COUNT))
			return;
		CHECK(flow.payload == packet + 28 + option_bytes && flow.payload_length == length);
		CHECK(memcmp(flow.source, source, 16) == 0 && memcmp(flow.group, group, 16) == 0);
		CHECK(flow.port == PORT && flow.source_port == 40000 && flow.protocol == MCR_PROTOCOL_UDP);
		CHECK(flow.traffic_class == packet[1] && flow.ttl == packet[8]);
	}
}

static void sender_may_leave_the_checksum_out(void)
{
	uint8_t packet[PACKET_BYTES_MAX];
	const uint32_t length = write_packet(packet, 0, (const uint8_t *)"anything", 8);

	packet[26] = packet[27] = 0;
	CHECK(parse(packet, length) == MCR_DROP_COUNT);
	packet[30] ^= 1;
	CHECK(parse(packet, length) == MCR_DROP_COUNT);
}

/* A sum of 0 goes over the wire as 0xffff, because 0 means that there is none. */
static void sum_of_zero_is_verified(void)
{
	uint8_t packet[PACKET_BYTES_MAX], payload[2] = { 0, 0 };
	uint32_t length = write_packet(packet, 0, payload, sizeof(payload));

	payload[0] = packet[26];
	payload[1] = packet[27];
	length = write_packet(packet, 0, payload, sizeof(payload));
	CHECK(packet[26] == 0xff && packet[27] == 0xff);
	CHECK(parse(packet, length) == MCR_DROP_COUNT);
	packet[28] ^= 4;
	CHECK(parse(packet, length) == MCR_DROP_UDP_CHECKSUM);
}

static void checksum_that_the_kernel_vouches_for_is_not_read(void)
{
	uint8_t packet[PACKET_BYTES_MAX];
	const uint32_t length = write_packet(packet, 0, no_payload, 100);
	struct mcr_flow flow;

	packet[26] ^= 0x55;
	CHECK(parse(packet, length) == MCR_DROP_UDP_CHECKSUM);
	CHECK(mcr_parse_packet(packet, length, 4, 1, &flow) == MCR_DROP_COUNT);
}

/* One byte of a sound packet set to another value, and what it is refused for. */
static const struct {
	uint8_t offset, value, is_resealed;
	enum mcr_drop reason;
} damages[] = {
	{ 0, 0x65, 1, MCR_DROP_IP_VERSION },
	{ 0, 0x05, 0, MCR_DROP_IP_VERSION },
	{ 0, 0x44, 0, MCR_DROP_IP_HEADER }, /* a header of 16 bytes */
	{ 0, 0x4f, 0, MCR_DROP_IP_CHECKSUM }, /* a header of 60 bytes that were no header */
	{ 2, 0xff, 1, MCR_DROP_IP_LENGTH }, /* longer than the frame */
	{ 3, 19, 1, MCR_DROP_IP_LENGTH }, /* shorter than its header */
	{ 3, 27, 1, MCR_DROP_TRUNCATED }, /* no room for a UDP header */
	{ 3, 90, 1, MCR_DROP_UDP_LENGTH },
	{ 25, 90, 0, MCR_DROP_UDP_LENGTH },
	{ 6, 0x20, 1, MCR_DROP_FRAGMENT }, /* the first of several */
	{ 7, 0x01, 1, MCR_DROP_FRAGMENT }, /* a later one */
	{ 8, 2, 0, MCR_DROP_IP_CHECKSUM },
	{ 9, 6, 1, MCR_DROP_NOT_UDP },
	{ 9, 51, 1, MCR_DROP_NOT_UDP }, /* an authentication header */
	{ 12, 1, 1, MCR_DROP_UDP_CHECKSUM }, /* the pseudo header has the addresses too */
	{ 23, 7, 0, MCR_DROP_UDP_CHECKSUM },
	{ 40, 7, 0, MCR_DROP_UDP_CHECKSUM },
	{ 127, 7, 0, MCR_DROP_UDP_CHECKSUM },
};

static void damage_has_its_reason(void)
{
	uint8_t packet[PACKET_BYTES_MAX];

	for (size_t i = 0; i < sizeof(damages) / sizeof(damages[0]); i++) {
		const uint32_t length = write_packet(packet, 0, no_payload, 100);

		packet[damages[i].offset] = damages[i].value;
		if (damages[i].is_resealed)
			model_packet_seal_header(packet);
		CHECK(parse(packet, length) == damages[i].reason);
	}
}

static void port_of_zero_is_one_only_at_the_source(void)
{
	const struct model_packet packet = {
		.source = SOURCE, .group = GROUP, .payload_length = 3, .payload = no_payload
	};
	uint8_t bytes[PACKET_BYTES_MAX];
	uint32_t length = model_packet_write(&packet, bytes);
	struct mcr_flow flow;

	CHECK(parse(bytes, length) == MCR_DROP_PORT_ZERO);
	length = write_packet(bytes, 0, no_payload, 3);
	bytes[20] = bytes[21] = 0;
	bytes[26] = bytes[27] = 0;
	CHECK(mcr_parse_packet(bytes, length, 4, 0, &flow) == MCR_DROP_COUNT && flow.source_port == 0);
}

/* Behind the header whatever follows it; then what is refused. */
static void esp_is_everything_behind_the_header(void)
{
	uint8_t packet[PACKET_BYTES_MAX];
	const uint32_t length = write_packet(packet, 8, no_payload, 100);
	struct mcr_flow flow;

	packet[9] = 50;
	model_packet_seal_header(packet);
	CHECK(mcr_parse_packet(packet, length, 4, 0, &flow) == MCR_DROP_COUNT);
	CHECK(flow.protocol == MCR_PROTOCOL_ESP && flow.port == 0 && flow.source_port == 0);
	CHECK(flow.payload == packet + 28 && flow.payload_length == 108);
	packet[3] = 28 + 7;
	model_packet_seal_header(packet);
	CHECK(parse(packet, length) == MCR_DROP_ESP);
	packet[3] = 28 + 8;
	model_packet_seal_header(packet);
	CHECK(parse(packet, length) == MCR_DROP_COUNT);
	memset(packet + 28, 0, 4);
	CHECK(parse(packet, length) == MCR_DROP_ESP);
}

/* What the frame's own header says is not what its packet is. */
static void version_is_that_of_the_frame(void)
{
	uint8_t packet[PACKET_BYTES_MAX];
	const uint32_t length = write_packet(packet, 0, no_payload, 100);
	struct mcr_flow flow;

	CHECK(mcr_parse_packet(packet, length, 6, 0, &flow) == MCR_DROP_IP_VERSION);
	CHECK(mcr_parse_packet(packet, length, 0, 0, &flow) == MCR_DROP_IP_VERSION);
}

static void bit_that_forbids_fragments_is_no_fragment(void)
{
	uint8_t packet[PACKET_BYTES_MAX];
	const uint32_t length = write_packet(packet, 0, no_payload, 100);

	packet[6] = 0x40;
	model_packet_seal_header(packet);
	CHECK(parse(packet, length) == MCR_DROP_COUNT);
}

/* Behind the packet lies a page that cannot be read: one byte too far ends the test program. */
static void packet_cut_anywhere_is_refused_unread(void)
{
	uint8_t packet[PACKET_BYTES_MAX], *cliff = model_cliff(sizeof(packet));
	uint32_t length;

	if (!CHECK(cliff != NULL))
		return;
	for (uint32_t option_bytes = 0; option_bytes <= 40; option_bytes += 20) {
		length = write_packet(packet, option_bytes, no_payload, 101);
		for (uint32_t cut = 0; cut < length; cut++) {
			enum mcr_drop reason;

			memcpy(cliff - cut, packet, cut);
			reason = parse(cliff - cut, cut);
			CHECK(reason == (cut < 20 + option_bytes ? MCR_DROP_TRUNCATED : MCR_DROP_IP_LENGTH));
		}
		memcpy(cliff - length, packet, length);
		CHECK(parse(cliff - length, length) == MCR_DROP_COUNT);
	}
}

/* Changes up to three bytes; half of the time the header's checksum follows, so that the checks behind it are met. */
static void mutate(uint8_t *packet, uint32_t length, struct model_random *random)
{
	const uint64_t draw = model_random_next(random);

	for (uint32_t i = 0; i <= draw % 3; i++) {
		const uint64_t change = model_random_next(random);

		packet[(change >> 32) % length] = (uint8_t)change;
	}
	if (draw & 4 && (packet[0] & 15u) * 4 <= length)
		model_packet_seal_header(packet);
}

static void mutated_packet_is_judged_as_the_model_does(void)
{
	struct model_random random = model_random_from(0x51deca4ull);
	uint8_t sound[64], *packet = model_cliff(sizeof(sound)) - sizeof(sound);
	uint32_t accepted = 0, length;

	/* Padded, so that some changes leave it sound. */
	memset(sound, 0, sizeof(sound));
	length = write_packet(sound, 4, (const uint8_t *)"a payload of 21 bytes", 21);
	CHECK(length < sizeof(sound));
	for (uint32_t i = 0; i < MUTATIONS; i++) {
		bool is_accepted;

		memcpy(packet, sound, sizeof(sound));
		mutate(packet, sizeof(sound), &random);
		is_accepted = parse(packet, sizeof(sound)) == MCR_DROP_COUNT;
		accepted += is_accepted;
		if (!CHECK(is_accepted == model_packet_is_sound(packet, sizeof(sound), 4))) {
			model_random_failed(&random);
			return;
		}
	}
	CHECK(accepted > MUTATIONS / 100 && accepted < MUTATIONS / 2);
}

void mcr_parse_tests(void)
{
	RUN(packet_of_any_length_is_taken_apart);
	RUN(sender_may_leave_the_checksum_out);
	RUN(sum_of_zero_is_verified);
	RUN(checksum_that_the_kernel_vouches_for_is_not_read);
	RUN(damage_has_its_reason);
	RUN(port_of_zero_is_one_only_at_the_source);
	RUN(esp_is_everything_behind_the_header);
	RUN(version_is_that_of_the_frame);
	RUN(bit_that_forbids_fragments_is_no_fragment);
	RUN(packet_cut_anywhere_is_refused_unread);
	RUN(mutated_packet_is_judged_as_the_model_does);
}
