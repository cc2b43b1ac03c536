/**
 * The program under test: `mcr run` in a namespace of a test network, and the commands that talk to it. It is the
 * executable that the variable MCR names, or the sources and what `./dev native` has built.
 *
 * @module
 */
import { deepStrictEqual, ok } from "node:assert/strict";
import { resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { connect, type Methods, parseOutput, type RuleStatus, type Stats, type WorkerStatus } from "../../mod.ts";
import { describeProgress, findMiscounts } from "./identities.ts";
import type { Network } from "./network.ts";
import { type Ended, output, Process, run, until } from "./process.ts";

const ROOT = fileURLToPath(new URL("../..", import.meta.url));

/** How `./dev mcr` runs the sources. */
const SOURCES = [
  ...[Deno.execPath(), "run", "--quiet", "--no-prompt", "--cached-only", "--config", `${ROOT}deno.json`],
  ...["read", "write", "env", "sys", "run", "net", "ffi"].map((permission) => `--allow-${permission}`),
  `${ROOT}cli.ts`,
];

/** What the command line of a rule says. */
export interface RuleWords {
  readonly in: string;
  readonly group: string;
  readonly port: number;
  /** `GROUP:PORT:IFACE` each. */
  readonly outputs: readonly string[];
}

/** How `mcr run` is started. */
export interface RunOptions {
  /** Worker processes; one unless given. */
  readonly workers?: number;
  /** Further arguments. */
  readonly args?: readonly string[];
  /** The control socket; one in a directory of its own unless given. */
  readonly socket?: string;
  /** Of open files. */
  readonly filesLimit?: number;
}

/** The command line of `mcr` with these arguments. */
export function mcr(...args: string[]): string[] {
  const executable = Deno.env.get("MCR");
  return [...(executable ? [resolve(executable)] : SOURCES), ...args];
}

/** The command line of `mcr gen` and `mcr sink`, which are native in either build. */
export function nativeMcr(...args: string[]): string[] {
  const executable = Deno.env.get("MCR");
  return [executable ? resolve(executable) : `${ROOT}zig-out/bin/mcr-native`, ...args];
}

/** The arguments of `mcr add` for a rule. */
export function addArguments(rule: RuleWords): string[] {
  const input = ["--input-interface", rule.in, "--input-group", rule.group, "--input-port", String(rule.port)];
  return ["add", ...input, "--outputs", rule.outputs.join(",")];
}

/** A running supervisor. Disposing it ends it in any case; `stop()` also checks that it ends as it should. */
export class Supervisor implements AsyncDisposable {
  readonly socket: string;
  readonly process: Process;
  readonly #network: Network;
  readonly #namespace: string;

  private constructor(network: Network, namespace: string, socket: string, process: Process) {
    this.#network = network;
    this.#namespace = namespace;
    this.socket = socket;
    this.process = process;
  }

  /** Starts `mcr run` and waits until it takes commands. */
  static async start(network: Network, options: RunOptions = {}, namespace = "relay"): Promise<Supervisor> {
    const socket = options.socket ?? `${await Deno.makeTempDir({ prefix: "mcr-e2e-" })}/mcr.sock`;
    const args = ["run", "--workers", String(options.workers ?? 1), "--socket", socket, ...options.args ?? []];
    const limit = options.filesLimit === undefined ? [] : ["prlimit", `--nofile=${options.filesLimit}`];
    const process = await Process.start(network.within(namespace, [...limit, ...mcr(...args)]));
    const supervisor = new Supervisor(network, namespace, socket, process);
    try {
      await process.line("stderr", /^mcr: ready on \S+, \d+ worker\(s\)$/);
    } catch (error) {
      await supervisor[Symbol.asyncDispose]();
      throw error;
    }
    return supervisor;
  }

  /** Runs a client command to its end, whatever that is. */
  async attempt(...args: string[]): Promise<Ended> {
    return await run(mcr(...args), { env: { MCR_SOCKET: this.socket } });
  }

  /** Runs a client command that must succeed; resolves to what it printed. */
  async command(...args: string[]): Promise<string> {
    return await output(mcr(...args), { env: { MCR_SOCKET: this.socket } });
  }

  /** Adds a rule by the command line. */
  async add(rule: RuleWords): Promise<RuleStatus> {
    return JSON.parse(await this.command(...addArguments(rule), "-j"));
  }

  /** Adds many rules over one connection, as a program would. */
  async addAll(rules: readonly RuleWords[]): Promise<void> {
    using client = await connect(this.socket);
    await Promise.all(rules.map(({ in: name, group, port, outputs }) => {
      return client.call("rule.add", { input: { interface: name, group, port }, outputs: outputs.map(parseOutput) });
    }));
  }

  /** Removes a rule by the command line. */
  async remove(id: string): Promise<void> {
    await this.command("remove", id);
  }

  async rules(): Promise<readonly RuleStatus[]> {
    const { rules }: Methods["rule.list"]["result"] = JSON.parse(await this.command("list", "-j"));
    return rules;
  }

  async stats(): Promise<Stats> {
    return JSON.parse(await this.command("stats", "-j"));
  }

  async workers(): Promise<readonly WorkerStatus[]> {
    const { workers }: Methods["worker.list"]["result"] = JSON.parse(await this.command("workers", "-j"));
    return workers;
  }

  /** Waits until a rule is active or pending. */
  async untilRule(id: string, state: RuleStatus["state"]): Promise<RuleStatus> {
    return await until(`rule ${id} was ${state}`, async () => {
      return (await this.rules()).find((rule) => rule.id === id && rule.state === state);
    });
  }

  /** Waits until no datagram is under way and checks that the counters add up: see `identities.ts`. */
  async checkCounters(): Promise<void> {
    using client = await connect(this.socket);
    let last = "";
    const counted = await until("no datagram was under way", async () => {
      const [{ workers }, stats] = await Promise.all([client.call("worker.list", {}), client.call("stats.get", {})]);
      const progress = describeProgress({ workers, stats });
      const isAtRest = progress === last;
      last = progress;
      return isAtRest ? { workers, stats } : undefined;
    });
    deepStrictEqual(findMiscounts(counted), [], "all counters add up");
  }

  /** Checks the counters, ends the supervisor and checks that it leaves nothing behind. */
  async stop(): Promise<void> {
    await this.checkCounters();
    await this.end("SIGTERM");
  }

  /** Ends the supervisor, whatever it is doing, and checks that it leaves nothing behind. */
  async end(signal: "SIGTERM" | "SIGINT"): Promise<void> {
    this.process.kill(signal);
    const { code, stderr } = await this.process.end();
    deepStrictEqual(code, 0, `the supervisor ends well, but said:\n${stderr}`);
    ok(!await exists(this.socket), "the control socket is gone");
    deepStrictEqual(await this.#network.pids(this.#namespace), [], "no process is left");
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.process[Symbol.asyncDispose]();
    await Deno.remove(resolve(this.socket, ".."), { recursive: true }).catch(() => {});
  }
}

/** Whether there is something at `path`. */
export async function exists(path: string): Promise<boolean> {
  return await Deno.lstat(path).then(() => true, () => false);
}
