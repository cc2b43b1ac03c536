/* IPv4 and IPv6 addresses; see address.h. */
#include "address.h"

#include <arpa/inet.h>
#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base.h"

static uint64_t load_be64(const uint8_t *bytes)
{
	return (uint64_t)read_be32(bytes) << 32 | read_be32(bytes + 4);
}

static void store_be(uint8_t *bytes, uint32_t length, uint64_t value)
{
	while (length--) {
		bytes[length] = (uint8_t)value;
		value >>= 8;
	}
}

int32_t mcr_parse_address(const char *text, struct mcr_address *address)
{
	static const uint8_t unspecified[16] = { 0 };
	struct mcr_address parsed = { .family = AF_INET };

	if (inet_pton(AF_INET, text, parsed.bytes) == 1) {
		if (parsed.bytes[0] == 0 || parsed.bytes[0] > 239)
			return -ERANGE;
	} else {
		parsed.family = AF_INET6;
		if (inet_pton(AF_INET6, text, parsed.bytes) != 1)
			return -EINVAL;
		if (address_is_ipv4(parsed.bytes) || !memcmp(parsed.bytes, unspecified, sizeof(unspecified)))
			return -ERANGE;
	}
	*address = parsed;
	return 0;
}

struct mcr_address mcr_address_from(const struct sockaddr *from)
{
	struct mcr_address address = { .family = AF_UNSPEC };
	union mcr_endpoint endpoint;

	if (from && from->sa_family == AF_INET) {
		memcpy(&endpoint.ipv4, from, sizeof(endpoint.ipv4));
		memcpy(address.bytes, &endpoint.ipv4.sin_addr, 4);
		address.family = AF_INET;
	} else if (from && from->sa_family == AF_INET6) {
		memcpy(&endpoint.ipv6, from, sizeof(endpoint.ipv6));
		memcpy(address.bytes, &endpoint.ipv6.sin6_addr, 16);
		address.family = AF_INET6;
	}
	return address;
}

const char *mcr_address_print(const struct mcr_address *address, char text[MCR_ADDRESS_TEXT_BYTES])
{
	if (!inet_ntop(address->family, address->bytes, text, MCR_ADDRESS_TEXT_BYTES))
		snprintf(text, MCR_ADDRESS_TEXT_BYTES, "-");
	return text;
}

bool mcr_address_is_multicast(const struct mcr_address *address)
{
	return address->family == AF_INET ? address->bytes[0] >> 4 == 0xe : address->bytes[0] == 0xff;
}

bool mcr_address_is_link_local(const struct mcr_address *address)
{
	const uint8_t *bytes = address->bytes;

	if (address->family != AF_INET6)
		return false;
	/* fe80::/10, and groups of scope 1 (interface) and 2 (link). */
	return (bytes[0] == 0xfe && bytes[1] >> 6 == 2) ||
	       (bytes[0] == 0xff && ((bytes[1] & 0xf) == 1 || (bytes[1] & 0xf) == 2));
}

bool mcr_address_is_equal(const struct mcr_address *a, const struct mcr_address *b)
{
	return a->family == b->family && !memcmp(a->bytes, b->bytes, sizeof(a->bytes));
}

uint32_t mcr_address_bytes(const struct mcr_address *address)
{
	assert(address->family == AF_INET || address->family == AF_INET6);
	return address->family == AF_INET ? 4 : 16;
}

/* The part of an address that flows count in: all of IPv4, the lower half of IPv6. */
static uint64_t low_part(const struct mcr_address *address)
{
	return address->family == AF_INET ? read_be32(address->bytes) : load_be64(address->bytes + 8);
}

uint64_t mcr_address_distance(const struct mcr_address *from, const struct mcr_address *to)
{
	if (from->family != to->family || low_part(from) > low_part(to) ||
	    (from->family == AF_INET6 && memcmp(from->bytes, to->bytes, 8)))
		return UINT64_MAX;
	return low_part(to) - low_part(from);
}

union mcr_endpoint mcr_endpoint_make(const struct mcr_address *address, uint16_t port, uint32_t interface)
{
	union mcr_endpoint endpoint;

	memset(&endpoint, 0, sizeof(endpoint));
	if (address->family == AF_INET) {
		endpoint.ipv4.sin_family = AF_INET;
		endpoint.ipv4.sin_port = htons(port);
		memcpy(&endpoint.ipv4.sin_addr, address->bytes, 4);
		return endpoint;
	}
	endpoint.ipv6.sin6_family = AF_INET6;
	endpoint.ipv6.sin6_port = htons(port);
	memcpy(&endpoint.ipv6.sin6_addr, address->bytes, 16);
	if (mcr_address_is_link_local(address))
		endpoint.ipv6.sin6_scope_id = interface;
	return endpoint;
}

socklen_t mcr_endpoint_length(const union mcr_endpoint *endpoint)
{
	return endpoint->any.sa_family == AF_INET ? sizeof(endpoint->ipv4) : sizeof(endpoint->ipv6);
}

uint16_t mcr_endpoint_port(const union mcr_endpoint *endpoint)
{
	return ntohs(endpoint->any.sa_family == AF_INET ? endpoint->ipv4.sin_port : endpoint->ipv6.sin6_port);
}

const char *mcr_endpoint_print(const union mcr_endpoint *endpoint, char text[MCR_ENDPOINT_TEXT_BYTES])
{
	const struct mcr_address address = mcr_address_from(&endpoint->any);
	char name[MCR_ADDRESS_TEXT_BYTES];

	snprintf(text, MCR_ENDPOINT_TEXT_BYTES, address.family == AF_INET ? "%s:%u" : "[%s]:%u",
		 mcr_address_print(&address, name), mcr_endpoint_port(endpoint));
	return text;
}

struct mcr_address mcr_flow_address(const struct mcr_flow_range *range, uint32_t flow)
{
	struct mcr_address address = range->first;
	const uint64_t low = low_part(&address) + (range->by_port ? 0 : flow);

	if (address.family == AF_INET)
		store_be(address.bytes, 4, low);
	else
		store_be(address.bytes + 8, 8, low);
	return address;
}

uint16_t mcr_flow_port(const struct mcr_flow_range *range, uint32_t flow)
{
	return (uint16_t)(range->port + (range->by_port ? flow : 0));
}

int32_t mcr_check_flows(const struct mcr_flow_range *range, uint64_t flows)
{
	uint64_t last = UINT64_MAX;

	if (range->by_port)
		return range->port + flows - 1 > UINT16_MAX ? -ERANGE : 0;
	if (range->first.family == AF_INET)
		last = mcr_address_is_multicast(&range->first) ? 0xefffffffu : 0xdfffffffu;
	return flows - 1 > last - low_part(&range->first) ? -ERANGE : 0;
}
