/* hold.c - the socket that keeps this host from refusing what the relay takes. See mcr_input_hold() in mcr.h. */
#include "base.h"
#include "mcr.h"
#include "socket_address.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/filter.h>
#include <sys/socket.h>
#include <unistd.h>

/* Before it is bound: nothing must ever be queued. */
static int close_ears(int fd)
{
	struct sock_filter nothing[] = { BPF_STMT(BPF_RET | BPF_K, 0) };
	const struct sock_fprog closed = { .len = array_count(nothing), .filter = nothing };

	return setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &closed, sizeof(closed));
}

/* It must not take the port of all of IPv4 as well where its address is ::. */
static int keep_to_ipv6(int fd, int family)
{
	const int on = 1;

	return family == AF_INET6 ? setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof(on)) : 0;
}

int32_t mcr_input_hold(uint32_t protocol, uint32_t interface, const uint8_t *address, uint32_t port)
{
	const int is_esp = protocol == MCR_PROTOCOL_ESP, family = address_is_ipv4(address) ? AF_INET : AF_INET6;
	const int type = (is_esp ? SOCK_RAW : SOCK_DGRAM) | SOCK_CLOEXEC | SOCK_NONBLOCK;
	union mcr_socket_address to;
	const uint32_t length = mcr_socket_address_write(&to, address, port, interface);
	char text[INET6_ADDRSTRLEN] = "";
	int error, fd;

	if ((protocol != MCR_PROTOCOL_UDP && !is_esp) || (is_esp ? port != 0 : port == 0 || port > UINT16_MAX))
		return mcr_fail(EINVAL, "Cannot hold a port: wanted UDP and port 1 to 65535, or ESP and port 0");
	fd = socket(family, type, is_esp ? (int)protocol : 0);
	if (fd >= 0 && close_ears(fd) == 0 && keep_to_ipv6(fd, family) == 0 && bind(fd, &to.any, length) == 0)
		return fd;
	error = errno;
	if (fd >= 0)
		close(fd);
	inet_ntop(family, family == AF_INET ? address + 12 : address, text, sizeof(text));
	return mcr_fail(error, "Cannot hold port %u of %s: %s", port, text, strerror(error));
}
