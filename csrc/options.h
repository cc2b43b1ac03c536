/*
 * What command line tools share: reading what a user typed (checked numbers, rates, times,
 * addresses, interfaces), saying that something is wrong, ending on a signal. Knows nothing of
 * any one tool.
 */
#ifndef MCR_OPTIONS_H
#define MCR_OPTIONS_H

#include <getopt.h>
#include <net/if.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <stdint.h>

/* What a tool's main returns; the same for every command of mcr. */
#define MCR_EXIT_DONE 0
#define MCR_EXIT_FAILED 1
#define MCR_EXIT_USAGE 2

/* An options parser returns this, which is no exit status, when the tool is to go on and run. */
#define MCR_OPTIONS_RUN (-1)

/* Rows of a table for people; -j has no limit. */
#define MCR_TABLE_ROWS_MAX 64u

#define MCR_SECOND_NS UINT64_C(1000000000)

/** An interface of this host and the IPv4 address that it sends from. */
struct mcr_local_interface {
	char name[IF_NAMESIZE];
	uint32_t index;
	struct in_addr address; /* 0.0.0.0: it has none */
};

/**
 * mcr_parse_number - read a whole decimal number.
 *
 * Return: 0, or with @value untouched: -EINVAL for text that is no such number, -ERANGE for one
 * outside @min to @max.
 */
int32_t mcr_parse_number(const char *text, uint64_t min, uint64_t max, uint64_t *value);

/**
 * mcr_parse_rate - read a number per second: `50000`, `50k`, `1.4M`.
 *
 * Return: 0; -EINVAL when it is no number, -ERANGE when it is no whole one or above @max.
 */
int32_t mcr_parse_rate(const char *text, uint64_t max, uint64_t *value);

/**
 * mcr_parse_seconds - read a time such as `10` or `0.25` into nanoseconds.
 *
 * Return: 0; -EINVAL when it is no number, -ERANGE when it is 0 or above a year.
 */
int32_t mcr_parse_seconds(const char *text, uint64_t *time_ns);

/**
 * mcr_parse_address - read an IPv4 address that a datagram can be sent to.
 *
 * Return: 0; -EINVAL when it is no IPv4 address in four parts, -ERANGE when it is 0.x.x.x or lies
 * above the multicast range.
 */
int32_t mcr_parse_address(const char *text, struct in_addr *address);

/**
 * mcr_find_interface - find an interface of this network namespace by name or by IPv4 address.
 *
 * Return: 0; -ENODEV when there is no such interface; or what getifaddrs() failed with.
 */
int32_t mcr_find_interface(const char *text, struct mcr_local_interface *interface);

/** True when @address lies within 224.0.0.0/4. */
static inline bool mcr_is_multicast(struct in_addr address)
{
	return (ntohl(address.s_addr) & 0xf0000000u) == 0xe0000000u;
}

/**
 * mcr_flow_address - destination of flow number @flow.
 * @first:   destination of flow 0.
 * @by_port: consecutive flows have consecutive ports; otherwise consecutive addresses.
 */
struct sockaddr_in mcr_flow_address(struct in_addr group, uint16_t port, bool by_port,
				    uint32_t flow);

/**
 * mcr_check_flows - can there be @flows consecutive destinations?
 *
 * Return: 0, or -ERANGE when they would leave the ports, or the multicast range.
 */
int32_t mcr_check_flows(struct in_addr group, uint16_t port, bool by_port, uint64_t flows);

/**
 * mcr_usage_error - say on stderr what was wrong, and where to read how it is done.
 * @tool: `gen` or `sink`.
 *
 * Return: MCR_EXIT_USAGE.
 */
int mcr_usage_error(const char *tool, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

/**
 * mcr_failure - say on stderr why the tool could not do its work.
 *
 * Return: MCR_EXIT_FAILED.
 */
int mcr_failure(const char *tool, const char *format, ...) __attribute__((format(printf, 2, 3)));

/** What a tool can be told: its options by name, `h` being --help and `i` --interface, and the text of its help. */
struct mcr_option_set {
	const char *tool;
	const char *help;
	const struct option *options;
	/* Takes any other option into what the tool knows. Return: MCR_OPTIONS_RUN; MCR_EXIT_USAGE, having said why. */
	int (*take)(int option, const char *text, void *taken);
};

/**
 * mcr_options_read - read a command line.
 * @interface: what --interface says, as typed; untouched without it.
 * @taken: handed to @set->take.
 *
 * Return: MCR_OPTIONS_RUN; MCR_EXIT_DONE when help was wanted and has been given; MCR_EXIT_USAGE, having said why.
 */
int mcr_options_read(const struct mcr_option_set *set, int argc, char **argv, const char **interface, void *taken);

/** mcr_catch_signals - from now on SIGINT and SIGTERM only make mcr_is_stopped() true. */
void mcr_catch_signals(void);

/** True once SIGINT or SIGTERM has come. */
bool mcr_is_stopped(void);

/** mcr_raise_file_limit - allow as many open files as the hard limit does. */
void mcr_raise_file_limit(void);

/**
 * mcr_choose - read one word out of a few.
 * @words: the words, ended by NULL.
 *
 * Return: its index, or -EINVAL.
 */
int32_t mcr_choose(const char *text, const char *const *words);

#endif
