/**
 * Made-up machines for the checks of `mcr doctor`: a sound one, and what a test breaks of it.
 *
 * @module
 */
import type { DaemonView, LinkView, ProcessView, SystemView } from "../../control/doctor/view.ts";
import type { OutputCounters, Rates, RuleCounters, RuleSpec, RuleStatus, WorkerStatus } from "../../control/model.ts";
import { membershipsOf } from "../../control/memberships.ts";
import { ruleId } from "../../control/rule_text.ts";

/** So much a second, over each time. */
export function ratesOf(datagrams: number, drops = 0): Rates {
  const rate = { datagrams_per_s: datagrams, bits_per_s: datagrams * 8, drops_per_s: drops };
  return { over_1s: rate, over_10s: rate, over_60s: rate };
}

const STILL = ratesOf(0);

/** A process with all rights. */
export const ROOT: ProcessView = {
  pid: 100,
  groups: [0],
  can: () => true,
  filesMax: 1 << 20,
  filesOpen: 40,
  lockedKib: 0,
  words: ["mcr", "run"],
};

/** One without any. */
export const NOBODY: ProcessView = { ...ROOT, groups: [65534], can: () => false };

/** An interface that is up. */
export function link(name: string, index: number, change: Partial<LinkView> = {}): LinkView {
  const sound = {
    name,
    index,
    mtu: 1500,
    isUp: true,
    hasCarrier: true,
    addresses: [`10.0.${index}.1`],
    isMerging: false,
  };
  return { ...sound, ...change };
}

/** `239.1.1.1:5001:eth0`, to eth1. */
export const SPEC: RuleSpec = {
  name: "camera-1",
  input: { interface: "eth0", group: "239.1.1.1", port: 5001 },
  outputs: [{ interface: "eth1", group: "239.2.2.2", port: 6000 }],
};

/** A rule that relays. */
export function statusOf(spec: RuleSpec): RuleStatus {
  return { ...spec, id: ruleId(spec.input), state: "active", waiting_for: [] };
}

/** Counters of a rule that has relayed 100 datagrams of 1316 bytes. */
export function countersOf(
  spec: RuleSpec,
  change: Partial<RuleCounters> = {},
  output: Partial<OutputCounters> = {},
): RuleCounters {
  return {
    id: ruleId(spec.input),
    ...(spec.name === undefined ? {} : { name: spec.name }),
    input: spec.input,
    ...{ received: 100, received_bytes: 131_600, relayed: 100, drops: {}, rates: STILL },
    outputs: spec.outputs.map((one) => ({
      ...{ output: one, due: 100, sent: 100, sent_bytes: 131_600, drops: {}, rates: STILL },
      ...output,
    })),
    ...change,
  };
}

const WORKER: WorkerStatus = {
  ...{ index: 0, state: "running", pid: 101, core: 0, restarts: 0, generation: 1, superframes: 0, wakeups: 0 },
  ...{ received: 100, received_bytes: 131_600, relayed: 100, drops: {}, rates: STILL },
};

/** What a supervisor joins for these rules. */
function joinedFor(specs: readonly RuleSpec[]): Map<string, string[]> {
  const joined = new Map([["eth0", []], ["eth1", []]] as [string, string[]][]);
  for (const { input } of specs) joined.get(input.interface)?.push(...membershipsOf(input).map(({ group }) => group));
  return joined;
}

/** A supervisor with these rules. */
export function daemon(specs: readonly RuleSpec[] = [SPEC], change: Partial<DaemonView> = {}): DaemonView {
  return {
    pid: 100,
    rules: specs.map(statusOf),
    stats: { totals: WORKER, rules: specs.map((spec) => countersOf(spec)), advice: {} },
    workers: [WORKER],
    process: ROOT,
    joined: joinedFor(specs),
    lockedKib: [2048],
    ringSlots: undefined,
    ...change,
  };
}

/** Counters of a supervisor with one rule. */
export function drops(change: Partial<RuleCounters>, output: Partial<OutputCounters> = {}): Partial<DaemonView> {
  const advice = { too_big: "raise its MTU", ring_full: "more slots", udp_checksum: "look at the way" };
  return { stats: { totals: WORKER, rules: [countersOf(SPEC, change, output)], advice } };
}

/** What the totals say, with a supervisor whose rule saw nothing of it. */
export function totals(dropped: Readonly<Record<string, number>>, perSecond: number): Partial<DaemonView> {
  const advice = Object.fromEntries(Object.keys(dropped).map((reason) => [reason, `about ${reason}`]));
  const all = { ...WORKER, drops: dropped, rates: ratesOf(0, perSecond) };
  return { stats: { totals: all, rules: [countersOf(SPEC)], advice } };
}

/** Settings of a sound machine. */
const SETTINGS: Readonly<Record<string, string>> = {
  "kernel/io_uring_disabled": "0",
  "kernel/io_uring_group": "-1",
  "net/core/rmem_max": "212992",
  "net/core/wmem_max": "212992",
  "net/core/optmem_max": "131072",
  "net/ipv4/igmp_max_memberships": "20",
  "net/ipv4/igmp_max_msf": "10",
  "net/ipv4/conf/all/rp_filter": "0",
  "net/ipv4/conf/eth0/rp_filter": "0",
};

/** A sound machine with a sound supervisor, but for what is changed. */
export function machine(
  { settings = {}, options = {}, ...change }: Partial<SystemView> & {
    readonly settings?: Readonly<Record<string, string>>;
    readonly options?: Readonly<Record<string, string>>;
  } = {},
): SystemView {
  return {
    nowMs: 1_000_000,
    kernel: "6.1.0-18-amd64",
    setting: (name) => ({ ...SETTINGS, ...settings })[name],
    option: (name) => options[name] ?? "y",
    self: ROOT,
    isClockSynchronized: true,
    links: [link("lo", 1), link("eth0", 2), link("eth1", 3)],
    isElsewhere: false,
    socket: { path: "/run/mcr/mcr.sock", state: "alive" },
    daemon: daemon(),
    strangers: [],
    ...change,
  };
}
