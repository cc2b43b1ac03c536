/*
 * wire_world.h - egress with outputs as mcr_output_open() makes them, on the loopback of a network namespace of its
 * own, and somebody who reads the wire there: every packet with all its headers, in the order of their sending.
 */
#ifndef MCR_WIRE_WORLD_H
#define MCR_WIRE_WORLD_H

#include "egress_world.h"

#define WIRE_LOOPBACK 1u

struct wire {
	struct world world;
	int tap;
	int marker; /* sends what tells the reader that nothing is behind it */
	uint32_t marker_port;
	bool is_marked;
	uint32_t sources[SOCKETS]; /* port that each output sends from; 0: ESP, or none */
	bool is_ipv4[SOCKETS];
};

/* What was on the wire: UDP or ESP, segments apart. */
struct wire_packet {
	uint8_t from[16], to[16];
	uint32_t from_port, to_port; /* 0 with ESP */
	uint32_t protocol;
	uint32_t ttl, traffic_class;
	uint32_t length;
	bool is_fragment;
	const uint8_t *payload; /* until the next is read */
};

/* As world_open(), for a caller inside relay_run(). */
bool wire_open(struct wire *wire, const struct mcr_rule *rules, uint32_t rule_count, const struct mcr_output *outputs,
	       uint32_t output_count);
void wire_close(struct wire *wire);

/* What an output with these flags is opened with; to be changed and handed to wire_open_output(). */
struct mcr_output_options wire_options(const struct mcr_output *output);

/* Opens the socket of an output and gives it to the ring. */
bool wire_open_output(struct wire *wire, uint32_t socket, const struct mcr_output_options *options);

/* The next packet, of whatever output; false when there is none. Others than UDP and ESP are passed over. To be read to
 * the end before more is sent: a packet may be late, so the end is what is sent when the reading begins.
 */
bool wire_next(struct wire *wire, struct wire_packet *packet);

/* Whether an output sent a packet. Its port alone does not tell: sockets of the two families may have the same. */
bool wire_is_from(const struct wire *wire, const struct wire_packet *packet, uint32_t socket);

/* Sets the MTU of the loopback. */
bool wire_set_mtu(uint32_t bytes);

/* 16 bytes out of text of either family. */
void wire_address(uint8_t *address, const char *text);

#endif
