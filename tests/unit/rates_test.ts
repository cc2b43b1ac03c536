import { deepStrictEqual, equal } from "node:assert/strict";
import { RateMeter, SAMPLE_VALUES } from "../../control/rates.ts";

const NO_RATE = { datagrams_per_s: 0, bits_per_s: 0, drops_per_s: 0 };

/** A sample in which each thing has counted so many datagrams of 100 bytes, and a tenth as many drops. */
function sample(...datagrams: number[]): Float64Array {
  return Float64Array.from(datagrams.flatMap((count) => [count, count * 100, count / 10]));
}

Deno.test("rates() are 0 before the second sample", () => {
  const meter = new RateMeter();
  deepStrictEqual(meter.rates(0), { over_1s: NO_RATE, over_10s: NO_RATE, over_60s: NO_RATE });
  meter.add(0, sample(1000));
  deepStrictEqual(meter.rates(0).over_1s, NO_RATE);
});

Deno.test("rates() are datagrams, bits and drops of a second", () => {
  const meter = new RateMeter();
  meter.add(0, sample(5000, 0));
  meter.add(1000, sample(5100, 50));
  deepStrictEqual(meter.rates(0).over_1s, { datagrams_per_s: 100, bits_per_s: 80_000, drops_per_s: 10 });
  deepStrictEqual(meter.rates(1).over_1s, { datagrams_per_s: 50, bits_per_s: 40_000, drops_per_s: 5 });
});

Deno.test("rates() over 1, 10 and 60 seconds end with what happened in them", () => {
  const meter = new RateMeter();
  // 100 a second for a minute and more, then nothing.
  for (let second = 0; second <= 100; second++) meter.add(second * 1000, sample(second * 100));
  const at = (second: number): number[] => {
    meter.add(second * 1000, sample(10_000));
    return Object.values(meter.rates(0)).map((rate) => rate.datagrams_per_s);
  };
  deepStrictEqual(at(101).slice(0, 2), [0, 90]);
  for (let second = 102; second < 110; second++) at(second);
  deepStrictEqual(at(110).slice(0, 2), [0, 0]);
  for (let second = 111; second < 130; second++) at(second);
  // The long window reaches back 60 to 65 s.
  const [, , minute] = at(130);
  equal(minute! >= 50 && minute! <= 54, true, String(minute));
  for (let second = 131; second < 165; second++) at(second);
  deepStrictEqual(at(165), [0, 0, 0]);
});

Deno.test("rates() of a short life are over that life", () => {
  const meter = new RateMeter();
  meter.add(0, sample(0));
  meter.add(1000, sample(100));
  meter.add(2000, sample(200));
  deepStrictEqual(Object.values(meter.rates(0)).map((rate) => rate.datagrams_per_s), [100, 100, 100]);
});

Deno.test("rates() divide by the time that passed, not by what should have", () => {
  const meter = new RateMeter();
  meter.add(0, sample(0));
  for (const [time, count] of [[1010, 101], [1990, 199], [4990, 499]] as const) {
    meter.add(time, sample(count));
    equal(meter.rates(0).over_1s.datagrams_per_s, 100, String(time));
  }
});

Deno.test("forget() makes a number new: it does not go on from what it counted before", () => {
  const meter = new RateMeter();
  for (let second = 0; second <= 20; second++) meter.add(second * 1000, sample(second * 100, second * 100));
  meter.forget(1);
  deepStrictEqual(meter.rates(1), { over_1s: NO_RATE, over_10s: NO_RATE, over_60s: NO_RATE });
  meter.add(21_000, sample(2100, 60));
  deepStrictEqual(Object.values(meter.rates(1)).map((rate) => rate.datagrams_per_s), [60, 6, 3]);
  deepStrictEqual(meter.rates(0).over_10s.datagrams_per_s, 100);
});

Deno.test("rates() of what came later than the oldest sample are over the whole time", () => {
  const meter = new RateMeter();
  for (let second = 0; second < 10; second++) meter.add(second * 1000, sample());
  meter.forget(7);
  meter.add(10_000, sample(100));
  deepStrictEqual([meter.rates(0).over_1s.datagrams_per_s, meter.rates(0).over_10s.datagrams_per_s], [100, 10]);
});

Deno.test("rates() see no drop twice that was missed in one sample", () => {
  const meter = new RateMeter();
  const drops = [5, 5, 3, 5, 5];
  const seen = drops.map((count, second) => {
    const values = new Float64Array(SAMPLE_VALUES);
    values[2] = count;
    meter.add(second * 1000, values);
    return meter.rates(0).over_1s.drops_per_s;
  });
  deepStrictEqual(seen, [0, 0, 0, 0, 0]);
});
