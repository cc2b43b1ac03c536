/* What a process cannot do any more once it is in the sandbox. Each claim is tried by a child that enters it. */
#include "check.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "mcr.h"
#include "sandbox.h"

#define NOBODY 65534u
#define STATUS_BYTES 8192

/* A child that is in the sandbox and waits to be let go, and the line to it. */
struct child {
	pid_t pid;
	int32_t line;
};

static void live_in_the_sandbox(int32_t line, uint32_t uid, uint32_t gid)
{
	uint8_t byte = mcr_sandbox_enter(uid, gid) == 0;

	if (write(line, &byte, 1) == 1)
		(void)recv(line, &byte, 1, 0);
	_exit(0);
}

static bool start(struct child *child, uint32_t uid, uint32_t gid)
{
	int ends[2];
	uint8_t is_in = 0;

	if (!CHECK(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, ends) == 0))
		return false;
	child->pid = fork();
	if (child->pid == 0) {
		close(ends[0]);
		live_in_the_sandbox(ends[1], uid, gid);
	}
	close(ends[1]);
	child->line = ends[0];
	return CHECK(recv(ends[0], &is_in, 1, 0) == 1 && is_in == 1);
}

static void stop(struct child *child)
{
	int status = -1;

	close(child->line);
	CHECK(waitpid(child->pid, &status, 0) == child->pid && status == 0);
}

/* The value of a line of /proc/PID/status; "" when it has none. Valid until the next call. */
static const char *status_of(pid_t pid, const char *name)
{
	static char text[STATUS_BYTES];
	char path[64], *line;
	ssize_t length;
	int fd;

	snprintf(path, sizeof(path), "/proc/%d/status", pid);
	fd = open(path, O_RDONLY);
	length = read(fd, text, sizeof(text) - 1);
	close(fd);
	text[length > 0 ? length : 0] = '\0';
	line = strstr(text, name);
	if (!line)
		return "";
	line += strlen(name);
	line += strspn(line, " \t");
	line[strcspn(line, "\n")] = '\0';
	return line;
}

static void sandbox_leaves_no_right(void)
{
	static const char *const sets[] = { "\nCapInh:", "\nCapPrm:", "\nCapEff:", "\nCapAmb:" };
	struct child child;

	if (!start(&child, MCR_KEEP_ID, MCR_KEEP_ID))
		return;
	for (size_t i = 0; i < sizeof(sets) / sizeof(sets[0]); i++)
		CHECK(strcmp(status_of(child.pid, sets[i]), "0000000000000000") == 0);
	CHECK(strcmp(status_of(child.pid, "\nNoNewPrivs:"), "1") == 0);
	CHECK(strcmp(status_of(child.pid, "\nSeccomp:"), "2") == 0);
	stop(&child);
}

static void sandbox_empties_the_bounding_set(void)
{
	struct child child;

	if (!mcr_capability(CAP_SETPCAP)) {
		mcr_check_skip("the bounding set can be emptied with CAP_SETPCAP only");
		return;
	}
	if (!start(&child, MCR_KEEP_ID, MCR_KEEP_ID))
		return;
	CHECK(strcmp(status_of(child.pid, "\nCapBnd:"), "0000000000000000") == 0);
	stop(&child);
}

static void sandbox_changes_user_and_groups(void)
{
	struct child child;

	if (!mcr_capability(CAP_SETUID) || !mcr_capability(CAP_SETGID)) {
		mcr_check_skip("another user needs CAP_SETUID and CAP_SETGID");
		return;
	}
	if (!start(&child, NOBODY, NOBODY - 1))
		return;
	CHECK(strcmp(status_of(child.pid, "\nUid:"), "65534\t65534\t65534\t65534") == 0);
	CHECK(strcmp(status_of(child.pid, "\nGid:"), "65533\t65533\t65533\t65533") == 0);
	CHECK(status_of(child.pid, "\nGroups:")[0] == '\0');
	CHECK(strcmp(status_of(child.pid, "\nCapEff:"), "0000000000000000") == 0);
	stop(&child);
}

static void sandbox_keeps_the_user_where_there_is_no_other(void)
{
	const pid_t pid = fork();
	int status = -1;

	/* As an ordinary user. */
	if (pid == 0) {
		if (setresgid(NOBODY, NOBODY, NOBODY) == 0)
			(void)!setresuid(NOBODY, NOBODY, NOBODY);
		_exit(mcr_sandbox_enter(0, 0) == 0 ? 0 : 1);
	}
	CHECK(waitpid(pid, &status, 0) == pid && status == 0);
}

/* How a child ends that makes a syscall in the sandbox: 0, or the signal that ended it. */
static int end_of(long number, long first, long second, long third)
{
	const pid_t pid = fork();
	int status = -1;

	if (pid == 0) {
		if (mcr_sandbox_enter(MCR_KEEP_ID, MCR_KEEP_ID) < 0)
			_exit(1);
		(void)syscall(number, first, second, third, 0, 0, 0);
		_exit(0);
	}
	CHECK(waitpid(pid, &status, 0) == pid);
	return WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status);
}

static void what_a_worker_has_no_use_for_ends_it(void)
{
	static const long numbers[] = {
		__NR_openat,	 __NR_socket,  __NR_connect,	    __NR_bind,	  __NR_clone,	    __NR_execve,
		__NR_ptrace,	 __NR_kill,    __NR_io_uring_setup, __NR_setuid,  __NR_bpf,	    __NR_unshare,
		__NR_setns,	 __NR_mount,   __NR_setsockopt,	    __NR_dup,	  __NR_read,	    __NR_memfd_create,
		__NR_pidfd_open, __NR_prctl,   __NR_mprotect,	    __NR_getpid,  __NR_unlinkat,
		__NR_sched_setaffinity,
	};

	for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++)
		CHECK(end_of(numbers[i], -1, 0, 0) == SIGSYS);
#ifdef __x86_64__
	/* The same calls by their x32 numbers. */
	CHECK(end_of(0x40000000 + __NR_close, -1, 0, 0) == SIGSYS);
#endif
}

static void what_a_worker_needs_works(void)
{
	static const long numbers[] = {
		__NR_io_uring_enter, __NR_io_uring_register, __NR_recvfrom,	 __NR_recvmsg, __NR_sendmsg,
		__NR_getsockopt,     __NR_munmap,	     __NR_fstat,	 __NR_fcntl,   __NR_close,
		__NR_clock_gettime,  __NR_write,	     __NR_rt_sigprocmask, __NR_gettid, __NR_mmap,
		__NR_clock_nanosleep,
	};

	for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++)
		CHECK(end_of(numbers[i], -1, 0, 0) == 0);
	CHECK(end_of(__NR_exit_group, 0, 0, 0) == 0);
}

/* What the C library makes of the calls of a worker's loop: the numbers above are not all that it might use. */
static int use_the_library(void)
{
	const int fd = memfd_create("test", MFD_ALLOW_SEALING);
	const int event = mcr_event_open();
	struct mcr_message message;
	struct timespec now;
	struct stat file;
	int32_t ends[2];
	void *memory;

	if (mcr_channel_open(ends) < 0 || ftruncate(fd, 4096) < 0 || mcr_sandbox_enter(MCR_KEEP_ID, MCR_KEEP_ID) < 0)
		return 1;
	memory = mmap(NULL, 4096, PROT_READ, MAP_SHARED | MAP_POPULATE, fd, 0);
	if (memory == MAP_FAILED || munmap(memory, 4096) < 0)
		return 2;
	if (fstat(fd, &file) < 0 || fcntl(fd, F_GET_SEALS) < 0)
		return 3;
	memset(&message, 0, sizeof(message));
	if (mcr_channel_send(ends[0], &message, &event, 1) < 0 || mcr_channel_receive(ends[1], &message) != 1)
		return 4;
	if (mcr_channel_receive(ends[1], &message) != -EAGAIN || mcr_error()[0] == '\0')
		return 5;
	if (clock_gettime(CLOCK_REALTIME, &now) < 0 || clock_gettime(CLOCK_MONOTONIC_COARSE, &now) < 0)
		return 6;
	return close(fd) == 0 ? 0 : 7;
}

static void calls_of_the_loop_work(void)
{
	const pid_t pid = fork();
	int status = -1;

	if (pid == 0)
		_exit(use_the_library());
	CHECK(waitpid(pid, &status, 0) == pid && status == 0);
}

/* abort() must still end a process by its own signal, or nobody would look for an assertion. */
static void assertion_still_aborts(void)
{
	const pid_t pid = fork();
	int status = -1;

	if (pid == 0) {
		(void)prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
		if (mcr_sandbox_enter(MCR_KEEP_ID, MCR_KEEP_ID) == 0)
			abort();
		_exit(1);
	}
	CHECK(waitpid(pid, &status, 0) == pid);
	CHECK(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT);
}

static void descriptors_are_closed_from_a_number_on(void)
{
	const pid_t pid = fork();
	int status = -1;

	if (pid == 0) {
		const int low = dup2(STDERR_FILENO, 60), high = dup2(STDERR_FILENO, 61);
		const int last = dup2(STDERR_FILENO, 900);

		mcr_sandbox_close_from(61);
		_exit(low == 60 && high == 61 && last == 900 && fcntl(60, F_GETFD) >= 0 && fcntl(61, F_GETFD) < 0 &&
				      fcntl(900, F_GETFD) < 0 ?
			      0 :
			      1);
	}
	CHECK(waitpid(pid, &status, 0) == pid && status == 0);
}

void mcr_sandbox_tests(void)
{
	RUN(sandbox_leaves_no_right);
	RUN(sandbox_empties_the_bounding_set);
	RUN(sandbox_changes_user_and_groups);
	RUN(sandbox_keeps_the_user_where_there_is_no_other);
	RUN(what_a_worker_has_no_use_for_ends_it);
	RUN(what_a_worker_needs_works);
	RUN(calls_of_the_loop_work);
	RUN(assertion_still_aborts);
	RUN(descriptors_are_closed_from_a_number_on);
}
