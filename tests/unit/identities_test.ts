// Goal: the check that ends every end-to-end test sees each kind of miscount.
import { deepStrictEqual } from "node:assert/strict";
import type { OutputCounters, RuleCounters, Stats, WorkerStatus } from "../../mod.ts";
import { type Counted, describeProgress, findMiscounts } from "../e2e/identities.ts";

const RATE = { datagrams_per_s: 0, bits_per_s: 0, drops_per_s: 0 };
const RATES = { over_1s: RATE, over_10s: RATE, over_60s: RATE };
const PLACE = { interface: "out0", group: "239.2.2.2", port: 6000 };
const COUNTERS = { received: 12, received_bytes: 1200, relayed: 10, drops: { no_rule: 2 }, rates: RATES };
const WORKER: WorkerStatus = {
  ...{ index: 0, state: "running", core: 0, restarts: 0, generation: 1, superframes: 0, wakeups: 0 },
  ...COUNTERS,
};
const OUTPUT: OutputCounters = {
  ...{ output: PLACE, due: 10, sent: 7, sent_bytes: 700, drops: { socket_full: 2, too_big: 1 }, rates: RATES },
};
const RULE: RuleCounters = {
  ...{ id: "x", input: PLACE, received: 10, received_bytes: 1000, relayed: 10, drops: {}, rates: RATES },
  outputs: [OUTPUT],
};
const STATS: Stats = { totals: COUNTERS, rules: [RULE], advice: {} };

const MISCOUNTS: readonly [name: string, counted: Counted, found: string[]][] = [
  ["nothing where all adds up", { workers: [WORKER], stats: STATS }, []],
  [
    "a worker's",
    { workers: [{ ...WORKER, received: 13 }], stats: { ...STATS, totals: { ...COUNTERS, received: 13 } } },
    [
      "worker 0 counts 13, but 10 and 2 dropped",
      "the total counts 13, but 10 and 2 dropped",
    ],
  ],
  ["a rule's", { workers: [WORKER], stats: { ...STATS, rules: [{ ...RULE, relayed: 9 }] } }, [
    "rule x counts 10, but 9 and 0 dropped",
  ]],
  ["an output's", {
    workers: [WORKER],
    stats: { ...STATS, rules: [{ ...RULE, outputs: [OUTPUT, { ...OUTPUT, drops: { socket_full: 2 } }] }] },
  }, ["output 239.2.2.2:6000:out0 of rule x counts 10, but 7 and 2 dropped"]],
  ["a total that is not that of the workers", { workers: [WORKER, WORKER], stats: STATS }, [
    "the total counts 12, but the workers 24",
    "the total counts 1200, but the workers 2400",
    "the total counts 10, but the workers 20",
    "the total counts 2, but the workers 4",
  ]],
];
for (const [name, counted, found] of MISCOUNTS) {
  Deno.test(`findMiscounts() finds ${name}`, () => deepStrictEqual(findMiscounts(counted), found));
}

Deno.test("describeProgress() looks at counters only", () => {
  const counted = { workers: [WORKER], stats: STATS };
  const busy = { ...RATES, over_1s: { ...RATE, datagrams_per_s: 5 } };
  const rated = { ...RULE, rates: busy, outputs: [{ ...OUTPUT, rates: busy }] };
  const later = { ...RULE, outputs: [{ ...OUTPUT, due: 11 }] };
  const describe = (rule: RuleCounters): string => describeProgress({ ...counted, stats: { ...STATS, rules: [rule] } });
  deepStrictEqual([describe(rated) === describe(RULE), describe(later) === describe(RULE)], [true, false]);
});
