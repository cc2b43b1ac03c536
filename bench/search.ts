/**
 * The search for the highest rate that a relay carries: it says which rate to offer next and is told what was lost. It
 * knows nothing of networks and clocks.
 *
 * @module
 */

/** What came of offering a rate once. */
export interface Try {
  /** Datagrams a second that were asked for. */
  readonly offered: number;
  /** What the generator really sent in a second. */
  readonly achieved: number;
  /** Share of the datagrams that did not arrive. */
  readonly loss: number;
}

/** How a search proceeds. */
export interface SearchOptions {
  /** The rate that is offered first. */
  readonly start: number;
  /** By how much rates grow, or shrink, until one is carried and one is not. */
  readonly factor: number;
  /** The search ends when the lowest rate not carried is at most so many times the highest that was. */
  readonly precision: number;
  /** Below this rate nothing is tried. */
  readonly floor: number;
  /** Share of the datagrams that may be lost. */
  readonly lossMax: number;
  /** A rate is tried so often before it counts as not carried. */
  readonly triesMax: number;
}

/** What a search has found. */
export interface Found {
  /** Datagrams a second; 0 when not even the floor was carried. */
  readonly rate: number;
  /** What was lost at that rate, or, of nothing carried, at the lowest rate tried. */
  readonly loss: number;
  /** The generator could not send more: the relay may carry more than this. */
  readonly isLimitOfGenerator: boolean;
}

/** A generator that sends less than this share of what it was asked for is at its limit. */
const ACHIEVED_MIN = 0.95;

/** One search: growing steps until a rate fails, then bisection on a logarithmic scale. */
export class RateSearch {
  readonly #options: SearchOptions;
  readonly #tries: Try[] = [];
  /** The tries of the rate that is being offered. */
  #step: Try[] = [];
  #next: number | undefined;
  #carried: Try | undefined;
  #refused = Infinity;
  #isLimitOfGenerator = false;

  constructor(options: SearchOptions) {
    this.#options = options;
    this.#next = options.start;
  }

  /** The rate to offer now, or undefined when the search is over. */
  get next(): number | undefined {
    return this.#next;
  }

  /** All that was tried, in order. */
  get tries(): readonly Try[] {
    return this.#tries;
  }

  /** What has been found so far. */
  get found(): Found {
    const { achieved: rate, loss } = this.#carried ?? { achieved: 0, loss: this.#tries.at(-1)?.loss ?? 0 };
    return { rate, loss, isLimitOfGenerator: this.#isLimitOfGenerator };
  }

  /**
   * Takes what came of offering the rate that was asked for. Only what was sent in full and carried settles a step at
   * once; loss, and a generator that was held up, may have been the doing of something else on the machine.
   */
  record(result: Try): void {
    this.#tries.push(result);
    this.#step.push(result);
    const isCarried = this.#isCarried(result);
    const isSettled = isCarried && result.achieved >= result.offered * ACHIEVED_MIN;
    if (!isSettled && this.#step.length < this.#options.triesMax) return;

    for (const entry of this.#step) {
      if (this.#isCarried(entry) && entry.achieved > (this.#carried?.achieved ?? 0)) this.#carried = entry;
    }
    const refused = this.#step.filter((entry) => !this.#isCarried(entry)).map(({ achieved }) => achieved);
    this.#step = [];
    if (isSettled) {
      this.#next = this.#choose();
    } else if (refused.length === 0) {
      this.#isLimitOfGenerator = true;
      this.#next = undefined;
    } else {
      this.#refused = Math.max(...refused);
      this.#next = this.#choose();
    }
  }

  #isCarried({ loss }: Try): boolean {
    return loss <= this.#options.lossMax;
  }

  #choose(): number | undefined {
    const { factor, precision, floor } = this.#options;
    if (!this.#carried) return this.#refused > floor ? Math.max(floor, Math.round(this.#refused / factor)) : undefined;
    if (this.#refused === Infinity) return Math.round(this.#carried.achieved * factor);
    if (this.#refused <= this.#carried.achieved * precision) return undefined;
    return Math.round(Math.sqrt(this.#carried.achieved * this.#refused));
  }
}
