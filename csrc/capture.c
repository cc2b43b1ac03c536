/*
 * capture.c - a tap of its own for one group, beside the rings of the workers: what comes, and what the parser says of
 * it. See mcr_capture_*() in mcr.h.
 */
#include "capture.h"

#include "base.h"
#include "mcr.h"
#include "parse.h"
#include "reassembly.h"

#include <arpa/inet.h>
#include <assert.h>
#include <errno.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <linux/virtio_net.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

/* A stream of a million a second fills it in a moment; the kernel then drops before it copies. */
#define QUEUE_BYTES (1 << 20)
#define IP_PROTOCOL_IGMP 2u
#define IGMP_QUERY 0x11u
#define IPV4_HEADER_BYTES 20u
#define IPV6_HEADER_BYTES 40u
#define ACCEPT UINT32_MAX
#define NET(offset) ((uint32_t)SKF_NET_OFF + (offset))
#define PROTOCOL ((uint32_t)SKF_AD_OFF + (uint32_t)SKF_AD_PROTOCOL)

_Static_assert(sizeof(struct mcr_reassembler) <= MCR_CAPTURE_MEMORY_BYTES, "what a capture remembers");

static void emit(struct mcr_filter *filter, uint16_t code, uint32_t k, uint8_t jt, uint8_t jf)
{
	assert(filter->count < MCR_FILTER_INSTRUCTIONS_MAX);
	filter->instructions[filter->count++] = (struct sock_filter){ .code = code, .jt = jt, .jf = jf, .k = k };
}

static void emit_load(struct mcr_filter *filter, uint16_t size, uint32_t offset)
{
	emit(filter, (uint16_t)(BPF_LD | size | BPF_ABS), offset, 0, 0);
}

/* Goes on when A equals @value, else passes over @rest instructions. */
static void emit_unless_skip(struct mcr_filter *filter, uint32_t value, uint32_t rest)
{
	emit(filter, BPF_JMP | BPF_JEQ | BPF_K, value, 0, (uint8_t)rest);
}

static void emit_accept(struct mcr_filter *filter)
{
	emit(filter, BPF_RET | BPF_K, ACCEPT, 0, 0);
}

/* IPv4: the group; else the port where it is UDP to a group; else a query. */
static void emit_ipv4(struct mcr_filter *filter, const uint8_t *group, uint32_t port)
{
	if (address_is_ipv4(group)) {
		emit_load(filter, BPF_W, NET(16));
		emit_unless_skip(filter, read_be32(group + 12), 1);
		emit_accept(filter);
	}
	emit(filter, BPF_LDX | BPF_B | BPF_MSH, NET(0), 0, 0);
	if (port) {
		emit_load(filter, BPF_B, NET(9));
		emit_unless_skip(filter, MCR_PROTOCOL_UDP, 5);
		emit_load(filter, BPF_B, NET(16));
		emit(filter, BPF_JMP | BPF_JGE | BPF_K, 0xe0, 0, 3);
		emit(filter, BPF_LD | BPF_H | BPF_IND, NET(2), 0, 0);
		emit_unless_skip(filter, port, 1);
		emit_accept(filter);
	}
	emit_load(filter, BPF_B, NET(9));
	emit_unless_skip(filter, IP_PROTOCOL_IGMP, 3);
	emit(filter, BPF_LD | BPF_B | BPF_IND, NET(0), 0, 0);
	emit_unless_skip(filter, IGMP_QUERY, 1);
	emit_accept(filter);
	emit(filter, BPF_RET | BPF_K, 0, 0, 0);
}

static void emit_ipv6(struct mcr_filter *filter, const uint8_t *group, uint32_t port)
{
	if (!address_is_ipv4(group)) {
		for (uint32_t word = 0; word < 4; word++) {
			emit_load(filter, BPF_W, NET(24 + 4 * word));
			emit_unless_skip(filter, read_be32(group + 4 * word), 7 - 2 * word);
		}
		emit_accept(filter);
	}
	if (port) {
		emit_load(filter, BPF_B, NET(6));
		emit_unless_skip(filter, MCR_PROTOCOL_UDP, 5);
		emit_load(filter, BPF_B, NET(24));
		emit_unless_skip(filter, 0xff, 3);
		emit_load(filter, BPF_H, NET(IPV6_HEADER_BYTES + 2));
		emit_unless_skip(filter, port, 1);
		emit_accept(filter);
	}
	emit(filter, BPF_RET | BPF_K, 0, 0, 0);
}

void mcr_capture_compile(struct mcr_filter *filter, const uint8_t *group, uint32_t port)
{
	uint32_t branch;

	filter->count = 0;
	emit_load(filter, BPF_W, PROTOCOL);
	branch = filter->count;
	emit_unless_skip(filter, ETH_P_IP, 0);
	emit_ipv4(filter, group, port);
	filter->instructions[branch].jf = (uint8_t)(filter->count - branch - 1);
	emit_unless_skip(filter, ETH_P_IPV6, 1);
	emit(filter, BPF_JMP | BPF_JA, 1, 0, 0);
	emit(filter, BPF_RET | BPF_K, 0, 0, 0);
	emit_ipv6(filter, group, port);
}

/* The filter before the bind, so that nothing else ever arrives. */
static const char *set_up(int fd, uint32_t interface, const struct mcr_filter *filter)
{
	const struct sock_fprog program = { .len = (unsigned short)filter->count,
					    .filter = (struct sock_filter *)(uintptr_t)filter->instructions };
	const struct sockaddr_ll address = { .sll_family = AF_PACKET,
					     .sll_protocol = htons(ETH_P_ALL),
					     .sll_ifindex = (int)interface };
	const int on = 1, queue_bytes = QUEUE_BYTES;

	if (setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof(program)) < 0)
		return "set the filter";
	if (setsockopt(fd, SOL_PACKET, PACKET_VNET_HDR, &on, sizeof(on)) < 0)
		return "set PACKET_VNET_HDR";
	if (setsockopt(fd, SOL_PACKET, PACKET_AUXDATA, &on, sizeof(on)) < 0)
		return "set PACKET_AUXDATA";
	if (setsockopt(fd, SOL_PACKET, PACKET_IGNORE_OUTGOING, &on, sizeof(on)) < 0)
		return "set PACKET_IGNORE_OUTGOING";
	if (setsockopt(fd, SOL_SOCKET, SO_TIMESTAMPNS, &on, sizeof(on)) < 0)
		return "set SO_TIMESTAMPNS";
	(void)setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &queue_bytes, sizeof(queue_bytes));
	if (bind(fd, (const struct sockaddr *)&address, sizeof(address)) < 0)
		return "bind it";
	return NULL;
}

int32_t mcr_capture_open(uint32_t interface, const uint8_t *group, uint32_t port)
{
	const int fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	struct mcr_filter filter;
	const char *failed;
	int32_t error;

	if (fd < 0)
		return mcr_fail(errno, "Cannot open a packet socket: %s", strerror(errno));
	mcr_capture_compile(&filter, group, port);
	failed = set_up(fd, interface, &filter);
	if (!failed)
		return fd;
	error = mcr_fail(errno, "Cannot capture on interface %u: failed to %s: %s", interface, failed, strerror(errno));
	close(fd);
	return error;
}

static void read_auxiliary(const struct tpacket_auxdata *from, struct mcr_captured *captured)
{
	captured->frame_bytes = from->tp_len;
	captured->packet_offset = from->tp_net;
	captured->is_vouched = (from->tp_status & (TP_STATUS_CSUM_VALID | TP_STATUS_CSUMNOTREADY)) != 0;
	if (!(from->tp_status & TP_STATUS_VLAN_VALID))
		return;
	captured->vlan = from->tp_vlan_tci;
	captured->vlan_protocol = from->tp_status & TP_STATUS_VLAN_TPID_VALID ? from->tp_vlan_tpid : ETH_P_8021Q;
}

static void read_controls(const struct msghdr *message, struct mcr_captured *captured)
{
	const uint8_t *controls = message->msg_control;
	const struct cmsghdr *control;
	struct tpacket_auxdata auxiliary;
	struct timespec time;

	/* CMSG_NXTHDR() of musl compares signed with unsigned. */
	for (size_t at = 0; at + sizeof(*control) <= message->msg_controllen; at += CMSG_ALIGN(control->cmsg_len)) {
		control = (const void *)(controls + at);
		if (control->cmsg_len < CMSG_LEN(0))
			break;
		if (control->cmsg_level == SOL_SOCKET && control->cmsg_type == SO_TIMESTAMPNS &&
		    control->cmsg_len >= CMSG_LEN(sizeof(time))) {
			memcpy(&time, CMSG_DATA(control), sizeof(time));
			captured->time_ns = (uint64_t)time.tv_sec * 1000000000u + (uint64_t)time.tv_nsec;
		}
		if (control->cmsg_level == SOL_PACKET && control->cmsg_type == PACKET_AUXDATA &&
		    control->cmsg_len >= CMSG_LEN(sizeof(auxiliary))) {
			memcpy(&auxiliary, CMSG_DATA(control), sizeof(auxiliary));
			read_auxiliary(&auxiliary, captured);
		}
	}
}

/* What can be told also of a packet that the parser refuses: the fields at fixed places. */
static void read_headers(const uint8_t *packet, uint32_t length, struct mcr_captured *captured)
{
	uint32_t header_bytes = IPV6_HEADER_BYTES;

	if (captured->version == 4 && length >= IPV4_HEADER_BYTES) {
		header_bytes = (packet[0] & 0xfu) * 4;
		captured->source[10] = captured->source[11] = 0xff;
		captured->group[10] = captured->group[11] = 0xff;
		memcpy(captured->source + 12, packet + 12, 4);
		memcpy(captured->group + 12, packet + 16, 4);
		captured->ttl = packet[8];
		captured->protocol = packet[9];
	} else if (captured->version == 6 && length >= IPV6_HEADER_BYTES) {
		memcpy(captured->source, packet + 8, 16);
		memcpy(captured->group, packet + 24, 16);
		captured->ttl = packet[7];
		captured->protocol = packet[6];
	} else {
		return;
	}
	if (captured->protocol == MCR_PROTOCOL_UDP && length >= header_bytes + 4) {
		captured->source_port = read_be16(packet + header_bytes);
		captured->port = read_be16(packet + header_bytes + 2);
	}
	if (captured->protocol == IP_PROTOCOL_IGMP && length > header_bytes)
		captured->is_query = packet[header_bytes] == IGMP_QUERY;
}

static void judge(const uint8_t *frame, struct mcr_captured *captured)
{
	const uint32_t offset = captured->packet_offset;
	const uint32_t length = captured->captured_bytes > offset ? captured->captured_bytes - offset : 0;
	struct mcr_flow flow;

	read_headers(frame + offset, length, captured);
	captured->reason = mcr_parse_packet(frame + offset, length, captured->version, (int)captured->is_vouched,
					    &flow);
	if (captured->reason != MCR_DROP_COUNT)
		return;
	captured->protocol = flow.protocol;
	captured->port = flow.port;
	captured->source_port = flow.source_port;
	captured->payload_bytes = flow.payload_length;
}

/* Puts the packet in place of the fragment that completes it. Return: 0 when more fragments are wanted. */
static int put_together(struct mcr_reassembler *reassembler, struct mcr_captured *captured, uint8_t *frame,
			uint32_t capacity)
{
	const uint32_t offset = captured->packet_offset;
	const uint64_t now_ns = clock_ns(CLOCK_MONOTONIC);
	const uint8_t *whole;
	uint32_t length;

	mcr_reassembly_expire(reassembler, now_ns);
	length = mcr_reassembly_take(reassembler, captured->interface, frame + offset,
				     captured->captured_bytes - offset, now_ns, &whole);
	if (length == 0 || length > capacity - offset)
		return 0;
	memcpy(frame + offset, whole, length);
	captured->frame_bytes = captured->captured_bytes = offset + length;
	captured->is_vouched = 0;
	judge(frame, captured);
	return 1;
}

/* Return: 1; 0: none is there; -errno with mcr_error(). */
static int32_t read_one(int32_t socket, struct mcr_captured *captured, uint8_t *frame, uint32_t capacity)
{
	_Alignas(struct cmsghdr) uint8_t control[256];
	struct virtio_net_hdr vnet;
	struct iovec parts[2] = { { .iov_base = &vnet, .iov_len = sizeof(vnet) },
				  { .iov_base = frame, .iov_len = capacity } };
	struct sockaddr_ll from;
	struct msghdr message = { .msg_name = &from,
				  .msg_namelen = sizeof(from),
				  .msg_iov = parts,
				  .msg_iovlen = array_count(parts),
				  .msg_control = control,
				  .msg_controllen = sizeof(control) };
	const ssize_t count = recvmsg(socket, &message, MSG_DONTWAIT);

	if (count < 0 && (errno == EAGAIN || errno == EINTR))
		return 0;
	/* An interface that goes down says so once; the others go on. */
	if (count < 0 && errno == ENETDOWN)
		return 0;
	if (count < (ssize_t)sizeof(vnet))
		return mcr_fail(count < 0 ? errno : EBADMSG, "Cannot read a captured frame: %s",
				strerror(count < 0 ? errno : EBADMSG));
	memset(captured, 0, sizeof(*captured));
	captured->interface = (uint32_t)from.sll_ifindex;
	captured->link_type = from.sll_hatype;
	captured->version = from.sll_protocol == htons(ETH_P_IP) ? 4 : from.sll_protocol == htons(ETH_P_IPV6) ? 6 : 0;
	captured->captured_bytes = (uint32_t)count - (uint32_t)sizeof(vnet);
	captured->segment_bytes = vnet.gso_type == VIRTIO_NET_HDR_GSO_UDP_L4 ? vnet.gso_size : 0;
	captured->vlan = MCR_NO_VLAN;
	read_controls(&message, captured);
	if (captured->packet_offset > captured->captured_bytes)
		captured->packet_offset = captured->captured_bytes;
	judge(frame, captured);
	return 1;
}

int32_t mcr_capture_read(int32_t socket, uint8_t *memory, struct mcr_captured *captured, uint8_t *frame,
			 uint32_t capacity)
{
	struct mcr_reassembler *reassembler = (void *)memory;
	int32_t result;

	do {
		result = read_one(socket, captured, frame, capacity);
	} while (result == 1 && captured->reason == MCR_DROP_FRAGMENT &&
		 !put_together(reassembler, captured, frame, capacity));
	return result;
}
