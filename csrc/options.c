/*
 * Reading what a user typed; see options.h. Parsers are pure but for mcr_find_interface(), and
 * print nothing: the tool knows which option it was and says so.
 */
#include "options.h"

#include <errno.h>
#include <getopt.h>
#include <ifaddrs.h>
#include <linux/if_arp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <unistd.h>

#define YEAR_S UINT64_C(31536000)

/* Set by the signal handler: the one thing here that lasts, as a signal is the process's. */
static volatile sig_atomic_t is_stopped;

int32_t mcr_parse_number(const char *text, uint64_t min, uint64_t max, uint64_t *value)
{
	uint64_t number = 0;

	if (!*text)
		return -EINVAL;
	for (const char *at = text; *at; at++) {
		if (*at < '0' || *at > '9')
			return -EINVAL;
	}
	for (; *text; text++) {
		if (__builtin_mul_overflow(number, 10u, &number) ||
		    __builtin_add_overflow(number, (uint64_t)(*text - '0'), &number))
			return -ERANGE;
	}
	if (number < min || number > max)
		return -ERANGE;
	*value = number;
	return 0;
}

/*
 * Read `digits[.digits]` times @scale and leave in @end what follows. Nine places after the
 * point are what a nanosecond needs; a tenth that is not 0 is refused with what is below 1.
 */
static int32_t parse_decimal(const char *text, uint64_t scale, const char **end, uint64_t *value)
{
	uint64_t whole = 0, part = 0, unit = scale;

	if (*text < '0' || *text > '9')
		return -EINVAL;
	for (; *text >= '0' && *text <= '9'; text++) {
		if (__builtin_mul_overflow(whole, 10u, &whole) ||
		    __builtin_add_overflow(whole, (uint64_t)(*text - '0'), &whole))
			return -ERANGE;
	}
	if (*text == '.') {
		text++;
		if (*text < '0' || *text > '9')
			return -EINVAL;
		for (; *text >= '0' && *text <= '9'; text++) {
			const uint64_t digit = (uint64_t)(*text - '0');

			if (digit && (unit == 0 || unit % 10))
				return -ERANGE;
			unit /= 10;
			part += digit * unit;
		}
	}
	if (__builtin_mul_overflow(whole, scale, &whole) ||
	    __builtin_add_overflow(whole, part, &whole))
		return -ERANGE;
	*end = text;
	*value = whole;
	return 0;
}

int32_t mcr_parse_rate(const char *text, uint64_t max, uint64_t *value)
{
	const char last = *text ? text[strlen(text) - 1] : '\0';
	const uint64_t scale = last == 'k' ? 1000 : last == 'M' ? 1000000 : 1;
	const char *end = NULL;
	uint64_t rate = 0;
	const int32_t status = parse_decimal(text, scale, &end, &rate);

	if (status < 0)
		return status;
	if (scale > 1 && *end == last)
		end++;
	if (*end)
		return -EINVAL;
	if (rate > max)
		return -ERANGE;
	*value = rate;
	return 0;
}

int32_t mcr_parse_seconds(const char *text, uint64_t *time_ns)
{
	const char *end = NULL;
	uint64_t value = 0;
	const int32_t status = parse_decimal(text, MCR_SECOND_NS, &end, &value);

	if (status < 0)
		return status;
	if (*end)
		return -EINVAL;
	if (value == 0 || value > YEAR_S * MCR_SECOND_NS)
		return -ERANGE;
	*time_ns = value;
	return 0;
}

/* What the kernel says of an interface beside its addresses. */
static int32_t read_link(struct mcr_local_interface *interface)
{
	const int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	struct ifreq request = { .ifr_ifindex = 0 };
	int32_t status = 0;

	if (fd < 0)
		return -errno;
	memcpy(request.ifr_name, interface->name, sizeof(request.ifr_name));
	if (ioctl(fd, SIOCGIFMTU, &request) < 0)
		status = -errno;
	else
		interface->mtu = (uint32_t)request.ifr_mtu;
	if (status == 0 && ioctl(fd, SIOCGIFHWADDR, &request) < 0)
		status = -errno;
	interface->is_ethernet = request.ifr_hwaddr.sa_family == ARPHRD_ETHER;
	close(fd);
	return status;
}

/* Keep an address where it is the first of its kind. */
static void note_address(struct mcr_local_interface *interface, const struct mcr_address *address)
{
	struct mcr_address *kept = address->family == AF_INET		   ? &interface->ipv4 :
				   mcr_address_is_link_local(address) ? &interface->ipv6_link :
									&interface->ipv6;

	if (address->family != AF_UNSPEC && kept->family == AF_UNSPEC)
		*kept = *address;
}

int32_t mcr_find_interface(const char *text, struct mcr_local_interface *interface)
{
	struct mcr_local_interface found = { .index = 0 };
	struct mcr_address wanted = { .family = AF_UNSPEC };
	struct ifaddrs *all;
	int32_t status;

	if (getifaddrs(&all) < 0)
		return -errno;
	if (mcr_parse_address(text, &wanted) == 0) {
		for (const struct ifaddrs *one = all; one && found.index == 0; one = one->ifa_next) {
			const struct mcr_address address = mcr_address_from(one->ifa_addr);

			if (mcr_address_is_equal(&address, &wanted))
				found.index = if_nametoindex(one->ifa_name);
		}
		note_address(&found, &wanted);
	} else if (strlen(text) < IF_NAMESIZE) {
		/* Of a longer one the C library would take the beginning. */
		found.index = if_nametoindex(text);
	}
	/* An alias label (`eth0:1`) names an address of the interface, not another one: its addresses come first. */
	for (uint32_t pass = 0; pass < 2; pass++) {
		for (const struct ifaddrs *one = all; one && found.index; one = one->ifa_next) {
			const struct mcr_address address = mcr_address_from(one->ifa_addr);

			if (pass == 0 ? !strcmp(one->ifa_name, text) : if_nametoindex(one->ifa_name) == found.index)
				note_address(&found, &address);
		}
	}
	freeifaddrs(all);
	if (found.index == 0 || !if_indextoname(found.index, found.name))
		return -ENODEV;
	status = read_link(&found);
	if (status == 0)
		*interface = found;
	return status;
}

struct mcr_address mcr_interface_source(const struct mcr_local_interface *interface, const struct mcr_address *to)
{
	const struct mcr_address *global = &interface->ipv6, *link = &interface->ipv6_link;

	if (to->family == AF_INET)
		return interface->ipv4;
	if (mcr_address_is_link_local(to) || global->family == AF_UNSPEC)
		return link->family == AF_UNSPEC ? *global : *link;
	return *global;
}

static void say(const char *tool, const char *format, va_list arguments)
{
	fprintf(stderr, "mcr %s: ", tool);
	vfprintf(stderr, format, arguments);
	fputc('\n', stderr);
}

int mcr_usage_error(const char *tool, const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	say(tool, format, arguments);
	va_end(arguments);
	fprintf(stderr, "see mcr %s --help\n", tool);
	return MCR_EXIT_USAGE;
}

int mcr_failure(const char *tool, const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	say(tool, format, arguments);
	va_end(arguments);
	return MCR_EXIT_FAILED;
}

/* Reports what getopt_long() refused with `?` or `:`. */
static int refuse(const char *tool, int refusal, char *const *argv)
{
	const char *word = argv[optind - 1];

	if (refusal == ':')
		return mcr_usage_error(tool, "Option \"%s\" needs a value", word);
	if (word[0] == '-' && word[1] != '-' && optopt)
		return mcr_usage_error(tool, "Unknown option \"-%c\"", optopt);
	if (optopt)
		return mcr_usage_error(tool, "Option \"%s\" takes no value", word);
	return mcr_usage_error(tool, "Unknown option \"%s\"", word);
}

int mcr_options_read(const struct mcr_option_set *set, int argc, char **argv, const char **interface, void *taken)
{
	int option, status = MCR_OPTIONS_RUN;

	/* From the beginning, for the C libraries of Linux; and we say ourselves what is wrong. */
	optind = 0;
	opterr = 0;
	while (status == MCR_OPTIONS_RUN && (option = getopt_long(argc, argv, ":jh", set->options, NULL)) != -1) {
		switch (option) {
		case '?':
		case ':':
			return refuse(set->tool, option, argv);
		case 'h':
			fputs(set->help, stdout);
			return MCR_EXIT_DONE;
		case 'i':
			*interface = optarg;
			break;
		default:
			status = set->take(option, optarg, taken);
		}
	}
	if (status == MCR_OPTIONS_RUN && optind < argc)
		return mcr_usage_error(set->tool, "Unexpected argument \"%s\": all are options", argv[optind]);
	return status;
}

static void on_signal(int number)
{
	(void)number;
	is_stopped = 1;
}

void mcr_catch_signals(void)
{
	/* No SA_RESTART: a wait is to end. */
	const struct sigaction action = { .sa_handler = on_signal };

	is_stopped = 0;
	sigaction(SIGINT, &action, NULL);
	sigaction(SIGTERM, &action, NULL);
}

bool mcr_is_stopped(void)
{
	return is_stopped;
}

void mcr_raise_file_limit(void)
{
	struct rlimit files;

	if (getrlimit(RLIMIT_NOFILE, &files) < 0 || files.rlim_cur >= files.rlim_max)
		return;
	files.rlim_cur = files.rlim_max;
	setrlimit(RLIMIT_NOFILE, &files);
}

int32_t mcr_choose(const char *text, const char *const *words)
{
	for (int32_t i = 0; words[i]; i++) {
		if (!strcmp(text, words[i]))
			return i;
	}
	return -EINVAL;
}
