/**
 * `./dev demo [--seconds N]`: relays a real multicast stream between network namespaces and shows live what arrives.
 * Ends with the line `received N of N, lost N`; the exit status is 0 only if nothing was lost. Removes all that it made,
 * however it ends.
 *
 * @module
 */
import { parseArgs } from "node:util";
import { fileURLToPath } from "node:url";
import { findAccess, inUserNamespace } from "../tests/e2e/access.ts";
import { perform } from "./perform.ts";
import { say } from "./screen.ts";

const SECONDS_DEFAULT = 10;
const SECONDS_MAX = 3600;

/** The signals that end the demo early, and the exit status then. */
const SIGNALS = { SIGINT: 130, SIGTERM: 143 } as const;

async function main(args: readonly string[]): Promise<number> {
  const seconds = readSeconds(args);
  useBuild();
  const interruption = new AbortController();
  let status: number | undefined;
  using _signals = onSignals((signal) => {
    status = SIGNALS[signal];
    interruption.abort(new Error(`Stopped by ${signal}`));
  });
  try {
    return await playWherePossible(seconds, interruption.signal);
  } catch (error) {
    // Children at the same terminal are interrupted too: whatever failed then failed because of that.
    if (status === undefined) throw error;
    say(`demo: ${interruption.signal.reason.message}; everything is removed`);
    return status;
  }
}

async function playWherePossible(seconds: number, signal: AbortSignal): Promise<number> {
  const access = await findAccess();
  if (access.kind === "none") throw new Error(access.reason);
  signal.throwIfAborted();
  if (access.kind === "user") return await repeatInUserNamespace(seconds, signal);
  return await perform(seconds, signal) ? 0 : 1;
}

function readSeconds(args: readonly string[]): number {
  const { values } = parseArgs({ args: [...args], options: { seconds: { type: "string" } } });
  const seconds = Number(values.seconds ?? SECONDS_DEFAULT);
  if (Number.isInteger(seconds) && seconds >= 1 && seconds <= SECONDS_MAX) return seconds;
  throw new RangeError(`Cannot use --seconds "${values.seconds}": expected a whole number from 1 to ${SECONDS_MAX}`);
}

/** The demo shows the executable that users get, unless MCR names another. */
function useBuild(): void {
  if (Deno.env.get("MCR")) return;
  Deno.env.set("MCR", fileURLToPath(new URL("../dist/mcr", import.meta.url)));
}

/** Runs this program once more, where an ordinary user may make namespaces. They go with it. */
async function repeatInUserNamespace(seconds: number, signal: AbortSignal): Promise<number> {
  const program = [Deno.execPath(), "run", "--quiet", "--allow-all", fileURLToPath(import.meta.url)];
  const [command, ...args] = inUserNamespace([...program, "--seconds", String(seconds)]);
  const child = new Deno.Command(command!, { args, stdin: "inherit", stdout: "inherit", stderr: "inherit" }).spawn();
  // An interrupt at the terminal has reached the child by itself; a second signal does it no harm.
  signal.addEventListener("abort", () => child.kill("SIGTERM"));
  return (await child.status).code;
}

function onSignals(handle: (signal: keyof typeof SIGNALS) => void): Disposable {
  const handlers = (Object.keys(SIGNALS) as (keyof typeof SIGNALS)[]).map((signal) => {
    const handler = (): void => handle(signal);
    Deno.addSignalListener(signal, handler);
    return { signal, handler };
  });
  return {
    [Symbol.dispose](): void {
      for (const { signal, handler } of handlers) Deno.removeSignalListener(signal, handler);
    },
  };
}

try {
  Deno.exitCode = await main(Deno.args);
} catch (error) {
  say(`demo: ${error instanceof Error ? error.message : error}`);
  Deno.exitCode = 1;
}
