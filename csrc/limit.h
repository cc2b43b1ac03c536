/*
 * limit.h - how much there may be of everything: each sizes a table that is allocated before the first datagram. A part
 * of mcr.h, which includes it.
 */
#ifndef MCR_LIMIT_H
#define MCR_LIMIT_H

#define MCR_WORKERS_MAX 64u
/* Input interfaces of a relay; each costs a worker one packet ring. */
#define MCR_INPUTS_MAX 1024u
/* Rules, and so statistics slots of rules. */
#define MCR_RULES_MAX 65536u
/* Outputs of all rules together, and so statistics slots of outputs; also the sockets behind them. */
#define MCR_OUTPUTS_MAX 65536u
/*
 * Files that a worker registers beside the sockets of outputs: its channel, and the packet socket and the eventfd of
 * each input. The kernel registers no more than the limit of open files.
 */
#define MCR_WORKER_FILES (1u + 2u * MCR_INPUTS_MAX)
/* Outputs of one rule. All sends of one run fit in one submission (MCR_SUBMISSIONS), whatever the rule. */
#define MCR_RULE_OUTPUTS_MAX 1024u
/* Submission queue entries of a worker: a run of the largest rule, four times over, so that runs share submissions. */
#define MCR_SUBMISSIONS 4096u
/* Descriptors in one message: the kernel's SCM_MAX_FD. */
#define MCR_MESSAGE_FDS_MAX 253u
/* Bytes of a ring slot: a 1514-byte frame, the slot header and the vnet header fit whole (tp_net is 90 with it). */
#define MCR_SLOT_BYTES 2048u
#define MCR_SLOTS_MIN 64u
#define MCR_SLOTS_MAX 262144u
/* A latency histogram: 4 buckets for each doubling from 256 ns to 8.6 s (25 doublings), and one for what is above. */
#define MCR_LATENCY_BUCKETS 101u
#define MCR_LATENCY_FIRST_LOG2 8u
#define MCR_LATENCY_STEPS 4u
/* Entries of the source lists of all rules together, and of one rule. */
#define MCR_SOURCES_MAX 65536u
#define MCR_RULE_SOURCES_MAX 256u
/* Ethernet, IPv6 and UDP header of a datagram that is sent as a frame; with IPv4 it is 20 shorter. */
#define MCR_FRAME_HEADER_BYTES 62u
/* Of one interface, those of IPv4 first. */
#define MCR_INTERFACE_ADDRESSES_MAX 16u
#define MCR_INTERFACE_NAME_BYTES 16u

#endif
