/* output.c - the sockets that datagrams leave by, and those that hold memberships. See mcr.h. */
#include "base.h"
#include "mcr.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

static struct in_addr ipv4_of(const uint8_t *address)
{
	struct in_addr ipv4;

	memcpy(&ipv4, address + 12, sizeof(ipv4));
	return ipv4;
}

/* Sends only: what others send to its port would fill a buffer that nobody reads. */
static const char *set_up_output(int fd, uint32_t interface, uint32_t ttl, uint32_t send_buffer_bytes)
{
	const struct ip_mreqn out = { .imr_ifindex = (int)interface };
	const int hops = (int)ttl, bytes = (int)send_buffer_bytes, smallest = 0;

	if (setsockopt(fd, IPPROTO_IP, IP_MULTICAST_IF, &out, sizeof(out)) < 0)
		return "set the output interface";
	if (setsockopt(fd, IPPROTO_IP, IP_MULTICAST_TTL, &hops, sizeof(hops)) < 0)
		return "set the time to live";
	if (setsockopt(fd, SOL_SOCKET, SO_SNDBUFFORCE, &bytes, sizeof(bytes)) < 0 &&
	    setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &bytes, sizeof(bytes)) < 0)
		return "set the send buffer";
	if (setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &smallest, sizeof(smallest)) < 0)
		return "set the receive buffer";
	return NULL;
}

int32_t mcr_output_open(uint32_t interface, const uint8_t *group, uint32_t port, uint32_t ttl,
			uint32_t send_buffer_bytes)
{
	struct sockaddr_in to = { .sin_family = AF_INET, .sin_port = htons((uint16_t)port) };
	const char *step = "open a UDP socket";
	char text[INET_ADDRSTRLEN] = "";
	int error, fd;

	if (!address_is_ipv4(group) || port == 0 || port > UINT16_MAX || ttl == 0 || ttl > UINT8_MAX ||
	    send_buffer_bytes > INT32_MAX)
		return mcr_fail(EINVAL, "Cannot open an output: wanted an IPv4 group, port 1 to 65535, TTL 1 to 255");
	to.sin_addr = ipv4_of(group);
	fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		goto fail;
	step = set_up_output(fd, interface, ttl, send_buffer_bytes);
	if (step)
		goto fail;
	step = "connect";
	if (connect(fd, (const struct sockaddr *)&to, sizeof(to)) < 0)
		goto fail;
	return fd;
fail:
	error = errno;
	if (fd >= 0)
		close(fd);
	inet_ntop(AF_INET, &to.sin_addr, text, sizeof(text));
	return mcr_fail(error, "Cannot %s for output %s:%u on interface %u: %s", step, text, port, interface,
			strerror(error));
}

int32_t mcr_membership_open(void)
{
	const int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	return fd < 0 ? mcr_fail(errno, "Cannot open a membership socket: %s", strerror(errno)) : fd;
}

static int32_t membership_change(int32_t socket, int option, uint32_t interface, const uint8_t *group)
{
	const struct ip_mreqn membership = { .imr_multiaddr = ipv4_of(group), .imr_ifindex = (int)interface };
	char text[INET_ADDRSTRLEN] = "";

	if (setsockopt(socket, IPPROTO_IP, option, &membership, sizeof(membership)) == 0)
		return 0;
	inet_ntop(AF_INET, &membership.imr_multiaddr, text, sizeof(text));
	return mcr_fail(errno, "Cannot %s %s on interface %u: %s", option == IP_ADD_MEMBERSHIP ? "join" : "leave", text,
			interface, strerror(errno));
}

int32_t mcr_membership_join(int32_t socket, uint32_t interface, const uint8_t *group)
{
	return membership_change(socket, IP_ADD_MEMBERSHIP, interface, group);
}

int32_t mcr_membership_leave(int32_t socket, uint32_t interface, const uint8_t *group)
{
	return membership_change(socket, IP_DROP_MEMBERSHIP, interface, group);
}
