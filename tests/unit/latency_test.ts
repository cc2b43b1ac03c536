import { deepStrictEqual, ok, strictEqual } from "node:assert/strict";
import { emptyHistogram, latencyOf, quantile } from "../../control/latency.ts";

/** A histogram with these counts. */
function histogram(counts: Readonly<Record<number, number>>): Float64Array {
  const buckets = emptyHistogram();
  for (const [bucket, count] of Object.entries(counts)) buckets[Number(bucket)] = count;
  return buckets;
}

Deno.test("latencyOf() an empty histogram is nothing", () => {
  strictEqual(latencyOf(emptyHistogram()), undefined);
});

// Bucket 0 is 256 to 320 ns, bucket 4 512 to 640 ns, bucket 100 all from 8.6 s on.
for (
  const [name, counts, share, expected] of [
    ["the middle of the only bucket", { 0: 10 }, 0.5, 0.288],
    ["the end of the only bucket", { 0: 10 }, 1, 0.32],
    ["a single datagram", { 4: 1 }, 0.5, 0.576],
    ["the end of the lower of two equal buckets", { 0: 5, 4: 5 }, 0.5, 0.32],
    ["into the upper of two equal buckets", { 0: 5, 4: 5 }, 0.75, 0.576],
    ["over empty buckets", { 0: 1, 40: 99 }, 0.01, 0.32],
    ["the last bucket", { 100: 1 }, 0, 8589934.592],
  ] as const
) {
  Deno.test(`quantile() interpolates: ${name}`, () => {
    strictEqual(quantile(histogram(counts), share), expected);
  });
}

Deno.test("quantile() never falls when the share grows", () => {
  const buckets = emptyHistogram().map((_, i) => (i * 7919) % 13);
  let last = 0;
  for (let share = 0; share <= 1; share += 1 / 512) {
    const next = quantile(buckets, share);
    ok(next >= last, `${next} at ${share} after ${last}`);
    last = next;
  }
});

Deno.test("latencyOf() rounds to a tenth of a microsecond", () => {
  deepStrictEqual(latencyOf(histogram({ 30: 1000 })), { p50_us: 53.2, p99_us: 57.3, p999_us: 57.3 });
});
