/*
 * traffic_control.c - exclusive input, as it lies in the kernel: filters at the ingress of an interface, whose they
 * are, and the qdisc that they need. See mcr_exclusive_*() in mcr.h.
 *
 * A filter of ours is known by its program (exclusive.h) and by MCR_EXCLUSIVE_PRIORITY. Its handle names its owner: the
 * name of an abstract Unix socket, which lives in the network namespace as the filter does, and ends with the process
 * however that ends. Process ids would not do: two containers in one network namespace have their own each.
 */
#include "base.h"
#include "exclusive.h"
#include "filter.h"
#include "mcr.h"
#include "netlink.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/if_ether.h>
#include <linux/pkt_cls.h>
#include <linux/pkt_sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#define QDISC_HANDLE TC_H_MAKE(TC_H_CLSACT, 0)
#define INGRESS TC_H_MAKE(TC_H_CLSACT, TC_H_MIN_INGRESS)
#define EGRESS TC_H_MAKE(TC_H_CLSACT, TC_H_MIN_EGRESS)
#define PRIORITY_AND_PROTOCOL TC_H_MAKE(MCR_EXCLUSIVE_PRIORITY << 16, htons(ETH_P_ALL))
/* Filters of ours on one interface, one for each mcr that runs or was killed there. */
#define FOUND_MAX 64u
/* "\0mcr-exclusive-" and eight digits. */
#define OWNER_NAME_BYTES 23u

/* What there is on one interface. */
struct found {
	uint32_t interface;
	uint32_t others_count; /* filters that are not ours, ingress and egress */
	uint32_t ours_count;
	uint32_t is_qdisc_ours; /* one of ours says so */
	uint32_t owners[FOUND_MAX];
};

/* Where one call works, and what it works with. */
struct site {
	uint32_t interface;
	int fd;
	struct found found;
	struct mcr_netlink_request request;
};

static const char *errno_advice(int error)
{
	switch (error) {
	case EPERM:
		return "; needs CAP_NET_ADMIN";
	case ENOENT:
	case EOPNOTSUPP:
		return "; the kernel needs NET_SCH_INGRESS and NET_CLS_BPF, and no shared ingress block there";
	default:
		return "";
	}
}

static int32_t fail(int error, const char *what, uint32_t interface)
{
	return mcr_fail(error, "Cannot %s on interface %u: %s%s", what, interface, strerror(error),
			errno_advice(error));
}

/* ---- owners ---- */

static socklen_t owner_address(struct sockaddr_un *address, uint32_t owner)
{
	memset(address, 0, sizeof(*address));
	address->sun_family = AF_UNIX;
	/* The first byte stays 0: not in the file system. */
	snprintf(address->sun_path + 1, sizeof(address->sun_path) - 1, "mcr-exclusive-%08x", owner);
	return offsetof(struct sockaddr_un, sun_path) + OWNER_NAME_BYTES;
}

/* Return: a socket that has the owner's name; -EADDRINUSE: its process lives. */
static int owner_bind(uint32_t owner)
{
	const int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	struct sockaddr_un address;
	const socklen_t length = owner_address(&address, owner);
	int error;

	if (fd < 0)
		return -errno;
	if (bind(fd, (const struct sockaddr *)&address, length) == 0)
		return fd;
	error = errno;
	close(fd);
	return -error;
}

/* Only a name that is free is a dead owner's: any other failure to take it proves nothing. */
static int owner_is_dead(uint32_t owner)
{
	const int fd = owner_bind(owner);

	if (fd < 0)
		return 0;
	close(fd);
	return 1;
}

static int owner_of(int32_t socket, uint32_t *owner)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	socklen_t length = sizeof(address);

	if (getsockname(socket, (struct sockaddr *)&address, &length) < 0)
		return errno;
	if (length != offsetof(struct sockaddr_un, sun_path) + OWNER_NAME_BYTES ||
	    sscanf(address.sun_path + 1, "mcr-exclusive-%8x", owner) != 1)
		return EINVAL;
	return 0;
}

int32_t mcr_exclusive_open(void)
{
	uint32_t owner;
	int fd;

	do {
		if (getrandom(&owner, sizeof(owner), 0) != sizeof(owner))
			return mcr_fail(errno, "Cannot name an owner of filters: %s", strerror(errno));
		/* Handle 0 would have the kernel choose one. */
		fd = owner == 0 ? -EADDRINUSE : owner_bind(owner);
	} while (fd == -EADDRINUSE);
	return fd < 0 ? mcr_fail(-fd, "Cannot open the socket of an owner of filters: %s", strerror(-fd)) : fd;
}

/* ---- what there is ---- */

static void note_filter(void *context, const struct nlmsghdr *message)
{
	struct found *found = context;
	const struct tcmsg *traffic = NLMSG_DATA(message);
	const struct rtattr *kind, *options, *program;
	uint32_t length;

	if (message->nlmsg_type != RTM_NEWTFILTER || traffic->tcm_ifindex != (int)found->interface)
		return;
	length = (uint32_t)NLMSG_PAYLOAD(message, sizeof(*traffic));
	kind = mcr_netlink_find(TCA_RTA(traffic), length, TCA_KIND);
	options = mcr_netlink_find(TCA_RTA(traffic), length, TCA_OPTIONS);
	if (traffic->tcm_parent == INGRESS && traffic->tcm_info == PRIORITY_AND_PROTOCOL && kind &&
	    strcmp(RTA_DATA(kind), "bpf") == 0) {
		/* The kernel lists the priority itself too, with no filter in it. */
		if (traffic->tcm_handle == 0)
			return;
		program = options ? mcr_netlink_find(RTA_DATA(options), (uint32_t)RTA_PAYLOAD(options), TCA_BPF_OPS) :
				    NULL;
		length = program ? (uint32_t)(RTA_PAYLOAD(program) / sizeof(struct sock_filter)) : 0;
		if (program && mcr_exclusive_is_ours(RTA_DATA(program), length) && found->ours_count < FOUND_MAX) {
			found->is_qdisc_ours |= (uint32_t)mcr_exclusive_is_qdisc_ours(RTA_DATA(program), length);
			found->owners[found->ours_count++] = traffic->tcm_handle;
			return;
		}
	}
	found->others_count++;
}

static int list_filters(struct site *site, uint32_t parent)
{
	mcr_netlink_begin(&site->request, RTM_GETTFILTER, 0);
	site->request.traffic.tcm_ifindex = (int)site->interface;
	site->request.traffic.tcm_parent = parent;
	return mcr_netlink_dump(site->fd, &site->request, note_filter, &site->found);
}

/* Return: 0 or -errno. An interface without the qdisc has no filters. */
static int look(struct site *site)
{
	int error;

	memset(&site->found, 0, sizeof(site->found));
	site->found.interface = site->interface;
	error = list_filters(site, INGRESS);
	return error < 0 ? error : list_filters(site, EGRESS);
}

/* ---- changes ---- */

static int change_qdisc(struct site *site, uint16_t type, uint16_t flags)
{
	static const char kind[] = "clsact";

	mcr_netlink_begin(&site->request, type, flags);
	site->request.traffic.tcm_ifindex = (int)site->interface;
	site->request.traffic.tcm_parent = TC_H_CLSACT;
	site->request.traffic.tcm_handle = QDISC_HANDLE;
	mcr_netlink_add(&site->request, TCA_KIND, kind, sizeof(kind));
	return mcr_netlink_change(site->fd, &site->request);
}

static void begin_filter(struct site *site, uint16_t type, uint16_t flags, uint32_t owner)
{
	static const char kind[] = "bpf";

	mcr_netlink_begin(&site->request, type, flags);
	site->request.traffic.tcm_ifindex = (int)site->interface;
	site->request.traffic.tcm_parent = INGRESS;
	site->request.traffic.tcm_handle = owner;
	site->request.traffic.tcm_info = PRIORITY_AND_PROTOCOL;
	mcr_netlink_add(&site->request, TCA_KIND, kind, sizeof(kind));
}

/* One step: the kernel swaps the old program for the new one under running traffic. */
static int put_filter(struct site *site, uint32_t owner, const struct mcr_filter *program)
{
	/* The program says itself what becomes of a frame; and no NIC need try to run it. */
	const uint32_t flags = TCA_BPF_FLAG_ACT_DIRECT, hardware = TCA_CLS_FLAGS_SKIP_HW;
	const uint16_t count = (uint16_t)program->count;
	struct rtattr *options;

	begin_filter(site, RTM_NEWTFILTER, NLM_F_CREATE | NLM_F_REPLACE, owner);
	options = mcr_netlink_nest(&site->request, TCA_OPTIONS);
	mcr_netlink_add(&site->request, TCA_BPF_OPS_LEN, &count, sizeof(count));
	mcr_netlink_add(&site->request, TCA_BPF_OPS, program->instructions,
			count * (uint32_t)sizeof(*program->instructions));
	mcr_netlink_add(&site->request, TCA_BPF_FLAGS, &flags, sizeof(flags));
	mcr_netlink_add(&site->request, TCA_BPF_FLAGS_GEN, &hardware, sizeof(hardware));
	mcr_netlink_nest_end(&site->request, options);
	return mcr_netlink_change(site->fd, &site->request);
}

static int delete_filter(struct site *site, uint32_t owner)
{
	begin_filter(site, RTM_DELTFILTER, 0, owner);
	return mcr_netlink_change(site->fd, &site->request);
}

/* Removes the qdisc that our kind made, once nothing is left in it. */
static int delete_empty_qdisc(struct site *site)
{
	const uint32_t is_qdisc_ours = site->found.is_qdisc_ours;
	const int error = look(site);

	if (error < 0 || !is_qdisc_ours || site->found.ours_count + site->found.others_count > 0)
		return error;
	return change_qdisc(site, RTM_DELQDISC, 0);
}

/* Return: 0, or -errno with mcr_error(). */
static int32_t site_open(struct site **opened, uint32_t interface)
{
	struct site *site = malloc(sizeof(*site));
	int fd;

	if (!site)
		return fail(ENOMEM, "look at the ingress filters", interface);
	fd = mcr_netlink_open();
	if (fd < 0) {
		free(site);
		return fail(-fd, "open a netlink socket for the ingress filters", interface);
	}
	site->interface = interface;
	site->fd = fd;
	*opened = site;
	return 0;
}

static void site_close(struct site *site)
{
	close(site->fd);
	free(site);
}

/* Return: how many rules the filter that is now in force has, or -errno with *@what that failed. */
static int32_t set_filter(struct site *site, uint32_t owner, const struct mcr_filter_wish *wish, const char **what)
{
	struct mcr_filter *program;
	int32_t covered;
	int error;

	*what = "look at the ingress filters";
	error = look(site);
	if (error < 0)
		return error;
	*what = "make the clsact qdisc";
	error = change_qdisc(site, RTM_NEWQDISC, NLM_F_CREATE | NLM_F_EXCL);
	if (error < 0 && error != -EEXIST)
		return error;
	site->found.is_qdisc_ours |= error == 0;
	*what = "compile the exclusive filter";
	program = malloc(sizeof(*program));
	covered = program ? mcr_exclusive_program(program, site->found.is_qdisc_ours, wish) : -ENOMEM;
	if (covered >= 0) {
		*what = "install the exclusive filter";
		error = put_filter(site, owner, program);
		covered = error < 0 ? error : covered;
	}
	free(program);
	if (covered < 0)
		(void)delete_empty_qdisc(site);
	return covered;
}

int32_t mcr_exclusive_set(int32_t owner, uint32_t interface, uint32_t input, const struct mcr_rule *rules,
			  uint32_t rule_count, const struct mcr_source *sources, uint32_t source_count)
{
	const struct mcr_filter_wish wish = { .rules = rules,
					      .rule_count = rule_count,
					      .input = input,
					      .link_bytes = MCR_LINK_UNKNOWN,
					      .sources = sources,
					      .source_count = source_count };
	const char *what = "tell the owner of the exclusive filter";
	struct site *site;
	uint32_t handle;
	int32_t result = site_open(&site, interface);

	if (result < 0)
		return result;
	result = -owner_of(owner, &handle);
	if (result == 0)
		result = set_filter(site, handle, &wish, &what);
	site_close(site);
	return result < 0 ? fail(-result, what, interface) : result;
}

int32_t mcr_exclusive_end(int32_t owner, uint32_t interface)
{
	struct site *site;
	uint32_t handle;
	int error = site_open(&site, interface);

	if (error < 0)
		return error;
	error = -owner_of(owner, &handle);
	if (error == 0)
		error = look(site);
	for (uint32_t i = 0; error == 0 && i < site->found.ours_count; i++) {
		if (site->found.owners[i] == handle)
			error = delete_filter(site, handle);
	}
	if (error == 0)
		error = delete_empty_qdisc(site);
	site_close(site);
	return error < 0 ? fail(-error, "remove the exclusive filter", interface) : 0;
}

int32_t mcr_exclusive_sweep(uint32_t interface)
{
	struct site *site;
	int32_t removed_count = 0;
	int error = site_open(&site, interface);

	if (error < 0)
		return error;
	error = look(site);
	for (uint32_t i = 0; error == 0 && i < site->found.ours_count; i++) {
		if (!owner_is_dead(site->found.owners[i]))
			continue;
		error = delete_filter(site, site->found.owners[i]);
		removed_count++;
	}
	if (error == 0 && removed_count > 0)
		error = delete_empty_qdisc(site);
	site_close(site);
	return error < 0 ? fail(-error, "remove the filter of a relay that was killed", interface) : removed_count;
}
