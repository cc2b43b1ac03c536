/**
 * Long work in short turns.
 *
 * @module
 */

/** How long one turn may hold up the supervisor's other work. */
const TURN_MS = 5;

/** Ends a turn when it has been long enough. */
export class Pace {
  #turnStartMs = performance.now();

  /** Lets the event loop go round if the turn has been long enough; asked often, it costs little. */
  async rest(): Promise<void> {
    if (performance.now() - this.#turnStartMs < TURN_MS) return;
    await new Promise((resolve) => setTimeout(resolve, 0));
    this.#turnStartMs = performance.now();
  }
}

/** What was made is good for so many times as long as it took: readers together take a fifth of a core at most. */
const REST_SHARE = 4;

/** Something that takes time to make. Who asks while it is made, or soon after, gets the same. */
export class Shared<Made> implements Disposable {
  readonly #make: () => Promise<Made>;
  #current: Promise<Made> | undefined;
  #timer: ReturnType<typeof setTimeout> | undefined;

  constructor(make: () => Promise<Made>) {
    this.#make = make;
  }

  get(): Promise<Made> {
    return this.#current ??= this.#start();
  }

  async #start(): Promise<Made> {
    const startMs = performance.now();
    try {
      return await this.#make();
    } finally {
      this.#timer = setTimeout(() => this.#current = undefined, REST_SHARE * (performance.now() - startMs));
    }
  }

  /** For when nothing is being made. */
  [Symbol.dispose](): void {
    clearTimeout(this.#timer);
  }
}
