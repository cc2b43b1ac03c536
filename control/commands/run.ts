/**
 * `mcr run`: the supervisor, from its options to its end. What it needs besides is loaded when it runs, so that the
 * other commands start without it.
 *
 * @module
 */
import { explainOpenFailure } from "../advice.ts";
import { type Arguments, type Command, readArguments, SOCKET_OPTION, type Surroundings } from "../command.ts";
import { UsageError } from "../error.ts";
import { isJournalStream, isLogFormat, LOG_FORMATS, type LogFormat, Logger } from "../log.ts";
import { type LogLevels, parseLogLevels } from "../log_level.ts";
import { parseCores, parseWhole } from "../number.ts";
import { isProfileName, PAUSE_US_MAX, PRIORITY_MAX, type Profile, PROFILES, SEGMENTS_MAX } from "../profile.ts";
import { EXPECTED, isInterfaceName } from "../rule.ts";
import { EXPECTED_ACCESS, parseSocketGroup, parseSocketMode, type SocketAccess } from "../socket_access.ts";
import { resolveSocketPath } from "../socket_path.ts";
import { stopSignal } from "../stop_signal.ts";

/** Worker processes of one supervisor. */
const WORKERS_MAX = 64;

/** Slots of a packet ring unless given: 160 ms at 50,000 datagrams a second, 16 MiB. */
const RING_SLOTS_DEFAULT = 8192;
/** 64 slots hold one batch; 2^18 slots of 2048 bytes are 512 MiB. */
const RING_SLOTS_MIN = 64;
const RING_SLOTS_MAX = 1 << 18;

/** The `run` command. */
export const run: Command = {
  name: "run",
  usage:
    "mcr run [--workers N|auto] [--cores LIST] [--profile NAME] [--ttl N] [--ring-slots N] [--receive-offload IFACE[,...]] [--absorb on|off] [--socket-mode MODE] [--socket-group GROUP] [--log-format text|json] [--log-level [AREA=]LEVEL[,...]] [--socket PATH]",
  summary: "Run the relay: the supervisor and its workers",
  details: `Stays in the foreground and logs to standard error. It takes commands as soon
as it has printed "mcr: ready on PATH, N worker(s)". SIGTERM or SIGINT ends it
in good order, a second one at once. It needs CAP_NET_RAW and CAP_NET_ADMIN.`,
  example: "mcr run --workers 2 --cores 2,3",
  options: [
    {
      name: "workers",
      value: "N|auto",
      help: `worker processes, 1 to ${WORKERS_MAX}, or "auto": one a core (default)`,
    },
    { name: "cores", value: "LIST", help: "cores for the workers, as in 2,3 or 0-3 (default: all we may use)" },
    {
      name: "profile",
      value: "latency|balanced|throughput",
      help: "balanced unless given: how long a worker lets datagrams gather when they come fast",
    },
    {
      name: "coalesce-us",
      value: "N",
      help: `that pause, in microseconds, 0 to ${PAUSE_US_MAX} (latency: 0, balanced: 50, throughput: 200)`,
    },
    {
      name: "busy-poll-us",
      value: "N",
      help: `how long a worker looks for datagrams before it sleeps, 0 to ${PAUSE_US_MAX} (default: 0)`,
    },
    {
      name: "segments",
      value: "N",
      help: `datagrams of one send at most, 1 to ${SEGMENTS_MAX} (default: ${SEGMENTS_MAX})`,
    },
    {
      name: "realtime",
      value: "N",
      help:
        `real-time priority of the workers, 1 to ${PRIORITY_MAX}, or 0 for none (latency: 1, others: 0); needs CAP_SYS_NICE`,
    },
    { name: "ttl", value: "N", help: "IP time to live where a rule names none, 1 to 255 (default: 1)" },
    {
      name: "ring-slots",
      value: "N",
      help:
        `packets that the kernel can hold for a worker and an interface, a power of two from ${RING_SLOTS_MIN} to ${RING_SLOTS_MAX} (default: ${RING_SLOTS_DEFAULT})`,
    },
    {
      name: "receive-offload",
      value: "IFACE[,...]",
      isRepeatable: true,
      help: "input interfaces whose datagrams the kernel is to put together before they are relayed",
    },
    {
      name: "absorb",
      value: "on|off",
      help: "on (default): have the kernel drop its own copy of what is relayed early, which it counts as UDP InErrors",
    },
    { name: "socket-mode", value: "MODE", help: "mode of the control socket's file (default: 0660)" },
    {
      name: "socket-group",
      value: "GROUP",
      help: "group of it, by name or number, which may then change rules (default: mcr if there is one)",
    },
    { name: "log-format", value: "text|json", help: "how the log is written (default: text)" },
    {
      name: "log-level",
      value: "[AREA=]LEVEL[,...]",
      help: "lowest level that is logged: debug, info (default), warning or error; of one area, or of all",
    },
    SOCKET_OPTION,
  ],

  async run(args, surroundings): Promise<string> {
    const given = readArguments(run, args);
    await supervise(readOptions(given), resolveSocketPath(given.one("socket"), "supervisor"), surroundings);
    return "";
  },
};

/** What the command line says about the relay. */
interface RunOptions {
  readonly workers: number;
  readonly cores?: readonly number[];
  readonly ringSlots: number;
  readonly ttl: number;
  readonly profile: Profile;
  readonly receiveOffload: readonly string[];
  readonly absorb: boolean;
  readonly access: SocketAccess;
  readonly log: { readonly format: LogFormat; readonly levels: Partial<LogLevels> };
}

async function supervise(options: RunOptions, path: string, { notice }: Surroundings): Promise<void> {
  using logger = new Logger({ write: notice, isJournal: isJournalStream(), ...options.log });
  const { logs } = logger;
  using stop = stopSignal(logs.supervisor);
  const [{ Endpoint }, { EventHub }, { Server }, { Supervisor }, { Relay }, { nativeVersion }] = await Promise.all([
    import("../endpoint.ts"),
    import("../event_hub.ts"),
    import("../server.ts"),
    import("../supervisor.ts"),
    import("../relay.ts"),
    import("../../ffi/library.ts"),
  ]);
  // The claim comes first: of two supervisors that start together one goes no further. It is given up last.
  using endpoint = await Endpoint.claim(path);
  const events = new EventHub();
  await using relay = await Relay.open({ ...options, logs, events }).catch(explainOpenFailure);
  const supervisor = new Supervisor({ engine: relay, logger, events, abi: nativeVersion().abi });
  await using _server = new Server(endpoint.listen(options.access, logs.control), supervisor.methods, logs);
  logs.supervisor("ready on {path}, {workers} worker(s)", "info", { path, workers: relay.workers().length });
  await stop.received;
}

function readOptions(given: Arguments): RunOptions {
  const cores = readCores(given);
  return {
    workers: readWorkers(given, cores),
    ...(cores === undefined ? {} : { cores }),
    ringSlots: readRingSlots(given),
    ttl: readWhole(given, "ttl", 1, 255, 1, EXPECTED.ttl),
    profile: readProfile(given),
    receiveOffload: readInterfaces(given, "receive-offload"),
    absorb: readSwitch(given, "absorb"),
    access: readAccess(given),
    log: readLog(given),
  };
}

/** The number of workers; 0 leaves it to the relay, which knows the cores we may use. */
function readWorkers(given: Arguments, cores: readonly number[] | undefined): number {
  if ((given.one("workers") ?? "auto") === "auto") return cores?.length ?? 0;
  return readWhole(given, "workers", 1, WORKERS_MAX, 0, `a number from 1 to ${WORKERS_MAX}, or "auto"`);
}

/** The profile, and what is said of its parts beside it. */
function readProfile(given: Arguments): Profile {
  const name = given.one("profile") ?? "balanced";
  const profile = isProfileName(name) ? PROFILES[name] : refuse("profile", name, Object.keys(PROFILES).join(", "));
  const readPause = (option: string, unset: number): number =>
    readWhole(given, option, 0, PAUSE_US_MAX, unset, `microseconds, 0 to ${PAUSE_US_MAX}`);
  return {
    coalesceUs: readPause("coalesce-us", profile.coalesceUs),
    busyPollUs: readPause("busy-poll-us", profile.busyPollUs),
    segments: readWhole(given, "segments", 1, SEGMENTS_MAX, profile.segments, `a number from 1 to ${SEGMENTS_MAX}`),
    priority: readWhole(given, "realtime", 0, PRIORITY_MAX, profile.priority, `a number from 0 to ${PRIORITY_MAX}`),
  };
}

function readCores(given: Arguments): number[] | undefined {
  const text = given.one("cores");
  if (text === undefined) return undefined;
  return parseCores(text) ?? refuse("cores", text, "core numbers as in 2,3 or 0-3, each once");
}

function readAccess(given: Arguments): SocketAccess {
  const mode = given.one("socket-mode"), group = given.one("socket-group");
  return {
    ...(mode === undefined ? {} : { mode: parseSocketMode(mode) ?? refuse("socket-mode", mode, EXPECTED_ACCESS.mode) }),
    ...(group === undefined
      ? {}
      : { group: parseSocketGroup(group) ?? refuse("socket-group", group, EXPECTED_ACCESS.group) }),
  };
}

function readLog(given: Arguments): RunOptions["log"] {
  const format = given.one("log-format") ?? "text", levels = given.one("log-level");
  return {
    format: isLogFormat(format) ? format : refuse("log-format", format, LOG_FORMATS.join(" or ")),
    levels: levels === undefined ? {} : parseLogLevels(levels, "--log-level"),
  };
}

function readInterfaces(given: Arguments, name: string): string[] {
  const names = given.all(name).flatMap((list) => list.split(","));
  return names.map((one) => isInterfaceName(one) ? one : refuse(name, one, EXPECTED.interface));
}

/** On unless it is said to be off. */
function readSwitch(given: Arguments, name: string): boolean {
  const text = given.one(name) ?? "on";
  return text === "on" || text !== "off" && refuse(name, text, "on or off");
}

function readRingSlots(given: Arguments): number {
  const expected = `a power of two from ${RING_SLOTS_MIN} to ${RING_SLOTS_MAX}`;
  const slots = readWhole(given, "ring-slots", RING_SLOTS_MIN, RING_SLOTS_MAX, RING_SLOTS_DEFAULT, expected);
  return (slots & (slots - 1)) === 0 ? slots : refuse("ring-slots", String(slots), expected);
}

function readWhole(given: Arguments, name: string, min: number, max: number, unset: number, expected: string): number {
  const text = given.one(name);
  return text === undefined ? unset : parseWhole(text, min, max) ?? refuse(name, text, expected);
}

function refuse(name: string, text: string, expected: string): never {
  throw new UsageError(`Cannot use --${name} "${text}": expected ${expected}`);
}
