/*
 * main.c - the executable's entrance. What is hot, small or without rights runs natively, in this program; everything
 * else is the control plane, for which mcr_launch() starts the JavaScript runtime.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

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

/* Names of the reference implementation's programs: called by one of them, mcr takes the command lines of that. */
static const char *const other_names[] = { "mcrd", "mcrctl", "mcrgen" };

/* Runs `NAME ARGUMENT...` as `mcr NAME ARGUMENT...`. */
static int run_as(const char *name, int argc, char **argv)
{
	char **arguments = calloc((size_t)argc + 2, sizeof(*arguments));

	if (!arguments) {
		fputs("mcr: Cannot start: out of memory\n", stderr);
		return 1;
	}
	arguments[0] = argv[0];
	arguments[1] = (char *)name;
	for (int i = 1; i < argc; i++)
		arguments[i + 1] = argv[i];
	return mcr_launch(argc + 1, arguments);
}

/*
 * A standard stream that is closed becomes one that fails: else the next socket or file would take its number, and get
 * what is printed. Only for messages it does not matter whether they are lost.
 */
static void open_standard_streams(void)
{
	static const int modes[] = { O_WRONLY, O_RDONLY, O_WRONLY };

	for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++) {
		if (fcntl(fd, F_GETFD) < 0 && errno == EBADF)
			open("/dev/null", modes[fd]);
	}
}

/* What was printed onto a full disk was not printed: that is no success. */
static int check_output(const char *name, int status)
{
	const bool was_lost = ferror(stdout);

	errno = 0;
	if (fflush(stdout) == 0 && !was_lost)
		return status;
	fprintf(stderr, "mcr%s%s: Cannot write to standard output: %s\n", *name ? " " : "", name,
		errno ? strerror(errno) : "a part of it was lost");
	return status ? status : 1;
}

int main(int argc, char **argv)
{
	const char *slash = argc > 0 ? strrchr(argv[0], '/') : NULL;
	const char *name = slash ? slash + 1 : argc > 0 ? argv[0] : "";

	open_standard_streams();
	for (size_t i = 0; i < sizeof(other_names) / sizeof(other_names[0]); i++) {
		if (strcmp(name, other_names[i]) == 0)
			return run_as(other_names[i], argc, argv);
	}
	if (argc == 2 && strcmp(argv[1], "--version") == 0) {
		printf("mcr %s\n", MCR_VERSION);
		return check_output("", 0);
	}
	for (size_t i = 0; argc > 1 && i < sizeof(commands) / sizeof(commands[0]); i++) {
		if (strcmp(argv[1], commands[i].name) == 0)
			return check_output(commands[i].name, commands[i].run(argc - 1, argv + 1));
	}
	return mcr_launch(argc, argv);
}
