/* The command line of `mcr gen`, and the payload sizes that it can ask for. */
#include "gen.h"

#include <assert.h>
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <string.h>

static const char help[] =
	"Usage: mcr gen --interface IFACE|ADDR --group ADDRESS --port N [options]\n"
	"\n"
	"Send numbered, time-stamped datagrams for mcr sink to check and to measure.\n"
	"\n"
	"Example: 10 seconds of a 50,000 datagrams/s stream\n"
	"  mcr gen --interface eth0 --group 239.1.1.1 --port 5000 \\\n"
	"          --rate 50k --size 1316 --duration 10\n"
	"\n"
	"  --interface IFACE|ADDR    interface to send on, by name or by its IPv4 address\n"
	"  --group ADDRESS           destination, IPv4: a multicast group or a host\n"
	"  --port N                  destination port\n"
	"  --rate N[k|M]             datagrams per second over all flows; 0: as fast as possible\n"
	"                            (default: 1000)\n"
	"  --count N                 end after N datagrams over all flows (default: no end)\n"
	"  --duration SECONDS        end after this time; decimals allowed (default: no end)\n"
	"  --size SIZES              bytes of UDP payload, 40 to 65507 (default: 1316):\n"
	"                            N | N,N,... in turn | MIN-MAX at random | imix\n"
	"                            (imix: 40, 548 and 1472 bytes, 7 : 4 : 1)\n"
	"  --flows N                 number of flows, served in turn (default: 1)\n"
	"  --flows-by group|port     flow N goes to group + N, or to port + N (default: group)\n"
	"  --ttl N                   time to live, 0 to 255 hops (default: 1)\n"
	"  --burst N                 datagrams sent back to back at each tick of the pacing\n"
	"                            (default: as many as are due in 50 us, at least 1)\n"
	"  --source-port N           port to send from, all flows alike (default: one per flow)\n"
	"  --gso on|off|auto         hand runs of datagrams to the kernel in one piece, which it\n"
	"                            or the device cuts (UDP_SEGMENT); auto: for equal sizes at\n"
	"                            100k and above, and not where it is refused (default: auto)\n"
	"  --verify on|off           a digest per flow, and a filling that sink verifies byte by\n"
	"                            byte; off saves a little time (default: on)\n"
	"  -j, --json                print the summary as one JSON object\n"
	"  -h, --help                print this text\n"
	"\n"
	"SIGINT and SIGTERM end it with its summary. Exit status: 0 done, 1 failed, 2 usage.\n";

static const struct option long_options[] = {
	{ "interface", required_argument, NULL, 'i' },
	{ "group", required_argument, NULL, 'g' },
	{ "port", required_argument, NULL, 'p' },
	{ "rate", required_argument, NULL, 'r' },
	{ "count", required_argument, NULL, 'c' },
	{ "duration", required_argument, NULL, 'd' },
	{ "size", required_argument, NULL, 's' },
	{ "flows", required_argument, NULL, 'f' },
	{ "flows-by", required_argument, NULL, 'F' },
	{ "ttl", required_argument, NULL, 't' },
	{ "burst", required_argument, NULL, 'b' },
	{ "source-port", required_argument, NULL, 'S' },
	{ "gso", required_argument, NULL, 'G' },
	{ "verify", required_argument, NULL, 'v' },
	{ "json", no_argument, NULL, 'j' },
	{ "help", no_argument, NULL, 'h' },
	{ NULL, 0, NULL, 0 },
};

/* A tick every 50 us: often enough to look smooth, rare enough to leave the core time to sleep. */
#define TICKS_PER_SECOND 20000u

static int32_t parse_size(const char *text, size_t length, uint16_t *size)
{
	char copy[8];
	uint64_t value = 0;
	int32_t status;

	if (length >= sizeof(copy))
		return -EINVAL;
	memcpy(copy, text, length);
	copy[length] = '\0';
	status = mcr_parse_number(copy, MCR_TRAFFIC_HEADER_BYTES, MCR_TRAFFIC_LENGTH_MAX, &value);
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

static int refuse(const char *option, const char *text, const char *wanted)
{
	return mcr_usage_error("gen", "Cannot use %s \"%s\": expected %s", option, text, wanted);
}

static int take_number(const char *option, const char *text, uint64_t min, uint64_t max,
		       uint64_t *value)
{
	if (mcr_parse_number(text, min, max, value) == 0)
		return MCR_OPTIONS_RUN;
	return mcr_usage_error("gen",
			       "Cannot use %s \"%s\": expected a whole number from %llu to %llu",
			       option, text, (unsigned long long)min, (unsigned long long)max);
}

static int take_destination(int option, const char *text, struct mcr_gen_options *options)
{
	uint64_t value = 0;
	int status = MCR_OPTIONS_RUN;

	switch (option) {
	case 'g':
		if (mcr_parse_address(text, &options->group) < 0)
			return refuse("--group", text, "an IPv4 address such as 239.1.1.1");
		break;
	case 'p':
		status = take_number("--port", text, 1, UINT16_MAX, &value);
		options->port = (uint16_t)value;
		break;
	case 'S':
		status = take_number("--source-port", text, 1, UINT16_MAX, &value);
		options->source_port = (uint16_t)value;
		break;
	case 't':
		status = take_number("--ttl", text, 0, UINT8_MAX, &value);
		options->ttl = (uint8_t)value;
		break;
	default:
		assert(option == 'f');
		status = take_number("--flows", text, 1, MCR_GEN_FLOWS_MAX, &value);
		options->flows = (uint32_t)value;
		break;
	}
	return status;
}

static int take_load(int option, const char *text, struct mcr_gen_options *options)
{
	uint64_t value = 0;
	int status = MCR_OPTIONS_RUN;

	switch (option) {
	case 'r':
		if (mcr_parse_rate(text, MCR_GEN_RATE_MAX, &options->rate) < 0)
			return refuse("--rate", text,
				      "datagrams per second, such as 1000, 50k or 1.4M");
		break;
	case 'c':
		status = take_number("--count", text, 1, UINT64_MAX - 1, &options->count);
		break;
	case 'd':
		if (mcr_parse_seconds(text, &options->duration_ns) < 0)
			return refuse("--duration", text, "seconds above 0, such as 10 or 0.5");
		break;
	case 's':
		if (mcr_sizes_parse(text, &options->sizes) < 0)
			return refuse("--size", text,
				      "N, up to 64 of N,N,..., MIN-MAX or imix, "
				      "with sizes from 40 to 65507 bytes");
		break;
	case 'b':
		status = take_number("--burst", text, 1, MCR_GEN_BURST_MAX, &value);
		options->burst = (uint32_t)value;
		break;
	default:
		return take_destination(option, text, options);
	}
	return status;
}

static int take_manner(int option, const char *text, void *taken)
{
	struct mcr_gen_options *options = taken;
	static const char *const orders[] = { "group", "port", NULL };
	static const char *const switches[] = { "off", "on", NULL };
	static const char *const modes[] = { "auto", "on", "off", NULL };
	int32_t choice;

	switch (option) {
	case 'F':
		choice = mcr_choose(text, orders);
		if (choice < 0)
			return refuse("--flows-by", text, "group or port");
		options->flows_by_port = choice == 1;
		break;
	case 'G':
		choice = mcr_choose(text, modes);
		if (choice < 0)
			return refuse("--gso", text, "on, off or auto");
		options->gso = (enum mcr_gen_gso)choice;
		break;
	case 'v':
		choice = mcr_choose(text, switches);
		if (choice < 0)
			return refuse("--verify", text, "on or off");
		options->verify = choice == 1;
		break;
	case 'j':
		options->json = true;
		break;
	default:
		return take_load(option, text, options);
	}
	return MCR_OPTIONS_RUN;
}

/* Checks that need more than one option, once all are read. */
static int complete(const char *interface, struct mcr_gen_options *options)
{
	int32_t status;

	if (!interface)
		return mcr_usage_error("gen", "Cannot send: --interface is missing");
	if (options->group.s_addr == 0)
		return mcr_usage_error("gen", "Cannot send: --group is missing");
	if (options->port == 0)
		return mcr_usage_error("gen", "Cannot send: --port is missing");
	if (mcr_check_flows(options->group, options->port, options->flows_by_port,
			    options->flows) < 0)
		return mcr_usage_error("gen",
				       "Cannot make %u flows by %s: the last would leave the range",
				       options->flows, options->flows_by_port ? "port" : "group");
	if (options->gso == MCR_GEN_GSO_ON && options->sizes.min != options->sizes.max)
		return mcr_usage_error("gen", "Cannot use --gso on with different sizes: "
					      "a run has one size");
	if (options->burst == 0) {
		const uint64_t due = (options->rate + TICKS_PER_SECOND - 1) / TICKS_PER_SECOND;

		options->burst = due == 0		    ? 1 :
				 due > MCR_GEN_BURST_MAX ? MCR_GEN_BURST_MAX :
							       (uint32_t)due;
	}

	status = mcr_find_interface(interface, &options->interface);
	if (status == -ENODEV)
		return mcr_failure("gen",
				   "Cannot send on \"%s\": no interface has this name or address",
				   interface);
	if (status < 0)
		return mcr_failure("gen", "Cannot list the interfaces: %s", strerror(-status));
	if (options->interface.address.s_addr == INADDR_ANY)
		return mcr_failure("gen",
				   "Cannot send on \"%s\": it has no IPv4 address to send from",
				   options->interface.name);
	return MCR_OPTIONS_RUN;
}

int mcr_gen_options_parse(int argc, char **argv, struct mcr_gen_options *options)
{
	static const struct mcr_option_set set = {
		.tool = "gen", .help = help, .options = long_options, .take = take_manner
	};
	const char *interface = NULL;
	int status;

	*options = (struct mcr_gen_options){
		.sizes = { .min = 1316, .max = 1316, .count = 1, .list = { 1316 } },
		.rate = 1000,
		.count = UINT64_MAX,
		.flows = 1,
		.ttl = 1,
		.verify = true,
	};
	status = mcr_options_read(&set, argc, argv, &interface, options);
	return status == MCR_OPTIONS_RUN ? complete(interface, options) : status;
}
