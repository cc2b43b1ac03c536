/**
 * The rule model: what a user wrote, checked; and what the relay says of it. The same shapes travel over the control
 * socket and are exported from `mod.ts`, so every name here is public.
 *
 * @module
 */

/** A port; a range of them, `"5000-5010"`; or 0, whose meaning depends on where it stands. */
export type Ports = number | string;

/** What is relayed. */
export type Protocol = "udp" | "esp";

/** Which datagrams: those that come in there, to that destination, from those sources. */
export interface RuleInput {
  /** Interface name; it need not exist yet. */
  readonly interface: string;
  /** Destination address, a multicast group or not, or a prefix of them: `239.1.0.0/24`. IPv4 or IPv6. */
  readonly group: string;
  /** UDP destination port; 0 for any, and with ESP, which has none. */
  readonly port: Ports;
  /** `udp` unless given; `esp` is IP protocol 50, relayed as it is. */
  readonly protocol?: Protocol;
  /** Addresses and prefixes that are taken from; all unless given. In order of the addresses. */
  readonly sources?: readonly string[];
  /** Addresses and prefixes that nothing is taken from. In order of the addresses. */
  readonly exclude_sources?: readonly string[];
  /** Whether the rest of this host, its listeners and its routing, gets none of them; not unless given. */
  readonly exclusive?: boolean;
}

/** Where their payload is sent again. */
export interface RuleOutput {
  /** Interface name; it need not exist yet. */
  readonly interface: string;
  /** Destination address, or a prefix of as many as the input's: each address becomes the one in its place. */
  readonly group: string;
  /** UDP destination port, or a range of as many as the input's; 0 keeps the datagram's. */
  readonly port: Ports;
  /** Time to live (hop limit) of what is sent, or that of the datagram less one; the supervisor's `--ttl` when absent. */
  readonly ttl?: number | "decrement";
  /** DSCP of what is sent, or that of the datagram; 0 when absent. */
  readonly dscp?: number | "copy";
  /** ECN bits of what is sent, or those of the datagram; 0 when absent. */
  readonly ecn?: number | "copy";
  /** Address of this host to send from; the interface's own when absent. */
  readonly source?: string;
  /** UDP port to send from; one of the kernel's choice, which stays, when absent. */
  readonly source_port?: number;
  /** What becomes of datagrams that are larger than the MTU: they leave in fragments, unless given. */
  readonly oversize?: "fragment" | "drop";
  /**
   * Sends whole Ethernet frames, past routing and firewall of the kernel: cheaper where datagrams differ in size.
   */
  readonly raw?: boolean;
}

/** The most that is relayed, a second and in each worker; what is beyond is dropped. At least one of them. */
export interface RateLimit {
  readonly datagrams?: number;
  /** Of payload. */
  readonly bits?: number;
}

/** What a client asks for with `rule.add`. */
export interface RuleSpec {
  /** A name of the user's own; letters, digits, `.`, `_`, `-`; unique among the rules. */
  readonly name?: string;
  readonly input: RuleInput;
  /** At least one. */
  readonly outputs: readonly RuleOutput[];
  readonly max_rate?: RateLimit;
  /** Whether outputs may feed the rule's own input. */
  readonly allow_loop?: boolean;
}

/** A rule that the supervisor has accepted. */
export interface Rule extends RuleSpec {
  /** Stable for the same input: derived from interface, group, port and sources. */
  readonly id: string;
}

/** Whether a rule relays: `pending` means that an interface it names is missing. */
export type RuleState = "active" | "pending";

/** A rule with what the relay has made of it. */
export interface RuleStatus extends Rule {
  readonly state: RuleState;
  /** Names of interfaces that are missing or down at setup; empty when active. An output may wait while others relay. */
  readonly waiting_for: readonly string[];
}

/** Datagrams that were not relayed, by reason; reasons that never occurred are left out. */
export type Drops = Readonly<Record<string, number>>;

/** How much passes in a second, on average over some time. */
export interface Rate {
  readonly datagrams_per_s: number;
  /** Of payload. */
  readonly bits_per_s: number;
  readonly drops_per_s: number;
}

/**
 * Rates over the last second, ten seconds and minute, as of the last look at the counters, of which there is one a second.
 * They count what is received (rules, workers) or sent (outputs). While the supervisor runs shorter, over that.
 */
export interface Rates {
  readonly over_1s: Rate;
  readonly over_10s: Rate;
  readonly over_60s: Rate;
}

/** Counters of one output of a rule: `due = sent + Σ drops`. Datagrams, unless the name says otherwise. */
export interface OutputCounters {
  readonly output: RuleOutput;
  readonly due: number;
  readonly sent: number;
  readonly sent_bytes: number;
  /** Of those sent: larger than the MTU, so that they left in fragments. Absent if none was. */
  readonly fragmented?: number;
  readonly drops: Drops;
  readonly rates: Rates;
  /** When the last datagram was sent, in milliseconds of Unix time; absent before the first. */
  readonly last_seen_ms?: number;
}

/**
 * Times in microseconds from the kernel's receive timestamp to the end of the send. A batch of datagrams is sent to all
 * outputs at once, and over for all at once, so the times of a rule are those of each of its outputs.
 */
export interface Latency {
  readonly p50_us: number;
  readonly p99_us: number;
  readonly p999_us: number;
}

/** Counters of one rule, summed over the workers: `received = relayed + Σ drops`. */
export interface RuleCounters {
  readonly id: string;
  readonly name?: string;
  readonly input: RuleInput;
  readonly received: number;
  readonly received_bytes: number;
  readonly relayed: number;
  readonly drops: Drops;
  readonly rates: Rates;
  /** When the newest datagram was received, in milliseconds of Unix time; absent before the first. */
  readonly last_seen_ms?: number;
  /** Absent before the first datagram. */
  readonly latency?: Latency;
  readonly outputs: readonly OutputCounters[];
}

/** Counters of one worker: `received = relayed + Σ drops`, always and exactly. */
export interface WorkerCounters {
  readonly received: number;
  readonly received_bytes: number;
  readonly relayed: number;
  readonly drops: Drops;
  readonly rates: Rates;
}

/** `starting` until its first table is acknowledged, `backoff` between a death and the next start. */
export type WorkerState = "starting" | "running" | "backoff";

/** One worker process. */
export interface WorkerStatus extends WorkerCounters {
  readonly index: number;
  readonly state: WorkerState;
  /** Absent while there is no process. */
  readonly pid?: number;
  /** The core it is pinned to. */
  readonly core: number;
  /** How many times it was started again after a death. */
  readonly restarts: number;
  /** Number of the route table it forwards by; 0 before the first. */
  readonly generation: number;
  /** Frames in which the kernel had put several datagrams together. */
  readonly superframes: number;
  /** How often it has slept and been woken: by datagrams, by the supervisor, and once a second without either. */
  readonly wakeups: number;
}

/** All counters of the relay at one moment. */
export interface Stats {
  readonly totals: WorkerCounters;
  readonly rules: readonly RuleCounters[];
  /** What to look at, for each drop reason that occurs above. */
  readonly advice: Readonly<Record<string, string>>;
}

/** An interface as the kernel has it now. */
export interface InterfaceStatus {
  readonly name: string;
  readonly index: number;
  readonly mtu: number;
  readonly up: boolean;
  readonly addresses: readonly string[];
  /** Groups that the relay has joined on it, as `239.1.1.1`, or `10.1.1.1@239.1.1.1` from one source; absent if none. */
  readonly joined?: readonly string[];
}
