/**
 * The configuration: everything that can be said in a file, said once. The same definition checks files and requests,
 * and is printed as JSON Schema by `mcr config schema`.
 *
 * @module
 */
import { EXPECTED_LEVELS, parseLogLevels } from "./log_level.ts";
import { EXPECTED_METRICS, parseMetricsAddress } from "./metrics_address.ts";
import type { RateLimit, RuleSpec } from "./model.ts";
import { parseCores } from "./number.ts";
import { PAUSE_US_MAX, PRIORITY_MAX, type ProfileName, PROFILES, SEGMENTS_MAX } from "./profile.ts";
import { EXPECTED, isInterfaceName, PARTS, RATE_LIMIT, RULE } from "./rule.ts";
import { RULES_MAX } from "./rule_set.ts";
import {
  boolean,
  format,
  type JsonSchema,
  list,
  object,
  optional,
  record,
  refine,
  required,
  type Schema,
  text,
  union,
  whole,
  words,
} from "./schema.ts";
import { EXPECTED_ACCESS, parseSocketMode } from "./socket_access.ts";

/** The one version of the format that there is. */
export const CONFIG_VERSION = 1;

/** Worker processes of one supervisor. */
export const WORKERS_MAX = 64;

/**
 * Slots of a packet ring: 64 hold one batch, 8192 are 16 MiB, or 160 ms at 50,000 datagrams a second, 2^18 slots of 2048
 * bytes are 512 MiB.
 */
export const RING_SLOTS = { min: 64, unset: 8192, max: 1 << 18 } as const;

/** The machine's configuration. */
export const SYSTEM_CONFIG = "/etc/mcr/mcr.yaml";

/** What the parts must be, in the words of every message about them. */
export const EXPECTED_CONFIG = {
  version: `${CONFIG_VERSION}, the version of this format`,
  workers: `a number from 1 to ${WORKERS_MAX}, or "auto"`,
  cores: "core numbers as in 2,3 or 0-3, each once",
  ringSlots: `a power of two from ${RING_SLOTS.min} to ${RING_SLOTS.max}`,
  pause: `microseconds, 0 to ${PAUSE_US_MAX}`,
  segments: `a number from 1 to ${SEGMENTS_MAX}`,
  realtime: `a number from 0 to ${PRIORITY_MAX}`,
  path: "an absolute path",
  level: 'a level, or levels of areas as in "info,worker=debug"',
  metrics: EXPECTED_METRICS,
  profile: `${Object.keys(PROFILES).map((name) => `"${name}"`).join(" or ")}, or an object`,
} as const;

/** A profile, with what is said of its parts. */
export interface ProfileConfig {
  readonly name?: ProfileName;
  readonly coalesce_us?: number;
  readonly busy_poll_us?: number;
  readonly segments?: number;
  readonly realtime?: number;
}

/** How the supervisor logs. */
export interface LogConfig {
  /** A level, or levels of areas: `info,worker=debug`. */
  readonly level?: string;
  readonly format?: "text" | "json";
}

/** What is said of one interface. */
export interface InterfaceConfig {
  /** Has the kernel put datagrams together before they are relayed, while the interface is listened on. */
  readonly receive_offload?: boolean;
}

/** What is set when the relay starts. What is left out is as `mcr run` has it without options. */
export interface Settings {
  readonly socket?: string;
  readonly socket_mode?: string;
  readonly socket_group?: string;
  readonly workers?: number | "auto";
  readonly cores?: string;
  readonly profile?: ProfileName | ProfileConfig;
  readonly ttl?: number | "decrement";
  readonly ring_slots?: number;
  readonly max_rate?: RateLimit;
  readonly own_source?: "drop" | "relay";
  readonly absorb?: boolean;
  readonly log?: LogConfig;
  readonly metrics?: string;
  readonly state?: string;
  readonly interfaces?: Readonly<Record<string, InterfaceConfig>>;
}

/** A configuration, checked. */
export interface Config extends Settings {
  readonly version: typeof CONFIG_VERSION;
  readonly rules: readonly RuleSpec[];
}

const version = format<typeof CONFIG_VERSION>(
  EXPECTED_CONFIG.version,
  ["number"],
  (value) => value === CONFIG_VERSION ? CONFIG_VERSION : undefined,
  { const: CONFIG_VERSION },
);

const path = text(EXPECTED_CONFIG.path, (value) => typeof value === "string" && /^\/[^\0]+$/.test(value));

/** Whether a packet ring can have so many slots. */
export function isRingSlots(value: number): boolean {
  return Number.isInteger(value) && value >= RING_SLOTS.min && value <= RING_SLOTS.max && (value & (value - 1)) === 0;
}

const ringSlots = format(
  EXPECTED_CONFIG.ringSlots,
  ["number"],
  (value) => typeof value === "number" && isRingSlots(value) ? value : undefined,
  { type: "integer", minimum: RING_SLOTS.min, maximum: RING_SLOTS.max },
);

/** One core may be written as a number, as YAML reads it. */
const cores = format(
  EXPECTED_CONFIG.cores,
  ["string", "number"],
  (value) => parseCores(String(value)) === undefined ? undefined : String(value),
  { type: ["string", "integer"] },
);

/** YAML reads 0660 as a number, and JSON has no such number: the digits are what is meant. */
const socketMode = format(
  EXPECTED_ACCESS.mode,
  ["string", "number"],
  (value) => parseSocketMode(String(value)) === undefined ? undefined : String(value),
  { type: ["string", "integer"] },
);

const profileNames = words(...Object.keys(PROFILES) as ProfileName[]);

const profile: Schema<ProfileName | ProfileConfig> = union(
  EXPECTED_CONFIG.profile,
  profileNames,
  object({
    name: optional(profileNames, "The profile that the parts below depart from"),
    coalesce_us: optional(whole(EXPECTED_CONFIG.pause, 0, PAUSE_US_MAX), "Pause in which datagrams gather"),
    busy_poll_us: optional(whole(EXPECTED_CONFIG.pause, 0, PAUSE_US_MAX), "How long a worker looks before it sleeps"),
    segments: optional(whole(EXPECTED_CONFIG.segments, 1, SEGMENTS_MAX), "Datagrams of one send at most"),
    realtime: optional(whole(EXPECTED_CONFIG.realtime, 0, PRIORITY_MAX), "Real-time priority of the workers"),
  }),
);

const levels = format(
  EXPECTED_CONFIG.level,
  ["string"],
  (value, refuse) => {
    if (typeof value !== "string") return undefined;
    try {
      parseLogLevels(value, "level");
    } catch {
      refuse(EXPECTED_LEVELS);
    }
    return value;
  },
  { type: "string" },
);

const log: Schema<LogConfig> = object({
  level: optional(levels, "What is worth a line"),
  format: optional(words("text", "json"), "What a line looks like"),
});

/** Where metrics are served. */
const metrics = text(
  EXPECTED_CONFIG.metrics,
  (value) => typeof value === "string" && parseMetricsAddress(value) !== undefined,
);

const interfaces: Schema<Readonly<Record<string, InterfaceConfig>>> = record(
  text(EXPECTED.interface, isInterfaceName),
  object({ receive_offload: optional(boolean, "Has the kernel put datagrams together before they are relayed") }),
);

/** The rules of a relay. */
export const RULES: Schema<readonly RuleSpec[]> = list(RULE, {
  min: 0,
  max: RULES_MAX,
  noun: "rules",
  owner: "a relay",
});

/** The fields of a configuration, in the order in which they are shown. */
export const CONFIG_FIELDS = {
  version: required(version, "Version of the format"),
  socket: optional(path, "Control socket"),
  socket_mode: optional(socketMode, "Mode of the control socket's file"),
  socket_group: optional(text(EXPECTED_ACCESS.group, (value) => value !== ""), "Group of it, which may change rules"),
  workers: optional(union(EXPECTED_CONFIG.workers, whole("", 1, WORKERS_MAX), words("auto")), "Worker processes"),
  cores: optional(cores, "Cores that the workers are pinned to"),
  profile: optional(profile, "How workers trade latency against work"),
  ttl: optional(PARTS.ttl, "Time to live where a rule names none"),
  ring_slots: optional(ringSlots, "Packets that the kernel can hold for a worker and an interface"),
  max_rate: optional(RATE_LIMIT, "The most that is relayed of all rules together, in each worker"),
  own_source: optional(words("drop", "relay"), "What becomes of datagrams that the relay itself sent"),
  absorb: optional(boolean, "Has the kernel drop its own copy of what is relayed early"),
  log: optional(log, "How the supervisor logs"),
  metrics: optional(metrics, "Where metrics and the status page are served"),
  state: optional(path, "File in which rules added at run time survive a restart"),
  interfaces: optional(interfaces, "Settings of interfaces, by name"),
  rules: optional(RULES, "The rules"),
} as const;

/** What a configuration must be. */
export const CONFIG: Schema<Config> = refine(
  object(CONFIG_FIELDS),
  (config): Config => ({ ...config, rules: config.rules ?? [] }) as Config,
);

/** The definition in the language that editors and other tools check files by. */
export function configJsonSchema(): JsonSchema {
  return {
    $schema: "https://json-schema.org/draft/2020-12/schema",
    title: "mcr configuration",
    ...CONFIG.toJsonSchema(),
  };
}
