/* route_compile.c - makes route tables, in the supervisor. See route.h, and mcr_table_compile() in mcr.h. */
#include "base.h"
#include "mcr.h"
#include "route.h"
#include "route_hash.h"
#include "route_plan.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#define TABLE_SEALS (F_SEAL_WRITE | F_SEAL_GROW | F_SEAL_SHRINK | F_SEAL_SEAL)
#define PORT_BITS_COUNT 17u
#define GROUP_BITS_COUNT 129u
/* Those of UDP, then those of ESP; of each protocol the longest group prefix first. */
#define SHAPES_MAX (2 * GROUP_BITS_COUNT * PORT_BITS_COUNT)

/* What the header of IPv4 is shorter than that of IPv6. */
#define IPV4_SHORTER_BYTES 20u

/* All that a table is made from. */
struct material {
	const struct mcr_rules *counts;
	const struct mcr_rule *rules;
	const struct mcr_output *outputs;
	const struct mcr_source *sources;
	const struct mcr_sender *senders;
	struct mcr_plan plan;
	uint16_t shapes[SHAPES_MAX]; /* by shape_rank(): index and one, 0 where there is none */
};

/* ---- what is refused ---- */

/* Whether the bits beyond a prefix are 0. */
static int is_prefix(const uint8_t *address, uint32_t bits)
{
	return bits <= 128 && mcr_words_equal(mcr_words_and(mcr_words_of(address), mcr_prefix_mask(bits)),
					      mcr_words_of(address));
}

/* IPv6 groups of which IPv4, in its 16-byte form, would be a part. */
static int has_both_families(const uint8_t *group, uint32_t bits)
{
	static const uint8_t ipv4[16] = { [10] = 0xff, [11] = 0xff };

	return bits < 96 && mcr_words_equal(mcr_words_and(mcr_words_of(ipv4), mcr_prefix_mask(bits)),
					    mcr_words_of(group));
}

static int is_within(uint32_t first, uint32_t count, uint32_t limit, uint32_t array_count)
{
	return count <= limit && first <= array_count && count <= array_count - first;
}

static int32_t rule_check(const struct mcr_rule *rule, uint32_t index, const struct mcr_rules *counts)
{
	const int is_esp = rule->protocol == MCR_PROTOCOL_ESP;

	if (rule->protocol != MCR_PROTOCOL_UDP && !is_esp)
		return mcr_fail(EINVAL, "Cannot compile rule %u: protocol %u, wanted 17 (UDP) or 50 (ESP)", index,
				rule->protocol);
	if (rule->port_first > rule->port_last || rule->port_last > (is_esp ? 0 : UINT16_MAX) ||
	    (!is_esp && rule->port_last == 0))
		return mcr_fail(EINVAL, "Cannot compile rule %u: ports %u to %u, wanted %s", index, rule->port_first,
				rule->port_last, is_esp ? "0 to 0 with ESP" : "some within 0 to 65535");
	if (!is_prefix(rule->group, rule->group_bits) || has_both_families(rule->group, rule->group_bits))
		return mcr_fail(EINVAL, "Cannot compile rule %u: its group is no prefix of %u bits in one family",
				index, rule->group_bits);
	if (rule->input >= MCR_INPUTS_MAX || rule->stats >= MCR_RULES_MAX)
		return mcr_fail(EINVAL, "Cannot compile rule %u: input %u or slot %u is beyond its limit", index,
				rule->input, rule->stats);
	if (!is_within(rule->output_first, rule->output_count, MCR_RULE_OUTPUTS_MAX, counts->output_count))
		return mcr_fail(EINVAL, "Cannot compile rule %u: outputs %u+%u of %u", index, rule->output_first,
				rule->output_count, counts->output_count);
	if (!is_within(rule->source_first, rule->source_count, MCR_RULE_SOURCES_MAX, counts->source_count) ||
	    !is_within(rule->excluded_first, rule->excluded_count, MCR_RULE_SOURCES_MAX, counts->source_count))
		return mcr_fail(EINVAL, "Cannot compile rule %u: sources %u+%u and %u+%u of %u", index,
				rule->source_first, rule->source_count, rule->excluded_first, rule->excluded_count,
				counts->source_count);
	return 0;
}

/* The ports that a rule's outputs map its own to. */
static int32_t mapping_check(const struct mcr_rule *rule, uint32_t index, const struct mcr_output *outputs)
{
	const uint32_t span = rule->port_last - rule->port_first;

	for (uint32_t i = rule->output_first; i < rule->output_first + rule->output_count; i++) {
		if ((outputs[i].flags & MCR_OUTPUT_PORT_MAP) &&
		    (outputs[i].port > UINT16_MAX || outputs[i].port + span > UINT16_MAX))
			return mcr_fail(EINVAL, "Cannot compile rule %u: output %u maps its ports to some beyond 65535",
					index, i);
	}
	return 0;
}

static int32_t outputs_check(const struct material *material)
{
	for (uint32_t i = 0; i < material->counts->rule_count; i++) {
		const int32_t error = mapping_check(&material->rules[i], i, material->outputs);

		if (error < 0)
			return error;
	}
	for (uint32_t i = 0; i < material->counts->output_count; i++) {
		const struct mcr_output *output = &material->outputs[i];
		const uint32_t header_bytes =
			MCR_FRAME_HEADER_BYTES - (address_is_ipv4(output->group) ? IPV4_SHORTER_BYTES : 0);

		if (output->group_bits > 128)
			return mcr_fail(EINVAL, "Cannot compile output %u: its group has no prefix of %u bits", i,
					output->group_bits);
		if ((output->flags & MCR_OUTPUT_RAW) && output->header_bytes != header_bytes)
			return mcr_fail(EINVAL, "Cannot compile output %u: its header has %u bytes, wanted %u", i,
					output->header_bytes, header_bytes);
		if ((output->socket >= MCR_OUTPUTS_MAX && output->socket != MCR_NO_SOCKET) ||
		    output->raw_socket >= MCR_OUTPUTS_MAX || output->stats >= MCR_OUTPUTS_MAX)
			return mcr_fail(EINVAL, "Cannot compile output %u: socket %u or slot %u is beyond its limit", i,
					output->socket, output->stats);
	}
	return 0;
}

static int32_t material_check(const struct material *material)
{
	const struct mcr_rules *counts = material->counts;
	uint64_t source_count = 0;

	if (counts->rule_count > MCR_RULES_MAX || counts->output_count > MCR_OUTPUTS_MAX ||
	    counts->source_count > MCR_SOURCES_MAX || counts->sender_count > MCR_OUTPUTS_MAX)
		return mcr_fail(EINVAL,
				"Cannot compile %u rules, %u outputs, %u sources, %u senders: at most %u of each",
				counts->rule_count, counts->output_count, counts->source_count, counts->sender_count,
				MCR_RULES_MAX);
	for (uint32_t i = 0; i < counts->rule_count; i++) {
		const int32_t error = rule_check(&material->rules[i], i, counts);

		if (error < 0)
			return error;
		source_count += material->rules[i].source_count + material->rules[i].excluded_count;
	}
	if (source_count > MCR_SOURCES_MAX)
		return mcr_fail(EINVAL, "Cannot compile %u rules: their source lists have %llu entries, at most %u",
				counts->rule_count, (unsigned long long)source_count, MCR_SOURCES_MAX);
	for (uint32_t i = 0; i < counts->source_count; i++) {
		if (!is_prefix(material->sources[i].address, material->sources[i].bits))
			return mcr_fail(EINVAL, "Cannot compile source %u: it is no prefix of %u bits", i,
					material->sources[i].bits);
	}
	for (uint32_t i = 0; i < counts->sender_count; i++) {
		if (material->senders[i].port > UINT16_MAX)
			return mcr_fail(EINVAL, "Cannot compile sender %u: port %u, wanted 0 to 65535", i,
					material->senders[i].port);
	}
	return outputs_check(material);
}

/* ---- what is made ---- */

static uint32_t shape_rank(const struct mcr_block *block)
{
	const uint32_t is_esp = block->rule->protocol == MCR_PROTOCOL_ESP;

	return (is_esp * GROUP_BITS_COUNT + 128 - block->rule->group_bits) * PORT_BITS_COUNT + 16 - block->port_bits;
}

/* Numbers the shapes that are in use, in the order in which they are looked up. */
static void count_shapes(struct material *material, struct mcr_table *header)
{
	uint16_t count = 0;

	for (uint32_t i = 0; i < material->plan.block_count; i++)
		material->shapes[shape_rank(&material->plan.blocks[i])] = 1;
	for (uint32_t rank = 0; rank < SHAPES_MAX; rank++) {
		if (!material->shapes[rank])
			continue;
		material->shapes[rank] = ++count;
		if (rank < SHAPES_MAX / 2)
			header->udp_shape_count = count;
	}
	header->esp_shape_count = count - header->udp_shape_count;
	header->counts[MCR_SECTION_SHAPES] = count;
}

static void *section(struct mcr_table *table, enum mcr_section name)
{
	return (uint8_t *)table + table->offsets[name];
}

static void fill_buckets(struct mcr_table *table, const struct material *material)
{
	struct mcr_bucket *buckets = section(table, MCR_SECTION_BUCKETS);
	struct mcr_shape *shapes = section(table, MCR_SECTION_SHAPES);
	const uint32_t mask = table->counts[MCR_SECTION_BUCKETS] - 1;

	for (uint32_t i = 0; i < material->plan.block_count; i++) {
		const struct mcr_block *block = &material->plan.blocks[i];
		const uint16_t shape = material->shapes[shape_rank(block)];
		const struct mcr_words group = mcr_words_of(block->rule->group);
		const uint64_t rest = mcr_bucket_rest(block->rule->input, shape, block->port);
		uint32_t at = mcr_key_hash(group, rest) & mask;

		shapes[shape - 1] = (struct mcr_shape){ .group_mask = mcr_prefix_mask(block->rule->group_bits),
							.port_mask = 0xffff0000u >> block->port_bits & UINT16_MAX };
		while (buckets[at].shape)
			at = (at + 1) & mask;
		buckets[at] = (struct mcr_bucket){ .group = group,
						   .input = block->rule->input,
						   .port = (uint16_t)block->port,
						   .shape = shape,
						   .target = block->target,
						   .chain_count = block->chain_count };
	}
}

/* Notes what its outputs mean for all of a route. */
static void look_at_outputs(struct mcr_route *route, const struct mcr_output *outputs)
{
	route->request_count = route->output_count;
	for (uint32_t i = route->output_first; i < route->output_first + route->output_count; i++) {
		route->varies |= outputs[i].flags;
		route->request_count += !address_is_group(outputs[i].group);
	}
}

static void fill_routes(struct mcr_table *table, const struct material *material)
{
	struct mcr_route *routes = section(table, MCR_SECTION_ROUTES);
	const uint64_t limits = table->datagrams_max | table->bits_max;

	for (uint32_t i = 0; i < material->counts->rule_count; i++) {
		const struct mcr_rule *rule = &material->rules[i];

		routes[i] = (struct mcr_route){
			.stats = rule->stats,
			.output_first = rule->output_first,
			.output_count = rule->output_count,
			.port_first = rule->port_first,
			.is_limited = (limits | rule->datagrams_max | rule->bits_max) != 0,
			.excluded_first = material->plan.excluded[i].level_first,
			.excluded_count = material->plan.excluded[i].level_count,
			.datagrams_max = rule->datagrams_max,
			.bits_max = rule->bits_max,
		};
		look_at_outputs(&routes[i], material->outputs);
		if (routes[i].request_count > table->route_requests_max)
			table->route_requests_max = routes[i].request_count;
	}
}

static void fill_senders(struct mcr_table *table, const struct material *material)
{
	struct mcr_sender_bucket *buckets = section(table, MCR_SECTION_SENDERS);
	const uint32_t mask = table->counts[MCR_SECTION_SENDERS] - 1;

	for (uint32_t i = 0; i < material->counts->sender_count; i++) {
		const struct mcr_sender *sender = &material->senders[i];
		const struct mcr_words address = mcr_words_of(sender->address);
		uint32_t at = mcr_key_hash(address, sender->port) & mask;

		while (buckets[at].is_used &&
		       (buckets[at].port != sender->port || !mcr_words_equal(buckets[at].address, address)))
			at = (at + 1) & mask;
		buckets[at] = (struct mcr_sender_bucket){ address, sender->port, 1 };
		table->sender_bits |= mcr_sender_bit(sender->address);
	}
}

static void copy_section(struct mcr_table *table, enum mcr_section name, const void *from, size_t size)
{
	if (table->counts[name])
		memcpy(section(table, name), from, table->counts[name] * size);
}

static void fill_table(struct mcr_table *table, const struct material *material)
{
	const struct mcr_plan *plan = &material->plan;

	fill_buckets(table, material);
	fill_routes(table, material);
	fill_senders(table, material);
	copy_section(table, MCR_SECTION_CHAIN, plan->chain, sizeof(*plan->chain));
	copy_section(table, MCR_SECTION_TAKERS, plan->takers, sizeof(*plan->takers));
	copy_section(table, MCR_SECTION_LEVELS, plan->levels, sizeof(*plan->levels));
	copy_section(table, MCR_SECTION_ENTRIES, plan->entries, sizeof(*plan->entries));
	copy_section(table, MCR_SECTION_OUTPUTS, material->outputs, sizeof(*material->outputs));
}

/* At most half full, so that every search ends soon. */
static uint32_t buckets_for(uint32_t count)
{
	uint32_t bucket_count = 16;

	while (bucket_count < count * 2)
		bucket_count *= 2;
	return bucket_count;
}

static struct mcr_table make_header(uint64_t generation, struct material *material)
{
	const struct mcr_rules *counts = material->counts;
	struct mcr_table header = { .magic = MCR_TABLE_MAGIC,
				    .generation = generation,
				    .abi = MCR_ABI_VERSION,
				    .datagrams_max = counts->datagrams_max,
				    .bits_max = counts->bits_max };

	count_shapes(material, &header);
	header.counts[MCR_SECTION_BUCKETS] = buckets_for(material->plan.block_count);
	header.counts[MCR_SECTION_ROUTES] = counts->rule_count;
	header.counts[MCR_SECTION_CHAIN] = material->plan.chain_count;
	header.counts[MCR_SECTION_TAKERS] = material->plan.taker_count;
	header.counts[MCR_SECTION_LEVELS] = material->plan.level_count;
	header.counts[MCR_SECTION_ENTRIES] = material->plan.entry_count;
	header.counts[MCR_SECTION_SENDERS] = counts->sender_count ? buckets_for(counts->sender_count) : 0;
	header.counts[MCR_SECTION_OUTPUTS] = counts->output_count;
	mcr_table_lay_out(&header);
	return header;
}

/* Return: a sealed memfd with the table. */
static int32_t write_table(const struct mcr_table *header, const struct material *material)
{
	const int32_t fd = memfd_create("mcr-table", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	struct mcr_table *table;
	int32_t error = 0;

	if (fd < 0)
		return mcr_fail(errno, "Cannot make a route table: %s", strerror(errno));
	if (ftruncate(fd, (off_t)header->bytes) < 0) {
		error = mcr_fail(errno, "Cannot give a route table %llu bytes: %s", (unsigned long long)header->bytes,
				 strerror(errno));
		goto fail;
	}
	table = mmap(NULL, header->bytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (table == MAP_FAILED) {
		error = mcr_fail(errno, "Cannot map a route table: %s", strerror(errno));
		goto fail;
	}
	*table = *header;
	fill_table(table, material);
	munmap(table, header->bytes);
	/* Sealed only once no writable mapping is left: the kernel refuses it before. */
	if (fcntl(fd, F_ADD_SEALS, TABLE_SEALS) == 0)
		return fd;
	error = mcr_fail(errno, "Cannot seal a route table: %s", strerror(errno));
fail:
	close(fd);
	return error;
}

int32_t mcr_table_compile(uint64_t generation, const struct mcr_rules *counts, const struct mcr_rule *rules,
			  const struct mcr_output *outputs, const struct mcr_source *sources,
			  const struct mcr_sender *senders)
{
	struct material *material = calloc(1, sizeof(*material));
	struct mcr_table header;
	int32_t result;

	if (!material)
		return mcr_fail(ENOMEM, "Cannot compile %u rules: out of memory", counts->rule_count);
	material->counts = counts;
	material->rules = rules;
	material->outputs = outputs;
	material->sources = sources;
	material->senders = senders;
	result = material_check(material);
	if (result == 0)
		result = mcr_plan_make(&material->plan, rules, counts->rule_count, sources);
	if (result == 0) {
		header = make_header(generation, material);
		result = write_table(&header, material);
		mcr_plan_free(&material->plan);
	}
	free(material);
	return result;
}
