/*
 * netlink.h - requests to the kernel's routing subsystem: built, sent, answered. Knows attributes, not what they mean.
 */
#ifndef MCR_NETLINK_H
#define MCR_NETLINK_H

#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <stdint.h>

/* Attributes of a request: a BPF program of 4,096 instructions of 8 bytes, and room for the small ones beside it. */
#define MCR_NETLINK_ATTRIBUTES_MAX (4096u * 8u + 1024u)

/* A request about traffic control. */
struct mcr_netlink_request {
	struct nlmsghdr header;
	struct tcmsg traffic;
	uint8_t attributes[MCR_NETLINK_ATTRIBUTES_MAX];
};

/* Called for each message of a dump. @context is the caller's. */
typedef void mcr_netlink_visit(void *context, const struct nlmsghdr *message);

/* A netlink socket. Return: descriptor or -errno; sets no sentence, as the other functions here. */
int mcr_netlink_open(void);

/* Starts a request without attributes. @flags beside NLM_F_REQUEST. */
void mcr_netlink_begin(struct mcr_netlink_request *request, uint16_t type, uint16_t flags);

/* Adds an attribute. Must fit: what a caller adds has a known size. */
void mcr_netlink_add(struct mcr_netlink_request *request, uint16_t type, const void *value, uint32_t length);

/* Opens and closes an attribute of attributes. */
struct rtattr *mcr_netlink_nest(struct mcr_netlink_request *request, uint16_t type);
void mcr_netlink_nest_end(struct mcr_netlink_request *request, struct rtattr *nest);

/* Sends a request that changes something. Return: 0, or the kernel's -errno. */
int mcr_netlink_change(int fd, struct mcr_netlink_request *request);

/* Sends a request that lists something, and visits each message of the answer. Return: 0 or -errno. */
int mcr_netlink_dump(int fd, struct mcr_netlink_request *request, mcr_netlink_visit *visit, void *context);

/* An attribute among @length bytes of them, or NULL. Valid as long as the message is. */
const struct rtattr *mcr_netlink_find(const void *attributes, uint32_t length, uint16_t type);

#endif
