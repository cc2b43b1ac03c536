/* process.c - what this process may do, and the worker processes that it starts. See mcr.h. */
#include "base.h"
#include "mcr.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <spawn.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#ifndef P_PIDFD
#define P_PIDFD 3
#endif
#define CHANNEL_FD 3

int32_t mcr_files_limit_raise(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) < 0)
		return mcr_fail(errno, "Cannot read the limit of open files: %s", strerror(errno));
	limit.rlim_cur = limit.rlim_max;
	if (setrlimit(RLIMIT_NOFILE, &limit) < 0)
		return mcr_fail(errno, "Cannot raise the limit of open files: %s", strerror(errno));
	return limit.rlim_cur > INT32_MAX ? INT32_MAX : (int32_t)limit.rlim_cur;
}

int32_t mcr_capability(uint32_t capability)
{
	struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct sets[_LINUX_CAPABILITY_U32S_3];

	if (capability / 32 >= _LINUX_CAPABILITY_U32S_3 || syscall(__NR_capget, &header, sets) < 0)
		return 0;
	return (int32_t)(sets[capability / 32].effective >> capability % 32 & 1u);
}

int32_t mcr_cores(uint32_t *cores, uint32_t capacity)
{
	cpu_set_t set;
	uint32_t count = 0;

	if (sched_getaffinity(0, sizeof(set), &set) < 0)
		return mcr_fail(errno, "Cannot read the affinity mask: %s", strerror(errno));
	for (uint32_t core = 0; core < CPU_SETSIZE; core++) {
		if (!CPU_ISSET(core, &set))
			continue;
		if (count < capacity)
			cores[count] = core;
		count++;
	}
	return (int32_t)count;
}

/* Deno blocks no signals in itself, but a child must not inherit what a host program may have set. */
static int spawn_attributes(posix_spawnattr_t *attributes)
{
	sigset_t none, all;
	int error = posix_spawnattr_init(attributes);

	if (error)
		return error;
	sigemptyset(&none);
	sigfillset(&all);
	posix_spawnattr_setsigmask(attributes, &none);
	posix_spawnattr_setsigdefault(attributes, &all);
	/* A group of its own: an interrupt at the terminal goes to the supervisor, which ends its workers in order. */
	posix_spawnattr_setpgroup(attributes, 0);
	return posix_spawnattr_setflags(attributes, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF |
							    POSIX_SPAWN_SETPGROUP);
}

static int spawn_actions(posix_spawn_file_actions_t *actions, int32_t channel)
{
	int error = posix_spawn_file_actions_init(actions);

	if (error)
		return error;
	error = posix_spawn_file_actions_adddup2(actions, channel, CHANNEL_FD);
	if (!error)
		error = posix_spawn_file_actions_addopen(actions, STDIN_FILENO, "/dev/null", O_RDWR, 0);
	if (!error)
		error = posix_spawn_file_actions_adddup2(actions, STDIN_FILENO, STDOUT_FILENO);
	if (error)
		posix_spawn_file_actions_destroy(actions);
	return error;
}

int32_t mcr_worker_spawn(const char *program, int32_t channel, int32_t *pidfd)
{
	char *const arguments[] = { "mcr", "__worker", NULL }, *const environment[] = { NULL };
	posix_spawn_file_actions_t actions;
	posix_spawnattr_t attributes;
	int error, fd;
	pid_t pid;

	error = spawn_attributes(&attributes);
	if (error)
		return mcr_fail(error, "Cannot prepare a worker: %s", strerror(error));
	error = spawn_actions(&actions, channel);
	if (!error) {
		error = posix_spawn(&pid, program, &actions, &attributes, arguments, environment);
		posix_spawn_file_actions_destroy(&actions);
	}
	posix_spawnattr_destroy(&attributes);
	if (error)
		return mcr_fail(error, "Cannot start a worker with \"%s\": %s", program, strerror(error));
	/* Until it is waited for, the number cannot be another process'. */
	fd = (int)syscall(__NR_pidfd_open, pid, 0);
	if (fd < 0) {
		error = errno;
		kill(pid, SIGKILL);
		waitpid(pid, NULL, 0);
		return mcr_fail(error, "Cannot watch worker process %d: %s", pid, strerror(error));
	}
	*pidfd = fd;
	return pid;
}

int32_t mcr_worker_kill(int32_t pidfd, int32_t signal)
{
	if (syscall(__NR_pidfd_send_signal, pidfd, signal, NULL, 0) < 0)
		return mcr_fail(errno, "Cannot send signal %d to a worker: %s", signal, strerror(errno));
	return 0;
}

int32_t mcr_worker_reap(int32_t pidfd, int32_t *status)
{
	siginfo_t info = { 0 };

	if (waitid((idtype_t)P_PIDFD, (id_t)pidfd, &info, WEXITED | WNOHANG) < 0)
		return mcr_fail(errno, "Cannot wait for a worker: %s", strerror(errno));
	if (info.si_pid == 0)
		return 0;
	*status = info.si_code == CLD_EXITED ? info.si_status : 128 + info.si_status;
	return 1;
}
