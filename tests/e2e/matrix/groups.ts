/**
 * Runs the cases of the matrix: those of a group share a network and a relay, one after the other, and each says in a
 * line what became of it.
 *
 * @module
 */
import { deepStrictEqual } from "node:assert/strict";
import { connect } from "../../../mod.ts";
import { testNetwork } from "../case.ts";
import { type RunOptions, Supervisor } from "../mcr.ts";
import { Network, type TopologyName } from "../network.ts";
import type { Bench, Case, Outcome } from "./bench.ts";

/** Cases that share a relay. */
export interface Group {
  readonly title: string;
  readonly topology?: TopologyName;
  readonly options?: RunOptions;
  /** What the network needs beside the cables, before the relay starts. */
  readonly prepare?: (network: Network) => Promise<void>;
  readonly cases: readonly Case[];
}

/** Makes a test of each group; cases are numbered through all of them. */
export function testGroups(groups: readonly Group[]): void {
  let first = 1;
  for (const group of groups) {
    const numbers = group.cases.map((_, index) => first + index);
    first += numbers.length;
    testNetwork(`matrix: ${group.title}`, () => runGroup(group, numbers));
  }
}

/** Runs all cases, whatever becomes of one, then fails if one has failed. */
async function runGroup({ cases, topology = "relay", options = {}, prepare }: Group, numbers: number[]): Promise<void> {
  await using network = await Network.create(topology);
  await prepare?.(network);
  const args = ["--log-level", "audit=warning", ...options.args ?? []];
  await using supervisor = await Supervisor.start(network, { ...options, args });
  const failures: unknown[] = [];
  {
    using client = await connect(supervisor.socket);
    const bench = { network, supervisor, client };
    for (const [index, one] of cases.entries()) {
      const number = numbers[index]!;
      try {
        say(await runCase(bench, one, number));
      } catch (error) {
        say(`not ok ${number} ${one.name}`);
        failures.push(new Error(`${number} ${one.name}`, { cause: error }));
      }
    }
  }
  if (failures.length === 0) return await supervisor.stop();
  throw new AggregateError(
    failures,
    `${failures.length} cases failed. The supervisor said:\n${supervisor.process.stderr}`,
  );
}

async function runCase(bench: Bench, { name, missing = null, run }: Case, number: number): Promise<string> {
  if (missing !== null) return `skip ${number} ${name}: ${missing}`;
  const before = await bench.client.call("rule.list", {});
  const line = `ok ${number} ${name}, ${describe(await run(bench))}`;
  deepStrictEqual(await bench.client.call("rule.list", {}), before, "a case leaves no rule behind");
  return line;
}

function describe({ in: sent, out, drops = {} }: Outcome): string {
  const reasons = Object.entries(drops).map(([reason, count]) => `, ${count} ${reason}`);
  return `${sent} in, ${out} out${reasons.join("")}`;
}

function say(line: string): void {
  Deno.stdout.writeSync(new TextEncoder().encode(`${line}\n`));
}
