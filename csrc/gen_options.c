/* The command line of `mcr gen`. */
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
	"  --interface IFACE|ADDR    interface to send on, by name or by one of its addresses\n"
	"  --group ADDRESS           destination, IPv4 or IPv6: a multicast group or a host\n"
	"  --port N                  destination port\n"
	"  --rate N[k|M]             datagrams per second over all flows; 0: as fast as possible\n"
	"                            (default: 1000)\n"
	"  --count N                 end after N datagrams over all flows (default: no end)\n"
	"  --duration SECONDS        end after this time; decimals allowed (default: no end)\n"
	"  --size SIZES              bytes of payload, 40 to 65507 (default: 1316):\n"
	"                            N | N,N,... in turn | MIN-MAX at random | imix\n"
	"                            (imix: 40, 548 and 1472 bytes, 7 : 4 : 1)\n"
	"  --payload TEXT            what each holds, cut or filled with NUL bytes to its size, which\n"
	"                            may then be 1 to 65507; without number and time, so that sink\n"
	"                            verifies nothing and counts them as foreign\n"
	"  --flows N                 number of flows, served in turn (default: 1)\n"
	"  --flows-by group|port     flow N goes to group + N, or to port + N (default: group)\n"
	"  --burst N                 datagrams sent back to back at each tick of the pacing\n"
	"                            (default: as many as are due in 50 us, at least 1)\n"
	"  --source ADDRESS          address to send from; one that this host does not have needs\n"
	"                            CAP_NET_RAW (default: the interface's)\n"
	"  --source-port N           port to send from, all flows alike (default: one per flow)\n"
	"  --ttl N                   time to live or hop limit, 0 to 255 (default: 1)\n"
	"  --dscp N                  differentiated services code point, 0 to 63 (default: 0)\n"
	"  --ecn N                   congestion notification bits, 0 to 3 (default: 0)\n"
	"  --gso on|off|auto         hand runs of datagrams to the kernel in one piece, which it\n"
	"                            or the device cuts (UDP_SEGMENT); auto: for equal sizes at\n"
	"                            100k and above, and not where it is refused (default: auto)\n"
	"  --verify on|off           a digest per flow, and a filling that sink verifies byte by\n"
	"                            byte; off saves a little time (default: on)\n"
	"  --vlan ID[.ID]            tag them: 802.1Q; of two the first is the outer one, 802.1ad\n"
	"  --fragment BYTES          cut them into fragments of so many bytes of IP payload, a\n"
	"                            multiple of 8 (default: what the link carries)\n"
	"  --fragment-order forward|reverse  in which order these leave (default: forward)\n"
	"  --ip-options              put 8 bytes of options into the IP header that mean nothing\n"
	"  --no-checksum             without UDP checksum, as IPv4 allows\n"
	"  --protocol udp|esp        IP protocol 17, or 50: ESP has an SPI and no ports\n"
	"                            (default: udp)\n"
	"  --spi N                   security parameters index of ESP (default: 256)\n"
	"  --to-mac MAC              station to send to (needed for a host; default for a group:\n"
	"                            the group's)\n"
	"  --corrupt KIND            break them: udp-checksum, udp-no-checksum (IPv6), udp-length,\n"
	"                            udp-short, udp-truncated, port-0, ip-checksum, ip-length,\n"
	"                            ip-short, ip-version, ip-header-length, ip-truncated,\n"
	"                            esp-short, esp-spi, fragment-missing, fragment-overlap\n"
	"  --corrupt-every N         only each Nth of a flow (default: 1)\n"
	"  -j, --json                print the summary as one JSON object\n"
	"  -h, --help                print this text\n"
	"\n"
	"With --vlan, --fragment, --fragment-order, --ip-options, --no-checksum, --protocol esp,\n"
	"--to-mac or --corrupt they leave as whole frames, past the kernel's IP and its routes,\n"
	"which needs CAP_NET_RAW.\n"
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
	{ "payload", required_argument, NULL, 'T' },
	{ "flows", required_argument, NULL, 'f' },
	{ "flows-by", required_argument, NULL, 'F' },
	{ "ttl", required_argument, NULL, 't' },
	{ "dscp", required_argument, NULL, 'D' },
	{ "ecn", required_argument, NULL, 'E' },
	{ "burst", required_argument, NULL, 'b' },
	{ "source", required_argument, NULL, 'A' },
	{ "source-port", required_argument, NULL, 'S' },
	{ "gso", required_argument, NULL, 'G' },
	{ "verify", required_argument, NULL, 'v' },
	{ "vlan", required_argument, NULL, 'V' },
	{ "fragment", required_argument, NULL, 'B' },
	{ "fragment-order", required_argument, NULL, 'O' },
	{ "ip-options", no_argument, NULL, 'o' },
	{ "no-checksum", no_argument, NULL, 'n' },
	{ "protocol", required_argument, NULL, 'P' },
	{ "spi", required_argument, NULL, 'I' },
	{ "to-mac", required_argument, NULL, 'M' },
	{ "corrupt", required_argument, NULL, 'C' },
	{ "corrupt-every", required_argument, NULL, 'e' },
	{ "json", no_argument, NULL, 'j' },
	{ "help", no_argument, NULL, 'h' },
	{ NULL, 0, NULL, 0 },
};

/* The lowest that may be anything: those to 255 are reserved. */
#define SPI_DEFAULT 256u

#define SIZE_WITH_OPTIONS_MAX (MCR_TRAFFIC_LENGTH_MAX - MCR_FRAME_OPTION_BYTES)

/* A tick every 50 us: often enough to look smooth, rare enough to leave the core time to sleep. */
#define TICKS_PER_SECOND 20000u

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

static int take_source(int option, const char *text, struct mcr_gen_options *options)
{
	uint64_t value = 0;
	int status = MCR_OPTIONS_RUN;

	switch (option) {
	case 'A':
		if (mcr_parse_address(text, &options->source) < 0 || mcr_address_is_multicast(&options->source))
			return refuse("--source", text, "the IPv4 or IPv6 address of a host");
		break;
	case 'S':
		status = take_number("--source-port", text, 1, UINT16_MAX, &value);
		options->source_port = (uint16_t)value;
		break;
	case 't':
		status = take_number("--ttl", text, 0, UINT8_MAX, &value);
		options->frame.ttl = (uint8_t)value;
		break;
	case 'D':
		status = take_number("--dscp", text, 0, 63, &value);
		options->frame.tos = (uint8_t)((options->frame.tos & 3u) | value << 2);
		break;
	default:
		assert(option == 'E');
		status = take_number("--ecn", text, 0, 3, &value);
		options->frame.tos = (uint8_t)((options->frame.tos & ~3u) | value);
		break;
	}
	return status;
}

static int take_destination(int option, const char *text, struct mcr_gen_options *options)
{
	uint64_t value = 0;
	int status = MCR_OPTIONS_RUN;

	switch (option) {
	case 'g':
		if (mcr_parse_address(text, &options->range.first) < 0)
			return refuse("--group", text, "an IPv4 or IPv6 address such as 239.1.1.1 or ff3e::1");
		break;
	case 'p':
		status = take_number("--port", text, 1, UINT16_MAX, &value);
		options->range.port = (uint16_t)value;
		break;
	case 'f':
		status = take_number("--flows", text, 1, MCR_GEN_FLOWS_MAX, &value);
		options->flows = (uint32_t)value;
		break;
	default:
		return take_source(option, text, options);
	}
	return status;
}

/* Reads `100`, or `100.200` for a tag in a tag. */
static int take_vlans(const char *text, struct mcr_frame_plan *frame)
{
	static const char wanted[] = "a VLAN ID from 0 to 4094, or two with a point between: 100.200";
	const char *rest = text;

	for (frame->vlan_count = 0; frame->vlan_count < MCR_FRAME_VLANS_MAX;) {
		const size_t length = strcspn(rest, ".");
		uint64_t value = 0;
		char one[8];

		if (length >= sizeof(one))
			return refuse("--vlan", text, wanted);
		memcpy(one, rest, length);
		one[length] = '\0';
		if (mcr_parse_number(one, 0, MCR_VLAN_ID_MAX, &value) < 0)
			return refuse("--vlan", text, wanted);
		frame->vlans[frame->vlan_count++] = (uint16_t)value;
		rest += length;
		if (*rest == '\0')
			return MCR_OPTIONS_RUN;
		rest++;
	}
	return refuse("--vlan", text, wanted);
}

static int take_mac(const char *text, struct mcr_gen_options *options)
{
	static const char digits[] = "0123456789abcdef";
	uint32_t at = 0;

	for (; at < 17 && text[at]; at++) {
		const char *digit = strchr(digits, text[at] | 0x20);

		if (at % 3 == 2 ? text[at] != ':' : !digit)
			break;
		if (digit)
			options->to_mac[at / 3] = (uint8_t)(options->to_mac[at / 3] << 4 | (digit - digits));
	}
	if (at < 17 || text[at])
		return refuse("--to-mac", text, "six bytes such as 02:00:5e:10:00:01");
	options->has_mac = true;
	return MCR_OPTIONS_RUN;
}

static int take_fault(const char *text, struct mcr_gen_options *options)
{
	options->fault = mcr_fault_find(text);
	if (options->fault != MCR_FAULT_NONE)
		return MCR_OPTIONS_RUN;
	return refuse("--corrupt", text, "one of "
#define FAULT_LIST(name, word, has, meaning) word " "
		      MCR_FAULTS(FAULT_LIST)
#undef FAULT_LIST
	);
}

/* What only whole frames can have. */
static int take_frame(int option, const char *text, struct mcr_gen_options *options)
{
	static const char *const orders[] = { "forward", "reverse", NULL };
	static const char *const protocols[] = { "udp", "esp", NULL };
	uint64_t value = 0;
	int32_t choice;
	int status = MCR_OPTIONS_RUN;

	switch (option) {
	case 'V':
		options->by_frames = true;
		return take_vlans(text, &options->frame);
	case 'B':
		options->by_frames = true;
		if (mcr_parse_number(text, 8, UINT16_MAX, &value) < 0 || value % 8)
			return refuse("--fragment", text, "a multiple of 8 from 8 to 65528");
		options->frame.fragment_bytes = (uint16_t)value;
		break;
	case 'O':
		choice = mcr_choose(text, orders);
		if (choice < 0)
			return refuse("--fragment-order", text, "forward or reverse");
		options->frame.reverse = choice == 1;
		options->by_frames = true;
		break;
	case 'o':
		options->frame.has_options = options->by_frames = true;
		break;
	case 'n':
		options->frame.no_checksum = options->by_frames = true;
		break;
	case 'P':
		choice = mcr_choose(text, protocols);
		if (choice < 0)
			return refuse("--protocol", text, "udp or esp");
		options->frame.protocol = choice == 1 ? MCR_PROTOCOL_ESP : MCR_PROTOCOL_UDP;
		options->by_frames = options->by_frames || choice == 1;
		break;
	case 'I':
		status = take_number("--spi", text, 1, UINT32_MAX, &value);
		options->frame.spi = (uint32_t)value;
		break;
	case 'M':
		options->by_frames = true;
		return take_mac(text, options);
	case 'C':
		options->by_frames = true;
		return take_fault(text, options);
	case 'e':
		return take_number("--corrupt-every", text, 1, UINT32_MAX, &options->fault_every);
	default:
		return take_destination(option, text, options);
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
				      "N, up to 64 of N,N,..., MIN-MAX or imix, with sizes from "
				      "40 (with --payload: 1) to 65507 bytes");
		break;
	case 'T':
		options->payload = text;
		break;
	case 'b':
		status = take_number("--burst", text, 1, MCR_GEN_BURST_MAX, &value);
		options->burst = (uint32_t)value;
		break;
	default:
		return take_frame(option, text, options);
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
		options->range.by_port = choice == 1;
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

/* What ESP and UDP do not have in common. */
static int check_protocol(const struct mcr_gen_options *options)
{
	if (options->frame.protocol == MCR_PROTOCOL_UDP) {
		if (options->range.port == 0)
			return mcr_usage_error("gen", "Cannot send: --port is missing");
		if (options->frame.spi)
			return mcr_usage_error("gen", "Cannot use --spi without --protocol esp");
		return MCR_OPTIONS_RUN;
	}
	if (options->range.port || options->source_port || options->range.by_port)
		return mcr_usage_error("gen", "Cannot use ports with --protocol esp: it has none");
	if (options->frame.no_checksum)
		return mcr_usage_error("gen", "Cannot use --no-checksum with --protocol esp: it has none");
	return MCR_OPTIONS_RUN;
}

/* Whether what is to be wrong can be. */
static int check_fault(const struct mcr_gen_options *options)
{
	const uint32_t traits = mcr_fault_traits(options->fault);
	const char *word = mcr_fault_word(options->fault);

	if (options->fault == MCR_FAULT_NONE)
		return options->fault_every ?
			       mcr_usage_error("gen", "Cannot use --corrupt-every without --corrupt") :
			       MCR_OPTIONS_RUN;
	if (!(traits & (options->frame.protocol == MCR_PROTOCOL_UDP ? MCR_FAULT_UDP : MCR_FAULT_ESP)))
		return mcr_usage_error("gen", "Cannot use --corrupt %s with --protocol %s", word,
				       options->frame.protocol == MCR_PROTOCOL_UDP ? "udp" : "esp");
	if (!(traits & (options->range.first.family == AF_INET ? MCR_FAULT_IPV4 : MCR_FAULT_IPV6)))
		return mcr_usage_error("gen", "Cannot use --corrupt %s with IPv%c", word,
				       options->range.first.family == AF_INET ? '4' : '6');
	if (options->frame.no_checksum && options->fault == MCR_FAULT_UDP_CHECKSUM)
		return mcr_usage_error("gen", "Cannot use --corrupt %s with --no-checksum", word);
	return MCR_OPTIONS_RUN;
}

/* A payload of the user's own has no room for what gen and sink tell each other. */
static int check_payload(struct mcr_gen_options *options)
{
	if (!options->payload && options->sizes.min < MCR_TRAFFIC_HEADER_BYTES)
		return mcr_usage_error("gen", "Cannot send %u bytes: a number and a time take %u, "
				       "only with --payload TEXT it may be less",
				       options->sizes.min, MCR_TRAFFIC_HEADER_BYTES);
	if (options->payload && options->fault != MCR_FAULT_NONE)
		return mcr_usage_error("gen", "Cannot use --corrupt with --payload: "
				       "nobody could tell which are broken");
	options->verify = options->verify && !options->payload;
	return MCR_OPTIONS_RUN;
}

/* Checks that need more than one option, but not the interface. */
static int check_together(const char *interface, const struct mcr_gen_options *options)
{
	int status;

	if (!interface)
		return mcr_usage_error("gen", "Cannot send: --interface is missing");
	if (options->range.first.family == AF_UNSPEC)
		return mcr_usage_error("gen", "Cannot send: --group is missing");
	status = check_protocol(options);
	if (status == MCR_OPTIONS_RUN)
		status = check_fault(options);
	if (status != MCR_OPTIONS_RUN)
		return status;
	if (mcr_check_flows(&options->range, options->flows) < 0)
		return mcr_usage_error("gen",
				       "Cannot make %u flows by %s: the last would leave the range",
				       options->flows, options->range.by_port ? "port" : "group");
	if (options->source.family && options->source.family != options->range.first.family)
		return mcr_usage_error("gen", "Cannot use --source and --group of different IP versions");
	if (options->frame.no_checksum && options->range.first.family == AF_INET6)
		return mcr_usage_error("gen", "Cannot use --no-checksum with IPv6, which does not allow it: "
				       "see --corrupt udp-no-checksum");
	if (options->gso == MCR_GEN_GSO_ON && options->by_frames)
		return mcr_usage_error("gen", "Cannot use --gso on for whole frames");
	if (options->gso == MCR_GEN_GSO_ON && options->sizes.min != options->sizes.max)
		return mcr_usage_error("gen", "Cannot use --gso on with different sizes: "
					      "a run has one size");
	return MCR_OPTIONS_RUN;
}

/* Frames cannot be larger than the link's, and those who have no address for a host have to be told. */
static int complete_frames(struct mcr_gen_options *options)
{
	struct mcr_frame_plan *frame = &options->frame;
	const uint32_t traits = mcr_fault_traits(options->fault);
	uint32_t room;

	frame->to = options->range.first;
	room = mcr_frame_room(frame, options->interface.mtu);
	if (frame->fragment_bytes > room)
		return mcr_failure("gen", "Cannot send fragments of %u bytes on \"%s\": its MTU of %u leaves %u",
				   frame->fragment_bytes, options->interface.name, options->interface.mtu, room);
	if (frame->fragment_bytes == 0)
		frame->fragment_bytes = (uint16_t)room;
	if (traits & MCR_FAULT_WHOLE && MCR_UDP_HEADER_BYTES + options->sizes.max > frame->fragment_bytes)
		return mcr_failure("gen", "Cannot use --corrupt %s for datagrams of several fragments: "
				   "expected --size %u or less", mcr_fault_word(options->fault),
				   frame->fragment_bytes - MCR_UDP_HEADER_BYTES);
	if (traits & MCR_FAULT_FRAGMENTS && MCR_UDP_HEADER_BYTES + options->sizes.min <= frame->fragment_bytes)
		return mcr_failure("gen", "Cannot use --corrupt %s for datagrams in one piece: "
				   "expected --fragment below %u", mcr_fault_word(options->fault),
				   MCR_UDP_HEADER_BYTES + options->sizes.min);
	if (frame->has_options && frame->to.family == AF_INET && options->sizes.max > SIZE_WITH_OPTIONS_MAX)
		return mcr_failure("gen", "Cannot use --ip-options for datagrams of %u bytes: "
				   "expected --size %u or less", options->sizes.max, SIZE_WITH_OPTIONS_MAX);
	if (options->interface.is_ethernet && !options->has_mac && !mcr_address_is_multicast(&options->range.first))
		return mcr_failure("gen", "Cannot send whole frames to a host on \"%s\": --to-mac is missing",
				   options->interface.name);
	return MCR_OPTIONS_RUN;
}

/* Everything that was not said, and what depends on the interface. */
static int complete(const char *interface, struct mcr_gen_options *options)
{
	int32_t status = check_together(interface, options);

	if (status == MCR_OPTIONS_RUN)
		status = check_payload(options);
	if (status != MCR_OPTIONS_RUN)
		return status;
	if (options->fault_every == 0)
		options->fault_every = 1;
	if (options->frame.spi == 0)
		options->frame.spi = SPI_DEFAULT;
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
	if (options->source.family == AF_UNSPEC &&
	    mcr_interface_source(&options->interface, &options->range.first).family == AF_UNSPEC)
		return mcr_failure("gen", "Cannot send on \"%s\": it has no IPv%c address to send from (see --source)",
				   options->interface.name, options->range.first.family == AF_INET ? '4' : '6');
	return options->by_frames ? complete_frames(options) : MCR_OPTIONS_RUN;
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
		.frame = { .protocol = MCR_PROTOCOL_UDP, .ttl = 1 },
		.verify = true,
	};
	status = mcr_options_read(&set, argc, argv, &interface, options);
	return status == MCR_OPTIONS_RUN ? complete(interface, options) : status;
}
