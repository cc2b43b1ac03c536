/**
 * Things that happen, one after the other, for one who takes them.
 *
 * @module
 */

/** A queue with one reader. */
export class Mailbox<Item> implements Disposable {
  readonly #items: Item[] = [];
  #arrived = Promise.withResolvers<void>();
  #isClosed = false;

  /** Whether nobody will take anything any more. */
  get isClosed(): boolean {
    return this.#isClosed;
  }

  add(item: Item): void {
    if (this.#isClosed) return;
    this.#items.push(item);
    this.#arrived.resolve();
  }

  /** The oldest item, as soon as there is one. */
  async next(): Promise<Item> {
    while (this.#items.length === 0) {
      await this.#arrived.promise;
      this.#arrived = Promise.withResolvers();
    }
    return this.#items.shift()!;
  }

  [Symbol.dispose](): void {
    this.#isClosed = true;
  }
}
