/**
 * The bench of the matrix: a running relay, and what has to come true when datagrams pass it. Whatever a case is about,
 * all of this is exact: what each sink received (how many, which, in which order), what each rule and each of its outputs
 * counts, and what the workers count, by drop reason.
 *
 * @module
 */
import { deepStrictEqual } from "node:assert/strict";
import type { Client, Drops, RuleInput, RuleOutput, RuleSpec, Stats } from "../../../mod.ts";
import type { Supervisor } from "../mcr.ts";
import type { Network } from "../network.ts";
import { PATIENCE_MS } from "../process.ts";
import {
  checkComplete,
  checkNothing,
  checkSeen,
  type ExpectedSeen,
  type Place,
  type Received,
  send,
  type Sent,
  Sink,
  type Stream,
} from "../traffic.ts";

/** What a case is given. Rules and interfaces that it adds it removes. */
export interface Bench {
  readonly network: Network;
  readonly supervisor: Supervisor;
  readonly client: Client;
}

/** What a line of the matrix says of a case. */
export interface Outcome {
  /** Datagrams that were sent to the relay. */
  readonly in: number;
  /** Datagrams that came out of it, all sinks together. */
  readonly out: number;
  /** Those that did not, by the reason that the workers counted. */
  readonly drops?: Drops;
}

/** A line of the matrix. */
export interface Case {
  readonly name: string;
  /** Why it cannot be tried here. */
  readonly missing?: string | null;
  readonly run: (bench: Bench) => Promise<Outcome>;
}

/** A stream to the relay, and what is to become of it. */
export interface Flow {
  /** To the first rule's input unless it says otherwise. */
  readonly stream?: Partial<Stream>;
  /** The rule that takes it; the first unless given. None: the kernel's filter keeps it from the workers. */
  readonly rule?: number | null;
  /** Why the workers drop all of it. */
  readonly dropped?: string;
  /** Why single outputs drop all of it. */
  readonly lost?: Readonly<Record<number, string>>;
  /** For how many each of those counts: its fragments, where the workers see single ones. */
  readonly weight?: number;
  /** Why the workers drop what is broken in it; null: it never gets to them. */
  readonly broken?: string | null;
  /** Whether outputs send it in fragments. */
  readonly isFragmented?: boolean;
  /** How many of it are relayed: the first ones. The rest is beyond a rate. */
  readonly first?: number;
  /** What becomes of it when it comes back, from an output to the input of a rule. */
  readonly again?: Pick<Flow, "rule" | "dropped">;
}

/** A sink, and what it must receive. */
export interface Ear {
  /** Where the output at its place sends to, unless it says otherwise. */
  readonly place?: Partial<Place>;
  /** Indexes of the flows that it must receive; all that its output sends unless given. */
  readonly flows?: readonly number[];
  readonly seen?: ExpectedSeen;
  readonly check?: (received: Received) => void;
}

/** Datagrams that pass the relay, or don't. */
export interface Passage {
  readonly rules: readonly RuleSpec[];
  /** What must be so before anything is sent; the rules are there, and the ears are open. */
  readonly ready?: () => Promise<void>;
  /** What happens while they are sent. */
  readonly during?: (bench: Bench) => Promise<void>;
  readonly flows: readonly Flow[];
  readonly ears: readonly Ear[];
}

/** The input of rules that say nothing else. */
export const INPUT: RuleInput = { interface: "in0", group: "239.1.1.1", port: 5001 };
/** The output of rules that say nothing else. */
export const OUTPUT: RuleOutput = { interface: "out0", group: "239.2.2.2", port: 6000 };
/** Groups of IPv6 for either side. */
export const INPUT_6 = { group: "ff3e::1:1" }, OUTPUT_6 = { group: "ff3e::2:2" };

/** Datagrams of a flow, and how many a second: a ring holds 0.8 s of it. */
const COUNT = 1000, RATE = 10_000;

/** Drops that a rule counts as well: it had taken the datagram. */
const DROPS_OF_RULES = ["own_source", "max_rate"];

/** A rule like `INPUT` to `OUTPUT`, but for what is given. */
export function rule(
  input: Partial<RuleInput> = {},
  outputs: Partial<RuleOutput> | readonly Partial<RuleOutput>[] = {},
  rest: Partial<RuleSpec> = {},
): RuleSpec {
  return {
    input: { ...INPUT, ...input },
    outputs: [outputs].flat().map((output) => ({ ...OUTPUT, ...output })),
    ...rest,
  };
}

/** A case of one rule and one flow, which each of its outputs must send whole; or as `flow` says. */
export function relays(
  name: string,
  { rule: one = rule(), flow = {}, ear = {}, missing = null }: {
    readonly rule?: RuleSpec;
    readonly flow?: Flow;
    readonly ear?: Ear;
    readonly missing?: string | null;
  },
): Case {
  return passes(name, { rules: [one], flows: [flow], ears: one.outputs.map(() => ear) }, missing);
}

/** A case of datagrams that pass as told. */
export function passes(name: string, passage: Passage, missing: string | null = null): Case {
  return { name, missing, run: (bench) => pass(bench, passage) };
}

/** What is counted of a rule. */
interface RuleTally {
  received: number;
  relayed: number;
  drops: Record<string, number>;
  outputs: { due: number; sent: number; fragmented: number; drops: Record<string, number> }[];
}

/** What is counted of all workers, and of the rules of a case. */
interface Tally {
  readonly workers: Omit<RuleTally, "outputs">;
  readonly rules: readonly RuleTally[];
}

/** Adds the rules, sends, and checks everything. */
export async function pass(bench: Bench, passage: Passage): Promise<Outcome> {
  const { client } = bench, before = await client.call("stats.get", {});
  const ids: string[] = [];
  try {
    for (const one of passage.rules) ids.push((await client.call("rule.add", one)).id);
    return await passThrough(bench, passage, ids, before);
  } finally {
    for (const id of ids) await client.call("rule.remove", { id });
  }
}

async function passThrough(bench: Bench, passage: Passage, ids: readonly string[], before: Stats): Promise<Outcome> {
  const { network } = bench;
  await using ears = new AsyncDisposableStack();
  const counts = passage.ears.map((ear, index) => {
    return sum(heardBy(ear, passage, index).map((flow) => countOf(passage, flow)));
  });
  const sinks = await Promise.all(
    passage.ears.map(async (ear, index) => ears.use(await Sink.start(network, placeOf(passage, ear, index, counts)))),
  );

  await passage.ready?.();
  const sents: Sent[] = [];
  const sending = (async () => {
    for (const index of passage.flows.keys()) sents.push(await send(network, streamOf(passage, index)));
  })();
  await Promise.all([sending, passage.during?.(bench)]);

  const expected = expect(passage, before, sents);
  await checkTally(bench, ids, expected);
  let out = 0;
  for (const [index, sink] of sinks.entries()) {
    const ear = passage.ears[index]!, received = await finish(sink, counts[index]!);
    const heard = heardBy(ear, passage, index);
    if (heard.some((flow) => passage.flows[flow]!.first !== undefined)) checkFirst(received, counts[index]!);
    else checkHeard(ear, received, heard.map((flow) => sents[flow]!));
    out += received.received;
  }
  return { in: sum(sents.map(({ sent, broken }) => sent + broken)), out, drops: difference(expected, before) };
}

/** The stream of a flow in full. */
function streamOf({ rules, flows }: Passage, index: number): Stream {
  const { stream, rule: taker = 0 } = flows[index]!, { input } = rules[taker ?? 0]!;
  const isEsp = input.protocol === "esp";
  const to = {
    group: input.group.split("/")[0]!,
    ...(isEsp ? { protocol: "esp" as const } : { port: firstPort(input) }),
  };
  return { ...to, count: COUNT, rate: RATE, ...stream };
}

function firstPort({ port }: RuleInput): number {
  return Number(String(port).split("-")[0]) || INPUT.port as number;
}

/** Where an ear listens, in full; it ends when it has heard all. */
function placeOf({ rules }: Passage, { place }: Ear, index: number, counts: readonly number[]): Place {
  const output = rules.flatMap(({ outputs }) => outputs)[index] ?? OUTPUT;
  const isEsp = rules[0]!.input.protocol === "esp", port = Number(String(output.port).split("-")[0]);
  const at = { group: output.group.split("/")[0]!, ...(isEsp ? { protocol: "esp" as const } : { port }) };
  return { ...at, idle: 30, ...(counts[index] === 0 ? {} : { count: counts[index]! }), ...place };
}

/** The flows that an ear must receive: where it says nothing, those that the output at its place sends. */
function heardBy({ flows }: Ear, passage: Passage, index: number): readonly number[] {
  if (flows !== undefined) return flows;
  const places = passage.rules.flatMap(({ outputs }, rule) => outputs.map((_, output) => ({ rule, output })));
  const place = places[index]!;
  return [...passage.flows.keys()].filter((at) => {
    const { dropped, lost, rule: taker = 0 } = passage.flows[at]!;
    return taker === place.rule && dropped === undefined && lost?.[place.output] === undefined;
  });
}

/** How many datagrams of a flow are relayed. */
function countOf(passage: Passage, index: number): number {
  const { count, flows = 1, corrupt, corruptEvery = 1 } = streamOf(passage, index), { first } = passage.flows[index]!;
  if (first !== undefined) return first;
  // Each Nth of a flow is broken, and flows are served in turn.
  return corrupt === undefined ? count : count - flows * Math.floor(count / flows / corruptEvery);
}

/** What must be counted. */
function expect({ rules, flows }: Passage, before: Stats, sents: readonly Sent[]): Tally {
  const { received, relayed, drops } = before.totals;
  const workers = { received, relayed, drops: { ...drops } };
  const tallies = rules.map(({ outputs }): RuleTally => ({
    received: 0,
    relayed: 0,
    drops: {},
    outputs: outputs.map(() => ({ due: 0, sent: 0, fragmented: 0, drops: {} })),
  }));
  for (const [index, flow] of flows.entries()) {
    const { sent, broken } = sents[index]!, { again } = flow;
    if (flow.broken) drop(workers, flow.broken, broken);
    charge(flow, sent, workers, tallies);
    if (again !== undefined) charge(again, sent, workers, tallies);
  }
  return { workers, rules: tallies };
}

/** Counts a flow where it must be counted. */
function charge(flow: Flow, sent: number, workers: Omit<RuleTally, "outputs">, rules: readonly RuleTally[]): void {
  const { rule: taker = 0, dropped, weight = 1, first: relayed = sent } = flow;
  if (taker === null) return;
  const tally = rules[taker]!;
  if (dropped !== undefined) {
    drop(workers, dropped, sent * weight);
    if (DROPS_OF_RULES.includes(dropped)) drop(tally, dropped, sent);
    return;
  }
  for (const one of [workers, tally]) {
    one.received += relayed;
    one.relayed += relayed;
    if (relayed < sent) drop(one, "max_rate", sent - relayed);
  }
  for (const [at, output] of tally.outputs.entries()) {
    const reason = flow.lost?.[at];
    output.due += relayed;
    if (flow.isFragmented && reason === undefined) output.fragmented += relayed;
    if (reason === undefined) output.sent += relayed;
    else output.drops[reason] = (output.drops[reason] ?? 0) + relayed;
  }
}

function drop(tally: Omit<RuleTally, "outputs">, reason: string, count: number): void {
  tally.received += count;
  tally.drops[reason] = (tally.drops[reason] ?? 0) + count;
}

/** Drops of the workers since `before`. */
function difference({ workers }: Tally, before: Stats): Drops {
  return Object.fromEntries(
    Object.entries(workers.drops)
      .map(([reason, count]) => [reason, count - (before.totals.drops[reason] ?? 0)] as const)
      .filter(([, count]) => count > 0),
  );
}

/** Counters that stay so long as they are will not change, and those that never stay are not waited for for ever. */
const REST_MS = 2000, LOOK_PAUSE_MS = 20;

/** Waits until the counters say what they must; fails when they have come to rest elsewhere. */
async function checkTally({ client }: Bench, ids: readonly string[], expected: Tally): Promise<void> {
  const wanted = JSON.stringify(sorted(expected)), end = performance.now() + PATIENCE_MS;
  let last = "", restEnd = 0, tally: Tally;
  do {
    await new Promise((resolve) => setTimeout(resolve, LOOK_PAUSE_MS));
    tally = tallyOf(await client.call("stats.get", {}), ids);
    const text = JSON.stringify(sorted(tally));
    if (text === wanted) return;
    if (text !== last) restEnd = performance.now() + REST_MS;
    last = text;
  } while (performance.now() < Math.min(restEnd, end));
  deepStrictEqual(tally, expected);
}

function tallyOf({ totals, rules }: Stats, ids: readonly string[]): Tally {
  const pick = ({ received, relayed, drops }: Omit<RuleTally, "outputs">): Omit<RuleTally, "outputs"> => {
    return { received, relayed, drops };
  };
  return {
    workers: pick(totals),
    rules: ids.map((id) => {
      const one = rules.find((counted) => counted.id === id)!;
      return {
        ...pick(one),
        outputs: one.outputs.map(({ due, sent, fragmented = 0, drops }) => ({ due, sent, fragmented, drops })),
      };
    }),
  };
}

/** With the keys of all objects in order, to be compared as text. */
function sorted(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sorted);
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(
    Object.entries(value).sort(([a], [b]) => a < b ? -1 : 1).map(([key, part]) => [key, sorted(part)]),
  );
}

/** How long a sink may take to read what the relay says it has sent. */
const FINISH_MS = 5000;

/** What a sink has received once it has all, or has had its time. */
export async function finish(sink: Sink, count: number): Promise<Received> {
  if (count === 0) return await sink.receivedSoFar();
  const timer = setTimeout(() => void sink.receivedSoFar().catch(() => {}), FINISH_MS);
  try {
    return await sink.received();
  } finally {
    clearTimeout(timer);
  }
}

/** Fails unless a sink received these streams, whole. */
function checkHeard({ seen, check }: Ear, received: Received, sents: readonly Sent[]): void {
  if (sents.length === 0) return checkNothing(received);
  checkComplete(received, {
    ...sents[0]!,
    sent: sum(sents.map(({ sent }) => sent)),
    flows: sents.flatMap(({ flows }) => flows).sort((a, b) => a.flow - b.flow),
  });
  if (seen !== undefined) checkSeen(received, seen);
  check?.(received);
}

/** Fails unless a sink received so many, in order and without a gap. */
function checkFirst({ received, lost, reordered, duplicated, corrupt }: Received, count: number): void {
  const nothing = { lost: 0, reordered: 0, duplicated: 0, corrupt: 0 };
  deepStrictEqual({ received, lost, reordered, duplicated, corrupt }, { received: count, ...nothing });
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, one) => total + one, 0);
}
