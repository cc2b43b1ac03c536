/* socket_address.h - addresses in our 16-byte form and in that of the kernel's sockets. Pure. */
#ifndef MCR_SOCKET_ADDRESS_H
#define MCR_SOCKET_ADDRESS_H

#include <netinet/in.h>
#include <stdint.h>

union mcr_socket_address {
	struct sockaddr any;
	struct sockaddr_in ipv4;
	struct sockaddr_in6 ipv6;
};

/* Writes an address as the kernel takes it. @interface: its scope where it is link-local. Return: the length. */
uint32_t mcr_socket_address_write(union mcr_socket_address *to, const uint8_t *address, uint32_t port,
				  uint32_t interface);

/* The other way round. Return: the port. */
uint32_t mcr_socket_address_read(uint8_t *address, const union mcr_socket_address *from);

#endif
