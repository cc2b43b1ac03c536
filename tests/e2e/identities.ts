/**
 * What must hold of the counters whenever no datagram is under way: `received = relayed + Σ drops` of each worker and
 * rule and of all together, `due = sent + Σ drops` of each output.
 *
 * @module
 */
import type { Drops, Stats, WorkerCounters, WorkerStatus } from "../../mod.ts";

/** All counters at one moment. */
export interface Counted {
  readonly workers: readonly WorkerStatus[];
  readonly stats: Stats;
}

/** What does not add up, in sentences. */
export function findMiscounts({ workers, stats: { totals, rules } }: Counted): string[] {
  const found: string[] = [];
  const check = (what: string, whole: number, part: number, drops: Drops): void => {
    const dropped = sum(Object.values(drops));
    if (whole !== part + dropped) found.push(`${what} counts ${whole}, but ${part} and ${dropped} dropped`);
  };
  for (const one of workers) check(`worker ${one.index}`, one.received, one.relayed, one.drops);
  check("the total", totals.received, totals.relayed, totals.drops);
  for (const rule of rules) {
    check(`rule ${rule.id}`, rule.received, rule.relayed, rule.drops);
    for (const { output, due, sent, drops } of rule.outputs) {
      check(`output ${output.group}:${output.port}:${output.interface} of rule ${rule.id}`, due, sent, drops);
    }
  }
  const parts = summarize(workers);
  for (const [index, whole] of summarize([totals]).entries()) {
    if (whole !== parts[index]) found.push(`the total counts ${whole}, but the workers ${parts[index]}`);
  }
  return found;
}

/** What grows while datagrams are under way, as text to compare. */
export function describeProgress({ workers, stats: { rules } }: Counted): string {
  const outputs = rules.flatMap((rule) => rule.outputs);
  return JSON.stringify([
    workers.map(({ received, relayed, drops }) => [received, relayed, drops]),
    rules.map(({ received, relayed, drops }) => [received, relayed, drops]),
    outputs.map(({ due, sent, drops }) => [due, sent, drops]),
  ]);
}

function summarize(counters: readonly WorkerCounters[]): number[] {
  return [
    sum(counters.map(({ received }) => received)),
    sum(counters.map(({ received_bytes }) => received_bytes)),
    sum(counters.map(({ relayed }) => relayed)),
    sum(counters.flatMap(({ drops }) => Object.values(drops))),
  ];
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, one) => total + one, 0);
}
