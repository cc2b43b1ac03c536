/*
 * model.h - what several unit tests build their worlds from: numbers at random that come again, packets made and
 * judged the slow and obvious way, memory that ends at a cliff.
 */
#ifndef MCR_MODEL_H
#define MCR_MODEL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A generator whose seed is written in the test, so that a failure comes again. */
struct model_random {
	uint64_t seed;
	uint64_t state;
	uint64_t drawn;
};

struct model_random model_random_from(uint64_t seed);
uint64_t model_random_next(struct model_random *random);

/* 0 to @limit - 1. */
uint32_t model_random_below(struct model_random *random, uint32_t limit);

/* Says where a random test failed. Return: false, so that `return model_random_failed(&random);` does. */
bool model_random_failed(const struct model_random *random);

/* ::ffff:a.b.c.d out of 0xaabbccdd. */
void model_address(uint8_t *address, uint32_t ipv4);

/* RFC 1071, one 16-bit word after the other. */
uint16_t model_checksum(const uint8_t *bytes, size_t length, uint32_t sum);

/* An IPv4 packet with a UDP datagram, as a test wants it. */
struct model_packet {
	uint32_t source;
	uint32_t group;
	uint16_t port;
	uint32_t option_bytes; /* of the IPv4 header: a multiple of 4, at most 40 */
	const uint8_t *payload;
	uint32_t payload_length;
};

/* Writes it with both checksums. Return: its length. */
uint32_t model_packet_write(const struct model_packet *packet, uint8_t *to);

/* Writes the IPv4 header checksum that is right for what the header says now. */
void model_packet_seal_header(uint8_t *packet);

/* The same for the UDP checksum, where the UDP header lies within @length bytes. */
void model_packet_seal_udp(uint8_t *packet, uint32_t length);

/* An IPv6 packet with a UDP datagram. */
struct model_packet6 {
	uint8_t source[16];
	uint8_t group[16];
	uint16_t port;
	uint8_t first; /* what the IPv6 header announces; 0 and no extensions: UDP */
	const uint8_t *extensions; /* as they lie in the packet: the last one announces 17 */
	uint32_t extension_bytes;
	const uint8_t *payload;
	uint32_t payload_length;
};

uint32_t model_packet6_write(const struct model_packet6 *packet, uint8_t *to);

/* Writes the UDP checksum that is right for an IPv6 packet whose UDP header lies at @offset. */
void model_packet6_seal(uint8_t *packet, uint32_t offset);

/* Whether a packet may be relayed, told by somebody who is in no hurry. Checks every rule of parse.h. */
bool model_packet_is_sound(const uint8_t *packet, uint32_t length, uint32_t version);

/* Memory of which the last byte is followed by none: reading on is SIGSEGV. Return: its end. */
uint8_t *model_cliff(size_t size);

/* Open descriptors of this process. */
uint32_t model_fd_count(void);

#endif
