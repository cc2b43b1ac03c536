/**
 * Time until a relay takes commands, and until a command has listed its rules.
 *
 * @module
 */
import { output } from "../tests/e2e/process.ts";
import type { Measure, Sample, Stand } from "./measure.ts";
import { median } from "./number.ts";

/** Measures `ready` and, where there is such a command, `list`: in milliseconds. */
export const measureStartup: Measure = async function* (stand): AsyncGenerator<void, Sample> {
  const { peer, bed, job, relay, effort, say } = stand;
  // Nothing else runs in the namespace of one that starts; in a second run this has been done.
  await relay[Symbol.asyncDispose]();
  const lists: number[] = [];
  for await (const listMs of timeLists(stand)) {
    lists.push(listMs);
    yield;
  }
  const starts: number[] = [];
  for (let count = 0; count < effort.starts; count++) {
    const started = performance.now();
    const another = await peer.launch(bed, job);
    starts.push(performance.now() - started);
    await another[Symbol.asyncDispose]();
    yield;
  }
  say(
    `ready after ${median(starts).toFixed(1)} ms, rules listed in ${lists.length ? median(lists).toFixed(1) : "-"} ms`,
  );
  return { ready: { value: median(starts) }, ...lists.length ? { list: { value: median(lists) } } : {} };
};

/** How long the command that lists rules takes, of a relay that has one. */
async function* timeLists({ peer, bed, job, effort }: Stand): AsyncGenerator<number, void> {
  await using relay = await peer.launch(bed, job);
  await relay.configure();
  for (let count = 0; relay.list && count < effort.starts; count++) {
    const started = performance.now();
    await output(relay.list);
    yield performance.now() - started;
  }
}
