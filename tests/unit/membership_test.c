/* Memberships of both families, read back from what the kernel shows of them. */
#include "check.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "relay_world.h"
#include "wire_world.h"

/* How many lines of a file of /proc/net contain both texts. */
static uint32_t count_lines(const char *file, const char *one, const char *other)
{
	FILE *lines = fopen(file, "r");
	uint32_t count = 0;
	char line[256];

	while (lines && fgets(line, sizeof(line), lines))
		count += strstr(line, one) != NULL && strstr(line, other) != NULL;
	if (CHECK(lines != NULL))
		fclose(lines);
	return count;
}

static int32_t change(int32_t (*call)(int32_t, uint32_t, const uint8_t *, const uint8_t *), int32_t socket,
		      const char *group, const char *source)
{
	uint8_t group_bytes[16], source_bytes[16];

	wire_address(group_bytes, group);
	if (source)
		wire_address(source_bytes, source);
	return call(socket, WIRE_LOOPBACK, group_bytes, source ? source_bytes : NULL);
}

static bool hold_both_families(void)
{
	const int32_t one = mcr_membership_open(), other = mcr_membership_open();

	CHECK(one >= 0 && other >= 0);
	CHECK(change(mcr_membership_join, one, "239.1.2.3", NULL) == 0);
	CHECK(change(mcr_membership_join, one, "239.1.2.3", NULL) == -EADDRINUSE);
	CHECK(change(mcr_membership_join, one, "ff15::77", NULL) == 0);
	CHECK(change(mcr_membership_join, one, "ff15::77", NULL) == -EADDRINUSE);
	CHECK(count_lines("/proc/net/igmp", "030201EF", "") == 1);
	CHECK(count_lines("/proc/net/igmp6", "ff150000000000000000000000000077", "lo") == 1);

	CHECK(change(mcr_membership_join, other, "232.1.2.3", "10.0.0.1") == 0);
	CHECK(change(mcr_membership_join, other, "232.1.2.3", "10.0.0.2") == 0);
	CHECK(change(mcr_membership_join, other, "232.1.2.3", "10.0.0.2") == -EADDRNOTAVAIL);
	CHECK(change(mcr_membership_join, other, "ff35::1", "fd00::1") == 0);
	CHECK(count_lines("/proc/net/mcfilter", "0xe8010203", "0x0a00000") == 2);
	CHECK(count_lines("/proc/net/mcfilter6", "ff350000000000000000000000000001",
			  "fd000000000000000000000000000001") == 1);

	CHECK(change(mcr_membership_leave, other, "232.1.2.3", "10.0.0.1") == 0);
	CHECK(count_lines("/proc/net/mcfilter", "0xe8010203", "0x0a00000") == 1);
	CHECK(change(mcr_membership_leave, one, "ff15::77", NULL) == 0);
	CHECK(change(mcr_membership_leave, one, "ff15::77", NULL) == -EADDRNOTAVAIL);
	CHECK(count_lines("/proc/net/igmp6", "ff150000000000000000000000000077", "lo") == 0);
	close(one);
	close(other);
	CHECK(count_lines("/proc/net/igmp", "030201EF", "") == 0);
	CHECK(count_lines("/proc/net/mcfilter6", "ff350000000000000000000000000001", "") == 0);
	return true;
}

/* Whichever limit of the kernel it is, it is said as ENOBUFS, and another socket holds more. */
static bool reach_the_limits(void)
{
	for (uint32_t family = 0; family < 2; family++) {
		const int32_t one = mcr_membership_open(), other = mcr_membership_open();
		int32_t error = 0;
		char group[64];

		for (uint32_t i = 0; error == 0 && i < 65536; i++) {
			snprintf(group, sizeof(group), family ? "ff15::%x:%x" : "239.7.%u.%u", i >> 8, i & 255);
			error = change(mcr_membership_join, one, group, NULL);
		}
		CHECK(error == -ENOBUFS);
		CHECK(change(mcr_membership_join, other, group, NULL) == 0);
		close(one);
		close(other);
	}
	return true;
}

static void memberships_are_of_both_families_and_of_sources(void)
{
	relay_run(hold_both_families);
}

static void socket_that_holds_all_it_may_says_so(void)
{
	relay_run(reach_the_limits);
}

void mcr_membership_tests(void)
{
	RUN(memberships_are_of_both_families_and_of_sources);
	RUN(socket_that_holds_all_it_may_says_so);
}
