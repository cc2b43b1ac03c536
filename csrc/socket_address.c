/* socket_address.c - see socket_address.h. */
#include "socket_address.h"

#include "base.h"

/* fe80::/10, and groups of which the scope is the interface or the link. */
static int is_link_local(const uint8_t *ipv6)
{
	return (ipv6[0] == 0xfeu && (ipv6[1] & 0xc0u) == 0x80u) ||
	       (ipv6[0] == 0xffu && ((ipv6[1] & 0x0fu) == 1 || (ipv6[1] & 0x0fu) == 2));
}

uint32_t mcr_socket_address_write(union mcr_socket_address *to, const uint8_t *address, uint32_t port,
				  uint32_t interface)
{
	memset(to, 0, sizeof(*to));
	if (address_is_ipv4(address)) {
		to->ipv4.sin_family = AF_INET;
		to->ipv4.sin_port = htons((uint16_t)port);
		memcpy(&to->ipv4.sin_addr, address + 12, 4);
		return sizeof(to->ipv4);
	}
	to->ipv6.sin6_family = AF_INET6;
	to->ipv6.sin6_port = htons((uint16_t)port);
	to->ipv6.sin6_scope_id = is_link_local(address) ? interface : 0;
	memcpy(&to->ipv6.sin6_addr, address, 16);
	return sizeof(to->ipv6);
}

uint32_t mcr_socket_address_read(uint8_t *address, const union mcr_socket_address *from)
{
	if (from->any.sa_family == AF_INET6) {
		memcpy(address, &from->ipv6.sin6_addr, 16);
		return ntohs(from->ipv6.sin6_port);
	}
	memset(address, 0, 10);
	address[10] = address[11] = 0xff;
	memcpy(address + 12, &from->ipv4.sin_addr, 4);
	return ntohs(from->ipv4.sin_port);
}
