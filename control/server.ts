/**
 * The control socket's server: takes clients in, gives each a `Connection`, and lets them go when it is disposed.
 *
 * @module
 */
import { Connection, within } from "./connection.ts";
import { answerLine, type ServerLogs } from "./dispatch.ts";
import { ControlError, messageOf } from "./error.ts";
import type { Guest, Listener } from "./listener.ts";
import type { MethodTable } from "./protocol.ts";

/** Clients connected at a time. */
export const CLIENTS_MAX = 256;

/** Clients above the limit that are being told so; any more are closed without a word. */
const REJECTED_MAX = 64;

/** How long connections that are closed may take to come to their end. */
const STOP_MS_MAX = 500;

/** The pause after a client could not be taken in, so that a lack of descriptors does not become a busy loop. */
const ACCEPT_PAUSE_MS = 100;

/** Serves `methods` to whoever connects. */
export class Server implements AsyncDisposable {
  readonly #listener: Listener;
  readonly #methods: MethodTable;
  readonly #logs: ServerLogs;
  readonly #connections = new Set<Connection>();
  readonly #tasks = new Set<Promise<void>>();
  readonly #accepting: Promise<void>;
  #rejectedCount = 0;

  /** Starts serving; owns the listener from now on. */
  constructor(listener: Listener, methods: MethodTable, logs: ServerLogs) {
    this.#listener = listener;
    this.#methods = methods;
    this.#logs = logs;
    this.#accepting = this.#accept();
  }

  /** Stops taking clients in, answers what is in progress, closes. Idempotent. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.#listener[Symbol.asyncDispose]();
    await this.#accepting;
    await Promise.all([...this.#connections].map((connection) => connection.stop()));
    // All are closed by now. Whatever a client's stream still waits for must not keep the supervisor.
    await within(STOP_MS_MAX, Promise.all(this.#tasks).then(() => {}));
  }

  async #accept(): Promise<void> {
    for (;;) {
      try {
        const guest = await this.#listener.accept();
        if (guest === null) return;
        this.#welcome(guest);
      } catch (error) {
        this.#logs.control(messageOf(error), "warning");
        await new Promise((resolve) => setTimeout(resolve, ACCEPT_PAUSE_MS));
      }
    }
  }

  #welcome({ stream, caller }: Guest): void {
    const connection = new Connection(
      stream,
      (line, session) => answerLine(line, this.#methods, this.#logs, caller, session),
    );
    if (this.#connections.size >= CLIENTS_MAX) {
      if (this.#rejectedCount >= REJECTED_MAX) return stream.close();
      this.#rejectedCount++;
      const refusal = new ControlError("limit", `Cannot serve another client: ${CLIENTS_MAX} are connected, the limit`);
      this.#follow(connection.reject(refusal).finally(() => this.#rejectedCount--));
      return;
    }
    this.#connections.add(connection);
    this.#follow(connection.serve().finally(() => this.#connections.delete(connection)));
  }

  #follow(task: Promise<void>): void {
    this.#tasks.add(task);
    task.finally(() => this.#tasks.delete(task));
  }
}
