/* Outputs that take something from each datagram, and hosts that are not there, as a tap on the wire sees them. */
#include "check.h"

#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "relay_world.h"
#include "wire_world.h"

#define KINDS 10u
#define FIRST_IPV6 4u
#define ROUNDS 60u
#define ROUND_DATAGRAMS 40u
#define PORT_FIRST 5000u

/* All that an output may do to a datagram. */
static const struct kind {
	const char *group;
	uint32_t group_bits, port, flags, traffic_class;
} kinds[KINDS] = {
	{ "127.0.0.1", 128, 6000, 0, 0 },
	{ "239.9.9.9", 128, 6001, MCR_OUTPUT_TTL_DECREMENT, 0 },
	{ "127.0.0.1", 128, 6002, MCR_OUTPUT_DSCP_COPY | MCR_OUTPUT_ECN_COPY, 0 },
	{ "127.0.0.1", 128, 6003, MCR_OUTPUT_ECN_COPY, 0xb8 },
	{ "::1", 128, 6004, MCR_OUTPUT_TTL_DECREMENT | MCR_OUTPUT_DSCP_COPY, 1 },
	{ "127.64.0.0", 106, 6005, MCR_OUTPUT_GROUP_MAP, 0x20 },
	{ "239.7.7.0", 120, 9000, MCR_OUTPUT_GROUP_MAP | MCR_OUTPUT_PORT_MAP | MCR_OUTPUT_TTL_DECREMENT, 0 },
	{ "ff15::5:0", 117, 7000,
	  MCR_OUTPUT_GROUP_MAP | MCR_OUTPUT_PORT_MAP | MCR_OUTPUT_TTL_DECREMENT | MCR_OUTPUT_DSCP_COPY |
		  MCR_OUTPUT_ECN_COPY,
	  0 },
	{ "ff15::9", 128, 8000, MCR_OUTPUT_PORT_MAP, 0 },
	{ "127.0.0.9", 128, 0, MCR_OUTPUT_ESP | MCR_OUTPUT_TTL_DECREMENT, 0 },
};

struct datagram {
	uint8_t group[16];
	uint32_t port, ttl, traffic_class;
	const uint8_t *payload;
	uint32_t length;
};

static bool open_kinds(struct wire *wire)
{
	const struct mcr_rule rule = world_rule(0, 0, KINDS);
	struct mcr_output outputs[KINDS];

	for (uint32_t i = 0; i < KINDS; i++) {
		outputs[i] = world_output(i, i);
		outputs[i].flags = kinds[i].flags;
		outputs[i].port = kinds[i].port;
		outputs[i].traffic_class = kinds[i].traffic_class;
		outputs[i].group_bits = kinds[i].group_bits;
		outputs[i].interface = WIRE_LOOPBACK;
		wire_address(outputs[i].group, kinds[i].group);
	}
	if (!wire_open(wire, &rule, 1, outputs, KINDS))
		return false;
	for (uint32_t i = 0; i < KINDS; i++) {
		struct mcr_output_options options = wire_options(&outputs[i]);

		/* As the kernel's choice is now and then: the port of the first of IPv4, for the first of IPv6. */
		if (i == FIRST_IPV6)
			options.source_port = wire->sources[0];
		if (!wire_open_output(wire, i, &options))
			return false;
	}
	return true;
}

/* One bit after the other. */
static void map_slowly(uint8_t *to, const struct kind *kind, const uint8_t *from)
{
	wire_address(to, kind->group);
	for (uint32_t bit = kind->group_bits; bit < 128; bit++) {
		const uint8_t one = (uint8_t)(0x80u >> bit % 8);

		to[bit / 8] = (uint8_t)((to[bit / 8] & ~one) | (from[bit / 8] & one));
	}
}

static bool has_left_by(const struct datagram *datagram, const struct kind *kind)
{
	return !(kind->flags & MCR_OUTPUT_TTL_DECREMENT) || datagram->ttl > 1;
}

/* Whether a packet is what has to become of a datagram at one output. */
static bool is_what_left(const struct wire_packet *packet, const struct datagram *datagram, const struct kind *kind)
{
	const uint32_t came = datagram->traffic_class, own = kind->traffic_class;
	const uint32_t dscp = (kind->flags & MCR_OUTPUT_DSCP_COPY ? came : own) & 0xfc;
	const uint32_t ecn = (kind->flags & MCR_OUTPUT_ECN_COPY ? came : own) & 3;
	const uint32_t port = kind->port + (kind->flags & MCR_OUTPUT_PORT_MAP ? datagram->port - PORT_FIRST : 0);
	uint8_t to[16];

	map_slowly(to, kind, datagram->group);
	return CHECK(memcmp(packet->to, to, 16) == 0) && CHECK(packet->to_port == port) &&
	       CHECK(packet->ttl == (kind->flags & MCR_OUTPUT_TTL_DECREMENT ? datagram->ttl - 1 : 7)) &&
	       CHECK(packet->traffic_class == (dscp | ecn)) &&
	       CHECK(packet->protocol == (kind->flags & MCR_OUTPUT_ESP ? MCR_PROTOCOL_ESP : MCR_PROTOCOL_UDP)) &&
	       CHECK(packet->length == datagram->length) &&
	       CHECK(memcmp(packet->payload, datagram->payload, datagram->length) == 0);
}

/* The output that sent a packet. */
static uint32_t output_of(const struct wire *wire, const struct wire_packet *packet)
{
	uint32_t at = 0;

	while (at < KINDS && !wire_is_from(wire, packet, at))
		at++;
	return at;
}

/* Everything comes in stretches, as streams do. */
static void draw(struct datagram *datagram, const struct world *world, struct model_random *random)
{
	static const uint32_t classes[] = { 0, 1, 3, 0xb8, 0xb9, 0x20 };

	if (model_random_below(random, 4) == 0)
		datagram->length = 1 + model_random_below(random, SEGMENT_MAX);
	if (model_random_below(random, 8) == 0)
		datagram->ttl = model_random_below(random, 4);
	if (model_random_below(random, 8) == 0)
		datagram->ttl = 1 + model_random_below(random, 255);
	if (model_random_below(random, 6) == 0)
		datagram->traffic_class = classes[model_random_below(random, 6)];
	if (model_random_below(random, 6) == 0)
		model_address(datagram->group, 0xef000000u | model_random_below(random, 1 << 24));
	if (model_random_below(random, 6) == 0)
		datagram->port = PORT_FIRST + model_random_below(random, 1000);
	datagram->payload = world->stream + model_random_below(random, STREAM_BYTES - 2000);
}

static uint32_t add_batch(struct world *world, struct datagram *datagrams, struct model_random *random)
{
	struct datagram next = { .port = PORT_FIRST, .ttl = 5, .length = 100 };
	uint32_t count = 0;

	model_address(next.group, 0xef000001u);
	mcr_egress_begin(world->egress);
	while (count < ROUND_DATAGRAMS && mcr_egress_has_room(world->egress)) {
		struct mcr_flow flow;

		draw(&next, world, random);
		datagrams[count++] = next;
		flow = (struct mcr_flow){ .port = next.port,
					  .ttl = next.ttl,
					  .traffic_class = next.traffic_class,
					  .payload = next.payload,
					  .payload_length = next.length };
		memcpy(flow.group, next.group, sizeof(flow.group));
		world_add_flow(world, 0, &flow, 0);
	}
	world_flush(world);
	return count;
}

/* All that is on the wire belongs to some output, next in its order; and nothing is missing. */
static bool wire_has_all(struct wire *wire, const struct datagram *datagrams, uint32_t count)
{
	uint32_t next[KINDS] = { 0 };
	struct wire_packet packet;

	while (wire_next(wire, &packet)) {
		const uint32_t at = output_of(wire, &packet);

		if (!CHECK(at < KINDS))
			return false;
		while (next[at] < count && !has_left_by(&datagrams[next[at]], &kinds[at]))
			next[at]++;
		if (!CHECK(next[at] < count) || !is_what_left(&packet, &datagrams[next[at]++], &kinds[at]))
			return false;
	}
	for (uint32_t at = 0; at < KINDS; at++) {
		while (next[at] < count && !has_left_by(&datagrams[next[at]], &kinds[at]))
			next[at]++;
		if (!CHECK(next[at] == count))
			return false;
	}
	return true;
}

static bool take_from_datagrams(void)
{
	struct model_random random = model_random_from(0xa77ee5ull);
	static struct datagram datagrams[ROUND_DATAGRAMS];
	uint64_t expired = 0, runs = 0, total = 0;
	static struct wire wire;

	if (!open_kinds(&wire))
		return false;
	for (uint32_t i = 0; i < ROUNDS; i++) {
		const uint32_t count = add_batch(&wire.world, datagrams, &random);

		if (!wire_has_all(&wire, datagrams, count))
			return model_random_failed(&random);
		for (uint32_t at = 0; at < count; at++)
			expired += datagrams[at].ttl < 2;
		runs += wire.world.egress->run_count;
		total += count;
	}
	world_check_identities(&wire.world);
	for (uint32_t at = 0; at < KINDS; at++) {
		const struct mcr_output_stats *stats = &wire.world.stats->outputs[at];
		const bool can_expire = kinds[at].flags & MCR_OUTPUT_TTL_DECREMENT;

		CHECK(stats->due == total && stats->drops[MCR_DROP_TTL] == (can_expire ? expired : 0));
		CHECK(stats->sent == total - stats->drops[MCR_DROP_TTL] && stats->fragmented == 0);
	}
	/* The test is one only if there were runs, and datagrams that expired. */
	CHECK(expired > 0 && runs < total * 3 / 4);
	wire_close(&wire);
	return true;
}

static bool expire_leftovers(void)
{
	struct mcr_flow flow = { .port = PORT_FIRST, .ttl = 1, .payload_length = 10 };
	static struct wire wire;

	if (!open_kinds(&wire))
		return false;
	flow.payload = wire.world.stream;
	mcr_egress_begin(wire.world.egress);
	world_add_flow(&wire.world, 0, &flow, 0);
	mcr_egress_account(wire.world.egress, 2000);
	CHECK(wire.world.stats->outputs[0].sent == 1 && wire.world.stats->outputs[1].sent == 0);
	CHECK(wire.world.stats->outputs[1].drops[MCR_DROP_TTL] == 1);
	world_check_identities(&wire.world);
	wire_close(&wire);
	return true;
}

/* 47 datagrams, together 20 bytes more than IPv4 can carry. */
static bool send_large_superframe(void)
{
	const struct mcr_rule rule = world_rule(0, 0, 2);
	struct mcr_output outputs[2] = { world_output(0, 0), world_output(1, 1) };
	const uint32_t length = 65527;
	uint32_t counts[2] = { 0 };
	struct wire_packet packet;
	static struct wire wire;

	wire_address(outputs[0].group, "127.0.0.1");
	wire_address(outputs[1].group, "::1");
	outputs[0].port = outputs[1].port = 6000;
	if (!wire_open(&wire, &rule, 1, outputs, 2))
		return false;
	for (uint32_t i = 0; i < 2; i++) {
		const struct mcr_output_options options = wire_options(&outputs[i]);

		if (!wire_open_output(&wire, i, &options))
			return false;
	}
	for (uint32_t round = 0; round < 2; round++) {
		mcr_egress_begin(wire.world.egress);
		world_add(&wire.world, 0, wire.world.stream, length, 1400);
		world_flush(&wire.world);
	}
	while (wire_next(&wire, &packet)) {
		const uint32_t at = wire_is_from(&wire, &packet, 1), datagram = counts[at]++ % 47;

		CHECK(packet.length == (datagram < 46 ? 1400 : length % 1400));
		CHECK(memcmp(packet.payload, wire.world.stream + datagram * 1400, packet.length) == 0);
	}
	CHECK(counts[0] == 2 * 47 && counts[1] == 2 * 47);
	CHECK(wire.world.egress->segmentation[0] != MCR_SEGMENTATION_REFUSED);
	CHECK(wire.world.egress->segmentation[1] == MCR_SEGMENTATION_WORKS);
	world_check_identities(&wire.world);
	wire_close(&wire);
	return true;
}

static void every_output_takes_from_each_datagram_what_it_wants(void)
{
	relay_run(take_from_datagrams);
}

static void leftovers_expire_too(void)
{
	relay_run(expire_leftovers);
}

static void superframe_too_large_for_ipv4_leaves_singly_there(void)
{
	relay_run(send_large_superframe);
}

void mcr_varying_tests(void)
{
	RUN(every_output_takes_from_each_datagram_what_it_wants);
	RUN(leftovers_expire_too);
	RUN(superframe_too_large_for_ipv4_leaves_singly_there);
}
