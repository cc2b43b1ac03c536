/**
 * `mcrctl config` and `mcrctl log-level`, in their words for files, levels and facilities.
 *
 * @module
 */
import type { Arguments, Option } from "../command.ts";
import type { Config } from "../config.ts";
import { UsageError } from "../error.ts";
import { type Area, AREAS, type Level, type LogLevels } from "../log_level.ts";
import type { Methods } from "../protocol.ts";
import { describeConfig } from "./export.ts";
import { asked, type Row } from "./translate.ts";

type Applied = Methods["config.apply"]["result"];

const FILE: Option = { name: "file", value: "FILE", help: "the configuration file, of mcrd if it ends in .json5" };

/** The commands below `mcrctl config`. */
export const CONFIG_ROWS: readonly Row[] = [
  {
    name: "config show",
    summary: "Print the configuration",
    ours: "config show",
    toOurs: asked,
    toTheirs: (config: Config) => ({ Config: describeConfig(config) }),
  },
  {
    name: "config load",
    summary: "Load a file",
    details: "Without --replace, rules whose input is taken already are left out.",
    example: "--replace --file mcrd.json5",
    options: [FILE, { name: "replace", help: "remove rules that the file does not have" }],
    ours: "config apply",
    toOurs: (given) => [...asked(given), ...given.has("replace") ? [] : ["--merge"], "--", fileOf(given)],
    toTheirs: ({ added, replaced, unchanged }: Applied, given) => {
      const loaded = added.length + replaced.length + unchanged;
      return {
        Success: given.has("replace")
          ? `Configuration loaded (${loaded} rules, replaced existing)`
          : `Configuration merged (${added.length} rules added, ${unchanged} skipped as duplicates)`,
      };
    },
  },
  {
    name: "config save",
    summary: "Write the rules to a file",
    details: "A file that ends in .json5 is written as mcrd's, any other as one of mcr.",
    options: [FILE],
    ours: "config save",
    toOurs: (given) => [...asked(given), "--", ...given.all("file")],
    toTheirs: ({ file }: { readonly file: string }) => ({ Success: `Configuration saved to ${file}` }),
  },
  {
    name: "config check",
    summary: "Check a file without loading it",
    example: "--file mcrd.json5",
    options: [FILE],
    ours: "config check",
    toOurs: (given) => ["--json", "--", fileOf(given)],
    toTheirs: () => ({ ConfigValidation: { valid: true, errors: [] } }),
    fromProblems: ({ problems }) => ({
      ConfigValidation: { valid: false, errors: problems.map(({ message }) => message) },
    }),
  },
];

function fileOf(given: Arguments): string {
  const file = given.one("file");
  if (file === undefined) throw new UsageError("Cannot read a configuration without a file: expected --file FILE");
  return file;
}

/** Their facilities, and the area of ours in which that is logged; the first of an area is its name for theirs. */
const FACILITIES: Readonly<Record<string, Area>> = {
  Supervisor: "supervisor",
  ControlSocket: "control",
  RuleDispatch: "rule",
  DataPlane: "worker",
  Ingress: "worker",
  Egress: "worker",
  BufferPool: "worker",
  PacketParser: "worker",
  Stats: "worker",
  Network: "interface",
  Security: "audit",
};

/** Their levels, and the level of ours that leaves out nothing more. */
const LEVELS: Readonly<Record<string, Level>> = {
  emergency: "error",
  alert: "error",
  critical: "error",
  error: "error",
  warning: "warning",
  notice: "info",
  info: "info",
  debug: "debug",
};

/** The commands below `mcrctl log-level`. */
export const LEVEL_ROWS: readonly Row[] = [
  {
    name: "log-level get",
    summary: "Print the log levels",
    ours: "log-level get",
    toOurs: asked,
    toTheirs: ({ levels }: Methods["log.level"]["result"]) => ({ LogLevels: describeLevels(levels) }),
  },
  {
    name: "log-level set",
    summary: "Change a log level",
    details: `A facility is the area of mcr in which that is logged: all that concerns
datagrams is that of the workers.`,
    example: "--global debug",
    options: [
      { name: "global", value: "LEVEL", help: `level of all: ${Object.keys(LEVELS).join(", ")}` },
      { name: "facility", value: "FACILITY", help: "the one that --level is for" },
      { name: "level", value: "LEVEL", help: "level of that facility" },
    ],
    ours: "log-level set",
    toOurs: (given) => [...asked(given), "--", levelOf(given)],
    toTheirs: (_answer, given) => {
      const [all, facility, level] = ["global", "facility", "level"].map((name) => given.one(name));
      return all === undefined
        ? { Success: `Log level for ${facility} set to ${level!.toUpperCase()}` }
        : { Success: `Global log level set to ${all.toUpperCase()}` };
    },
  },
];

/** The level that most areas have, and those that have another, by the names that theirs know. */
function describeLevels(levels: LogLevels): Readonly<Record<string, unknown>> {
  const count = (level: Level): number => AREAS.filter((area) => levels[area] === level).length;
  const global = AREAS.map((area) => levels[area]).reduce((most, level) => count(level) > count(most) ? level : most);
  const others = AREAS.filter((area) => levels[area] !== global);
  const nameOf = (area: Area): string => Object.keys(FACILITIES).find((name) => FACILITIES[name] === area)!;
  return {
    global: capitalised(global),
    facility_overrides: Object.fromEntries(others.map((area) => [nameOf(area), capitalised(levels[area])])),
  };
}

function capitalised(word: string): string {
  return `${word[0]!.toUpperCase()}${word.slice(1)}`;
}

function levelOf(given: Arguments): string {
  const [all, facility, level] = ["global", "facility", "level"].map((name) => given.one(name));
  if (all !== undefined && facility === undefined && level === undefined) return find("--global", all, LEVELS);
  if (all === undefined && facility !== undefined && level !== undefined) {
    return `${find("--facility", facility, FACILITIES)}=${find("--level", level, LEVELS)}`;
  }
  throw new UsageError("Cannot set a log level: expected --global LEVEL, or --facility FACILITY --level LEVEL");
}

/** What one of theirs is for us, in capitals or not. */
function find(option: string, text: string, known: Readonly<Record<string, string>>): string {
  const name = Object.keys(known).find((one) => one.toLowerCase() === text.toLowerCase());
  if (name !== undefined) return known[name]!;
  throw new UsageError(`Cannot use ${option} "${text}": expected ${Object.keys(known).join(", ")}`);
}
