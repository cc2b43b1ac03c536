/**
 * What is measured: each scenario with its job, its traffic, its cables, and the bars that its figures must clear.
 *
 * @module
 */
import { measureCpuAt } from "./cpu.ts";
import { measureLatency } from "./latency.ts";
import type { Load } from "./load.ts";
import type { Measure } from "./measure.ts";
import { measureMemory } from "./memory.ts";
import { consecutive, INPUT, type Job, type McrOptions, OUTPUT, PEER_NAMES, type PeerName } from "./peer.ts";
import { measureLossAt, measureRate, measureSending } from "./rate.ts";
import { measureStartup } from "./startup.ts";
import type { Links } from "./topology.ts";

/** A figure of mcr must be so large, or so small, as a share of another figure, or by itself. */
export interface Bar {
  readonly least?: number;
  readonly most?: number;
  /** Whose figure it is compared with; without it the bar is for the figure itself. */
  readonly peer?: PeerName;
  /** The row of that figure, unless it is the same. */
  readonly row?: string;
}

/** One number of a scenario: a row of the report. */
export interface Metric {
  /** Its name in the samples of the measurement. */
  readonly key: string;
  /** The title of its row, unless it is the scenario's. */
  readonly title?: string;
  readonly unit: string;
  /** By which measured values are divided to be in that unit; 1 unless given. */
  readonly scale?: number;
  readonly better: "higher" | "lower";
  readonly bars: readonly Bar[];
  /** Of a relay that loses a larger share than this there is no such figure. */
  readonly lossMax?: number;
}

export interface Scenario {
  readonly id: string;
  readonly title: string;
  readonly job: Job;
  readonly load: Load;
  readonly links: Links;
  readonly measure: Measure;
  readonly metrics: readonly Metric[];
  /** Part of a quick run. */
  readonly isQuick: boolean;
  /** Who takes part. */
  readonly peers: readonly PeerName[];
  /** The scenario whose figures stand for those who do not: the same work without what only some can do. */
  readonly base?: string;
  /** The scenario that it takes turns with, so that both are measured under the same conditions. */
  readonly beside?: string;
  /** Without such a scenario: why they do not. */
  readonly reason?: string;
}

const JOB: Job = {
  inputs: consecutive(INPUT, 1),
  outputs: consecutive(OUTPUT, 1),
  idleRules: 0,
  workers: 1,
  mcr: {},
};
const LOAD: Load = { size: "1316", flows: 1 };
const RANDOM: Load = { size: "64-1400", flows: 1 };
/** Five datagrams back to back: sent in one call, cut by the generator's device. */
const BURSTS: Load = { size: "1316", flows: 1, args: ["--gso", "on", "--burst", "5"] };
/** As many as fit into one frame, at any rate. */
const SUPERFRAMES: Load = { size: "1316", flows: 1, args: ["--gso", "on", "--burst", "40"] };
/** The largest frames that there are: 49 datagrams are 64 KiB. */
const LARGEST: Load = { size: "1316", flows: 1, args: ["--gso", "on", "--burst", "49"] };
/** Only the kernel's receive work remains. */
const NOTHING: Job = { ...JOB, inputs: [] };
const EXCLUSIVE: McrOptions = { add: ["--exclusive"] };
const RAW: McrOptions = { add: ["--raw"] };
const RAW_EXCLUSIVE: McrOptions = { add: ["--raw", "--exclusive"] };

/** What costs and latency are told of is relayed: some of a rate that is far below the limit may fall to noise. */
const LOSS_MAX = 0.01;

/** Datagrams a second while CPU time is measured: a stream, and as many as the generator can have merged. */
const CPU_RATE = 50_000;
const MERGED_RATE = 900_000;

/** The scenarios that others are compared with. */
const PLAIN = "one";
const MIXED = "random";
const FANOUT = "fanout";
const CPU = "cpu";
const LATENCY = "latency-latency";

type Given = Pick<Scenario, "id" | "title"> & Partial<Scenario>;

/** A scenario about the highest rate. */
function rate(given: Given, bars: readonly Bar[] = [], unit = "kpps"): Scenario {
  return scenario({ measure: measureRate, ...given }, [{ key: "rate", unit, scale: 1000, better: "higher", bars }]);
}

function cpu(given: Given, bars: readonly Bar[] = []): Scenario {
  const isRelayed = given.job !== NOTHING;
  const metric: Metric = {
    key: "cpu",
    unit: "s/Mpkt",
    better: "lower",
    bars,
    ...isRelayed ? { lossMax: LOSS_MAX } : {},
  };
  return scenario({ load: BURSTS, measure: measureCpuAt(CPU_RATE), ...given }, [metric]);
}

/** The first profile is measured beside the peers, the others are compared with what they had there. */
function latency(
  profile: string,
  run: readonly string[],
  p50: readonly Bar[] = [],
  p99: readonly Bar[] = [],
): Scenario {
  const metric = (key: string, name: string, bars: readonly Bar[]): Metric => {
    return { key, title: `latency ${name}, ${profile}`, unit: "us", better: "lower", bars, lossMax: LOSS_MAX };
  };
  const metrics = [metric("p50", "p50", p50), metric("p99", "p99", p99), metric("p999", "p99.9", [])];
  const given: Given = { id: `latency-${profile}`, title: `latency, ${profile}`, job: { ...JOB, mcr: { run } } };
  const isFirst = given.id === LATENCY;
  return scenario({ measure: measureLatency, ...given, isQuick: isFirst, ...isFirst ? {} : onlyMcr(LATENCY) }, metrics);
}

function scenario(given: Given, metrics: readonly Metric[]): Scenario {
  const usual = { job: JOB, load: LOAD, links: {}, measure: measureRate, isQuick: false, peers: PEER_NAMES };
  return { ...usual, ...given, metrics };
}

/** What only mcr can do, or nobody need; its peers' figures are those of another scenario. */
function onlyMcr(base: string): Pick<Scenario, "peers" | "base" | "beside"> {
  return { peers: ["mcr"], base, beside: base };
}

/** Random sizes, with options that only mcr has. */
function special(id: string, title: string, mcr: McrOptions, bars: readonly Bar[]): Scenario {
  return rate({ id, title, load: RANDOM, job: { ...JOB, mcr }, ...onlyMcr(MIXED) }, bars);
}

/** All of them, in the order of the report. What a bar refers to stands before it. */
export const SCENARIOS: readonly Scenario[] = [
  rate({ id: PLAIN, title: "1 to 1, 1316 B", isQuick: true }, [
    { peer: "rust", least: 2.5 },
    { peer: "socat", least: 5 },
    { peer: "kernel", least: 1.5 },
  ]),
  rate(
    { id: "exclusive", title: "exclusive input", job: { ...JOB, mcr: EXCLUSIVE }, ...onlyMcr(PLAIN) },
    [{ peer: "rust", row: PLAIN, least: 3.3 }],
  ),
  rate({ id: "rules", title: "10,000 rules", job: { ...JOB, idleRules: 9999 }, beside: PLAIN }, [
    { peer: "mcr", row: PLAIN, least: 0.95 },
  ]),
  rate({ id: "small", title: "1 to 1, 64 B", load: { size: "64", flows: 1 } }),
  rate({ id: "jumbo", title: "1 to 1, 8900 B", load: { size: "8900", flows: 1 }, links: { mtu: 9000 } }),
  rate({ id: MIXED, title: "1 to 1, 64-1400 B", load: RANDOM }, [{ peer: "rust", least: 1.6 }]),
  special("random-raw", "64-1400 B, raw", RAW, [{ peer: "kernel", row: MIXED, least: 1 }]),
  special("random-exclusive", "64-1400 B, exclusive", EXCLUSIVE, [{ peer: "rust", row: MIXED, least: 2 }]),
  special("random-both", "64-1400 B, raw, exclusive", RAW_EXCLUSIVE, [
    { peer: "rust", row: MIXED, least: 2 },
    { peer: "kernel", row: MIXED, least: 1 },
  ]),
  rate(
    { id: FANOUT, title: "1 to 50, 1316 B", job: { ...JOB, outputs: consecutive(OUTPUT, 50) }, isQuick: true },
    [{ peer: "rust", least: 20 }],
    "kpps out",
  ),
  rate(
    { id: "sending", title: "sending alone", job: NOTHING, load: LARGEST, measure: measureSending, ...onlyMcr(FANOUT) },
    [],
    "kpps out",
  ),
  rate({
    id: "inputs",
    title: "50 to 1, 1316 B",
    job: { ...JOB, inputs: consecutive(INPUT, 50) },
    load: { size: "1316", flows: 50, args: ["--gso", "off"] },
  }),
  rate({ id: "superframes", title: "superframes in", load: SUPERFRAMES, links: { hasSuperframes: true } }),
  scenario(
    {
      id: "superframes-400k",
      title: "superframes at 400 kpps, lost",
      load: SUPERFRAMES,
      links: { hasSuperframes: true },
      measure: measureLossAt(400_000),
      isQuick: true,
    },
    [{ key: "lost", unit: "%", scale: 0.01, better: "lower", bars: [{ most: 0 }] }],
  ),
  rate({ id: "offload", title: "receive offload", links: { receiveOffload: "ahead" }, isQuick: true }, [
    { peer: "rust", row: PLAIN, least: 5 },
    { peer: "kernel", least: 1 },
  ]),
  rate({ id: "cut", title: "segmented by the output", links: { cutsEgress: true } }),
  rate({
    id: "workers",
    title: "2 workers, 8 flows",
    job: { ...JOB, inputs: consecutive(INPUT, 8), workers: 2 },
    load: { size: "1316", flows: 8 },
  }),
  cpu({ id: CPU, title: "CPU at 50 kpps", isQuick: true }, [
    { peer: "rust", most: 1 / 3 },
    { peer: "socat", most: 1 / 3 },
  ]),
  cpu({ id: "cpu-nothing", title: "CPU, nothing relayed", job: NOTHING, ...onlyMcr(CPU) }),
  cpu(
    {
      id: "cpu-throughput",
      title: "CPU, profile throughput",
      job: { ...JOB, mcr: { run: ["--profile", "throughput"] } },
      ...onlyMcr(CPU),
    },
    [
      { peer: "rust", row: CPU, most: 1 / 8 },
      { peer: "socat", row: CPU, most: 1 / 8 },
    ],
  ),
  cpu({ id: "cpu-offload", title: "CPU, receive offload", links: { receiveOffload: "counted" }, beside: CPU }, [
    { peer: "rust", row: CPU, most: 1 / 8 },
    { peer: "socat", row: CPU, most: 1 / 8 },
  ]),
  cpu({
    id: "cpu-relaying",
    title: "CPU, receiving elsewhere",
    links: { receivesElsewhere: true },
    peers: ["mcr", "rust", "socat"],
    reason: "it relays where it receives",
  }),
  cpu({
    id: "cpu-merged",
    title: "CPU, merged, 900 kpps",
    load: LOAD,
    links: { receiveOffload: "ahead" },
    measure: measureCpuAt(MERGED_RATE),
  }),
  latency(
    "latency",
    ["--profile", "latency"],
    [{ peer: "rust", most: 0.7 }, { peer: "kernel", most: 1.5 }],
    [{ peer: "rust", most: 1 }],
  ),
  latency("asleep", ["--profile", "latency", "--busy-poll-us", "0"]),
  latency("balanced", ["--profile", "balanced"]),
  latency("throughput", ["--profile", "throughput"]),
  scenario({ id: "memory", title: "memory", measure: measureMemory, isQuick: true }, [
    { key: "supervisor", title: "supervisor, resident", unit: "MiB", better: "lower", bars: [{ most: 80 }] },
    { key: "worker", title: "worker, resident", unit: "MiB", better: "lower", bars: [] },
    { key: "private", title: "worker, private", unit: "MiB", better: "lower", bars: [{ most: 2 }] },
  ]),
  scenario({
    id: "startup",
    title: "start-up",
    measure: measureStartup,
    isQuick: true,
    peers: ["mcr", "rust"],
    reason: "it takes no commands",
  }, [
    { key: "ready", title: "start to ready", unit: "ms", better: "lower", bars: [] },
    { key: "list", title: "list of rules", unit: "ms", better: "lower", bars: [] },
  ]),
];

/** The row of a metric: the scenario's name, with the metric's where there are several. */
export function rowId({ id, metrics }: Scenario, { key }: Metric): string {
  return metrics.length === 1 ? id : `${id}.${key}`;
}

/** Those that take turns with each other, together, in the order of the first of them. */
export function takingTurns(scenarios: readonly Scenario[]): readonly (readonly Scenario[])[] {
  return [...Map.groupBy(scenarios, ({ id, beside }) => beside ?? id).values()];
}
