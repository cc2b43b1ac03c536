/**
 * Runs scenarios that are compared: a testbed for every relay that takes part, all of them up at once, and their
 * measurements in turns.
 *
 * @module
 */
import { warmUp } from "./load.ts";
import type { Effort, Sample, Stand } from "./measure.ts";
import { type Peer, PEER_NAMES, type PeerName } from "./peer.ts";
import { type Absent, type Cell, type Row, summarise } from "./report.ts";
import { type Metric, rowId, type Scenario } from "./scenarios.ts";
import { type Cores, Testbed } from "./topology.ts";

/** How long a relay may take to start, to learn its rules, and to relay its first datagram. */
const PREPARE_MAX_MS = 180_000;

/** How long a step of a measurement may take; the longest waits for some seconds of traffic. */
const STEP_MAX_MS = 60_000;

/** Of what a relay has said, the last lines are told when it fails. */
const SAID_LINES_MAX = 10;

/** What all scenarios of a run have in common. */
export interface Plan {
  readonly peers: ReadonlyMap<PeerName, Peer>;
  /** Peers that are not there, with what to do about it. */
  readonly missing: ReadonlyMap<PeerName, string>;
  readonly runs: number;
  readonly effort: Effort;
  /** The cores that may be used, at least two. */
  readonly cores: readonly number[];
  readonly signal: AbortSignal;
  readonly say: (text: string) => void;
}

/** What is known of one relay in a scenario. */
interface Entry {
  readonly scenario: Scenario;
  readonly stand: Stand;
  readonly samples: Sample[];
  failure?: string;
}

/** Who takes part in a scenario, and who does not. */
interface Field {
  readonly scenario: Scenario;
  readonly entries: ReadonlyMap<PeerName, Entry>;
  readonly absent: ReadonlyMap<PeerName, Absent>;
}

/** Measures scenarios that take turns with each other; one row for each of their metrics. */
export async function runTogether(scenarios: readonly Scenario[], plan: Plan): Promise<Row[]> {
  await using stack = new AsyncDisposableStack();
  const fields: Field[] = [];
  for (const scenario of scenarios) fields.push(await prepareAll(scenario, plan, stack));
  const entries = fields.flatMap((field) => [...field.entries.values()]);
  for (let run = 0; run < plan.runs; run++) await takeTurns(entries, plan);
  return fields.flatMap((field) => field.scenario.metrics.map((metric) => makeRow(metric, field)));
}

async function prepareAll(scenario: Scenario, plan: Plan, stack: AsyncDisposableStack): Promise<Field> {
  const absent = await findAbsent(scenario, plan);
  const entries = new Map<PeerName, Entry>();
  for (const peer of plan.peers.values()) {
    plan.signal.throwIfAborted();
    if (absent.has(peer.name)) continue;
    try {
      const stand = await bounded(prepare(peer, scenario, plan, stack), PREPARE_MAX_MS, plan.signal);
      entries.set(peer.name, { scenario, stand, samples: [] });
    } catch (error) {
      plan.signal.throwIfAborted();
      absent.set(peer.name, failure(scenario, peer.name, error, plan));
    }
  }
  return { scenario, entries, absent };
}

/** Who does not take part, and why. */
async function findAbsent(scenario: Scenario, plan: Plan): Promise<Map<PeerName, Absent>> {
  const absent = new Map<PeerName, Absent>();
  for (const name of PEER_NAMES) {
    const peer = plan.peers.get(name);
    const reason = plan.missing.get(name);
    if (reason !== undefined) absent.set(name, { kind: "missing", reason: `${name}: ${reason}` });
    else if (!peer) absent.set(name, { kind: "unasked", reason: "not asked for" });
    else if (scenario.base !== undefined && !scenario.peers.includes(name)) {
      absent.set(name, { kind: "unasked", reason: "does not take part" });
    } else {
      const refusal = scenario.peers.includes(name) ? await peer.refuses(scenario.job) : scenario.reason;
      if (refusal !== undefined) absent.set(name, { kind: "impossible", reason: `${name}: ${refusal}` });
    }
  }
  return absent;
}

/** Starts a relay in a testbed of its own and waits until it relays. All of it goes with the stack. */
async function prepare(peer: Peer, scenario: Scenario, plan: Plan, stack: AsyncDisposableStack): Promise<Stand> {
  const { job, links, load, id } = scenario;
  const bed = stack.use(await Testbed.create(chooseCores(plan.cores, job.workers), links));
  const relay = stack.use(await peer.launch(bed, job));
  try {
    await relay.configure();
    if (job.inputs.length > 0) await warmUp(bed, load.flows);
  } catch (error) {
    const said = relay.said.trimEnd().split("\n").slice(-SAID_LINES_MAX).join("\n");
    throw new Error(`${error instanceof Error ? error.message : error}\n${said}`, { cause: error });
  }
  const say = (text: string): void => plan.say(`${id}, ${peer.name}: ${text}`);
  return { peer, bed, relay, job, load, effort: plan.effort, say };
}

/** The relay has the first cores; the generator the last, which it shares with a worker when there is no other. */
export function chooseCores(cores: readonly number[], workers: number): Cores {
  return { relay: cores.slice(0, workers), generator: cores.at(-1)! };
}

/** One run of each relay's measurement, a step of one after a step of the other. */
async function takeTurns(entries: readonly Entry[], plan: Plan): Promise<void> {
  let going = entries.filter(({ failure }) => failure === undefined).map((entry) => ({ entry, steps: begin(entry) }));
  while (going.length > 0) {
    const next: typeof going = [];
    for (const turn of going) {
      plan.signal.throwIfAborted();
      const { entry, steps } = turn;
      try {
        const step = await bounded(steps.next(), STEP_MAX_MS, plan.signal);
        if (step.done) entry.samples.push(step.value);
        else next.push(turn);
      } catch (error) {
        plan.signal.throwIfAborted();
        entry.failure = sentence(error);
        plan.say(`${entry.scenario.id}, ${entry.stand.peer.name}: ${error instanceof Error ? error.message : error}`);
      }
    }
    going = next;
  }
}

function begin({ scenario, stand, samples }: Entry): AsyncGenerator<void, Sample> {
  return scenario.measure(stand, samples.at(-1));
}

function makeRow(metric: Metric, { scenario, entries, absent }: Field): Row {
  const cells = Object.fromEntries(PEER_NAMES.map((name) => {
    const entry = entries.get(name);
    return [name, entry ? makeCell(metric, name, entry) : absent.get(name)!];
  })) as Record<PeerName, Cell>;
  const { title = scenario.title, unit, better, bars } = metric;
  const base = scenario.base === undefined ? {} : { base: rowId({ ...scenario, id: scenario.base }, metric) };
  return { id: rowId(scenario, metric), title, unit, better, cells, bars, ...base };
}

function makeCell(metric: Metric, name: PeerName, { samples, failure }: Entry): Cell {
  if (failure !== undefined) return { kind: "failed", reason: `${name}: ${failure}` };
  const figures = samples.flatMap((sample) => sample[metric.key] ?? []);
  if (figures.length === 0) return { kind: "impossible", reason: `${name}: it has no such process` };
  const cell = summarise(figures, metric);
  if ((cell.loss ?? 0) <= (metric.lossMax ?? 1)) return cell;
  return { kind: "impossible", reason: `${name}: it loses ${Math.round(cell.loss! * 100)} % here` };
}

function failure({ id }: Scenario, name: PeerName, error: unknown, plan: Plan): Absent {
  plan.say(`${id}, ${name}: ${error instanceof Error ? error.message : error}`);
  return { kind: "failed", reason: `${name}: ${sentence(error)}` };
}

/** Waits for work, but not for ever and not after an interruption; what it uses is disposed of then, and ends it. */
async function bounded<Result>(work: Promise<Result>, limitMs: number, signal: AbortSignal): Promise<Result> {
  const { promise: stopped, reject } = Promise.withResolvers<never>();
  const onAbort = (): void => reject(signal.reason);
  const timer = setTimeout(() => reject(new Error(`Took more than ${limitMs / 1000} s`)), limitMs);
  signal.addEventListener("abort", onAbort);
  try {
    return await Promise.race([work, stopped]);
  } finally {
    clearTimeout(timer);
    signal.removeEventListener("abort", onAbort);
  }
}

/** The first line of what went wrong; the rest has been said. */
function sentence(error: unknown): string {
  return (error instanceof Error ? error.message : String(error)).split("\n")[0]!;
}
