/**
 * A worker process and its channel, as the supervisor has them, for the tests of both.
 *
 * @module
 */
import { strictEqual } from "node:assert/strict";
import { Channel, type WorkerMessage } from "../../ffi/channel.ts";
import type { Descriptor } from "../../ffi/descriptor.ts";
import { nativeProgram } from "../../ffi/library.ts";
import { Poller } from "../../ffi/poller.ts";
import { compileTable, type NumberedRule, packRules } from "../../ffi/route_table.ts";
import { StatsPage } from "../../ffi/stats_page.ts";
import { availableCores } from "../../ffi/system.ts";
import { WorkerProcess } from "../../ffi/worker_process.ts";

/** How long a worker may take for what takes it microseconds. */
const PATIENCE_MS = 10_000;

/** A worker that has been spawned and told nothing yet. Disposing it ends it and takes note of its end. */
export class TestWorker implements AsyncDisposable {
  readonly channel = new Channel();
  readonly process: WorkerProcess;
  readonly page: StatsPage;
  readonly #poller = new Poller();
  readonly #ownsPage: boolean;
  #status: number | undefined;

  /** With the page of a predecessor, or its own. */
  constructor(page?: StatsPage) {
    this.#ownsPage = page === undefined;
    this.page = page ?? new StatsPage();
    this.process = new WorkerProcess(nativeProgram, this.channel);
  }

  /** A worker that has said that it is ready. */
  static async ready(page?: StatsPage): Promise<TestWorker> {
    const worker = new TestWorker(page);
    try {
      worker.start();
      strictEqual((await worker.hear())?.type, "ready");
    } catch (error) {
      await worker[Symbol.asyncDispose]();
      throw error;
    }
    return worker;
  }

  /** Says START. */
  start(core = availableCores()[0]!): void {
    this.channel.start({ index: 0, core }, this.page.memory);
  }

  /** Hands over a table, and hears that it is in force. */
  async relayBy(generation: number, rules: readonly NumberedRule[]): Promise<WorkerMessage | null> {
    using table = compileTable(generation, packRules(rules));
    this.channel.table(table);
    return await this.hear();
  }

  /** What it says next; null at its end. */
  async hear(): Promise<WorkerMessage | null> {
    for (;;) {
      const message = this.channel.receive();
      if (message !== undefined) return message;
      await this.#readable(this.channel.ours);
    }
  }

  /** Its exit status, once it has ended. */
  async end(): Promise<number> {
    if (this.#status !== undefined) return this.#status;
    await this.#readable(this.process.pidfd);
    this.#status = this.process.reap();
    return this.#status!;
  }

  async #readable(descriptor: Descriptor): Promise<void> {
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const timer = setTimeout(() => reject(new Error(`The worker says nothing for ${PATIENCE_MS} ms`)), PATIENCE_MS);
    try {
      this.#poller.watch(descriptor, resolve);
      await promise;
    } finally {
      clearTimeout(timer);
      this.#poller.forget(descriptor);
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#status === undefined) {
      this.process.kill();
      await this.end();
    }
    this.process[Symbol.dispose]();
    this.channel[Symbol.dispose]();
    await this.#poller[Symbol.asyncDispose]();
    if (this.#ownsPage) this.page[Symbol.dispose]();
  }
}
