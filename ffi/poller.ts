/**
 * Waits for descriptors on a thread of its own and tells the event loop which became readable. No C code ever calls
 * JavaScript: the wait is a call that returns.
 *
 * @module
 */
import { Descriptor } from "./descriptor.ts";
import { check, native } from "./library.ts";

/**
 * How long one call may stay in C: nothing that waits for its thread waits longer. While there is a poller the event
 * loop has work, so a process that should end by itself has to dispose it.
 */
const WAIT_MS = 1000;

/** A set of watched descriptors. */
export class Poller implements AsyncDisposable {
  readonly #wake = new Descriptor(check(native.mcr_event_open()));
  readonly #callbacks = new Map<number, () => void>();
  #isStopping = false;
  readonly #loop: Promise<void> = this.#run();

  /**
   * Calls `onReadable` whenever the descriptor can be read or its other end has gone, until `forget`. It must read, or
   * forget: a descriptor that stays readable is reported again at once.
   */
  watch(descriptor: Descriptor, onReadable: () => void): void {
    this.#callbacks.set(descriptor.fd, onReadable);
    native.mcr_event_signal(this.#wake.fd);
  }

  /** Stops watching; to be called before the descriptor ends. */
  forget(descriptor: Descriptor): void {
    this.#callbacks.delete(descriptor.fd);
    native.mcr_event_signal(this.#wake.fd);
  }

  async #run(): Promise<void> {
    while (!this.#isStopping) {
      const fds = new Int32Array([this.#wake.fd, ...this.#callbacks.keys()]);
      const ready = new Uint8Array(fds.length);
      check(await native.mcr_poll(fds, fds.length, WAIT_MS, ready));
      native.mcr_event_clear(this.#wake.fd);
      for (let i = 1; i < fds.length; i++) {
        // What was forgotten since has no callback any more.
        if (ready[i] === 1) this.#callbacks.get(fds[i]!)?.();
      }
    }
  }

  /** Returns when the wait has left C. Idempotent. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#isStopping = true;
    this.#callbacks.clear();
    if (this.#wake.fd >= 0) native.mcr_event_signal(this.#wake.fd);
    await this.#loop;
    this.#wake[Symbol.dispose]();
  }
}
