/*
 * main.c - the executable's entrance. What is hot, small or without rights runs natively, in this program; everything
 * else is the control plane, for which mcr_launch() starts the JavaScript runtime.
 */
#include <stdio.h>
#include <string.h>

#include "gen.h"
#include "launch.h"
#include "mcr.h"
#include "sink.h"
#include "worker.h"

/* Where mcr_worker_spawn() puts the control channel. */
#define WORKER_CHANNEL 3

static int worker(int argc, char **argv)
{
	(void)argc;
	(void)argv;
	return mcr_worker_main(WORKER_CHANNEL);
}

/* Each gets the arguments from its own name on. */
static const struct command {
	const char *name;
	int (*run)(int argc, char **argv);
} commands[] = {
	{ "__worker", worker },
	{ "gen", mcr_gen_main },
	{ "sink", mcr_sink_main },
};

int main(int argc, char **argv)
{
	if (argc == 2 && strcmp(argv[1], "--version") == 0) {
		printf("mcr %s\n", MCR_VERSION);
		return 0;
	}
	for (size_t i = 0; argc > 1 && i < sizeof(commands) / sizeof(commands[0]); i++) {
		if (strcmp(argv[1], commands[i].name) == 0)
			return commands[i].run(argc - 1, argv + 1);
	}
	return mcr_launch(argc, argv);
}
