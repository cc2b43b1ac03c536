/**
 * The machine and the supervisor as the checks see them: all that they ask, at one moment. `collect.ts` reads the real
 * ones; tests make up broken ones.
 *
 * @module
 */
import type { RuleStatus, Stats, WorkerStatus } from "../model.ts";

/** Numbers of the capabilities that are asked for, from `linux/capability.h`. */
export const CAPABILITY = { netAdmin: 12, netRaw: 13, sysAdmin: 21 } as const;

/** A process as `/proc` shows it. */
export interface ProcessView {
  readonly pid: number;
  readonly groups: readonly number[];
  /** Whether it has a capability in force. */
  readonly can: (capability: number) => boolean;
  /** How many descriptors it may have, and has; that only root and its own user see. */
  readonly filesMax: number;
  readonly filesOpen: number | undefined;
  readonly lockedKib: number;
  /** Its command line. */
  readonly words: readonly string[];
}

/** An interface of this network namespace. */
export interface LinkView {
  readonly name: string;
  readonly index: number;
  readonly mtu: number;
  readonly isUp: boolean;
  readonly hasCarrier: boolean;
  readonly addresses: readonly string[];
  /** Name of the bridge that it is a port of. */
  readonly master?: string;
  /** What it does with groups, where it is a bridge. */
  readonly bridge?: { readonly isSnooping: boolean; readonly hasQuerier: boolean };
  /** Whether datagrams of a flow are put together when they come in. */
  readonly isMerging: boolean;
}

/** What the running supervisor says, and what `/proc` says of it. */
export interface DaemonView {
  readonly pid: number;
  readonly rules: readonly RuleStatus[];
  readonly stats: Stats;
  readonly workers: readonly WorkerStatus[];
  readonly process: ProcessView | undefined;
  /** What it has joined, by interface: `239.1.1.1`, or `10.1.1.1@239.1.1.1` from one source. */
  readonly joined: ReadonlyMap<string, readonly string[]>;
  /** Slots of a ring, where the relay was told how many. */
  readonly ringSlots: number | undefined;
  /** Memory that each worker has locked. */
  readonly lockedKib: readonly number[];
}

/** Another supervisor on this host. */
export interface Stranger {
  readonly pid: number;
  /** Interfaces that both listen on; undefined where that could not be seen. */
  readonly shared: readonly string[] | undefined;
}

/** What is at the path of the control socket: `dead` is a socket that nobody listens on, behind `failing` somebody does. */
export type SocketState = "alive" | "dead" | "none" | "forbidden" | "failing" | "other";

/** Everything. */
export interface SystemView {
  readonly nowMs: number;
  /** As `uname -r` has it. */
  readonly kernel: string;
  /** A setting by its name below `/proc/sys`; undefined where it cannot be read. */
  readonly setting: (name: string) => string | undefined;
  /** `y`, `m` or `n`: how the kernel was built with an option; undefined where it does not tell. */
  readonly option: (name: string) => string | undefined;
  /** This process. */
  readonly self: ProcessView;
  readonly isClockSynchronized: boolean | undefined;
  /** Of this network namespace. */
  readonly links: readonly LinkView[];
  /** Whether the supervisor is in another network namespace, of which nothing can be seen here. */
  readonly isElsewhere: boolean;
  readonly socket: {
    readonly path: string;
    readonly state: SocketState;
    /** Why it is `failing`. */
    readonly reason?: string;
  };
  readonly daemon: DaemonView | undefined;
  readonly strangers: readonly Stranger[];
}

/** The process that relays or, where none does, the one that would. */
export function subjectOf(view: SystemView): ProcessView {
  return view.daemon?.process ?? view.self;
}

/** A setting as a number. */
export function numberOf(view: SystemView, name: string): number | undefined {
  const text = view.setting(name);
  return text === undefined || !/^\d+$/.test(text) ? undefined : Number(text);
}

/** The rules that are looked at. */
export function rulesOf(view: SystemView): readonly RuleStatus[] {
  return view.daemon?.rules ?? [];
}

/** The interfaces that rules listen on, each once. */
export function inputNames(view: SystemView): readonly string[] {
  return [...new Set(rulesOf(view).map(({ input }) => input.interface))];
}

/** An interface, where it can be seen. */
export function linkNamed(view: SystemView, name: string): LinkView | undefined {
  return view.isElsewhere ? undefined : view.links.find((link) => link.name === name);
}

/** Whether there is a supervisor, and its interfaces can be seen. */
export function isVisible({ daemon, isElsewhere }: SystemView): boolean {
  return daemon !== undefined && !isElsewhere;
}
