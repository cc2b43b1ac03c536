/* `mcr sink --counters`: counts by what the interface says of itself, at rates that no socket can follow. */
#ifndef MCR_SINK_COUNTERS_H
#define MCR_SINK_COUNTERS_H

#include "sink.h"

/**
 * mcr_sink_count - count until one of the ends that the options name, and report.
 *
 * Time runs from the first change of the counters to the last.
 *
 * Return: the exit status, MCR_EXIT_*.
 */
int mcr_sink_count(const struct mcr_sink_options *options);

#endif
