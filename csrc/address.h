/*
 * IPv4 and IPv6 addresses as the traffic tools handle them: read, printed, counted onwards from, and made into what
 * sockets take. Pure.
 */
#ifndef MCR_ADDRESS_H
#define MCR_ADDRESS_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>

/** An address. All zero is none. */
struct mcr_address {
	sa_family_t family; /* AF_INET or AF_INET6 */
	uint8_t bytes[16]; /* network order; an IPv4 address has the first four, and zeros behind */
};

/** An address with its port, and an interface where the address needs one. */
union mcr_endpoint {
	struct sockaddr any;
	struct sockaddr_in ipv4;
	struct sockaddr_in6 ipv6;
};

#define MCR_ADDRESS_TEXT_BYTES INET6_ADDRSTRLEN
#define MCR_ENDPOINT_TEXT_BYTES (MCR_ADDRESS_TEXT_BYTES + 8u) /* two brackets, a colon, five digits */

/**
 * mcr_parse_address - read an IPv4 or IPv6 address that a datagram can be sent to.
 *
 * Return: 0; -EINVAL when it is no such address, -ERANGE when it is 0.x.x.x, lies above the IPv4 multicast range, is ::
 * or an IPv4 address written as an IPv6 one.
 */
int32_t mcr_parse_address(const char *text, struct mcr_address *address);

/** mcr_address_from - the address in a socket address of either family; none where it is of another. */
struct mcr_address mcr_address_from(const struct sockaddr *from);

/** mcr_address_print - write an address as people do; return @text. */
const char *mcr_address_print(const struct mcr_address *address, char text[MCR_ADDRESS_TEXT_BYTES]);

/** True for 224.0.0.0/4 and ff00::/8. */
bool mcr_address_is_multicast(const struct mcr_address *address);

/** True for an IPv6 address, of a host or a group, that means something on one link only. */
bool mcr_address_is_link_local(const struct mcr_address *address);

bool mcr_address_is_equal(const struct mcr_address *a, const struct mcr_address *b);

/** Bytes of an address on the wire: 4 or 16. */
uint32_t mcr_address_bytes(const struct mcr_address *address);

/**
 * mcr_address_distance - how far @to is behind @from.
 *
 * Return: the distance; UINT64_MAX when it is further than that, before @from or of another family.
 */
uint64_t mcr_address_distance(const struct mcr_address *from, const struct mcr_address *to);

/**
 * mcr_endpoint_make - what sockets take.
 * @interface: number of the interface that a link-local address is on.
 */
union mcr_endpoint mcr_endpoint_make(const struct mcr_address *address, uint16_t port, uint32_t interface);

/** The length that goes with it. */
socklen_t mcr_endpoint_length(const union mcr_endpoint *endpoint);

uint16_t mcr_endpoint_port(const union mcr_endpoint *endpoint);

/** mcr_endpoint_print - write `239.1.1.1:5000` or `[ff3e::1]:5000`; return @text. */
const char *mcr_endpoint_print(const union mcr_endpoint *endpoint, char text[MCR_ENDPOINT_TEXT_BYTES]);

/** Destinations that follow one another: flow N goes to the address plus N, or to the port plus N. */
struct mcr_flow_range {
	struct mcr_address first;
	uint16_t port;
	bool by_port;
};

/** mcr_flow_address - address that flow number @flow goes to. */
struct mcr_address mcr_flow_address(const struct mcr_flow_range *range, uint32_t flow);

/** mcr_flow_port - port that flow number @flow goes to. */
uint16_t mcr_flow_port(const struct mcr_flow_range *range, uint32_t flow);

/**
 * mcr_check_flows - can there be @flows consecutive destinations?
 *
 * Return: 0, or -ERANGE when they would leave the ports, or the multicast range (or enter it).
 */
int32_t mcr_check_flows(const struct mcr_flow_range *range, uint64_t flows);

#endif
