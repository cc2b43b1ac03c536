/**
 * What a shell can propose for a value, told from what the help calls it.
 *
 * @module
 */
import { type Command, type Option, spellings } from "../command.ts";
import { wordsOf } from "../command_tree.ts";

/**
 * Kinds of things that are looked up when somebody asks: `interfaces` is a list with commas, `outputs` a list of
 * `GROUP:PORT:IFACE`, of which the interfaces are proposed.
 */
export type Kind = "interface" | "interfaces" | "outputs" | "rule" | "file" | "command";

/** What may stand in one place. */
export interface Proposal {
  readonly kinds: readonly Kind[];
  readonly words: readonly string[];
}

const KINDS: Readonly<Record<string, Kind>> = {
  IFACE: "interface",
  "IFACE[,...]": "interfaces",
  "GROUP:PORT:IFACE": "outputs",
  "GROUP:PORT:IFACE[,...]": "outputs",
  ID: "rule",
  RULE: "rule",
  PATH: "file",
  FILE: "file",
  COMMAND: "command",
};

/** What to propose for a value that is called so: `IFACE`, `ID|NAME`, `on|off|auto`. */
export function proposalOf(value: string): Proposal {
  const parts = value.split("|");
  return {
    kinds: parts.flatMap((part) => KINDS[part] ?? []),
    words: parts.filter((part) => /^[a-z][a-z0-9-]*$/.test(part)),
  };
}

/** A command where it can be typed: its path, in each of the ways in which that can be written. */
export interface Place {
  readonly paths: readonly string[];
  readonly command: Command;
}

/** All commands, those that only hold others before those below them. */
export function placesOf(commands: readonly Command[], above: readonly string[] = [""]): Place[] {
  return commands.flatMap((command) => {
    const paths = above.flatMap((path) => wordsOf(command).map((word) => path === "" ? word : `${path} ${word}`));
    return [{ paths, command }, ...placesOf(command.subcommands ?? [], paths)];
  });
}

/** The options of a command, and the one that all have. */
export function optionsOf({ options }: Command): readonly Option[] {
  return [...options, HELP_OPTION];
}

/** Every spelling of every option that takes a value and may stand before a word that names a command. */
export function valuedEarly(commands: readonly Command[], socket: Option): readonly string[] {
  const groups = placesOf(commands).filter(({ command }) => command.subcommands !== undefined);
  const options = [socket, ...groups.flatMap(({ command }) => command.options)];
  return [...new Set(options.filter(({ value }) => value !== undefined).flatMap(spellings))];
}

const HELP_OPTION: Option = { name: "help", short: "h", help: "show help" };

/** A text as one word of a shell. In single quotes fish takes a backslash for an escape, the others do not. */
export function quoteFor(shell: "sh" | "fish", text: string): string {
  const escaped = shell === "sh"
    ? text.replaceAll("'", String.raw`'\''`)
    : text.replaceAll("\\", "\\\\").replaceAll("'", "\\'");
  return `'${escaped}'`;
}
