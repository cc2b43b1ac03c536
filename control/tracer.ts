/**
 * Traces that clients have asked for: each has a tap of its own, is bounded in time, count and rate, and ends with its
 * client. What is not looked at in time the kernel drops, and nothing of it is the workers' business.
 *
 * @module
 */
import type { Captured } from "../ffi/capture.ts";
import { contains, isMulticast, parseAddress, parsePrefix } from "./address.ts";
import { ControlError } from "./error.ts";
import type { Engine } from "./engine.ts";
import { joinedOn } from "./joined.ts";
import type { RuleStatus, Stats } from "./model.ts";
import { formatNotification, type Session } from "./protocol.ts";
import { parseTraceRequest, type TraceEnd, type TraceEvent, type TraceNeighbour, type TraceSettings } from "./trace.ts";
import { judge } from "./trace_judge.ts";

/** At a time, of all clients. */
const TRACES_MAX = 8;
/** Frames that are looked at in one go, and the pause after it: 100 a second. */
const FRAMES_MAX = 10, PAUSE_MS = 100;
/** Kinds of traffic beside what was asked for that are told apart. */
const NEIGHBOURS_MAX = 16;
/** Numbers of IP protocols. */
const IP_OPTIONS = 0, IP_IGMP = 2, IP_ICMPV6 = 58;
const ARPHRD_ETHER = 1, ARPHRD_LOOPBACK = 772;
/** Numbers of link types in capture files: Ethernet, and IP without anything before it. */
const LINK_ETHERNET = 1, LINK_IP = 101;
/** Before a VLAN tag there are two addresses. */
const ADDRESSES_BYTES = 12;

/** A capture that tells when there is something. */
export interface Tap {
  read(): Captured | undefined;
  /** Whether it tells. */
  listen(isListening: boolean): void;
  close(): void;
}

/** Opens one; `interfaceIndex` 0 is all interfaces. */
export type OpenTap = (interfaceIndex: number, group: string, port: number, onReadable: () => void) => Tap;

/** What traces look at. */
export interface TracerOptions {
  readonly engine: Pick<Engine, "stats" | "interfaces" | "advice">;
  readonly rules: () => readonly RuleStatus[];
  /** Time to live of outputs that name none. */
  readonly unsetTtl: number | "decrement";
  /** Absent where nothing can be captured. */
  readonly openTap?: OpenTap | undefined;
}

/** Starts traces, and keeps count of them. */
export class Tracer {
  readonly #options: TracerOptions;
  readonly #traces = new Set<Trace>();

  constructor(options: TracerOptions) {
    this.#options = options;
  }

  /** Answers `trace.start`; what it then tells are notifications. */
  start(params: unknown, session?: Session): TraceSettings {
    const settings = parseTraceRequest(params);
    const { openTap, engine } = this.#options;
    if (session === undefined || openTap === undefined) {
      throw new ControlError(
        "failed",
        "Cannot trace: there is no connection to tell of it on, or nothing to capture with",
      );
    }
    if (this.#traces.size >= TRACES_MAX) {
      throw new ControlError("limit", `Cannot trace: ${TRACES_MAX} traces are running, the limit`);
    }
    const via = settings.interface === undefined
      ? undefined
      : engine.interfaces().find(({ name }) => name === settings.interface);
    if (settings.interface !== undefined && via === undefined) {
      throw new ControlError(
        "not_found",
        `Cannot trace on "${settings.interface}": there is no such interface`,
        "interface",
      );
    }
    const trace = new Trace(settings, this.#options, session, () => this.#traces.delete(trace));
    this.#traces.add(trace);
    session.onEnd(() => trace.end("failed"));
    try {
      trace.tap = openTap(via?.index ?? 0, settings.group, settings.port ?? 0, () => trace.look());
    } catch (error) {
      trace.end("failed");
      throw error;
    }
    return settings;
  }
}

/** One of them. */
class Trace {
  tap: Tap | undefined;
  readonly #settings: TraceSettings;
  readonly #options: TracerOptions;
  readonly #session: Session;
  readonly #onEnd: () => void;
  readonly #deadline: ReturnType<typeof setTimeout>;
  readonly #neighbours = new Map<string, TraceNeighbour>();
  /** Who asks for memberships, by interface. */
  readonly #queriers = new Map<string, string>();
  #pause: ReturnType<typeof setTimeout> | undefined;
  #seen = 0;
  #missed = 0;
  #hasEnded = false;

  constructor(settings: TraceSettings, options: TracerOptions, session: Session, onEnd: () => void) {
    this.#settings = settings;
    this.#options = options;
    this.#session = session;
    this.#onEnd = onEnd;
    this.#deadline = setTimeout(() => this.end("seconds"), settings.seconds * 1000);
  }

  /** Takes some of what waits, then lets others have their turn. */
  look(): void {
    this.tap?.listen(false);
    try {
      this.#takeSome();
    } catch {
      // The interface has gone: nothing more will come.
      this.end("failed");
    }
    if (!this.#hasEnded) this.#pause = setTimeout(() => this.tap?.listen(true), PAUSE_MS);
  }

  #takeSome(): void {
    const { engine, rules, unsetTtl } = this.#options;
    const interfaces = engine.interfaces();
    let stats: Stats | undefined, all: readonly RuleStatus[] | undefined;
    for (let i = 0; i < FRAMES_MAX && !this.#hasEnded; i++) {
      const captured = this.tap?.read();
      if (captured === undefined) return;
      const name = interfaces.find(({ index }) => index === captured.interfaceIndex)?.name ?? "?";
      if (isMembership(captured)) continue;
      if (!this.#isAskedFor(captured)) {
        this.#noteNeighbour(captured, name);
        continue;
      }
      const judgement = judge(captured, {
        interface: name,
        rules: all ??= rules(),
        interfaces,
        unsetTtl,
        counters: (id) => (stats ??= engine.stats()).rules.find((rule) => rule.id === id),
        advice: (reason) => engine.advice(reason),
      });
      this.#seen += captured.datagrams;
      this.#tell({
        type: "datagram",
        time: formatTime(captured.timeNs),
        interface: name,
        ...(captured.protocol === 0 ? {} : placesOf(captured)),
        ...judgement,
        ...(this.#settings.frames ? { frame: packFrame(captured) } : {}),
      });
      if (this.#seen >= this.#settings.count) this.end("count");
    }
  }

  /** What has no port that could be read may be meant. */
  #isAskedFor({ group, port, reason, isQuery }: Captured): boolean {
    const wanted = this.#settings.port;
    return !isQuery && group === this.#settings.group &&
      (wanted === undefined || port === wanted || (port === 0 && reason !== undefined));
  }

  #noteNeighbour({ isQuery, source, group, port, datagrams }: Captured, name: string): void {
    if (isQuery) {
      this.#queriers.set(name, source);
      return;
    }
    const key = `${name} ${source} ${group} ${port}`, known = this.#neighbours.get(key);
    if (known === undefined && this.#neighbours.size >= NEIGHBOURS_MAX) return;
    this.#neighbours.set(key, { interface: name, source, group, port, count: (known?.count ?? 0) + datagrams });
  }

  #tell(event: TraceEvent): void {
    if (!this.#session.notify(formatNotification("trace", event))) this.#missed++;
  }

  /** Closes the tap, and says how it went. Idempotent. */
  end(why: TraceEnd["why"]): void {
    if (this.#hasEnded) return;
    this.#hasEnded = true;
    clearTimeout(this.#deadline);
    clearTimeout(this.#pause);
    this.tap?.close();
    this.#onEnd();
    const counts = { seen: this.#seen, missed: this.#missed };
    const end = { type: "end", why, ...counts, neighbours: [...this.#neighbours.values()], notes: this.#notes() };
    this.#tellSurely(formatNotification("trace", end));
  }

  /** Whoever reads slowly waits for this, and would wait for ever. */
  #tellSurely(line: string): void {
    if (!this.#session.notify(line)) this.#session.flushed().then(() => this.#tellSurely(line));
  }

  /** What there is to say where nothing came. */
  #notes(): readonly string[] {
    if (this.#seen > 0) return [];
    const { group, seconds, interface: name } = this.#settings;
    const address = parseAddress(group)!;
    const inputs = this.#options.rules().map(({ input }) => input)
      .filter((input) => contains(parsePrefix(input.group)!, address)).map((input) => input.interface);
    const notes = [
      inputs.length === 0
        ? `no rule is for ${group}`
        : `there are rules for ${group} on ${[...new Set(inputs)].join(", ")}`,
    ];
    if (!isMulticast(address)) return notes;
    const joined = joinedOn(group);
    notes.push(
      joined.length === 0
        ? "nobody on this host has joined it: network cards and switches that snoop keep it away; a rule joins it"
        : `joined on ${joined.join(", ")}`,
    );
    const queriers = [...this.#queriers].map(([via, source]) => `${source} on ${via}`);
    notes.push(
      queriers.length > 0
        ? `asked for memberships by ${
          queriers.join(", ")
        }: switches know who wants it; look at the sender and on the way`
        : `no IGMP query was heard in ${seconds} s, where one is due every two minutes: without a querier switches that ` +
          "snoop forget who wants it",
    );
    return name === undefined ? notes : [...notes, `only ${name} was looked at`];
  }
}

/** What hosts say of their memberships goes to the group itself, and is no datagram of it: IGMP, and MLD in its options. */
function isMembership({ protocol, version, isQuery, reason }: Captured): boolean {
  if (version === 6) return reason === "not_udp" && [IP_OPTIONS, IP_ICMPV6].includes(protocol);
  return protocol === IP_IGMP && !isQuery;
}

function placesOf({ source, sourcePort, group, port }: Captured): {
  readonly source: string;
  readonly source_port: number;
  readonly group: string;
  readonly port: number;
} {
  return { source, source_port: sourcePort, group, port };
}

function formatTime(ns: bigint): string {
  const seconds = new Date(Number(ns / 1_000_000_000n) * 1000).toISOString().slice(0, -5);
  return `${seconds}.${String(ns % 1_000_000_000n).padStart(9, "0")}Z`;
}

/** The frame as it was on the wire: with its tag. */
function packFrame({ frame, linkType, frameBytes, vlan, packetOffset }: Captured): {
  readonly base64: string;
  readonly link_type: number;
  readonly bytes: number;
} {
  if (![ARPHRD_ETHER, ARPHRD_LOOPBACK].includes(linkType)) {
    return { base64: frame.subarray(packetOffset).toBase64(), link_type: LINK_IP, bytes: frameBytes - packetOffset };
  }
  if (vlan === undefined) return { base64: frame.toBase64(), link_type: LINK_ETHERNET, bytes: frameBytes };
  const tagged = new Uint8Array(frame.length + 4), view = new DataView(tagged.buffer);
  tagged.set(frame.subarray(0, ADDRESSES_BYTES));
  view.setUint16(ADDRESSES_BYTES, vlan.protocol);
  view.setUint16(ADDRESSES_BYTES + 2, vlan.control);
  tagged.set(frame.subarray(ADDRESSES_BYTES), ADDRESSES_BYTES + 4);
  return { base64: tagged.toBase64(), link_type: LINK_ETHERNET, bytes: frameBytes + 4 };
}
