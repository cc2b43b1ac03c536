/**
 * How a relay is run: what the command line says, what the configuration file says, and what neither says.
 *
 * @module
 */
import type { Arguments } from "./command.ts";
import {
  type Config,
  EXPECTED_CONFIG,
  isRingSlots,
  type ProfileConfig,
  RING_SLOTS,
  type Settings,
  WORKERS_MAX,
} from "./config.ts";
import { UsageError } from "./error.ts";
import { isLogFormat, LOG_FORMATS, type LogFormat } from "./log.ts";
import { type LogLevels, parseLogLevels } from "./log_level.ts";
import { EXPECTED_RATE, parseRate } from "./max_rate.ts";
import type { RateLimit } from "./model.ts";
import { EXPECTED_METRICS, type MetricsAddress, parseMetricsAddress } from "./metrics_address.ts";
import { parseCores, parseWhole } from "./number.ts";
import { isProfileName, PAUSE_US_MAX, PRIORITY_MAX, type Profile, PROFILES, SEGMENTS_MAX } from "./profile.ts";
import { EXPECTED, isInterfaceName } from "./rule.ts";
import { parseOutputOption } from "./rule_word.ts";
import { EXPECTED_ACCESS, parseSocketGroup, parseSocketMode, type SocketAccess } from "./socket_access.ts";

/** How a relay is run. */
export interface RunOptions {
  /** 0 leaves it to the relay, which knows the cores we may use. */
  readonly workers: number;
  readonly cores?: readonly number[];
  readonly ringSlots: number;
  readonly ttl: number | "decrement";
  readonly maxRate?: RateLimit;
  readonly ownSource: "drop" | "relay";
  readonly profile: Profile;
  readonly receiveOffload: readonly string[];
  readonly absorb: boolean;
  readonly access: SocketAccess;
  readonly metrics?: MetricsAddress;
  readonly log: { readonly format: LogFormat; readonly levels: Partial<LogLevels> };
}

/** What the command line says; it must be right, and then counts more than a file. */
export function readSettings(given: Arguments): Settings {
  const text = (name: string, isGood: (text: string) => boolean, expected: string): string | undefined => {
    const value = given.one(name);
    return value === undefined || isGood(value) ? value : refuse(name, value, expected);
  };
  const workers = given.one("workers");
  return present({
    workers: workers === "auto" ? "auto" : readWhole(given, "workers", 1, WORKERS_MAX, EXPECTED_CONFIG.workers),
    cores: text("cores", (value) => parseCores(value) !== undefined, EXPECTED_CONFIG.cores),
    profile: readProfile(given),
    ttl: readTtl(given),
    max_rate: readMaxRate(given),
    own_source: readOwnSource(given),
    ring_slots: readRingSlots(given),
    interfaces: readInterfaces(given, "receive-offload"),
    absorb: readSwitch(given, "absorb"),
    socket_mode: text("socket-mode", (value) => parseSocketMode(value) !== undefined, EXPECTED_ACCESS.mode),
    socket_group: text("socket-group", (value) => parseSocketGroup(value) !== undefined, EXPECTED_ACCESS.group),
    log: readLog(given),
    metrics: text("metrics", (value) => parseMetricsAddress(value) !== undefined, EXPECTED_METRICS),
    state: text("state", (value) => value.startsWith("/"), EXPECTED_CONFIG.path),
  });
}

/** What two say together: where both say something, it is the second. */
export function mergeSettings(one: Settings, other: Settings): Settings {
  return present({
    ...one,
    ...other,
    profile: mergeProfiles(one.profile, other.profile),
    log: one.log || other.log ? { ...one.log, ...other.log } : undefined,
    interfaces: one.interfaces || other.interfaces ? { ...one.interfaces, ...other.interfaces } : undefined,
  });
}

/** What settings come to. Throws a `UsageError` for what only this machine can say is wrong. */
export function resolveOptions(settings: Settings): RunOptions {
  const { workers = "auto", cores: coreText, profile, interfaces = {}, log = {}, socket_mode, socket_group } = settings;
  const cores = coreText === undefined ? undefined : parseCores(coreText)!;
  const mode = socket_mode === undefined ? undefined : parseSocketMode(socket_mode)!;
  return {
    workers: workers === "auto" ? cores?.length ?? 0 : workers,
    ...(cores === undefined ? {} : { cores }),
    ringSlots: settings.ring_slots ?? RING_SLOTS.unset,
    ttl: settings.ttl ?? 1,
    ...(settings.max_rate === undefined ? {} : { maxRate: settings.max_rate }),
    ownSource: settings.own_source ?? "drop",
    profile: resolveProfile(profile),
    receiveOffload: Object.entries(interfaces).filter(([, { receive_offload }]) => receive_offload).map(([name]) =>
      name
    ),
    absorb: settings.absorb ?? true,
    access: {
      ...(mode === undefined ? {} : { mode }),
      ...(socket_group === undefined ? {} : { group: resolveGroup(socket_group) }),
    },
    ...(settings.metrics === undefined ? {} : { metrics: parseMetricsAddress(settings.metrics)! }),
    log: {
      format: log.format ?? "text",
      levels: log.level === undefined ? {} : parseLogLevels(log.level, "log.level"),
    },
  };
}

function resolveGroup(text: string): number {
  const group = parseSocketGroup(text);
  if (group === undefined) {
    throw new UsageError(`Cannot use socket_group "${text}": expected ${EXPECTED_ACCESS.group}`);
  }
  return group;
}

function resolveProfile(said: Settings["profile"] = "balanced"): Profile {
  const { name = "balanced", coalesce_us, busy_poll_us, segments, realtime } = partsOf(said);
  const profile = PROFILES[name];
  return {
    coalesceUs: coalesce_us ?? profile.coalesceUs,
    busyPollUs: busy_poll_us ?? profile.busyPollUs,
    segments: segments ?? profile.segments,
    priority: realtime ?? profile.priority,
  };
}

function mergeProfiles(one: Config["profile"], other: Config["profile"]): Config["profile"] {
  return one === undefined || other === undefined ? other ?? one : { ...partsOf(one), ...partsOf(other) };
}

function partsOf(profile: NonNullable<Settings["profile"]>): ProfileConfig {
  return typeof profile === "string" ? { name: profile } : profile;
}

function readProfile(given: Arguments): ProfileConfig | undefined {
  const name = given.one("profile");
  if (name !== undefined && !isProfileName(name)) refuse("profile", name, Object.keys(PROFILES).join(", "));
  const profile = present({
    name,
    coalesce_us: readWhole(given, "coalesce-us", 0, PAUSE_US_MAX, EXPECTED_CONFIG.pause),
    busy_poll_us: readWhole(given, "busy-poll-us", 0, PAUSE_US_MAX, EXPECTED_CONFIG.pause),
    segments: readWhole(given, "segments", 1, SEGMENTS_MAX, EXPECTED_CONFIG.segments),
    realtime: readWhole(given, "realtime", 0, PRIORITY_MAX, EXPECTED_CONFIG.realtime),
  });
  return Object.keys(profile).length === 0 ? undefined : profile;
}

function readTtl(given: Arguments): Settings["ttl"] {
  const text = given.one("ttl");
  return text === undefined ? undefined : parseOutputOption("ttl", text, (expected) => refuse("ttl", text, expected));
}

function readMaxRate(given: Arguments): Settings["max_rate"] {
  const text = given.one("max-rate");
  return text === undefined ? undefined : parseRate(text) ?? refuse("max-rate", text, EXPECTED_RATE);
}

function readOwnSource(given: Arguments): Settings["own_source"] {
  const text = given.one("own-source");
  if (text === undefined || text === "drop" || text === "relay") return text;
  refuse("own-source", text, "drop or relay");
}

function readLog(given: Arguments): Settings["log"] {
  const format = given.one("log-format"), level = given.one("log-level");
  if (format !== undefined && !isLogFormat(format)) refuse("log-format", format, LOG_FORMATS.join(" or "));
  if (level !== undefined) parseLogLevels(level, "--log-level");
  return format === undefined && level === undefined ? undefined : present({ format, level });
}

function readInterfaces(given: Arguments, name: string): Settings["interfaces"] {
  const names = given.all(name).flatMap((list) => list.split(","));
  const wrong = names.find((one) => !isInterfaceName(one));
  if (wrong !== undefined) refuse(name, wrong, EXPECTED.interface);
  return names.length === 0 ? undefined : Object.fromEntries(names.map((one) => [one, { receive_offload: true }]));
}

function readSwitch(given: Arguments, name: string): boolean | undefined {
  const text = given.one(name);
  if (text === undefined) return undefined;
  return text === "on" || text !== "off" && refuse(name, text, "on or off");
}

function readRingSlots(given: Arguments): number | undefined {
  const slots = readWhole(given, "ring-slots", RING_SLOTS.min, RING_SLOTS.max, EXPECTED_CONFIG.ringSlots);
  return slots === undefined || isRingSlots(slots)
    ? slots
    : refuse("ring-slots", String(slots), EXPECTED_CONFIG.ringSlots);
}

function readWhole(given: Arguments, name: string, min: number, max: number, expected: string): number | undefined {
  const text = given.one(name);
  return text === undefined ? undefined : parseWhole(text, min, max) ?? refuse(name, text, expected);
}

function refuse(name: string, text: string, expected: string): never {
  throw new UsageError(`Cannot use --${name} "${text}": expected ${expected}`);
}

type Present<Of> = { [Key in keyof Of]?: Exclude<Of[Key], undefined> };

/** Without what is undefined. */
function present<Of extends object>(value: Of): Present<Of> {
  return Object.fromEntries(Object.entries(value).filter(([, one]) => one !== undefined)) as Present<Of>;
}
