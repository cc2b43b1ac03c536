/* The sockets of `mcr sink`: one for each destination, bound to it and joined on the interface. */
#ifndef MCR_SINK_SOCKET_H
#define MCR_SINK_SOCKET_H

#include <stdint.h>

#include "address.h"
#include "sink.h"

struct mcr_sink_socket {
	int fd;
	uint32_t drops_seen; /* the kernel's own count, which wraps */
	union mcr_endpoint to;
};

/**
 * mcr_sink_socket_open - open a socket that receives what goes to @one->to.
 *
 * With --counters it is joined, but bound to nothing: the network delivers, and the kernel has nobody to queue it for.
 *
 * Return: MCR_EXIT_DONE; MCR_EXIT_FAILED, having said why.
 */
int mcr_sink_socket_open(const struct mcr_sink_options *options, struct mcr_sink_socket *one);

/** mcr_sink_socket_drops - datagrams that the kernel had no room for since the last call. */
uint32_t mcr_sink_socket_drops(struct mcr_sink_socket *one);

#endif
