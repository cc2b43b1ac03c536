/**
 * The command line `mcr`: finds the command, runs it, writes what it returns. The only module that writes to standard
 * output and standard error.
 *
 * @module
 */
import type { Surroundings, TerminalSize } from "./control/command.ts";
import { resolveCommand } from "./control/command_tree.ts";
import { COMMANDS, HIDDEN } from "./control/commands/mod.ts";
import { messageOf, NoDaemonError, reasonOf, UsageError } from "./control/error.ts";
import { commandHelp, overview } from "./control/help.ts";
import { printableLines } from "./control/table.ts";
import { VERSION } from "./control/version.ts";

/** Where texts go: the process's own streams, or a test's. */
export type Terminal = Surroundings;

/** Exit statuses; scripts rely on them. */
const STATUS = { done: 0, failed: 1, usage: 2, noDaemon: 3 } as const;

/** Runs `mcr` with these arguments and resolves with its exit status. */
export async function main(args: readonly string[], terminal: Terminal): Promise<number> {
  try {
    const result = await runCommand(args, terminal);
    if (typeof result === "number") return result;
    await terminal.write(result);
    return STATUS.done;
  } catch (error) {
    // Whoever read our output has seen enough.
    if (error instanceof Deno.errors.BrokenPipe) return STATUS.done;
    terminal.notice(`mcr: ${printableLines(messageOf(error))}\n`);
    if (error instanceof UsageError) return STATUS.usage;
    return error instanceof NoDaemonError ? STATUS.noDaemon : STATUS.failed;
  }
}

async function runCommand(args: readonly string[], terminal: Terminal): Promise<string | number> {
  const { command, rest } = resolveCommand(args, COMMANDS, HIDDEN);
  if (command === undefined) {
    if (rest.some(isHelp)) return overview(COMMANDS);
    if (rest.includes("--version")) return `mcr ${VERSION}\n`;
    if (rest.length > 0) throw new UsageError(`Cannot use ${rest[0]} without a command; see "mcr help"`);
    terminal.notice(overview(COMMANDS));
    return STATUS.usage;
  }
  const asksForHelp = untilDashes(rest).some(isHelp);
  if (asksForHelp && !command.isPassedOn) return commandHelp(command);
  return await command.run(rest, terminal);
}

/** The arguments before `--`, which ends the options. */
function untilDashes(args: readonly string[]): readonly string[] {
  const end = args.indexOf("--");
  return end < 0 ? args : args.slice(0, end);
}

function isHelp(argument: string): boolean {
  return argument === "--help" || argument === "-h";
}

/** The process's own streams. */
const terminal: Terminal = {
  async write(text): Promise<void> {
    try {
      for (let rest = new TextEncoder().encode(text); rest.length > 0;) {
        rest = rest.subarray(await Deno.stdout.write(rest));
      }
    } catch (error) {
      if (error instanceof Deno.errors.BrokenPipe) throw error;
      throw new Error(`Cannot write to standard output: ${reasonOf(error)}`, { cause: error });
    }
  },
  notice(text): void {
    try {
      for (let rest = new TextEncoder().encode(text); rest.length > 0;) {
        rest = rest.subarray(Deno.stderr.writeSync(rest));
      }
    } catch {
      // Nobody reads our messages. That is no reason to stop.
    }
  },
  size(): TerminalSize | undefined {
    return Deno.stdout.isTerminal() ? Deno.consoleSize() : undefined;
  },
};

if (import.meta.main) Deno.exit(await main(Deno.args, terminal));
