/**
 * Command lines of the reference implementation as command lines of `mcr`: what is given is passed on under our names, and
 * what comes back is put into the form that its users' scripts read.
 *
 * @module
 */
import { type Arguments, type Command, type Option, readArguments, type Surroundings } from "../command.ts";
import { resolveCommand, wordOf } from "../command_tree.ts";
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
}

/** Makes the command; `commands` are those of `mcr`. */
export function translated(translation: Translation, commands: readonly Command[]): Command {
  const { ours, toOurs, toTheirs, ...texts } = translation;
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
        // What the supervisor refuses is an answer, too; their programs then end with 0.
        if (!(error instanceof ControlError)) throw error;
        await surroundings.write(format({ Error: error.message }));
        return 1;
      }
    },
  };
  return command;
}

/** Options that are given under one name and passed on under another: `{ "num-workers": "workers" }`. */
export function passOn(given: Arguments, names: Readonly<Record<string, string>>): string[] {
  // In one word, so that a value may begin with a hyphen.
  return Object.entries(names).flatMap(([theirs, ours]) => given.all(theirs).map((value) => `--${ours}=${value}`));
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

/** Whether `mcr` has the command of this name, which may be below others. */
export function hasCommand(name: string, commands: readonly Command[]): boolean {
  let below: readonly Command[] | undefined = commands;
  for (const word of name.split(" ")) {
    const found: Command | undefined = below?.find((command) => wordOf(command) === word);
    if (found === undefined) return false;
    below = found.subcommands;
  }
  return true;
}
