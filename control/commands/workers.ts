/**
 * `mcr workers`: the worker processes.
 *
 * @module
 */
import type { WorkerStatus } from "../model.ts";
import { makeQuery } from "../query.ts";
import { sumDrops } from "../drops.ts";
import { fitsInto, formatTable } from "../table.ts";
import { formatShort } from "../units.ts";

/** The `workers` command. */
export const workers = makeQuery({
  name: "workers",
  summary: "List the worker processes",
  details: `GEN is the number of the route table that the worker relays by, RESTARTS how
often it was started again after a death.`,
  example: "mcr workers --json",
  method: "worker.list",
  format: ({ workers }, width) => formatWorkers(workers, width),
});

/** The workers as a table. */
export function formatWorkers(all: readonly WorkerStatus[], width = Infinity): string {
  const exact = formatWith(all, String, width);
  return fitsInto(exact, width) ? exact : formatWith(all, formatShort, width);
}

function formatWith(all: readonly WorkerStatus[], formatCount: (count: number) => string, width: number): string {
  const columns = [
    { heading: "WORKER", isNumeric: true },
    { heading: "STATE" },
    { heading: "PID", isNumeric: true },
    { heading: "CORE", isNumeric: true },
    { heading: "RESTARTS", isNumeric: true },
    { heading: "GEN", isNumeric: true },
    { heading: "RECEIVED", isNumeric: true },
    { heading: "RELAYED", isNumeric: true },
    { heading: "DROPPED", isNumeric: true },
  ];
  const rows = all.map((worker) => [
    String(worker.index),
    worker.state,
    worker.pid === undefined ? "-" : String(worker.pid),
    String(worker.core),
    String(worker.restarts),
    String(worker.generation),
    formatCount(worker.received),
    formatCount(worker.relayed),
    formatCount(sumDrops(worker.drops)),
  ]);
  return formatTable(columns, rows, width);
}
