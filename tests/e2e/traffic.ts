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

/** What `mcr gen --corrupt` can do to a datagram; all but it is right. */
export type Corruption =
  | "udp-checksum"
  | "udp-no-checksum"
  | "udp-length"
  | "udp-short"
  | "udp-truncated"
  | "port-0"
  | "ip-checksum"
  | "ip-length"
  | "ip-short"
  | "ip-version"
  | "ip-header-length"
  | "ip-truncated"
  | "esp-short"
  | "esp-spi"
  | "fragment-missing"
  | "fragment-overlap";

/** Where a stream goes, and how. What is not said is up to `mcr gen`. */
export interface Stream {
  readonly namespace?: string;
  readonly interface?: string;
  /** A group or a host, IPv4 or IPv6. */
  readonly group: string;
  /** None for ESP. */
  readonly port?: number;
  /** Datagrams in all, broken ones included. */
  readonly count: number;
  /** Datagrams a second; 20,000 unless given. */
  readonly rate?: number;
  /** Bytes of payload: a number, or what `--size` takes. */
  readonly size?: number | string;
  /** Consecutive groups or ports, served in turn. */
  readonly flows?: number;
  readonly flowsBy?: "group" | "port";
  readonly burst?: number;
  readonly gso?: "on" | "off" | "auto";
  /** Also an address that the namespace does not have. */
  readonly source?: string;
  readonly sourcePort?: number;
  readonly ttl?: number;
  readonly dscp?: number;
  readonly ecn?: number;
  /** A VLAN ID, or two: `100.200` is a tag 200 in a tag 100. */
  readonly vlan?: number | string;
  /** Bytes of IP payload in a fragment. */
  readonly fragment?: number;
  readonly fragmentOrder?: "forward" | "reverse";
  /** Options in the IP header, which a relay has to skip. */
  readonly ipOptions?: boolean;
  /** No UDP checksum, which a relay of IPv4 has to take. */
  readonly noChecksum?: boolean;
  readonly protocol?: "udp" | "esp";
  readonly spi?: number;
  /** Of a host that whole frames go to; see `Network.macOf()`. */
  readonly toMac?: string;
  readonly corrupt?: Corruption;
  /** Which datagrams of a flow are broken; all unless given. */
  readonly corruptEvery?: number;
  /** Further arguments. */
  readonly args?: readonly string[];
}

/** Where a sink listens. */
export interface Place {
  readonly namespace?: string;
  readonly interface?: string;
  /** Groups to join, or an address of the namespace. */
  readonly group: string | readonly string[];
  /** None for ESP. */
  readonly port?: number;
  /** Sources that the groups are joined for; any unless given. */
  readonly from?: readonly string[];
  readonly protocol?: "udp" | "esp";
  readonly flows?: number;
  readonly flowsBy?: "group" | "port";
  readonly idle?: number;
  /** Ends it after so many, at once. */
  readonly count?: number;
  /** Whether it goes by the interface's counters, and for what size of payloads. */
  readonly counters?: boolean;
  readonly size?: number;
}

/** What `mcr gen -j` says of one flow. */
export interface SentFlow {
  readonly flow: number;
  /** Those that should arrive. */
  readonly sent: number;
  /** Those beside them that nobody should hand on. */
  readonly broken: number;
  readonly digest: string;
}

/** What `mcr gen -j` says. */
export interface Sent {
  readonly sent: number;
  readonly broken: number;
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

/** How many datagrams had which value, for each value that occurred. */
export type Tally = Readonly<Record<string, number>>;

/** What the headers of all that was received said. */
export interface Seen {
  /** TTL or hop limit. */
  readonly ttl: Tally;
  readonly dscp: Tally;
  readonly ecn: Tally;
  /** Addresses. */
  readonly source: Tally;
  /** Of UDP. */
  readonly source_port: Tally;
  /** Of ESP. */
  readonly spi: Tally;
}

/** What `mcr sink -j` says. */
export interface Received extends Counts {
  /** Sent broken, and handed on nevertheless. */
  readonly broken: number;
  readonly foreign: number;
  readonly untracked: number;
  /** Those with a wrong UDP checksum, too. */
  readonly socket_drops: number;
  readonly seen: Seen;
  readonly flows: readonly ReceivedFlow[];
}

/** The command line of `mcr gen` for a stream. */
export function gen(network: Network, stream: Stream): string[] {
  const { namespace = "source", args = [], ...options } = stream;
  const all = { interface: "s0", rate: RATE, size: 1316, ...options };
  return network.within(namespace, nativeMcr("gen", "-j", ...optionsOf(all), ...args));
}

/** `{ sourcePort: 7, ipOptions: true, from: ["a", "b"] }` as `--source-port 7 --ip-options --from a --from b`. */
function optionsOf(values: Readonly<Record<string, unknown>>): string[] {
  return Object.entries(values).flatMap(([key, value]) => {
    const option = `--${key.replaceAll(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`;
    if (value === undefined || value === false) return [];
    if (value === true) return [option];
    return [value].flat().flatMap((one) => [option, String(one)]);
  });
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
    const { namespace = "sink", ...options } = place;
    const all = { interface: "k0", idle: IDLE_SECONDS, timeout: TIMEOUT_SECONDS, ...options };
    const process = await Process.start(network.within(namespace, nativeMcr("sink", "-j", ...optionsOf(all))));
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
  const { broken, foreign, untracked, socket_drops } = received;
  const came = received.flows.map(({ flow, digest, ...counts }) => ({ flow, digest, ...pickCounts(counts) }));
  const expected = sent.flows.map(({ flow, digest, sent: count }) => ({ flow, digest, ...perfect(count) }));
  deepStrictEqual(
    { broken, foreign, untracked, socket_drops, ...pickCounts(received), flows: came.sort((a, b) => a.flow - b.flow) },
    { broken: 0, foreign: 0, untracked: 0, socket_drops: 0, ...perfect(sent.sent), flows: expected },
  );
}

/** What headers should have said: the one value of all that was received, or a count for each value. */
export type ExpectedSeen = { readonly [Field in keyof Seen]?: string | number | Tally };

/** Fails unless headers said what is expected of them, exactly; fields that are not named may say anything. */
export function checkSeen({ seen, received }: Received, expected: ExpectedSeen): void {
  const fields = Object.keys(expected) as (keyof Seen)[];
  deepStrictEqual(
    Object.fromEntries(fields.map((field) => [field, seen[field]])),
    Object.fromEntries(fields.map((field) => {
      const value = expected[field]!;
      return [field, typeof value === "object" ? value : { [value]: received }];
    })),
  );
}

/** Fails unless nothing at all came. */
export function checkNothing({ broken, foreign, untracked, socket_drops, ...counts }: Received): void {
  const nothing = { broken: 0, foreign: 0, untracked: 0, socket_drops: 0, ...perfect(0) };
  deepStrictEqual({ broken, foreign, untracked, socket_drops, ...pickCounts(counts) }, nothing);
}

function pickCounts({ received, lost, reordered, duplicated, stale, corrupt }: Counts): Counts {
  return { received, lost, reordered, duplicated, stale, corrupt };
}

function perfect(received: number): Counts {
  return { received, lost: 0, reordered: 0, duplicated: 0, stale: 0, corrupt: 0 };
}
