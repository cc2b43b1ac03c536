/*
 * worker_wait.c - what a worker does while its rings are empty: nothing at once, if a batch is worth waiting for; looks
 * again and again, if it is to be quick; then sleeps until there is work. See worker.h.
 */
#include "base.h"
#include "uring.h"
#include "worker.h"

#include <time.h>

/* The rate of the last while decides whether a pause pays: long enough to hold several bursts of a stream. */
#define RATE_WINDOW_NS 2000000u
/* Frames that a pause must be expected to gather: fewer save less than its timer costs. With ten, a million datagrams
 * took 6.2 s of the core where sleeping at once took 4.5 s (2026-11, in a virtual machine).
 */
#define COALESCE_FRAMES_MIN 16u
/* Of so many waits that could all be looks a worker that precedes others by its priority sleeps one through: they get
 * the core then, the kernel's own threads among them. Else it would keep it until the kernel's limit for real-time
 * processes stops it, for 50 ms (sched_rt_runtime_us).
 */
#define WAITS_PER_SLEEP 8u
/* Looks between two readings of the clock: 16 looks at one ring take about as long as one reading. */
#define LOOKS_PER_CLOCK 16u

static inline void relax(void)
{
#if defined(__x86_64__)
	__builtin_ia32_pause();
#elif defined(__aarch64__)
	__asm__ volatile("yield");
#endif
}

/* Return: whether any ring has a frame; those that have are marked. */
static int look_at_rings(struct mcr_worker *worker)
{
	int is_any = 0;

	for (uint32_t i = 0; worker->table && i < worker->input_count; i++) {
		struct mcr_worker_input *input = &worker->inputs[i];

		if (input->socket < 0 || !mcr_packet_ring_has_frame(&input->ring))
			continue;
		input->is_ready = 1;
		is_any = 1;
	}
	return is_any;
}

static int is_batch_likely(struct mcr_worker *worker)
{
	const uint64_t now_ns = clock_ns(CLOCK_MONOTONIC), window_ns = now_ns - worker->rate_since_ns;

	if (window_ns >= RATE_WINDOW_NS) {
		worker->frames_in_pause = worker->rate_frames * worker->coalesce_ns / window_ns;
		worker->rate_frames = 0;
		worker->rate_since_ns = now_ns;
	}
	return worker->frames_in_pause >= COALESCE_FRAMES_MIN;
}

/* Lets frames gather. Return: whether any have. */
static int pause_for_batch(struct mcr_worker *worker)
{
	const struct timespec pause = { .tv_nsec = worker->coalesce_ns };

	(void)clock_nanosleep(CLOCK_MONOTONIC, 0, &pause, NULL);
	return look_at_rings(worker);
}

static int must_sleep(struct mcr_worker *worker)
{
	return worker->has_priority && ++worker->wait_count % WAITS_PER_SLEEP == 0;
}

/* Return: whether a frame came while it looked. */
static int poll_busily(struct mcr_worker *worker)
{
	const uint64_t until_ns = clock_ns(CLOCK_MONOTONIC) + worker->busy_poll_ns;

	do {
		for (uint32_t i = 0; i < LOOKS_PER_CLOCK; i++) {
			if (look_at_rings(worker))
				return 1;
			relax();
		}
	} while (clock_ns(CLOCK_MONOTONIC) < until_ns);
	return 0;
}

void mcr_worker_poll_quiet(struct mcr_worker *worker)
{
	for (uint32_t i = 0; i < worker->input_count; i++) {
		struct mcr_worker_input *input = &worker->inputs[i];
		struct io_uring_sqe *request;

		if (input->socket < 0 || input->is_ready || input->is_polled)
			continue;
		request = mcr_worker_request(worker);
		mcr_uring_prepare_poll(request, MCR_FILE_INPUT(i), mcr_request_pack(MCR_REQUEST_INPUT, i, 0, 0));
		input->is_polled = 1;
	}
}

void mcr_worker_wait(struct mcr_worker *worker)
{
	if (worker->coalesce_ns && is_batch_likely(worker) && pause_for_batch(worker))
		return;
	if (worker->busy_poll_ns && !must_sleep(worker) && poll_busily(worker))
		return;
	mcr_worker_poll_quiet(worker);
	mcr_uring_sleep(&worker->uring);
	mcr_worker_complete(worker);
	stat_add(&worker->stats->worker.wakeups, 1);
}
