/* route.c - see route.h, and mcr_table_compile() in mcr.h. */
#include "route.h"

#include "base.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define TABLE_MAGIC 0x31656c62617472ull /* "rtable1" */
#define TABLE_SEALS (F_SEAL_WRITE | F_SEAL_GROW | F_SEAL_SHRINK | F_SEAL_SEAL)

static struct mcr_bucket *buckets_of(const struct mcr_table *table)
{
	return (struct mcr_bucket *)(uintptr_t)(table + 1);
}

/*
 * Groups differ in few bits, and those lie in the topmost byte of the word: a multiplication carries bits upwards only,
 * so they are folded down before each (the finalizer of MurmurHash3).
 */
static uint32_t key_hash(uint32_t input, const uint8_t *group, uint32_t port)
{
	uint64_t high, low;

	memcpy(&high, group, sizeof(high));
	memcpy(&low, group + 8, sizeof(low));
	low ^= high * 0x9e3779b97f4a7c15ull;
	low += ((uint64_t)input << 32 | port) * 0xc2b2ae3d27d4eb4full;
	low ^= low >> 33;
	low *= 0xff51afd7ed558ccdull;
	low ^= low >> 33;
	low *= 0xc4ceb9fe1a85ec53ull;
	return (uint32_t)(low >> 32);
}

static int bucket_is(const struct mcr_bucket *bucket, uint32_t input, const uint8_t *group, uint32_t port)
{
	return bucket->port == port && bucket->input == input && memcmp(bucket->group, group, 16) == 0;
}

const struct mcr_route *mcr_route_find(const struct mcr_table *table, uint32_t input, const uint8_t *group,
				       uint32_t port)
{
	const struct mcr_bucket *buckets;
	uint32_t mask;

	if (unlikely(!table || !port))
		return NULL;
	buckets = buckets_of(table);
	mask = table->bucket_count - 1;
	/* Ends: at most half of the buckets are taken. */
	for (uint32_t i = key_hash(input, group, port) & mask; buckets[i].port; i = (i + 1) & mask) {
		if (bucket_is(&buckets[i], input, group, port))
			return &mcr_table_routes(table)[buckets[i].route];
	}
	return NULL;
}

static int32_t rule_check(const struct mcr_rule *rule, uint32_t index, uint32_t output_count)
{
	if (rule->port_first == 0 || rule->port_first > UINT16_MAX || rule->port_last != rule->port_first)
		return mcr_fail(EINVAL, "Cannot compile rule %u: ports %u to %u, wanted one from 1 to 65535", index,
				rule->port_first, rule->port_last);
	if (rule->protocol != MCR_PROTOCOL_UDP || rule->group_bits != 128 || rule->source_count ||
	    rule->excluded_count)
		return mcr_fail(EINVAL, "Cannot compile rule %u: wanted one group of UDP, from all sources", index);
	if (rule->input >= MCR_INPUTS_MAX || rule->stats >= MCR_RULES_MAX)
		return mcr_fail(EINVAL, "Cannot compile rule %u: input %u or slot %u is beyond its limit", index,
				rule->input, rule->stats);
	if (rule->output_count > MCR_RULE_OUTPUTS_MAX || rule->output_first > output_count ||
	    rule->output_count > output_count - rule->output_first)
		return mcr_fail(EINVAL, "Cannot compile rule %u: outputs %u+%u of %u", index, rule->output_first,
				rule->output_count, output_count);
	return 0;
}

static uint32_t flags_of(const struct mcr_output *outputs, uint32_t output_count)
{
	uint32_t flags = 0;

	for (uint32_t i = 0; i < output_count; i++)
		flags |= outputs[i].flags;
	return flags;
}

static int32_t table_fill(struct mcr_table *table, const struct mcr_rule *rules, const struct mcr_output *outputs)
{
	struct mcr_bucket *buckets = buckets_of(table);
	struct mcr_route *routes = (struct mcr_route *)(uintptr_t)mcr_table_routes(table);
	const uint32_t mask = table->bucket_count - 1;

	for (uint32_t i = 0; i < table->route_count; i++) {
		const struct mcr_rule *rule = &rules[i];
		uint32_t at = key_hash(rule->input, rule->group, rule->port_first) & mask;

		for (; buckets[at].port; at = (at + 1) & mask) {
			if (bucket_is(&buckets[at], rule->input, rule->group, rule->port_first))
				return mcr_fail(EEXIST, "Cannot compile rule %u: rule %u has the same key", i,
						buckets[at].route);
		}
		buckets[at].input = rule->input;
		buckets[at].port = rule->port_first;
		buckets[at].route = i;
		memcpy(buckets[at].group, rule->group, 16);
		routes[i] = (struct mcr_route){ .stats = rule->stats,
						.output_first = rule->output_first,
						.output_count = rule->output_count,
						.port_first = rule->port_first,
						.varies = flags_of(outputs + rule->output_first, rule->output_count) };
	}
	if (table->output_count)
		memcpy((uint8_t *)table + table->outputs_offset, outputs, table->output_count * sizeof(*outputs));
	return 0;
}

static int32_t inputs_check(const struct mcr_rule *rules, uint32_t rule_count, const struct mcr_output *outputs,
			    uint32_t output_count)
{
	if (rule_count > MCR_RULES_MAX || output_count > MCR_OUTPUTS_MAX)
		return mcr_fail(EINVAL, "Cannot compile %u rules with %u outputs: at most %u and %u", rule_count,
				output_count, MCR_RULES_MAX, MCR_OUTPUTS_MAX);
	for (uint32_t i = 0; i < rule_count; i++) {
		const int32_t error = rule_check(&rules[i], i, output_count);

		if (error < 0)
			return error;
	}
	for (uint32_t i = 0; i < output_count; i++) {
		if ((outputs[i].socket >= MCR_OUTPUTS_MAX && outputs[i].socket != MCR_NO_SOCKET) ||
		    outputs[i].raw_socket >= MCR_OUTPUTS_MAX ||
		    outputs[i].stats >= MCR_OUTPUTS_MAX)
			return mcr_fail(EINVAL, "Cannot compile output %u: socket %u or slot %u is beyond its limit", i,
					outputs[i].socket, outputs[i].stats);
	}
	return 0;
}

int32_t mcr_table_compile(uint64_t generation, const struct mcr_rules *counts, const struct mcr_rule *rules,
			  const struct mcr_output *outputs, const struct mcr_source *sources,
			  const struct mcr_sender *senders)
{
	const uint32_t rule_count = counts->rule_count, output_count = counts->output_count;
	struct mcr_table header = { .magic = TABLE_MAGIC, .generation = generation, .abi = MCR_ABI_VERSION };
	struct mcr_table *table;
	int32_t fd, error = inputs_check(rules, rule_count, outputs, output_count);

	(void)sources;
	(void)senders;
	if (error < 0)
		return error;
	header.route_count = rule_count;
	header.output_count = output_count;
	for (header.bucket_count = 16; header.bucket_count < rule_count * 2; header.bucket_count *= 2)
		;
	for (uint32_t i = 0; i < rule_count; i++) {
		if (rules[i].output_count > header.route_outputs_max)
			header.route_outputs_max = rules[i].output_count;
	}
	header.routes_offset = (uint32_t)(sizeof(header) + header.bucket_count * sizeof(struct mcr_bucket));
	header.outputs_offset = header.routes_offset + (uint32_t)(rule_count * sizeof(struct mcr_route));
	header.bytes = header.outputs_offset + (uint32_t)(output_count * sizeof(struct mcr_output));

	fd = memfd_create("mcr-table", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	if (fd < 0)
		return mcr_fail(errno, "Cannot make a route table: %s", strerror(errno));
	if (ftruncate(fd, header.bytes) < 0) {
		error = mcr_fail(errno, "Cannot give a route table %u bytes: %s", header.bytes, strerror(errno));
		goto fail;
	}
	table = mmap(NULL, header.bytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (table == MAP_FAILED) {
		error = mcr_fail(errno, "Cannot map a route table: %s", strerror(errno));
		goto fail;
	}
	*table = header;
	error = table_fill(table, rules, outputs);
	munmap(table, header.bytes);
	/* Sealed only once no writable mapping is left: the kernel refuses it before. */
	if (error == 0 && fcntl(fd, F_ADD_SEALS, TABLE_SEALS) < 0)
		error = mcr_fail(errno, "Cannot seal a route table: %s", strerror(errno));
	if (error == 0)
		return fd;
fail:
	close(fd);
	return error;
}

static int table_is_whole(const struct mcr_table *table, uint64_t file_bytes)
{
	const uint64_t routes = sizeof(*table) + (uint64_t)table->bucket_count * sizeof(struct mcr_bucket);
	const uint64_t outputs = routes + (uint64_t)table->route_count * sizeof(struct mcr_route);

	return table->magic == TABLE_MAGIC && table->abi == MCR_ABI_VERSION && table->bytes == file_bytes &&
	       table->bucket_count && (table->bucket_count & (table->bucket_count - 1)) == 0 &&
	       table->route_count <= table->bucket_count / 2 && table->routes_offset == routes &&
	       table->outputs_offset == outputs &&
	       outputs + (uint64_t)table->output_count * sizeof(struct mcr_output) == file_bytes;
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
