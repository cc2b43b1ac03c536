/**
 * `./dev bench`: mcr beside other relays, in one run on one machine. See README.md for how each number is made.
 *
 * @module
 */
import { fileURLToPath } from "node:url";
import { drawChart } from "./chart.ts";
import { describeMachine, moveTo, requireMachine, usableCores } from "./machine.ts";
import { effortOf, type Options, readOptions, usage } from "./options.ts";
import type { Peer, PeerName } from "./peer.ts";
import { KERNEL } from "./peers/kernel.ts";
import { chooseBuild, MCR } from "./peers/mcr.ts";
import { RUST } from "./peers/rust.ts";
import { SOCAT } from "./peers/socat.ts";
import type { Report, Row } from "./report.ts";
import { type Plan, runTogether } from "./run.ts";
import { takingTurns } from "./scenarios.ts";
import { describeCell, formatReport } from "./text.ts";

const ROOT = fileURLToPath(new URL("..", import.meta.url));

const PEERS: readonly Peer[] = [MCR, RUST, SOCAT, KERNEL];

/** The signals that end the bench early, and the exit status then. */
const SIGNALS = { SIGINT: 130, SIGTERM: 143 } as const;

async function main(options: Options): Promise<number> {
  const interruption = new AbortController();
  let status: number | undefined;
  for (const signal of Object.keys(SIGNALS) as (keyof typeof SIGNALS)[]) {
    Deno.addSignalListener(signal, () => {
      status = SIGNALS[signal];
      interruption.abort(new Error(`Stopped by ${signal}`));
    });
  }
  try {
    const report = await measureAll(options, interruption.signal);
    print(Deno.stdout, formatReport(report));
    if (options.output !== undefined) await write(report, options.output);
    return report.rows.some(({ cells }) => cells.mcr.kind === "failed") ? 1 : 0;
  } catch (error) {
    // Children at the same terminal are interrupted too: whatever failed then failed because of that.
    if (status === undefined) throw error;
    say(`${interruption.signal.reason.message}; everything is removed`);
    return status;
  }
}

async function measureAll(options: Options, signal: AbortSignal): Promise<Report> {
  const cores = await usableCores();
  await requireMachine(cores);
  await moveTo(cores.at(-1)!);
  await chooseBuild(ROOT);
  const { peers, missing, texts } = await findPeers(options.peers);
  const machine = await describeMachine(cores);
  const plan: Plan = { peers, missing, runs: options.runs, effort: effortOf(options), cores, signal, say };
  const rows: Row[] = [];
  for (const together of takingTurns(options.scenarios)) {
    for (const row of await runTogether(together, plan)) {
      rows.push(row);
      const cells = Object.entries(row.cells).filter(([, { kind }]) => kind === "figure");
      say(`${row.title}: ${cells.map(([name, cell]) => `${name} ${describeCell(cell, row.unit)}`).join(", ")}`);
    }
  }
  return { machine, isQuick: options.isQuick, runs: options.runs, peers: texts, rows };
}

/** Which of the wanted peers are there, what they are, and what to do about the others. */
async function findPeers(names: readonly PeerName[]): Promise<{
  peers: Map<PeerName, Peer>;
  missing: Map<PeerName, string>;
  texts: Partial<Record<PeerName, string>>;
}> {
  const peers = new Map<PeerName, Peer>();
  const missing = new Map<PeerName, string>();
  const texts: Partial<Record<PeerName, string>> = {};
  for (const peer of PEERS.filter(({ name }) => names.includes(name))) {
    const reason = await peer.missing();
    if (reason !== undefined) missing.set(peer.name, reason);
    else peers.set(peer.name, peer);
    texts[peer.name] = reason === undefined ? await peer.describe() : `missing: ${reason}`;
  }
  return { peers, missing, texts };
}

async function write(report: Report, directory: string): Promise<void> {
  await Deno.mkdir(directory, { recursive: true });
  await Deno.writeTextFile(`${directory}/report.json`, JSON.stringify(report, null, 1) + "\n");
  await Deno.writeTextFile(`${directory}/report.svg`, drawChart(report));
  say(`wrote ${directory}/report.json and ${directory}/report.svg`);
}

/** Progress, beside the report on standard output. */
function say(line: string): void {
  print(Deno.stderr, `bench: ${line}\n`);
}

function print(stream: { writeSync(bytes: Uint8Array): number }, text: string): void {
  let bytes = new TextEncoder().encode(text);
  while (bytes.length > 0) bytes = bytes.subarray(stream.writeSync(bytes));
}

try {
  const options = readOptions(Deno.args);
  if (options.isHelp) print(Deno.stdout, usage());
  else Deno.exitCode = await main(options);
} catch (error) {
  say(error instanceof Error ? error.message : String(error));
  Deno.exitCode = 1;
}
// Listeners for signals would keep the process.
Deno.exit();
