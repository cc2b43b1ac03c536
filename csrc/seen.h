/*
 * What the headers of received datagrams said: how many had which TTL, DSCP and ECN, source address, source port, SPI.
 * All counts are exact. No sockets.
 */
#ifndef MCR_SEEN_H
#define MCR_SEEN_H

#include <stdint.h>

#include "address.h"

#define MCR_SEEN_KEYS_MAX 4096u
#define MCR_SEEN_SLOTS (4u * MCR_SEEN_KEYS_MAX) /* a quarter full at most: short probes */

/** A key of 128 bits and how often it was seen. */
struct mcr_seen_key {
	uint64_t high, low;
	uint64_t count;
};

/** Keys and their counts, in order of appearance. All zero is an empty set. */
struct mcr_seen_set {
	struct mcr_seen_key keys[MCR_SEEN_KEYS_MAX];
	uint16_t slots[MCR_SEEN_SLOTS]; /* position in keys, plus 1; 0: free */
	uint32_t key_count;
	uint32_t recent; /* position of the key seen last */
	uint64_t others; /* of keys that there was no room for */
};

/** The headers of one datagram. */
struct mcr_seen_headers {
	struct mcr_address source;
	uint32_t spi; /* of ESP */
	uint16_t source_port; /* of UDP */
	uint8_t ttl; /* or hop limit */
	uint8_t tos; /* or traffic class */
};

/** What all of them said. Large; all zero is nothing yet. */
struct mcr_seen {
	uint64_t ttl[256];
	uint64_t tos[256];
	uint64_t source_port[65536];
	struct mcr_seen_set source;
	struct mcr_seen_set spi;
};

/** mcr_seen_set_add - count a key @count times more. */
void mcr_seen_set_add(struct mcr_seen_set *set, uint64_t high, uint64_t low, uint64_t count);

/** mcr_seen_add - count @count datagrams with the same headers. */
void mcr_seen_add(struct mcr_seen *seen, const struct mcr_seen_headers *headers, uint64_t count);

/** mcr_seen_print_json - print an object with a count for each value of each field. */
void mcr_seen_print_json(const struct mcr_seen *seen);

/** mcr_seen_print - print a line for people, of the first few values of each field. */
void mcr_seen_print(const struct mcr_seen *seen);

#endif
