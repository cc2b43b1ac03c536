/**
 * `mcr gen` and `mcr sink`: programs of their own, written in C. Here they are only found, started and waited for; in
 * the one-file executable they are reached without this detour.
 *
 * @module
 */
import type { Command } from "../command.ts";
import { describeNative } from "../native_help.ts";

/** The `gen` command. */
export const gen: Command = {
  name: "gen",
  usage: "mcr gen OPTION...",
  summary: "Generate multicast datagrams, numbered and time-stamped",
  example: "mcr gen --interface eth0 --group 239.1.1.1 --port 5001 --rate 1000",
  options: [],
  isPassedOn: true,
  run: (args) => runNative("gen", args),
};

/** The `sink` command. */
export const sink: Command = {
  name: "sink",
  usage: "mcr sink OPTION...",
  summary: "Receive multicast and report loss, order and latency",
  example: "mcr sink --interface eth1 --group 239.2.2.2 --port 6000 --count 10000",
  options: [],
  isPassedOn: true,
  run: (args) => runNative("sink", args),
};

/** The commands, those that are programs of their own with what these say of themselves. */
export async function describeAll(commands: readonly Command[]): Promise<Command[]> {
  return await Promise.all(commands.map(async (command) => command.isPassedOn ? await describe(command) : command));
}

async function describe(command: Command): Promise<Command> {
  const { nativeProgram } = await import("../../ffi/library.ts");
  const { stdout } = await new Deno.Command(nativeProgram, { args: [command.name, "--help"], stdin: "null" }).output();
  return describeNative(command, new TextDecoder().decode(stdout));
}

/** The signals that end such a program. */
const SIGNALS = ["SIGTERM", "SIGHUP", "SIGINT"] as const;

/** Runs a native program in our place: its output is ours, our signals are its, and so is the exit status. */
async function runNative(name: string, args: readonly string[]): Promise<number> {
  const { nativeProgram } = await import("../../ffi/library.ts");
  const stdio = { stdin: "inherit", stdout: "inherit", stderr: "inherit" } as const;
  const child = new Deno.Command(nativeProgram, { args: [name, ...args], ...stdio }).spawn();
  // A terminal sends its interrupt to the child as well; a second one would mean "at once".
  const hasTerminal = Deno.stdin.isTerminal();
  const handlers = SIGNALS.map((signal) => {
    const handle = (): void => {
      if (signal !== "SIGINT" || !hasTerminal) child.kill(signal);
    };
    Deno.addSignalListener(signal, handle);
    return { signal, handle };
  });
  try {
    return (await child.status).code;
  } finally {
    for (const { signal, handle } of handlers) Deno.removeSignalListener(signal, handle);
  }
}
