/**
 * `mcr stats`: the counters of the rules and their outputs.
 *
 * @module
 */
import type { Drops, OutputCounters, RuleCounters, Stats } from "../model.ts";
import { makeQuery } from "../query.ts";
import { formatEndpoint } from "../rule.ts";
import { formatTable } from "../table.ts";

/** The `stats` command. */
export const stats = makeQuery({
  name: "stats",
  summary: "Show what was received, relayed and dropped, and why",
  details: `Counts datagrams. Of a rule: IN is what was received for it and OUT what was
relayed; of an output, below its rule: IN is what was due and OUT what was
sent. IN is always OUT and DROPPED together. Times run from the kernel's
receive timestamp to the end of the send.`,
  example: "mcr stats --json",
  method: "stats.get",
  format: formatStats,
});

/** The counters as a table, and below it every drop reason that has occurred, with its advice. */
export function formatStats({ totals, rules, advice }: Stats): string {
  const columns = [
    { heading: "RULE" },
    { heading: "IN", isNumeric: true },
    { heading: "OUT", isNumeric: true },
    { heading: "DROPPED", isNumeric: true },
    { heading: "P50 us", isNumeric: true },
    { heading: "P99 us", isNumeric: true },
  ];
  const total = ["total", String(totals.received), String(totals.relayed), String(sumDrops(totals.drops))];
  const table = formatTable(columns, [...rules.flatMap(ruleRows), total]);
  const reasons = [
    ...rules.flatMap((rule) => [
      ...dropLines(rule.id, rule.drops),
      ...rule.outputs.flatMap(({ output, drops }) => dropLines(`${rule.id} -> ${formatEndpoint(output)}`, drops)),
    ]),
    ...dropLines("total", totals.drops),
  ];
  if (reasons.length === 0) return table;
  const lines = Object.entries(advice).map(([reason, text]) => `${reason}: ${text}\n`);
  return `${table}\ndropped, by reason:\n${reasons.join("")}\n${lines.join("")}`;
}

/** How many datagrams were dropped, for whatever reason. */
export function sumDrops(drops: Drops): number {
  return Object.values(drops).reduce((sum, count) => sum + count, 0);
}

function ruleRows(rule: RuleCounters): string[][] {
  const { latency } = rule;
  const title = rule.name === undefined ? rule.id : `${rule.id} (${rule.name})`;
  const times = latency === undefined ? ["-", "-"] : [String(latency.p50_us), String(latency.p99_us)];
  const counts = [String(rule.received), String(rule.relayed), String(sumDrops(rule.drops))];
  return [[title, ...counts, ...times], ...rule.outputs.map(outputRow)];
}

function outputRow({ output, due, sent, drops }: OutputCounters): string[] {
  return [`  -> ${formatEndpoint(output)}`, String(due), String(sent), String(sumDrops(drops))];
}

function dropLines(where: string, drops: Drops): string[] {
  return Object.entries(drops).map(([reason, count]) => `  ${where}: ${reason} ${count}\n`);
}
