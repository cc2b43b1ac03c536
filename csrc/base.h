/*
 * base.h - what every C file here may use: errors with a sentence, reading the wire, counters, clocks.
 * Knows nothing of relaying.
 */
#ifndef MCR_BASE_H
#define MCR_BASE_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <time.h>

#define likely(condition) __builtin_expect(!!(condition), 1)
#define unlikely(condition) __builtin_expect(!!(condition), 0)
#define array_count(array) (sizeof(array) / sizeof((array)[0]))

/* Sets the sentence of mcr_error() for this thread. Return: -@error, so that `return mcr_fail(errno, ...)` does. */
int32_t mcr_fail(int error, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* The wire is big-endian and unaligned; memcpy compiles to one load. */
static inline uint16_t read_be16(const uint8_t *bytes)
{
	uint16_t value;

	memcpy(&value, bytes, sizeof(value));
	return __builtin_bswap16(value);
}

static inline uint32_t read_be32(const uint8_t *bytes)
{
	uint32_t value;

	memcpy(&value, bytes, sizeof(value));
	return __builtin_bswap32(value);
}

static inline uint64_t read_be64(const uint8_t *bytes)
{
	uint64_t value;

	memcpy(&value, bytes, sizeof(value));
	return __builtin_bswap64(value);
}

/* Makes room for one more than @count entries of @size bytes. Return: the array, or NULL with the old one as it was. */
void *mcr_grow(void *array, uint32_t *capacity, uint32_t count, size_t size);

/*
 * Counters have one writer and readers in other processes: a plain add would do on the machines we run on, but only
 * an atomic store promises that no reader sees half a number.
 */
static inline void stat_add(uint64_t *counter, uint64_t value)
{
	__atomic_store_n(counter, *counter + value, __ATOMIC_RELAXED);
}

/* As stat_add(), and no reader sees it before what was counted earlier. */
static inline void stat_add_last(uint64_t *counter, uint64_t value)
{
	__atomic_store_n(counter, *counter + value, __ATOMIC_RELEASE);
}

static inline void stat_set(uint64_t *counter, uint64_t value)
{
	__atomic_store_n(counter, value, __ATOMIC_RELAXED);
}

static inline uint64_t clock_ns(clockid_t clock)
{
	struct timespec now;

	clock_gettime(clock, &now);
	return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

/* IPv4 addresses in their 16-byte form, ::ffff:a.b.c.d. */
static inline int address_is_ipv4(const uint8_t *address)
{
	static const uint8_t prefix[12] = { [10] = 0xff, [11] = 0xff };

	return memcmp(address, prefix, sizeof(prefix)) == 0;
}

static inline int address_is_group(const uint8_t *address)
{
	return address_is_ipv4(address) ? (address[12] & 0xf0u) == 0xe0u : address[0] == 0xffu;
}

#endif
