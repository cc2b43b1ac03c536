/*
 * channel.h - the worker's end of the control channel; mcr_channel_*() in mcr.h are the supervisor's.
 */
#ifndef MCR_CHANNEL_H
#define MCR_CHANNEL_H

#include "mcr.h"

/* A message with the descriptors that came beside it, close-on-exec, the receiver's. */
struct mcr_parcel {
	struct mcr_message message;
	int32_t fds[MCR_MESSAGE_FDS_MAX];
	uint32_t fd_count;
};

/**
 * mcr_channel_take - take one message without waiting.
 *
 * Return: 1; 0: the other end is gone; -EAGAIN: none there; -EBADMSG: no message of ours (its descriptors are ended).
 */
int32_t mcr_channel_take(int32_t channel, struct mcr_parcel *parcel);

/* Ends the descriptors of a parcel that nobody took over (entries set to -1 were). */
void mcr_parcel_end(struct mcr_parcel *parcel);

#endif
