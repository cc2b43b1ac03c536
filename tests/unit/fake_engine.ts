/**
 * An engine that only remembers, and the control socket in front of it: what the tests of the supervisor, the server and
 * the commands share.
 *
 * @module
 */
import { type Client, connect } from "../../control/client.ts";
import { Endpoint } from "../../control/endpoint.ts";
import type { Engine, RuleChange, RulePlacement, RuleReading } from "../../control/engine.ts";
import type { Histogram } from "../../control/latency.ts";
import { readLines } from "../../control/lines.ts";
import { type Log, type Logger, type Logs, renderMessage } from "../../control/log.ts";
import { AREAS, levelsOf } from "../../control/log_level.ts";
import { EventHub } from "../../control/event_hub.ts";
import type { Drops, InterfaceStatus, Rule, Stats, WorkerCounters, WorkerStatus } from "../../control/model.ts";
import { Server } from "../../control/server.ts";
import { Supervisor } from "../../control/supervisor.ts";
import type { OpenTap, Tap } from "../../control/tracer.ts";
import type { Captured } from "../../ffi/capture.ts";

const RATE = { datagrams_per_s: 10, bits_per_s: 105_280, drops_per_s: 0 };
const RATES = { over_1s: RATE, over_10s: RATE, over_60s: RATE };

const COUNTERS = { received: 12, received_bytes: 15792, relayed: 10, drops: { no_rule: 2 }, rates: RATES };

/** As `csrc/mcr.h` has it. */
const ADVICE = {
  no_rule: "no rule for this group and port: normal for a moment after a rule was removed",
  socket_full: "the output's send buffer is full: the interface is slower than the stream",
};

/** Remembers every set of rules that was applied. */
export class FakeEngine implements Engine {
  /** The ids of each set applied, in order. */
  readonly applied: string[][] = [];
  /** Interfaces that are missing. */
  readonly missing = new Set<string>();
  /** All drops so far, by reason. */
  dropped: Record<string, number> = {};
  /** How long the datagrams of each rule took. */
  histogram: Histogram | undefined;
  /** What the next call of apply() waits for. */
  gate: Promise<void> | null = null;
  /** What the next call of apply() fails with. */
  failure: Error | null = null;
  #rules: readonly Rule[] = [];
  /** Three seconds before it was first asked. */
  #lastSeenMs: number | undefined;

  async apply(changes: readonly RuleChange[]): Promise<void> {
    const { gate, failure } = this;
    const rules = changedRules(this.#rules, changes);
    this.gate = null;
    this.failure = null;
    const before = this.#rules;
    // As the real one: it knows only the new rules while it waits for the workers.
    this.#rules = rules;
    await gate;
    if (failure !== null) {
      this.#rules = before;
      throw failure;
    }
    this.applied.push(rules.map(({ id }) => id));
  }

  placement(id: string): RulePlacement {
    const rule = this.#rules.find((candidate) => candidate.id === id);
    if (rule === undefined) throw new Error(`Cannot place rule ${id}: it was never applied`);
    const names = [rule.input.interface, ...rule.outputs.map((output) => output.interface)];
    const waiting = [...new Set(names)].filter((name) => this.missing.has(name));
    return { state: waiting.length > 0 ? "pending" : "active", waiting_for: waiting };
  }

  stats(): Stats {
    const lastSeenMs = this.#lastSeenMs ??= Date.now() - 3000;
    const rules = this.#rules.map(({ id, name, input, outputs }) => ({
      id,
      ...(name === undefined ? {} : { name }),
      input,
      received: 10,
      received_bytes: 13160,
      relayed: 10,
      drops: {},
      rates: RATES,
      last_seen_ms: lastSeenMs,
      latency: { p50_us: 47, p99_us: 120, p999_us: 180 },
      outputs: outputs.map((output) => ({
        ...{ output, due: 10, sent: 9, sent_bytes: 11844, drops: { socket_full: 1 }, rates: RATES },
        last_seen_ms: lastSeenMs,
      })),
    }));
    return { totals: COUNTERS, rules, advice: { no_rule: ADVICE.no_rule, ...(rules.length > 0 ? ADVICE : {}) } };
  }

  totals(): WorkerCounters {
    return COUNTERS;
  }

  *readings(): Generator<RuleReading> {
    for (const { id } of this.#rules) {
      const counters = this.stats().rules.find((rule) => rule.id === id);
      if (counters !== undefined) yield { counters, histogram: this.histogram, ...this.placement(id) };
    }
  }

  drops(): Drops {
    return { ...this.dropped };
  }

  advice(reason: string): string {
    return `look at ${reason}`;
  }

  workers(): readonly WorkerStatus[] {
    const counters = { restarts: 0, generation: this.applied.length, superframes: 0, wakeups: 0, ...COUNTERS };
    return [{ index: 0, state: "running", pid: 4711, core: 3, ...counters }];
  }

  interfaces(): readonly InterfaceStatus[] {
    return [{ name: "eth0", index: 2, mtu: 1500, up: true, addresses: ["10.0.0.1"] }];
  }

  async [Symbol.asyncDispose](): Promise<void> {}
}

/** What a supervisor logs with: keeps every message, whatever its level, and knows levels. */
export function memoryLogger(lines: string[]): Pick<Logger, "logs" | "levels" | "setLevels"> {
  const log: Log = (message, _level, fields) => void lines.push(renderMessage(message, fields));
  return {
    logs: Object.fromEntries(AREAS.map((area) => [area, log])) as Logs,
    levels: levelsOf("info"),
    setLevels(levels): void {
      Object.assign(this.levels, levels);
    },
  };
}

/** What changes make of rules, in order. */
function changedRules(rules: readonly Rule[], changes: readonly RuleChange[]): Rule[] {
  const changed = new Map(rules.map((rule) => [rule.id, rule]));
  for (const { before, after } of changes) {
    if (before !== undefined && changed.get(before.id) !== before) throw new Error(`Cannot change rule ${before.id}`);
    if (before !== undefined && before.id !== after?.id) changed.delete(before.id);
    if (after !== undefined) changed.set(after.id, after);
  }
  return [...changed.values()];
}

/** A tap whose frames a test puts there. */
export class FakeTap implements Tap {
  readonly #frames: Captured[] = [];
  #onReadable: () => void = () => {};
  isClosed = false;
  /** What it was opened for last. */
  opened: { readonly interfaceIndex: number; readonly group: string; readonly port: number } | undefined;

  readonly open: OpenTap = (interfaceIndex, group, port, onReadable) => {
    this.opened = { interfaceIndex, group, port };
    this.#onReadable = onReadable;
    this.isClosed = false;
    return this;
  };

  /** Has these come in. */
  receive(...frames: readonly Captured[]): void {
    this.#frames.push(...frames);
    this.#onReadable();
  }

  read(): Captured | undefined {
    return this.#frames.shift();
  }

  listen(isListening: boolean): void {
    if (isListening && this.#frames.length > 0) this.#onReadable();
  }

  close(): void {
    this.isClosed = true;
    this.#frames.length = 0;
  }
}

/** A supervisor behind a real socket in a directory of its own. */
export class TestSupervisor implements AsyncDisposable {
  readonly engine = new FakeEngine();
  readonly events = new EventHub();
  readonly tap = new FakeTap();
  readonly log: string[] = [];
  readonly path: string;
  readonly #directory: string;
  readonly #endpoint: Endpoint;
  readonly #server: Server;

  private constructor(directory: string, endpoint: Endpoint) {
    const logger = memoryLogger(this.log), { logs } = logger;
    const supervisor = new Supervisor({
      engine: this.engine,
      logger,
      events: this.events,
      openTap: this.tap.open,
      abi: 1,
    });
    this.path = endpoint.path;
    this.#directory = directory;
    this.#endpoint = endpoint;
    this.#server = new Server(endpoint.listen({}, logs.control), supervisor.methods, logs);
  }

  static async start(): Promise<TestSupervisor> {
    const directory = await Deno.makeTempDir({ prefix: "mcr-" });
    return new TestSupervisor(directory, await Endpoint.claim(`${directory}/mcr.sock`));
  }

  connect(): Promise<Client> {
    return connect(this.path);
  }

  /** A connection without a client's manners. */
  async dial(): Promise<RawPeer> {
    return new RawPeer(await Deno.connect({ transport: "unix", path: this.path }));
  }

  /** Ends the server, as a signal would. */
  async stop(): Promise<void> {
    await this.#server[Symbol.asyncDispose]();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
    this.#endpoint[Symbol.dispose]();
    await Deno.remove(this.#directory, { recursive: true });
  }
}

/** A line of the supervisor, as far as tests look into it. */
export interface Reply {
  readonly jsonrpc: string;
  readonly id: number | string | null;
  readonly error?: { readonly code: number; readonly message: string; readonly data: { readonly code: string } };
}

/** Bytes out, lines in. */
export class RawPeer implements Disposable {
  readonly stream: Deno.UnixConn;
  readonly #lines: AsyncGenerator<Uint8Array>;

  constructor(stream: Deno.UnixConn) {
    this.stream = stream;
    this.#lines = readLines(stream, 1 << 30);
  }

  /** Sends all of it; rejects when the other side has closed. */
  async send(data: string | Uint8Array): Promise<void> {
    let rest = typeof data === "string" ? new TextEncoder().encode(data) : data;
    while (rest.length > 0) rest = rest.subarray(await this.stream.write(rest));
  }

  /** The next line as JSON; `null` at the end. */
  async receive(): Promise<Reply | null> {
    const line = await this.#lines.next();
    return line.done ? null : JSON.parse(new TextDecoder().decode(line.value));
  }

  [Symbol.dispose](): void {
    this.stream.close();
  }
}
