/* inspect.c - what a diagnosis asks the kernel: bridges and their queriers, carriers, the clock. See mcr.h. */
#include "base.h"
#include "mcr.h"
#include "netlink.h"

#include <errno.h>
#include <linux/if_bridge.h>
#include <linux/if_link.h>
#include <net/if.h>
#include <sys/socket.h>
#include <sys/timex.h>
#include <unistd.h>

/* The kernel's answer about one link: less than a page, but for statistics of many virtual functions. */
#define ANSWER_BYTES (32u << 10)

/* An attribute of one byte; 0 without it. */
static uint32_t read_byte(const struct rtattr *attributes, uint16_t type)
{
	const struct rtattr *found =
		mcr_netlink_find(RTA_DATA(attributes), (uint32_t)RTA_PAYLOAD(attributes), type);
	uint8_t number = 0;

	if (found && RTA_PAYLOAD(found) == sizeof(number))
		memcpy(&number, RTA_DATA(found), sizeof(number));
	return number;
}

static void read_bridge(const struct rtattr *info, struct mcr_link *link)
{
	const uint32_t bytes = (uint32_t)RTA_PAYLOAD(info);
	const struct rtattr *kind = mcr_netlink_find(RTA_DATA(info), bytes, IFLA_INFO_KIND);
	const struct rtattr *data = mcr_netlink_find(RTA_DATA(info), bytes, IFLA_INFO_DATA), *state;

	if (!kind || !data || RTA_PAYLOAD(kind) != sizeof("bridge") ||
	    memcmp(RTA_DATA(kind), "bridge", sizeof("bridge")) != 0)
		return;
	state = mcr_netlink_find(RTA_DATA(data), (uint32_t)RTA_PAYLOAD(data),
				 NLA_F_NESTED | IFLA_BR_MCAST_QUERIER_STATE);
	link->is_bridge = 1;
	link->is_snooping = read_byte(data, IFLA_BR_MCAST_SNOOPING) != 0;
	/* The kernel tells the querier's address only while there is one: this bridge or another that it hears. */
	link->has_querier = read_byte(data, IFLA_BR_MCAST_QUERIER) != 0 ||
			    (state && mcr_netlink_find(RTA_DATA(state), (uint32_t)RTA_PAYLOAD(state),
						       BRIDGE_QUERIER_IP_ADDRESS) != NULL);
}

static void read_link(const struct nlmsghdr *message, struct mcr_link *link)
{
	const struct ifinfomsg *head = NLMSG_DATA(message);
	const uint32_t bytes = (uint32_t)IFLA_PAYLOAD(message);
	const struct rtattr *master = mcr_netlink_find(IFLA_RTA(head), bytes, IFLA_MASTER);
	const struct rtattr *info = mcr_netlink_find(IFLA_RTA(head), bytes, IFLA_LINKINFO);

	memset(link, 0, sizeof(*link));
	link->has_carrier = (head->ifi_flags & IFF_RUNNING) != 0;
	if (master)
		memcpy(&link->master, RTA_DATA(master), sizeof(link->master));
	if (info)
		read_bridge(info, link);
}

int32_t mcr_link_get(uint32_t interface, struct mcr_link *link)
{
	struct {
		struct nlmsghdr header;
		struct ifinfomsg link;
	} request = { .header = { .nlmsg_len = sizeof(request),
				  .nlmsg_type = RTM_GETLINK,
				  .nlmsg_flags = NLM_F_REQUEST },
		      .link = { .ifi_family = AF_UNSPEC, .ifi_index = (int)interface } };
	_Alignas(struct nlmsghdr) uint8_t bytes[ANSWER_BYTES];
	const struct nlmsghdr *answer = (const struct nlmsghdr *)(const void *)bytes;
	const int fd = mcr_netlink_open();
	ssize_t count = -1;
	int error = -fd;

	if (fd >= 0) {
		if (send(fd, &request, sizeof(request), 0) == (ssize_t)sizeof(request))
			count = recv(fd, bytes, sizeof(bytes), 0);
		error = errno;
		close(fd);
	}
	if (count >= 0 && NLMSG_OK(answer, (uint32_t)count) && answer->nlmsg_type == RTM_NEWLINK) {
		read_link(answer, link);
		return 0;
	}
	if (count >= 0)
		error = answer->nlmsg_type == NLMSG_ERROR ? -*(const int *)NLMSG_DATA(answer) : EPROTO;
	return mcr_fail(error, "Cannot look at interface %u: %s", interface, strerror(error));
}

int32_t mcr_clock_is_synchronized(void)
{
	struct timex state = { 0 };

	if (adjtimex(&state) < 0)
		return mcr_fail(errno, "Cannot ask for the state of the clock: %s", strerror(errno));
	return (state.status & STA_UNSYNC) == 0;
}
