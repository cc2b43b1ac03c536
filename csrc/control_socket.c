/* control_socket.c - the socket on which the supervisor is told what to do, and who tells it. See mcr.h. */
#include "base.h"
#include "mcr.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#ifndef SO_PEERGROUPS
#define SO_PEERGROUPS 59
#endif

/* Clients that wait to be taken in: the kernel cuts it to net.core.somaxconn. */
#define BACKLOG 4096

int32_t mcr_control_listen(const char *path)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	const size_t length = strlen(path);
	int32_t error;
	int fd;

	if (length == 0 || length >= sizeof(address.sun_path))
		return mcr_fail(EINVAL, "Cannot listen on a path of %zu bytes: wanted 1 to %zu", length,
				sizeof(address.sun_path) - 1);
	memcpy(address.sun_path, path, length);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return mcr_fail(errno, "Cannot make a control socket: %s", strerror(errno));
	/* The file that bind() makes takes its mode from the socket: at no moment could others connect. */
	if (fchmod(fd, 0600) == 0 && bind(fd, (const struct sockaddr *)&address, sizeof(address)) == 0 &&
	    listen(fd, BACKLOG) == 0)
		return fd;
	error = mcr_fail(errno, "Cannot listen on \"%s\": %s", path, strerror(errno));
	close(fd);
	return error;
}

/* Whether one of the peer's supplementary groups is this one; negative errno. */
static int32_t has_group(int socket, uint32_t group)
{
	uint32_t few[32], *groups = few;
	socklen_t bytes = sizeof(few);
	int32_t is_member = 0;

	if (getsockopt(socket, SOL_SOCKET, SO_PEERGROUPS, groups, &bytes) < 0) {
		if (errno != ERANGE)
			return mcr_fail(errno, "Cannot read the groups of a client: %s", strerror(errno));
		/* It says how many bytes they are; noted when the client connected, they do not change. */
		groups = malloc(bytes);
		if (!groups)
			return mcr_fail(ENOMEM, "Cannot read the groups of a client: %s", strerror(ENOMEM));
		if (getsockopt(socket, SOL_SOCKET, SO_PEERGROUPS, groups, &bytes) < 0) {
			is_member = mcr_fail(errno, "Cannot read the groups of a client: %s", strerror(errno));
			goto out;
		}
	}
	for (size_t i = 0; i < bytes / sizeof(*groups) && !is_member; i++)
		is_member = groups[i] == group;
out:
	if (groups != few)
		free(groups);
	return is_member;
}

static int32_t read_peer(int socket, uint32_t group, struct mcr_peer *peer)
{
	struct ucred credentials;
	socklen_t bytes = sizeof(credentials);
	int32_t is_member;

	if (getsockopt(socket, SOL_SOCKET, SO_PEERCRED, &credentials, &bytes) < 0)
		return mcr_fail(errno, "Cannot read who a client is: %s", strerror(errno));
	is_member = credentials.gid == group ? 1 : has_group(socket, group);
	if (is_member < 0)
		return is_member;
	*peer = (struct mcr_peer){
		.pid = (uint32_t)credentials.pid,
		.uid = credentials.uid,
		.gid = credentials.gid,
		.is_member = (uint32_t)is_member,
	};
	return 0;
}

int32_t mcr_control_accept(int32_t listener, uint32_t group, struct mcr_peer *peer)
{
	int32_t error;
	int fd;

	do {
		fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
	} while (fd < 0 && (errno == ECONNABORTED || errno == EINTR));
	if (fd < 0)
		return mcr_fail(errno, "Cannot take in a client: %s", strerror(errno));
	error = read_peer(fd, group, peer);
	if (error == 0)
		return fd;
	close(fd);
	return error;
}
