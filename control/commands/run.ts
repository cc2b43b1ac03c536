/**
 * `mcr run`: the supervisor, from its options to its end. What it needs besides is loaded when it runs, so that the
 * other commands start without it.
 *
 * @module
 */
import { resolve } from "node:path";
import { explainOpenFailure } from "../advice.ts";
import { type Arguments, type Command, readArguments, SOCKET_OPTION, type Surroundings } from "../command.ts";
import { RING_SLOTS, type Settings, SYSTEM_CONFIG, WORKERS_MAX } from "../config.ts";
import { messageOf } from "../error.ts";
import { isJournalStream, type Log, Logger } from "../log.ts";
import type { MetricsOptions } from "../metrics/server.ts";
import type { MetricsAddress } from "../metrics_address.ts";
import type { RuleSpec } from "../model.ts";
import { PAUSE_US_MAX, PRIORITY_MAX, SEGMENTS_MAX } from "../profile.ts";
import { mergeSettings, readSettings, resolveOptions } from "../run_options.ts";
import { resolveSocketPath } from "../socket_path.ts";
import { reloadSignal, stopSignal } from "../stop_signal.ts";
import type { Supervisor } from "../supervisor.ts";
import { readConfigFile } from "./config_file.ts";

/** What of a file has no equal here, as it is logged. */
const NOTE = "{note}";

/** What a relay is started with. */
interface Started {
  readonly settings: Settings;
  readonly rules: readonly RuleSpec[];
  readonly file?: string;
  /** What of the file has no equal here. */
  readonly notes: readonly string[];
}

/** The `run` command. */
export const run: Command = {
  name: "run",
  usage:
    "mcr run [-c FILE] [--workers N|auto] [--cores LIST] [--profile NAME] [--ttl N|decrement] [--max-rate RATE] [--own-source drop|relay] [--ring-slots N] [--receive-offload IFACE[,...]] [--absorb on|off] [--state FILE] [--socket-mode MODE] [--socket-group GROUP] [--log-format text|json] [--log-level [AREA=]LEVEL[,...]] [--metrics ADDRESS:PORT|unix:PATH] [--socket PATH]",
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
      help: `how long a worker looks for datagrams before it sleeps, 0 to ${PAUSE_US_MAX} (latency: 100, others: 0)`,
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
    {
      name: "config",
      short: "c",
      value: "FILE",
      help: `configuration file (default: ${SYSTEM_CONFIG} if there is one); options count more than what it says`,
    },
    { name: "state", value: "FILE", help: "where rules that are added at run time survive a restart" },
    {
      name: "ttl",
      value: "N|decrement",
      help: "IP time to live where a rule names none, 1 to 255, or the datagram's less one (default: 1)",
    },
    {
      name: "max-rate",
      value: "RATE",
      help: "the most that is relayed by all rules, in each worker: 50000pps, 100Mbps, or both",
    },
    {
      name: "own-source",
      value: "drop|relay",
      help: "what becomes of datagrams that come back from the relay's own outputs (default: drop)",
    },
    {
      name: "ring-slots",
      value: "N",
      help:
        `packets that the kernel can hold for a worker and an interface, a power of two from ${RING_SLOTS.min} to ${RING_SLOTS.max} (default: ${RING_SLOTS.unset})`,
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
    {
      name: "metrics",
      value: "ADDRESS:PORT|unix:PATH",
      help: "where metrics (OpenMetrics) and a status page are served, as in 127.0.0.1:9464; nowhere unless given",
    },
    SOCKET_OPTION,
  ],

  async run(args, surroundings): Promise<string> {
    const given = readArguments(run, args);
    const started = await readConfiguration(given);
    const named = given.one("socket") ?? (Deno.env.get("MCR_SOCKET") ? undefined : started.settings.socket);
    const path = resolveSocketPath(named, "supervisor");
    await supervise(started, path, surroundings);
    return "";
  },
};

/** What a relay is started with: the settings of the file under those of the command line. */
async function readConfiguration(given: Arguments): Promise<Started> {
  const said = readSettings(given), file = given.one("config") ?? await usualFile();
  if (file === undefined) return { settings: said, rules: [], notes: [] };
  const notes: string[] = [];
  const { version: _, rules, ...settings } = await readConfigFile(file, (text) => notes.push(text));
  // Commands that ask for it have other directories.
  return { settings: mergeSettings(settings, said), rules, file: resolve(file), notes };
}

/** The machine's own file, if there is one. */
async function usualFile(): Promise<string | undefined> {
  try {
    await Deno.lstat(SYSTEM_CONFIG);
    return SYSTEM_CONFIG;
  } catch {
    return undefined;
  }
}

async function supervise(started: Started, path: string, { notice }: Surroundings): Promise<void> {
  const { settings, rules, file, notes } = started, options = resolveOptions(settings), startMs = Date.now();
  using logger = new Logger({ write: notice, isJournal: isJournalStream(), ...options.log });
  const { logs } = logger;
  for (const note of notes) logs.supervisor(NOTE, "warning", { note });
  using stop = stopSignal(logs.supervisor);
  using hangUp = reloadSignal();
  const { Endpoint, EventHub, Server, Supervisor, Relay, nativeVersion, StateFile, openTap, logFuses } =
    await loadParts();
  // The claim comes first: of two supervisors that start together one goes no further. It is given up last.
  using endpoint = await Endpoint.claim(path);
  const events = new EventHub();
  await using relay = await Relay.open({ ...options, logs, events }).catch(explainOpenFailure);
  const state = settings.state === undefined ? undefined : new StateFile(settings.state, logs.supervisor);
  const configuration = {
    settings,
    ...(file === undefined ? {} : { file }),
    ...(state === undefined ? {} : { state }),
  };
  const { abi } = nativeVersion(), source = { engine: relay, abi, startMs };
  const supervisor = new Supervisor({ engine: relay, logger, events, configuration, openTap, abi });
  using _fuses = logFuses(relay, logs.rule);
  await using _metrics = await startMetrics(options.metrics, { access: options.access, source, log: logs.control });
  await supervisor.configuration.start(rules);
  await using _reload = hangUp.serve(() => reload(supervisor, file, logs.supervisor));
  await using _server = new Server(endpoint.listen(options.access, logs.control), supervisor.methods, logs);
  logs.supervisor("ready on {path}, {workers} worker(s)", "info", { path, workers: relay.workers().length });
  await stop.received;
}

/** Serves metrics where that is asked for. */
async function startMetrics(
  address: MetricsAddress | undefined,
  options: Omit<MetricsOptions, "address">,
): Promise<AsyncDisposable | undefined> {
  if (address === undefined) return undefined;
  const { serveMetrics } = await import("../metrics/server.ts");
  return await serveMetrics({ address, ...options });
}

type Parts =
  & typeof import("../endpoint.ts")
  & typeof import("../event_hub.ts")
  & typeof import("../server.ts")
  & typeof import("../supervisor.ts")
  & typeof import("../relay.ts")
  & typeof import("../../ffi/library.ts")
  & typeof import("../state_file.ts")
  & typeof import("../trace_tap.ts")
  & typeof import("../drop_watch.ts");

/** All that only a supervisor needs. */
async function loadParts(): Promise<Parts> {
  const [endpoint, events, server, supervisor, relay, library, state, tap, drops] = await Promise.all([
    import("../endpoint.ts"),
    import("../event_hub.ts"),
    import("../server.ts"),
    import("../supervisor.ts"),
    import("../relay.ts"),
    import("../../ffi/library.ts"),
    import("../state_file.ts"),
    import("../trace_tap.ts"),
    import("../drop_watch.ts"),
  ]);
  return { ...endpoint, ...events, ...server, ...supervisor, ...relay, ...library, ...state, ...tap, ...drops };
}

/** Reads the file again. One that is wrong leaves everything as it was. */
async function reload(supervisor: Supervisor, file: string | undefined, log: Log): Promise<void> {
  if (file === undefined) {
    log("SIGHUP: there is no configuration file to read again", "warning");
    return;
  }
  try {
    const { rules } = await readConfigFile(file, (note) => log(NOTE, "warning", { note }));
    const { added, removed, replaced, unchanged } = await supervisor.configuration.become(rules);
    const fields = { file, added: added.length, removed: removed.length, replaced: replaced.length, unchanged };
    log("SIGHUP: {file}: {added} added, {removed} removed, {replaced} replaced, {unchanged} unchanged", "info", fields);
  } catch (error) {
    log("SIGHUP: the rules stay as they are: {reason}", "error", { reason: messageOf(error) });
  }
}
