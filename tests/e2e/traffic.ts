/**
 * Traffic of a test: `mcr gen` sends it, `mcr sink` says what became of it. Both know each datagram by its number, and a
 * flow by a digest that is the same on both sides only if content, order and number are.
 *
 * @module
 */
import { deepStrictEqual } from "node:assert/strict";
import { nativeMcr } from "./mcr.ts";
import type { Network } from "./network.ts";
import { output, Process } from "./process.ts";

/** How long a sink waits after the last datagram for one that should not come. */
const IDLE_SECONDS = 0.5;

/** How long a sink waits in all. */
const TIMEOUT_SECONDS = 45;

/** Datagrams a second where a test is not about speed: a ring holds 0.4 s of it, if a shared machine stands still. */
const RATE = 20_000;

/** Where a stream goes, and how. */
export interface Stream {
  readonly namespace?: string;
  readonly interface?: string;
  readonly group: string;
  readonly port: number;
  readonly count: number;
  /** Datagrams a second; 20,000 unless given. */
  readonly rate?: number;
  readonly size?: string;
  /** Consecutive groups, served in turn. */
  readonly flows?: number;
  /** Further arguments. */
  readonly args?: readonly string[];
}

/** Where a sink listens. */
export interface Place {
  readonly namespace?: string;
  readonly interface?: string;
  readonly group: string;
  readonly port: number;
  readonly flows?: number;
  readonly idle?: number;
  /** Ends it after so many, at once. */
  readonly count?: number;
}

/** What `mcr gen -j` says of one flow. */
export interface SentFlow {
  readonly flow: number;
  readonly sent: number;
  readonly digest: string;
}

/** What `mcr gen -j` says. */
export interface Sent {
  readonly sent: number;
  readonly gso: boolean;
  readonly errors: Readonly<Record<string, number>>;
  readonly flows: readonly SentFlow[];
}

/** What both a flow and the whole of what came are described by. */
export interface Counts {
  readonly received: number;
  readonly lost: number;
  readonly reordered: number;
  readonly duplicated: number;
  readonly stale: number;
  readonly corrupt: number;
}

/** What `mcr sink -j` says of one flow. */
export interface ReceivedFlow extends Counts {
  readonly flow: number;
  readonly digest: string;
}

/** What `mcr sink -j` says. */
export interface Received extends Counts {
  readonly foreign: number;
  readonly untracked: number;
  readonly socket_drops: number;
  readonly flows: readonly ReceivedFlow[];
}

/** The command line of `mcr gen` for a stream. */
export function gen(network: Network, stream: Stream): string[] {
  const { namespace = "source", interface: name = "s0", rate = RATE, size = "1316", flows = 1 } = stream;
  const where = ["--interface", name, "--group", stream.group, "--port", String(stream.port)];
  const what = ["--count", String(stream.count), "--rate", String(rate), "--size", size, "--flows", String(flows)];
  return network.within(namespace, nativeMcr("gen", "-j", ...where, ...what, ...stream.args ?? []));
}

/** Sends a stream to its end. */
export async function send(network: Network, stream: Stream): Promise<Sent> {
  return JSON.parse(await output(gen(network, stream)));
}

/** A running `mcr sink`. It ends by itself when nothing has come for a while since the last datagram. */
export class Sink implements AsyncDisposable {
  readonly #process: Process;

  private constructor(process: Process) {
    this.#process = process;
  }

  /** Starts a sink and waits until it listens. */
  static async start(network: Network, place: Place): Promise<Sink> {
    const { namespace = "sink", interface: name = "k0", flows = 1, idle = IDLE_SECONDS, count } = place;
    const where = ["--interface", name, "--group", place.group, "--port", String(place.port)];
    const when = ["--flows", String(flows), "--idle", String(idle), "--timeout", String(TIMEOUT_SECONDS)];
    if (count !== undefined) when.push("--count", String(count));
    const process = await Process.start(network.within(namespace, nativeMcr("sink", "-j", ...where, ...when)));
    await process.line("stderr", /^ready$/);
    return new Sink(process);
  }

  /** Waits for its end and what it says then. */
  async received(): Promise<Received> {
    const { stdout } = await this.#process.end((TIMEOUT_SECONDS + 5) * 1000);
    return JSON.parse(stdout);
  }

  /** Ends it now, for the case that nothing should have come. */
  async receivedSoFar(): Promise<Received> {
    this.#process.kill("SIGTERM");
    return await this.received();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#process[Symbol.asyncDispose]();
  }
}

/** Fails unless what was received is what was sent: each datagram once, unchanged, and in order per flow. */
export function checkComplete(received: Received, sent: Sent): void {
  const { foreign, untracked, socket_drops } = received;
  const came = received.flows.map(({ flow, digest, ...counts }) => ({ flow, digest, ...pickCounts(counts) }));
  const expected = sent.flows.map(({ flow, digest, sent: count }) => ({ flow, digest, ...perfect(count) }));
  deepStrictEqual(
    { foreign, untracked, socket_drops, ...pickCounts(received), flows: came.sort((a, b) => a.flow - b.flow) },
    { foreign: 0, untracked: 0, socket_drops: 0, ...perfect(sent.sent), flows: expected },
  );
}

function pickCounts({ received, lost, reordered, duplicated, stale, corrupt }: Counts): Counts {
  return { received, lost, reordered, duplicated, stale, corrupt };
}

function perfect(received: number): Counts {
  return { received, lost: 0, reordered: 0, duplicated: 0, stale: 0, corrupt: 0 };
}
