/**
 * `mcr help`: what there is, and how it is used.
 *
 * @module
 */
import { type Command, readArguments } from "../command.ts";
import { UsageError } from "../error.ts";
import { commandHelp, overview } from "../help.ts";
import { didYouMean } from "../suggest.ts";

/** The command of this name or alias; throws a `UsageError` when there is none. */
export function findCommand(name: string, commands: readonly Command[]): Command {
  const found = commands.find((command) => command.name === name || command.aliases?.includes(name));
  if (found !== undefined) return found;
  const hint = didYouMean(name, commands.flatMap((command) => [command.name, ...command.aliases ?? []]));
  throw new UsageError(`Cannot run "mcr ${name}": there is no such command${hint || '; see "mcr help"'}`);
}

/** The `help` command, which tells of `others` and of itself. */
export function makeHelp(others: readonly Command[]): Command {
  const help: Command = {
    name: "help",
    usage: "mcr help [COMMAND]",
    summary: "Tell what a command does and how it is used",
    example: "mcr help add",
    options: [],
    positionalsMax: 1,

    async run(args, surroundings): Promise<string | number> {
      const commands = [...others, help];
      const [name] = readArguments(help, args).positionals;
      if (name === undefined) return overview(commands);
      const command = findCommand(name, commands);
      return command.isPassedOn ? await command.run(["--help"], surroundings) : commandHelp(command);
    },
  };
  return help;
}
