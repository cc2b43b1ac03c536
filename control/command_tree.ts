/**
 * Commands below commands: finding the one that a command line calls, and the commands that only hold others.
 *
 * @module
 */
import { type Command, type Option, SOCKET_OPTION, spellings } from "./command.ts";
import { UsageError } from "./error.ts";
import { didYouMean } from "./suggest.ts";

/** The command that a command line calls, and the arguments that are not its name. */
export interface Call {
  /** Absent where no word names one. */
  readonly command: Command | undefined;
  readonly rest: readonly string[];
}

/** What makes a command that only holds others different from the next. */
export type Group = Pick<Command, "name" | "summary" | "details" | "example"> & {
  readonly subcommands: readonly Command[];
  /** Options that may also stand before the word that names the subcommand. Each subcommand has them. */
  readonly options?: readonly Option[];
};

/** The word that calls a command where its kind are looked for: the last one of its name. */
export function wordOf({ name }: Command): string {
  return name.slice(name.lastIndexOf(" ") + 1);
}

/** All words that call a command. */
export function wordsOf(command: Command): readonly string[] {
  return [wordOf(command), ...command.aliases ?? []];
}

/** Longer than this the words of a group do not fit into a line of help. */
const WORDS_LENGTH_MAX = 60;

/** Makes a command that only holds others: `mcr NAME SUBCOMMAND`. */
export function makeGroup({ options = [], ...texts }: Group): Command {
  const words = texts.subcommands.map(wordOf).join("|");
  const usage = `mcr ${texts.name} ${words.length <= WORDS_LENGTH_MAX ? words : "COMMAND"} [OPTION...]`;
  return {
    ...texts,
    usage,
    options,
    run(): Promise<never> {
      return Promise.reject(
        new UsageError(`Cannot run "mcr ${texts.name}" alone: expected mcr ${texts.name} ${words}`),
      );
    },
  };
}

/**
 * Finds the command that a command line calls, however deep. Options that stand before a word belong to what it names:
 * `mcr --socket PATH list`. Throws a `UsageError` for a word that names no command. Those of `hidden` are found but never
 * proposed.
 */
export function resolveCommand(
  args: readonly string[],
  commands: readonly Command[],
  hidden: readonly Command[] = [],
): Call {
  let { word, rest } = splitWord(args, [SOCKET_OPTION]);
  if (word === undefined) return { command: undefined, rest };
  let command = find(word, hidden) ?? find(word, commands) ?? refuse(word, "mcr", commands);
  while (command.subcommands !== undefined) {
    const below = splitWord(rest, [SOCKET_OPTION, ...command.options]);
    if (below.word === undefined) break;
    const parent = command;
    command = find(below.word, command.subcommands) ?? refuse(below.word, `mcr ${parent.name}`, command.subcommands);
    rest = below.rest;
  }
  return { command, rest };
}

/** All commands that do something, those below others included, in order. */
export function leavesOf(commands: readonly Command[]): Command[] {
  return commands.flatMap((command) => command.subcommands === undefined ? [command] : leavesOf(command.subcommands));
}

/** All commands, those that only hold others included, each before those below it. */
export function allOf(commands: readonly Command[]): Command[] {
  return commands.flatMap((command) => [command, ...allOf(command.subcommands ?? [])]);
}

function find(word: string, commands: readonly Command[]): Command | undefined {
  return commands.find((command) => wordsOf(command).includes(word));
}

function refuse(word: string, parent: string, commands: readonly Command[]): never {
  const hint = didYouMean(word, commands.flatMap(wordsOf));
  const see = parent === "mcr" ? "mcr help" : parent.replace(/^mcr/, "mcr help");
  throw new UsageError(`Cannot run "${parent} ${word}": there is no such command${hint || `; see "${see}"`}`);
}

/** The first argument that is neither an option nor the value of one of `options`, and the others. */
function splitWord(
  args: readonly string[],
  options: readonly Option[],
): { word: string | undefined; rest: readonly string[] } {
  const valued = options.filter(({ value }) => value !== undefined).flatMap(spellings);
  let index = 0;
  while (index < args.length && args[index]!.startsWith("-")) index += valued.includes(args[index]!) ? 2 : 1;
  return { word: args[index], rest: [...args.slice(0, index), ...args.slice(index + 1)] };
}
