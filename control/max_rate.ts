/**
 * Rates as people write them: `50000pps`, `100Mbps`.
 *
 * @module
 */
import type { RateLimit } from "./model.ts";

/** What a rate must be, in the words of every message about one. */
export const EXPECTED_RATE = "a rate as in 50000pps, 1.5Mpps, 100Mbps or 50kpps,2Gbps, of at least 1";

const FACTORS: Readonly<Record<string, number>> = { "": 1, k: 1e3, M: 1e6, G: 1e9 };

/** Reads datagrams (`pps`) or bits (`bps`) a second with k, M or G, or both with a comma; undefined for anything else. */
export function parseRate(text: string): RateLimit | undefined {
  const limit: { datagrams?: number; bits?: number } = {};
  for (const word of text.split(",")) {
    const [, number, factor, unit] = /^([0-9]{1,16}(?:\.[0-9]{1,9})?)([kMG]?)([pb])ps$/.exec(word) ?? [];
    const key = unit === "p" ? "datagrams" : "bits";
    const rate = Math.round(Number(number) * FACTORS[factor!]!);
    if (!(rate >= 1 && rate <= Number.MAX_SAFE_INTEGER) || key in limit) return undefined;
    limit[key] = rate;
  }
  return limit;
}

/** A limit in the form that `parseRate()` reads. */
export function formatRate({ datagrams, bits }: RateLimit): string {
  const words = [
    ...(datagrams === undefined ? [] : [`${shorten(datagrams)}pps`]),
    ...(bits === undefined ? [] : [`${shorten(bits)}bps`]),
  ];
  return words.join(",");
}

/** With the largest unit that leaves a whole number. */
function shorten(rate: number): string {
  for (const [unit, factor] of Object.entries(FACTORS).reverse()) {
    if (rate % factor === 0) return `${rate / factor}${unit}`;
  }
  return String(rate);
}
