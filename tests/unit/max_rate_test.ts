import { deepStrictEqual, equal } from "node:assert/strict";
import { formatRate, parseRate } from "../../control/max_rate.ts";
import type { RateLimit } from "../../control/model.ts";

const RATES: readonly [text: string, limit: RateLimit, form: string][] = [
  ["50000pps", { datagrams: 50_000 }, "50kpps"],
  ["1.5Mpps", { datagrams: 1_500_000 }, "1500kpps"],
  ["100Mbps", { bits: 100_000_000 }, "100Mbps"],
  ["9007199254740991bps", { bits: Number.MAX_SAFE_INTEGER }, "9007199254740991bps"],
  ["2Gbps,50kpps", { datagrams: 50_000, bits: 2e9 }, "50kpps,2Gbps"],
];
for (const [text, limit, form] of RATES) {
  Deno.test(`parseRate() reads ${text}`, () => {
    deepStrictEqual(parseRate(text), limit);
    equal(formatRate(limit), form);
    deepStrictEqual(parseRate(form), limit);
  });
}

Deno.test("parseRate() refuses what is no rate", () => {
  const wrong = [
    "",
    "5",
    "5k",
    "100MBps",
    "100mbps",
    "0pps",
    "0.1pps",
    "-5pps",
    "1e3pps",
    "5pps,",
    "5pps,6pps",
    "5 pps",
  ];
  for (const text of [...wrong, "99999999Gbps", "Infinitypps"]) equal(parseRate(text), undefined, text);
});
