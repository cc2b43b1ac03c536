/* What this process may do, the interfaces it sees, and the workers it starts: scripts that tell what they got. */
#include "check.h"

#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "mcr.h"
#include "model.h"

#define ANSWER_MS 5000u

/* A script in the place of a worker, and the supervisor's end of its channel. */
struct worker {
	char path[32];
	int32_t ends[2];
	int32_t pidfd;
	int32_t pid;
};

static bool start(struct worker *worker, const char *script)
{
	static const char path[] = "/tmp/mcr-unit-XXXXXX";
	int fd;

	memcpy(worker->path, path, sizeof(path));
	fd = mkstemp(worker->path);
	if (!CHECK(fd >= 0 && fchmod(fd, 0700) == 0 && write(fd, script, strlen(script)) > 0))
		return false;
	close(fd);
	if (!CHECK(mcr_channel_open(worker->ends) == 0))
		return false;
	worker->pid = mcr_worker_spawn(worker->path, worker->ends[1], &worker->pidfd);
	close(worker->ends[1]);
	return CHECK(worker->pid > 0);
}

static void finish(struct worker *worker)
{
	unlink(worker->path);
	close(worker->ends[0]);
	close(worker->pidfd);
}

/* Waits until a descriptor can be read. */
static bool is_ready(int32_t fd)
{
	uint8_t ready;

	return mcr_poll(&fd, 1, ANSWER_MS, &ready) == 1;
}

static void worker_has_its_channel_and_nothing_else(void)
{
	const int leaked = dup(STDERR_FILENO), closed = fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 0);
	struct worker worker;
	char text[256] = "", expected[256];
	int32_t status = -1;
	ssize_t length;

	/*
	 * A supervisor that is told nothing else opens everything close-on-exec. What started the tests may have left
	 * descriptors open (a shell does, that holds a lock).
	 */
	for (int fd = STDERR_FILENO + 1; fd <= 9; fd++)
		fcntl(fd, F_SETFD, FD_CLOEXEC);
	if (!start(&worker, "#!/bin/sh\n"
			    "read -r stat </proc/$$/stat\n"
			    "set -- \"$1\" $stat\n"
			    "cd /proc/$$/fd && echo \"$1 $6\" [0-3] [4-9] >&3\n"
			    "exit 7\n"))
		return;
	CHECK(is_ready(worker.ends[0]));
	length = recv(worker.ends[0], text, sizeof(text) - 1, 0);
	text[length > 0 ? length : 0] = '\0';
	/* A process group of its own. Descriptor 4 is the shell's look at the directory. */
	snprintf(expected, sizeof(expected), "__worker %d 0 1 2 3 4\n", worker.pid);
	CHECK(strcmp(text, expected) == 0);
	CHECK(is_ready(worker.pidfd));
	CHECK(mcr_worker_reap(worker.pidfd, &status) == 1 && status == 7);
	CHECK(mcr_worker_reap(worker.pidfd, &status) == -ECHILD);
	finish(&worker);
	close(leaked);
	close(closed);
}

static void worker_inherits_no_environment_and_no_mask(void)
{
	sigset_t all, before;
	struct worker worker;
	int32_t status = -1;

	setenv("MCR_UNIT_SECRET", "1", 1);
	sigfillset(&all);
	sigprocmask(SIG_SETMASK, &all, &before);
	signal(SIGTERM, SIG_IGN);
	/* Were the signal ignored or blocked, the script would go on to its end. */
	if (start(&worker, "#!/bin/sh\n[ -n \"$MCR_UNIT_SECRET\" ] && exit 1\nkill -TERM $$\nexit 2\n")) {
		CHECK(is_ready(worker.pidfd));
		CHECK(mcr_worker_reap(worker.pidfd, &status) == 1 && status == 128 + SIGTERM);
		finish(&worker);
	}
	signal(SIGTERM, SIG_DFL);
	sigprocmask(SIG_SETMASK, &before, NULL);
	unsetenv("MCR_UNIT_SECRET");
}

static void running_worker_is_killed_and_reaped(void)
{
	struct worker worker;
	int32_t status = -1;

	/* Waits for a message that does not come. */
	if (!start(&worker, "#!/bin/sh\necho ready >&3\nwhile :; do sleep 10; done\n"))
		return;
	CHECK(is_ready(worker.ends[0]));
	CHECK(mcr_worker_reap(worker.pidfd, &status) == 0 && status == -1);
	CHECK(mcr_worker_kill(worker.pidfd, SIGKILL) == 0);
	CHECK(is_ready(worker.pidfd));
	CHECK(mcr_worker_reap(worker.pidfd, &status) == 1 && status == 128 + SIGKILL);
	CHECK(mcr_worker_kill(worker.pidfd, SIGKILL) == -ESRCH);
	finish(&worker);
}

static void program_that_cannot_be_started_is_named(void)
{
	const uint32_t before = model_fd_count();
	int32_t pidfd = -5;

	CHECK(mcr_worker_spawn("/nonexistent/mcr", STDERR_FILENO, &pidfd) == -ENOENT);
	CHECK(strstr(mcr_error(), "\"/nonexistent/mcr\"") != NULL);
	CHECK(mcr_worker_spawn("/", STDERR_FILENO, &pidfd) == -EACCES);
	CHECK(pidfd == -5 && model_fd_count() == before);
}

static void cores_are_those_of_the_affinity_mask(void)
{
	uint32_t cores[CPU_SETSIZE], first = UINT32_MAX;
	int32_t count;
	cpu_set_t set;

	CHECK(sched_getaffinity(0, sizeof(set), &set) == 0);
	count = mcr_cores(cores, CPU_SETSIZE);
	CHECK(count == CPU_COUNT(&set));
	for (int32_t i = 0; i < count; i++)
		CHECK(CPU_ISSET(cores[i], &set) && (i == 0 || cores[i] > cores[i - 1]));
	CHECK(mcr_cores(&first, 1) == count && first == cores[0]);
	CHECK(mcr_cores(NULL, 0) == count);
}

static void capability_is_the_kernel_s_bit(void)
{
	char line[128];
	unsigned long long effective = 0;
	FILE *status = fopen("/proc/self/status", "r");

	while (status && fgets(line, sizeof(line), status)) {
		if (strncmp(line, "CapEff:", 7) == 0)
			effective = strtoull(line + 7, NULL, 16);
	}
	if (status)
		fclose(status);
	for (uint32_t capability = 0; capability < 64; capability++)
		CHECK(mcr_capability(capability) == (int32_t)(effective >> capability & 1));
	CHECK(mcr_capability(64) == 0 && mcr_capability(UINT32_MAX) == 0);
}

static void limit_of_files_becomes_the_hard_one(void)
{
	struct rlimit limit;

	CHECK(getrlimit(RLIMIT_NOFILE, &limit) == 0);
	CHECK(mcr_files_limit_raise() == (limit.rlim_max > INT32_MAX ? INT32_MAX : (int32_t)limit.rlim_max));
	CHECK(getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur == limit.rlim_max);
}

static void loopback_is_among_the_interfaces(void)
{
	static struct mcr_interface interfaces[512];
	const int32_t count = mcr_interfaces_list(interfaces, 512);
	uint8_t address[16];
	bool is_found = false;

	model_address(address, 0x7f000001);
	CHECK(count > 0 && mcr_interfaces_list(interfaces, 0) == count);
	CHECK(mcr_interfaces_list(interfaces, 512) == count);
	for (int32_t i = 0; i < count && i < 512; i++) {
		char name[IF_NAMESIZE] = "";

		CHECK(if_indextoname(interfaces[i].index, name) && strcmp(name, interfaces[i].name) == 0);
		CHECK(interfaces[i].address_count <= MCR_INTERFACE_ADDRESSES_MAX);
		if (strcmp(name, "lo") != 0)
			continue;
		is_found = true;
		CHECK(interfaces[i].mtu > 0 && interfaces[i].flags & IFF_LOOPBACK);
		if (interfaces[i].flags & IFF_UP)
			CHECK(memcmp(interfaces[i].addresses[0], address, 16) == 0);
	}
	CHECK(is_found);
}

static void quiet_network_has_no_changes(void)
{
	const int32_t watch = mcr_interfaces_watch();

	CHECK(watch >= 0 && mcr_interfaces_drain(watch) >= 0);
	CHECK(mcr_interfaces_drain(-1) == -EBADF);
	close(watch);
}

void mcr_process_tests(void)
{
	RUN(worker_has_its_channel_and_nothing_else);
	RUN(worker_inherits_no_environment_and_no_mask);
	RUN(running_worker_is_killed_and_reaped);
	RUN(program_that_cannot_be_started_is_named);
	RUN(cores_are_those_of_the_affinity_mask);
	RUN(capability_is_the_kernel_s_bit);
	RUN(limit_of_files_becomes_the_hard_one);
	RUN(loopback_is_among_the_interfaces);
	RUN(quiet_network_has_no_changes);
}
