/* The sockets of `mcr sink`; see sink_socket.h. */
#include "sink_socket.h"

#include <errno.h>
#include <linux/sock_diag.h>
#include <netinet/udp.h>
#include <stdio.h>
#include <string.h>

#define RECEIVE_BUFFER_BYTES (64 << 20)
#define QUEUED_MAX (2u * RECEIVE_BUFFER_BYTES / 768u) /* the kernel doubles it; no datagram counts as less than 768 */

/* A name of linux/in6.h, which cannot be included beside netinet/in.h. */
#define OPTION_IPV6_MULTICAST_ALL 29

static int set_number(int fd, int level, int option, int value)
{
	return setsockopt(fd, level, option, &value, sizeof(value));
}

/* The calls that know both IP versions. Return 0, or an error number. */
static int join_group(int fd, const struct mcr_sink_options *options, const union mcr_endpoint *to, uint32_t source)
{
	const int level = to->any.sa_family == AF_INET ? IPPROTO_IP : IPPROTO_IPV6;
	struct group_source_req request;
	union mcr_endpoint from;

	memset(&request, 0, sizeof(request));
	request.gsr_interface = options->interface.index;
	memcpy(&request.gsr_group, to, sizeof(*to));
	if (options->source_count == 0) {
		struct group_req any;

		memset(&any, 0, sizeof(any));
		any.gr_interface = request.gsr_interface;
		any.gr_group = request.gsr_group;
		return setsockopt(fd, level, MCAST_JOIN_GROUP, &any, sizeof(any)) < 0 ? errno : 0;
	}
	from = mcr_endpoint_make(&options->sources[source], 0, options->interface.index);
	memcpy(&request.gsr_source, &from, sizeof(from));
	return setsockopt(fd, level, MCAST_JOIN_SOURCE_GROUP, &request, sizeof(request)) < 0 ? errno : 0;
}

static int join(const struct mcr_sink_options *options, const struct mcr_sink_socket *one)
{
	const struct mcr_address group = mcr_address_from(&one->to.any);
	char to[MCR_ADDRESS_TEXT_BYTES], from[MCR_ADDRESS_TEXT_BYTES] = "";

	if (!mcr_address_is_multicast(&group))
		return MCR_EXIT_DONE;
	for (uint32_t i = 0; i == 0 || i < options->source_count; i++) {
		const int error = join_group(one->fd, options, &one->to, i);

		if (error == 0)
			continue;
		if (options->source_count)
			mcr_address_print(&options->sources[i], from);
		return mcr_failure("sink", "Cannot join %s%s%s on \"%s\": %s%s", mcr_address_print(&group, to),
				   *from ? " from " : "", from, options->interface.name, strerror(error),
				   error != ENOBUFS	     ? "" :
				   group.family == AF_INET6  ? " (see net.ipv6.mld_max_msf)" :
				   options->source_count     ? " (see net.ipv4.igmp_max_msf)" :
							       " (see net.ipv4.igmp_max_memberships)");
	}
	return MCR_EXIT_DONE;
}

/* Only from the interface joined on, whoever joined elsewhere; and with what the report tells. */
static int set_up(int fd, int family, bool is_raw)
{
	if (set_number(fd, SOL_SOCKET, SO_TIMESTAMPNS, 1) < 0)
		return -1;
	if (family == AF_INET)
		return set_number(fd, IPPROTO_IP, IP_MULTICAST_ALL, 0) < 0 ||
		       set_number(fd, IPPROTO_IP, IP_RECVTTL, 1) < 0 ||
		       set_number(fd, IPPROTO_IP, IP_RECVTOS, 1) < 0 ? -1 : 0;
	return set_number(fd, IPPROTO_IPV6, OPTION_IPV6_MULTICAST_ALL, 0) < 0 ||
	       (!is_raw && set_number(fd, IPPROTO_IPV6, IPV6_V6ONLY, 1) < 0) ||
	       set_number(fd, IPPROTO_IPV6, IPV6_RECVHOPLIMIT, 1) < 0 ||
	       set_number(fd, IPPROTO_IPV6, IPV6_RECVTCLASS, 1) < 0 ? -1 : 0;
}

/* A raw socket receives from its creation on, whatever the destination, until it is bound. */
static void discard_queued(int fd)
{
	uint8_t byte;

	for (uint32_t i = 0; i < QUEUED_MAX && recv(fd, &byte, sizeof(byte), MSG_DONTWAIT) >= 0; i++)
		;
}

static int listen_on(const struct mcr_sink_options *options, const struct mcr_sink_socket *one)
{
	const struct mcr_address to = mcr_address_from(&one->to.any);
	char text[MCR_ENDPOINT_TEXT_BYTES];

	if (setsockopt(one->fd, SOL_SOCKET, SO_RCVBUFFORCE, &(const int){ RECEIVE_BUFFER_BYTES }, sizeof(int)) < 0)
		set_number(one->fd, SOL_SOCKET, SO_RCVBUF, RECEIVE_BUFFER_BYTES);
	/* Kernels before 5.0 know no UDP_GRO; datagrams then come one by one. */
	if (!options->is_esp)
		set_number(one->fd, SOL_UDP, UDP_GRO, 1);
	if (set_up(one->fd, to.family, options->is_esp) < 0 ||
	    (mcr_address_is_multicast(&to) && set_number(one->fd, SOL_SOCKET, SO_REUSEADDR, 1) < 0))
		return mcr_failure("sink", "Cannot set up a socket: %s", strerror(errno));
	if (bind(one->fd, &one->to.any, mcr_endpoint_length(&one->to)) < 0)
		return mcr_failure("sink", "Cannot listen on %s: %s%s", mcr_endpoint_print(&one->to, text),
				   strerror(errno),
				   errno == EACCES ? " (a port below 1024 needs root or CAP_NET_BIND_SERVICE)" : "");
	if (options->is_esp)
		discard_queued(one->fd);
	return MCR_EXIT_DONE;
}

int mcr_sink_socket_open(const struct mcr_sink_options *options, struct mcr_sink_socket *one)
{
	const int type = options->is_esp ? SOCK_RAW : SOCK_DGRAM;
	int status = MCR_EXIT_DONE;

	one->fd = socket(one->to.any.sa_family, type | SOCK_CLOEXEC, options->is_esp ? IPPROTO_ESP : 0);
	if (one->fd < 0)
		return mcr_failure("sink", "Cannot open a socket: %s%s", strerror(errno),
				   errno == EMFILE ? " (see ulimit -n)" :
				   errno == EPERM  ? " (ESP needs CAP_NET_RAW)" :
						     "");
	if (!options->counters)
		status = listen_on(options, one);
	return status == MCR_EXIT_DONE ? join(options, one) : status;
}

/* The kernel's count, not SO_RXQ_OVFL: that comes with the next datagram only, if there is one. */
uint32_t mcr_sink_socket_drops(struct mcr_sink_socket *one)
{
	uint32_t memory[SK_MEMINFO_VARS] = { 0 }, before = one->drops_seen;
	socklen_t length = sizeof(memory);

	if (getsockopt(one->fd, SOL_SOCKET, SO_MEMINFO, memory, &length) < 0)
		return 0;
	one->drops_seen = memory[SK_MEMINFO_DROPS];
	return one->drops_seen - before;
}
