/**
 * How fast counters grow: samples of them, taken about once a second, and the rates over the last seconds to minutes.
 *
 * @module
 */
import type { Rate, Rates } from "./model.ts";

/** Between two samples. */
export const SAMPLE_PERIOD_MS = 1000;

/** What each thing has counted so far, in this order: datagrams, bytes, drops. */
export const SAMPLE_VALUES = 3;

/** A timer is late by a little, and the next one less so: an age counts as reached by as much earlier. */
const EARLY_MS = SAMPLE_PERIOD_MS / 2;

/** All counters of one kind at one moment, one thing's values after the other's. */
interface Sample {
  readonly timeMs: number;
  readonly values: Float64Array;
}

/**
 * The samples that one rate is computed from: the newest, and of those old enough the youngest. A long window keeps
 * fewer, and so may reach back by one step more.
 */
class Window {
  readonly #lengthMs: number;
  readonly #stepMs: number;
  /** Oldest first. */
  readonly samples: Sample[] = [];

  constructor(seconds: number, stepSeconds = 1) {
    this.#lengthMs = seconds * 1000 - EARLY_MS;
    this.#stepMs = stepSeconds * 1000 - EARLY_MS;
  }

  add(sample: Sample): void {
    const { samples } = this;
    while (samples.length > 1 && sample.timeMs - samples[1]!.timeMs >= this.#lengthMs) samples.shift();
    const last = samples.at(-1);
    if (last === undefined || sample.timeMs - last.timeMs >= this.#stepMs) samples.push(sample);
  }

  rate(newest: Sample | undefined, index: number): Rate {
    const oldest = this.samples[0];
    if (newest === undefined || oldest === undefined || newest === oldest) return NO_RATE;
    const perSecond = (offset: number, unit = 1): number => {
      const at = index * SAMPLE_VALUES + offset;
      // What is in no old sample did not exist then.
      const growth = (newest.values[at] ?? 0) - (oldest.values[at] ?? 0);
      return Math.round(growth * unit * 1000 / (newest.timeMs - oldest.timeMs));
    };
    return { datagrams_per_s: perSecond(0), bits_per_s: perSecond(1, 8), drops_per_s: perSecond(2) };
  }
}

const NO_RATE: Rate = { datagrams_per_s: 0, bits_per_s: 0, drops_per_s: 0 };

/** The rates of all things of one kind, by number. */
export class RateMeter {
  readonly #windows = { over_1s: new Window(1), over_10s: new Window(10), over_60s: new Window(60, 5) };
  #newest: Sample | undefined;

  /** Adds a sample, which is kept: `SAMPLE_VALUES` for each thing. */
  add(timeMs: number, values: Float64Array): void {
    this.#keepDropsRising(values);
    const sample = { timeMs, values };
    for (const window of Object.values(this.#windows)) window.add(sample);
    this.#newest = sample;
  }

  rates(index: number): Rates {
    const { over_1s, over_10s, over_60s } = this.#windows, newest = this.#newest;
    return {
      over_1s: over_1s.rate(newest, index),
      over_10s: over_10s.rate(newest, index),
      over_60s: over_60s.rate(newest, index),
    };
  }

  /** What has this number from now on has counted nothing yet. */
  forget(index: number): void {
    const start = index * SAMPLE_VALUES;
    if (this.#newest === undefined || this.#newest.values.length <= start) return;
    const samples = Object.values(this.#windows).flatMap((window) => window.samples);
    for (const { values } of new Set([...samples, this.#newest])) values.fill(0, start, start + SAMPLE_VALUES);
  }

  /** Drops are a difference of two counters, which may be read too low while a batch is counted: see `StatsPage`. */
  #keepDropsRising(values: Float64Array): void {
    const before = this.#newest?.values;
    if (before === undefined) return;
    for (let at = 2; at < before.length; at += SAMPLE_VALUES) {
      if (before[at]! > values[at]!) values[at] = before[at]!;
    }
  }
}
