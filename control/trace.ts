/**
 * What a trace asks for and what it tells. The same shapes travel over the control socket and are exported from `mod.ts`.
 *
 * @module
 */
import { isDestination, parseAddress } from "./address.ts";
import { refuse, takeObject } from "./check.ts";
import { EXPECTED, isInterfaceName } from "./rule.ts";

/** Bounds of a trace: it ends with the first that is reached. */
export const COUNT_DEFAULT = 3, COUNT_MAX = 10_000, SECONDS_DEFAULT = 10, SECONDS_MAX = 3600;

/** Which datagrams are to be explained. */
export interface TraceRequest {
  /** Destination address. */
  readonly group: string;
  /** UDP port; all unless given. */
  readonly port?: number;
  /** Where they are looked for; all interfaces unless given. */
  readonly interface?: string;
  /** Ends the trace after so many; 3 unless given. */
  readonly count?: number;
  /** Ends it after that time; 10 unless given. */
  readonly seconds?: number;
  /** Whether the frames themselves are wanted. */
  readonly frames?: boolean;
}

/** A request with its defaults. */
export type TraceSettings =
  & Required<Omit<TraceRequest, "interface" | "port">>
  & Pick<TraceRequest, "interface" | "port">;

/** One look at a datagram on its way, and whether it got past that. */
export interface TraceStep {
  readonly is_passed: boolean;
  readonly text: string;
}

/**
 * What becomes of a datagram: sent by all outputs of a rule, by some, by none; refused before a rule was looked for; or
 * no rule takes it.
 */
export type TraceVerdict = "relayed" | "partly" | "dropped" | "unwanted";

/** A datagram, or several that the kernel has put together. */
export interface TracedDatagram {
  readonly type: "datagram";
  /** When the kernel received it, UTC, to the nanosecond. */
  readonly time: string;
  readonly interface: string;
  /** Address and port; only what the packet tells. */
  readonly source?: string;
  readonly source_port?: number;
  readonly group?: string;
  readonly port?: number;
  readonly verdict: TraceVerdict;
  /** The drop reason that it has been counted as, and what to do. */
  readonly reason?: string;
  readonly advice?: string;
  /** The rule that takes it. */
  readonly rule?: string;
  readonly steps: readonly TraceStep[];
  /** Where frames are wanted: Base64, as it was received, with the number of its link type and its length. */
  readonly frame?: { readonly base64: string; readonly link_type: number; readonly bytes: number };
}

/** Traffic that was not asked for, but could be meant: the group at another port, the port of another group. */
export interface TraceNeighbour {
  readonly interface: string;
  readonly source: string;
  readonly group: string;
  readonly port: number;
  readonly count: number;
}

/** How it ended, and what there is to say of the whole. */
export interface TraceEnd {
  readonly type: "end";
  readonly why: "count" | "seconds" | "failed";
  /** Datagrams that were explained; those beyond 100 a second are not even looked at. */
  readonly seen: number;
  /** Explanations that the client was too slow for. */
  readonly missed: number;
  readonly neighbours: readonly TraceNeighbour[];
  /** What could keep datagrams from coming, where none came; what was noted besides. */
  readonly notes: readonly string[];
}

/** What is told of a trace. */
export type TraceEvent = TracedDatagram | TraceEnd;

/** Takes the parameters of `trace.start`. */
export function parseTraceRequest(params: unknown): TraceSettings {
  const keys = ["group", "port", "interface", "count", "seconds", "frames"] as const;
  const { group, port, interface: name, count, seconds, frames = false } = takeObject(params, "", keys);
  const address = typeof group === "string" ? parseAddress(group) : undefined;
  if (address === undefined || !isDestination(address)) refuse("group", group, "an IPv4 or IPv6 address");
  if (port !== undefined && !isWhole(port, 1, 65_535)) refuse("port", port, "a port, 1 to 65535");
  if (name !== undefined && !(typeof name === "string" && isInterfaceName(name))) {
    refuse("interface", name, EXPECTED.interface);
  }
  if (typeof frames !== "boolean") refuse("frames", frames, "true or false");
  return {
    group: address.text,
    ...(port === undefined ? {} : { port }),
    ...(name === undefined ? {} : { interface: name }),
    count: takeWhole("count", count ?? COUNT_DEFAULT, COUNT_MAX),
    seconds: takeWhole("seconds", seconds ?? SECONDS_DEFAULT, SECONDS_MAX),
    frames,
  };
}

function takeWhole(path: string, value: unknown, most: number): number {
  return isWhole(value, 1, most) ? value : refuse(path, value, `a whole number, 1 to ${most}`);
}

function isWhole(value: unknown, least: number, most: number): value is number {
  return typeof value === "number" && Number.isInteger(value) && value >= least && value <= most;
}
