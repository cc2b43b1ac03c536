/**
 * The client's side of a subscription, to events or to a trace: a connection of its own, so that whoever reads slowly holds
 * up nothing but that.
 *
 * @module
 */
import { messageOf } from "./error.ts";
import type { EventFilter, RelayEvent } from "./event.ts";
import { readLines } from "./lines.ts";
import { LINE_BYTES_MAX, type MethodName, parseNotification, parseReply, type Reply } from "./protocol.ts";
import type { TraceEvent, TraceRequest } from "./trace.ts";

/** What is asked for, by which method, and how messages call it. */
interface Subscription {
  readonly method: MethodName;
  readonly params: unknown;
  readonly noun: string;
}

/** What comes after the answer to one request; read it with `for await`, dispose it to end that. */
export class NotificationStream<Item> implements AsyncIterable<Item>, Disposable {
  /** Resolves when the supervisor has said that it will tell; rejects when it does not. */
  readonly opened: Promise<void>;
  readonly #lines: Promise<AsyncGenerator<Uint8Array>>;
  readonly #noun: string;
  #stream: Deno.UnixConn | null = null;
  #isClosed = false;

  constructor(open: () => Promise<Deno.UnixConn>, subscription: Subscription) {
    this.#noun = subscription.noun;
    this.#lines = this.#subscribe(open, subscription);
    this.opened = this.#lines.then(() => {});
    // Whoever disposes it without reading does not want to hear of it.
    this.opened.catch(() => {});
  }

  async #subscribe(
    open: () => Promise<Deno.UnixConn>,
    { method, params, noun }: Subscription,
  ): Promise<AsyncGenerator<Uint8Array>> {
    const stream = await open();
    this.#stream = stream;
    if (this.#isClosed) stream.close();
    const request = JSON.stringify({ jsonrpc: "2.0", id: 1, method, params }) + "\n";
    await stream.write(new TextEncoder().encode(request));
    const lines = readLines(stream, LINE_BYTES_MAX);
    const reply = await this.#readReply(lines).catch((error) => {
      throw new Error(`Cannot subscribe to ${noun}: ${messageOf(error)}`, { cause: error });
    });
    if (!("error" in reply)) return lines;
    this[Symbol.dispose]();
    throw reply.error;
  }

  async #readReply(lines: AsyncGenerator<Uint8Array>): Promise<Reply> {
    const line = await lines.next();
    if (line.done) throw new Error("the supervisor closed the connection");
    return parseReply(line.value);
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<Item> {
    let why = "the supervisor closed the connection";
    using _end = this;
    const lines = await this.#lines;
    try {
      for (let line = await lines.next(); !line.done; line = await lines.next()) {
        yield parseNotification(line.value) as Item;
      }
    } catch (error) {
      why = messageOf(error);
    }
    if (!this.#isClosed) throw new Error(`Cannot get further ${this.#noun}: ${why}`);
  }

  /** Ends the subscription. Idempotent. */
  [Symbol.dispose](): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#stream?.close();
  }
}

/**
 * Events as they come. Reading throws when the supervisor goes away. What is read too slowly is left out, and a `missed`
 * event says how many.
 */
export class EventStream extends NotificationStream<RelayEvent> {
  /** Use `Client.events()`. */
  constructor(open: () => Promise<Deno.UnixConn>, filter: EventFilter) {
    super(open, { method: "event.subscribe", params: filter, noun: "events" });
  }
}

/** What a trace tells: datagrams as they come, and at last its end. */
export class TraceStream extends NotificationStream<TraceEvent> {
  /** Use `Client.trace()`. */
  constructor(open: () => Promise<Deno.UnixConn>, request: TraceRequest) {
    super(open, { method: "trace.start", params: request, noun: "datagrams" });
  }

  override async *[Symbol.asyncIterator](): AsyncGenerator<TraceEvent> {
    for await (const event of { [Symbol.asyncIterator]: () => super[Symbol.asyncIterator]() }) {
      yield event;
      if (event.type === "end") return;
    }
  }
}
