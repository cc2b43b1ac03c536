/* The payload sizes that `mcr gen` can be asked for; see gen.h. */
#include "gen.h"

#include <errno.h>
#include <string.h>

#include "options.h"
#include "traffic.h"

static int32_t parse_size(const char *text, size_t length, uint16_t *size)
{
	char copy[8];
	uint64_t value = 0;
	int32_t status;

	if (length >= sizeof(copy))
		return -EINVAL;
	memcpy(copy, text, length);
	copy[length] = '\0';
	status = mcr_parse_number(copy, 1, MCR_TRAFFIC_LENGTH_MAX, &value);
	if (status == 0)
		*size = (uint16_t)value;
	return status;
}

static int32_t parse_list(const char *text, struct mcr_sizes *sizes)
{
	for (;;) {
		const size_t length = strcspn(text, ",");
		uint16_t size = 0;
		const int32_t status = parse_size(text, length, &size);

		if (status < 0)
			return status;
		if (sizes->count == MCR_SIZES_MAX)
			return -E2BIG;
		sizes->list[sizes->count++] = size;
		if (text[length] == '\0')
			return 0;
		text += length + 1;
	}
}

int32_t mcr_sizes_parse(const char *text, struct mcr_sizes *sizes)
{
	static const char imix[] = "40,548,40,40,548,40,1472,40,548,40,548,40";
	struct mcr_sizes parsed = { .count = 0 };
	const char *dash = strchr(text, '-');
	int32_t status;

	if (dash) {
		status = parse_size(text, (size_t)(dash - text), &parsed.min);
		if (status == 0)
			status = parse_size(dash + 1, strlen(dash + 1), &parsed.max);
		if (status < 0)
			return status;
		if (parsed.min > parsed.max)
			return -ERANGE;
		*sizes = parsed;
		return 0;
	}
	status = parse_list(strcmp(text, "imix") ? text : imix, &parsed);
	if (status < 0)
		return status;
	parsed.min = parsed.max = parsed.list[0];
	for (uint32_t i = 1; i < parsed.count; i++) {
		if (parsed.list[i] < parsed.min)
			parsed.min = parsed.list[i];
		if (parsed.list[i] > parsed.max)
			parsed.max = parsed.list[i];
	}
	*sizes = parsed;
	return 0;
}

uint16_t mcr_sizes_pick(const struct mcr_sizes *sizes, uint64_t stream, uint32_t flow,
			uint64_t sequence)
{
	uint64_t random, span;

	if (sizes->min == sizes->max)
		return sizes->min;
	if (sizes->count)
		return sizes->list[sequence % sizes->count];
	span = (uint64_t)sizes->max - sizes->min + 1;
	random = mcr_traffic_mix(stream ^ UINT64_C(0x2d358dccaa6c78a5) ^ flow,
				 sequence ^ UINT64_C(0x8bb84b93962eacc9));
	return (uint16_t)(sizes->min + random % span);
}
