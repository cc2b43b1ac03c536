/*
 * relay_world.h - a relay of one worker in a network namespace of its own: a real packet ring, real sends, real deaths.
 *
 *      source --239.1.1.1:5000--> lo [packet ring] worker --239.2.2.2:6000--> lo --> sink
 */
#ifndef MCR_RELAY_WORLD_H
#define MCR_RELAY_WORLD_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "mcr.h"

#define RELAY_LOOPBACK 1u
#define RELAY_SLOTS 256u
#define RELAY_GROUP 0xef010101u
#define RELAY_PORT 5000u
#define RELAY_OTHER_PORT 5001u /* passes the filter and has no route */

struct relay {
	struct mcr_stats *stats;
	int32_t page, input, progress, output, table;
	int32_t channel; /* the supervisor's end */
	pid_t worker;
	int32_t source, sink;
};

/* Runs a test in a child with a network namespace of its own, whose loopback is up; skips it where none can be. */
void relay_run(bool (*test)(void));

/* Opens everything but a worker. */
bool relay_open(struct relay *relay);

/* A socket that sends to the group on the loopback. */
int32_t relay_open_source(uint16_t port);

/* Opens the input, as a supervisor does: its counts begin at zero. */
bool relay_open_input(struct relay *relay);

/* Starts a worker and tells it everything at once. */
bool relay_brief(struct relay *relay);

/* Starts a worker, and waits until it has acknowledged all that it was told. */
bool relay_start(struct relay *relay);

/* Starts a worker that is told nothing. */
bool relay_fork(struct relay *relay);

/* Sends a message with descriptors to the worker. */
bool relay_tell(const struct relay *relay, enum mcr_message_type type, const int32_t *fds, uint32_t fd_count);

/* Whether the worker's next message is of this type. */
bool relay_answers(const struct relay *relay, enum mcr_message_type type);

/* Closes the channel. Return: the worker's exit status, or 128 and its signal. */
int relay_stop(struct relay *relay);

/* Kills the worker and settles what it had done. */
bool relay_kill(struct relay *relay);

/* Sends numbered datagrams of one length, one by one or as a superframe of at most 64. */
bool relay_send(const struct relay *relay, uint64_t first, uint32_t count, uint32_t length, bool is_superframe);

/* Whether the sink has these next, once each and in order. */
bool relay_hears(const struct relay *relay, uint64_t first, uint32_t count, uint32_t length);

/* Whether it has nothing more. */
bool relay_hears_nothing(const struct relay *relay);

/* Takes the loopback up or down. */
bool relay_set_loopback(bool is_up);

#endif
