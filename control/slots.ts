/**
 * Numbers that stand for things in shared memory and in the workers' tables.
 *
 * @module
 */
import { ControlError } from "./error.ts";

/**
 * Gives out numbers from 0 on, a new one only when none has been given back. A released one rests until `settle`: a
 * worker may still be using it until it has acknowledged a generation without it, and may not have heard of its end
 * until it has acknowledged the one after.
 */
export class Slots {
  readonly #limit: number;
  readonly #what: string;
  readonly #why: string;
  #next = 0;
  #free: number[] = [];
  #resting: number[] = [];

  /** `what` and `why` are for the message: "outputs", "the machine allows no more". */
  constructor(limit: number, what: string, why = "") {
    this.#limit = limit;
    this.#what = what;
    this.#why = why && `: ${why}`;
  }

  /** A number that nobody has. */
  take(): number {
    const free = this.#free.pop();
    if (free !== undefined) return free;
    if (this.#next === this.#limit) {
      throw new ControlError("limit", `Cannot have more than ${this.#limit} ${this.#what} in use${this.#why}`);
    }
    return this.#next++;
  }

  /** One more than the highest number ever given out. */
  get end(): number {
    return this.#next;
  }

  /** Gives a number back. */
  release(slot: number): void {
    this.#resting.push(slot);
  }

  /** Gives a number back that no worker has ever heard of. */
  cancel(slot: number): void {
    this.#free.push(slot);
  }

  /** What was released before may be taken again. */
  settle(): void {
    this.#free.push(...this.#resting.splice(0));
  }
}
