/*
 * capture.h - the filter of a capture, which only its test has to know beside capture.c. See mcr_capture_*() in mcr.h.
 */
#ifndef MCR_CAPTURE_H
#define MCR_CAPTURE_H

#include "filter.h"

#include <stdint.h>

/* Makes the program for what is sent to a group, to a port of any other group, and for IGMP queries. @port: 0: none. */
void mcr_capture_compile(struct mcr_filter *filter, const uint8_t *group, uint32_t port);

#endif
