/*
 * absorber.c - the socket that spares the kernel work for what it hands to nobody. See mcr_absorber_open().
 *
 * When the packet sockets have seen a datagram of a joined group, the kernel goes on with it: it makes a route for
 * it, looks for sockets, finds none and drops both. Where exactly one socket waits for the group and port it is found
 * first, and its route is used again (early demultiplexing; while at most 10 sockets of the namespace share the port).
 * Relaying a datagram is a tenth less work then, and a sixth more of them a second get through (2026-11, Linux 6.18).
 * Other sockets get what they would get without it. What it drops is counted as InErrors of UDP.
 */
#include "base.h"
#include "mcr.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/filter.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

/* Since Linux 5.0; musl has no name for it. */
#ifndef SO_BINDTOIFINDEX
#define SO_BINDTOIFINDEX 62
#endif

static const char *set_up(int fd, uint32_t interface)
{
	struct sock_filter nothing[] = { BPF_STMT(BPF_RET | BPF_K, 0) };
	const struct sock_fprog closed = { .len = array_count(nothing), .filter = nothing };
	const int index = (int)interface, on = 1;

	/* Before it is bound: nothing must ever be queued. */
	if (setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &closed, sizeof(closed)) < 0)
		return "attach the closed filter";
	/* Listeners of this host may have the port as well. */
	if (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) < 0)
		return "share the port";
	if (setsockopt(fd, SOL_SOCKET, SO_BINDTOIFINDEX, &index, sizeof(index)) < 0)
		return "bind to the interface";
	return NULL;
}

int32_t mcr_absorber_open(uint32_t interface, const uint8_t *group, uint32_t port)
{
	struct sockaddr_in to = { .sin_family = AF_INET, .sin_port = htons((uint16_t)port) };
	const char *step = "open a UDP socket";
	char text[INET_ADDRSTRLEN] = "";
	int error, fd;

	memcpy(&to.sin_addr, group + 12, sizeof(to.sin_addr));
	/* Of any other address it would take what others wait for. */
	if (!address_is_ipv4(group) || !IN_MULTICAST(ntohl(to.sin_addr.s_addr)) || port == 0 || port > UINT16_MAX ||
	    interface == 0)
		return mcr_fail(EINVAL, "Cannot open an absorber: wanted an interface, an IPv4 group, port 1 to 65535");
	fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		goto fail;
	step = set_up(fd, interface);
	if (step)
		goto fail;
	step = "bind";
	if (bind(fd, (const struct sockaddr *)&to, sizeof(to)) < 0)
		goto fail;
	return fd;
fail:
	error = errno;
	if (fd >= 0)
		close(fd);
	inet_ntop(AF_INET, &to.sin_addr, text, sizeof(text));
	return mcr_fail(error, "Cannot %s for the absorber of %s:%u on interface %u: %s", step, text, port, interface,
			strerror(error));
}
