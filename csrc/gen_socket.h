/* How `mcr gen` reaches the network: by UDP sockets, or by a packet socket for whole frames. */
#ifndef MCR_GEN_SOCKET_H
#define MCR_GEN_SOCKET_H

#include <stdint.h>

#include "address.h"
#include "frame.h"
#include "gen.h"

/**
 * mcr_gen_socket_open - open a UDP socket that sends as the options say.
 * @to: connected to that; NULL: to nothing.
 * @fd: the descriptor, which the caller closes.
 *
 * Return: MCR_EXIT_DONE; MCR_EXIT_FAILED, having said why.
 */
int mcr_gen_socket_open(const struct mcr_gen_options *options, const union mcr_endpoint *to, int *fd);

/** What sends datagrams as frames of our own making. */
struct mcr_gen_framer {
	const struct mcr_gen_options *options;
	int fd;
	uint32_t number; /* of the datagram sent last, from 1 */
	uint32_t identification; /* of the datagram with the number 0 */
	struct mcr_frames frames;
};

/**
 * mcr_gen_framer_new - open a packet socket that sends as the options say, which must outlive it.
 * @framer: given back with free(); its descriptor is closed by the caller.
 *
 * Return: MCR_EXIT_DONE; MCR_EXIT_FAILED, having said why.
 */
int mcr_gen_framer_new(const struct mcr_gen_options *options, struct mcr_gen_framer **framer);

/**
 * mcr_gen_framer_send - send one datagram to flow number @flow, in as many frames as it takes.
 * @fault: what is to be wrong with it.
 *
 * Waits where the socket is full, unless a signal has come.
 *
 * Return: 1; -errno, and then a part of it may have been sent, which nobody can complete.
 */
int32_t mcr_gen_framer_send(struct mcr_gen_framer *framer, uint32_t flow, enum mcr_fault fault, const uint8_t *head,
			    uint32_t head_bytes, const uint8_t *tail, uint32_t tail_bytes);

#endif
