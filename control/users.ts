/**
 * How many use a thing, so that it can end with the last of them.
 *
 * @module
 */

/** Counts users of things. */
export class Users<Thing> {
  readonly #counts = new Map<Thing, number>();

  /** One user more. */
  hold(thing: Thing): void {
    this.#counts.set(thing, (this.#counts.get(thing) ?? 0) + 1);
  }

  /** One user less. */
  drop(thing: Thing): void {
    this.#counts.set(thing, this.#counts.get(thing)! - 1);
  }

  /** Those among things that nobody uses any more, each once. */
  takeUnused(things: Iterable<Thing>): Thing[] {
    return [...things].filter((thing) => this.#counts.get(thing) === 0 && this.#counts.delete(thing));
  }
}
