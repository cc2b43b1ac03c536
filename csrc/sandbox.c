/* sandbox.c - see sandbox.h. */
#include "sandbox.h"

#include "base.h"
#include "mcr.h"

#include <errno.h>
#include <grp.h>
#include <linux/audit.h>
#include <linux/capability.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#if defined(__x86_64__)
#define SECCOMP_ARCHITECTURE AUDIT_ARCH_X86_64
#elif defined(__aarch64__)
#define SECCOMP_ARCHITECTURE AUDIT_ARCH_AARCH64
#else
#error "the syscall filter knows x86_64 and aarch64"
#endif

#define LOAD(field) BPF_STMT(BPF_LD | BPF_W | BPF_ABS, (uint32_t)offsetof(struct seccomp_data, field))
#define ALLOW(name)                                                                                                    \
	BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (uint32_t)__NR_##name, 0, 1),                                              \
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW)

static const struct sock_filter syscalls[] = {
	LOAD(arch),
	BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SECCOMP_ARCHITECTURE, 1, 0),
	BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS),
	LOAD(nr),
	ALLOW(io_uring_enter), /* the loop: sends, polls, waits */
	ALLOW(io_uring_register), /* exchanges registered files; the ring itself forbids the rest */
	ALLOW(recvfrom), /* a look at a large frame */
	ALLOW(recvmsg), /* the control channel */
	ALLOW(sendmsg), /* acknowledgements */
	ALLOW(getsockopt), /* the kernel's count of ring drops */
	ALLOW(mmap), /* rings and tables that come later */
	ALLOW(munmap),
	ALLOW(fstat), /* a table's size */
	ALLOW(fcntl), /* and its seals */
	ALLOW(close),
	ALLOW(clock_gettime), /* where the vDSO can't */
	ALLOW(clock_nanosleep), /* lets a batch gather */
	ALLOW(write), /* a failed assertion's last words */
	ALLOW(rt_sigprocmask), /* abort() */
	ALLOW(rt_sigreturn),
	ALLOW(restart_syscall),
	ALLOW(gettid),
	ALLOW(tkill),
	ALLOW(exit_group),
	BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS),
};

void mcr_sandbox_close_from(uint32_t first)
{
	struct rlimit limit;

#ifdef __NR_close_range
	if (syscall(__NR_close_range, first, ~0u, 0) == 0)
		return;
#endif
	/* Before Linux 5.9. */
	if (getrlimit(RLIMIT_NOFILE, &limit) < 0)
		return;
	for (rlim_t fd = first; fd < limit.rlim_cur; fd++)
		close((int)fd);
}

static int32_t drop_user(uint32_t uid, uint32_t gid)
{
	if (gid != MCR_KEEP_ID) {
		/* EPERM: not root, so there is no other user to become. EINVAL: a user namespace without it. */
		if (setgroups(0, NULL) < 0 && errno != EPERM && errno != EINVAL)
			return mcr_fail(errno, "Cannot give up supplementary groups: %s", strerror(errno));
		if (setresgid(gid, gid, gid) < 0 && errno != EPERM && errno != EINVAL)
			return mcr_fail(errno, "Cannot become group %u: %s", gid, strerror(errno));
	}
	if (uid != MCR_KEEP_ID && setresuid(uid, uid, uid) < 0 && errno != EPERM && errno != EINVAL)
		return mcr_fail(errno, "Cannot become user %u: %s", uid, strerror(errno));
	return 0;
}

static int32_t drop_capabilities(void)
{
	struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };
	const struct __user_cap_data_struct none[_LINUX_CAPABILITY_U32S_3] = { 0 };

	if (prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0) < 0 && errno != EINVAL)
		return mcr_fail(errno, "Cannot clear the ambient capabilities: %s", strerror(errno));
	if (syscall(__NR_capset, &header, none) < 0)
		return mcr_fail(errno, "Cannot give up capabilities: %s", strerror(errno));
	return 0;
}

/* Needs CAP_SETPCAP, so it comes first; a supervisor without it has nothing in the set that the worker could regain
 * under no_new_privs.
 */
static void drop_bounding_set(void)
{
	for (unsigned long capability = 0; prctl(PR_CAPBSET_READ, capability, 0, 0, 0) >= 0; capability++)
		(void)prctl(PR_CAPBSET_DROP, capability, 0, 0, 0);
}

int32_t mcr_sandbox_enter(uint32_t uid, uint32_t gid)
{
	const struct sock_fprog program = { .len = array_count(syscalls),
					    .filter = (struct sock_filter *)(uintptr_t)syscalls };
	int32_t error;

	drop_bounding_set();
	error = drop_user(uid, gid);
	if (error == 0)
		error = drop_capabilities();
	if (error < 0)
		return error;
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
		return mcr_fail(errno, "Cannot forbid new privileges: %s", strerror(errno));
	if (prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program, 0, 0) < 0)
		return mcr_fail(errno, "Cannot filter syscalls: %s; does the kernel have CONFIG_SECCOMP_FILTER?",
				strerror(errno));
	return 0;
}
