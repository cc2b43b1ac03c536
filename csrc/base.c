/* base.c - the library's identity, its error sentence, its lists of words; and the two smallest descriptors calls. */
#include "base.h"
#include "mcr.h"

#include <errno.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

/* A thread of its own waits in mcr_poll() while another works: their errors must not mix. */
static _Thread_local char error_text[512];

int32_t mcr_fail(int error, const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(error_text, sizeof(error_text), format, arguments);
	va_end(arguments);
	return -error;
}

void *mcr_grow(void *array, uint32_t *capacity, uint32_t count, size_t size)
{
	void *larger;

	if (count < *capacity)
		return array;
	larger = realloc(array, (*capacity * 2 + 64) * size);
	if (larger)
		*capacity = *capacity * 2 + 64;
	return larger;
}

uint32_t mcr_abi_version(void)
{
	return MCR_ABI_VERSION;
}

const char *mcr_version(void)
{
	return MCR_VERSION;
}

const char *mcr_error(void)
{
	return error_text;
}

#define ERROR_NAMES(X)                                                                                                 \
	X(EACCES) X(EADDRINUSE) X(EADDRNOTAVAIL) X(EAFNOSUPPORT) X(EAGAIN) X(EBADF) X(EBADMSG) X(EBUSY) X(EEXIST)      \
	X(EFAULT) X(EINTR) X(EINVAL) X(EIO) X(EMFILE) X(EMSGSIZE) X(ENETDOWN) X(ENETUNREACH) X(EHOSTUNREACH)           \
	X(ENFILE) X(ENOBUFS) X(ENODEV) X(ENOENT) X(ENOEXEC) X(ENOMEM) X(ENOSPC) X(ENOSYS) X(ENXIO) X(EOPNOTSUPP)       \
	X(EPERM) X(EPIPE) X(ESRCH) X(ETIMEDOUT) X(ETOOMANYREFS) X(ECONNREFUSED) X(ECONNRESET) X(EPROTO)

const char *mcr_error_name(int32_t error)
{
	static _Thread_local char unnamed[16];

	switch (error < 0 ? -error : error) {
#define ERROR_CASE(name) case name: return #name;
		ERROR_NAMES(ERROR_CASE)
#undef ERROR_CASE
	default:
		snprintf(unnamed, sizeof(unnamed), "E%d", error < 0 ? -error : error);
		return unnamed;
	}
}

#define DROP_NAME(name, text, advice) text,
#define DROP_ADVICE(name, text, advice) advice,
static const char *const drop_names[] = { MCR_DROPS(DROP_NAME) };
static const char *const drop_advice[] = { MCR_DROPS(DROP_ADVICE) };
_Static_assert((int)MCR_DROP_COUNT <= (int)MCR_DROPS_MAX, "the statistics have room for every reason");

const char *mcr_drop_name(uint32_t reason)
{
	return reason < MCR_DROP_COUNT ? drop_names[reason] : "";
}

const char *mcr_drop_advice(uint32_t reason)
{
	return reason < MCR_DROP_COUNT ? drop_advice[reason] : "";
}

int32_t mcr_close(int32_t fd)
{
	return close(fd) < 0 ? mcr_fail(errno, "Cannot close descriptor %d: %s", fd, strerror(errno)) : 0;
}

int32_t mcr_poll(const int32_t *fds, uint32_t count, uint32_t timeout_ms, uint8_t *ready)
{
	struct pollfd polls[1024];
	int found;

	if (count > array_count(polls))
		return mcr_fail(EINVAL, "Cannot wait for %u descriptors: at most %zu", count, array_count(polls));
	for (uint32_t i = 0; i < count; i++)
		polls[i] = (struct pollfd){ .fd = fds[i], .events = POLLIN };
	found = poll(polls, count, timeout_ms > INT32_MAX ? INT32_MAX : (int)timeout_ms);
	if (found < 0 && errno != EINTR)
		return mcr_fail(errno, "Cannot wait for descriptors: %s", strerror(errno));
	for (uint32_t i = 0; i < count; i++)
		ready[i] = found > 0 && polls[i].revents != 0;
	return found > 0 ? found : 0;
}

int32_t mcr_event_open(void)
{
	const int event = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);

	return event < 0 ? mcr_fail(errno, "Cannot make an eventfd: %s", strerror(errno)) : event;
}

int32_t mcr_event_signal(int32_t event)
{
	/* EAGAIN means that it is at its maximum, so readable: what was wanted. */
	if (eventfd_write(event, 1) < 0 && errno != EAGAIN)
		return mcr_fail(errno, "Cannot signal an eventfd: %s", strerror(errno));
	return 0;
}

int32_t mcr_event_clear(int32_t event)
{
	eventfd_t value;

	if (eventfd_read(event, &value) < 0 && errno != EAGAIN)
		return mcr_fail(errno, "Cannot clear an eventfd: %s", strerror(errno));
	return 0;
}
