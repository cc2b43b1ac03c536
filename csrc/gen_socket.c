/* The sockets of `mcr gen`; see gen_socket.h. */
#include "gen_socket.h"

#include <errno.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base.h"

#define SEND_BUFFER_BYTES (8 << 20)
#define WAIT_MS 100 /* a signal may come just before a wait */
/* Source ports of frames, where none is asked for: the dynamic ones, each flow its own. */
#define DYNAMIC_PORT_FIRST 49152u
#define DYNAMIC_PORTS 16384u
#define IDENTIFICATION_NS 1000000u /* 65,536 of them are more than the half minute; a run may send one in each */

/* Names of linux/in6.h, which cannot be included beside netinet/in.h. */
#define OPTION_IPV6_UNICAST_IF 76

static void enlarge_buffer(int fd)
{
	const int bytes = SEND_BUFFER_BYTES;

	if (setsockopt(fd, SOL_SOCKET, SO_SNDBUFFORCE, &bytes, sizeof(bytes)) < 0)
		setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &bytes, sizeof(bytes));
}

static int set_number(int fd, int level, int option, int value)
{
	return setsockopt(fd, level, option, &value, sizeof(value));
}

/* IP_RECVERR: without it the kernel hides that a queue of the device was full. */
static int set_up_ipv4(int fd, const struct mcr_gen_options *options)
{
	const struct mcr_local_interface *interface = &options->interface;
	struct ip_mreqn from = { .imr_ifindex = (int)interface->index };
	const int ttl = options->frame.ttl, unicast_ttl = ttl ? ttl : 1;

	memcpy(&from.imr_address, interface->ipv4.bytes, 4);
	if (setsockopt(fd, IPPROTO_IP, IP_MULTICAST_IF, &from, sizeof(from)) < 0 ||
	    set_number(fd, IPPROTO_IP, IP_MULTICAST_TTL, ttl) < 0 ||
	    set_number(fd, IPPROTO_IP, IP_TTL, unicast_ttl) < 0 ||
	    set_number(fd, IPPROTO_IP, IP_UNICAST_IF, (int)htonl(interface->index)) < 0 ||
	    set_number(fd, IPPROTO_IP, IP_RECVERR, 1) < 0)
		return -1;
	/* Not for 0, which is what sockets begin with: the call would reset SO_PRIORITY, too. */
	return options->frame.tos ? set_number(fd, IPPROTO_IP, IP_TOS, options->frame.tos) : 0;
}

static int set_up_ipv6(int fd, const struct mcr_gen_options *options)
{
	const int index = (int)options->interface.index;

	if (set_number(fd, IPPROTO_IPV6, IPV6_MULTICAST_IF, index) < 0 ||
	    set_number(fd, IPPROTO_IPV6, IPV6_MULTICAST_HOPS, options->frame.ttl) < 0 ||
	    set_number(fd, IPPROTO_IPV6, IPV6_UNICAST_HOPS, options->frame.ttl) < 0 ||
	    set_number(fd, IPPROTO_IPV6, OPTION_IPV6_UNICAST_IF, (int)htonl((uint32_t)index)) < 0 ||
	    set_number(fd, IPPROTO_IPV6, IPV6_RECVERR, 1) < 0)
		return -1;
	return options->frame.tos ? set_number(fd, IPPROTO_IPV6, IPV6_TCLASS, options->frame.tos) : 0;
}

/* To an address of this host, or to any other where we may. */
static int bind_source(int fd, const struct mcr_gen_options *options, const struct mcr_address *from)
{
	const union mcr_endpoint source = mcr_endpoint_make(from, options->source_port, options->interface.index);
	const bool is_ipv4 = from->family == AF_INET;
	char text[MCR_ENDPOINT_TEXT_BYTES];

	if (options->source_port)
		mcr_endpoint_print(&source, text);
	else
		mcr_address_print(from, text);
	if (bind(fd, &source.any, mcr_endpoint_length(&source)) == 0)
		return MCR_EXIT_DONE;
	if (errno != EADDRNOTAVAIL)
		return mcr_failure("gen", "Cannot send from %s on \"%s\": %s", text, options->interface.name,
				   strerror(errno));
	if (set_number(fd, is_ipv4 ? IPPROTO_IP : IPPROTO_IPV6, is_ipv4 ? IP_TRANSPARENT : IPV6_TRANSPARENT, 1) < 0)
		return mcr_failure("gen", "Cannot send from %s: this host does not have the address, and sending from "
				   "another's needs CAP_NET_RAW or CAP_NET_ADMIN", text);
	if (bind(fd, &source.any, mcr_endpoint_length(&source)) == 0)
		return MCR_EXIT_DONE;
	return mcr_failure("gen", "Cannot send from %s on \"%s\": %s", text, options->interface.name, strerror(errno));
}

int mcr_gen_socket_open(const struct mcr_gen_options *options, const union mcr_endpoint *to, int *fd)
{
	const bool is_ipv4 = options->range.first.family == AF_INET;
	/* In IPv6 the kernel chooses among the interface's addresses by the destination. */
	const struct mcr_address any = { .family = AF_INET6 };
	const struct mcr_address *from = options->source.family ? &options->source :
					 is_ipv4		? &options->interface.ipv4 :
								  &any;
	char text[MCR_ENDPOINT_TEXT_BYTES];
	const int opened = socket(options->range.first.family, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	if (opened < 0)
		return mcr_failure("gen", "Cannot open a socket: %s", strerror(errno));
	enlarge_buffer(opened);
	if (set_number(opened, SOL_SOCKET, SO_REUSEADDR, 1) < 0 ||
	    (is_ipv4 ? set_up_ipv4 : set_up_ipv6)(opened, options) < 0) {
		mcr_failure("gen", "Cannot set up a socket to send on \"%s\": %s", options->interface.name,
			    strerror(errno));
		goto failed;
	}
	if (bind_source(opened, options, from) != MCR_EXIT_DONE)
		goto failed;
	if (to && connect(opened, &to->any, mcr_endpoint_length(to)) < 0) {
		mcr_failure("gen", "Cannot send on \"%s\" to %s: %s", options->interface.name,
			    mcr_endpoint_print(to, text), strerror(errno));
		goto failed;
	}
	*fd = opened;
	return MCR_EXIT_DONE;

failed:
	close(opened);
	return MCR_EXIT_FAILED;
}

int mcr_gen_framer_new(const struct mcr_gen_options *options, struct mcr_gen_framer **framer)
{
	struct mcr_gen_framer *made = calloc(1, sizeof(*made));

	if (!made)
		return mcr_failure("gen", "Cannot start: %s", strerror(ENOMEM));
	made->options = options;
	/* Protocol 0: it receives nothing. SOCK_DGRAM: the device makes its link header, if it has one. */
	made->fd = socket(AF_PACKET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (made->fd < 0) {
		mcr_failure("gen", "Cannot send whole frames: %s%s", strerror(errno),
			    errno == EPERM ? " (needs CAP_NET_RAW)" : "");
		free(made);
		return MCR_EXIT_FAILED;
	}
	enlarge_buffer(made->fd);
	/* A kernel keeps what it has of a datagram for half a minute: what the run before this one left incomplete must
	 * not be completed by ours.
	 */
	made->identification = (uint32_t)(clock_ns(CLOCK_REALTIME) / IDENTIFICATION_NS);
	*framer = made;
	return MCR_EXIT_DONE;
}

/* The station that a frame goes to: RFC 1112 and RFC 2464 for groups. */
static void address_frame(struct sockaddr_ll *link, const struct mcr_gen_options *options,
			  const struct mcr_address *to)
{
	link->sll_halen = ETH_ALEN;
	if (options->has_mac || !mcr_address_is_multicast(to)) {
		memcpy(link->sll_addr, options->to_mac, ETH_ALEN);
	} else if (to->family == AF_INET) {
		const uint8_t mac[] = { 0x01, 0x00, 0x5e, to->bytes[1] & 0x7f, to->bytes[2], to->bytes[3] };

		memcpy(link->sll_addr, mac, ETH_ALEN);
	} else {
		memset(link->sll_addr, 0x33, 2);
		memcpy(link->sll_addr + 2, to->bytes + 12, 4);
	}
}

static int32_t send_frame(const struct mcr_gen_framer *framer, const struct sockaddr_ll *link, uint32_t bytes)
{
	for (;;) {
		struct pollfd writable = { .fd = framer->fd, .events = POLLOUT };

		if (sendto(framer->fd, framer->frames.bytes, bytes, MSG_DONTWAIT, (const struct sockaddr *)link,
			   sizeof(*link)) >= 0)
			return 0;
		if (errno != EAGAIN || mcr_is_stopped())
			return -errno;
		poll(&writable, 1, WAIT_MS);
	}
}

int32_t mcr_gen_framer_send(struct mcr_gen_framer *framer, uint32_t flow, enum mcr_fault fault, const uint8_t *head,
			    uint32_t head_bytes, const uint8_t *tail, uint32_t tail_bytes)
{
	const struct mcr_gen_options *options = framer->options;
	struct mcr_frame_plan plan = options->frame;
	struct sockaddr_ll link = {
		.sll_family = AF_PACKET,
		.sll_ifindex = (int)options->interface.index,
	};

	plan.to = mcr_flow_address(&options->range, flow);
	plan.from = options->source.family ? options->source : mcr_interface_source(&options->interface, &plan.to);
	plan.identification = framer->identification;
	plan.to_port = mcr_flow_port(&options->range, flow);
	plan.from_port = options->source_port ? options->source_port :
						(uint16_t)(DYNAMIC_PORT_FIRST + flow % DYNAMIC_PORTS);
	link.sll_protocol = htons(mcr_frame_protocol(&plan));
	address_frame(&link, options, &plan.to);
	mcr_frames_begin(&framer->frames, &plan, fault, ++framer->number, head, head_bytes, tail, tail_bytes);
	for (uint32_t i = 0; i < framer->frames.count; i++) {
		const int32_t status = send_frame(framer, &link, mcr_frames_make(&framer->frames, i));

		if (status < 0)
			return status;
	}
	return 1;
}
