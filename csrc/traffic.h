/*
 * What `mcr gen` and `mcr sink` agree on: the payload of a datagram, the digest of a flow, and
 * how what arrives is accounted. No sockets, no clocks.
 *
 * The payload, in network byte order, 40 bytes and then the filling:
 *
 *    0               4       5       6       8              12              16
 *   +---------------+-------+-------+-------+---------------+---------------+
 *   | magic "mcrg"  |version| flags |length |     flow      |     check     |
 *   +---------------+-------+-------+-------+---------------+---------------+
 *   |            stream             |            sequence                   |  16, 24
 *   +-------------------------------+---------------------------------------+
 *   |   send time, ns since 1970    |  filling, up to length bytes in all   |  32, 40
 *   +-------------------------------+---------------------------------------+
 *
 * length counts header and filling. stream is drawn at random by each run of gen; sequence counts
 * each flow from 0. check covers everything in the header but itself and the magic. flags bit 0
 * says that the filling is derived from (stream, flow, sequence), so that each byte of it can be
 * verified: it is a slice of a fixed pseudo-random table, whose offset is a hash of the three. Bit 1
 * says that something around the payload was broken on purpose: nobody should hand it on.
 */
#ifndef MCR_TRAFFIC_H
#define MCR_TRAFFIC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "histogram.h"

#define MCR_TRAFFIC_MAGIC 0x6d637267u /* "mcrg" */
#define MCR_TRAFFIC_VERSION 1u
#define MCR_TRAFFIC_FILLED 0x01u
#define MCR_TRAFFIC_BROKEN 0x02u
#define MCR_TRAFFIC_HEADER_BYTES 40u
#define MCR_TRAFFIC_LENGTH_MAX 65507u /* 65535 - 20 of IPv4 - 8 of UDP */

/* Offsets into the filling. 16 KiB of them keep the table of usual sizes within the L1 cache. */
#define MCR_FILLING_OFFSETS 16384u
#define MCR_DIGEST_START UINT64_C(0x6d63722d64696765)

struct mcr_traffic_header {
	uint64_t stream;
	uint64_t sequence;
	uint64_t sent_ns;
	uint32_t flow;
	uint16_t length;
	uint8_t version;
	uint8_t flags;
};

enum mcr_traffic_verdict {
	MCR_TRAFFIC_GOOD,
	MCR_TRAFFIC_FOREIGN, /* not from gen, or from another version of it */
	MCR_TRAFFIC_CORRUPT, /* gen's magic, but the header contradicts itself or the length */
};

/** The table that fillings are slices of. */
struct mcr_filling {
	uint8_t bytes[MCR_FILLING_OFFSETS + MCR_TRAFFIC_LENGTH_MAX];
};

/** Multiplies to 128 bits and folds: the one mixing step that everything here is built of. */
static inline uint64_t mcr_traffic_mix(uint64_t a, uint64_t b)
{
	__extension__ const unsigned __int128 product = (unsigned __int128)a * b;

	return (uint64_t)product ^ (uint64_t)(product >> 64);
}

/** The hash of everything in a header. */
static inline uint64_t mcr_traffic_hash(const struct mcr_traffic_header *header)
{
	const uint64_t small = (uint64_t)header->flow << 32 | (uint64_t)header->length << 16 |
			       (uint64_t)header->version << 8 | header->flags;

	return mcr_traffic_mix(header->stream ^ UINT64_C(0x9e3779b97f4a7c15),
			       header->sequence ^ UINT64_C(0xd1b54a32d192ed03)) ^
	       mcr_traffic_mix(header->sent_ns ^ UINT64_C(0x8bb84b93962eacc9),
			       small ^ UINT64_C(0x2d358dccaa6c78a5));
}

/**
 * mcr_digest_next - chain one datagram to the digest of its flow.
 * @hash:    of its header.
 * @filling: 0 when the filling is what the header says it is, else mcr_filling_hash() of it.
 *
 * As a right filling follows from the header, equal digests mean: the same datagrams, byte for
 * byte, in the same order, each once. So gen pays for a header, not for its payload.
 */
static inline uint64_t mcr_digest_next(uint64_t digest, uint64_t hash, uint64_t filling)
{
	return mcr_traffic_mix(digest ^ hash, filling ^ UINT64_C(0x4b33a62ed433d4a3));
}

/** Where in the table the filling of a datagram begins. */
static inline uint32_t mcr_filling_offset(uint64_t stream, uint32_t flow, uint64_t sequence)
{
	const uint64_t hash = mcr_traffic_mix(stream ^ UINT64_C(0x9e3779b97f4a7c15) ^ flow,
					      sequence ^ UINT64_C(0xe7037ed1a0b428db));

	return (uint32_t)(hash % MCR_FILLING_OFFSETS);
}

/** Writes a header, whose mcr_traffic_hash() is @hash, into MCR_TRAFFIC_HEADER_BYTES at @to. */
static inline void mcr_traffic_write(uint8_t *to, const struct mcr_traffic_header *header,
				     uint64_t hash)
{
	const uint32_t check = (uint32_t)(hash ^ hash >> 32);
	const uint64_t words[] = {
		__builtin_bswap64((uint64_t)MCR_TRAFFIC_MAGIC << 32 |
				  (uint64_t)header->version << 24 |
				  (uint64_t)header->flags << 16 | header->length),
		__builtin_bswap64((uint64_t)header->flow << 32 | check),
		__builtin_bswap64(header->stream),
		__builtin_bswap64(header->sequence),
		__builtin_bswap64(header->sent_ns),
	};

	_Static_assert(sizeof(words) == MCR_TRAFFIC_HEADER_BYTES, "the header is five words");
	_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "mcr runs on little-endian only");
	memcpy(to, words, sizeof(words));
}

/**
 * mcr_traffic_read - read and check the header of a payload.
 * @length: of the whole payload; any, including 0.
 * @header: written when the verdict is MCR_TRAFFIC_GOOD.
 * @hash:   written likewise: mcr_traffic_hash() of it.
 */
enum mcr_traffic_verdict mcr_traffic_read(const uint8_t *payload, size_t length,
					  struct mcr_traffic_header *header, uint64_t *hash);

/** mcr_filling_init - compute the table: the same on every host, and always. */
void mcr_filling_init(struct mcr_filling *filling);

/** mcr_filling_is_right - is the rest of @payload what its @header says it is? */
bool mcr_filling_is_right(const struct mcr_filling *filling, const uint8_t *payload,
			  const struct mcr_traffic_header *header);

/** mcr_filling_hash - hash of any bytes; never 0. For a filling that is wrong. */
uint64_t mcr_filling_hash(const uint8_t *bytes, size_t length);

/* How far behind the highest sequence number a datagram is still told from a duplicate. */
#define MCR_SEQUENCE_WINDOW 65536u

/** What arrived of one flow, by sequence number. All zero is the state before the first. */
struct mcr_sequence {
	uint64_t first; /* lowest */
	uint64_t last; /* highest */
	uint64_t unique; /* different ones */
	uint64_t reordered; /* came after a higher one, for the first time */
	uint64_t duplicated; /* had come before */
	uint64_t stale; /* too far behind the highest to tell which of the two */
	uint64_t seen[MCR_SEQUENCE_WINDOW / 64]; /* bit by sequence modulo the window */
};

/** mcr_sequence_account - account the arrival of @number. */
void mcr_sequence_account(struct mcr_sequence *sequence, uint64_t number);

/** Numbers between the lowest and the highest that did not come (yet). */
static inline uint64_t mcr_sequence_lost(const struct mcr_sequence *sequence)
{
	return sequence->unique ? sequence->last - sequence->first + 1 - sequence->unique : 0;
}

#define MCR_TALLY_FLOWS_MAX 4096u /* 17.5 KiB each; only those of flows that came are touched */
#define MCR_TALLY_SLOTS (4 * MCR_TALLY_FLOWS_MAX) /* a quarter full at most: short probes */

/** What came of one flow, to one destination. */
struct mcr_tally_flow {
	uint64_t stream;
	uint32_t flow;
	uint32_t destination; /* the caller's number for it */
	uint64_t received; /* whole datagrams, duplicates and wrong fillings too */
	uint64_t corrupt; /* wrong fillings */
	uint64_t bytes;
	uint64_t digest; /* in order of arrival */
	bool is_unverified; /* some came without a filling to verify, or were not to be */
	struct mcr_sequence sequence;
	struct mcr_histogram latency;
};

/** What came of all flows, and what belongs to none. */
struct mcr_tally {
	struct mcr_tally_flow *flows; /* flow_count of them, in order of appearance */
	struct mcr_tally_flow *recent;
	uint32_t flow_count;
	bool verify;
	uint64_t received; /* of all flows together */
	uint64_t corrupt; /* headers: nobody knows whose */
	uint64_t broken; /* as gen sent them */
	uint64_t foreign;
	uint64_t untracked; /* of flows above MCR_TALLY_FLOWS_MAX */
	uint64_t behind; /* arrived before they were sent: the clocks disagree */
	uint64_t first_ns, last_ns; /* arrival of the first and the last of received */
	uint32_t slots[MCR_TALLY_SLOTS]; /* position in flows, plus 1; 0: free */
	struct mcr_filling filling;
};

/**
 * mcr_tally_init - make an empty tally.
 * @verify: verify fillings and chain digests.
 *
 * Return: 0, or -ENOMEM.
 */
int32_t mcr_tally_init(struct mcr_tally *tally, bool verify);

/** mcr_tally_fini - give its memory back. A tally that is all zero will do. */
void mcr_tally_fini(struct mcr_tally *tally);

/**
 * mcr_tally_add - account one payload that arrived. Allocates nothing.
 * @destination: where it arrived: one flow at two destinations is two flows here.
 * @arrival_ns:  CLOCK_REALTIME.
 */
void mcr_tally_add(struct mcr_tally *tally, uint32_t destination, const uint8_t *payload,
		   size_t length, uint64_t arrival_ns);

#endif
