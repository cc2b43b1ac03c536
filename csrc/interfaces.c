/* interfaces.c - what interfaces there are, and a sign when that changes. See mcr_interfaces_*() in mcr.h. */
#include "base.h"
#include "mcr.h"

#include <errno.h>
#include <ifaddrs.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <netinet/in.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

/* Linux answers this on any socket. */
static uint32_t interface_mtu(int fd, const char *name)
{
	struct ifreq query;

	memset(&query, 0, sizeof(query));
	memcpy(query.ifr_name, name, strnlen(name, IFNAMSIZ - 1));
	return ioctl(fd, SIOCGIFMTU, &query) < 0 ? 0 : (uint32_t)query.ifr_mtu;
}

static struct mcr_interface *find_or_add(struct mcr_interface *interfaces, uint32_t *count, uint32_t capacity, int fd,
					 const struct ifaddrs *address)
{
	struct mcr_interface *added;
	char name[MCR_INTERFACE_NAME_BYTES] = "";

	/* An old-style alias "eth0:1" is an address of eth0. */
	memcpy(name, address->ifa_name, strcspn(address->ifa_name, ":") & (sizeof(name) - 1));
	for (uint32_t i = 0; i < *count && i < capacity; i++) {
		if (strcmp(interfaces[i].name, name) == 0)
			return &interfaces[i];
	}
	/* Counted by its link, which has an address of AF_PACKET or none: it may not be among those written. */
	if ((address->ifa_addr && address->ifa_addr->sa_family != AF_PACKET) || (*count)++ >= capacity)
		return NULL;
	added = &interfaces[*count - 1];
	memset(added, 0, sizeof(*added));
	memcpy(added->name, name, sizeof(name));
	added->index = if_nametoindex(name);
	added->mtu = interface_mtu(fd, name);
	added->flags = address->ifa_flags;
	return added;
}

static void add_address(struct mcr_interface *interface, const struct sockaddr *address)
{
	uint8_t *to = interface->addresses[interface->address_count];

	if (interface->address_count == MCR_INTERFACE_ADDRESSES_MAX || !address)
		return;
	if (address->sa_family == AF_INET) {
		to[10] = to[11] = 0xff;
		memcpy(to + 12, &((const struct sockaddr_in *)(const void *)address)->sin_addr, 4);
	} else if (address->sa_family == AF_INET6) {
		memcpy(to, &((const struct sockaddr_in6 *)(const void *)address)->sin6_addr, 16);
	} else {
		return;
	}
	interface->address_count++;
}

int32_t mcr_interfaces_list(struct mcr_interface *interfaces, uint32_t capacity)
{
	const int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	struct ifaddrs *addresses;
	uint32_t count = 0;

	if (fd < 0)
		return mcr_fail(errno, "Cannot list interfaces: %s", strerror(errno));
	if (getifaddrs(&addresses) < 0) {
		const int32_t error = mcr_fail(errno, "Cannot list interfaces: %s", strerror(errno));

		close(fd);
		return error;
	}
	/* getifaddrs() names every interface once with AF_PACKET, and again for each address. */
	for (const struct ifaddrs *one = addresses; one; one = one->ifa_next) {
		struct mcr_interface *interface = find_or_add(interfaces, &count, capacity, fd, one);

		if (interface)
			add_address(interface, one->ifa_addr);
	}
	freeifaddrs(addresses);
	close(fd);
	return (int32_t)count;
}

int32_t mcr_interfaces_watch(void)
{
	const struct sockaddr_nl address = { .nl_family = AF_NETLINK,
					     .nl_groups = RTMGRP_LINK | RTMGRP_IPV4_IFADDR | RTMGRP_IPV6_IFADDR };
	const int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, NETLINK_ROUTE);
	int32_t error;

	if (fd < 0)
		return mcr_fail(errno, "Cannot watch interfaces: %s", strerror(errno));
	if (bind(fd, (const struct sockaddr *)&address, sizeof(address)) == 0)
		return fd;
	error = mcr_fail(errno, "Cannot watch interfaces: %s", strerror(errno));
	close(fd);
	return error;
}

int32_t mcr_interfaces_drain(int32_t watch)
{
	uint8_t bytes[8192];
	int32_t is_any = 0;

	for (;;) {
		if (recv(watch, bytes, sizeof(bytes), MSG_TRUNC) >= 0) {
			is_any = 1;
			continue;
		}
		/* ENOBUFS: some were lost, so something changed. */
		if (errno == ENOBUFS) {
			is_any = 1;
			continue;
		}
		return errno == EAGAIN || errno == EINTR ? is_any :
							   mcr_fail(errno, "Cannot read interface changes: %s",
								    strerror(errno));
	}
}
