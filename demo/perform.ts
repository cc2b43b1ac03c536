/**
 * The demo itself: source, relay and sink, and the commands that a user would give in each.
 *
 * @module
 */
import { addArguments, exists, mcr } from "../tests/e2e/mcr.ts";
import { Network } from "../tests/e2e/network.ts";
import { output, Process } from "../tests/e2e/process.ts";
import type { Received, Sent } from "../tests/e2e/traffic.ts";
import { draw, say, sayCommand, verdict } from "./screen.ts";

/** About 105 Mbit/s, in the datagrams that carry seven packets of an MPEG transport stream each. */
const RATE = 10_000;
const SIZE = 1316;

const PICTURE = `
   source                    relay                    sink
  +--------------+          +--------------+         +--------------+
  |           s0 |----------| in0     out0 |---------| k0           |
  +--------------+          +--------------+         +--------------+
      10.1.0.1                                           10.2.0.1
               239.1.1.1:5001  -->  239.2.2.2:6000
`;

/** What `mcr sink -j` says while it counts, and at the end. */
interface Report extends Received {
  readonly final: boolean;
  readonly seconds: number;
  readonly latency_us: { readonly p50: number; readonly p99: number };
}

/** Plays the demo; resolves with whether every datagram arrived. Rejects soon after `signal` is aborted. */
export async function perform(seconds: number, signal: AbortSignal): Promise<boolean> {
  const directory = await Deno.makeTempDir({ prefix: "mcr-demo-" });
  try {
    return await play(seconds, { MCR_SOCKET: `${directory}/mcr.sock` }, signal);
  } finally {
    await Deno.remove(directory, { recursive: true });
  }
}

async function play(seconds: number, env: Record<string, string>, signal: AbortSignal): Promise<boolean> {
  if (!await exists(mcr()[0]!)) throw new Error(`Cannot find "${mcr()[0]}": make it with "./dev build"`);
  say(`Three network namespaces, joined by cables. Each command below runs in the one before its "$".\n${PICTURE}`);
  await using network = await Network.create("relay");
  const start = async (place: string, ...args: string[]): Promise<Process> => {
    signal.throwIfAborted();
    sayCommand(place, ["mcr", ...args]);
    return await Process.start(network.within(place, mcr(...args)), { env });
  };
  const query = async (...args: string[]): Promise<void> => {
    signal.throwIfAborted();
    sayCommand("relay", ["mcr", ...args]);
    say(await output(network.within("relay", mcr(...args)), { env }));
  };

  await using supervisor = await start("relay", "run", "--workers", "1");
  say((await supervisor.line("stderr", /^mcr: ready on .*$/))[0]);
  await query(...addArguments({ in: "in0", group: "239.1.1.1", port: 5001, outputs: ["239.2.2.2:6000:out0"] }));
  await query("list");

  const count = seconds * RATE;
  await using sink = await start("sink", ...sinkArguments(count, seconds));
  await sink.line("stderr", /^ready$/);
  await using source = await start("source", ...genArguments(count));
  say("");
  const report = await follow(sink, signal);
  const sent: Sent = JSON.parse((await source.end()).stdout);

  await query("stats");
  return sumUp(report, sent);
}

function genArguments(count: number): string[] {
  const where = ["--interface", "s0", "--group", "239.1.1.1", "--port", "5001"];
  return ["gen", ...where, "--rate", String(RATE), "--size", String(SIZE), "--count", String(count), "-j"];
}

/** The sink ends with the last datagram; or, when some were lost, a while after it. */
function sinkArguments(count: number, seconds: number): string[] {
  const where = ["--interface", "k0", "--group", "239.2.2.2", "--port", "6000"];
  const end = ["--count", String(count), "--idle", "2", "--timeout", String(seconds + 10)];
  return ["sink", ...where, ...end, "--interval", "0.2", "-j"];
}

/** Shows what the sink reports until its last report. */
async function follow(sink: Process, signal: AbortSignal): Promise<Report> {
  const stop = (): void => sink.kill("SIGTERM");
  signal.addEventListener("abort", stop);
  try {
    let before: Report | undefined;
    for await (const line of sink.lines("stdout")) {
      const report: Report = JSON.parse(line);
      if (report.received > 0) draw(describe(report, report.final ? undefined : before), report.final);
      if (report.final) {
        signal.throwIfAborted();
        return report;
      }
      before = report;
    }
    throw new Error(`Cannot follow mcr sink: it ended without a summary:\n${sink.stderr}`);
  } finally {
    signal.removeEventListener("abort", stop);
  }
}

/** A report as one line; its rate is that since the one before, or of the whole. */
function describe({ received, lost, seconds, latency_us: { p50, p99 } }: Report, before?: Report): string {
  const span = seconds - (before?.seconds ?? 0);
  const rate = span > 0 ? (received - (before?.received ?? 0)) / span : 0;
  return [
    `${seconds.toFixed(1).padStart(6)} s`,
    `${received} received`.padStart(17),
    `${Math.round(rate)}/s`.padStart(8),
    `${(rate * SIZE * 8 / 1e6).toFixed(0)} Mbit/s`.padStart(11),
    `lost ${lost}`,
    `latency p50 ${p50.toFixed(0)} us, p99 ${p99.toFixed(0)} us`,
  ].join("   ");
}

/** The last line. What the generator sent is the measure, so that a lost end counts too. */
function sumUp({ received, duplicated }: Report, { sent }: Sent): boolean {
  const unique = received - duplicated;
  const lost = sent - unique;
  say(`\n${verdict(lost === 0, `received ${unique} of ${sent}, lost ${lost}`)}`);
  return lost === 0;
}
