/**
 * Quantiles of the histograms in the statistics pages.
 *
 * @module
 */
import { MCR_LATENCY_BUCKETS, MCR_LATENCY_FIRST_LOG2, MCR_LATENCY_STEPS } from "../ffi/abi.ts";
import type { Latency } from "./model.ts";

/** How long datagrams took: how many in each bucket, and all together. */
export interface Histogram {
  readonly buckets: Float64Array;
  readonly sumNs: number;
}

/**
 * Where the bounds of what is exported lie, as powers of two in nanoseconds, 8 us to 1 s: every doubling where the times of
 * a relay are, every second one above.
 */
const BOUNDS_LOG2 = [13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 26, 28, 30];

/** Times that datagrams are counted below, in seconds, with how many of the buckets lie below each. */
export const BOUNDS: readonly { readonly seconds: number; readonly bucketCount: number }[] = BOUNDS_LOG2.map((
  log2,
) => ({
  seconds: 2 ** log2 / 1e9,
  bucketCount: (log2 - MCR_LATENCY_FIRST_LOG2) * MCR_LATENCY_STEPS,
}));

/** How many datagrams took less than each of `BOUNDS`, and behind them how many there are. */
export function countBelow(buckets: Float64Array): number[] {
  let count = 0, bucket = 0;
  const addUntil = (end: number): number => {
    while (bucket < end) count += buckets[bucket++]!;
    return count;
  };
  return [...BOUNDS.map(({ bucketCount }) => addUntil(bucketCount)), addUntil(buckets.length)];
}

/** Where a bucket begins, in nanoseconds. */
function bucketStart(bucket: number): number {
  const doubling = Math.floor(bucket / MCR_LATENCY_STEPS), step = bucket % MCR_LATENCY_STEPS;
  return 2 ** (MCR_LATENCY_FIRST_LOG2 + doubling) * (1 + step / MCR_LATENCY_STEPS);
}

/** The time below which `share` of the counted datagrams lie, in microseconds: interpolated within its bucket. */
export function quantile(buckets: Float64Array, share: number): number {
  const total = buckets.reduce((sum, count) => sum + count, 0);
  let below = 0;
  for (let i = 0; i < buckets.length; i++) {
    const count = buckets[i]!;
    if (count > 0 && below + count >= total * share) {
      const start = bucketStart(i), within = (total * share - below) / count;
      return (start + (bucketStart(i + 1) - start) * within) / 1000;
    }
    below += count;
  }
  return 0;
}

/** The quantiles that users are shown; undefined before the first datagram. */
export function latencyOf(buckets: Float64Array): Latency | undefined {
  if (!buckets.some((count) => count > 0)) return undefined;
  const rounded = (share: number): number => Math.round(quantile(buckets, share) * 10) / 10;
  return { p50_us: rounded(0.5), p99_us: rounded(0.99), p999_us: rounded(0.999) };
}

/** An empty histogram. */
export function emptyHistogram(): Float64Array {
  return new Float64Array(MCR_LATENCY_BUCKETS);
}
