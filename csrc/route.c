/* route.c - what a worker does with a route table: takes it, and looks datagrams up. See route.h. */
#include "route.h"

#include "base.h"
#include "route_hash.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>

#define TABLE_SEALS (F_SEAL_WRITE | F_SEAL_GROW | F_SEAL_SHRINK | F_SEAL_SEAL)

/* The entry of a source at one level, or NULL. */
static const struct mcr_entry *level_find(const struct mcr_table *table, const struct mcr_level *level,
					  struct mcr_words source)
{
	const struct mcr_entry *entries = mcr_table_section(table, MCR_SECTION_ENTRIES);
	const struct mcr_words sought = mcr_words_and(source, level->mask);
	uint32_t first = level->entry_first, count = level->entry_count;

	while (count > 0) {
		const uint32_t half = count / 2;
		const int order = mcr_words_compare(entries[first + half].address, sought);

		if (order == 0)
			return &entries[first + half];
		if (order < 0) {
			first += half + 1;
			count -= half + 1;
		} else {
			count = half;
		}
	}
	return NULL;
}

static int route_excludes(const struct mcr_table *table, const struct mcr_route *route, struct mcr_words source)
{
	const struct mcr_level *levels = mcr_table_section(table, MCR_SECTION_LEVELS);

	for (uint32_t i = 0; i < route->excluded_count; i++) {
		if (level_find(table, &levels[route->excluded_first + i], source))
			return 1;
	}
	return 0;
}

/* The route of a bucket that cares for sources, or NULL. */
static const struct mcr_route *chain_find(const struct mcr_table *table, const struct mcr_bucket *bucket,
					  const uint8_t *address)
{
	const uint32_t *chain = mcr_table_section(table, MCR_SECTION_CHAIN);
	const struct mcr_taker *takers = mcr_table_section(table, MCR_SECTION_TAKERS);
	const struct mcr_level *levels = mcr_table_section(table, MCR_SECTION_LEVELS);
	const struct mcr_words source = mcr_words_of(address);

	for (uint32_t i = 0; i < bucket->chain_count; i++) {
		const struct mcr_taker *taker = &takers[chain[bucket->target + i]];

		for (uint32_t at = 0; at < taker->level_count; at++) {
			const struct mcr_entry *entry = level_find(table, &levels[taker->level_first + at], source);
			const struct mcr_route *route = entry ? &mcr_table_routes(table)[entry->route] : NULL;

			if (route && !route_excludes(table, route, source))
				return route;
		}
	}
	return NULL;
}

const struct mcr_route *mcr_route_find(const struct mcr_table *table, uint32_t input, const struct mcr_flow *flow,
				       enum mcr_drop *reason)
{
	const struct mcr_words address = mcr_words_of(flow->group);
	const struct mcr_bucket *buckets;
	const struct mcr_shape *shapes;
	uint32_t mask, shape, shape_end;

	*reason = MCR_DROP_NO_RULE;
	if (unlikely(!table))
		return NULL;
	buckets = mcr_table_section(table, MCR_SECTION_BUCKETS);
	shapes = mcr_table_section(table, MCR_SECTION_SHAPES);
	mask = table->counts[MCR_SECTION_BUCKETS] - 1;
	shape = 0;
	shape_end = table->udp_shape_count;
	if (unlikely(flow->protocol != MCR_PROTOCOL_UDP)) {
		shape = shape_end;
		shape_end = table->counts[MCR_SECTION_SHAPES];
	}
	for (; shape < shape_end; shape++) {
		const struct mcr_words group = mcr_words_and(address, shapes[shape].group_mask);
		const uint32_t port = flow->port & shapes[shape].port_mask;
		const uint64_t rest = mcr_bucket_rest(input, shape + 1, port);

		/* Ends: at most half of the buckets are taken. */
		for (uint32_t i = mcr_key_hash(group, rest) & mask; buckets[i].shape; i = (i + 1) & mask) {
			const struct mcr_bucket *bucket = &buckets[i];
			const struct mcr_route *route;

			if (mcr_bucket_rest(bucket->input, bucket->shape, bucket->port) != rest ||
			    !mcr_words_equal(bucket->group, group))
				continue;
			if (likely(bucket->chain_count == 0))
				return &mcr_table_routes(table)[bucket->target];
			route = chain_find(table, bucket, flow->source);
			if (route)
				return route;
			*reason = MCR_DROP_SOURCE;
			break;
		}
	}
	return NULL;
}

int mcr_table_find_sender(const struct mcr_table *table, const struct mcr_flow *flow)
{
	const struct mcr_sender_bucket *buckets = mcr_table_section(table, MCR_SECTION_SENDERS);
	const struct mcr_words address = mcr_words_of(flow->source);
	const uint32_t mask = table->counts[MCR_SECTION_SENDERS] - 1;

	/* Of this port, and of whatever port. */
	for (uint32_t any = 0; any < 2; any++) {
		const uint32_t port = any ? 0 : flow->source_port;

		for (uint32_t i = mcr_key_hash(address, port) & mask; buckets[i].is_used; i = (i + 1) & mask) {
			if (buckets[i].port == port && mcr_words_equal(buckets[i].address, address))
				return 1;
		}
	}
	return 0;
}

void mcr_table_lay_out(struct mcr_table *table)
{
	static const uint32_t sizes[MCR_SECTION_COUNT] = {
		[MCR_SECTION_BUCKETS] = sizeof(struct mcr_bucket),
		[MCR_SECTION_SHAPES] = sizeof(struct mcr_shape),
		[MCR_SECTION_ROUTES] = sizeof(struct mcr_route),
		[MCR_SECTION_CHAIN] = sizeof(uint32_t),
		[MCR_SECTION_TAKERS] = sizeof(struct mcr_taker),
		[MCR_SECTION_LEVELS] = sizeof(struct mcr_level),
		[MCR_SECTION_ENTRIES] = sizeof(struct mcr_entry),
		[MCR_SECTION_SENDERS] = sizeof(struct mcr_sender_bucket),
		[MCR_SECTION_OUTPUTS] = sizeof(struct mcr_output),
	};
	/* What has 4 bytes, or multiples of that, comes last. */
	uint64_t at = sizeof(*table);

	for (uint32_t i = 0; i < MCR_SECTION_COUNT; i++) {
		table->offsets[i] = at;
		at += (uint64_t)table->counts[i] * sizes[i];
	}
	table->bytes = at;
}

static int is_power_of_two(uint32_t number)
{
	return number && (number & (number - 1)) == 0;
}

/* What the supervisor wrote behind the header is believed: it is sealed, and who can write such a file is trusted. */
static int table_is_whole(const struct mcr_table *table, uint64_t file_bytes)
{
	struct mcr_table wanted = *table;

	mcr_table_lay_out(&wanted);
	return table->magic == MCR_TABLE_MAGIC && table->abi == MCR_ABI_VERSION && table->bytes == file_bytes &&
	       memcmp(table, &wanted, sizeof(wanted)) == 0 && is_power_of_two(table->counts[MCR_SECTION_BUCKETS]) &&
	       (table->counts[MCR_SECTION_SENDERS] == 0 || is_power_of_two(table->counts[MCR_SECTION_SENDERS])) &&
	       (table->counts[MCR_SECTION_SENDERS] > 0 || table->sender_bits == 0) &&
	       table->counts[MCR_SECTION_ROUTES] <= MCR_RULES_MAX &&
	       (uint64_t)table->udp_shape_count + table->esp_shape_count == table->counts[MCR_SECTION_SHAPES];
}

int32_t mcr_table_map(int32_t fd, const struct mcr_table **table)
{
	const int seals = fcntl(fd, F_GET_SEALS);
	struct stat file;
	void *memory;

	if (fstat(fd, &file) < 0 || seals < 0 || (seals & TABLE_SEALS) != TABLE_SEALS)
		return mcr_fail(EINVAL, "Cannot take a route table: it is not sealed");
	if ((uint64_t)file.st_size < sizeof(**table) || (uint64_t)file.st_size > UINT32_MAX)
		return mcr_fail(EINVAL, "Cannot take a route table: it has %lld bytes", (long long)file.st_size);
	/* Populated: the first datagram must not wait for a page. */
	memory = mmap(NULL, (size_t)file.st_size, PROT_READ, MAP_SHARED | MAP_POPULATE, fd, 0);
	if (memory == MAP_FAILED)
		return mcr_fail(errno, "Cannot map a route table: %s", strerror(errno));
	if (!table_is_whole(memory, (uint64_t)file.st_size)) {
		munmap(memory, (size_t)file.st_size);
		return mcr_fail(EINVAL, "Cannot take a route table: its header is not of this build");
	}
	*table = memory;
	return 0;
}
