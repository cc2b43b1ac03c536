/**
 * Which counters belong to which rule, and what they say, summed over the workers.
 *
 * @module
 */
import { MCR_OUTPUTS_MAX, MCR_RULES_MAX } from "../ffi/abi.ts";
import { DROP_ADVICE, DROP_NAMES } from "../ffi/stats_page.ts";
import type { DropCounts, StatsPage } from "../ffi/stats_page.ts";
import { emptyHistogram, type Histogram, latencyOf } from "./latency.ts";
import type { Drops, OutputCounters, Rates, Rule, RuleCounters, WorkerCounters } from "./model.ts";
import { RateMeter, SAMPLE_VALUES } from "./rates.ts";
import { formatEndpoint } from "./rule_text.ts";
import { Slots } from "./slots.ts";

/** The slots of one rule. */
export interface RuleSlots {
  readonly rule: number;
  /** In the order of the rule's outputs. */
  readonly outputs: readonly number[];
}

/** A rule and its slots. */
export interface Counted {
  readonly rule: Rule;
  readonly slots: RuleSlots;
}

/** Gives rules their slots, zeroed, and reads them. */
export class Counters {
  readonly #pages: readonly StatsPage[];
  readonly #rules = new Slots(MCR_RULES_MAX, "rules");
  readonly #outputs = new Slots(MCR_OUTPUTS_MAX, "outputs");
  readonly #ruleRates = new RateMeter();
  readonly #outputRates = new RateMeter();
  /** Of each worker, and behind them of all together. */
  readonly #workerRates = new RateMeter();
  /** Drops of outputs that are gone, by reason. */
  readonly #pastDrops: Record<string, number> = {};

  constructor(pages: readonly StatsPage[]) {
    this.#pages = pages;
  }

  /**
   * Slots for a rule. One that takes the place of another goes on with its counters, and with those of each output that
   * it has in common with it. Throws with none taken.
   */
  take(rule: Rule, before?: Counted): RuleSlots {
    using undo = new DisposableStack();
    const take = (slots: Slots, clear: (slot: number) => void): number => {
      const slot = slots.take();
      undo.defer(() => slots.cancel(slot));
      clear(slot);
      return slot;
    };
    const known = new Map(before?.rule.outputs.map((output, i) => [formatEndpoint(output), before.slots.outputs[i]!]));
    const taken = {
      rule: before?.slots.rule ?? take(this.#rules, (slot) => this.#clearRule(slot)),
      outputs: rule.outputs.map((output) => {
        return known.get(formatEndpoint(output)) ?? take(this.#outputs, (slot) => this.#clearOutput(slot));
      }),
    };
    undo.move();
    return taken;
  }

  #clearRule(slot: number): void {
    this.#ruleRates.forget(slot);
    for (const page of this.#pages) page.clearRule(slot);
  }

  #clearOutput(slot: number): void {
    this.#outputRates.forget(slot);
    for (const page of this.#pages) page.clearOutput(slot);
  }

  /** Gives up slots that no worker was told of, but for those that the rule before had. */
  cancel(slots: RuleSlots, before?: RuleSlots): void {
    if (slots.rule !== before?.rule) this.#rules.cancel(slots.rule);
    for (const slot of without(slots, before)) this.#outputs.cancel(slot);
  }

  /** Gives up slots that the workers' tables no longer have, but for those that the rule after goes on with. */
  release(slots: RuleSlots, after?: RuleSlots): void {
    if (slots.rule !== after?.rule) this.#rules.release(slots.rule);
    for (const slot of without(slots, after)) {
      this.#addOutputDrops(slot, this.#pastDrops);
      this.#outputs.release(slot);
    }
  }

  /** See `Slots.settle`. */
  settle(): void {
    this.#rules.settle();
    this.#outputs.settle();
  }

  /** Takes note of all counters, for the rates; to be called once in `SAMPLE_PERIOD_MS`. */
  sample(timeMs: number): void {
    const rules = new Float64Array(this.#rules.end * SAMPLE_VALUES);
    const outputs = new Float64Array(this.#outputs.end * SAMPLE_VALUES);
    const workers = new Float64Array((this.#pages.length + 1) * SAMPLE_VALUES);
    this.#pages.forEach((page, index) => {
      page.sampleRules(rules);
      page.sampleOutputs(outputs);
      page.sampleWorker(workers.subarray(index * SAMPLE_VALUES, (index + 1) * SAMPLE_VALUES));
      page.sampleWorker(workers.subarray(this.#pages.length * SAMPLE_VALUES));
    });
    this.#ruleRates.add(timeMs, rules);
    this.#outputRates.add(timeMs, outputs);
    this.#workerRates.add(timeMs, workers);
  }

  /** How long the datagrams of a rule took; undefined before the first. */
  readHistogram({ rule }: RuleSlots): Histogram | undefined {
    const pages = this.#pages.filter((page) => page.rule(rule, "received") > 0);
    if (pages.length === 0) return undefined;
    const buckets = emptyHistogram();
    for (const page of pages) page.addLatency(rule, buckets);
    return { buckets, sumNs: total(pages, (page) => page.rule(rule, "latency_sum_ns")) };
  }

  /** What has been counted for a rule; its histogram, where the caller has read that already. */
  read(rule: Rule, slots: RuleSlots, histogram = this.readHistogram(slots)): RuleCounters {
    const latency = histogram && latencyOf(histogram.buckets);
    const sum = (name: "received" | "received_bytes" | "relayed"): number =>
      total(this.#pages, (page) => page.rule(slots.rule, name));
    const received = sum("received"), relayed = sum("relayed");
    return {
      id: rule.id,
      ...(rule.name === undefined ? {} : { name: rule.name }),
      input: rule.input,
      received,
      received_bytes: sum("received_bytes"),
      relayed,
      drops: received === relayed ? NO_DROPS : nameDrops(this.#pages.map((page) => page.ruleDrops(slots.rule))),
      rates: this.#ruleRates.rates(slots.rule),
      ...lastSeen(this.#pages.map((page) => page.rule(slots.rule, "last_ns"))),
      ...(latency === undefined ? {} : { latency }),
      outputs: rule.outputs.map((output, i) => this.#readOutput(output, slots.outputs[i]!)),
    };
  }

  #readOutput(output: Rule["outputs"][number], slot: number): OutputCounters {
    const sum = (name: "due" | "sent" | "sent_bytes" | "fragmented"): number =>
      total(this.#pages, (page) => page.output(slot, name));
    const due = sum("due"), sent = sum("sent"), fragmented = sum("fragmented");
    return {
      output,
      due,
      sent,
      sent_bytes: sum("sent_bytes"),
      ...(fragmented === 0 ? {} : { fragmented }),
      drops: due === sent ? NO_DROPS : nameDrops(this.#pages.map((page) => page.outputDrops(slot))),
      rates: this.#outputRates.rates(slot),
      ...lastSeen(this.#pages.map((page) => page.output(slot, "last_ns"))),
    };
  }

  /** All drops of the workers, of these outputs and of those that are gone, by reason. */
  readDrops(outputs: Iterable<number>): Drops {
    const drops = nameDrops(this.#pages.map((page) => page.workerDrops()));
    addDrops(drops, this.#pastDrops);
    for (const slot of outputs) this.#addOutputDrops(slot, drops);
    return drops;
  }

  #addOutputDrops(slot: number, drops: Record<string, number>): void {
    for (const page of this.#pages) {
      if (page.output(slot, "due") !== page.output(slot, "sent")) addDrops(drops, nameDrops([page.outputDrops(slot)]));
    }
  }

  /** What one worker has counted, by its number. */
  readWorker(index: number): WorkerCounters {
    return readPages([this.#pages[index]!], this.#workerRates.rates(index));
  }

  /** What all workers have counted. */
  readTotals(): WorkerCounters {
    return readPages(this.#pages, this.#workerRates.rates(this.#pages.length));
  }
}

/** What to look at where datagrams are dropped for a reason. */
export function adviceOn(reason: string): string {
  return DROP_ADVICE.get(reason) ?? "";
}

/** The advice for every drop reason that occurs. */
export function adviceFor(totals: WorkerCounters, rules: readonly RuleCounters[]): Readonly<Record<string, string>> {
  const drops = [totals, ...rules, ...rules.flatMap(({ outputs }) => outputs)].map((counted) => counted.drops);
  const names = new Set(drops.flatMap((one) => Object.keys(one)));
  return Object.fromEntries([...names].map((name) => [name, adviceOn(name)]));
}

/** The outputs' slots that the others are not among. */
function without({ outputs }: RuleSlots, others: RuleSlots | undefined): readonly number[] {
  if (others === undefined) return outputs;
  const kept = new Set(others.outputs);
  return outputs.filter((slot) => !kept.has(slot));
}

function readPages(pages: readonly StatsPage[], rates: Rates): WorkerCounters {
  const sum = (name: "received" | "received_bytes" | "relayed"): number => total(pages, (page) => page.worker(name));
  return {
    received: sum("received"),
    received_bytes: sum("received_bytes"),
    relayed: sum("relayed"),
    drops: nameDrops(pages.map((page) => page.workerDrops())),
    rates,
  };
}

function lastSeen(times: readonly number[]): { readonly last_seen_ms?: number } {
  const last = Math.max(...times);
  return last === 0 ? {} : { last_seen_ms: Math.floor(last / 1e6) };
}

/** Of what was relayed whole: no reason needs to be looked at, which at 10,000 rules is nearly all there is to read. */
const NO_DROPS: Drops = {};

function total(pages: readonly StatsPage[], read: (page: StatsPage) => number): number {
  return pages.reduce((sum, page) => sum + read(page), 0);
}

function addDrops(sums: Record<string, number>, drops: Drops): void {
  for (const [name, count] of Object.entries(drops)) sums[name] = (sums[name] ?? 0) + count;
}

/** Adds drops of several workers by reason; reasons that never occurred are left out. */
function nameDrops(counts: readonly DropCounts[]): Record<string, number> {
  const drops: Record<string, number> = {};
  DROP_NAMES.forEach((name, reason) => {
    const count = counts.reduce((sum, one) => sum + one[reason]!, 0);
    if (count > 0) drops[name] = count;
  });
  return drops;
}
