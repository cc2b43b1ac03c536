/* reassembly.c - see reassembly.h. */
#include "reassembly.h"

#include "base.h"

#define IPV4_HEADER_BYTES 20u

static void set_free(struct mcr_reassembler *reassembler, struct mcr_reassembly *one)
{
	one->state = MCR_REASSEMBLY_FREE;
	reassembler->active_count--;
}

void mcr_reassembly_expire(struct mcr_reassembler *reassembler, uint64_t now_ns)
{
	for (uint32_t i = 0; reassembler->active_count > 0 && i < MCR_REASSEMBLIES; i++) {
		struct mcr_reassembly *one = &reassembler->all[i];

		if (one->state == MCR_REASSEMBLY_FREE || one->state == MCR_REASSEMBLY_WHOLE ||
		    now_ns - one->since_ns < MCR_REASSEMBLY_AGE_NS)
			continue;
		if (one->state == MCR_REASSEMBLY_GATHERING)
			reassembler->lost++;
		set_free(reassembler, one);
	}
}

/* What fragments of one packet have in common. */
struct identity {
	uint32_t input;
	uint32_t version;
	uint32_t identification;
	uint8_t key[32];
};

static struct identity identity_of(uint32_t input, const uint8_t *packet, const struct mcr_fragment *fragment)
{
	struct identity identity = { .input = input,
				     .version = packet[0] >> 4,
				     .identification = fragment->identification };

	if (identity.version == 4) {
		memcpy(identity.key, packet + 12, 8);
		identity.key[8] = (uint8_t)fragment->protocol;
	} else {
		memcpy(identity.key, packet + 8, 32);
	}
	return identity;
}

static struct mcr_reassembly *find(struct mcr_reassembler *reassembler, const struct identity *identity)
{
	for (uint32_t i = 0; reassembler->active_count > 0 && i < MCR_REASSEMBLIES; i++) {
		struct mcr_reassembly *one = &reassembler->all[i];

		if (one->state != MCR_REASSEMBLY_FREE && one->identification == identity->identification &&
		    one->input == identity->input && one->version == identity->version &&
		    memcmp(one->key, identity->key, sizeof(one->key)) == 0)
			return one;
	}
	return NULL;
}

/* A free buffer, the first of them so that few are ever touched; or that of the oldest datagram, which is given up. */
static struct mcr_reassembly *choose_buffer(struct mcr_reassembler *reassembler)
{
	struct mcr_reassembly *oldest = &reassembler->all[0];

	for (uint32_t i = 0; i < MCR_REASSEMBLIES; i++) {
		struct mcr_reassembly *one = &reassembler->all[i];

		if (one->state == MCR_REASSEMBLY_FREE)
			return one;
		if (one->since_ns < oldest->since_ns)
			oldest = one;
	}
	if (oldest->state == MCR_REASSEMBLY_GATHERING)
		reassembler->lost++;
	set_free(reassembler, oldest);
	return oldest;
}

static struct mcr_reassembly *begin(struct mcr_reassembler *reassembler, const struct identity *identity,
				    uint64_t now_ns)
{
	struct mcr_reassembly *one = choose_buffer(reassembler);

	one->state = MCR_REASSEMBLY_GATHERING;
	one->input = identity->input;
	one->version = identity->version;
	one->identification = identity->identification;
	one->total = 0;
	one->furthest = 0;
	one->received = 0;
	one->since_ns = now_ns;
	memcpy(one->key, identity->key, sizeof(one->key));
	memset(one->blocks, 0, sizeof(one->blocks));
	reassembler->active_count++;
	return one;
}

static int block_is_there(const struct mcr_reassembly *one, uint32_t block)
{
	return (one->blocks[block / 64] >> block % 64 & 1) != 0;
}

/* How many of the fragment's blocks are there already. */
static uint32_t count_blocks(const struct mcr_reassembly *one, uint32_t first, uint32_t count)
{
	uint32_t there = 0;

	for (uint32_t block = first; block < first + count; block++)
		there += (uint32_t)block_is_there(one, block);
	return there;
}

/* Return: 0 when the fragment contradicts the others; then what it belongs to cannot be trusted (RFC 5722). */
static int add(struct mcr_reassembly *one, const struct mcr_fragment *fragment)
{
	uint8_t *content = one->packet + MCR_IPV6_HEADER_BYTES;
	const uint32_t first = fragment->offset / 8, count = (fragment->length + 7) / 8;
	const uint32_t end = fragment->offset + fragment->length;
	const uint32_t there = count_blocks(one, first, count);

	if ((one->total && end > one->total) || (fragment->is_last && end < one->furthest))
		return 0;
	/* The same once more is no contradiction: networks repeat packets. */
	if (there == count)
		return memcmp(content + fragment->offset, fragment->bytes, fragment->length) == 0;
	if (there > 0)
		return 0;
	memcpy(content + fragment->offset, fragment->bytes, fragment->length);
	for (uint32_t block = first; block < first + count; block++)
		one->blocks[block / 64] |= 1ull << block % 64;
	one->received += fragment->length;
	one->furthest = end > one->furthest ? end : one->furthest;
	if (fragment->is_last)
		one->total = end;
	return 1;
}

/* Keeps the header of the first fragment, right before what the fragments have. */
static void take_header(struct mcr_reassembly *one, const uint8_t *packet, uint32_t protocol)
{
	if (one->version == 4) {
		memcpy(one->packet + MCR_IPV6_HEADER_BYTES - IPV4_HEADER_BYTES, packet, IPV4_HEADER_BYTES);
	} else {
		memcpy(one->packet, packet, MCR_IPV6_HEADER_BYTES);
		one->packet[6] = (uint8_t)protocol;
	}
}

/* Without options, in no fragments, and with its checksum. */
static uint32_t finish_ipv4(uint8_t *header, uint32_t length)
{
	uint32_t sum = 0;

	header[0] = 0x45;
	header[2] = (uint8_t)(length >> 8);
	header[3] = (uint8_t)length;
	header[6] = header[7] = 0;
	header[10] = header[11] = 0;
	for (uint32_t i = 0; i < IPV4_HEADER_BYTES; i += 2)
		sum += read_be16(header + i);
	sum = (sum >> 16) + (sum & 0xffffu);
	sum = ~(sum + (sum >> 16));
	header[10] = (uint8_t)(sum >> 8);
	header[11] = (uint8_t)sum;
	return length;
}

static uint32_t finish(struct mcr_reassembly *one, const uint8_t **whole)
{
	one->state = MCR_REASSEMBLY_WHOLE;
	if (one->version == 4) {
		*whole = one->packet + MCR_IPV6_HEADER_BYTES - IPV4_HEADER_BYTES;
		return finish_ipv4(one->packet + MCR_IPV6_HEADER_BYTES - IPV4_HEADER_BYTES,
				   IPV4_HEADER_BYTES + one->total);
	}
	one->packet[4] = (uint8_t)(one->total >> 8);
	one->packet[5] = (uint8_t)one->total;
	*whole = one->packet;
	return MCR_IPV6_HEADER_BYTES + one->total;
}

/* Those of the last call are the caller's no more. */
static void release_whole(struct mcr_reassembler *reassembler)
{
	for (uint32_t i = 0; reassembler->active_count > 0 && i < MCR_REASSEMBLIES; i++) {
		if (reassembler->all[i].state == MCR_REASSEMBLY_WHOLE)
			set_free(reassembler, &reassembler->all[i]);
	}
}

uint32_t mcr_reassembly_take(struct mcr_reassembler *reassembler, uint32_t input, const uint8_t *packet,
			     uint32_t length, uint64_t now_ns, const uint8_t **whole)
{
	struct mcr_reassembly *one;
	struct mcr_fragment fragment;
	struct identity identity;

	release_whole(reassembler);
	if (!mcr_parse_fragment(packet, length, &fragment)) {
		reassembler->lost++;
		return 0;
	}
	identity = identity_of(input, packet, &fragment);
	one = find(reassembler, &identity);
	if (one && one->state == MCR_REASSEMBLY_REFUSED)
		return 0;
	if (!one)
		one = begin(reassembler, &identity, now_ns);
	if (fragment.offset == 0)
		take_header(one, packet, fragment.protocol);
	if (!add(one, &fragment)) {
		one->state = MCR_REASSEMBLY_REFUSED;
		reassembler->lost++;
		return 0;
	}
	return one->total && one->received == one->total ? finish(one, whole) : 0;
}
