/* sandbox.h - takes all rights from the calling process, for good. Knows nothing of relaying. */
#ifndef MCR_SANDBOX_H
#define MCR_SANDBOX_H

#include <stdint.h>

/**
 * mcr_sandbox_enter - give up user, groups, capabilities, their bounding set, new privileges, and all syscalls but
 * those that a worker's loop needs.
 * @uid, @gid: MCR_KEEP_ID keeps the present one, as does a user namespace that has no other.
 *
 * What is not allowed afterwards ends the process with SIGSYS: the supervisor reports that and starts another.
 *
 * Return: 0; -EPERM, -EINVAL: the kernel has no seccomp filters.
 */
int32_t mcr_sandbox_enter(uint32_t uid, uint32_t gid);

/* Ends every descriptor from @first on. */
void mcr_sandbox_close_from(uint32_t first);

#endif
