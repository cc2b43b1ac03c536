/**
 * One client of the control socket: reads its requests, has them answered, writes the replies in the order in which they
 * are ready. Whatever the client does, or does not do, stays in here.
 *
 * @module
 */
import { ControlError } from "./error.ts";
import { LineTooLongError, readLines } from "./lines.ts";
import { Outbox } from "./outbox.ts";
import { formatError, LINE_BYTES_MAX, type Session } from "./protocol.ts";

/**
 * Requests of one client that are carried out at a time, and the bytes of their lines; further ones wait in its socket.
 * Changes that are asked for together are made together: 10,000 additions, 64 at a time, took 2.0 s, these 1.0 s.
 */
const REQUESTS_MAX = 4096;
const REQUEST_BYTES_MAX = 1 << 20;

/** How long a client that is sent away may take to read its last replies. */
const FAREWELL_MS_MAX = 500;

/** What comes of a request line: the reply line, or `null` when there is none. */
export type Reply = string | null;

/** Events that wait for a client, in bytes: 1,000 or more, while more replies than that may wait. */
const NOTICE_BYTES_MAX = 256 << 10;

/** Carries out one request line, at once where nothing has to be waited for. Never throws or rejects. */
export type Answer = (line: Uint8Array, session: Session) => Reply | Promise<Reply>;

/** The part of `Deno.UnixConn` that is used here. */
export interface Stream {
  read(buffer: Uint8Array): Promise<number | null>;
  write(bytes: Uint8Array): Promise<number>;
  closeWrite(): Promise<void>;
  close(): void;
}

/** A connected client. */
export class Connection implements Session {
  readonly #stream: Stream;
  readonly #answer: Answer;
  readonly #outbox: Outbox;
  readonly #running = new Set<Promise<void>>();
  /** Of the lines that asked for those. */
  #runningBytes = 0;
  #wake: () => void = () => {};
  readonly #endCalls: (() => void)[] = [];
  #isStopping = false;
  #isClosed = false;

  constructor(stream: Stream, answer: Answer) {
    this.#stream = stream;
    this.#answer = answer;
    this.#outbox = new Outbox(stream, { onStall: () => this.#close() });
  }

  /** Serves the client until it leaves, or is told to. Never rejects. */
  async serve(): Promise<void> {
    try {
      await this.#readRequests();
    } catch (error) {
      // Any other error is a read that failed: the client, or stop(), closed the connection.
      if (error instanceof LineTooLongError) await this.#sendAway(new ControlError("limit", error.message));
    }
    await Promise.all(this.#running);
    await this.#outbox.flushed();
    this.#close();
  }

  /** Refuses to serve: tells the client why and lets go of it. Never rejects. */
  async reject(error: ControlError): Promise<void> {
    await this.#sendAway(error);
    this.#close();
  }

  /** Answers what has been asked, takes nothing more and closes. */
  async stop(): Promise<void> {
    this.#isStopping = true;
    await Promise.all(this.#running);
    await within(FAREWELL_MS_MAX, this.#outbox.flushed());
    this.#close();
  }

  notify(line: string): boolean {
    if (this.#outbox.bytes > NOTICE_BYTES_MAX) return false;
    this.#outbox.push(line);
    return true;
  }

  flushed(): Promise<void> {
    return this.#outbox.flushed();
  }

  onEnd(call: () => void): void {
    this.#endCalls.push(call);
  }

  async #readRequests(): Promise<void> {
    for await (const line of readLines(this.#stream, LINE_BYTES_MAX)) {
      if (this.#isStopping || this.#outbox.isBroken) return;
      const reply = this.#answer(line, this);
      if (reply instanceof Promise) {
        this.#run(reply, line.length);
        while (this.#running.size >= REQUESTS_MAX || this.#runningBytes > REQUEST_BYTES_MAX) await this.#oneDone();
      } else {
        this.#send(reply);
      }
      await this.#outbox.room();
    }
  }

  #run(reply: Promise<Reply>, bytes: number): void {
    const task: Promise<void> = reply.then((late) => this.#send(late)).finally(() => {
      this.#running.delete(task);
      this.#runningBytes -= bytes;
      this.#wake();
    });
    this.#running.add(task);
    this.#runningBytes += bytes;
  }

  async #oneDone(): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#wake = resolve;
    await promise;
  }

  #send(reply: Reply): void {
    if (reply !== null) this.#outbox.push(reply);
  }

  /**
   * The last word to a client that may still be sending: it reads the message and then the end, while what it sends is
   * thrown away. Closing at once could take the message away from it.
   */
  async #sendAway(error: ControlError): Promise<void> {
    await Promise.all(this.#running);
    this.#outbox.push(formatError(null, error));
    await within(FAREWELL_MS_MAX, this.#discardInput());
    this.#close();
  }

  async #discardInput(): Promise<void> {
    await this.#outbox.flushed();
    try {
      await this.#stream.closeWrite();
      const scrap = new Uint8Array(1 << 16);
      while (await this.#stream.read(scrap) !== null);
    } catch {
      // Closed from the other side: then it is over.
    }
  }

  #close(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#stream.close();
    for (const call of this.#endCalls) call();
  }
}

/** Waits for `work`, but no longer than that. */
export async function within(ms: number, work: Promise<void>): Promise<void> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const limit = new Promise<void>((resolve) => timer = setTimeout(resolve, ms));
  await Promise.race([work, limit]);
  clearTimeout(timer);
}
