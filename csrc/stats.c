/* stats.c - the shared page of counters, as the supervisor handles it. See mcr_stats_*() in mcr.h. */
#include "base.h"
#include "mcr.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <unistd.h>

int32_t mcr_stats_open(void)
{
	const int fd = memfd_create("mcr-stats", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	int32_t error;

	if (fd < 0)
		return mcr_fail(errno, "Cannot make a statistics page: %s", strerror(errno));
	/* Sealed in size: a worker must not be able to make the supervisor fault. */
	if (ftruncate(fd, sizeof(struct mcr_stats)) == 0 &&
	    fcntl(fd, F_ADD_SEALS, F_SEAL_GROW | F_SEAL_SHRINK | F_SEAL_SEAL) == 0)
		return fd;
	error = mcr_fail(errno, "Cannot make a statistics page of %zu bytes: %s", sizeof(struct mcr_stats),
			 strerror(errno));
	close(fd);
	return error;
}

void *mcr_stats_map(int32_t fd)
{
	void *stats = mmap(NULL, sizeof(struct mcr_stats), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);

	if (stats != MAP_FAILED)
		return stats;
	mcr_fail(errno, "Cannot map a statistics page: %s", strerror(errno));
	return NULL;
}

int32_t mcr_stats_unmap(void *stats)
{
	return munmap(stats, sizeof(struct mcr_stats)) < 0 ?
		       mcr_fail(errno, "Cannot unmap a statistics page: %s", strerror(errno)) :
		       0;
}

int32_t mcr_stats_settle(void *stats, uint32_t input, int32_t progress)
{
	struct mcr_ring_stats *ring;
	eventfd_t count = 0;

	if (input >= MCR_INPUTS_MAX)
		return mcr_fail(EINVAL, "Cannot settle input %u: at most %u", input, MCR_INPUTS_MAX);
	if (eventfd_read(progress, &count) < 0 && errno != EAGAIN)
		return mcr_fail(errno, "Cannot read the progress of input %u: %s", input, strerror(errno));
	ring = &((struct mcr_stats *)stats)->rings[input];
	ring->completed += count;
	return 0;
}
