/* The payload and the accounting that gen and sink agree on; see traffic.h. */
#include "traffic.h"

#include <errno.h>
#include <stdlib.h>

static uint64_t load_word(const uint8_t *from)
{
	uint64_t word;

	memcpy(&word, from, sizeof(word));
	return word;
}

enum mcr_traffic_verdict mcr_traffic_read(const uint8_t *payload, size_t length,
					  struct mcr_traffic_header *header, uint64_t *hash)
{
	const uint8_t magic[] = { 'm', 'c', 'r', 'g' };
	struct mcr_traffic_header read;
	uint64_t word, computed;

	if (length < sizeof(magic) || memcmp(payload, magic, sizeof(magic)) != 0)
		return MCR_TRAFFIC_FOREIGN;
	if (length < MCR_TRAFFIC_HEADER_BYTES)
		return MCR_TRAFFIC_CORRUPT;

	word = __builtin_bswap64(load_word(payload));
	read.version = (uint8_t)(word >> 24);
	read.flags = (uint8_t)(word >> 16);
	read.length = (uint16_t)word;
	word = __builtin_bswap64(load_word(payload + 8));
	read.flow = (uint32_t)(word >> 32);
	read.stream = __builtin_bswap64(load_word(payload + 16));
	read.sequence = __builtin_bswap64(load_word(payload + 24));
	read.sent_ns = __builtin_bswap64(load_word(payload + 32));

	computed = mcr_traffic_hash(&read);
	if ((uint32_t)word != (uint32_t)(computed ^ computed >> 32))
		return MCR_TRAFFIC_CORRUPT;
	if (read.version != MCR_TRAFFIC_VERSION)
		return MCR_TRAFFIC_FOREIGN;
	if (read.length != length)
		return MCR_TRAFFIC_CORRUPT;
	*header = read;
	*hash = computed;
	return MCR_TRAFFIC_GOOD;
}

void mcr_filling_init(struct mcr_filling *filling)
{
	uint64_t state = UINT64_C(0x6d63722067656e21);

	for (size_t at = 0; at < sizeof(filling->bytes); at += 8) {
		const size_t left = sizeof(filling->bytes) - at;
		uint64_t word;

		state += UINT64_C(0x9e3779b97f4a7c15);
		word = __builtin_bswap64(mcr_traffic_mix(state, UINT64_C(0xd1342543de82ef95)));
		memcpy(filling->bytes + at, &word, left < 8 ? left : 8);
	}
}

/* musl's memcmp() goes byte by byte: 1.3 us for 1316 bytes. This takes 0.06. */
static bool bytes_equal(const uint8_t *a, const uint8_t *b, size_t length)
{
	uint64_t difference = 0;

	for (; length >= 32; length -= 32, a += 32, b += 32) {
		difference |= load_word(a) ^ load_word(b);
		difference |= load_word(a + 8) ^ load_word(b + 8);
		difference |= load_word(a + 16) ^ load_word(b + 16);
		difference |= load_word(a + 24) ^ load_word(b + 24);
	}
	for (; length; length--)
		difference |= (uint64_t)(*a++ ^ *b++);
	return difference == 0;
}

bool mcr_filling_is_right(const struct mcr_filling *filling, const uint8_t *payload,
			  const struct mcr_traffic_header *header)
{
	const uint32_t offset =
		mcr_filling_offset(header->stream, header->flow, header->sequence);

	return bytes_equal(filling->bytes + offset, payload + MCR_TRAFFIC_HEADER_BYTES,
			   header->length - MCR_TRAFFIC_HEADER_BYTES);
}

uint64_t mcr_filling_hash(const uint8_t *bytes, size_t length)
{
	uint64_t hash = length ^ UINT64_C(0x9e3779b97f4a7c15);
	uint64_t tail = 0;

	for (; length >= 8; length -= 8, bytes += 8)
		hash = mcr_traffic_mix(hash ^ load_word(bytes), UINT64_C(0xe7037ed1a0b428db));
	memcpy(&tail, bytes, length);
	hash = mcr_traffic_mix(hash ^ tail, UINT64_C(0x8bb84b93962eacc9));
	return hash ? hash : 1;
}

static void mark_seen(struct mcr_sequence *sequence, uint64_t number)
{
	const uint64_t bit = number % MCR_SEQUENCE_WINDOW;

	sequence->seen[bit / 64] |= UINT64_C(1) << bit % 64;
}

/* Numbers from above the highest up to @number take over the bits of those leaving the window. */
static void advance(struct mcr_sequence *sequence, uint64_t number)
{
	if (number - sequence->last >= MCR_SEQUENCE_WINDOW) {
		memset(sequence->seen, 0, sizeof(sequence->seen));
	} else {
		for (uint64_t i = sequence->last + 1; i != number; i++) {
			const uint64_t bit = i % MCR_SEQUENCE_WINDOW;

			sequence->seen[bit / 64] &= ~(UINT64_C(1) << bit % 64);
		}
	}
	sequence->last = number;
}

void mcr_sequence_account(struct mcr_sequence *sequence, uint64_t number)
{
	const uint64_t bit = number % MCR_SEQUENCE_WINDOW;

	if (sequence->unique == 0) {
		sequence->first = sequence->last = number;
	} else if (number > sequence->last) {
		advance(sequence, number);
	} else if (sequence->last - number >= MCR_SEQUENCE_WINDOW) {
		sequence->stale++;
		return;
	} else if (sequence->seen[bit / 64] & UINT64_C(1) << bit % 64) {
		sequence->duplicated++;
		return;
	} else {
		sequence->reordered++;
		if (number < sequence->first)
			sequence->first = number;
	}
	mark_seen(sequence, number);
	sequence->unique++;
}

int32_t mcr_tally_init(struct mcr_tally *tally, bool verify)
{
	memset(tally, 0, sizeof(*tally));
	tally->verify = verify;
	tally->flows = calloc(MCR_TALLY_FLOWS_MAX, sizeof(*tally->flows));
	if (!tally->flows)
		return -ENOMEM;
	mcr_filling_init(&tally->filling);
	return 0;
}

void mcr_tally_fini(struct mcr_tally *tally)
{
	free(tally->flows);
	tally->flows = NULL;
}

static bool is_flow(const struct mcr_tally_flow *flow, uint32_t destination,
		    const struct mcr_traffic_header *header)
{
	return flow->stream == header->stream && flow->flow == header->flow &&
	       flow->destination == destination;
}

/* Return the flow, a new one where there is room for it; NULL where there is none. */
static struct mcr_tally_flow *find_flow(struct mcr_tally *tally, uint32_t destination,
					const struct mcr_traffic_header *header)
{
	const uint64_t key = (uint64_t)destination << 32 | header->flow;
	const uint64_t hash = mcr_traffic_mix(header->stream ^ UINT64_C(0x9e3779b97f4a7c15),
					      key ^ UINT64_C(0xe7037ed1a0b428db));
	uint32_t slot = (uint32_t)hash % MCR_TALLY_SLOTS;
	struct mcr_tally_flow *flow;

	for (; tally->slots[slot]; slot = (slot + 1) % MCR_TALLY_SLOTS) {
		flow = &tally->flows[tally->slots[slot] - 1];
		if (is_flow(flow, destination, header))
			return flow;
	}
	if (tally->flow_count == MCR_TALLY_FLOWS_MAX)
		return NULL;
	flow = &tally->flows[tally->flow_count++];
	tally->slots[slot] = tally->flow_count;
	flow->stream = header->stream;
	flow->flow = header->flow;
	flow->destination = destination;
	flow->digest = MCR_DIGEST_START;
	return flow;
}

static void verify_filling(const struct mcr_tally *tally, struct mcr_tally_flow *flow,
			   const uint8_t *payload, const struct mcr_traffic_header *header,
			   uint64_t hash)
{
	uint64_t wrong = 0;

	if (!tally->verify || !(header->flags & MCR_TRAFFIC_FILLED)) {
		flow->is_unverified = true;
		return;
	}
	if (!mcr_filling_is_right(&tally->filling, payload, header)) {
		wrong = mcr_filling_hash(payload + MCR_TRAFFIC_HEADER_BYTES,
					 header->length - MCR_TRAFFIC_HEADER_BYTES);
		flow->corrupt++;
	}
	flow->digest = mcr_digest_next(flow->digest, hash, wrong);
}

void mcr_tally_add(struct mcr_tally *tally, uint32_t destination, const uint8_t *payload,
		   size_t length, uint64_t arrival_ns)
{
	struct mcr_tally_flow *flow = tally->recent;
	struct mcr_traffic_header header;
	uint64_t hash;

	switch (mcr_traffic_read(payload, length, &header, &hash)) {
	case MCR_TRAFFIC_FOREIGN:
		tally->foreign++;
		return;
	case MCR_TRAFFIC_CORRUPT:
		tally->corrupt++;
		return;
	case MCR_TRAFFIC_GOOD:
		break;
	}
	if (header.flags & MCR_TRAFFIC_BROKEN) {
		tally->broken++;
		return;
	}
	if (!flow || !is_flow(flow, destination, &header)) {
		flow = find_flow(tally, destination, &header);
		if (!flow) {
			tally->untracked++;
			return;
		}
		tally->recent = flow;
	}
	if (tally->received++ == 0)
		tally->first_ns = arrival_ns;
	tally->last_ns = arrival_ns;
	flow->received++;
	flow->bytes += length;
	mcr_sequence_account(&flow->sequence, header.sequence);
	verify_filling(tally, flow, payload, &header, hash);
	if (arrival_ns < header.sent_ns)
		tally->behind++;
	mcr_histogram_add(&flow->latency,
			  arrival_ns < header.sent_ns ? 0 : arrival_ns - header.sent_ns);
}
