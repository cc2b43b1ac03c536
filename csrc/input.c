/* input.c - the sockets that datagrams come in by, as the supervisor opens them. See mcr_input_*() in mcr.h. */
#include "base.h"
#include "filter.h"
#include "mcr.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <net/if_arp.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

/* Large frames wait here for the worker: 64 MiB are 1,000 of 64 KiB, 20 ms at 50,000 a second. */
#define LARGE_FRAMES_BYTES (64 << 20)
/* A multiple of the page and of the slot. Small blocks are found in fragmented memory too. */
#define BLOCK_BYTES (1u << 16)
/* Since Linux 5.16; the socket option of the same name does not reach the hook that a fanout group shares. */
#ifndef PACKET_FANOUT_FLAG_IGNORE_OUTGOING
#define PACKET_FANOUT_FLAG_IGNORE_OUTGOING 0x4000
#endif

static int set_option(int fd, int name, const void *value, socklen_t length)
{
	return setsockopt(fd, SOL_PACKET, name, value, length);
}

/* The order matters to the kernel: vnet header and version before the ring, the ring before anything can arrive. */
static const char *set_up_ring(int fd, uint32_t slot_count)
{
	const int on = 1, version = TPACKET_V2, queue_bytes = LARGE_FRAMES_BYTES;
	const struct tpacket_req ring = { .tp_block_size = BLOCK_BYTES,
					  .tp_block_nr = slot_count / (BLOCK_BYTES / MCR_SLOT_BYTES),
					  .tp_frame_size = MCR_SLOT_BYTES,
					  .tp_frame_nr = slot_count };

	if (set_option(fd, PACKET_VNET_HDR, &on, sizeof(on)) < 0)
		return "set PACKET_VNET_HDR";
	if (set_option(fd, PACKET_VERSION, &version, sizeof(version)) < 0)
		return "set TPACKET_V2";
	/* Any value but 0: frames larger than a slot arrive whole through recv() as well. */
	if (set_option(fd, PACKET_COPY_THRESH, &on, sizeof(on)) < 0)
		return "set PACKET_COPY_THRESH";
	if (set_option(fd, PACKET_IGNORE_OUTGOING, &on, sizeof(on)) < 0)
		return "set PACKET_IGNORE_OUTGOING";
	if (setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &queue_bytes, sizeof(queue_bytes)) < 0)
		(void)setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &queue_bytes, sizeof(queue_bytes));
	if (set_option(fd, PACKET_RX_RING, &ring, sizeof(ring)) < 0)
		return "allocate the packet ring";
	return NULL;
}

/*
 * By hash, so that a flow stays with a worker: of addresses and ports, and of addresses alone with fragments, which so
 * meet at one worker. Where there is but one, the hash need not be made: 3 % of the kernel's work for a datagram
 * (2026-11, Linux 6.18).
 */
static const char *join_fanout(int fd, uint32_t *fanout)
{
	const int is_first = *fanout == 0;
	int mode = PACKET_FANOUT_HASH | PACKET_FANOUT_FLAG_IGNORE_OUTGOING;
	int group[1];
	socklen_t length = sizeof(group);

	if (*fanout == MCR_FANOUT_ALONE)
		return NULL;
	/* The first socket has the kernel choose a number that nobody in this namespace uses: from 0 on, so that ours
	 * are one more.
	 */
	if (is_first)
		mode |= PACKET_FANOUT_FLAG_UNIQUEID;
	group[0] = (int)((is_first ? 0 : *fanout - 1) | (uint32_t)mode << 16);
	if (set_option(fd, PACKET_FANOUT, group, sizeof(group)) < 0)
		return "join the fanout group";
	if (getsockopt(fd, SOL_PACKET, PACKET_FANOUT, group, &length) < 0)
		return "read the fanout group";
	*fanout = ((uint32_t)group[0] & 0xffffu) + 1;
	return NULL;
}

/* On an interface that is down the kernel binds all the same, and leaves ENETDOWN for whoever asks. */
static int bind_to(int fd, uint32_t interface)
{
	const struct sockaddr_ll address = { .sll_family = AF_PACKET,
					     .sll_protocol = htons(ETH_P_ALL),
					     .sll_ifindex = (int)interface };
	int error = 0;
	socklen_t length = sizeof(error);

	if (bind(fd, (const struct sockaddr *)&address, sizeof(address)) < 0 ||
	    getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &length) < 0)
		return -1;
	errno = error;
	return error ? -1 : 0;
}

static int attach(int fd, const struct mcr_filter *filter)
{
	const struct sock_fprog program = { .len = (unsigned short)filter->count,
					    .filter = (struct sock_filter *)(uintptr_t)filter->instructions };

	return setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof(program));
}

static const char *open_errno_advice(int error)
{
	switch (error) {
	case EPERM:
		return "; needs CAP_NET_RAW";
	case ENOMEM:
		return "; fewer slots need less";
	default:
		return "";
	}
}

int32_t mcr_input_open(uint32_t interface, uint32_t slot_count, uint32_t *fanout)
{
	struct sock_filter nothing[] = { BPF_STMT(BPF_RET | BPF_K, 0) };
	const struct sock_fprog closed = { .len = array_count(nothing), .filter = nothing };
	const char *step = "open a packet socket";
	uint32_t group = *fanout;
	int error, fd;

	if (slot_count < MCR_SLOTS_MIN || slot_count > MCR_SLOTS_MAX || (slot_count & (slot_count - 1)))
		return mcr_fail(EINVAL, "Cannot open a packet ring of %u slots: wanted a power of two from %u to %u",
				slot_count, MCR_SLOTS_MIN, MCR_SLOTS_MAX);
	/* The kernel would take it for all of them. */
	if (interface == 0)
		return mcr_fail(ENODEV, "Cannot open a packet socket on interface 0: there is none");
	/* Protocol 0: deaf until bound. */
	fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		goto fail;
	step = set_up_ring(fd, slot_count);
	if (step)
		goto fail;
	step = "attach the closed filter";
	if (setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &closed, sizeof(closed)) < 0)
		goto fail;
	step = "bind the packet socket";
	if (bind_to(fd, interface) < 0)
		goto fail;
	step = join_fanout(fd, &group);
	if (step)
		goto fail;
	*fanout = group;
	return fd;
fail:
	error = errno;
	if (fd >= 0)
		close(fd);
	return mcr_fail(error, "Cannot %s on interface %u: %s%s", step, interface, strerror(error),
			open_errno_advice(error));
}

/* Bytes that a packet socket shows before the network header. */
static uint32_t link_bytes_of(int fd)
{
	struct sockaddr_ll address;
	socklen_t length = sizeof(address);

	if (getsockname(fd, (struct sockaddr *)&address, &length) < 0 || address.sll_family != AF_PACKET)
		return MCR_LINK_UNKNOWN;
	switch (address.sll_hatype) {
	case ARPHRD_ETHER:
	case ARPHRD_LOOPBACK:
		return ETH_HLEN;
	case ARPHRD_NONE:
		return 0;
	default:
		return MCR_LINK_UNKNOWN;
	}
}

/* ENOMEM: within the kernel's limit of instructions, but beyond net.core.optmem_max. */
static int32_t attach_wide(int fd, struct mcr_filter *filter, const struct mcr_filter_wish *wish)
{
	uint32_t groups_max = MCR_FILTER_WIDE_GROUPS_MAX;
	int32_t error;

	do {
		error = mcr_filter_compile_wide(filter, wish, groups_max);
		if (error < 0)
			return error;
		if (attach(fd, filter) == 0)
			return 0;
		groups_max /= 2;
	} while (errno == ENOMEM && groups_max > 0);
	return mcr_fail(errno, "Cannot attach the filter of input %u: %s", wish->input, strerror(errno));
}

int32_t mcr_input_filter(int32_t socket, uint32_t input, const struct mcr_rule *rules, uint32_t rule_count)
{
	const struct mcr_filter_wish wish = { .rules = rules,
					      .rule_count = rule_count,
					      .input = input,
					      .has_odd = 1,
					      .link_bytes = link_bytes_of(socket) };
	struct mcr_filter *filter = malloc(sizeof(*filter));
	int32_t is_exact;

	if (!filter)
		return mcr_fail(ENOMEM, "Cannot compile a filter of %u rules: out of memory", rule_count);
	is_exact = mcr_filter_compile(filter, &wish);
	if (is_exact == 1 && attach(socket, filter) < 0)
		is_exact = errno == ENOMEM ? 0 :
					     mcr_fail(errno, "Cannot attach the filter of input %u: %s", input,
						      strerror(errno));
	if (is_exact == 0)
		is_exact = attach_wide(socket, filter, &wish);
	free(filter);
	return is_exact;
}
