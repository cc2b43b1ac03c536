/**
 * `mcr stats`: the counters of the rules and their outputs.
 *
 * @module
 */
import { sumDrops } from "../drops.ts";
import type { Drops, OutputCounters, Rates, RuleCounters, Stats } from "../model.ts";
import { makeQuery } from "../query.ts";
import { formatEndpoint } from "../rule_text.ts";
import { fitsInto, formatTable, wrapWords } from "../table.ts";
import { formatAge, formatMicroseconds, formatShort } from "../units.ts";

/** The `stats` command. */
export const stats = makeQuery({
  name: "stats",
  summary: "Show what was received, relayed and dropped, and why",
  details: `Counts datagrams. Of a rule: IN is what was received for it and OUT what was
relayed; of an output, below its rule: IN is what was due and OUT what was
sent. IN is always OUT and DROPPED together. PPS (datagrams a second) and
BIT/S (of payload) are of the last 10 s; received ones of a rule, sent ones of
an output. P50 and P99 are times from the kernel's receive timestamp to the end
of the send, LAST is how long ago the newest datagram came or went.
On a terminal that is too narrow large counts are shortened; --json has all,
also the rates over 1 s and 60 s.`,
  example: "mcr stats\nmcr stats --watch 5\nmcr stats --json | jq '.rules[].rates.over_1s'",
  method: "stats.get",
  isWatchable: true,
  format: (stats, width) => formatStats(stats, width),
});

/** Counters of some rules, and of all workers where they are of all rules. */
export type ShownStats = Pick<Stats, "rules" | "advice"> & { readonly totals?: Stats["totals"] };

/** The counters as a table, and below it every drop reason that has occurred, with its advice. */
export function formatStats(stats: ShownStats, width = Infinity, nowMs = Date.now()): string {
  const exact = formatCounters(stats, String, width, nowMs);
  const table = fitsInto(exact, width) ? exact : formatCounters(stats, formatShort, width, nowMs);
  const { totals, rules, advice } = stats;
  const reasons = [
    ...rules.flatMap((rule) => [
      ...dropLines(rule.id, rule.drops),
      ...rule.outputs.flatMap(({ output, drops }) => dropLines(`${rule.id} -> ${formatEndpoint(output)}`, drops)),
    ]),
    ...(totals === undefined ? [] : dropLines("total", totals.drops)),
  ];
  if (reasons.length === 0) return table;
  const help = Object.entries(advice).map(([reason, text]) => `${reason}: ${text}`);
  const wrap = (lines: readonly string[]): string => lines.map((line) => `${wrapWords(line, width)}\n`).join("");
  return `${table}\ndropped, by reason:\n${wrap(reasons)}\n${wrap(help)}`;
}

function formatCounters(
  { totals, rules }: ShownStats,
  formatCount: (count: number) => string,
  width: number,
  nowMs: number,
): string {
  const columns = [
    { heading: "RULE" },
    ...["IN", "OUT", "DROPPED", "PPS", "BIT/S", "P50", "P99", "LAST"].map((heading) => ({ heading, isNumeric: true })),
  ];
  const counts = (received: number, done: number, drops: Drops, { over_10s: rate }: Rates): string[] => [
    ...[received, done, sumDrops(drops)].map(formatCount),
    ...[rate.datagrams_per_s, rate.bits_per_s].map(formatShort),
  ];
  const age = (ms: number | undefined): string => ms === undefined ? "-" : formatAge(nowMs - ms);
  const outputRow = ({ output, due, sent, drops, rates, last_seen_ms: last }: OutputCounters): string[] => {
    return [`  -> ${formatEndpoint(output)}`, ...counts(due, sent, drops, rates), "", "", age(last)];
  };
  const ruleRows = (rule: RuleCounters): string[][] => {
    const { received, relayed, drops, rates, latency, last_seen_ms: last } = rule;
    const title = rule.name === undefined ? rule.id : `${rule.id} (${rule.name})`;
    const times = latency === undefined ? ["-", "-"] : [latency.p50_us, latency.p99_us].map(formatMicroseconds);
    return [[title, ...counts(received, relayed, drops, rates), ...times, age(last)], ...rule.outputs.map(outputRow)];
  };
  const { received = 0, relayed = 0, drops = {}, rates } = totals ?? {};
  const total = rates === undefined ? [] : [["total", ...counts(received, relayed, drops, rates)]];
  return formatTable(columns, [...rules.flatMap(ruleRows), ...total], width);
}

function dropLines(where: string, drops: Drops): string[] {
  return Object.entries(drops).map(([reason, count]) => `  ${where}: ${reason} ${count}`);
}
