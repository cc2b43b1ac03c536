/*
 * The traffic tools' pure parts: the payload of gen, its verification and accounting in sink,
 * the mixes of sizes, numbers as users type them, and the quantiles of a histogram.
 */
#include "check.h"

#include <errno.h>
#include <stdlib.h>

#include "gen.h"
#include "histogram.h"
#include "options.h"
#include "traffic.h"

#define STREAM UINT64_C(0x1122334455667788)
#define MODEL_NUMBERS 400000u

/* A generator of its own, so that a failure comes again. */
static uint64_t next_random(uint64_t *state)
{
	*state ^= *state << 13;
	*state ^= *state >> 7;
	*state ^= *state << 17;
	return *state;
}

static uint64_t make_payload(const struct mcr_filling *filling, uint8_t *to, uint64_t stream,
			     uint32_t flow, uint64_t sequence, uint16_t length)
{
	const struct mcr_traffic_header header = {
		.stream = stream,
		.sequence = sequence,
		.sent_ns = UINT64_C(1700000000000000000) + sequence,
		.flow = flow,
		.length = length,
		.version = MCR_TRAFFIC_VERSION,
		.flags = MCR_TRAFFIC_FILLED,
	};
	const uint64_t hash = mcr_traffic_hash(&header);

	mcr_traffic_write(to, &header, hash);
	memcpy(to + MCR_TRAFFIC_HEADER_BYTES,
	       filling->bytes + mcr_filling_offset(stream, flow, sequence),
	       length - MCR_TRAFFIC_HEADER_BYTES);
	return hash;
}

static struct mcr_tally *make_tally(bool verify)
{
	struct mcr_tally *tally = malloc(sizeof(*tally));

	if (tally && mcr_tally_init(tally, verify) == 0)
		return tally;
	free(tally);
	return NULL;
}

static void free_tally(struct mcr_tally *tally)
{
	if (tally)
		mcr_tally_fini(tally);
	free(tally);
}

static void header_comes_back_as_written(void)
{
	const struct mcr_traffic_header written = {
		.stream = STREAM,
		.sequence = UINT64_C(0x0102030405060708),
		.sent_ns = UINT64_C(1700000000123456789),
		.flow = 0xa1b2c3d4,
		.length = 40,
		.version = MCR_TRAFFIC_VERSION,
		.flags = MCR_TRAFFIC_FILLED,
	};
	const uint8_t sequence_bytes[] = { 1, 2, 3, 4, 5, 6, 7, 8 };
	uint8_t payload[MCR_TRAFFIC_HEADER_BYTES];
	struct mcr_traffic_header read;
	uint64_t hash = 0;

	mcr_traffic_write(payload, &written, mcr_traffic_hash(&written));
	CHECK(mcr_traffic_read(payload, sizeof(payload), &read, &hash) == MCR_TRAFFIC_GOOD);
	CHECK(read.stream == written.stream && read.sequence == written.sequence);
	CHECK(read.sent_ns == written.sent_ns && read.flow == written.flow);
	CHECK(read.length == 40 && read.version == MCR_TRAFFIC_VERSION);
	CHECK(read.flags == MCR_TRAFFIC_FILLED);
	CHECK(hash == mcr_traffic_hash(&written));
	CHECK(memcmp(payload, "mcrg\x01\x01\x00\x28\xa1\xb2\xc3\xd4", 12) == 0);
	CHECK(memcmp(payload + 24, sequence_bytes, sizeof(sequence_bytes)) == 0);
}

static void header_of_any_changed_bit_is_refused(void)
{
	static struct mcr_filling filling;
	uint8_t payload[100];
	struct mcr_traffic_header header;
	uint64_t hash;

	mcr_filling_init(&filling);
	for (uint32_t bit = 0; bit < 8 * MCR_TRAFFIC_HEADER_BYTES; bit++) {
		const enum mcr_traffic_verdict expected =
			bit < 32 ? MCR_TRAFFIC_FOREIGN : MCR_TRAFFIC_CORRUPT;

		make_payload(&filling, payload, STREAM, 3, 77, sizeof(payload));
		payload[bit / 8] ^= (uint8_t)(1u << bit % 8);
		CHECK(mcr_traffic_read(payload, sizeof(payload), &header, &hash) == expected);
	}
}

static void header_of_another_length_is_refused(void)
{
	static struct mcr_filling filling;
	uint8_t payload[101] = { 0 };
	struct mcr_traffic_header header;
	uint64_t hash;

	mcr_filling_init(&filling);
	make_payload(&filling, payload, STREAM, 0, 0, 100);
	CHECK(mcr_traffic_read(payload, 100, &header, &hash) == MCR_TRAFFIC_GOOD);
	CHECK(mcr_traffic_read(payload, 101, &header, &hash) == MCR_TRAFFIC_CORRUPT);
	CHECK(mcr_traffic_read(payload, 99, &header, &hash) == MCR_TRAFFIC_CORRUPT);
	CHECK(mcr_traffic_read(payload, 39, &header, &hash) == MCR_TRAFFIC_CORRUPT);
	CHECK(mcr_traffic_read(payload, 3, &header, &hash) == MCR_TRAFFIC_FOREIGN);
	CHECK(mcr_traffic_read(payload, 0, &header, &hash) == MCR_TRAFFIC_FOREIGN);
}

static void tally_finds_any_changed_byte_of_a_filling(void)
{
	struct mcr_tally *tally = make_tally(true);
	uint8_t payload[200];
	uint64_t wrong = 0;

	if (!CHECK(tally))
		return;
	for (uint32_t at = MCR_TRAFFIC_HEADER_BYTES; at < sizeof(payload); at++) {
		make_payload(&tally->filling, payload, STREAM, 0, at, sizeof(payload));
		payload[at] ^= 0x10;
		mcr_tally_add(tally, 0, payload, sizeof(payload), UINT64_MAX);
		wrong++;
		CHECK(tally->flows[0].corrupt == wrong);
	}
	make_payload(&tally->filling, payload, STREAM, 0, 1000, sizeof(payload));
	mcr_tally_add(tally, 0, payload, sizeof(payload), UINT64_MAX);
	CHECK(tally->flows[0].corrupt == wrong);
	CHECK(tally->flows[0].received == wrong + 1);
	CHECK(tally->corrupt == 0 && tally->foreign == 0);
	free_tally(tally);
}

static void tally_counts_foreign_and_broken_datagrams_apart(void)
{
	struct mcr_tally *tally = make_tally(true);
	uint8_t payload[64];

	if (!CHECK(tally))
		return;
	make_payload(&tally->filling, payload, STREAM, 0, 0, sizeof(payload));
	payload[30] ^= 1;
	mcr_tally_add(tally, 0, payload, sizeof(payload), 0);
	mcr_tally_add(tally, 0, (const uint8_t *)"somebody else's", 15, 0);
	mcr_tally_add(tally, 0, payload, 0, 0);
	CHECK(tally->corrupt == 1 && tally->foreign == 2);
	CHECK(tally->received == 0 && tally->flow_count == 0);
	free_tally(tally);
}

static void tally_gives_datagrams_that_were_sent_broken_no_place_in_a_flow(void)
{
	struct mcr_tally *tally = make_tally(true);
	struct mcr_traffic_header header = {
		.stream = STREAM, .length = 40, .version = MCR_TRAFFIC_VERSION, .flags = MCR_TRAFFIC_BROKEN
	};
	uint8_t payload[40];

	if (!CHECK(tally))
		return;
	mcr_traffic_write(payload, &header, mcr_traffic_hash(&header));
	mcr_tally_add(tally, 0, payload, sizeof(payload), 0);
	CHECK(tally->broken == 1);
	CHECK(tally->received == 0 && tally->flow_count == 0 && tally->corrupt == 0 && tally->foreign == 0);
	free_tally(tally);
}

static void tally_digest_is_that_of_the_sender(void)
{
	struct mcr_tally *tally = make_tally(true);
	uint64_t digests[3] = { MCR_DIGEST_START, MCR_DIGEST_START, MCR_DIGEST_START };
	uint8_t payload[1400];

	if (!CHECK(tally))
		return;
	for (uint32_t i = 0; i < 3000; i++) {
		const uint16_t length = (uint16_t)(40 + i * 7 % 1361);
		const uint64_t hash =
			make_payload(&tally->filling, payload, STREAM, i % 3, i / 3, length);

		digests[i % 3] = mcr_digest_next(digests[i % 3], hash, 0);
		mcr_tally_add(tally, 5, payload, length, UINT64_MAX);
	}
	CHECK(tally->flow_count == 3 && tally->received == 3000);
	for (uint32_t i = 0; i < 3; i++) {
		CHECK(tally->flows[i].digest == digests[i]);
		CHECK(!tally->flows[i].is_unverified);
		CHECK(mcr_sequence_lost(&tally->flows[i].sequence) == 0);
	}
	CHECK(digests[0] != digests[1]);
	free_tally(tally);
}

/* The digest after datagrams with these numbers; @changed: the filling of that one is altered. */
static uint64_t digest_of(const uint64_t *numbers, uint32_t count, uint32_t changed)
{
	struct mcr_tally *tally = make_tally(true);
	uint8_t payload[80];
	uint64_t digest = 0;

	if (!CHECK(tally))
		return 0;
	for (uint32_t i = 0; i < count; i++) {
		make_payload(&tally->filling, payload, STREAM, 0, numbers[i], sizeof(payload));
		if (i == changed)
			payload[79] ^= 0x80;
		mcr_tally_add(tally, 0, payload, sizeof(payload), 0);
	}
	digest = tally->flows[0].digest;
	free_tally(tally);
	return digest;
}

static void tally_digest_tells_order_number_and_content(void)
{
	const uint64_t right[] = { 0, 1, 2, 3 }, swapped[] = { 0, 2, 1, 3 };
	const uint64_t twice[] = { 0, 1, 1, 2, 3 }, less[] = { 0, 1, 3 };
	const uint64_t digest = digest_of(right, 4, UINT32_MAX);

	CHECK(digest == digest_of(right, 4, UINT32_MAX));
	CHECK(digest != digest_of(swapped, 4, UINT32_MAX));
	CHECK(digest != digest_of(twice, 5, UINT32_MAX));
	CHECK(digest != digest_of(less, 3, UINT32_MAX));
	CHECK(digest != digest_of(right, 4, 2));
}

static void tally_keeps_streams_and_destinations_apart(void)
{
	struct mcr_tally *tally = make_tally(false);
	uint8_t payload[40];

	if (!CHECK(tally))
		return;
	for (uint32_t flow = 0; flow < MCR_TALLY_FLOWS_MAX + 10; flow++) {
		make_payload(&tally->filling, payload, STREAM + flow % 7, flow / 14, 9, 40);
		mcr_tally_add(tally, flow % 14 / 7, payload, 40, 0);
	}
	CHECK(tally->flow_count == MCR_TALLY_FLOWS_MAX);
	CHECK(tally->received == MCR_TALLY_FLOWS_MAX && tally->untracked == 10);
	for (uint32_t i = 0; i < tally->flow_count; i++)
		CHECK(tally->flows[i].received == 1 && tally->flows[i].is_unverified);

	make_payload(&tally->filling, payload, STREAM, 0, 9, 40);
	mcr_tally_add(tally, 0, payload, 40, 0);
	CHECK(tally->flows[0].received == 2 && tally->flows[0].sequence.duplicated == 1);
	free_tally(tally);
}

static void tally_counts_arrivals_before_their_sending(void)
{
	struct mcr_tally *tally = make_tally(true);
	uint8_t payload[40];

	if (!CHECK(tally))
		return;
	make_payload(&tally->filling, payload, STREAM, 0, 0, 40);
	mcr_tally_add(tally, 0, payload, 40, UINT64_C(1700000000000000000) - 1);
	make_payload(&tally->filling, payload, STREAM, 0, 1, 40);
	mcr_tally_add(tally, 0, payload, 40, UINT64_C(1700000000000000001) + 50);
	CHECK(tally->behind == 1);
	CHECK(tally->flows[0].latency.count == 2 && tally->flows[0].latency.max == 50);
	free_tally(tally);
}

/* The plain truth about a sequence of arrivals: a flag for each number. */
struct model {
	uint64_t first, last, unique, reordered, duplicated, stale;
	uint8_t seen[MODEL_NUMBERS];
};

static void model_account(struct model *model, uint64_t number)
{
	if (model->unique && number <= model->last) {
		if (model->last - number >= MCR_SEQUENCE_WINDOW) {
			model->stale++;
			return;
		}
		if (model->seen[number]) {
			model->duplicated++;
			return;
		}
		model->reordered++;
	}
	if (!model->unique || number < model->first)
		model->first = number;
	if (!model->unique || number > model->last)
		model->last = number;
	model->seen[number] = 1;
	model->unique++;
}

static uint64_t model_lost(const struct model *model)
{
	uint64_t lost = 0;

	for (uint64_t i = model->first; i <= model->last; i++)
		lost += !model->seen[i];
	return lost;
}

static void sequence_accounts_as_a_flag_per_number_would(void)
{
	uint64_t state = UINT64_C(0x9e3779b97f4a7c15), stale = 0;
	struct model *model = malloc(sizeof(*model));
	struct mcr_sequence *sequence = malloc(sizeof(*sequence));

	if (!CHECK(model && sequence))
		goto done;
	for (uint32_t round = 0; round < 40; round++) {
		uint64_t at = next_random(&state) % 1000;

		memset(model, 0, sizeof(*model));
		memset(sequence, 0, sizeof(*sequence));
		for (uint32_t i = 0; i < 20000 && at < MODEL_NUMBERS; i++) {
			const uint64_t kind = next_random(&state) % 1000;
			const uint64_t back = next_random(&state);
			uint64_t number = at;

			if (kind < 150) /* late or again */
				number = at > back % 100 ? at - back % 100 : 0;
			else if (kind < 155) /* much too late, perhaps */
				number = at > back % 100000 ? at - back % 100000 : 0;
			else if (kind < 156 && round % 2) /* a great gap */
				at = number = at + back % 70000;
			else if (kind < 250) /* a small one */
				at = number = at + back % 5;
			if (number >= MODEL_NUMBERS)
				break;
			mcr_sequence_account(sequence, number);
			model_account(model, number);
			if (number == at)
				at++;
		}
		CHECK(sequence->first == model->first && sequence->last == model->last);
		CHECK(sequence->unique == model->unique);
		CHECK(sequence->reordered == model->reordered);
		CHECK(sequence->duplicated == model->duplicated);
		CHECK(sequence->stale == model->stale);
		CHECK(mcr_sequence_lost(sequence) == model_lost(model));
		stale += model->stale;
	}
	CHECK(stale > 0);
done:
	free(model);
	free(sequence);
}

static void sequence_window_ends_where_it_says(void)
{
	struct mcr_sequence *sequence = calloc(1, sizeof(*sequence));

	if (!CHECK(sequence))
		return;
	CHECK(mcr_sequence_lost(sequence) == 0);
	mcr_sequence_account(sequence, 10);
	mcr_sequence_account(sequence, 11 + MCR_SEQUENCE_WINDOW);
	CHECK(mcr_sequence_lost(sequence) == MCR_SEQUENCE_WINDOW);
	mcr_sequence_account(sequence, 11);
	CHECK(sequence->stale == 1 && sequence->reordered == 0);
	mcr_sequence_account(sequence, 12);
	CHECK(sequence->stale == 1 && sequence->reordered == 1);
	mcr_sequence_account(sequence, 12);
	CHECK(sequence->duplicated == 1);
	CHECK(mcr_sequence_lost(sequence) == MCR_SEQUENCE_WINDOW - 1);
	free(sequence);
}

static void sizes_are_read_in_every_form(void)
{
	struct mcr_sizes sizes;

	CHECK(mcr_sizes_parse("1316", &sizes) == 0 && sizes.min == 1316 && sizes.max == 1316);
	CHECK(mcr_sizes_parse("1", &sizes) == 0 && sizes.min == 1);
	CHECK(mcr_sizes_parse("65507", &sizes) == 0 && sizes.max == 65507);
	CHECK(mcr_sizes_parse("512,64,1400", &sizes) == 0);
	CHECK(sizes.count == 3 && sizes.min == 64 && sizes.max == 1400);
	CHECK(mcr_sizes_pick(&sizes, 1, 2, 0) == 512 && mcr_sizes_pick(&sizes, 1, 2, 1) == 64);
	CHECK(mcr_sizes_pick(&sizes, 1, 2, 2) == 1400 && mcr_sizes_pick(&sizes, 1, 2, 3) == 512);
	CHECK(mcr_sizes_parse("64-1400", &sizes) == 0);
	CHECK(sizes.count == 0 && sizes.min == 64 && sizes.max == 1400);
}

static void sizes_refuse_what_is_none(void)
{
	static const struct {
		const char *text;
		int32_t status;
	} cases[] = {
		{ "", -EINVAL },	{ "0", -ERANGE },	 { "65508", -ERANGE },
		{ "abc", -EINVAL },	{ "64,", -EINVAL },	 { ",64", -EINVAL },
		{ "64,,65", -EINVAL },	{ "64-", -EINVAL },	 { "-64", -EINVAL },
		{ "1400-64", -ERANGE }, { "64-70000", -ERANGE }, { "64-70-80", -EINVAL },
		{ "imix,64", -EINVAL }, { " 64", -EINVAL },	 { "123456789", -EINVAL },
	};
	struct mcr_sizes sizes = { .count = 7 };
	char many[4 * MCR_SIZES_MAX + 1];

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		CHECK(mcr_sizes_parse(cases[i].text, &sizes) == cases[i].status);
	for (uint32_t i = 0; i <= MCR_SIZES_MAX - 1; i++)
		memcpy(many + 3 * i, "64,", 3);
	memcpy(many + 3 * MCR_SIZES_MAX, "64", 3);
	CHECK(mcr_sizes_parse(many, &sizes) == -E2BIG);
	CHECK(sizes.count == 7);
}

static void sizes_at_random_fill_the_range_evenly(void)
{
	struct mcr_sizes sizes;
	uint32_t counts[10] = { 0 };

	CHECK(mcr_sizes_parse("100-109", &sizes) == 0);
	for (uint64_t i = 0; i < 100000; i++) {
		const uint16_t size = mcr_sizes_pick(&sizes, STREAM, 1, i);

		if (!CHECK(size >= 100 && size <= 109))
			return;
		counts[size - 100]++;
	}
	for (uint32_t i = 0; i < 10; i++)
		CHECK(counts[i] > 9500 && counts[i] < 10500);
}

static void imix_is_seven_to_four_to_one(void)
{
	struct mcr_sizes sizes;
	uint32_t small = 0, middle = 0, large = 0;

	CHECK(mcr_sizes_parse("imix", &sizes) == 0);
	for (uint64_t i = 0; i < 1200; i++) {
		const uint16_t size = mcr_sizes_pick(&sizes, STREAM, 0, i);

		small += size == 40;
		middle += size == 548;
		large += size == 1472;
	}
	CHECK(small == 700 && middle == 400 && large == 100);
}

static void numbers_are_read_whole_or_refused(void)
{
	uint64_t value = 5;

	CHECK(mcr_parse_number("0", 0, 10, &value) == 0 && value == 0);
	CHECK(mcr_parse_number("18446744073709551615", 0, UINT64_MAX, &value) == 0);
	CHECK(value == UINT64_MAX);
	value = 5;
	CHECK(mcr_parse_number("18446744073709551616", 0, UINT64_MAX, &value) == -ERANGE);
	CHECK(mcr_parse_number("99999999999999999999999x", 0, UINT64_MAX, &value) == -EINVAL);
	CHECK(mcr_parse_number("11", 0, 10, &value) == -ERANGE);
	CHECK(mcr_parse_number("0", 1, 10, &value) == -ERANGE);
	CHECK(mcr_parse_number("", 0, 10, &value) == -EINVAL);
	CHECK(mcr_parse_number("-1", 0, 10, &value) == -EINVAL);
	CHECK(mcr_parse_number("+1", 0, 10, &value) == -EINVAL);
	CHECK(mcr_parse_number("0x1", 0, 10, &value) == -EINVAL);
	CHECK(mcr_parse_number("1 ", 0, 10, &value) == -EINVAL);
	CHECK(value == 5);
}

static void rates_and_seconds_take_decimals(void)
{
	const uint64_t max = 1000000000;
	uint64_t value = 5;

	CHECK(mcr_parse_rate("50k", max, &value) == 0 && value == 50000);
	CHECK(mcr_parse_rate("1.4M", max, &value) == 0 && value == 1400000);
	CHECK(mcr_parse_rate("0.0625k", max, &value) == -ERANGE);
	CHECK(mcr_parse_rate("0.062k", max, &value) == 0 && value == 62);
	CHECK(mcr_parse_rate("0", max, &value) == 0 && value == 0);
	CHECK(mcr_parse_rate("3.000", max, &value) == 0 && value == 3);
	CHECK(mcr_parse_seconds("10", &value) == 0 && value == 10 * MCR_SECOND_NS);
	CHECK(mcr_parse_seconds("0.25", &value) == 0 && value == MCR_SECOND_NS / 4);
	CHECK(mcr_parse_seconds("0.000000001", &value) == 0 && value == 1);
	value = 5;
	CHECK(mcr_parse_rate("1.5", max, &value) == -ERANGE);
	CHECK(mcr_parse_rate("0.05", max, &value) == -ERANGE);
	CHECK(mcr_parse_rate("0.12304k", max, &value) == -ERANGE);
	CHECK(mcr_parse_rate("1001M", max, &value) == -ERANGE);
	CHECK(mcr_parse_rate("k", max, &value) == -EINVAL);
	CHECK(mcr_parse_rate("1kk", max, &value) == -EINVAL);
	CHECK(mcr_parse_rate("1.k", max, &value) == -EINVAL);
	CHECK(mcr_parse_rate("99999999999999999999M", max, &value) == -ERANGE);
	CHECK(mcr_parse_seconds("1.00000000001", &value) == -ERANGE);
	CHECK(mcr_parse_seconds("0", &value) == -ERANGE);
	CHECK(mcr_parse_seconds("1s", &value) == -EINVAL);
	CHECK(mcr_parse_seconds(".5", &value) == -EINVAL);
	CHECK(mcr_parse_seconds("31536001", &value) == -ERANGE);
	CHECK(value == 5);
}

static int compare_values(const void *a, const void *b)
{
	const uint64_t left = *(const uint64_t *)a, right = *(const uint64_t *)b;

	return (left > right) - (left < right);
}

static void histogram_quantiles_are_within_two_percent(void)
{
	enum { COUNT = 20000 };
	static const uint32_t quantiles[] = { 1, 100, 500, 900, 990, 999 };
	struct mcr_histogram *histogram = calloc(1, sizeof(*histogram));
	uint64_t *values = malloc(COUNT * sizeof(*values));
	uint64_t state = 88172645463325252u;

	if (!CHECK(histogram && values))
		goto done;
	CHECK(mcr_histogram_quantile(histogram, 500) == 0);
	for (uint32_t i = 0; i < COUNT; i++) {
		values[i] = next_random(&state) >> (25 + next_random(&state) % 35);
		mcr_histogram_add(histogram, values[i]);
	}
	qsort(values, COUNT, sizeof(*values), compare_values);
	for (size_t i = 0; i < sizeof(quantiles) / sizeof(quantiles[0]); i++) {
		const uint64_t right = values[COUNT / 1000 * quantiles[i] - 1];
		const uint64_t got = mcr_histogram_quantile(histogram, quantiles[i]);

		CHECK((got > right ? got - right : right - got) <= right / 50);
	}
	CHECK(mcr_histogram_quantile(histogram, 1000) == values[COUNT - 1]);
done:
	free(histogram);
	free(values);
}

static void histogram_takes_every_value_and_merges(void)
{
	struct mcr_histogram *one = calloc(1, sizeof(*one)), *other = calloc(1, sizeof(*other));

	if (!CHECK(one && other))
		goto done;
	for (uint32_t bit = 0; bit < 64; bit++) {
		mcr_histogram_add(one, UINT64_C(1) << bit);
		mcr_histogram_add(one, (UINT64_C(1) << bit) - 1);
	}
	mcr_histogram_add(one, UINT64_MAX);
	CHECK(one->count == 129 && one->max == UINT64_MAX);
	CHECK(mcr_histogram_quantile(one, 0) == 0);
	mcr_histogram_merge(other, one);
	mcr_histogram_merge(other, one);
	CHECK(other->count == 258 && other->max == UINT64_MAX);
	CHECK(mcr_histogram_quantile(other, 300) == mcr_histogram_quantile(one, 300));
	for (uint64_t value = 0; value < 64; value++) {
		memset(one, 0, sizeof(*one));
		mcr_histogram_add(one, value);
		mcr_histogram_add(one, 1000000);
		CHECK(mcr_histogram_quantile(one, 500) == value);
	}
done:
	free(one);
	free(other);
}

void mcr_traffic_tests(void)
{
	RUN(header_comes_back_as_written);
	RUN(header_of_any_changed_bit_is_refused);
	RUN(header_of_another_length_is_refused);
	RUN(tally_finds_any_changed_byte_of_a_filling);
	RUN(tally_counts_foreign_and_broken_datagrams_apart);
	RUN(tally_gives_datagrams_that_were_sent_broken_no_place_in_a_flow);
	RUN(tally_digest_is_that_of_the_sender);
	RUN(tally_digest_tells_order_number_and_content);
	RUN(tally_keeps_streams_and_destinations_apart);
	RUN(tally_counts_arrivals_before_their_sending);
	RUN(sequence_accounts_as_a_flag_per_number_would);
	RUN(sequence_window_ends_where_it_says);
	RUN(sizes_are_read_in_every_form);
	RUN(sizes_refuse_what_is_none);
	RUN(sizes_at_random_fill_the_range_evenly);
	RUN(imix_is_seven_to_four_to_one);
	RUN(numbers_are_read_whole_or_refused);
	RUN(rates_and_seconds_take_decimals);
	RUN(histogram_quantiles_are_within_two_percent);
	RUN(histogram_takes_every_value_and_merges);
}
