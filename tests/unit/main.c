/* main.c - runs the C unit tests and says how many passed; fails when one of them did. */
#include <stdio.h>

#include "check.h"

/* One in each file of tests. */
void mcr_traffic_tests(void);

static unsigned passed, failed;
static bool is_failing;

bool mcr_check(bool holds, const char *file, int line, const char *text)
{
	if (!holds) {
		is_failing = true;
		fprintf(stderr, "%s:%d: does not hold: %s\n", file, line, text);
	}
	return holds;
}

void mcr_check_run(void (*test)(void), const char *name)
{
	is_failing = false;
	test();
	if (!is_failing) {
		passed++;
		return;
	}
	failed++;
	fprintf(stderr, "FAILED %s\n", name);
}

int main(void)
{
	mcr_traffic_tests();
	printf("%u passed, %u failed\n", passed, failed);
	return failed > 0;
}
