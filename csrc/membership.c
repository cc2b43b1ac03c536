/* membership.c - the sockets that hold memberships of groups. See mcr.h. */
#include "socket_address.h"
#include "base.h"
#include "mcr.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <sys/socket.h>

int32_t mcr_membership_open(void)
{
	const int type = SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK;
	/* It holds those of IPv4 as well. */
	int fd = socket(AF_INET6, type, 0);

	/* The kernel has no IPv6. */
	if (fd < 0 && errno == EAFNOSUPPORT)
		fd = socket(AF_INET, type, 0);
	return fd < 0 ? mcr_fail(errno, "Cannot open a membership socket: %s", strerror(errno)) : fd;
}

/* struct sockaddr_storage has room for both. */
static void write_address(struct sockaddr_storage *to, const uint8_t *address)
{
	union mcr_socket_address written;
	const uint32_t length = mcr_socket_address_write(&written, address, 0, 0);

	memset(to, 0, sizeof(*to));
	memcpy(to, &written, length);
}

static void write_text(char *text, uint32_t bytes, const uint8_t *address)
{
	if (address_is_ipv4(address))
		inet_ntop(AF_INET, address + 12, text, bytes);
	else
		inet_ntop(AF_INET6, address, text, bytes);
}

static int32_t membership_fail(int error, int is_join, uint32_t interface, const uint8_t *group, const uint8_t *source)
{
	char group_text[INET6_ADDRSTRLEN] = "", source_text[INET6_ADDRSTRLEN] = "";

	/* What the socket may hold is memory (net.core.optmem_max) as well as a number. */
	if (error == ENOMEM)
		error = ENOBUFS;
	write_text(group_text, sizeof(group_text), group);
	if (source)
		write_text(source_text, sizeof(source_text), source);
	return mcr_fail(error, "Cannot %s %s%s%s on interface %u: %s", is_join ? "join" : "leave", group_text,
			source ? " for source " : "", source_text, interface, strerror(error));
}

static int32_t membership_change(int32_t socket, int is_join, uint32_t interface, const uint8_t *group,
				 const uint8_t *source)
{
	const int level = address_is_ipv4(group) ? IPPROTO_IP : IPPROTO_IPV6;
	struct group_source_req of_one = { .gsr_interface = interface };
	struct group_req of_all = { .gr_interface = interface };
	int status;

	if (source) {
		write_address(&of_one.gsr_group, group);
		write_address(&of_one.gsr_source, source);
		status = setsockopt(socket, level, is_join ? MCAST_JOIN_SOURCE_GROUP : MCAST_LEAVE_SOURCE_GROUP,
				    &of_one, sizeof(of_one));
	} else {
		write_address(&of_all.gr_group, group);
		status = setsockopt(socket, level, is_join ? MCAST_JOIN_GROUP : MCAST_LEAVE_GROUP, &of_all,
				    sizeof(of_all));
	}
	return status == 0 ? 0 : membership_fail(errno, is_join, interface, group, source);
}

int32_t mcr_membership_join(int32_t socket, uint32_t interface, const uint8_t *group, const uint8_t *source)
{
	return membership_change(socket, 1, interface, group, source);
}

int32_t mcr_membership_leave(int32_t socket, uint32_t interface, const uint8_t *group, const uint8_t *source)
{
	return membership_change(socket, 0, interface, group, source);
}
