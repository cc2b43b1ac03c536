/**
 * Rates: the highest that is carried, and what is lost at one that is given.
 *
 * @module
 */
import { offer, sendAlone } from "./load.ts";
import type { Measure, Sample, Stand } from "./measure.ts";
import { RateSearch, type Try } from "./search.ts";

/** What may be lost of a rate that is carried. */
const LOSS_MAX = 0.001;

/** A step fails when this many tries of it have. */
const TRIES_MAX = 2;

/** Nothing slower than this is of interest. */
const FLOOR = 1000;

/** A first search begins here and doubles; one that knows what another has found begins there, with small steps. */
const START = 50_000;
const START_FACTOR = 2;
const AGAIN_FACTOR = 1.15;

/** More than was sent arrived: not a rate to publish. */
const SURPLUS_MAX = 0.001;

/** Searches the highest rate of `rate`, counted in datagrams that arrive. */
export const measureRate: Measure = async function* (stand, previous): AsyncGenerator<void, Sample> {
  const copies = stand.job.outputs.length;
  const last = previous?.rate?.value;
  const search = new RateSearch({
    start: last ? Math.round(last / copies) : Math.max(FLOOR, START / copies),
    factor: last ? AGAIN_FACTOR : START_FACTOR,
    precision: stand.effort.precision,
    floor: FLOOR,
    lossMax: LOSS_MAX,
    triesMax: TRIES_MAX,
  });
  for (let rate; (rate = search.next) !== undefined;) {
    search.record(await tryRate(stand, rate));
    yield;
  }
  const { rate, loss, isLimitOfGenerator } = search.found;
  return { rate: { value: rate * copies, loss, isLimitOfGenerator, tries: search.tries } };
};

/** Offers one rate; measures `lost`, the share that did not arrive. */
export function measureLossAt(rate: number): Measure {
  return async function* (stand): AsyncGenerator<void, Sample> {
    const result = await tryRate(stand, rate);
    yield;
    return { lost: { value: result.loss, loss: result.loss, tries: [result] } };
  };
}

/** Sends as much as one core can that has nothing else to do; measures `rate`. */
export const measureSending: Measure = async function* ({ bed, load, effort, say }): AsyncGenerator<void, Sample> {
  const before = await bed.settled();
  const sent = await sendAlone(bed, load, effort.trySeconds);
  const after = await bed.settled();
  yield;
  const loss = (sent.bytes - (after.bytes - before.bytes)) / sent.bytes;
  say(describeTry({ offered: sent.rate, achieved: sent.rate, loss }));
  return { rate: { value: sent.rate, loss } };
};

async function tryRate({ bed, load, job, effort, say }: Stand, rate: number): Promise<Try> {
  const result = await offer(bed, load, rate, effort.trySeconds, job.outputs.length);
  say(describeTry(result));
  if (result.loss < -SURPLUS_MAX) throw new Error(`More arrived than was sent: ${describeTry(result)}`);
  return result;
}

function describeTry({ offered, achieved, loss }: Try): string {
  return `offered ${kilo(offered)}, sent ${kilo(achieved)} kpps: ${(loss * 100).toFixed(2)} % lost`;
}

function kilo(rate: number): string {
  return (rate / 1000).toFixed(1);
}
