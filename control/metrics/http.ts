/**
 * As much of HTTP/1.1 as reading takes: one request a connection, GET and HEAD. Deno's own server sets no limit to the
 * connections and waits for ever for the rest of a request, and each of them costs a descriptor that rules need.
 *
 * @module
 */
import type { Stream } from "../connection.ts";
import { messageOf } from "../error.ts";
import type { Log } from "../log.ts";

/** Clients at a time; of further ones the connection is closed. */
export const CLIENTS_MAX = 32;
/** Request line and headers together. */
export const HEAD_BYTES_MAX = 8192;
/** To send them. */
const HEAD_PATIENCE_MS = 5_000;
/** To take the answer. */
const ANSWER_PATIENCE_MS = 30_000;
/** To close, once the answer has been taken. */
const FAREWELL_MS = 500;

/** The pause after a client could not be taken in, so that a lack of descriptors does not become a busy loop. */
const ACCEPT_PAUSE_MS = 100;
/** What is written at a time. */
const WRITE_BYTES = 1 << 16;

/** A request for something. */
export interface Request {
  readonly path: string;
  /** By their names in lower case. */
  readonly headers: ReadonlyMap<string, string>;
}

/** An answer. */
export interface Response {
  readonly status: keyof typeof REASONS;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: readonly Uint8Array[];
}

const REASONS = {
  200: "OK",
  400: "Bad Request",
  404: "Not Found",
  405: "Method Not Allowed",
  421: "Misdirected Request",
  431: "Request Header Fields Too Large",
  500: "Internal Server Error",
} as const;

/** Where clients come in. */
export interface Door extends AsyncDisposable {
  /** The next client; `null` once disposed. */
  accept(): Promise<Stream | null>;
}

/** An answer that is a sentence. */
export function refusal(status: Response["status"], sentence: string): Response {
  const headers = { "content-type": "text/plain; charset=utf-8", ...(status === 405 ? { allow: "GET, HEAD" } : {}) };
  return { status, headers, body: [new TextEncoder().encode(`${sentence}\n`)] };
}

/** What a server is made of. */
export interface HttpServerOptions {
  /** Owned by the server. */
  readonly door: Door;
  readonly answer: (request: Request) => Promise<Response>;
  readonly log: Log;
  /** How long a client may take to send its request, and to take the answer: 5 s and 30 s unless given. */
  readonly headPatienceMs?: number;
  readonly answerPatienceMs?: number;
}

/** Serves whoever comes in. */
export class HttpServer implements AsyncDisposable {
  readonly #options: HttpServerOptions;
  readonly #streams = new Set<Stream>();
  readonly #tasks = new Set<Promise<void>>();
  readonly #accepting: Promise<void>;

  /** Starts serving. */
  constructor(options: HttpServerOptions) {
    this.#options = options;
    this.#accepting = this.#accept();
  }

  async #accept(): Promise<void> {
    for (;;) {
      try {
        const stream = await this.#options.door.accept();
        if (stream === null) return;
        this.#welcome(stream);
      } catch (error) {
        this.#options.log("metrics: {reason}", "warning", { reason: messageOf(error) });
        await new Promise((resolve) => setTimeout(resolve, ACCEPT_PAUSE_MS));
      }
    }
  }

  #welcome(stream: Stream): void {
    if (this.#streams.size >= CLIENTS_MAX) return close(stream);
    this.#streams.add(stream);
    const task = this.#serve(stream).catch(() => {
      // The client has gone, or was too slow: there is nobody to tell.
    }).finally(() => {
      close(stream);
      this.#streams.delete(stream);
      this.#tasks.delete(task);
    });
    this.#tasks.add(task);
  }

  async #serve(stream: Stream): Promise<void> {
    const { headPatienceMs = HEAD_PATIENCE_MS, answerPatienceMs = ANSWER_PATIENCE_MS } = this.#options;
    const head = await within(headPatienceMs, stream, readHead(stream));
    if (head === null) return;
    const { method, request } = typeof head === "string" ? parseHead(head) : { method: "GET", request: head };
    const response = "status" in request ? request : await this.#respond(method, request);
    await within(answerPatienceMs, stream, writeResponse(stream, response, method !== "HEAD"));
    // What a client still sends would otherwise make the kernel take the answer back.
    await within(FAREWELL_MS, stream, readAway(stream));
  }

  async #respond(method: string, request: Request): Promise<Response> {
    if (method !== "GET" && method !== "HEAD") return refusal(405, "Cannot do that: expected GET or HEAD");
    try {
      return await this.#options.answer(request);
    } catch (error) {
      this.#options.log("Cannot answer a request for {path}: {reason}", "error", {
        path: request.path,
        reason: messageOf(error),
      });
      return refusal(500, "Cannot answer: the log of the supervisor says why");
    }
  }

  /** Ends all connections. Idempotent. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.#options.door[Symbol.asyncDispose]();
    await this.#accepting;
    for (const stream of this.#streams) close(stream);
    await Promise.all(this.#tasks);
  }
}

/** Closes a connection that takes longer, so that what it was waited for rejects. */
async function within<Result>(patienceMs: number, stream: Stream, work: Promise<Result>): Promise<Result> {
  const timer = setTimeout(() => close(stream), patienceMs);
  try {
    return await work;
  } finally {
    clearTimeout(timer);
  }
}

function close(stream: Stream): void {
  try {
    stream.close();
  } catch {
    // It was closed before.
  }
}

/** Request line and headers without the empty line; `null` from a client that says nothing, a response if too much. */
async function readHead(stream: Stream): Promise<string | Response | null> {
  const buffer = new Uint8Array(HEAD_BYTES_MAX);
  for (let length = 0; length < buffer.length;) {
    const count = await stream.read(buffer.subarray(length));
    if (count === null) return length === 0 ? null : refusal(400, "Cannot understand a request without an end");
    length += count;
    // Bytes beyond ASCII may stand in a header's value, where nobody looks at them.
    const text = new TextDecoder("latin1").decode(buffer.subarray(0, length)), end = /\r?\n\r?\n/.exec(text);
    if (end !== null) return text.slice(0, end.index);
  }
  return refusal(431, `Cannot take a request whose headers are longer than ${HEAD_BYTES_MAX} bytes`);
}

function parseHead(head: string): { readonly method: string; readonly request: Request | Response } {
  const [requestLine = "", ...lines] = head.split(/\r?\n/);
  const { method = "", target } = /^(?<method>[A-Z]+) (?:http:\/\/[^/ ]*)?(?<target>\/[^ ]*) HTTP\/1\.[01]$/
    .exec(requestLine)?.groups ?? {};
  if (target === undefined) {
    return { method, request: refusal(400, "Cannot understand the request: expected HTTP/1.1") };
  }
  const headers = new Map<string, string>();
  for (const line of lines) {
    const { name, value } = /^(?<name>[^\s:]+):[ \t]*(?<value>.*?)[ \t]*$/.exec(line)?.groups ?? {};
    if (name === undefined) return { method, request: refusal(400, "Cannot understand a header of the request") };
    const key = name.toLowerCase(), before = headers.get(key);
    headers.set(key, before === undefined ? value! : `${before},${value}`);
  }
  return { method, request: { path: target.split("?", 1)[0]!, headers } };
}

async function writeResponse(stream: Stream, { status, headers, body }: Response, hasBody: boolean): Promise<void> {
  const length = body.reduce((sum, part) => sum + part.length, 0);
  const fields = { ...headers, "content-length": String(length), connection: "close" };
  const lines = [`HTTP/1.1 ${status} ${REASONS[status]}`, ...Object.entries(fields).map((field) => field.join(": "))];
  const head = new TextEncoder().encode(`${lines.join("\r\n")}\r\n\r\n`);
  for (const part of [head, ...hasBody ? body : []]) {
    for (let done = 0; done < part.length;) done += await stream.write(part.subarray(done, done + WRITE_BYTES));
  }
  await stream.closeWrite();
}

async function readAway(stream: Stream): Promise<void> {
  const buffer = new Uint8Array(WRITE_BYTES);
  while (await stream.read(buffer) !== null);
}
