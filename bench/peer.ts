/**
 * What a relay under measurement is to the bench: something that is started in a testbed, given a job, and ended.
 *
 * @module
 */
import type { Process } from "../tests/e2e/process.ts";
import type { Testbed } from "./topology.ts";

/** A multicast stream's destination. */
export interface Destination {
  readonly group: string;
  readonly port: number;
}

/** What to relay: everything that arrives for any input leaves for every output. */
export interface Job {
  /** None: nothing is relayed. */
  readonly inputs: readonly Destination[];
  readonly outputs: readonly Destination[];
  /** Further rules that no traffic meets. */
  readonly idleRules: number;
  /** Worker processes, where a relay has such. */
  readonly workers: number;
  /** Further options, which only mcr has. */
  readonly mcr: McrOptions;
}

/** How mcr is started, where it differs from what it does by itself. */
export interface McrOptions {
  readonly run?: readonly string[];
  readonly add?: readonly string[];
}

/** The processes of a running relay. */
export interface Members {
  /** Takes commands, where there is such a process. */
  readonly supervisor?: number;
  readonly workers: readonly number[];
}

/** The names of the peers, in the order of the report's columns. */
export const PEER_NAMES = ["mcr", "rust", "socat", "kernel"] as const;
export type PeerName = (typeof PEER_NAMES)[number];

/** A kind of relay. */
export interface Peer {
  readonly name: PeerName;
  /** What is being measured: which build, which version. */
  describe(): Promise<string>;
  /** What to do to have it, if it is not there. */
  missing(): Promise<string | undefined>;
  /** Why it cannot do this job, if so. */
  refuses(job: Job): Promise<string | undefined>;
  /** Where what it relays arrives. */
  destinations(job: Job): readonly Destination[];
  /** Starts it; resolves when it takes commands or, where it takes none, has been started. */
  launch(bed: Testbed, job: Job): Promise<Relay>;
}

/** A relay that runs. */
export interface Relay extends AsyncDisposable {
  /** Tells it what to relay. */
  configure(): Promise<void>;
  members(): Promise<Members>;
  /** The command that lists its rules, if it has one. */
  readonly list?: readonly string[];
  /** What it has said, for the case that it fails. */
  readonly said: string;
}

/** The inputs and outputs of every job: consecutive groups, as `mcr gen --flows` sends to. */
export const INPUT: Destination = { group: "239.1.1.1", port: 5001 };
export const OUTPUT: Destination = { group: "239.9.9.1", port: 5099 };

/** `count` destinations with consecutive groups. */
export function consecutive({ group, port }: Destination, count: number): Destination[] {
  const [network, last] = [group.slice(0, group.lastIndexOf(".")), Number(group.slice(group.lastIndexOf(".") + 1))];
  return Array.from({ length: count }, (_, index) => ({ group: `${network}.${last + index}`, port }));
}

/** Groups for rules that no traffic meets: 250 to a network, none of them an input or an output. */
export function idleGroup(index: number): string {
  return `239.100.${Math.floor(index / 250)}.${1 + index % 250}`;
}

/** Whether a program can be started. */
export async function isInstalled(program: string): Promise<boolean> {
  const { success } = await new Deno.Command("sh", { args: ["-c", `command -v ${program}`], stdout: "null" }).output();
  return success;
}

/** A directory of its own for what a relay keeps in files; it goes when disposed. */
export async function scratch(): Promise<AsyncDisposable & { readonly path: string }> {
  const path = await Deno.makeTempDir({ prefix: "mcr-bench-" });
  return { path, [Symbol.asyncDispose]: () => Deno.remove(path, { recursive: true }).catch(() => {}) };
}

/** Ends a relay, and what it leaves of its processes. */
export async function endRelay(process: Process, bed: Testbed): Promise<void> {
  await process[Symbol.asyncDispose]();
  for (const pid of await bed.network.pids("relay")) {
    try {
      Deno.kill(pid, "SIGKILL");
    } catch {
      // It has ended since.
    }
  }
}
