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

#include "address.h"

/* What a tool's main returns; the same for every command of mcr. */
#define MCR_EXIT_DONE 0
#define MCR_EXIT_FAILED 1
#define MCR_EXIT_USAGE 2

/* An options parser returns this, which is no exit status, when the tool is to go on and run. */
#define MCR_OPTIONS_RUN (-1)

/* Rows of a table for people; -j has no limit. */
#define MCR_TABLE_ROWS_MAX 64u

#define MCR_SECOND_NS UINT64_C(1000000000)

/** An interface of this host and the first address of each kind that it has. */
struct mcr_local_interface {
	char name[IF_NAMESIZE];
	uint32_t index;
	uint32_t mtu;
	bool is_ethernet; /* its frames need the address of a station */
	struct mcr_address ipv4; /* these three, all zero: it has none */
	struct mcr_address ipv6;
	struct mcr_address ipv6_link; /* link-local */
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
 * mcr_find_interface - find an interface of this network namespace by name or by one of its addresses.
 *
 * Return: 0; -ENODEV when there is no such interface; or what the kernel answered.
 */
int32_t mcr_find_interface(const char *text, struct mcr_local_interface *interface);

/** mcr_interface_source - what the interface sends from to @to; an address of no family when it has none. */
struct mcr_address mcr_interface_source(const struct mcr_local_interface *interface, const struct mcr_address *to);

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
