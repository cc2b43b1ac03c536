/**
 * Memory of a relay's processes while it relays.
 *
 * @module
 */
import { send } from "./load.ts";
import type { Figure, Measure, Sample } from "./measure.ts";

/** Traffic that makes the processes touch what they need. */
const RATE = 50_000;

const MEBIBYTE_KIB = 1024;

/** Measures `supervisor` and `worker`, resident, and `private`, the worker's own besides its packet rings: in MiB. */
export const measureMemory: Measure = async function* (
  { bed, relay, load, effort, say },
): AsyncGenerator<void, Sample> {
  await send(bed, load, RATE, effort.watchSeconds);
  yield;
  const { supervisor, workers: [worker] } = await relay.members();
  const sample: Record<string, Figure> = {};
  if (supervisor !== undefined) sample.supervisor = mebibytes(residentKib(await readProcess(supervisor, "status")));
  if (worker !== undefined) {
    sample.worker = mebibytes(residentKib(await readProcess(worker, "status")));
    sample.private = mebibytes(privateKib(await readProcess(worker, "smaps")));
  }
  say(Object.entries(sample).map(([name, { value }]) => `${name} ${value.toFixed(1)} MiB`).join(", "));
  return sample;
};

/** Resident memory by `/proc/PID/status`. */
export function residentKib(status: string): number {
  return Number(/^VmRSS:\s+(\d+) kB$/m.exec(status)?.[1]);
}

/** Pages that no other process has, by `/proc/PID/smaps`, without the packet rings, which are sockets that are mapped. */
export function privateKib(smaps: string): number {
  let sum = 0;
  let isRing = false;
  for (const line of smaps.split("\n")) {
    const mapping = /^[0-9a-f]+-[0-9a-f]+ \S+ \S+ \S+ \d+\s*(.*)$/.exec(line);
    if (mapping) isRing = mapping[1]!.startsWith("socket:");
    const pages = /^Private_(?:Clean|Dirty):\s+(\d+) kB$/.exec(line);
    if (pages && !isRing) sum += Number(pages[1]);
  }
  return sum;
}

function mebibytes(kib: number): Figure {
  return { value: kib / MEBIBYTE_KIB };
}

async function readProcess(pid: number, file: string): Promise<string> {
  return await Deno.readTextFile(`/proc/${pid}/${file}`);
}
