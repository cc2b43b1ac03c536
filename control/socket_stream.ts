/**
 * A connected socket that we have the descriptor of, as a stream. `node:net` takes one over; Deno's own connections
 * begin with `Deno.listen()`, which does not tell who came. 10,000 requests a second, one at a time, take it a quarter
 * of a core; reading through the poller instead would take a whole one.
 *
 * @module
 */
import { Socket } from "node:net";
import type { Stream } from "./connection.ts";

/** What is written at a time, so that a slow reader of something long is seen to read. */
const WRITE_BYTES = 1 << 16;

/** Reads and writes a socket, and owns it. */
export class SocketStream implements Stream {
  readonly #socket: Socket;
  readonly #chunks: AsyncIterator<Uint8Array>;
  /** What was received and not yet read. */
  #rest = new Uint8Array(0);
  #isClosed = false;
  /** Ends the read that waits. */
  #abandon: (error: Error) => void = () => {};

  /** Takes over the descriptor of a connected stream socket. */
  constructor(fd: number) {
    this.#socket = new Socket({ fd, readable: true, writable: true, allowHalfOpen: true });
    // Whoever reads or writes is told by that; without this the process would end.
    this.#socket.on("error", () => {});
    this.#chunks = this.#socket.iterator({ destroyOnReturn: false });
  }

  /** What is there, up to the buffer's size; `null` at the end. */
  async read(buffer: Uint8Array): Promise<number | null> {
    if (this.#rest.length === 0) {
      const chunk = await this.#nextChunk();
      if (chunk.done) return null;
      this.#rest = new Uint8Array(chunk.value);
    }
    const part = this.#rest.subarray(0, buffer.length);
    buffer.set(part);
    this.#rest = this.#rest.subarray(part.length);
    return part.length;
  }

  /** A socket that is destroyed at the wrong moment never ends a read by itself. */
  #nextChunk(): Promise<IteratorResult<Uint8Array>> {
    const { promise, resolve, reject } = Promise.withResolvers<IteratorResult<Uint8Array>>();
    this.#abandon = reject;
    if (this.#isClosed) reject(new Error("Cannot read: the socket is closed"));
    else this.#chunks.next().then(resolve, reject);
    return promise;
  }

  /** Writes some of it; resolves with how much when the kernel has taken that. */
  write(bytes: Uint8Array): Promise<number> {
    const { promise, resolve, reject } = Promise.withResolvers<number>();
    const part = bytes.subarray(0, WRITE_BYTES);
    this.#socket.write(part, (error) => error ? reject(error) : resolve(part.length));
    return promise;
  }

  /** Says that nothing more will be written. */
  closeWrite(): Promise<void> {
    return new Promise((resolve) => this.#socket.end(() => resolve()));
  }

  /** Reads and writes that wait reject. */
  close(): void {
    this.#isClosed = true;
    this.#socket.destroy();
    this.#abandon(new Error("Cannot read: the socket was closed"));
  }
}
