/* output.c - the sockets that datagrams leave by. See mcr.h. */
#include "base.h"
#include "mcr.h"
#include "raw_frame.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <net/if_arp.h>
#include <netinet/in.h>
#include <sys/ioctl.h>
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
	const int hops = (int)ttl, bytes = (int)send_buffer_bytes, smallest = 0, on = 1;

	if (setsockopt(fd, IPPROTO_IP, IP_MULTICAST_IF, &out, sizeof(out)) < 0)
		return "set the output interface";
	if (setsockopt(fd, IPPROTO_IP, IP_MULTICAST_TTL, &hops, sizeof(hops)) < 0)
		return "set the time to live";
	if (setsockopt(fd, SOL_SOCKET, SO_SNDBUFFORCE, &bytes, sizeof(bytes)) < 0 &&
	    setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &bytes, sizeof(bytes)) < 0)
		return "set the send buffer";
	if (setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &smallest, sizeof(smallest)) < 0)
		return "set the receive buffer";
	/* Without it the kernel reports a datagram that the device's queue had no room for as sent. */
	if (setsockopt(fd, IPPROTO_IP, IP_RECVERR, &on, sizeof(on)) < 0)
		return "ask for errors of the device";
	return NULL;
}

int32_t mcr_output_open(const struct mcr_output_options *options)
{
	const uint32_t port = options->port, ttl = options->ttl, interface = options->interface;
	struct sockaddr_in to = { .sin_family = AF_INET, .sin_port = htons((uint16_t)port) };
	const char *step = "open a UDP socket";
	char text[INET_ADDRSTRLEN] = "";
	int error, fd;

	if (!address_is_ipv4(options->address) || port == 0 || port > UINT16_MAX || ttl == 0 || ttl > UINT8_MAX ||
	    options->send_buffer_bytes > INT32_MAX)
		return mcr_fail(EINVAL, "Cannot open an output: wanted an IPv4 group, port 1 to 65535, TTL 1 to 255");
	to.sin_addr = ipv4_of(options->address);
	fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		goto fail;
	step = set_up_output(fd, interface, ttl, options->send_buffer_bytes);
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

int32_t mcr_output_sender(int32_t socket, struct mcr_sender *sender)
{
	struct sockaddr_in from;
	socklen_t length = sizeof(from);

	if (getsockname(socket, (struct sockaddr *)&from, &length) < 0)
		return mcr_fail(errno, "Cannot read the address of an output: %s", strerror(errno));
	*sender = (struct mcr_sender){ .address = { [10] = 0xff, [11] = 0xff }, .port = ntohs(from.sin_port) };
	memcpy(sender->address + 12, &from.sin_addr, 4);
	return 0;
}

/* The Ethernet address that a multicast group has: 01:00:5e and its lower 23 bits (RFC 1112). */
static void group_mac(uint8_t *mac, struct in_addr group)
{
	const uint32_t bits = ntohl(group.s_addr);

	memcpy(mac, (const uint8_t[]){ 0x01, 0x00, 0x5e, (uint8_t)(bits >> 16 & 0x7f), (uint8_t)(bits >> 8),
				       (uint8_t)bits }, ETH_ALEN);
}

/* Return: NULL, or what could not be done, with errno. */
static const char *make_header(int fd, int socket, uint32_t interface, uint32_t ttl, uint8_t *header)
{
	struct sockaddr_in from, to;
	socklen_t from_length = sizeof(from), to_length = sizeof(to);
	uint8_t to_mac[ETH_ALEN];
	struct ifreq query;

	memset(&query, 0, sizeof(query));
	if (!if_indextoname(interface, query.ifr_name) || ioctl(fd, SIOCGIFHWADDR, &query) < 0)
		return "read the hardware address";
	errno = EOPNOTSUPP;
	if (query.ifr_hwaddr.sa_family != ARPHRD_ETHER)
		return "send frames: it is no Ethernet";
	if (getsockname(socket, (struct sockaddr *)&from, &from_length) < 0 ||
	    getpeername(socket, (struct sockaddr *)&to, &to_length) < 0)
		return "read the addresses of the UDP socket";
	group_mac(to_mac, to.sin_addr);
	mcr_raw_header_make(header, to_mac, (const uint8_t *)query.ifr_hwaddr.sa_data, from.sin_addr.s_addr,
			    to.sin_addr.s_addr, ntohs(from.sin_port), ntohs(to.sin_port), ttl);
	return NULL;
}

int32_t mcr_output_open_raw(int32_t socket_udp, const struct mcr_output_options *options, uint8_t *header)
{
	const uint32_t interface = options->interface;
	/* Protocol 0: nothing arrives. */
	const struct sockaddr_ll address = { .sll_family = AF_PACKET, .sll_ifindex = (int)interface };
	const int on = 1, bytes = (int)options->send_buffer_bytes;
	const char *step = "open a packet socket";
	uint8_t made[MCR_FRAME_HEADER_BYTES];
	int error, fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	if (fd < 0)
		goto fail;
	step = make_header(fd, socket_udp, interface, options->ttl, made);
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
	memcpy(header, made, sizeof(made));
	return fd;
fail:
	error = errno;
	if (fd >= 0)
		close(fd);
	return mcr_fail(error, "Cannot %s on interface %u: %s", step, interface, strerror(error));
}
