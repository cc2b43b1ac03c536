/* What the headers of received datagrams said; see seen.h. */
#include "seen.h"

#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>

#include "base.h"

#define VALUES_SHOWN 4u

static uint64_t load_be64(const uint8_t *bytes)
{
	return (uint64_t)read_be32(bytes) << 32 | read_be32(bytes + 4);
}

void mcr_seen_set_add(struct mcr_seen_set *set, uint64_t high, uint64_t low, uint64_t count)
{
	struct mcr_seen_key *key = &set->keys[set->recent];
	uint64_t hash = (high ^ low * UINT64_C(0x9e3779b97f4a7c15)) * UINT64_C(0xe7037ed1a0b428db);
	uint32_t slot = (uint32_t)(hash >> 32) % MCR_SEEN_SLOTS;

	if (likely(set->key_count && key->high == high && key->low == low)) {
		key->count += count;
		return;
	}
	for (; set->slots[slot]; slot = (slot + 1) % MCR_SEEN_SLOTS) {
		key = &set->keys[set->slots[slot] - 1];
		if (key->high != high || key->low != low)
			continue;
		set->recent = set->slots[slot] - 1u;
		key->count += count;
		return;
	}
	if (set->key_count == MCR_SEEN_KEYS_MAX) {
		set->others += count;
		return;
	}
	set->recent = set->key_count++;
	set->slots[slot] = (uint16_t)set->key_count;
	set->keys[set->recent] = (struct mcr_seen_key){ .high = high, .low = low, .count = count };
}

void mcr_seen_add(struct mcr_seen *seen, const struct mcr_seen_headers *headers, uint64_t count)
{
	const uint8_t *bytes = headers->source.bytes;

	seen->ttl[headers->ttl] += count;
	seen->tos[headers->tos] += count;
	if (headers->source_port)
		seen->source_port[headers->source_port] += count;
	if (headers->spi)
		mcr_seen_set_add(&seen->spi, 0, headers->spi, count);
	/* An IPv4 address in its 16-byte form, which no IPv6 address can be. */
	if (headers->source.family == AF_INET)
		mcr_seen_set_add(&seen->source, 0, UINT64_C(0xffff00000000) | read_be32(bytes), count);
	else if (headers->source.family == AF_INET6)
		mcr_seen_set_add(&seen->source, load_be64(bytes), load_be64(bytes + 8), count);
}

static void print_source(const struct mcr_seen_key *key, char text[MCR_ADDRESS_TEXT_BYTES])
{
	struct mcr_address address = { .family = AF_INET6 };

	for (uint32_t i = 0; i < 8; i++) {
		address.bytes[i] = (uint8_t)(key->high >> (56 - 8 * i));
		address.bytes[8 + i] = (uint8_t)(key->low >> (56 - 8 * i));
	}
	if (address_is_ipv4(address.bytes)) {
		address.family = AF_INET;
		memmove(address.bytes, address.bytes + 12, 4);
		memset(address.bytes + 4, 0, 12);
	}
	mcr_address_print(&address, text);
}

/* One field on its way out: for programs all its values, for people the first few. */
struct field {
	const char *name;
	bool is_json;
	uint32_t value_count;
};

static void begin_field(struct field *field, const char *name)
{
	field->name = name;
	field->value_count = 0;
	if (field->is_json)
		printf("\"%s\":{", name);
}

static void put_value(struct field *field, const char *value, uint64_t count)
{
	const uint32_t number = field->value_count++;

	if (field->is_json)
		printf("%s\"%s\":%" PRIu64, number ? "," : "", value, count);
	else if (number < VALUES_SHOWN)
		printf("%s%s%s (%" PRIu64 ")", number ? ", " : field->name, number ? "" : " ", value, count);
	else if (number == VALUES_SHOWN)
		printf(", ...");
}

static void put_number(struct field *field, uint64_t value, uint64_t count)
{
	char text[24];

	snprintf(text, sizeof(text), "%" PRIu64, value);
	put_value(field, text, count);
}

static void put_counts(struct field *field, const char *name, const uint64_t *counts, uint32_t count)
{
	begin_field(field, name);
	for (uint32_t i = 0; i < count; i++) {
		if (counts[i])
			put_number(field, i, counts[i]);
	}
}

static void put_set(struct field *field, const char *name, const struct mcr_seen_set *set, bool is_source)
{
	char text[MCR_ADDRESS_TEXT_BYTES];

	begin_field(field, name);
	for (uint32_t i = 0; i < set->key_count; i++) {
		if (is_source) {
			print_source(&set->keys[i], text);
			put_value(field, text, set->keys[i].count);
		} else {
			put_number(field, set->keys[i].low, set->keys[i].count);
		}
	}
	if (set->others)
		put_value(field, "others", set->others);
}

static void print_fields(const struct mcr_seen *seen, bool is_json)
{
	const char *between = is_json ? "}," : "; ";
	struct field field = { .is_json = is_json };
	uint64_t dscp[64] = { 0 }, ecn[4] = { 0 };

	for (uint32_t i = 0; i < array_count(seen->tos); i++) {
		dscp[i >> 2] += seen->tos[i];
		ecn[i & 3] += seen->tos[i];
	}
	put_counts(&field, "ttl", seen->ttl, array_count(seen->ttl));
	fputs(between, stdout);
	put_counts(&field, "dscp", dscp, array_count(dscp));
	fputs(between, stdout);
	put_counts(&field, "ecn", ecn, array_count(ecn));
	fputs(between, stdout);
	put_set(&field, is_json ? "source" : "from", &seen->source, true);
	if (is_json) {
		fputs(between, stdout);
		put_counts(&field, "source_port", seen->source_port, array_count(seen->source_port));
	}
	if (is_json || seen->spi.key_count) {
		fputs(between, stdout);
		put_set(&field, "spi", &seen->spi, false);
	}
}

void mcr_seen_print_json(const struct mcr_seen *seen)
{
	putchar('{');
	print_fields(seen, true);
	fputs("}}", stdout);
}

void mcr_seen_print(const struct mcr_seen *seen)
{
	if (seen->source.key_count == 0)
		return;
	print_fields(seen, false);
	putchar('\n');
}
