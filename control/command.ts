/**
 * What a command of the command line is, and how its arguments are read. A command returns its text and writes nothing
 * itself, so it can be tested without a terminal.
 *
 * @module
 */
import { parseArgs } from "node:util";
import { type Client, connect } from "./client.ts";
import { ControlError, UsageError } from "./error.ts";
import { resolveSocketPath } from "./socket_path.ts";
import { didYouMean } from "./suggest.ts";

/** One option of a command. */
export interface Option {
  /** Its name without the dashes. */
  readonly name: string;
  /** Other names for the same. */
  readonly aliases?: readonly string[];
  /** One letter for the same. */
  readonly short?: string;
  /**
   * What its value is called in the help; absent when it takes none. Shells propose what it names: interfaces for
   * `IFACE`, rules for `ID`, files for `PATH` and `FILE`, and words in small letters themselves, as in `on|off|auto`.
   * In brackets it may be left out, and is a number where it is not: `[SECONDS]`.
   */
  readonly value?: string;
  /** Whether it may be given more than once. */
  readonly isRepeatable?: boolean;
  /** What it does, for the help. */
  readonly help: string;
}

/** How large a terminal is. */
export interface TerminalSize {
  readonly columns: number;
  readonly rows: number;
}

/** What a command can tell the person at the terminal apart from its result. */
export interface Surroundings {
  /** Writes to standard error, at once. */
  readonly notice: (text: string) => void;
  /** Writes to standard output, what has to be there before the command ends. */
  readonly write: (text: string) => Promise<void>;
  /** Of the terminal that standard output is, now; undefined when it is none. */
  readonly size?: () => TerminalSize | undefined;
}

/** One command: `mcr NAME`, or with other commands below it. */
export interface Command {
  /** What is typed after `mcr`: `add`, or `config check` for a subcommand. */
  readonly name: string;
  /** Other words for the last of its name. */
  readonly aliases?: readonly string[];
  /** How it is called, in one line. */
  readonly usage: string;
  /** What it does, in a few words. */
  readonly summary: string;
  /** What else there is to know, in lines of at most 78 columns. */
  readonly details?: string;
  /** Command lines that work, one a line; `\\` continues one, `#` begins a comment. */
  readonly example: string;
  readonly options: readonly Option[];
  /** The most arguments that are no options; none unless given. */
  readonly positionalsMax?: number;
  /** What those arguments are called, as in `ID|NAME`; like an option's value, it tells shells what to propose. */
  readonly positional?: string;
  /** The commands below this one: see `makeGroup()`. */
  readonly subcommands?: readonly Command[];
  /** Whether another program reads the arguments, `--help` included. */
  readonly isPassedOn?: boolean;

  /**
   * Does it. Resolves with the text for standard output or, when something else has done the writing, with the exit
   * status.
   *
   * Throws a `UsageError` for a command line that makes no sense, and anything else when it fails.
   */
  run(args: readonly string[], surroundings: Surroundings): Promise<string | number>;
}

/** The option that all commands have which talk to the supervisor. */
export const SOCKET_OPTION: Option = {
  name: "socket",
  value: "PATH",
  help: "control socket (default: $MCR_SOCKET, /run/mcr/mcr.sock or $XDG_RUNTIME_DIR/mcr.sock)",
};

/** The option of all commands that print data. */
export const JSON_OPTION: Option = {
  name: "json",
  short: "j",
  help: "print the supervisor's answer as one line of JSON",
};

/** Everything that an option can be written as: `-j`, `--json`. */
export function spellings({ name, aliases = [], short }: Option): string[] {
  return [...short === undefined ? [] : [`-${short}`], ...[name, ...aliases].map((one) => `--${one}`)];
}

/** The arguments of one command, read. */
export class Arguments {
  readonly positionals: readonly string[];
  readonly #values: ReadonlyMap<string, readonly string[]>;

  constructor(positionals: readonly string[], values: ReadonlyMap<string, readonly string[]>) {
    this.positionals = positionals;
    this.#values = values;
  }

  /** Whether the option was given. */
  has(name: string): boolean {
    return this.#values.has(name);
  }

  /** The value of an option that can be given once. */
  one(name: string): string | undefined {
    return this.#values.get(name)?.[0];
  }

  /** The values of an option, in the order given. */
  all(name: string): readonly string[] {
    return this.#values.get(name) ?? [];
  }
}

type Token = Extract<NonNullable<ReturnType<typeof parseArgs>["tokens"]>[number], { kind: "option" }>;

/** Reads the arguments of a command; throws a `UsageError` that says which one is wrong. */
export function readArguments(command: Command, args: readonly string[]): Arguments {
  const names = new Map<string, Option>();
  const config: Record<string, { type: "string" | "boolean"; short?: string; multiple: true }> = {};
  for (const option of command.options) {
    const type = option.value === undefined || isOptional(option) ? "boolean" : "string";
    for (const name of [option.name, ...option.aliases ?? []]) {
      names.set(name, option);
      config[name] = { type, multiple: true };
    }
    if (option.short !== undefined) config[option.name]!.short = option.short;
  }

  // Not strict: the tokens let us say what is wrong in our own words.
  const { tokens } = parseArgs({
    args: [...args],
    options: config,
    allowPositionals: true,
    strict: false,
    tokens: true,
  });
  const values = new Map<string, string[]>();
  const positionals: string[] = [];
  for (const [index, token] of tokens.entries()) {
    if (token.kind === "option") keepOption(token, names, values, command);
    if (token.kind !== "positional") continue;
    const before = tokens[index - 1];
    const option = before?.kind === "option" && before.value === undefined ? names.get(before.name) : undefined;
    if (option !== undefined && isOptional(option) && /^[0-9]/.test(token.value)) {
      values.set(option.name, [token.value]);
    } else {
      positionals.push(token.value);
    }
  }
  const excess = positionals[command.positionalsMax ?? 0];
  if (excess !== undefined) {
    throw new UsageError(`Cannot use argument "${excess}" of mcr ${command.name}: expected ${command.usage}`);
  }
  return new Arguments(positionals, values);
}

/** Whether the option's value may be left out: the whole of it, as in `[SECONDS]`, not a part as in `[AREA=]LEVEL`. */
function isOptional({ value = "" }: Option): boolean {
  return /^\[[^\]]*\]$/.test(value);
}

function keepOption(token: Token, names: Map<string, Option>, values: Map<string, string[]>, command: Command): void {
  const { rawName, value, inlineValue } = token;
  const option = names.get(token.name);
  if (option === undefined) {
    const hint = didYouMean(rawName, [...names.keys()].map((name) => `--${name}`));
    throw new UsageError(`Cannot use ${rawName}: mcr ${command.name} has no such option${hint}`);
  }
  if (option.value === undefined && value !== undefined) {
    throw new UsageError(`Cannot use ${rawName} with the value "${value}": it takes none`);
  }
  // The next option is not what somebody meant as a value; to mean it, they can write --name=-value.
  const isMissing = value === undefined || (!inlineValue && /^-./.test(value));
  if (option.value !== undefined && isMissing && !isOptional(option)) {
    throw new UsageError(`Cannot use ${rawName} without a value: expected ${rawName} ${option.value}`);
  }
  const kept = values.get(option.name) ?? [];
  if (kept.length > 0 && option.value !== undefined && !option.isRepeatable) {
    throw new UsageError(`Cannot use ${rawName} "${value}": it was given before, as "${kept[0]}"`);
  }
  values.set(option.name, [...kept, value ?? ""]);
}

/** Runs a check of something on the command line: what it refuses is wrong use, not a refusal by the supervisor. */
export function asUsage<Result>(check: () => Result): Result {
  try {
    return check();
  } catch (error) {
    throw error instanceof ControlError ? new UsageError(error.message) : error;
  }
}

/** Connects to the supervisor that the arguments, or else the surroundings, name. */
export async function connectTo(args: Arguments): Promise<Client> {
  return await connect(resolveSocketPath(args.one("socket"), "client"));
}

/** A result as the line that `--json` prints. */
export function jsonLine(result: unknown): string {
  return JSON.stringify(result) + "\n";
}
