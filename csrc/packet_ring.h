/*
 * packet_ring.h - walks a TPACKET_V2 receive ring that lies in memory. Owns the position in it; knows neither sockets
 * nor what the frames mean, so that it is tested on an array.
 *
 * Who owns a slot when:
 *
 *     kernel  --(tp_status gains TP_STATUS_USER)-->  worker: look() sees it; iovecs may point into it
 *     worker  --(all sends of the slot are done)-->  give_back(): in order, one by one; then the kernel again
 *
 * The position is a count that only grows and lives in memory shared with the successor (mcr_ring_stats.cursor).
 */
#ifndef MCR_PACKET_RING_H
#define MCR_PACKET_RING_H

#include <stdint.h>

struct mcr_packet_ring {
	uint8_t *memory; /* slot_count * MCR_SLOT_BYTES */
	uint32_t slot_count; /* a power of two */
	uint64_t *cursor; /* slots given back so far */
};

/* One frame of the ring, by value; pointers are valid until its slot is given back. */
struct mcr_frame {
	const uint8_t *packet; /* from the network header on */
	uint32_t length; /* bytes there; less than wire_length when cut */
	uint32_t wire_length; /* bytes from the network header on as received */
	uint32_t link_bytes; /* before the network header */
	uint32_t flags; /* TP_STATUS_* */
	uint32_t version; /* of IP, by the header before it: 4 or 6; 0: something else */
	uint32_t segment_bytes; /* payload of each datagram of a superframe; 0 when it is one datagram */
	uint64_t time_ns; /* kernel receive timestamp, CLOCK_REALTIME */
};

/* Looks at the slot @ahead slots beyond the cursor. Return: 1 with @frame filled in; 0: the kernel still owns it. */
int mcr_packet_ring_look(const struct mcr_packet_ring *ring, uint32_t ahead, struct mcr_frame *frame);

/* Whether the next slot has a frame. */
int mcr_packet_ring_has_frame(const struct mcr_packet_ring *ring);

/* Gives the next @count slots back to the kernel, in order, and moves the cursor. */
void mcr_packet_ring_give_back(struct mcr_packet_ring *ring, uint32_t count);

/*
 * After a predecessor's death: is the next slot one that it had sent but not given back? Not if the kernel owns it
 * already, nor if the kernel has filled it again since: then it is newer than @newest_ns, the newest frame that the
 * predecessor had in its hands. Return: 1 with @frame filled in, or 0.
 */
int mcr_packet_ring_is_leftover(const struct mcr_packet_ring *ring, uint64_t newest_ns, struct mcr_frame *frame);

/* Moves the cursor over the next slot without giving it back. */
void mcr_packet_ring_skip(struct mcr_packet_ring *ring);

#endif
