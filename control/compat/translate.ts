/**
 * Command lines of the reference implementation as command lines of `mcr`: what is given is passed on under our names, and
 * what comes back is put into the form that its users' scripts read.
 *
 * @module
 */
import { type Arguments, type Command, type Option, readArguments, type Surroundings } from "../command.ts";
import { resolveCommand } from "../command_tree.ts";
import { ConfigError } from "../config_text.ts";
import { ControlError } from "../error.ts";

/** Such a command, and what it is for us. */
export interface Translation {
  /** With the name of its program: `mcrctl add`. */
  readonly name: string;
  readonly summary: string;
  readonly details?: string;
  readonly example: string;
  readonly options: readonly Option[];
  /** The name of the command of `mcr` that does it. */
  readonly ours: string;
  /** The arguments of that. */
  readonly toOurs: (given: Arguments) => readonly string[];
  /** What to print for the answer of ours, read from its JSON; without it that prints for itself. */
  readonly toTheirs?: (answer: never, given: Arguments) => unknown;
  /** What to print when a file is wrong; an error as for all else unless given. */
  readonly fromProblems?: (error: ConfigError) => unknown;
}

/** A command of `mcrctl`, named without that, and with an example only where it needs arguments. */
export type Row = Omit<Translation, "example" | "options"> & {
  readonly example?: string;
  readonly options?: readonly Option[];
};

/** Makes the command; `commands` are those of `mcr`. */
export function translated(translation: Translation, commands: readonly Command[]): Command {
  const { ours, toOurs, toTheirs, fromProblems, ...texts } = translation;
  const command: Command = {
    ...texts,
    usage: usageOf(translation),

    async run(args, surroundings): Promise<string | number> {
      const given = readArguments(command, args);
      const line = [...ours.split(" "), ...toOurs(given)];
      if (toTheirs === undefined) return await runOurs(line, commands, surroundings);
      try {
        const answer = JSON.parse(String(await runOurs(line, commands, surroundings)));
        return format(toTheirs(answer as never, given));
      } catch (error) {
        // What is refused is an answer, too; their programs then end with 0.
        await surroundings.write(format(describeRefusal(error, fromProblems)));
        return 1;
      }
    },
  };
  return command;
}

function describeRefusal(error: unknown, fromProblems: Translation["fromProblems"]): unknown {
  if (error instanceof ControlError) return { Error: error.message };
  if (!(error instanceof ConfigError) || error.isUnread) throw error;
  return fromProblems?.(error) ?? { Error: `Invalid configuration: ${error.message}` };
}

/** Options that are given under one name and passed on under another: `{ "num-workers": "workers" }`. */
export function passOn(given: Arguments, names: Readonly<Record<string, string>>): string[] {
  // In one word, so that a value may begin with a hyphen.
  return Object.entries(names).flatMap(([theirs, ours]) => given.all(theirs).map((value) => `--${ours}=${value}`));
}

/** Which supervisor `mcrctl` asks, and in JSON. */
export function asked(given: Arguments): string[] {
  return ["--json", ...passOn(given, { "socket-path": "socket" })];
}

async function runOurs(
  args: readonly string[],
  commands: readonly Command[],
  surroundings: Surroundings,
): Promise<string | number> {
  const { command, rest } = resolveCommand(args, commands);
  if (command === undefined) throw new TypeError(`Cannot translate to "${args.join(" ")}": it names no command`);
  return await command.run(rest, surroundings);
}

function format(answer: unknown): string {
  return JSON.stringify(answer, null, 2) + "\n";
}

function usageOf({ name, options }: Translation): string {
  return [name, ...options.map(({ name: option, value }) => `[--${option}${value === undefined ? "" : ` ${value}`}]`)]
    .join(" ");
}
