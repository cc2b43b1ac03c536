/**
 * The Rust implementation: `mcrd` and `mcrctl` in the folder that MCR_PEER_RUST names. Its workers pin themselves, from
 * core 0 on, whatever affinity they are given.
 *
 * @module
 */
import { exists } from "../../tests/e2e/mcr.ts";
import { output, Process } from "../../tests/e2e/process.ts";
import { endRelay, idleGroup, type Job, type Members, OUTPUT, type Peer, type Relay, scratch } from "../peer.ts";
import type { Testbed } from "../topology.ts";

/** The path of one of its programs. */
function program(name: string): string {
  return `${Deno.env.get("MCR_PEER_RUST")}/${name}`;
}

export const RUST: Peer = {
  name: "rust",

  async describe(): Promise<string> {
    return (await output([program("mcrd"), "--version"])).trim();
  },

  async missing(): Promise<string | undefined> {
    if (!Deno.env.get("MCR_PEER_RUST")) return "set MCR_PEER_RUST to the folder of mcrd and mcrctl";
    for (const name of ["mcrd", "mcrctl"]) {
      if (!await exists(program(name))) return `there is no ${program(name)}`;
    }
    return undefined;
  },

  refuses: () => Promise.resolve(undefined),

  destinations: ({ outputs }) => outputs,

  async launch(bed: Testbed, job: Job): Promise<Relay> {
    const directory = await scratch();
    const socket = `${directory.path}/mcrd.sock`;
    const args = ["--control-socket-path", socket, "--num-workers", String(job.workers), "--interface", "in0"];
    const process = await Process.start(bed.atRelay([program("mcrd"), "supervisor", ...args]));
    const relay = new RunningRust(bed, job, process, socket, directory);
    try {
      await process.line("stderr", /Control socket listening/);
    } catch (error) {
      await relay[Symbol.asyncDispose]();
      throw error;
    }
    return relay;
  },
};

class RunningRust implements Relay {
  readonly list: readonly string[];
  readonly #bed: Testbed;
  readonly #job: Job;
  readonly #process: Process;
  readonly #control: readonly string[];
  readonly #directory: AsyncDisposable & { readonly path: string };

  constructor(
    bed: Testbed,
    job: Job,
    process: Process,
    socket: string,
    directory: AsyncDisposable & { readonly path: string },
  ) {
    [this.#bed, this.#job, this.#process, this.#directory] = [bed, job, process, directory];
    this.#control = [program("mcrctl"), "--socket-path", socket];
    this.list = [...this.#control, "list"];
  }

  get said(): string {
    return this.#process.stdout + this.#process.stderr;
  }

  async configure(): Promise<void> {
    const { inputs, outputs, idleRules } = this.#job;
    const words = outputs.map(({ group, port }) => `${group}:${port}:out0`).join(",");
    for (const { group, port } of inputs) {
      const input = ["--input-interface", "in0", "--input-group", group, "--input-port", String(port)];
      await output([...this.#control, "add", ...input, "--outputs", words]);
    }
    if (idleRules === 0) return;
    const rules = Array.from({ length: idleRules }, (_, index) => ({
      input: { interface: "in0", group: idleGroup(index), port: inputs[0]!.port },
      outputs: [{ ...OUTPUT, interface: "out0" }],
    }));
    const file = `${this.#directory.path}/rules.json`;
    await Deno.writeTextFile(file, JSON.stringify({ rules }));
    await output([...this.#control, "config", "load", "--file", file]);
  }

  async members(): Promise<Members> {
    const pids = await this.#bed.network.pids("relay");
    return { supervisor: this.#process.pid, workers: pids.filter((pid) => pid !== this.#process.pid) };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await endRelay(this.#process, this.#bed);
    await this.#directory[Symbol.asyncDispose]();
  }
}
