/**
 * Owning a file descriptor.
 *
 * @module
 */
import { native } from "./library.ts";

/** A descriptor that ends with its owner. */
export class Descriptor implements Disposable {
  #fd: number;

  constructor(fd: number) {
    this.#fd = fd;
  }

  /** The number, for calls that happen at once; -1 after disposal. */
  get fd(): number {
    return this.#fd;
  }

  /** Idempotent. */
  [Symbol.dispose](): void {
    if (this.#fd < 0) return;
    native.mcr_close(this.#fd);
    this.#fd = -1;
  }
}
