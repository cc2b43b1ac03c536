/* What parse.c makes of IPv6: extension headers, what it refuses and why, and that it never reads too far. */
#include "check.h"

#include <string.h>

#include "model.h"
#include "parse.h"

#define PORT 50123u
#define PACKET_BYTES_MAX 2048u
#define MUTATIONS 1000000u

static const uint8_t source[16] = { 0x20, 0x01, 0x0d, 0xb8, [15] = 7 };
static const uint8_t group[16] = { 0xff, 0x3e, [14] = 0x80, [15] = 1 };
static const uint8_t no_payload[PACKET_BYTES_MAX];

/* Chains of extension headers; what each announces next is its first byte. */
static const uint8_t hop_by_hop[8] = { 17, 0, 5, 2, 0, 0, 1, 0 }; /* router alert */
static const uint8_t destination[24] = { 17, 2, 1, 20 };
static const uint8_t whole_fragment[8] = { 17, 0, 0, 0, 0, 0, 0, 9 };
static const uint8_t all_of_them[48] = {
	/* Hop-by-hop, destination, routing of two units, fragment, destination. */
	[0] = 60, [8] = 43, [16] = 44, [17] = 1, [32] = 60, [40] = 17,
};
static const uint8_t used_up_routing[8] = { 17, 0, 2, 0 };

static uint32_t write_packet(uint8_t *to, uint8_t first, const uint8_t *extensions, uint32_t extension_bytes,
			     uint32_t payload_length)
{
	struct model_packet6 packet = { .port = PORT,
					.first = first,
					.extensions = extensions,
					.extension_bytes = extension_bytes,
					.payload = no_payload,
					.payload_length = payload_length };

	memcpy(packet.source, source, sizeof(source));
	memcpy(packet.group, group, sizeof(group));
	return model_packet6_write(&packet, to);
}

static enum mcr_drop parse(const uint8_t *packet, uint32_t length)
{
	struct mcr_flow flow;

	return mcr_parse_packet(packet, length, 6, 0, &flow);
}

static void packet_of_any_length_is_taken_apart(void)
{
	uint8_t packet[PACKET_BYTES_MAX];
	struct mcr_flow flow;

	for (uint32_t length = 0; length <= 1452; length++) {
		const uint32_t padding = length % 7, bytes = write_packet(packet, 0, NULL, 0, length);

		memset(packet + bytes, 0xee, padding);
		packet[0] = (uint8_t)(0x60 | length % 16);
		packet[1] = (uint8_t)(length * 3 << 4);
		packet[7] = (uint8_t)(length + 1);
		if (!CHECK(mcr_parse_packet(packet, bytes + padding, 6, 0, &flow) == MCR_DROP_COUNT))
			return;
		CHECK(flow.payload == packet + 48 && flow.payload_length == length);
		CHECK(memcmp(flow.source, source, 16) == 0 && memcmp(flow.group, group, 16) == 0);
		CHECK(flow.port == PORT && flow.source_port == 40000 && flow.protocol == MCR_PROTOCOL_UDP);
		CHECK(flow.traffic_class == ((length % 16) << 4 | (length * 3 & 15)) && flow.ttl == packet[7]);
		CHECK(mcr_parse_header_bytes(packet, bytes, 6) == 48);
	}
}

static void extension_headers_are_passed_over(void)
{
	static const struct {
		uint8_t first;
		const uint8_t *bytes;
		uint32_t length;
	} chains[] = {
		{ 0, hop_by_hop, sizeof(hop_by_hop) },
		{ 60, hop_by_hop, sizeof(hop_by_hop) },
		{ 60, destination, sizeof(destination) },
		{ 44, whole_fragment, sizeof(whole_fragment) },
		{ 43, used_up_routing, sizeof(used_up_routing) },
		{ 0, all_of_them, sizeof(all_of_them) },
	};
	uint8_t packet[PACKET_BYTES_MAX];
	struct mcr_flow flow;

	for (size_t i = 0; i < sizeof(chains) / sizeof(chains[0]); i++) {
		const uint32_t length = write_packet(packet, chains[i].first, chains[i].bytes, chains[i].length, 100);

		CHECK(mcr_parse_packet(packet, length, 6, 0, &flow) == MCR_DROP_COUNT);
		CHECK(flow.payload == packet + 48 + chains[i].length && flow.payload_length == 100);
		CHECK(mcr_parse_header_bytes(packet, length, 6) == 48 + chains[i].length);
		packet[length - 1] ^= 1;
		CHECK(parse(packet, length) == MCR_DROP_UDP_CHECKSUM);
	}
}

/* One byte of a sound packet with a hop-by-hop and a destination header, and what it is refused for. */
static const struct {
	uint8_t offset, value;
	enum mcr_drop reason;
} damages[] = {
	{ 0, 0x45, MCR_DROP_IP_VERSION },
	{ 0, 0x70, MCR_DROP_IP_VERSION },
	{ 4, 0xff, MCR_DROP_IP_LENGTH }, /* longer than the frame */
	{ 5, 124 - 3, MCR_DROP_UDP_LENGTH },
	{ 5, 23, MCR_DROP_TRUNCATED }, /* no room for a UDP header */
	{ 5, 15, MCR_DROP_EXTENSION }, /* the second extension header is cut */
	{ 5, 7, MCR_DROP_EXTENSION },
	{ 5, 0, MCR_DROP_EXTENSION },
	{ 6, 6, MCR_DROP_NOT_UDP },
	{ 6, 58, MCR_DROP_NOT_UDP },
	{ 6, 59, MCR_DROP_NOT_UDP }, /* nothing follows */
	{ 6, 17, MCR_DROP_UDP_LENGTH }, /* the extension headers were none */
	{ 6, 51, MCR_DROP_EXTENSION },
	{ 6, 135, MCR_DROP_EXTENSION },
	{ 6, 139, MCR_DROP_EXTENSION },
	{ 6, 140, MCR_DROP_EXTENSION },
	{ 6, 253, MCR_DROP_EXTENSION },
	{ 6, 254, MCR_DROP_EXTENSION },
	{ 40, 0, MCR_DROP_EXTENSION }, /* hop-by-hop, but not at the front */
	{ 41, 255, MCR_DROP_EXTENSION }, /* longer than the packet */
	{ 48, 60, MCR_DROP_EXTENSION }, /* a UDP header that is said to be another one, too long */
	{ 48, 50, MCR_DROP_COUNT }, /* ESP is opaque */
	{ 58, 0, MCR_DROP_UDP_CHECKSUM }, /* port 50123 is 0xc3cb */
	{ 60, 90, MCR_DROP_UDP_LENGTH },
	{ 8, 1, MCR_DROP_UDP_CHECKSUM }, /* the pseudo header has the addresses too */
	{ 39, 2, MCR_DROP_UDP_CHECKSUM },
	{ 100, 7, MCR_DROP_UDP_CHECKSUM },
};

static void damage_has_its_reason(void)
{
	static const uint8_t chain[16] = { 60, 0, 5, 2, 0, 0, 1, 0, 17, 0, 1, 4 };
	uint8_t packet[PACKET_BYTES_MAX];

	for (size_t i = 0; i < sizeof(damages) / sizeof(damages[0]); i++) {
		const uint32_t length = write_packet(packet, 0, chain, sizeof(chain), 100);

		CHECK(parse(packet, length) == MCR_DROP_COUNT);
		packet[damages[i].offset] = damages[i].value;
		CHECK(parse(packet, length) == damages[i].reason);
	}
}

static void fragments_and_routes_that_go_on_are_refused(void)
{
	static const uint8_t fragments[][8] = { { 17, 0, 0, 1 }, { 17, 0, 0, 8 }, { 17, 0, 0x20, 1 } };
	static const uint8_t routing[8] = { 17, 0, 2, 1 };
	uint8_t packet[PACKET_BYTES_MAX];

	for (size_t i = 0; i < sizeof(fragments) / sizeof(fragments[0]); i++)
		CHECK(parse(packet, write_packet(packet, 44, fragments[i], 8, 100)) == MCR_DROP_FRAGMENT);
	CHECK(parse(packet, write_packet(packet, 43, routing, 8, 100)) == MCR_DROP_EXTENSION);
}

static void chain_has_an_end(void)
{
	uint8_t chain[72], packet[PACKET_BYTES_MAX];

	memset(chain, 0, sizeof(chain));
	for (uint32_t i = 0; i < 9; i++)
		chain[i * 8] = i == 7 || i == 8 ? 17 : 60;
	CHECK(parse(packet, write_packet(packet, 60, chain, 64, 100)) == MCR_DROP_COUNT);
	chain[56] = 60;
	CHECK(parse(packet, write_packet(packet, 60, chain, 72, 100)) == MCR_DROP_EXTENSION);
}

static void checksum_is_not_optional(void)
{
	uint8_t packet[PACKET_BYTES_MAX];
	const uint32_t length = write_packet(packet, 0, NULL, 0, 100);
	struct mcr_flow flow;

	packet[46] ^= 0x55;
	CHECK(parse(packet, length) == MCR_DROP_UDP_CHECKSUM);
	CHECK(mcr_parse_packet(packet, length, 6, 1, &flow) == MCR_DROP_COUNT);
	packet[46] = packet[47] = 0;
	CHECK(parse(packet, length) == MCR_DROP_UDP_CHECKSUM);
	CHECK(mcr_parse_packet(packet, length, 6, 1, &flow) == MCR_DROP_UDP_CHECKSUM);
	packet[42] = packet[43] = 0;
	CHECK(parse(packet, length) == MCR_DROP_PORT_ZERO);
}

/* Behind the packet lies a page that cannot be read: one byte too far ends the test program. */
static void packet_cut_anywhere_is_refused_unread(void)
{
	uint8_t packet[PACKET_BYTES_MAX], *cliff = model_cliff(sizeof(packet));
	const uint32_t length = write_packet(packet, 0, all_of_them, sizeof(all_of_them), 101);

	if (!CHECK(cliff != NULL))
		return;
	for (uint32_t cut = 0; cut < length; cut++) {
		memcpy(cliff - cut, packet, cut);
		CHECK(parse(cliff - cut, cut) == (cut < 40 ? MCR_DROP_TRUNCATED : MCR_DROP_IP_LENGTH));
		CHECK(mcr_parse_header_bytes(cliff - cut, cut, 6) >= 48);
		/* The packet itself says that it ends there. */
		if (cut < 40)
			continue;
		(cliff - cut)[4] = (uint8_t)((cut - 40) >> 8);
		(cliff - cut)[5] = (uint8_t)(cut - 40);
		CHECK(parse(cliff - cut, cut) == (cut < 88 ? MCR_DROP_EXTENSION :
						  cut < 96 ? MCR_DROP_TRUNCATED :
							     MCR_DROP_UDP_LENGTH));
	}
}

static void mutate(uint8_t *packet, uint32_t length, uint32_t offset, struct model_random *random)
{
	static const uint8_t headers[] = { 0, 17, 43, 44, 50, 51, 60 };
	const uint64_t draw = model_random_next(random);

	for (uint32_t i = 0; i <= draw % 3; i++) {
		const uint64_t change = model_random_next(random);

		packet[(change >> 32) % length] = (uint8_t)(change & 1 ? headers[(change >> 8) % 7] : change >> 8);
	}
	if (draw & 4 && packet[offset + 4] == 0 && offset + packet[offset + 5] <= length)
		model_packet6_seal(packet, offset);
}

static void mutated_packet_is_judged_as_the_model_does(void)
{
	struct model_random random = model_random_from(0x6deca4ull);
	uint8_t sound[128], *packet = model_cliff(sizeof(sound)) - sizeof(sound);
	uint32_t accepted = 0;

	memset(sound, 0, sizeof(sound));
	CHECK(write_packet(sound, 0, all_of_them, sizeof(all_of_them), 21) < sizeof(sound));
	for (uint32_t i = 0; i < MUTATIONS; i++) {
		bool is_accepted;

		memcpy(packet, sound, sizeof(sound));
		mutate(packet, sizeof(sound), 88, &random);
		is_accepted = parse(packet, sizeof(sound)) == MCR_DROP_COUNT;
		accepted += is_accepted;
		if (!CHECK(is_accepted == model_packet_is_sound(packet, sizeof(sound), 6))) {
			model_random_failed(&random);
			return;
		}
	}
	CHECK(accepted > MUTATIONS / 4 && accepted < MUTATIONS * 3 / 4);
}

void mcr_parse_ipv6_tests(void)
{
	RUN(packet_of_any_length_is_taken_apart);
	RUN(extension_headers_are_passed_over);
	RUN(damage_has_its_reason);
	RUN(fragments_and_routes_that_go_on_are_refused);
	RUN(chain_has_an_end);
	RUN(checksum_is_not_optional);
	RUN(packet_cut_anywhere_is_refused_unread);
	RUN(mutated_packet_is_judged_as_the_model_does);
}
