/**
 * Turns what the engine counts into samples. Counters are those of the shared memory, so they go on when a worker is
 * replaced; they begin at 0 with the supervisor, and with the rule or output that they are of.
 *
 * @module
 */
import { DROP_NAMES } from "../../ffi/stats_page.ts";
import type { Engine, RuleReading } from "../engine.ts";
import { BOUNDS, countBelow, type Histogram } from "../latency.ts";
import type { Drops, InterfaceStatus, OutputCounters, WorkerStatus } from "../model.ts";
import { formatEndpoint } from "../rule_text.ts";
import { VERSION } from "../version.ts";
import { type Exposed, formatLabels, formatSample, sampleName } from "./exposition.ts";
import { FAMILIES, type FamilyName } from "./families.ts";
import { Pace } from "./pace.ts";

/** What is looked at. */
export interface Source {
  readonly engine: Engine;
  /** The number of the boundary between TypeScript and C. */
  readonly abi: number;
  /** When the supervisor was started, in Unix time. */
  readonly startMs: number;
}

/** The samples of all families while they are gathered. */
class Samples {
  readonly #lines = new Map(
    FAMILIES.map((family) => [family.name, { name: sampleName(family), lines: [] as string[] }]),
  );

  add(family: FamilyName, labels: string, value: number): void {
    const { name, lines } = this.#lines.get(family)!;
    lines.push(formatSample(name, labels, value));
  }

  /** One for each reason. */
  addDrops(family: FamilyName, labels: string, drops: Drops): void {
    const others = labels === "" ? "" : `${labels},`;
    for (const [reason, count] of Object.entries(drops)) this.add(family, `${others}reason="${reason}"`, count);
  }

  addHistogram(family: FamilyName, labels: string, { buckets, sumNs }: Histogram): void {
    const { name, lines } = this.#lines.get(family)!, counts = countBelow(buckets), total = counts.at(-1)!;
    BOUND_TEXTS.forEach((bound, i) => {
      lines.push(formatSample(`${name}_bucket`, `${labels},le="${bound}"`, counts[i]!));
    });
    lines.push(formatSample(`${name}_sum`, labels, sumNs / 1e9), formatSample(`${name}_count`, labels, total));
  }

  /** Families without samples are left out. */
  exposed(): Exposed[] {
    return FAMILIES.map((family) => ({ family, samples: this.#lines.get(family.name)!.lines }))
      .filter(({ samples }) => samples.length > 0);
  }
}

const BOUND_TEXTS = [...BOUNDS.map(({ seconds }) => String(seconds)), "+Inf"];

/** Reads everything, in short turns. */
export async function scrape({ engine, abi, startMs }: Source): Promise<Exposed[]> {
  const samples = new Samples(), pace = new Pace(), states = { active: 0, pending: 0 };
  samples.add("mcr_build", formatLabels({ version: VERSION, abi: String(abi) }), 1);
  samples.add("process_start_time_seconds", "", startMs / 1000);
  const noDrops = Object.fromEntries(DROP_NAMES.map((reason) => [reason, 0]));
  samples.addDrops("mcr_drops", "", { ...noDrops, ...engine.drops() });
  for (const worker of engine.workers()) addWorker(samples, worker);
  for (const one of engine.interfaces()) addInterface(samples, one);
  for (const reading of engine.readings()) {
    states[reading.state]++;
    addRule(samples, reading);
    await pace.rest();
  }
  for (const [state, count] of Object.entries(states)) samples.add("mcr_rules", formatLabels({ state }), count);
  return samples.exposed();
}

function addRule(samples: Samples, { counters, histogram, state }: RuleReading): void {
  const { id, name, input, outputs } = counters;
  const identity = formatLabels({ rule: id, name });
  const { interface: place, group, port } = input;
  const labels = `${identity},${formatLabels({ interface: place, group, port: String(port) })}`;
  samples.add("mcr_rule_active", labels, state === "active" ? 1 : 0);
  samples.add("mcr_rule_datagrams", labels, counters.received);
  samples.add("mcr_rule_bytes", labels, counters.received_bytes);
  samples.add("mcr_rule_relayed_datagrams", labels, counters.relayed);
  samples.addDrops("mcr_rule_drops", labels, counters.drops);
  if (counters.last_seen_ms !== undefined) {
    samples.add("mcr_rule_last_seen_timestamp_seconds", labels, counters.last_seen_ms / 1000);
  }
  if (histogram !== undefined) samples.addHistogram("mcr_rule_latency_seconds", identity, histogram);
  for (const output of outputs) addOutput(samples, identity, output);
}

function addOutput(samples: Samples, rule: string, { output, due, sent, sent_bytes, drops }: OutputCounters): void {
  const { interface: place, group, port } = output;
  const labels = `${rule},${
    formatLabels({ output: formatEndpoint(output), interface: place, group, port: String(port) })
  }`;
  samples.add("mcr_output_due_datagrams", labels, due);
  samples.add("mcr_output_datagrams", labels, sent);
  samples.add("mcr_output_bytes", labels, sent_bytes);
  samples.addDrops("mcr_output_drops", labels, drops);
}

function addWorker(samples: Samples, worker: WorkerStatus): void {
  const labels = formatLabels({ worker: String(worker.index), core: String(worker.core) });
  samples.add("mcr_worker_up", labels, worker.state === "running" ? 1 : 0);
  samples.add("mcr_worker_restarts", labels, worker.restarts);
  samples.add("mcr_worker_datagrams", labels, worker.received);
  samples.add("mcr_worker_bytes", labels, worker.received_bytes);
  samples.add("mcr_worker_relayed_datagrams", labels, worker.relayed);
  samples.addDrops("mcr_worker_drops", labels, { ring_full: 0, ...worker.drops });
  samples.add("mcr_worker_superframes", labels, worker.superframes);
  samples.add("mcr_worker_wakeups", labels, worker.wakeups);
  samples.add("mcr_worker_generation", labels, worker.generation);
}

function addInterface(samples: Samples, { name, up, mtu, joined = [] }: InterfaceStatus): void {
  const labels = formatLabels({ interface: name });
  samples.add("mcr_interface_up", labels, up ? 1 : 0);
  samples.add("mcr_interface_mtu_bytes", labels, mtu);
  samples.add("mcr_interface_joined_groups", labels, joined.length);
}
