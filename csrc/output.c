/* output.c - the sockets that datagrams leave by. See mcr.h. */
#include "socket_address.h"
#include "base.h"
#include "mcr.h"
#include "raw_frame.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/filter.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <net/if_arp.h>
#include <netinet/in.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#ifndef SO_BINDTOIFINDEX
#define SO_BINDTOIFINDEX 62
#endif

/* Where nobody is asked to listen ("discard"): a connect to it only finds out which source address it has. */
#define ANY_PORT 9u

struct setting {
	int level, option, value;
	const char *step;
};

static int apply(int fd, const struct setting *settings, size_t count, const char **step)
{
	for (size_t i = 0; i < count; i++) {
		*step = settings[i].step;
		if (setsockopt(fd, settings[i].level, settings[i].option, &settings[i].value, sizeof(int)) < 0)
			return -1;
	}
	return 0;
}

/*
 * RECVERR: without it the kernel reports a datagram that the device's queue had no room for as sent. The queue of
 * errors that comes with it is bounded by the receive buffer, and never read.
 *
 * DONT: fragments may be made on the way too, so nothing is lost until the path's MTU is known. PROBE: the interface's
 * MTU counts, whatever routers, or who pretends to be one, have said of the path.
 */
static int set_up_ipv4(int fd, const struct mcr_output_options *options, const char **step)
{
	const struct ip_mreqn out = { .imr_ifindex = (int)options->interface };
	const int ttl = (int)options->ttl, discover = options->is_fragmenting ? IP_PMTUDISC_DONT : IP_PMTUDISC_PROBE;
	const struct setting settings[] = {
		{ IPPROTO_IP, IP_MULTICAST_TTL, ttl, "set the time to live" },
		{ IPPROTO_IP, IP_TTL, ttl, "set the time to live" },
		{ IPPROTO_IP, IP_TOS, (int)options->traffic_class, "set the traffic class" },
		{ IPPROTO_IP, IP_MTU_DISCOVER, discover, "set what becomes of what is larger than the MTU" },
		{ IPPROTO_IP, IP_RECVERR, 1, "ask for errors of the device" },
	};

	*step = "set the output interface";
	if (setsockopt(fd, IPPROTO_IP, IP_MULTICAST_IF, &out, sizeof(out)) < 0)
		return -1;
	return apply(fd, settings, array_count(settings), step);
}

static int set_up_ipv6(int fd, const struct mcr_output_options *options, const char **step)
{
	const int hops = (int)options->ttl;
	const int discover = options->is_fragmenting ? IPV6_PMTUDISC_DONT : IPV6_PMTUDISC_PROBE;
	const struct setting settings[] = {
		{ IPPROTO_IPV6, IPV6_MULTICAST_IF, (int)options->interface, "set the output interface" },
		{ IPPROTO_IPV6, IPV6_MULTICAST_HOPS, hops, "set the hop limit" },
		{ IPPROTO_IPV6, IPV6_UNICAST_HOPS, hops, "set the hop limit" },
		{ IPPROTO_IPV6, IPV6_TCLASS, (int)options->traffic_class, "set the traffic class" },
		{ IPPROTO_IPV6, IPV6_MTU_DISCOVER, discover, "set what becomes of what is larger than the MTU" },
		{ IPPROTO_IPV6, IPV6_RECVERR, 1, "ask for errors of the device" },
	};
	/* The port of the same number over IPv4 is another one's. A raw socket has none, and is refused. */
	const struct setting alone = { IPPROTO_IPV6, IPV6_V6ONLY, 1, "restrict the socket to IPv6" };

	if (options->protocol == MCR_PROTOCOL_UDP && apply(fd, &alone, 1, step) < 0)
		return -1;
	return apply(fd, settings, array_count(settings), step);
}

/* Sends only: what others send to its port would fill a buffer that nobody reads, and no datagram may look like an
 * answer. The smallest buffer still has room for an error or two.
 */
static int deafen(int fd, const char **step)
{
	struct sock_filter nothing = BPF_STMT(BPF_RET | BPF_K, 0);
	const struct sock_fprog program = { .len = 1, .filter = &nothing };
	const struct setting smallest = { SOL_SOCKET, SO_RCVBUF, 0, "set the receive buffer" };

	*step = "close the socket's ears";
	if (setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof(program)) < 0)
		return -1;
	return apply(fd, &smallest, 1, step);
}

/* Return: a socket that is neither bound nor connected, or -1 with errno and what could not be done. */
static int open_unbound(const struct mcr_output_options *options, const char **step)
{
	const int is_ipv4 = address_is_ipv4(options->address), is_esp = options->protocol == MCR_PROTOCOL_ESP;
	const int bytes = (int)options->send_buffer_bytes, interface = (int)options->interface;
	const struct setting send_buffer = { SOL_SOCKET, SO_SNDBUF, bytes, "set the send buffer" };
	/* All that share a source port must say that they would. */
	const struct setting shared = { SOL_SOCKET, SO_REUSEADDR, options->source_port != 0, "share the source port" };
	/* Of a unicast destination no option of multicast says where it leaves. */
	const struct setting bound = { SOL_SOCKET, SO_BINDTOIFINDEX, interface, "set the output interface" };
	int error, fd;

	*step = is_esp ? "open a raw IP socket" : "open a UDP socket";
	fd = socket(is_ipv4 ? AF_INET : AF_INET6, (is_esp ? SOCK_RAW : SOCK_DGRAM) | SOCK_CLOEXEC | SOCK_NONBLOCK,
		    is_esp ? (int)MCR_PROTOCOL_ESP : 0);
	if (fd < 0)
		return -1;
	if (deafen(fd, step) < 0 ||
	    (is_ipv4 ? set_up_ipv4(fd, options, step) : set_up_ipv6(fd, options, step)) < 0 ||
	    apply(fd, &shared, 1, step) < 0)
		goto fail;
	if (setsockopt(fd, SOL_SOCKET, SO_SNDBUFFORCE, &bytes, sizeof(bytes)) < 0 &&
	    apply(fd, &send_buffer, 1, step) < 0)
		goto fail;
	if (!address_is_group(options->address) && apply(fd, &bound, 1, step) < 0)
		goto fail;
	return fd;
fail:
	error = errno;
	close(fd);
	errno = error;
	return -1;
}

static int connect_to(int fd, const struct mcr_output_options *options, uint32_t port, const char **step)
{
	union mcr_socket_address to;
	const uint32_t length = mcr_socket_address_write(&to, options->address, port, options->interface);

	*step = "find a way";
	if (connect(fd, &to.any, length) == 0)
		return 0;
	/* To a broadcast address, which UDP has to be allowed first; a receiver it is not. */
	if (errno == EACCES)
		errno = EINVAL;
	return -1;
}

static int is_any(const uint8_t *address)
{
	static const uint8_t any[16], any_ipv4[16] = { [10] = 0xff, [11] = 0xff };

	return memcmp(address, any, sizeof(any)) == 0 || memcmp(address, any_ipv4, sizeof(any_ipv4)) == 0;
}

static int is_loopback(int fd, uint32_t interface)
{
	struct ifreq query;

	memset(&query, 0, sizeof(query));
	return if_indextoname(interface, query.ifr_name) && ioctl(fd, SIOCGIFFLAGS, &query) == 0 &&
	       (query.ifr_flags & IFF_LOOPBACK);
}

/* The address that a connected socket sends from. */
static int read_source(int fd, const struct mcr_output_options *options, uint8_t *source, const char **step)
{
	union mcr_socket_address from;
	socklen_t length = sizeof(from);

	*step = "find a source address";
	if (getsockname(fd, &from.any, &length) < 0)
		return -1;
	(void)mcr_socket_address_read(source, &from);
	/* A host without any IPv4 address sends from 0.0.0.0, which no other one takes. */
	if (!is_any(source) || is_loopback(fd, options->interface))
		return 0;
	errno = EADDRNOTAVAIL;
	return -1;
}

/* The address that a connected socket would send from; without one there is none to ask the kernel for. */
static int choose_source(const struct mcr_output_options *options, uint8_t *source, const char **step)
{
	struct mcr_output_options connected = *options;
	const int is_esp = options->protocol == MCR_PROTOCOL_ESP;
	int error, fd;

	connected.source_port = 0;
	fd = open_unbound(&connected, step);
	if (fd < 0)
		return -1;
	error = connect_to(fd, options, is_esp ? 0 : ANY_PORT, step) < 0 || read_source(fd, options, source, step) < 0 ?
			errno : 0;
	close(fd);
	errno = error;
	return error ? -1 : 0;
}

/* Whether the kernel takes an address as one of a host: it binds to broadcast addresses too, and then takes another. */
static int is_host(const struct mcr_output_options *options)
{
	struct mcr_output_options there = *options;
	const char *step;
	int fd, is_broadcast;

	memcpy(there.address, options->source, sizeof(there.address));
	there.source_port = 0;
	there.protocol = MCR_PROTOCOL_UDP;
	fd = address_is_group(options->source) ? -1 : open_unbound(&there, &step);
	if (fd < 0)
		return 0;
	is_broadcast = connect_to(fd, &there, ANY_PORT, &step) < 0 && errno == EINVAL;
	close(fd);
	return !is_broadcast;
}

static int bind_to(int fd, const struct mcr_output_options *options, const uint8_t *source, const char **step)
{
	union mcr_socket_address from;
	const uint32_t length = mcr_socket_address_write(&from, source, options->source_port, options->interface);

	*step = "take the source address or port";
	return bind(fd, &from.any, length);
}

/* Gives a socket its source, and its destination if it has one. Return: -1 with errno. */
static int place(int fd, const struct mcr_output_options *options, const char **step)
{
	const int has_source = !is_any(options->source);
	uint8_t source[16];

	memcpy(source, has_source ? options->source : options->address, sizeof(source));
	*step = "take the source address";
	if (has_source && !is_host(options)) {
		errno = EADDRNOTAVAIL;
		return -1;
	}
	if (!has_source && !options->is_connected && choose_source(options, source, step) < 0)
		return -1;
	/* Any address, in the form of the family. */
	if (!has_source && options->is_connected)
		memset(source + (address_is_ipv4(source) ? 12 : 0), 0, address_is_ipv4(source) ? 4 : 16);
	if ((has_source || !options->is_connected || options->source_port) &&
	    bind_to(fd, options, source, step) < 0)
		return -1;
	if (!options->is_connected)
		return 0;
	return connect_to(fd, options, options->port, step) < 0 ? -1 : read_source(fd, options, source, step);
}

static int32_t options_check(const struct mcr_output_options *options)
{
	const int is_udp = options->protocol == MCR_PROTOCOL_UDP;
	const char *wanted = NULL;

	if (!is_udp && options->protocol != MCR_PROTOCOL_ESP)
		wanted = "protocol UDP or ESP";
	else if (options->port > UINT16_MAX || (is_udp && options->is_connected && options->port == 0))
		wanted = "port 1 to 65535";
	else if (options->source_port > UINT16_MAX || (!is_udp && (options->port || options->source_port)))
		wanted = "source port 0 to 65535, and no ports with ESP";
	else if (options->ttl == 0 || options->ttl > UINT8_MAX)
		wanted = "TTL 1 to 255";
	else if (options->traffic_class > UINT8_MAX)
		wanted = "traffic class 0 to 255";
	else if (is_any(options->address))
		wanted = "an address to send to";
	else if (!is_any(options->source) && address_is_ipv4(options->source) != address_is_ipv4(options->address))
		wanted = "a source address of the same family";
	else if (options->interface == 0 || options->interface > INT32_MAX || options->send_buffer_bytes > INT32_MAX)
		wanted = "an interface, and a send buffer of less than 2 GiB";
	return wanted ? mcr_fail(EINVAL, "Cannot open an output: wanted %s", wanted) : 0;
}

static int32_t output_fail(int error, const struct mcr_output_options *options, const char *step)
{
	const int is_ipv4 = address_is_ipv4(options->address);
	char text[INET6_ADDRSTRLEN] = "";

	/* IPv4 and IPv6 say it differently. */
	if (error == ENODEV)
		error = EADDRNOTAVAIL;
	inet_ntop(is_ipv4 ? AF_INET : AF_INET6, options->address + (is_ipv4 ? 12 : 0), text, sizeof(text));
	return mcr_fail(error, "Cannot %s for output %s%s%s:%u on interface %u: %s", step, is_ipv4 ? "" : "[", text,
			is_ipv4 ? "" : "]", options->port, options->interface, strerror(error));
}

int32_t mcr_output_open(const struct mcr_output_options *options)
{
	const char *step = NULL;
	int32_t error = options_check(options);
	int fd;

	if (error < 0)
		return error;
	fd = open_unbound(options, &step);
	if (fd >= 0 && place(fd, options, &step) == 0)
		return fd;
	error = errno;
	if (fd >= 0)
		close(fd);
	return output_fail(error, options, step);
}

int32_t mcr_output_sender(int32_t socket, struct mcr_sender *sender)
{
	union mcr_socket_address from;
	socklen_t length = sizeof(from), type_length = sizeof(int);
	struct mcr_sender made = { .port = 0 };
	int type = 0;

	if (getsockname(socket, &from.any, &length) < 0 ||
	    getsockopt(socket, SOL_SOCKET, SO_TYPE, &type, &type_length) < 0)
		return mcr_fail(errno, "Cannot read the address of an output: %s", strerror(errno));
	made.port = mcr_socket_address_read(made.address, &from);
	/* Of a raw socket it is the protocol. */
	if (type == SOCK_RAW)
		made.port = 0;
	*sender = made;
	return 0;
}

/* Return: NULL, or what could not be done, with errno. */
static const char *find_ends(int fd, int socket, const struct mcr_output_options *options, struct mcr_raw_ends *ends)
{
	union mcr_socket_address from, to;
	socklen_t from_length = sizeof(from), to_length = sizeof(to);
	struct ifreq query;

	memset(&query, 0, sizeof(query));
	if (!if_indextoname(options->interface, query.ifr_name) || ioctl(fd, SIOCGIFHWADDR, &query) < 0)
		return "read the hardware address";
	errno = EOPNOTSUPP;
	if (query.ifr_hwaddr.sa_family != ARPHRD_ETHER)
		return "send frames: it is no Ethernet";
	if (!address_is_group(options->address))
		return "send frames: the destination is no group";
	if (getsockname(socket, &from.any, &from_length) < 0 || getpeername(socket, &to.any, &to_length) < 0)
		return "read the addresses of the UDP socket";
	memcpy(ends->from_mac, query.ifr_hwaddr.sa_data, sizeof(ends->from_mac));
	ends->from_port = mcr_socket_address_read(ends->from, &from);
	ends->to_port = mcr_socket_address_read(ends->to, &to);
	mcr_raw_group_mac(ends->to_mac, ends->to);
	ends->ttl = options->ttl;
	ends->traffic_class = options->traffic_class;
	return NULL;
}

int32_t mcr_output_open_raw(int32_t socket_udp, const struct mcr_output_options *options, uint8_t *header)
{
	const uint32_t interface = options->interface;
	/* Protocol 0: nothing arrives. */
	const struct sockaddr_ll address = { .sll_family = AF_PACKET, .sll_ifindex = (int)interface };
	const int on = 1, bytes = (int)options->send_buffer_bytes;
	const char *step = "open a packet socket";
	struct mcr_raw_ends ends;
	int error, fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	if (fd < 0)
		goto fail;
	step = find_ends(fd, socket_udp, options, &ends);
	if (step)
		goto fail;
	step = "set PACKET_VNET_HDR";
	if (setsockopt(fd, SOL_PACKET, PACKET_VNET_HDR, &on, sizeof(on)) < 0)
		goto fail;
	if (setsockopt(fd, SOL_SOCKET, SO_SNDBUFFORCE, &bytes, sizeof(bytes)) < 0)
		(void)setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &bytes, sizeof(bytes));
	step = "bind the packet socket";
	if (bind(fd, (const struct sockaddr *)&address, sizeof(address)) < 0)
		goto fail;
	(void)mcr_raw_header_make(header, &ends);
	return fd;
fail:
	error = errno;
	if (fd >= 0)
		close(fd);
	return mcr_fail(error, "Cannot %s on interface %u: %s", step, interface, strerror(error));
}
