// Goal: what is shown is what happens: rates of the traffic that flows, drops where they are, the time of the last
// datagram.
import { deepStrictEqual, ok } from "node:assert/strict";
import type { Rate, RuleCounters, Stats } from "../../mod.ts";
import { testRelay } from "./case.ts";
import type { RuleWords } from "./mcr.ts";
import { Process, until } from "./process.ts";
import { gen } from "./traffic.ts";

/** One output sends, the other waits for an interface that never comes. */
const RULE: RuleWords = {
  ...{ in: "in0", group: "239.1.1.1", port: 5001 },
  outputs: ["239.2.2.2:6000:out0", "239.2.2.2:6000:never0"],
};
const RATE = 4_000, BYTES = 1_000;

testRelay("rates are those of the stream, and of its drops, and end with it", {}, async ({ network, supervisor }) => {
  await supervisor.add(RULE);
  const startedMs = Date.now();
  await using source = await Process.start(gen(network, {
    ...{ group: RULE.group, port: RULE.port, rate: RATE, size: String(BYTES), count: 10_000_000 },
  }));

  // A second that a busy machine cut short is made up for by the next.
  const { totals, rules: [rule] } = await untilStats("the rate of a second was that of the stream", (stats) => {
    return isAbout(ruleOf(stats).rates.over_1s.datagrams_per_s, RATE);
  });
  const [sent, lost] = rule!.outputs;
  for (const { over_1s } of [totals.rates, rule!.rates, sent!.rates]) checkRate(over_1s, RATE, 0);
  checkRate(lost!.rates.over_1s, 0, RATE);
  const isNow = (ms: number): boolean => startedMs <= ms && ms <= Date.now();
  ok(isNow(rule!.last_seen_ms!), "the last datagram was a moment ago");
  ok(isNow(sent!.last_seen_ms!), "and so was the last that was sent");
  deepStrictEqual(lost!.last_seen_ms, undefined);
  const { p50_us, p99_us, p999_us } = rule!.latency!;
  ok(0 < p50_us && p50_us <= p99_us && p99_us <= p999_us, "quantiles are in order");
  const [worker] = await supervisor.workers();
  ok(worker!.rates.over_10s.datagrams_per_s > 0, "the worker has rates too");

  source.kill("SIGTERM");
  await source.end();
  const after = ruleOf(
    await untilStats("a second passed without a datagram", (stats) => {
      return ruleOf(stats).rates.over_1s.datagrams_per_s === 0;
    }),
  );
  checkRate(after.outputs[1]!.rates.over_1s, 0, 0);
  ok(after.rates.over_60s.datagrams_per_s > 0, "the last minute still has it");
  deepStrictEqual(after.outputs[1]!.drops, { no_interface: after.received });

  async function untilStats(what: string, isWanted: (stats: Stats) => boolean): Promise<Stats> {
    return await until(what, async () => {
      const stats = await supervisor.stats();
      return isWanted(stats) ? stats : undefined;
    });
  }
});

function ruleOf({ rules: [rule] }: Stats): RuleCounters {
  return rule!;
}

function checkRate({ datagrams_per_s, bits_per_s, drops_per_s }: Rate, datagrams: number, drops: number): void {
  ok(isAbout(datagrams_per_s, datagrams) && isAbout(drops_per_s, drops), `${datagrams_per_s}, ${drops_per_s} dropped`);
  // Each of the two is rounded.
  ok(Math.abs(bits_per_s - datagrams_per_s * BYTES * 8) <= BYTES * 8, `${bits_per_s} bit/s at ${datagrams_per_s}/s`);
}

function isAbout(value: number, wanted: number): boolean {
  return Math.abs(value - wanted) <= wanted / 10;
}
