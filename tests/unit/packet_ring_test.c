/* The walk over a packet ring, on an array that a model of the kernel fills. */
#include "check.h"

#include <arpa/inet.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <linux/virtio_net.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "mcr.h"
#include "model.h"
#include "packet_ring.h"

#define SLOTS 64u
/* Where the kernel puts a frame: slot header, socket address and vnet header, aligned, then the link header. */
#define MAC_OFFSET 76u
#define NET_OFFSET 90u
#define LIVES 3000u
#define BATCH_MAX 9u

/* What tpacket_rcv() does, as far as a reader can see it. */
struct kernel {
	_Alignas(64) uint8_t memory[SLOTS * MCR_SLOT_BYTES];
	uint64_t head; /* frames put into the ring so far */
	uint64_t time_ns;
};

static struct tpacket2_hdr *slot_of(struct kernel *kernel, uint64_t position)
{
	return (void *)(kernel->memory + position % SLOTS * MCR_SLOT_BYTES);
}

/* Receives a frame whose payload is its number. Return: false, and the frame is lost, when the next slot is taken. */
static bool kernel_receive(struct kernel *kernel)
{
	struct tpacket2_hdr *slot = slot_of(kernel, kernel->head);

	kernel->time_ns += 1000;
	if (slot->tp_status != TP_STATUS_KERNEL)
		return false;
	slot->tp_mac = MAC_OFFSET;
	slot->tp_net = NET_OFFSET;
	slot->tp_len = slot->tp_snaplen = NET_OFFSET - MAC_OFFSET + 64;
	slot->tp_sec = (uint32_t)(kernel->time_ns / 1000000000u);
	slot->tp_nsec = (uint32_t)(kernel->time_ns % 1000000000u);
	memset((uint8_t *)slot + MAC_OFFSET - sizeof(struct virtio_net_hdr), 0, sizeof(struct virtio_net_hdr));
	memcpy((uint8_t *)slot + NET_OFFSET, &kernel->head, sizeof(kernel->head));
	slot->tp_status = TP_STATUS_USER;
	kernel->head++;
	return true;
}

static uint64_t number_of(const struct mcr_frame *frame)
{
	uint64_t number;

	memcpy(&number, frame->packet, sizeof(number));
	return number;
}

static struct virtio_net_hdr *vnet_of(struct kernel *kernel, uint64_t position)
{
	return (void *)((uint8_t *)slot_of(kernel, position) + MAC_OFFSET - sizeof(struct virtio_net_hdr));
}

static struct kernel *make_kernel(void)
{
	struct kernel *kernel = aligned_alloc(64, sizeof(*kernel));

	memset(kernel, 0, sizeof(*kernel));
	kernel->time_ns = UINT64_C(1700000000999990000);
	return kernel;
}

static void frame_is_what_the_slot_says(void)
{
	struct kernel *kernel = make_kernel();
	uint64_t cursor = 0;
	struct mcr_packet_ring ring = { .memory = kernel->memory, .slot_count = SLOTS, .cursor = &cursor };
	struct mcr_frame frame;

	CHECK(!mcr_packet_ring_look(&ring, 0, &frame));
	kernel_receive(kernel);
	slot_of(kernel, 0)->tp_status |= TP_STATUS_CSUM_VALID;
	if (CHECK(mcr_packet_ring_look(&ring, 0, &frame))) {
		CHECK(frame.packet == kernel->memory + NET_OFFSET);
		CHECK(frame.length == 64 && frame.wire_length == 64 && frame.link_bytes == 14);
		CHECK(frame.flags == (TP_STATUS_USER | TP_STATUS_CSUM_VALID) && frame.segment_bytes == 0);
		CHECK(frame.time_ns == UINT64_C(1700000000999991000));
	}
	free(kernel);
}

static void version_is_what_the_link_layer_says(void)
{
	const struct {
		uint16_t protocol;
		uint32_t version;
	} links[] = { { ETH_P_IP, 4 }, { ETH_P_IPV6, 6 }, { ETH_P_ARP, 0 }, { 0, 0 } };
	struct kernel *kernel = make_kernel();
	uint64_t cursor = 0;
	struct mcr_packet_ring ring = { .memory = kernel->memory, .slot_count = SLOTS, .cursor = &cursor };
	struct sockaddr_ll *link = (void *)(kernel->memory + TPACKET_ALIGN(sizeof(struct tpacket2_hdr)));
	struct mcr_frame frame;

	kernel_receive(kernel);
	for (uint32_t i = 0; i < sizeof(links) / sizeof(links[0]); i++) {
		link->sll_protocol = htons(links[i].protocol);
		CHECK(mcr_packet_ring_look(&ring, 0, &frame) && frame.version == links[i].version);
	}
	free(kernel);
}

static void superframe_tells_its_segments(void)
{
	const uint8_t others[] = { VIRTIO_NET_HDR_GSO_NONE, VIRTIO_NET_HDR_GSO_TCPV4, VIRTIO_NET_HDR_GSO_UDP,
				   VIRTIO_NET_HDR_GSO_TCPV6 };
	struct kernel *kernel = make_kernel();
	uint64_t cursor = 0;
	struct mcr_packet_ring ring = { .memory = kernel->memory, .slot_count = SLOTS, .cursor = &cursor };
	struct mcr_frame frame;

	kernel_receive(kernel);
	vnet_of(kernel, 0)->gso_size = 1316;
	vnet_of(kernel, 0)->gso_type = VIRTIO_NET_HDR_GSO_UDP_L4;
	CHECK(mcr_packet_ring_look(&ring, 0, &frame) && frame.segment_bytes == 1316);
	for (uint32_t i = 0; i < sizeof(others); i++) {
		vnet_of(kernel, 0)->gso_type = others[i];
		CHECK(mcr_packet_ring_look(&ring, 0, &frame) && frame.segment_bytes == 0);
	}
	free(kernel);
}

static void cut_frame_tells_both_lengths(void)
{
	struct kernel *kernel = make_kernel();
	uint64_t cursor = 0;
	struct mcr_packet_ring ring = { .memory = kernel->memory, .slot_count = SLOTS, .cursor = &cursor };
	struct mcr_frame frame;

	kernel_receive(kernel);
	slot_of(kernel, 0)->tp_len = 52682;
	slot_of(kernel, 0)->tp_snaplen = MCR_SLOT_BYTES - MAC_OFFSET;
	slot_of(kernel, 0)->tp_status |= TP_STATUS_COPY;
	CHECK(mcr_packet_ring_look(&ring, 0, &frame));
	CHECK(frame.length == MCR_SLOT_BYTES - NET_OFFSET && frame.wire_length == 52682 - 14);
	CHECK(frame.flags & TP_STATUS_COPY);
	/* Cut within the link header: nothing there, and no length below it. */
	slot_of(kernel, 0)->tp_snaplen = 10;
	CHECK(mcr_packet_ring_look(&ring, 0, &frame) && frame.length == 0);
	free(kernel);
}

static void look_ahead_ends_with_the_ring(void)
{
	struct kernel *kernel = make_kernel();
	uint64_t cursor = 0;
	struct mcr_packet_ring ring = { .memory = kernel->memory, .slot_count = SLOTS, .cursor = &cursor };
	struct mcr_frame frame;

	for (uint32_t i = 0; i < SLOTS; i++)
		CHECK(kernel_receive(kernel));
	CHECK(!kernel_receive(kernel));
	for (uint32_t i = 0; i < SLOTS; i++)
		CHECK(mcr_packet_ring_look(&ring, i, &frame) && number_of(&frame) == i);
	CHECK(!mcr_packet_ring_look(&ring, SLOTS, &frame) && !mcr_packet_ring_look(&ring, SLOTS + 1, &frame));
	free(kernel);
}

static void slots_come_round_in_order(void)
{
	struct model_random random = model_random_from(0xc1c1eull);
	struct kernel *kernel = make_kernel();
	uint64_t cursor = 0;
	struct mcr_packet_ring ring = { .memory = kernel->memory, .slot_count = SLOTS, .cursor = &cursor };

	while (cursor < 20 * SLOTS) {
		const uint32_t arrivals = model_random_below(&random, SLOTS / 2);
		uint32_t count = 0;
		struct mcr_frame frame;

		for (uint32_t i = 0; i < arrivals; i++)
			(void)kernel_receive(kernel);
		for (; count < arrivals && mcr_packet_ring_look(&ring, count, &frame); count++)
			CHECK(number_of(&frame) == cursor + count);
		if (!CHECK(cursor + count <= kernel->head)) {
			model_random_failed(&random);
			break;
		}
		mcr_packet_ring_give_back(&ring, count);
	}
	free(kernel);
}

static void leftover_is_what_the_kernel_has_not_had_back(void)
{
	struct kernel *kernel = make_kernel();
	uint64_t cursor = 0, newest_ns;
	struct mcr_packet_ring ring = { .memory = kernel->memory, .slot_count = SLOTS, .cursor = &cursor };
	struct mcr_frame frame;

	for (uint32_t i = 0; i < SLOTS; i++)
		kernel_receive(kernel);
	newest_ns = kernel->time_ns;
	CHECK(mcr_packet_ring_is_leftover(&ring, newest_ns, &frame) && number_of(&frame) == 0);
	/* Given back, and the worker died before it moved the cursor. */
	slot_of(kernel, 0)->tp_status = TP_STATUS_KERNEL;
	CHECK(!mcr_packet_ring_is_leftover(&ring, newest_ns, &frame));
	/* The same, and the kernel has come round to it since. */
	CHECK(kernel_receive(kernel));
	CHECK(!mcr_packet_ring_is_leftover(&ring, newest_ns, &frame));
	mcr_packet_ring_skip(&ring);
	CHECK(cursor == 1 && slot_of(kernel, 0)->tp_status == TP_STATUS_USER);
	CHECK(mcr_packet_ring_is_leftover(&ring, newest_ns, &frame) && number_of(&frame) == 1);
	free(kernel);
}

/* A worker that may be killed before every step of its own; a submission to the kernel is one step. */
struct life {
	struct kernel *kernel;
	struct mcr_stats *stats;
	struct mcr_packet_ring ring;
	int32_t progress;
	uint32_t steps_left;
	uint64_t sent; /* frames sent so far, all lives */
	uint64_t counted;
	bool is_wrong;
};

static bool is_killed(struct life *life)
{
	if (life->steps_left == 0)
		return true;
	life->steps_left--;
	return false;
}

/* As mcr_packet_ring_give_back(), which may be killed between its two stores. Return: false when it was. */
static bool give_back_one(struct life *life)
{
	uint64_t cursor = *life->ring.cursor;

	if (is_killed(life))
		return false;
	if (is_killed(life)) {
		slot_of(life->kernel, cursor)->tp_status = TP_STATUS_KERNEL;
		return false;
	}
	mcr_packet_ring_give_back(&life->ring, 1);
	return true;
}

/* One batch, in the order of the worker's relay_batch(). Return: false when it was killed. */
static bool live_batch(struct life *life)
{
	struct mcr_ring_stats *stats = &life->stats->rings[0];
	struct mcr_frame frame;
	uint64_t note = 0;

	for (; note < BATCH_MAX && mcr_packet_ring_look(&life->ring, (uint32_t)note, &frame); note++) {
		stats->batch_time_ns = frame.time_ns;
		life->is_wrong |= number_of(&frame) != life->sent + note;
	}
	if (note == 0 || is_killed(life))
		return note == 0;
	/* The sends and the note: all of it, or nothing. */
	life->sent += note;
	life->is_wrong |= write(life->progress, &note, sizeof(note)) != sizeof(note);
	if (is_killed(life))
		return false;
	life->counted += note;
	stats->frames += note;
	for (uint64_t i = 0; i < note; i++) {
		if (!give_back_one(life))
			return false;
	}
	return true;
}

/* As the worker's recover(). Return: false when it was killed. */
static bool live_recovery(struct life *life)
{
	struct mcr_ring_stats *stats = &life->stats->rings[0];
	struct mcr_frame frame;

	while (stats->cursor < stats->completed) {
		if (is_killed(life))
			return false;
		if (!mcr_packet_ring_is_leftover(&life->ring, stats->batch_time_ns, &frame)) {
			mcr_packet_ring_skip(&life->ring);
			continue;
		}
		life->is_wrong |= number_of(&frame) != stats->cursor;
		if (stats->frames == stats->cursor) {
			stats->frames++;
			life->counted++;
		}
		if (!give_back_one(life))
			return false;
	}
	return true;
}

static bool live_and_die(struct life *life, struct model_random *random)
{
	bool is_alive;

	life->steps_left = model_random_below(random, 60);
	is_alive = live_recovery(life);
	while (is_alive) {
		for (uint32_t i = model_random_below(random, 2 * BATCH_MAX); i > 0; i--)
			(void)kernel_receive(life->kernel);
		is_alive = live_batch(life) && !is_killed(life);
	}
	/* While nobody relays, the kernel goes on; now and then until the ring is full. */
	for (uint32_t i = model_random_below(random, 8) ? model_random_below(random, 9) : SLOTS; i > 0; i--)
		(void)kernel_receive(life->kernel);
	life->is_wrong |= mcr_stats_settle(life->stats, 0, life->progress) != 0;
	return !life->is_wrong && life->sent == life->stats->rings[0].completed;
}

static void no_frame_is_lost_or_repeated_however_workers_die(void)
{
	struct model_random random = model_random_from(0xdeadbea7ull);
	struct life life = { .kernel = make_kernel(), .progress = mcr_event_open() };
	const int32_t page = mcr_stats_open();

	life.stats = mcr_stats_map(page);
	life.ring = (struct mcr_packet_ring){ .memory = life.kernel->memory,
					      .slot_count = SLOTS,
					      .cursor = &life.stats->rings[0].cursor };
	for (uint32_t i = 0; i < LIVES; i++) {
		if (!CHECK(live_and_die(&life, &random))) {
			model_random_failed(&random);
			break;
		}
	}
	/* One more that nobody kills. */
	life.steps_left = UINT32_MAX;
	CHECK(live_recovery(&life));
	while (life.stats->rings[0].cursor < life.kernel->head && !life.is_wrong)
		live_batch(&life);
	CHECK(!life.is_wrong && life.sent == life.kernel->head && life.counted == life.kernel->head);
	CHECK(life.kernel->head > LIVES * BATCH_MAX);
	for (uint32_t i = 0; i < SLOTS; i++)
		CHECK(slot_of(life.kernel, i)->tp_status == TP_STATUS_KERNEL);
	mcr_stats_unmap(life.stats);
	close(page);
	close(life.progress);
	free(life.kernel);
}

void mcr_packet_ring_tests(void)
{
	RUN(frame_is_what_the_slot_says);
	RUN(version_is_what_the_link_layer_says);
	RUN(superframe_tells_its_segments);
	RUN(cut_frame_tells_both_lengths);
	RUN(look_ahead_ends_with_the_ring);
	RUN(slots_come_round_in_order);
	RUN(leftover_is_what_the_kernel_has_not_had_back);
	RUN(no_frame_is_lost_or_repeated_however_workers_die);
}
