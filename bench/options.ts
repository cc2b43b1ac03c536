/**
 * The command line of the bench.
 *
 * @module
 */
import { parseArgs } from "node:util";
import type { Effort } from "./measure.ts";
import { PEER_NAMES, type PeerName } from "./peer.ts";
import { type Scenario, SCENARIOS } from "./scenarios.ts";

export interface Options {
  readonly isQuick: boolean;
  readonly scenarios: readonly Scenario[];
  readonly peers: readonly PeerName[];
  readonly runs: number;
  /** Where the report is written; a run that leaves something out writes none unless told to. */
  readonly output?: string;
  /** Only the usage is wanted. */
  readonly isHelp: boolean;
}

const RUNS_DEFAULT = 3;
const RUNS_MAX = 99;

const FULL: Effort = { trySeconds: 2, precision: 1.04, watchSeconds: 3, starts: 11 };
const QUICK: Effort = { trySeconds: 0.4, precision: 1.1, watchSeconds: 1, starts: 3 };

/** The time that a run gives to each measurement. */
export function effortOf({ isQuick }: Options): Effort {
  return isQuick ? QUICK : FULL;
}

/** Reads the arguments; throws an error that says what is expected. */
export function readOptions(args: readonly string[]): Options {
  const { values } = parseArgs({
    args: [...args],
    options: {
      quick: { type: "boolean", default: false },
      only: { type: "string" },
      peers: { type: "string" },
      runs: { type: "string" },
      output: { type: "string" },
      help: { type: "boolean", short: "h", default: false },
    },
  });
  const { quick: isQuick, only, peers, help: isHelp } = values;
  const isWhole = !isQuick && only === undefined && peers === undefined;
  const output = values.output ?? (isWhole ? "bench" : undefined);
  return {
    isQuick,
    scenarios: only === undefined ? SCENARIOS.filter((scenario) => scenario.isQuick || !isQuick) : choose(only),
    peers: peers === undefined
      ? PEER_NAMES
      : PEER_NAMES.filter((name) => names(peers, "--peers", PEER_NAMES).has(name)),
    runs: readRuns(values.runs, isQuick ? 1 : RUNS_DEFAULT),
    ...output === undefined ? {} : { output },
    isHelp,
  };
}

export function usage(): string {
  return `usage: ./dev bench [--quick] [--only SCENARIO[,...]] [--peers PEER[,...]]
         [--runs N] [--output DIR]

Measures mcr and other relays side by side, as root, in network namespaces that
it makes and removes. A full run takes about an hour and writes the report to
bench/; it wants a machine that does nothing else meanwhile.

  --quick      under two minutes: the chief scenarios, short tries, one run
  --only LIST  these scenarios
  --peers LIST these of ${PEER_NAMES.join(", ")}
  --runs N     take the median of so many, 1 to ${RUNS_MAX} (default: ${RUNS_DEFAULT}; quick: 1)
  --output DIR write report.json and report.svg there (default: bench, and only
               if nothing was left out)

scenarios:
${SCENARIOS.map(({ id, title }) => `  ${id.padEnd(18)} ${title}`).join("\n")}

environment:
  MCR            the executable to measure (default: dist/mcr)
  MCR_PEER_RUST  folder of the Rust implementation's mcrd and mcrctl
`;
}

function choose(only: string): Scenario[] {
  const chosen = names(only, "--only", SCENARIOS.map(({ id }) => id));
  return SCENARIOS.filter(({ id }) => chosen.has(id));
}

function names(list: string, option: string, known: readonly string[]): Set<string> {
  const given = list.split(",");
  const stranger = given.find((name) => !known.includes(name));
  if (stranger === undefined) return new Set(given);
  throw new RangeError(`Cannot use ${option} "${stranger}": expected some of ${known.join(", ")}`);
}

function readRuns(text: string | undefined, unset: number): number {
  const runs = Number(text ?? unset);
  if (Number.isInteger(runs) && runs >= 1 && runs <= RUNS_MAX) return runs;
  throw new RangeError(`Cannot use --runs "${text}": expected a whole number from 1 to ${RUNS_MAX}`);
}
