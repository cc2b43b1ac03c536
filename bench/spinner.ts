/**
 * A program that does nothing as fast as it can, and says how often it has. Run with SCHED_IDLE on a core it gets exactly
 * what everything else there leaves: processes, their system calls, and the soft interrupts that no process is charged
 * for. Prints `MILLISECONDS COUNT` lines until it is ended, or nobody reads them.
 *
 * @module
 */

/** Between two lines. */
const LINE_MS = 50;

/** Turns between two looks at the clock: some ten microseconds. */
const TURNS = 10_000;

/** The milliseconds of the spinner's lines, for whoever compares with them. */
export function clockMs(): number {
  return performance.timeOrigin + performance.now();
}

function spin(): void {
  const encoder = new TextEncoder();
  let count = 0;
  let state = 1;
  for (let next = clockMs();;) {
    for (let turn = 0; turn < TURNS; turn++) state = state * 1664525 + 1013904223 | 0;
    count++;
    const now = clockMs();
    if (now < next) continue;
    // The state is said too: a loop of which nothing is used would be no work.
    Deno.stdout.writeSync(encoder.encode(`${now} ${count} ${state}\n`));
    next = now + LINE_MS;
  }
}

if (import.meta.main) spin();
