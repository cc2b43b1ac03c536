/**
 * One worker: its core, its page of counters, and the processes that follow one another on them.
 *
 * @module
 */
import { Channel } from "../ffi/channel.ts";
import type { Descriptor } from "../ffi/descriptor.ts";
import { NativeError } from "../ffi/error.ts";
import { nativeProgram } from "../ffi/library.ts";
import type { Poller } from "../ffi/poller.ts";
import { StatsPage } from "../ffi/stats_page.ts";
import type { InputSocket } from "../ffi/sockets.ts";
import { WorkerProcess } from "../ffi/worker_process.ts";
import { messageOf } from "./error.ts";
import type { EventHub } from "./event_hub.ts";
import type { Log } from "./log.ts";
import type { WorkerState } from "./model.ts";
import type { Profile } from "./profile.ts";

/** A process that forwarded shorter than this, or never, doubles the wait for the next; another resets it. */
const SHORT_LIFE_MS = 10;
const BACKOFF_FIRST_MS = 1;
const BACKOFF_MAX_MS = 5000;

/** All that a worker forwards with: what its process is told when it starts. */
export interface Equipment {
  /** This worker's rings, by input index. */
  readonly inputs: ReadonlyMap<number, InputSocket>;
  /** Sockets by index. */
  readonly outputs: ReadonlyMap<number, Descriptor>;
  readonly table: Descriptor;
}

/** What a worker needs to know of the world. */
export interface WorkerOptions {
  readonly index: number;
  readonly core: number;
  readonly poller: Poller;
  readonly log: Log;
  readonly events: EventHub;
  /** User and group of the process; absent to keep the supervisor's. */
  readonly identity: { readonly uid?: number; readonly gid?: number };
  readonly profile: Profile;
  /** Read at each start. */
  readonly equipment: () => Equipment;
  /** Called when the state or the acknowledged generation has changed. */
  readonly onChange: () => void;
}

interface Life {
  readonly process: WorkerProcess;
  readonly channel: Channel;
  /** When it first acknowledged a table. */
  forwardingSinceMs?: number;
}

/** A worker. */
export class Worker implements AsyncDisposable {
  readonly index: number;
  readonly core: number;
  readonly page = new StatsPage();
  readonly #options: WorkerOptions;
  #life: Life | undefined;
  #state: WorkerState = "starting";
  #generation = 0;
  #restarts = 0;
  #backoffMs = 0;
  #restartTimer: ReturnType<typeof setTimeout> | undefined;
  #isStopping = false;
  /** Why the last process could not go on, by its own word. */
  #failure: NativeError | undefined;
  #heartbeat = 0;
  #ended = Promise.withResolvers<void>();

  constructor(options: WorkerOptions) {
    this.index = options.index;
    this.core = options.core;
    this.#options = options;
  }

  get state(): WorkerState {
    return this.#state;
  }

  get pid(): number | undefined {
    return this.#life?.process.pid;
  }

  get restarts(): number {
    return this.#restarts;
  }

  /** The generation that its process has acknowledged. */
  get generation(): number {
    return this.#generation;
  }

  get failure(): NativeError | undefined {
    return this.#failure;
  }

  /** Starts a process and tells it everything. */
  start(): void {
    const { poller, identity, profile, equipment } = this.#options;
    const channel = new Channel();
    let process: WorkerProcess;
    try {
      process = new WorkerProcess(nativeProgram, channel);
    } catch (error) {
      channel[Symbol.dispose]();
      throw error;
    }
    this.#state = "starting";
    this.#ended = Promise.withResolvers();
    this.#life = { process, channel };
    const type = this.#restarts === 0 ? "started" : "restarted";
    this.#options.events.emit({ kind: "worker", type, index: this.index, pid: process.pid });
    poller.watch(process.pidfd, () => this.#reap());
    poller.watch(channel.ours, () => this.#listen());
    const { inputs, outputs, table } = equipment();
    this.tell((channel) => {
      channel.start({ index: this.index, core: this.core, ...identity, ...profile }, this.page.memory);
      for (const [index, input] of inputs) channel.input(index, input);
      channel.outputs(outputs);
      channel.table(table);
    });
  }

  /** Says something to the process, if there is one. One that does not listen is ended: its successor will. */
  tell(say: (channel: Channel) => void): void {
    if (this.#life === undefined) return;
    try {
      say(this.#life.channel);
    } catch (error) {
      if (!(error instanceof NativeError)) throw error;
      // EPIPE: it is dead already, and will be reaped.
      if (error.code !== "EPIPE") this.#report("worker {index} is ended: {reason}", error.message);
      this.#life.process.kill();
    }
  }

  /** Ends the process if it has not been heard of since the last call. */
  checkHeartbeat(): void {
    const heartbeat = this.page.worker("heartbeat_ns");
    if (this.#life !== undefined && this.#state === "running" && heartbeat === this.#heartbeat) {
      const fields = { index: this.index, pid: this.#life.process.pid };
      this.#options.log("worker {index} (pid {pid}) does not answer and is ended", "error", fields);
      this.#life.process.kill();
    }
    this.#heartbeat = heartbeat;
  }

  #listen(): void {
    for (;;) {
      const message = this.#life?.channel.receive();
      if (message === undefined) return;
      if (message === null) {
        // It has closed its end: it is about to end, which the pidfd will tell.
        this.#options.poller.forget(this.#life!.channel.ours);
        return;
      }
      if (message.type === "acknowledge") {
        this.#state = "running";
        this.#life!.forwardingSinceMs ??= performance.now();
        this.#generation = message.generation;
        this.#options.onChange();
      } else if (message.type === "failed") {
        this.#failure = new NativeError(message.code, message.text);
        this.#report("worker {index} failed: {reason}", message.text);
      }
    }
  }

  #reap(): void {
    const life = this.#life;
    const status = life?.process.reap();
    if (life === undefined || status === undefined) return;
    // What it said last may still be unread; one that was told to end has nothing to say.
    if (!this.#isStopping) this.#listen();
    const { poller, log, events, onChange, equipment } = this.#options;
    poller.forget(life.process.pidfd);
    poller.forget(life.channel.ours);
    life.process[Symbol.dispose]();
    life.channel[Symbol.dispose]();
    this.#life = undefined;
    this.#generation = 0;
    for (const [index, input] of equipment().inputs) this.page.settle(index, input.progress);
    this.#ended.resolve();
    this.#state = "backoff";
    if (!this.#isStopping) {
      const { pid } = life.process, ended = { index: this.index, pid, status: describeStatus(status) };
      events.emit({ kind: "worker", type: "ended", ...ended });
      const isShort = performance.now() - (life.forwardingSinceMs ?? Infinity) < SHORT_LIFE_MS;
      this.#backoffMs = isShort ? Math.min(BACKOFF_MAX_MS, Math.max(BACKOFF_FIRST_MS, this.#backoffMs * 2)) : 0;
      const message = "worker {index} (pid {pid}) ended with {status}; starting again in {wait_ms} ms";
      log(message, "warning", { ...ended, wait_ms: this.#backoffMs });
      this.#restartTimer = setTimeout(() => this.#restart(), this.#backoffMs);
    }
    onChange();
  }

  #restart(): void {
    this.#restartTimer = undefined;
    this.#restarts++;
    try {
      this.start();
    } catch (error) {
      this.#backoffMs = Math.min(BACKOFF_MAX_MS, Math.max(BACKOFF_FIRST_MS, this.#backoffMs * 2));
      const reason = `${messageOf(error)}; trying again in ${this.#backoffMs} ms`;
      this.#report("worker {index} is not started: {reason}", reason);
      this.#restartTimer = setTimeout(() => this.#restart(), this.#backoffMs);
    }
  }

  #report(message: string, reason: string): void {
    this.#options.log(message, "error", { index: this.index, reason });
  }

  /** Lets the process drain and end; one that takes longer than `patienceMs` is killed. Its counters stay readable. */
  async stop(patienceMs: number): Promise<void> {
    this.#isStopping = true;
    clearTimeout(this.#restartTimer);
    if (this.#life === undefined) return;
    const { process, channel } = this.#life;
    this.#options.poller.forget(channel.ours);
    channel.ours[Symbol.dispose]();
    const killTimer = setTimeout(() => process.kill(), patienceMs);
    await this.#ended.promise;
    clearTimeout(killTimer);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop(0);
    this.page[Symbol.dispose]();
  }
}

function describeStatus(status: number): string {
  return status > 128 ? `signal ${status - 128}` : `status ${status}`;
}
