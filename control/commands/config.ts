/**
 * `mcr config`: what a file says, what the relay has, and how the one becomes the other.
 *
 * @module
 */
import type { Client } from "../client.ts";
import {
  type Arguments,
  type Command,
  connectTo,
  JSON_OPTION,
  jsonLine,
  type Option,
  readArguments,
  SOCKET_OPTION,
  type Surroundings,
} from "../command.ts";
import { makeGroup } from "../command_tree.ts";
import { type Config, SYSTEM_CONFIG } from "../config.ts";
import { UsageError } from "../error.ts";
import type { RuleSpec } from "../model.ts";
import { LINE_BYTES_MAX, type Methods } from "../protocol.ts";
import { formatDifference, type RulesDifference } from "../rule_difference.ts";
import { printable } from "../table.ts";
import { isTheirs, readConfigFile, saveConfigFile } from "./config_file.ts";

const FILE = { positionalsMax: 1, positional: "FILE" } as const;

const DRY_RUN: Option = { name: "dry-run", help: "say what would change, and change nothing" };
const MERGE: Option = { name: "merge", help: "keep the rules that are there, and only add others" };

const check: Command = {
  name: "config check",
  usage: "mcr config check [-j] [FILE]",
  summary: "Check a configuration file",
  details: `Needs neither a running relay nor any rights. Says for each thing that is wrong
the line, the column, the field, what was found and what is expected. Without
FILE it checks ${SYSTEM_CONFIG}.`,
  example: "mcr config check mcr.yaml",
  options: [{ ...JSON_OPTION, help: "print the configuration as one line of JSON" }],
  ...FILE,
  async run(args, surroundings): Promise<string> {
    const given = readArguments(check, args), file = fileOf(given);
    const config = await read(file, surroundings);
    return given.has("json") ? jsonLine(config) : `${file}: right, ${countOf(config.rules)}\n`;
  },
};

const show: Command = {
  name: "config show",
  usage: "mcr config show [-j] [--socket PATH]",
  summary: "Print the running configuration",
  details: `As YAML that a file may consist of: the settings that the relay was started
with and the rules that are in force.`,
  example: "mcr config show > mcr.yaml",
  options: [JSON_OPTION, SOCKET_OPTION],
  async run(args): Promise<string> {
    const given = readArguments(show, args);
    using client = await connectTo(given);
    const { config } = await client.call("config.get", {});
    if (given.has("json")) return jsonLine(config);
    const { formatConfig } = await import("../yaml/save.ts");
    return formatConfig(config);
  },
};

const diff: Command = {
  name: "config diff",
  usage: "mcr config diff [-j] [--socket PATH] [FILE]",
  summary: "Show what applying a file would change",
  details: `Ends with status 0 when nothing would change, 1 when something would.`,
  example: "mcr config diff mcr.yaml",
  options: [JSON_OPTION, SOCKET_OPTION],
  ...FILE,
  async run(args, surroundings): Promise<number> {
    const given = readArguments(diff, args);
    const { rules } = await read(fileOf(given), surroundings);
    using client = await connectTo(given);
    const difference = await apply(client, rules, { dry_run: true });
    await surroundings.write(given.has("json") ? jsonLine(difference) : formatDifference(difference, rules));
    return difference.added.length + difference.removed.length + difference.replaced.length > 0 ? 1 : 0;
  },
};

const applyCommand: Command = {
  name: "config apply",
  usage: "mcr config apply [--dry-run] [--merge] [-j] [--socket PATH] [FILE]",
  summary: "Make the rules of a file the ones in force",
  details: `All of it or nothing. Rules that the file does not have are removed, those added
at run time included; unchanged rules are not touched. Prints what changes
before it does. Settings beside the rules take effect when the relay is started:
those that differ are named. With --merge all rules that are there stay as they
are, and of the file come those whose input no rule has.`,
  example: "mcr config apply --dry-run mcr.yaml\nmcr config apply mcr.yaml",
  options: [DRY_RUN, MERGE, JSON_OPTION, SOCKET_OPTION],
  ...FILE,
  async run(args, surroundings): Promise<string> {
    const given = readArguments(applyCommand, args), file = fileOf(given);
    const config = await read(file, surroundings), merge = given.has("merge") ? { merge: true } : {};
    using client = await connectTo(given);
    const foreseen = await apply(client, config.rules, { dry_run: true, ...merge });
    if (!given.has("json")) await surroundings.write(formatDifference(foreseen, config.rules));
    for (const key of await settingsThatDiffer(client, config)) {
      surroundings.notice(`mcr: "${key}" of ${file} takes effect when the relay is started again\n`);
    }
    if (given.has("dry-run")) return given.has("json") ? jsonLine(foreseen) : "";
    const done = await apply(client, config.rules, merge);
    return given.has("json") ? jsonLine(done) : "";
  },
};

const save: Command = {
  name: "config save",
  usage: "mcr config save [-j] [--socket PATH] [FILE]",
  summary: "Write the rules in force into a file",
  details: `Keeps the file's comments, its order and its settings; makes the file if there
is none. The file is replaced in one step, so that it is whole at any time.
Without FILE it is the one that the relay was started with, else
${SYSTEM_CONFIG}.`,
  example: "mcr config save",
  options: [{ ...JSON_OPTION, help: "print file and number of rules as one line of JSON" }, SOCKET_OPTION],
  ...FILE,
  async run(args): Promise<string> {
    const given = readArguments(save, args);
    using client = await connectTo(given);
    const { config, file: own } = await client.call("config.get", {});
    const file = given.positionals[0] ?? own ?? SYSTEM_CONFIG;
    await saveConfigFile(file, config);
    if (given.has("json")) return jsonLine({ file, rules: config.rules.length });
    return `${file}: saved, ${countOf(config.rules)}\n`;
  },
};

const importCommand: Command = {
  name: "config import",
  usage: "mcr config import [-j] [-o FILE] FILE",
  summary: "Make a configuration of one of mcrd",
  details: `FILE is the JSON5 file of the reference implementation. Prints it as YAML, or
writes it to a file, and lists on standard error all that has no equal or is
wrong; what is wrong does not come along. Ends with status 1 when nothing does.
Needs neither a running relay nor any rights.`,
  example: "mcr config import mcrd.json5\nmcr config import -o mcr.yaml mcrd.json5",
  options: [
    { name: "output", short: "o", value: "FILE", help: "file to write, in place of what it holds" },
    { ...JSON_OPTION, help: "print the configuration as one line of JSON" },
  ],
  ...FILE,
  async run(args, { notice }): Promise<string> {
    const given = readArguments(importCommand, args), [file] = given.positionals, output = given.one("output");
    if (file === undefined) throw new UsageError(`Cannot import no file: expected ${importCommand.usage}`);
    if (output !== undefined && isTheirs(output)) {
      throw new UsageError(`Cannot write "${output}": what is imported is YAML, and .json5 is read as mcrd's`);
    }
    const [{ readJson5Config }, { formatConfig }, { writeAtomically }] = await Promise.all([
      import("../compat/json5_file.ts"),
      import("../yaml/save.ts"),
      import("../atomic_file.ts"),
    ]);
    const { config, notes, problems } = await readJson5Config(file);
    const tell = (text: string): void => notice(`mcr: ${printable(`${file}: ${text}`)}\n`);
    notes.forEach(tell);
    for (const { path, message } of problems) tell(`${message}; ${path || "all of it"} is left out`);
    const isEmpty = config.rules.length === 0 && Object.keys(config).length === EMPTY_KEYS;
    if (isEmpty && notes.length + problems.length > 0) {
      throw new Error(`Cannot import ${file}: mcr can take nothing of it`);
    }
    const text = given.has("json") ? jsonLine(config) : formatConfig(config);
    if (output === undefined) return text;
    await writeAtomically(output, text);
    return `${output}: imported, ${countOf(config.rules)}\n`;
  },
};

/** Those that every configuration has: its version and its rules. */
const EMPTY_KEYS = 2;

const schema: Command = {
  name: "config schema",
  usage: "mcr config schema",
  summary: "Print the JSON Schema of configuration files",
  details: `For editors and other tools that check YAML as it is written.`,
  example: "mcr config schema > mcr.schema.json",
  options: [],
  async run(args): Promise<string> {
    readArguments(schema, args);
    const { configJsonSchema } = await import("../config.ts");
    return `${JSON.stringify(configJsonSchema(), null, 2)}\n`;
  },
};

/** The `config` command. */
export const config: Command = makeGroup({
  name: "config",
  summary: "Check, show, compare, apply, save and import configurations",
  example: "mcr config check mcr.yaml\nmcr config apply mcr.yaml\nmcr config save",
  subcommands: [check, show, diff, applyCommand, save, importCommand, schema],
});

function fileOf(given: Arguments): string {
  return given.positionals[0] ?? SYSTEM_CONFIG;
}

function read(file: string, { notice }: Surroundings): Promise<Config> {
  return readConfigFile(file, (text) => notice(`mcr: ${printable(text)}\n`));
}

function countOf({ length }: readonly RuleSpec[]): string {
  return `${length} rule${length === 1 ? "" : "s"}`;
}

/** Rules of which a line of the protocol surely has room for this many bytes. */
const STAGED_BYTES_MAX = LINE_BYTES_MAX / 2;

/** How a file is applied: see the method of this name. */
type ApplyOptions = Omit<Methods["config.apply"]["params"], "rules">;

/** Hands the rules over, in lines of a size that the supervisor takes, and has them applied. */
async function apply(client: Client, rules: readonly RuleSpec[], options: ApplyOptions): Promise<RulesDifference> {
  let part: RuleSpec[] = [], bytes = 0;
  for (const rule of rules) {
    part.push(rule);
    bytes += 3 * JSON.stringify(rule).length;
    if (bytes < STAGED_BYTES_MAX) continue;
    await client.call("config.stage", { rules: part });
    [part, bytes] = [[], 0];
  }
  return await client.call("config.apply", { rules: part, ...options });
}

/** Settings of a file that the running relay has otherwise. */
async function settingsThatDiffer(client: Client, wanted: Config): Promise<string[]> {
  const { config: running } = await client.call("config.get", {});
  const keys = Object.keys(wanted).filter((key) => key !== "rules" && key !== "version") as (keyof Config)[];
  return keys.filter((key) => JSON.stringify(wanted[key]) !== JSON.stringify(running[key]));
}
