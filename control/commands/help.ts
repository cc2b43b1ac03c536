/**
 * `mcr help`: what there is, and how it is used.
 *
 * @module
 */
import { type Command, readArguments } from "../command.ts";
import { resolveCommand } from "../command_tree.ts";
import { commandHelp, overview } from "../help.ts";

/** The `help` command, which tells of `others`, of itself and, when asked by name, of `hidden`. */
export function makeHelp(others: readonly Command[], hidden: () => readonly Command[] = () => []): Command {
  const help: Command = {
    name: "help",
    usage: "mcr help [COMMAND...]",
    summary: "Tell what a command does and how it is used",
    example: "mcr help add",
    options: [],
    positionalsMax: Infinity,
    positional: "COMMAND",

    async run(args, surroundings): Promise<string | number> {
      const commands = [...others, help];
      const words = readArguments(help, args).positionals;
      const { command, rest } = resolveCommand(words, commands, hidden());
      if (command === undefined) return overview(commands);
      if (command.isPassedOn) return await command.run(["--help"], surroundings);
      // What is left over is no part of a command's name: `mcr help add remove`.
      if (rest.length > 0) readArguments({ ...help, positionalsMax: 0 }, rest);
      return commandHelp(command);
    },
  };
  return help;
}
