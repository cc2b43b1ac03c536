/**
 * What the status page shows, as one value.
 *
 * @module
 */
import { sumDrops } from "../drops.ts";
import type { InterfaceStatus, Rate, RuleCounters, RuleState, WorkerCounters, WorkerStatus } from "../model.ts";
import { VERSION } from "../version.ts";
import { Pace } from "./pace.ts";
import type { Source } from "./scrape.ts";

/** Rules that the page shows. Of more, those that drop, then the busiest. */
export const RULES_MAX = 500;

/** A rule with its state. */
export interface RuleView extends RuleCounters {
  readonly state: RuleState;
  readonly waiting_for: readonly string[];
}

/** The relay at one moment. */
export interface Status {
  readonly version: string;
  /** In Unix time, as all times. */
  readonly time_ms: number;
  readonly start_ms: number;
  readonly totals: WorkerCounters;
  /** What all outputs send. */
  readonly sent: Rate;
  /** All drops, of inputs and outputs, with what to look at. */
  readonly drops: readonly { readonly reason: string; readonly count: number; readonly advice: string }[];
  readonly rule_count: number;
  readonly pending_count: number;
  /** At most `RULES_MAX`, in their order. */
  readonly rules: readonly RuleView[];
  readonly workers: readonly WorkerStatus[];
  readonly interfaces: readonly InterfaceStatus[];
}

/** Reads everything, in short turns. */
export async function readStatus({ engine, startMs }: Source): Promise<Status> {
  const pace = new Pace(), views: RuleView[] = [];
  const sent = { datagrams_per_s: 0, bits_per_s: 0, drops_per_s: 0 };
  for (const { counters, state, waiting_for } of engine.readings()) {
    views.push({ ...counters, state, waiting_for });
    for (const { rates: { over_1s: rate } } of counters.outputs) {
      sent.datagrams_per_s += rate.datagrams_per_s;
      sent.bits_per_s += rate.bits_per_s;
      sent.drops_per_s += rate.drops_per_s;
    }
    await pace.rest();
  }
  const workers = engine.workers();
  return {
    version: VERSION,
    time_ms: Date.now(),
    start_ms: startMs,
    totals: engine.totals(),
    sent,
    drops: Object.entries(engine.drops()).map(([reason, count]) => ({ reason, count, advice: engine.advice(reason) })),
    rule_count: views.length,
    pending_count: views.filter(({ state }) => state === "pending").length,
    rules: chooseRules(views),
    workers,
    interfaces: engine.interfaces(),
  };
}

function chooseRules(views: readonly RuleView[]): readonly RuleView[] {
  if (views.length <= RULES_MAX) return views;
  const weighed = views.map((view) => ({ view, weight: weightOf(view) }));
  weighed.sort((one, other) => other.weight[0] - one.weight[0] || other.weight[1] - one.weight[1]);
  const chosen = new Set(weighed.slice(0, RULES_MAX).map(({ view }) => view));
  return views.filter((view) => chosen.has(view));
}

/** What drops now weighs more than what has dropped, and both more than what flows. */
function weightOf({ rates, drops, outputs }: RuleView): [drops: number, datagrams: number] {
  const perSecond = outputs.reduce((sum, one) => sum + one.rates.over_1s.drops_per_s, rates.over_1s.drops_per_s);
  const all = outputs.reduce((sum, one) => sum + sumDrops(one.drops), sumDrops(drops));
  return [perSecond > 0 ? 2 : all > 0 ? 1 : 0, rates.over_1s.datagrams_per_s];
}
