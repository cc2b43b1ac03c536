/**
 * The workers as one: what all of them forward with, and when they do.
 *
 * @module
 */
import type { Descriptor } from "../ffi/descriptor.ts";
import type { Poller } from "../ffi/poller.ts";
import type { InputSocket } from "../ffi/sockets.ts";
import { compileTable, packRules } from "../ffi/route_table.ts";
import type { PackedRules, TableOptions } from "../ffi/route_table.ts";
import type { EventHub } from "./event_hub.ts";
import type { Log } from "./log.ts";
import type { Profile } from "./profile.ts";
import { Worker } from "./worker.ts";

/** A worker's heart beats once a second: one that has missed several hangs. */
const HEARTBEAT_PATIENCE_MS = 5000;
/** A worker answers within a batch, microseconds; one that takes this long hangs. */
const ACKNOWLEDGE_PATIENCE_MS = 5000;
/** To relay what is in the rings: 8,192 slots take 20 ms. */
const DRAIN_PATIENCE_MS = 2000;

/** What a pool is made of. */
export interface WorkerPoolOptions {
  readonly poller: Poller;
  readonly log: Log;
  readonly events: EventHub;
  /** One for each worker. */
  readonly cores: readonly number[];
  readonly identity: { readonly uid?: number; readonly gid?: number };
  readonly profile: Profile;
}

/** An input's rings, one for each worker. */
export type InputSockets = readonly InputSocket[];

/** What a change brings, beside what is there already. */
export interface Delivery {
  readonly inputs: ReadonlyMap<number, InputSockets>;
  readonly outputs: ReadonlyMap<number, Descriptor>;
  readonly rules: PackedRules;
  readonly limits: TableOptions;
}

/** What a change no longer needs, by index. */
export interface Leftovers {
  readonly inputs: readonly number[];
  readonly outputs: readonly number[];
}

/** All workers of a relay. Owns the processes, their pages and the table, not the sockets. */
export class WorkerPool implements AsyncDisposable {
  readonly workers: readonly Worker[];
  readonly #inputs = new Map<number, InputSockets>();
  readonly #outputs = new Map<number, Descriptor>();
  readonly #log: Log;
  readonly #heartbeatTimer: ReturnType<typeof setInterval>;
  #table: Descriptor;
  #generation = 1;
  #onChange: () => void = () => {};

  private constructor({ poller, log, events, cores, identity, profile }: WorkerPoolOptions) {
    this.#log = log;
    this.#table = compileTable(this.#generation, packRules([]));
    this.workers = cores.map((core, index) =>
      new Worker({
        index,
        core,
        poller,
        log,
        events,
        identity,
        profile,
        equipment: () => ({ inputs: this.#inputsOf(index), outputs: this.#outputs, table: this.#table }),
        onChange: () => this.#onChange(),
      })
    );
    this.#heartbeatTimer = setInterval(() => {
      for (const worker of this.workers) worker.checkHeartbeat();
    }, HEARTBEAT_PATIENCE_MS);
  }

  /**
   * Starts the workers, with nothing to forward yet.
   *
   * @throws {NativeError} when a worker cannot work on this machine.
   */
  static async open(options: WorkerPoolOptions): Promise<WorkerPool> {
    await using undo = new AsyncDisposableStack();
    const pool = undo.use(new WorkerPool(options));
    for (const worker of pool.workers) worker.start();
    await pool.#acknowledged();
    for (const { failure } of pool.workers) {
      if (failure !== undefined) throw failure;
    }
    undo.move();
    return pool;
  }

  get generation(): number {
    return this.#generation;
  }

  /** Hands a change over; resolves when every worker that runs forwards by it. Throws before anything has changed. */
  async deliver({ inputs, outputs, rules, limits }: Delivery): Promise<void> {
    const table = compileTable(this.#generation + 1, rules, limits);
    this.#table[Symbol.dispose]();
    this.#table = table;
    this.#generation++;
    for (const [index, sockets] of inputs) this.#inputs.set(index, sockets);
    for (const [index, socket] of outputs) this.#outputs.set(index, socket);
    for (const worker of this.workers) {
      worker.tell((channel) => {
        for (const [index, sockets] of inputs) channel.input(index, sockets[worker.index]!);
        channel.outputs(outputs);
        channel.table(table);
      });
    }
    await this.#acknowledged();
  }

  /** Takes from the workers what their tables no longer name. */
  retire({ inputs, outputs }: Leftovers): void {
    for (const index of inputs) this.#inputs.delete(index);
    for (const index of outputs) this.#outputs.delete(index);
    for (const worker of this.workers) {
      worker.tell((channel) => {
        for (const index of inputs) channel.endInput(index);
        channel.endOutputs(outputs);
      });
    }
  }

  #inputsOf(worker: number): Map<number, InputSocket> {
    return new Map([...this.#inputs].map(([index, sockets]) => [index, sockets[worker]!]));
  }

  /** Resolves when all workers that have a process have acknowledged the present generation. */
  async #acknowledged(): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    const isDone = (worker: Worker): boolean => worker.generation === this.#generation || worker.state === "backoff";
    this.#onChange = (): void => {
      if (this.workers.every(isDone)) resolve();
    };
    const timer = setTimeout(() => {
      this.#log("not every worker has acknowledged generation {generation}", "error", { generation: this.#generation });
      resolve();
    }, ACKNOWLEDGE_PATIENCE_MS);
    this.#onChange();
    await promise;
    clearTimeout(timer);
    this.#onChange = (): void => {};
  }

  /** Lets the workers drain and end. */
  async [Symbol.asyncDispose](): Promise<void> {
    clearInterval(this.#heartbeatTimer);
    await Promise.all(this.workers.map((worker) => worker.stop(DRAIN_PATIENCE_MS)));
    for (const worker of this.workers) await worker[Symbol.asyncDispose]();
    this.#table[Symbol.dispose]();
  }
}
