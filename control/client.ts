/**
 * The client's side of the control socket.
 *
 * @module
 */
import { messageOf, NoDaemonError } from "./error.ts";
import type { EventFilter } from "./event.ts";
import { EventStream, TraceStream } from "./event_stream.ts";
import { readLines } from "./lines.ts";
import { PROTOCOLS } from "./negotiation.ts";
import { type MethodName, type Methods, parseReply, type Reply } from "./protocol.ts";
import { resolveSocketPath } from "./socket_path.ts";
import type { TraceRequest } from "./trace.ts";
import { formatAge } from "./units.ts";

/** Bytes in one reply line; a string of JavaScript cannot be longer. */
const REPLY_BYTES_MAX = 1 << 29;

/** How long a supervisor may take for what it only has to look up; a thousand times as long as one does that is well. */
const PATIENCE_MS = 10_000;

/** No socket, nobody behind it, or somebody who is just leaving. */
const NOBODY = [Deno.errors.NotFound, Deno.errors.ConnectionRefused, Deno.errors.ConnectionReset];

interface Call {
  readonly resolve: (result: unknown) => void;
  readonly reject: (error: Error) => void;
}

/**
 * Connects to the supervisor, and agrees with it on a version of the protocol.
 *
 * Throws a `NoDaemonError` when none listens there, a `ControlError` when it speaks no version that this client speaks,
 * and an `Error` when it does not answer.
 *
 * @param path the control socket; where it usually is unless given
 * @param patienceMs how long it may take to answer; 10 s unless given
 *
 * @example
 * ```ts ignore
 * using client = await connect();
 * const { rules } = await client.call("rule.list", {});
 * ```
 */
export async function connect(
  path: string = resolveSocketPath(undefined, "client"),
  patienceMs = PATIENCE_MS,
): Promise<Client> {
  const client = await connectUnheard(path);
  try {
    await soon(client.call("version", { protocol: PROTOCOLS }), patienceMs);
    return client;
  } catch (error) {
    client[Symbol.dispose]();
    throw error instanceof GoneError ? nobodyAt(path, error) : error;
  }
}

/** Connects without agreeing on anything, for whoever asks what the supervisor speaks. */
export async function connectUnheard(path: string): Promise<Client> {
  return new Client(await dial(path), path);
}

/** What is answered, where that does not take longer than it ever should; rejects where it does. */
export async function soon<Result>(answer: Promise<Result>, patienceMs = PATIENCE_MS): Promise<Result> {
  const { promise: never, reject } = Promise.withResolvers<never>();
  const why =
    `Cannot get an answer: the supervisor has been silent for ${formatAge(patienceMs)}; it is stopped, stuck ` +
    "or overloaded";
  const timer = setTimeout(() => reject(new Error(why)), patienceMs);
  try {
    return await Promise.race([answer, never]);
  } finally {
    clearTimeout(timer);
  }
}

async function dial(path: string): Promise<Deno.UnixConn> {
  try {
    return await Deno.connect({ transport: "unix", path });
  } catch (error) {
    if (NOBODY.some((reason) => error instanceof reason)) throw nobodyAt(path, error);
    const advice = error instanceof Deno.errors.PermissionDenied ? '; be root or in the group "mcr"' : "";
    throw new Error(`Cannot connect to "${path}": ${messageOf(error)}${advice}`, { cause: error });
  }
}

function nobodyAt(path: string, cause: unknown): NoDaemonError {
  const message = `Cannot reach the supervisor on "${path}": nobody listens there; start one with "mcr run"`;
  return new NoDaemonError(message, { cause });
}

/** The supervisor closed the connection. */
class GoneError extends Error {}

/** A connection to the supervisor, for any number of calls, also at the same time. Dispose it to disconnect. */
export class Client implements Disposable {
  readonly #stream: Deno.UnixConn;
  readonly #path: string;
  readonly #calls = new Map<number, Call>();
  #lastId = 0;
  #writing: Promise<void> = Promise.resolve();
  /** Why no call can be answered any more. */
  #ended: Error | null = null;

  /** Use {@linkcode connect}. */
  constructor(stream: Deno.UnixConn, path: string) {
    this.#stream = stream;
    this.#path = path;
    this.#readReplies();
  }

  /**
   * Calls a method of the supervisor.
   *
   * Rejects with a `ControlError` when the supervisor refuses, and with an `Error` when it goes away before it answers.
   */
  call<Name extends MethodName>(method: Name, params: Methods[Name]["params"]): Promise<Methods[Name]["result"]> {
    if (this.#ended !== null) return Promise.reject(this.#ended);
    const id = ++this.#lastId;
    const answer = new Promise<unknown>((resolve, reject) => this.#calls.set(id, { resolve, reject }));
    // Whoever disposes the client without waiting for the answer does not want to hear of it.
    answer.catch(() => {});
    this.#writing = this.#writing.then(() =>
      this.#write(JSON.stringify({ jsonrpc: "2.0", id, method, params }) + "\n")
    );
    return answer as Promise<Methods[Name]["result"]>;
  }

  /**
   * Subscribes to events, of all kinds unless the filter names some. They come over a connection of their own, which
   * does not end with the client: reading to the end, `break` or disposing it does.
   *
   * @example
   * ```ts ignore
   * for await (const event of client.events({ kinds: ["rule", "drop"] })) console.log(event.time, event.kind);
   * ```
   */
  events(filter: EventFilter = {}): EventStream {
    return new EventStream(() => dial(this.#path), filter);
  }

  /**
   * Explains datagrams as they come, step by step: where they are received, which rule takes them, what each output does.
   * Over a connection of its own, as events.
   *
   * @example
   * ```ts ignore
   * for await (const event of client.trace({ group: "239.1.1.1", port: 5001 })) console.log(event);
   * ```
   */
  trace(request: TraceRequest): TraceStream {
    return new TraceStream(() => dial(this.#path), request);
  }

  /** Disconnects; calls that were not answered reject. */
  [Symbol.dispose](): void {
    if (this.#ended !== null) return;
    this.#end(new Error("Cannot wait for the supervisor's answer: the client is closed"));
  }

  async #write(line: string): Promise<void> {
    try {
      for (let rest = new TextEncoder().encode(line); rest.length > 0;) {
        rest = rest.subarray(await this.#stream.write(rest));
      }
    } catch {
      // The supervisor closed the connection; the reader finds out with what last words.
    }
  }

  async #readReplies(): Promise<void> {
    let why: Error = new GoneError("Cannot get an answer: the supervisor closed the connection");
    try {
      for await (const line of readLines(this.#stream, REPLY_BYTES_MAX)) this.#settle(parseReply(line));
    } catch (error) {
      const isGone = error instanceof Deno.errors.ConnectionReset;
      if (!isGone) why = new Error(`Cannot get an answer from the supervisor: ${messageOf(error)}`);
    }
    this.#end(why);
  }

  #settle(reply: Reply): void {
    // An error that answers no request is about the connection: it is all that will ever come.
    if (reply.id === null && "error" in reply) return this.#end(reply.error);
    const call = this.#calls.get(reply.id as number);
    this.#calls.delete(reply.id as number);
    if ("error" in reply) call?.reject(reply.error);
    else call?.resolve(reply.result);
  }

  #end(why: Error): void {
    if (this.#ended !== null) return;
    this.#ended = why;
    this.#stream.close();
    for (const call of this.#calls.values()) call.reject(why);
    this.#calls.clear();
  }
}
