/* The command line of `mcr sink`. */
#include "sink.h"

#include <assert.h>
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <string.h>

#include "traffic.h"

static const char help[] =
	"Usage: mcr sink --interface IFACE|ADDR --group ADDRESS --port N [options]\n"
	"\n"
	"Receive what mcr gen sends: count it, verify it, measure its latency.\n"
	"\n"
	"Example: until nothing came for 2 seconds, as JSON\n"
	"  mcr sink --interface eth1 --group 239.2.2.2 --port 6000 --idle 2 -j\n"
	"\n"
	"  --interface IFACE|ADDR    interface to join on, by name or by one of its addresses\n"
	"  --group ADDRESS           group to join, or an own address, IPv4 or IPv6; repeatable,\n"
	"                            up to 64\n"
	"  --port N                  port to listen on\n"
	"  --from SOURCE             join each group for this source only (IGMPv3, MLDv2);\n"
	"                            repeatable, up to 64 (default: any source)\n"
	"  --protocol udp|esp        IP protocol 17, or 50, which has no ports and needs\n"
	"                            CAP_NET_RAW (default: udp)\n"
	"  --flows N                 consecutive destinations from each group on (default: 1)\n"
	"  --flows-by group|port     which are group + N, or port + N (default: group)\n"
	"  --count N                 end after N datagrams of gen (default: no end)\n"
	"  --idle SECONDS            end when none has come for so long since the last one;\n"
	"                            the first may take any time (default: no end)\n"
	"  --timeout SECONDS         end after this time in any case (default: no end)\n"
	"  --interval SECONDS        report progress so often: on stderr, or with -j as a JSON\n"
	"                            object a line with \"final\": false (default: never)\n"
	"  --expect N                fail (exit 1) unless exactly N came, none of them lost,\n"
	"                            duplicated, reordered or corrupt\n"
	"  --verify on|off           verify every byte and chain a digest per flow; off only\n"
	"                            checks the headers (default: on)\n"
	"  --counters                join, but read nothing: count by the interface's counters,\n"
	"                            at rates that no socket can follow; counts all that the\n"
	"                            interface receives, takes Ethernet for granted\n"
	"  --size N                  with --counters: bytes of payload per datagram, to tell\n"
	"                            their number (default: unknown)\n"
	"  -j, --json                print the summary as one JSON object\n"
	"  -h, --help                print this text\n"
	"\n"
	"Prints \"ready\" on stderr once it listens. SIGINT and SIGTERM end it with its summary.\n"
	"Latency is the kernel's receive time less gen's send time: between hosts it is as good\n"
	"as their clocks. Exit status: 0 done (also when there was loss), 1 failed, 2 usage.\n";

static const struct option long_options[] = {
	{ "interface", required_argument, NULL, 'i' },
	{ "group", required_argument, NULL, 'g' },
	{ "port", required_argument, NULL, 'p' },
	{ "from", required_argument, NULL, 'S' },
	{ "protocol", required_argument, NULL, 'P' },
	{ "flows", required_argument, NULL, 'f' },
	{ "flows-by", required_argument, NULL, 'F' },
	{ "count", required_argument, NULL, 'c' },
	{ "idle", required_argument, NULL, 'I' },
	{ "timeout", required_argument, NULL, 'T' },
	{ "interval", required_argument, NULL, 'n' },
	{ "expect", required_argument, NULL, 'e' },
	{ "verify", required_argument, NULL, 'v' },
	{ "counters", no_argument, NULL, 'C' },
	{ "size", required_argument, NULL, 's' },
	{ "json", no_argument, NULL, 'j' },
	{ "help", no_argument, NULL, 'h' },
	{ NULL, 0, NULL, 0 },
};

static int refuse(const char *option, const char *text, const char *wanted)
{
	return mcr_usage_error("sink", "Cannot use %s \"%s\": expected %s", option, text, wanted);
}

static int take_number(const char *option, const char *text, uint64_t min, uint64_t max,
		       uint64_t *value)
{
	if (mcr_parse_number(text, min, max, value) == 0)
		return MCR_OPTIONS_RUN;
	return mcr_usage_error("sink",
			       "Cannot use %s \"%s\": expected a whole number from %llu to %llu",
			       option, text, (unsigned long long)min, (unsigned long long)max);
}

static int take_time(const char *option, const char *text, uint64_t *time_ns)
{
	if (mcr_parse_seconds(text, time_ns) == 0)
		return MCR_OPTIONS_RUN;
	return refuse(option, text, "seconds above 0, such as 10 or 0.5");
}

/* Adds an address to a list, where it may be once. */
static int take_address(const char *option, const char *text, const char *wanted, struct mcr_address *list,
			uint32_t *count)
{
	struct mcr_address address;

	_Static_assert(MCR_SINK_GROUPS_MAX == 64 && MCR_SINK_SOURCES_MAX == 64, "as the message says");
	if (mcr_parse_address(text, &address) < 0)
		return refuse(option, text, wanted);
	for (uint32_t i = 0; i < *count; i++) {
		if (mcr_address_is_equal(&list[i], &address))
			return refuse(option, text, "each address once");
	}
	if (*count == MCR_SINK_GROUPS_MAX)
		return refuse(option, text, "no more than 64 of them");
	list[(*count)++] = address;
	return MCR_OPTIONS_RUN;
}

static int take_source(const char *text, struct mcr_sink_options *options)
{
	const char *wanted = "the IPv4 or IPv6 address of a host";
	const int status = take_address("--from", text, wanted, options->sources, &options->source_count);

	if (status == MCR_OPTIONS_RUN && mcr_address_is_multicast(&options->sources[options->source_count - 1]))
		return refuse("--from", text, wanted);
	return status;
}

static int take_value(int option, const char *text, struct mcr_sink_options *options)
{
	uint64_t value = 0;
	int status;

	switch (option) {
	case 'g':
		return take_address("--group", text, "an IPv4 or IPv6 address such as 239.1.1.1 or ff3e::1",
				    options->groups, &options->group_count);
	case 'S':
		return take_source(text, options);
	case 'p':
		status = take_number("--port", text, 1, UINT16_MAX, &value);
		options->port = (uint16_t)value;
		return status;
	case 'f':
		status = take_number("--flows", text, 1, MCR_SINK_SOCKETS_MAX, &value);
		options->flows = (uint32_t)value;
		return status;
	case 's':
		status = take_number("--size", text, 1, MCR_TRAFFIC_LENGTH_MAX, &value);
		options->size = (uint32_t)value;
		return status;
	case 'c':
		return take_number("--count", text, 1, UINT64_MAX - 1, &options->count);
	case 'e':
		return take_number("--expect", text, 0, UINT64_MAX - 1, &options->expect);
	case 'I':
		return take_time("--idle", text, &options->idle_ns);
	case 'T':
		return take_time("--timeout", text, &options->timeout_ns);
	default:
		assert(option == 'n');
		return take_time("--interval", text, &options->interval_ns);
	}
}

static int take_manner(int option, const char *text, void *taken)
{
	struct mcr_sink_options *options = taken;
	static const char *const orders[] = { "group", "port", NULL };
	static const char *const switches[] = { "off", "on", NULL };
	static const char *const protocols[] = { "udp", "esp", NULL };
	int32_t choice;

	switch (option) {
	case 'F':
		choice = mcr_choose(text, orders);
		if (choice < 0)
			return refuse("--flows-by", text, "group or port");
		options->flows_by_port = choice == 1;
		break;
	case 'v':
		choice = mcr_choose(text, switches);
		if (choice < 0)
			return refuse("--verify", text, "on or off");
		options->verify = choice == 1;
		break;
	case 'P':
		choice = mcr_choose(text, protocols);
		if (choice < 0)
			return refuse("--protocol", text, "udp or esp");
		options->is_esp = choice == 1;
		break;
	case 'C':
		options->counters = true;
		break;
	case 'j':
		options->json = true;
		break;
	default:
		return take_value(option, text, options);
	}
	return MCR_OPTIONS_RUN;
}

/* Ranges that overlap would bind two sockets to one destination, and count all twice. */
static int check_ranges(const struct mcr_sink_options *options)
{
	const uint64_t span = options->flows_by_port ? 1 : options->flows;

	if (options->group_count * options->flows > MCR_SINK_SOCKETS_MAX)
		return mcr_usage_error("sink", "Cannot listen to %u groups of %u flows: "
					       "expected no more than %u together",
				       options->group_count, options->flows, MCR_SINK_SOCKETS_MAX);
	for (uint32_t i = 0; i < options->group_count; i++) {
		const struct mcr_flow_range range = mcr_sink_range(options, i);

		if (mcr_check_flows(&range, options->flows) < 0)
			return mcr_usage_error("sink", "Cannot listen to %u flows by %s: "
						       "the last would leave the range",
					       options->flows,
					       options->flows_by_port ? "port" : "group");
		for (uint32_t j = 0; j < i; j++) {
			const struct mcr_address *one = &options->groups[i], *other = &options->groups[j];

			if (mcr_address_distance(one, other) < span || mcr_address_distance(other, one) < span)
				return mcr_usage_error("sink", "Cannot listen to ranges of %u "
							       "groups that overlap",
						       options->flows);
		}
	}
	return MCR_OPTIONS_RUN;
}

/* A membership for a source is of a group, and both are of one IP version. */
static int check_sources(const struct mcr_sink_options *options)
{
	for (uint32_t i = 0; i < options->group_count; i++) {
		const struct mcr_address *group = &options->groups[i];
		char text[MCR_ADDRESS_TEXT_BYTES];

		if (options->counters && group->family != options->groups[0].family)
			return mcr_usage_error("sink", "Cannot use --counters with groups of both IP versions: "
					       "their headers differ in size");
		if (options->source_count && !mcr_address_is_multicast(group))
			return mcr_usage_error("sink", "Cannot use --from with %s: it is no group to join",
					       mcr_address_print(group, text));
		for (uint32_t j = 0; j < options->source_count; j++) {
			if (options->sources[j].family != group->family)
				return mcr_usage_error("sink", "Cannot use --from and --group of different IP "
						       "versions");
		}
	}
	return MCR_OPTIONS_RUN;
}

/* Checks that need more than one option, once all are read. */
static int complete(const char *interface, struct mcr_sink_options *options)
{
	int32_t status;

	if (!interface)
		return mcr_usage_error("sink", "Cannot receive: --interface is missing");
	if (options->group_count == 0)
		return mcr_usage_error("sink", "Cannot receive: --group is missing");
	if (options->is_esp && (options->port || options->flows_by_port))
		return mcr_usage_error("sink", "Cannot use ports with --protocol esp: it has none");
	if (options->port == 0 && !options->is_esp)
		return mcr_usage_error("sink", "Cannot receive: --port is missing");
	if (options->size && !options->counters)
		return mcr_usage_error("sink", "Cannot use --size without --counters");
	if (options->counters && options->expect != UINT64_MAX)
		return mcr_usage_error("sink", "Cannot use --expect with --counters: "
					       "they know nothing of single datagrams");
	if (options->counters && options->count != UINT64_MAX && options->size == 0)
		return mcr_usage_error("sink", "Cannot use --count with --counters without --size");
	status = check_sources(options);
	if (status == MCR_OPTIONS_RUN)
		status = check_ranges(options);
	if (status != MCR_OPTIONS_RUN)
		return status;

	status = mcr_find_interface(interface, &options->interface);
	if (status == -ENODEV)
		return mcr_failure("sink",
				   "Cannot join on \"%s\": no interface has this name or address",
				   interface);
	if (status < 0)
		return mcr_failure("sink", "Cannot list the interfaces: %s", strerror(-status));
	return MCR_OPTIONS_RUN;
}

int mcr_sink_options_parse(int argc, char **argv, struct mcr_sink_options *options)
{
	static const struct mcr_option_set set = {
		.tool = "sink", .help = help, .options = long_options, .take = take_manner
	};
	const char *interface = NULL;
	int status;

	*options = (struct mcr_sink_options){
		.flows = 1,
		.count = UINT64_MAX,
		.expect = UINT64_MAX,
		.verify = true,
	};
	status = mcr_options_read(&set, argc, argv, &interface, options);
	return status == MCR_OPTIONS_RUN ? complete(interface, options) : status;
}
