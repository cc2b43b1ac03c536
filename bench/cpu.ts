/**
 * CPU time that relaying costs on the relay's core, by what an idle-priority spinner there no longer gets.
 *
 * @module
 */
import { fileURLToPath } from "node:url";
import { exists } from "../tests/e2e/mcr.ts";
import { Process, until } from "../tests/e2e/process.ts";
import { send } from "./load.ts";
import type { Figure, Measure, Sample, Stand } from "./measure.ts";
import { clockMs } from "./spinner.ts";
import type { Testbed } from "./topology.ts";

/** How often the spinner had turned, and when. */
export interface Reading {
  readonly ms: number;
  readonly count: number;
}

/** Where the spinner's speed before and after differs by more than this share, something else disturbed it. */
const DRIFT_MAX = 0.05;

/** It is then watched again, but not for ever. */
const WATCHES_MAX = 3;

/** A measurement, and the share by which the spinner was faster or slower after it than before. */
interface Watched {
  readonly figure: Figure;
  readonly drift: number;
}

/** Measures `cpu`: seconds of the core for a million datagrams, of which so many come in a second. */
export function measureCpuAt(rate: number): Measure {
  return async function* (stand): AsyncGenerator<void, Sample> {
    let drift = Infinity;
    for (let watches = 0; watches < WATCHES_MAX; watches++) {
      const watched = await watch(stand, rate);
      // Here, not in the midst: one spinner at a time.
      yield;
      if (watched.drift <= DRIFT_MAX) return { cpu: watched.figure };
      drift = watched.drift;
    }
    throw new Error(
      `Cannot measure CPU time: the core's speed changed by ${percent(drift)} meanwhile, by something else`,
    );
  };
}

async function watch({ bed, load, effort, say }: Stand, rate: number): Promise<Watched> {
  await using spinner = await Spinner.start(bed);
  const aloneMs = effort.watchSeconds * 1000 / 3;
  const before = await spinner.watch(aloneMs);
  const arrived = await bed.settled();
  const start = await spinner.read();
  const sent = await send(bed, load, rate, effort.watchSeconds);
  const end = await spinner.read();
  const after = await spinner.watch(aloneMs);
  const loss = (sent.bytes - ((await bed.settled()).bytes - arrived.bytes)) / sent.bytes;
  const value = busySeconds((before + after) / 2, start, end) / (sent.sent / 1e6);
  const drift = Math.abs(after / before - 1);
  say(
    `${value.toFixed(2)} s per million at ${Math.round(sent.rate)}/s, ${percent(loss)} lost, drift ${percent(drift)}`,
  );
  return { figure: { value, loss }, drift };
}

function percent(share: number): string {
  return `${(share * 100).toFixed(1)} %`;
}

/** Turns in a millisecond between two readings. */
export function speed(start: Reading, end: Reading): number {
  return (end.count - start.count) / (end.ms - start.ms);
}

/** Time between two readings that a spinner of such a speed did not get. */
export function busySeconds(speed: number, start: Reading, end: Reading): number {
  return (end.ms - start.ms - (end.count - start.count) / speed) / 1000;
}

/** A spinner on the relay's first core. */
class Spinner implements AsyncDisposable {
  readonly #process: Process;

  private constructor(process: Process) {
    this.#process = process;
  }

  static async start(bed: Testbed): Promise<Spinner> {
    const program = [Deno.execPath(), "run", "--quiet", fileURLToPath(new URL("spinner.ts", import.meta.url))];
    const place = ["setsid", "taskset", "-c", String(bed.cores.relay[0]), "chrt", "--idle", "0"];
    const spinner = new Spinner(await Process.start([...place, ...program]));
    await spinner.read();
    await spinner.#giveWay();
    return spinner;
  }

  /**
   * Where the scheduler groups processes by session (autogroup), the idle priority holds within the group only, and the
   * group has the weight of any other: the kernel's own threads lose half the core to the spinner, and datagrams. So
   * it is in a session of its own, of the least weight.
   */
  async #giveWay(): Promise<void> {
    const group = `/proc/${this.#process.pid}/autogroup`;
    if (await exists(group)) await Deno.writeTextFile(group, "19", { create: false });
  }

  /** Its first reading from now on. */
  async read(): Promise<Reading> {
    const now = clockMs();
    return await until("the spinner got some time", () => {
      const { stdout } = this.#process;
      const line = stdout.slice(0, stdout.lastIndexOf("\n")).split("\n").at(-1)!;
      const [ms, count] = line.split(" ").map(Number);
      return Promise.resolve(ms! >= now ? { ms: ms!, count: count! } : undefined);
    });
  }

  /** Its speed over a while. */
  async watch(ms: number): Promise<number> {
    const start = await this.read();
    await new Promise((resolve) => setTimeout(resolve, ms));
    return speed(start, await this.read());
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#process[Symbol.asyncDispose]();
  }
}
