/**
 * mcr itself: the executable that MCR names, `dist/mcr` where it has been built, or the sources and zig-out/.
 *
 * @module
 */
import { basename } from "node:path";
import { connect } from "../../mod.ts";
import { addArguments, exists, mcr } from "../../tests/e2e/mcr.ts";
import { output, Process } from "../../tests/e2e/process.ts";
import { idleGroup, type Job, type Members, OUTPUT, type Peer, type Relay, scratch } from "../peer.ts";
import type { Testbed } from "../topology.ts";

/** Rules of which the answer is awaited together; a client may not have more than 1 MiB under way. */
const RULES_AT_ONCE = 500;

/** Chooses what to measure; the tests' helpers find it in the environment. */
export async function chooseBuild(root: string): Promise<void> {
  if (!Deno.env.get("MCR") && await exists(`${root}dist/mcr`)) Deno.env.set("MCR", `${root}dist/mcr`);
}

export const MCR: Peer = {
  name: "mcr",

  async describe(): Promise<string> {
    const version = (await output(mcr("version"))).trim();
    const executable = Deno.env.get("MCR");
    if (!executable) return `${version} (development build: sources and zig-out/)`;
    const { mtime } = await Deno.stat(executable);
    return `${version} (${basename(executable)}, built ${mtime?.toISOString().slice(0, 16)})`;
  },

  missing: () => Promise.resolve(undefined),

  async refuses({ mcr: { run = [], add = [] } }: Job): Promise<string | undefined> {
    return await lacking("run", run) ?? await lacking("add", add);
  },

  destinations: ({ outputs }) => outputs,

  async launch(bed: Testbed, job: Job): Promise<Relay> {
    const directory = await scratch();
    const socket = `${directory.path}/mcr.sock`;
    const args = ["--workers", String(job.workers), "--socket", socket, ...job.mcr.run ?? []];
    const process = await Process.start(bed.atRelay(mcr("run", ...args)));
    const relay = new RunningMcr(bed, job, process, socket, directory);
    try {
      await process.line("stderr", /^mcr: ready on /);
    } catch (error) {
      await relay[Symbol.asyncDispose]();
      throw error;
    }
    return relay;
  },
};

class RunningMcr implements Relay {
  readonly list: readonly string[];
  readonly #bed: Testbed;
  readonly #job: Job;
  readonly #process: Process;
  readonly #socket: string;
  readonly #directory: AsyncDisposable;

  constructor(bed: Testbed, job: Job, process: Process, socket: string, directory: AsyncDisposable) {
    [this.#bed, this.#job, this.#process, this.#socket, this.#directory] = [bed, job, process, socket, directory];
    this.list = mcr("list", "--socket", socket);
  }

  get said(): string {
    return this.#process.stderr;
  }

  async configure(): Promise<void> {
    const { inputs, outputs, idleRules, mcr: { add = [] } } = this.#job;
    const words = outputs.map(({ group, port }) => `${group}:${port}:out0`);
    for (const { group, port } of inputs) {
      const rule = addArguments({ in: "in0", group, port, outputs: words });
      await output(mcr(...rule, ...add, "--socket", this.#socket));
    }
    using client = await connect(this.#socket);
    for (let first = 0; first < idleRules; first += RULES_AT_ONCE) {
      const count = Math.min(RULES_AT_ONCE, idleRules - first);
      await Promise.all(Array.from({ length: count }, (_, index) =>
        client.call("rule.add", {
          input: { interface: "in0", group: idleGroup(first + index), port: inputs[0]!.port },
          outputs: [{ interface: "out0", ...OUTPUT }],
        })));
    }
  }

  async members(): Promise<Members> {
    using client = await connect(this.#socket);
    const { workers } = await client.call("worker.list", {});
    return { supervisor: this.#process.pid, workers: workers.flatMap(({ pid }) => pid ?? []) };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#process[Symbol.asyncDispose]();
    await this.#directory[Symbol.asyncDispose]();
  }
}

const helpTexts = new Map<string, Promise<string>>();

/** The sentence about an option that this build of mcr does not have yet. */
async function lacking(command: string, args: readonly string[]): Promise<string | undefined> {
  if (!helpTexts.has(command)) helpTexts.set(command, output(mcr("help", command)));
  const help = await helpTexts.get(command)!;
  const option = args.find((word) => word.startsWith("--") && !help.includes(`\n  ${word}`));
  return option && `this build's "mcr ${command}" has no ${option}`;
}
