/*
 * check.h - what a C unit test is made of.
 *
 *      static void parse_refuses_a_short_header(void)     a claim
 *      {
 *              CHECK(mcr_parse_packet(...) == MCR_DROP_TRUNCATED);
 *      }
 *
 *      void mcr_parse_tests(void)                          a file's entry; main.c calls it
 *      {
 *              RUN(parse_refuses_a_short_header);
 *      }
 *
 * A CHECK that does not hold is said with its place, and the test goes on; a test with one such has failed.
 */
#ifndef MCR_CHECK_H
#define MCR_CHECK_H

#include <stdbool.h>

#define CHECK(condition) mcr_check((condition), __FILE__, __LINE__, #condition)
#define RUN(test) mcr_check_run(test, #test)

/* Notes whether a condition of the running test holds. Return: @holds, so that a test may stop where it is senseless
 * to go on: `if (!CHECK(fd >= 0)) return;`.
 */
bool mcr_check(bool holds, const char *file, int line, const char *text);

/* Whether a condition of the running test has not held. A test in a process of its own ends with it. */
bool mcr_check_is_failing(void);

/* Says why the running test cannot be made here, which is then neither passed nor failed. */
void mcr_check_skip(const char *reason);

/* Runs one test and counts it. */
void mcr_check_run(void (*test)(void), const char *name);

#endif
