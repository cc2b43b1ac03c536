/*
 * mcr.h - the whole contract between the control plane (TypeScript, through libmcr.so) and the data plane (C).
 *
 * ffi/abi.ts is made from this file: sizes, offsets, values and signatures exist nowhere else.
 *
 * Conventions
 *   - Functions return >= 0 for success (0, a count or a descriptor) or a negative errno; mcr_error() then says in a
 *     sentence what failed and what is wanted. Outputs through pointers are untouched on failure.
 *   - Only u32, i32, u64, caller's buffers (valid for the one call) and C strings owned by C cross the boundary.
 *   - A descriptor that a function returns belongs to the caller, is close-on-exec, and ends with mcr_close().
 *   - All functions may be called from any thread, but a descriptor or mapping from one thread at a time.
 *   - Addresses are 16 bytes; an IPv4 address is written as ::ffff:a.b.c.d. Ports are in host order.
 *
 * Processes, and who writes what
 *
 *      supervisor                                              worker (one per core)
 *      ----------                                              ---------------------
 *      mcr_channel_open() ------- SEQPACKET: mcr_message ----> MCR_MESSAGE_START, INPUT, OUTPUTS, TABLE, ...
 *                         <------ mcr_message ---------------- READY, ACKNOWLEDGE, FAILED
 *      mcr_table_compile() ------ sealed memfd --------------> maps it read-only, acknowledges its generation
 *      mcr_stats_open() <-------- shared memfd --------------- struct mcr_stats: one writer, the worker
 *      mcr_input_open() --------- packet socket -------------> maps its ring, continues at mcr_ring_stats.cursor
 *      mcr_event_open() <-------- eventfd -------------------- slots whose sends are done (see mcr_stats_settle())
 */
#ifndef MCR_H
#define MCR_H

#include "drop.h"
#include "limit.h"

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define MCR_API __attribute__((visibility("default")))

#include "diagnosis.h"

/* Changes with any change to this file that a caller can see; checked when the library is loaded. */
#define MCR_ABI_VERSION 3u
#define MCR_VERSION "0.1.0"

/* ---- statistics: shared memory, 64-bit counters, one writer ---- */

enum mcr_worker_state {
	MCR_WORKER_BOOT,    /* started, not yet told what to do */
	MCR_WORKER_RUN,     /* in its loop */
	MCR_WORKER_STOPPED, /* left its loop because it was told so */
};

/*
 * Identities, in datagrams: received = relayed + sum of drops; of an output, due = sent + sum of drops. The left side
 * is counted last.
 */
struct mcr_worker_stats {
	uint64_t abi; /* MCR_ABI_VERSION */
	uint64_t state; /* enum mcr_worker_state */
	uint64_t heartbeat_ns; /* CLOCK_MONOTONIC; at least once a second */
	uint64_t generation; /* of the table in force; 0 before the first */
	uint64_t received;
	uint64_t received_bytes; /* payload */
	uint64_t relayed;
	uint64_t superframes; /* frames of more than one datagram */
	uint64_t wakeups; /* returns from a wait */
	uint64_t submissions; /* io_uring_enter calls that sent */
	uint64_t recovered; /* slots of a predecessor that were sent but not yet given back */
	uint64_t reserved[21];
	uint64_t drops[MCR_DROPS_MAX];
};

/* One packet ring. The two counts only grow; slot = count % slot_count. */
struct mcr_ring_stats {
	uint64_t cursor; /* slots given back to the kernel */
	uint64_t completed; /* slots whose sends were done when the last worker ended; by mcr_stats_settle() */
	uint64_t batch_time_ns; /* newest receive timestamp of the batch in flight */
	uint64_t frames; /* slots counted: as the cursor, or ahead of it while a batch is given back */
	uint64_t reserved[4];
};

struct mcr_rule_stats {
	uint64_t received;
	uint64_t received_bytes;
	uint64_t relayed;
	uint64_t last_ns; /* CLOCK_REALTIME of the newest datagram's receive timestamp */
	uint64_t latency[MCR_LATENCY_BUCKETS]; /* kernel receive timestamp to send completion */
	uint64_t latency_sum_ns; /* of all in the buckets */
	uint64_t reserved[6];
	uint64_t drops[MCR_DROPS_MAX];
};

struct mcr_output_stats {
	uint64_t due;
	uint64_t sent;
	uint64_t sent_bytes; /* payload */
	uint64_t fragmented; /* of those sent: larger than the MTU, so the kernel sent them in fragments */
	uint64_t last_ns; /* CLOCK_REALTIME of the end of the newest send */
	uint64_t reserved[3];
	uint64_t drops[MCR_DROPS_MAX];
};

/* The page of one worker. Sparse: only slots in use take memory. */
struct mcr_stats {
	struct mcr_worker_stats worker;
	struct mcr_ring_stats rings[MCR_INPUTS_MAX];
	struct mcr_rule_stats rules[MCR_RULES_MAX];
	struct mcr_output_stats outputs[MCR_OUTPUTS_MAX];
};

/* ---- rules, as mcr_table_compile() takes them ---- */

/* IP protocols that are relayed. */
#define MCR_PROTOCOL_UDP 17u
#define MCR_PROTOCOL_ESP 50u

/*
 * Which datagrams, and what becomes of them. Of the rules that a datagram fits, the one with the longest group prefix
 * takes it, then the one with the narrowest ports (of equally narrow ones the lowest), then the one with the longest
 * source prefix.
 *
 * What is beyond a rate is not relayed. A pause saves up what the rate allows in 100 ms, but at least one superframe
 * (128 datagrams, 64 KiB).
 */
struct mcr_rule {
	uint8_t group[16]; /* destination: the address, or the first of a range, its other bits 0; unicast too */
	uint32_t group_bits; /* of the prefix, in the 16-byte form: 128 is one address, 120 an IPv4 /24 */
	uint32_t protocol; /* MCR_PROTOCOL_UDP or MCR_PROTOCOL_ESP */
	uint32_t port_first; /* 0 to 65535 is any port; ESP: 0 to 0 */
	uint32_t port_last;
	uint32_t input; /* index of the input, < MCR_INPUTS_MAX */
	uint32_t stats; /* slot in mcr_stats.rules */
	uint32_t output_first; /* its outputs are consecutive */
	uint32_t output_count; /* 0: received and counted, sent nowhere */
	uint32_t source_first; /* the sources it takes, consecutive; */
	uint32_t source_count; /* 0: all */
	uint32_t excluded_first; /* the sources it does not take, consecutive; stronger than the others */
	uint32_t excluded_count;
	uint64_t datagrams_max; /* a second, in each worker; 0: no limit */
	uint64_t bits_max; /* of payload, a second, in each worker; 0: no limit */
};

/* An entry of a source list. */
struct mcr_source {
	uint8_t address[16]; /* the bits beyond the prefix are 0 */
	uint32_t bits; /* of the prefix, in the 16-byte form */
	uint32_t reserved;
};

/* A source address and port that this relay sends from: what arrives with it has come in a loop. */
struct mcr_sender {
	uint8_t address[16];
	uint32_t port; /* 0: any */
	uint32_t reserved;
};

#define MCR_NO_SOCKET UINT32_MAX

/* What a datagram brings to its output; without any of them its socket knows all beforehand. */
enum mcr_output_flag {
	MCR_OUTPUT_TTL_DECREMENT = 1, /* time to live: the datagram's, less one */
	MCR_OUTPUT_DSCP_COPY = 2,
	MCR_OUTPUT_ECN_COPY = 4,
	MCR_OUTPUT_GROUP_MAP = 8, /* address: group, and below its prefix the bits of the datagram's */
	MCR_OUTPUT_PORT_MAP = 16, /* port: the datagram's, less the rule's first, and port */
	MCR_OUTPUT_ESP = 32, /* a raw IP socket: takes no segments */
	MCR_OUTPUT_RAW = 64, /* datagrams of up to segment_max leave as frames, through raw_socket; not where mapped */
};

struct mcr_output {
	uint32_t socket; /* index that MCR_MESSAGE_OUTPUTS gave the socket, or MCR_NO_SOCKET: counted, not sent */
	uint32_t stats; /* slot in mcr_stats.outputs */
	uint32_t segment_max; /* largest payload that needs no IP fragments: MTU less headers */
	uint32_t flags; /* enum mcr_output_flag */
	uint8_t group[16]; /* destination; its family is that of the socket */
	uint32_t group_bits; /* of its prefix; the rule's is as long, counted from the end of the address */
	uint32_t port;
	uint32_t interface; /* index: the scope of a link-local destination */
	uint32_t traffic_class; /* DSCP and ECN as one byte: the fixed part where one of them is copied */
	uint32_t raw_socket; /* index of its packet socket; only with MCR_OUTPUT_RAW, as the header */
	uint8_t header[MCR_FRAME_HEADER_BYTES]; /* by mcr_output_open_raw() */
	uint8_t header_bytes;
	uint8_t reserved;
};

/* All that a table is made of. */
struct mcr_rules {
	uint32_t rule_count;
	uint32_t output_count;
	uint32_t source_count;
	uint32_t sender_count;
	uint64_t datagrams_max; /* of all rules together, a second, in each worker; 0: no limit */
	uint64_t bits_max; /* of payload */
};

/* ---- messages of the control channel; descriptors travel beside them ---- */

enum mcr_message_type {
	/* to the worker */
	MCR_MESSAGE_START = 1, /* index: of the worker; core, uid, gid, *_us, segments_max, priority; fd: statistics */
	MCR_MESSAGE_INPUT, /* index, slot_count; fds: packet socket, progress eventfd */
	MCR_MESSAGE_INPUT_END, /* index */
	MCR_MESSAGE_OUTPUTS, /* index of the first; fds: sockets */
	MCR_MESSAGE_OUTPUTS_END, /* index of the first, count */
	MCR_MESSAGE_TABLE, /* generation; fd: the table */
	/* from the worker */
	MCR_MESSAGE_READY, /* set up, without rights, waiting for work */
	MCR_MESSAGE_ACKNOWLEDGE, /* generation: every datagram from now on goes by it */
	MCR_MESSAGE_FAILED, /* error, text: what could not be done; the worker ends */
};

#define MCR_NO_CORE UINT32_MAX
#define MCR_FANOUT_ALONE UINT32_MAX
#define MCR_KEEP_ID UINT32_MAX
/* Datagrams of one send: UDP_MAX_SEGMENTS of the kernels before 6.9; later ones take 128. */
#define MCR_SEGMENTS_MAX 64u
/* The control channel is not heard meanwhile. */
#define MCR_PAUSE_US_MAX 100000u
#define MCR_PRIORITY_MAX 99u /* of SCHED_FIFO */

struct mcr_message {
	uint32_t type;
	uint32_t index;
	uint32_t count;
	uint32_t slot_count;
	uint32_t core; /* MCR_NO_CORE: wherever the scheduler likes */
	uint32_t uid; /* MCR_KEEP_ID: the supervisor's own */
	uint32_t gid;
	int32_t error; /* positive errno */
	uint32_t coalesce_us; /* pause that lets a batch gather where one is likely; up to MCR_PAUSE_US_MAX */
	uint32_t busy_poll_us; /* how long to look for frames before a sleep; up to MCR_PAUSE_US_MAX */
	uint64_t generation;
	uint32_t segments_max; /* datagrams of one send; 0: MCR_SEGMENTS_MAX */
	uint32_t priority; /* real-time, SCHED_FIFO, where we may; 0: as other processes */
	char text[200]; /* NUL-terminated */
};

/* ---- interfaces ---- */

struct mcr_interface {
	uint32_t index;
	uint32_t mtu;
	uint32_t flags; /* IFF_* */
	uint32_t address_count; /* of those below; further ones are left out */
	char name[MCR_INTERFACE_NAME_BYTES];
	uint8_t addresses[MCR_INTERFACE_ADDRESSES_MAX][16];
};

/* ---- the library itself ---- */

/* MCR_ABI_VERSION of the library; a caller made from another mcr.h must refuse to go on. */
MCR_API uint32_t mcr_abi_version(void);

/* "0.1.0". Owned by C, valid for ever. */
MCR_API const char *mcr_version(void);

/* What the last failed call of this thread could not do, and what is wanted. Owned by C, until the next failure. */
MCR_API const char *mcr_error(void);

/* The symbol of an errno, "EPERM"; "E<number>" for one without a name here. Valid until the next call. */
MCR_API const char *mcr_error_name(int32_t error);

/* A drop reason's name and advice; "" at or above MCR_DROP_COUNT. Owned by C, valid for ever. */
MCR_API const char *mcr_drop_name(uint32_t reason);
MCR_API const char *mcr_drop_advice(uint32_t reason);

/* Ends a descriptor. -EBADF. */
MCR_API int32_t mcr_close(int32_t fd);

/**
 * mcr_poll - wait until one of the descriptors can be read, or its other end is gone.
 * @ready: one byte each, set to 1 or 0.
 *
 * The only call that waits; made for a thread of its own, with short timeouts and an mcr_event_open() descriptor
 * among @fds to end it. @count <= 1024.
 *
 * Return: how many are ready; 0 at the timeout; -EINVAL.
 */
MCR_API int32_t mcr_poll(const int32_t *fds, uint32_t count, uint32_t timeout_ms, uint8_t *ready);

/* A non-blocking eventfd, at 0. -EMFILE. */
MCR_API int32_t mcr_event_open(void);
/* Makes it readable until mcr_event_clear(). */
MCR_API int32_t mcr_event_signal(int32_t event);
MCR_API int32_t mcr_event_clear(int32_t event);

/* ---- what this process may do ---- */

/* Raises the soft limit of open descriptors to the hard one. Return: the limit, at most INT32_MAX. */
MCR_API int32_t mcr_files_limit_raise(void);

/* 1 when the calling thread has the capability (CAP_NET_RAW is 13, CAP_NET_ADMIN 12) in force, else 0. */
MCR_API int32_t mcr_capability(uint32_t capability);

/* The cores of the process' affinity mask, ascending. Return: how many; the first @capacity of them are written. */
MCR_API int32_t mcr_cores(uint32_t *cores, uint32_t capacity);

/* ---- the control socket ---- */

/* Who is at the other end of a connection, as the kernel noted when it connected. */
struct mcr_peer {
	uint32_t pid;
	uint32_t uid;
	uint32_t gid;
	uint32_t is_member; /* of the group that was asked for, by its own or a supplementary one */
};

/**
 * mcr_control_listen - listen on a Unix socket.
 *
 * The file is made with mode 0600, whatever the umask: who else may connect is for the caller to say afterwards.
 *
 * Return: descriptor, non-blocking; -EINVAL: the path is empty or longer than 107 bytes; -EADDRINUSE: there is
 * something; -ENOENT, -EACCES: directory; -EMFILE.
 */
MCR_API int32_t mcr_control_listen(const char *path);

/**
 * mcr_control_accept - take in one client that waits.
 * @peer: written, with membership in @group.
 *
 * Return: descriptor, non-blocking; -EAGAIN: none waits; -EMFILE, -ENFILE: it goes on waiting.
 */
MCR_API int32_t mcr_control_accept(int32_t listener, uint32_t group, struct mcr_peer *peer);

/* ---- interfaces ---- */

/* All interfaces of the network namespace. Return: how many; the first @capacity of them are written. */
MCR_API int32_t mcr_interfaces_list(struct mcr_interface *interfaces, uint32_t capacity);

/* A netlink socket that becomes readable when a link or an address changes. */
MCR_API int32_t mcr_interfaces_watch(void);

/* Reads and forgets what is queued, so that the next change is seen. Return: 1 if anything was, else 0. */
MCR_API int32_t mcr_interfaces_drain(int32_t watch);

/* ---- sockets of the relay ---- */

/**
 * mcr_input_open - a packet socket with its ring on one interface, for one worker.
 * @fanout: 0 for the first worker: what stands for its group is written back, and given for the other workers'. Or
 * MCR_FANOUT_ALONE where there are no others.
 *
 * Allocates slot_count * MCR_SLOT_BYTES in the kernel. Receives nothing before mcr_input_filter(). Fragments arrive as
 * they are, those of a datagram at one worker; what the interface sends does not arrive. Needs CAP_NET_RAW; with
 * CAP_NET_ADMIN, room for large frames beyond net.core.rmem_max.
 *
 * Return: descriptor; -EPERM without the capability; -ENODEV, -ENETDOWN: interface gone or down; -ENOMEM: slots;
 * -EINVAL: @slot_count is not a power of two within MCR_SLOTS_MIN and MCR_SLOTS_MAX.
 */
MCR_API int32_t mcr_input_open(uint32_t interface, uint32_t slot_count, uint32_t *fanout);

/**
 * mcr_input_filter - let exactly the datagrams of these rules through to a packet socket, from now on.
 * @rules: those whose input is not @input are passed over.
 *
 * Replaces the filter in force in one step. Sources are left to the worker, and so are fragments and what is malformed
 * but shows the group of a rule: it is counted. Where the exact filter would be larger than the kernel takes (4096
 * instructions, 520 groups with a port of their own, 800 with the same), it widens to all ports of up to 800 stretches
 * of groups, those that lie next to each other first; no rule loses anything.
 *
 * Frames of a VLAN never pass: they belong to the VLAN's own interface. A tag of VLAN 0 is but a priority.
 *
 * Return: 1 exact, 0 widened; -ENOMEM.
 */
MCR_API int32_t mcr_input_filter(int32_t socket, uint32_t input, const struct mcr_rule *rules, uint32_t rule_count);

/**
 * mcr_input_hold - keep this host from answering "unreachable" to what a rule for one of its own addresses relays.
 * @interface: of a link-local address, else of no meaning.
 * @port: 0 with ESP.
 *
 * A socket that hears nothing, for as long as it is open: other programs cannot have the port meanwhile.
 *
 * Return: descriptor; -EADDRINUSE: somebody has it, so that nothing is refused; -EADDRNOTAVAIL: no address of this
 * host: nothing is to be done; -EACCES: port below 1024 without CAP_NET_BIND_SERVICE; -EPERM: ESP without CAP_NET_RAW.
 */
MCR_API int32_t mcr_input_hold(uint32_t protocol, uint32_t interface, const uint8_t *address, uint32_t port);

/* ---- settings of input interfaces ---- */

/**
 * mcr_feature_set - switch a feature of a network device, by the name that `ethtool -k` shows in full: "rx-gro".
 *
 * Needs CAP_NET_ADMIN where something has to change.
 *
 * Return: 1 switched; 0: it was so before; -ENOENT: this kernel has no such feature; -EOPNOTSUPP: the driver does not
 * let it be switched so; -EPERM; -ENODEV: the interface is gone.
 */
MCR_API int32_t mcr_feature_set(uint32_t interface, const char *feature, uint32_t is_on);

/* 1 when it is on, else 0. -ENOENT, -ENODEV. */
MCR_API int32_t mcr_feature_get(uint32_t interface, const char *feature);

/* ---- exclusive input: what is relayed goes nowhere else on this host ---- */

/* Of the ingress filters, `pref` of tc: after all that a user would choose, and all that the kernel chooses (49152). */
#define MCR_EXCLUSIVE_PRIORITY 65000u

/**
 * mcr_exclusive_open - whoever owns filters: what is left of them after its end is found by mcr_exclusive_sweep().
 *
 * Return: the owner's descriptor, of the network namespace of the call; -EMFILE.
 */
MCR_API int32_t mcr_exclusive_open(void);

/**
 * mcr_exclusive_set - drop the datagrams of these rules, once they have passed the packet sockets of an interface.
 * @rules: those whose input is not @input are passed over.
 *
 * A tc filter at the interface's ingress, of the owner's own. Replaces the one before in one step. Makes the clsact
 * qdisc if there is none; filters of others stay, and come first. Fragments pass: the later ones carry no ports. Where
 * not all rules fit (3,968 instructions, about 550 groups), the first ones do; never is anything dropped that no rule
 * is for. With no rules at all it drops nothing, and shows that it could be installed. Needs CAP_NET_ADMIN.
 *
 * Return: of how many rules datagrams are dropped; -EPERM; -ENOENT, -EOPNOTSUPP: the kernel has no clsact or no bpf
 * classifier, or the interface shares its filters with others; -ENODEV: it is gone; -ENOMEM.
 */
MCR_API int32_t mcr_exclusive_set(int32_t owner, uint32_t interface, uint32_t input, const struct mcr_rule *rules,
				  uint32_t rule_count, const struct mcr_source *sources, uint32_t source_count);

/* Removes the owner's filter, and the qdisc if it was made for such a filter and is empty. -EPERM if there is one. */
MCR_API int32_t mcr_exclusive_end(int32_t owner, uint32_t interface);

/* Removes from an interface the filters whose owners are dead. Return: how many; -EPERM if there are any. */
MCR_API int32_t mcr_exclusive_sweep(uint32_t interface);

/* What an output's socket is made from. */
struct mcr_output_options {
	uint8_t address[16]; /* destination; of a range any */
	uint8_t source[16]; /* address of this host to send from; all 0: the interface's own */
	uint32_t interface; /* index */
	uint32_t protocol; /* MCR_PROTOCOL_UDP or MCR_PROTOCOL_ESP */
	uint32_t port; /* 1 to 65535; 0 with ESP, or when it is not connected */
	uint32_t source_port; /* 0: one of the kernel's choice, for as long as the socket lives */
	uint32_t ttl; /* or hop limit: 1 to 255 */
	uint32_t traffic_class; /* DSCP and ECN as one byte */
	uint32_t is_connected; /* else every send names its destination */
	uint32_t is_fragmenting; /* what is larger than the MTU is sent in fragments, else refused */
	uint32_t send_buffer_bytes; /* wanted room; less without CAP_NET_ADMIN (net.core.wmem_max) */
	uint32_t reserved;
};

/**
 * mcr_output_open - a socket that sends out of one interface: UDP, or raw IP for ESP (needs CAP_NET_RAW).
 *
 * Bound to a source address and port from the start, so that mcr_output_sender() knows them. Several outputs may have
 * the same source port, if it is given. Of an interface without an IPv4 address the kernel sends from another one's;
 * IPv6 waits for the interface's own. Unicast leaves by the interface as well, to the next hop that the routes of this
 * interface name, or to the destination itself. It receives nothing.
 *
 * Where it fragments, datagrams of IPv4 may be cut by routers too; where it does not, the MTU of the interface counts,
 * not that of the path.
 *
 * Return: descriptor; -EADDRNOTAVAIL: interface gone, or no such source address (or not yet: IPv6 makes sure that
 * nobody else has it); -EADDRINUSE: source port; -ENETDOWN; -ENETUNREACH; -EPERM: ESP; -EINVAL.
 */
MCR_API int32_t mcr_output_open(const struct mcr_output_options *options);

/* The source address and port of an output's socket, for the table. */
MCR_API int32_t mcr_output_sender(int32_t socket, struct mcr_sender *sender);

/**
 * mcr_output_open_raw - a packet socket that sends an output's datagrams as whole Ethernet frames, past the routing
 * and the firewall of this host. Its queueing discipline they pass: what they need in software (checksums, segments of
 * a run) is done there, and PACKET_QDISC_BYPASS drops instead (2026-11, Linux 6.18).
 * @socket: of the output, by mcr_output_open(): gives the source address and holds the source port.
 * @options: as those of @socket; multicast, connected UDP only.
 * @header: MCR_FRAME_HEADER_BYTES, of which the first mcr_output.header_bytes are written: 42 with IPv4, 62 with IPv6.
 *
 * Receives nothing. Datagrams larger than the MTU still go through @socket. Needs CAP_NET_RAW.
 *
 * Return: descriptor; -EOPNOTSUPP: the interface is no Ethernet, or the destination no group; -EPERM; -ENODEV; -EBADF.
 */
MCR_API int32_t mcr_output_open_raw(int32_t socket, const struct mcr_output_options *options, uint8_t *header);

/* A socket that holds memberships; closing it leaves them all. */
MCR_API int32_t mcr_membership_open(void);

/**
 * mcr_membership_join - join a group on an interface, IPv4 or IPv6.
 * @source: the source to join it for (IGMPv3, MLDv2), or NULL for all of them. More of them by more calls; a socket
 * holds a group either for all sources or for some.
 *
 * Return: 0; -ENOBUFS: this socket holds all it may (net.ipv4.igmp_max_memberships, igmp_max_msf,
 * net.core.optmem_max), take another; -EADDRINUSE, -EADDRNOTAVAIL: it holds this one already; -ENODEV.
 */
MCR_API int32_t mcr_membership_join(int32_t socket, uint32_t interface, const uint8_t *group, const uint8_t *source);
MCR_API int32_t mcr_membership_leave(int32_t socket, uint32_t interface, const uint8_t *group, const uint8_t *source);

/* A UDP socket that takes this host's own copies of an IPv4 group's datagrams and drops them: absorber.c says why.
 * -EADDRINUSE: somebody has the port for himself; -EACCES: it is privileged; -EINVAL: no group, port or interface. */
MCR_API int32_t mcr_absorber_open(uint32_t interface, const uint8_t *group, uint32_t port);

/* ---- the route table ---- */

/**
 * mcr_table_compile - make the table that workers forward by.
 * @counts: of the entries of the arrays, all of which are copied; an array of none may be NULL.
 *
 * Return: a sealed memfd; -EINVAL: a value at or above its limit, entries outside their array, a prefix with bits
 * beyond it; -EEXIST: two rules with the same input, protocol, group prefix and ports take the same source prefix (one
 * without sources takes ::/0); -ENOSPC: too many rules with sources overlap in their ports; -ENOMEM.
 */
MCR_API int32_t mcr_table_compile(uint64_t generation, const struct mcr_rules *counts, const struct mcr_rule *rules,
				  const struct mcr_output *outputs, const struct mcr_source *sources,
				  const struct mcr_sender *senders);

/* ---- statistics ---- */

/* A zeroed, sealed (in size) memfd of sizeof(struct mcr_stats). Survives its worker: given to the successor. */
MCR_API int32_t mcr_stats_open(void);

/* Maps it. Return: NULL with mcr_error(), or the mapping, valid until mcr_stats_unmap(). */
MCR_API void *mcr_stats_map(int32_t fd);
MCR_API int32_t mcr_stats_unmap(void *stats);

/**
 * mcr_stats_settle - note in the page how far a dead worker had come on one ring.
 * @progress: the ring's eventfd; emptied.
 *
 * A worker's sends and the note of their slots in @progress are one submission to the kernel, which a SIGKILL cannot
 * split. So the successor neither repeats a datagram nor leaves one out. Only while no worker runs on the page.
 */
MCR_API int32_t mcr_stats_settle(void *stats, uint32_t input, int32_t progress);

/* ---- workers ---- */

/* Two ends of a SEQPACKET pair, non-blocking. */
MCR_API int32_t mcr_channel_open(int32_t *two);

/* Sends one message with its descriptors, which stay the caller's. -EAGAIN: the worker does not read; -EPIPE: gone. */
MCR_API int32_t mcr_channel_send(int32_t channel, const struct mcr_message *message, const int32_t *fds,
				 uint32_t fd_count);

/* Takes one message. Return: 1; 0: the other end is gone; -EAGAIN: none there; -EBADMSG. */
MCR_API int32_t mcr_channel_receive(int32_t channel, struct mcr_message *message);

/**
 * mcr_worker_spawn - start `program __worker` with the channel as its descriptor 3 and an empty environment.
 * @pidfd: becomes readable when the process has ended.
 *
 * Return: process id; -ENOENT, -EACCES: program; -EAGAIN: too many processes.
 */
MCR_API int32_t mcr_worker_spawn(const char *program, int32_t channel, int32_t *pidfd);

MCR_API int32_t mcr_worker_kill(int32_t pidfd, int32_t signal);

/* Takes note of an ended worker. Return: 1 with the exit status (or 128 + signal) written; 0: still running. */
MCR_API int32_t mcr_worker_reap(int32_t pidfd, int32_t *status);

#ifdef __cplusplus
}
#endif

#endif
