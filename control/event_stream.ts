/**
 * The client's side of a subscription to events: a connection of its own, so that whoever reads slowly holds up nothing
 * but that.
 *
 * @module
 */
import { messageOf } from "./error.ts";
import type { EventFilter, RelayEvent } from "./event.ts";
import { readLines } from "./lines.ts";
import { LINE_BYTES_MAX, parseNotification, parseReply } from "./protocol.ts";

/**
 * Events as they come; read them with `for await`, dispose it to end that. Reading throws when the supervisor goes away.
 * What is read too slowly is left out, and a `missed` event says how many.
 */
export class EventStream implements AsyncIterable<RelayEvent>, Disposable {
  /** Resolves when the supervisor has said that it will tell; rejects when it does not. */
  readonly opened: Promise<void>;
  readonly #lines: Promise<AsyncGenerator<Uint8Array>>;
  #stream: Deno.UnixConn | null = null;
  #isClosed = false;

  /** Use `Client.events()`. */
  constructor(open: () => Promise<Deno.UnixConn>, filter: EventFilter) {
    this.#lines = this.#subscribe(open, filter);
    this.opened = this.#lines.then(() => {});
    // Whoever disposes it without reading does not want to hear of it.
    this.opened.catch(() => {});
  }

  async #subscribe(open: () => Promise<Deno.UnixConn>, filter: EventFilter): Promise<AsyncGenerator<Uint8Array>> {
    const stream = await open();
    this.#stream = stream;
    if (this.#isClosed) stream.close();
    const request = JSON.stringify({ jsonrpc: "2.0", id: 1, method: "event.subscribe", params: filter }) + "\n";
    await stream.write(new TextEncoder().encode(request));
    const lines = readLines(stream, LINE_BYTES_MAX);
    const line = await lines.next();
    if (line.done) throw new Error("Cannot subscribe to events: the supervisor closed the connection");
    const reply = parseReply(line.value);
    if (!("error" in reply)) return lines;
    this[Symbol.dispose]();
    throw reply.error;
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<RelayEvent> {
    let why = "the supervisor closed the connection";
    using _end = this;
    const lines = await this.#lines;
    try {
      for (let line = await lines.next(); !line.done; line = await lines.next()) {
        yield parseNotification(line.value) as RelayEvent;
      }
    } catch (error) {
      why = messageOf(error);
    }
    if (!this.#isClosed) throw new Error(`Cannot get further events: ${why}`);
  }

  /** Ends the subscription. Idempotent. */
  [Symbol.dispose](): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#stream?.close();
  }
}
