/**
 * `mcrd` and `mcrgen`: their options under our names.
 *
 * @module
 */
import type { Arguments, Command, Option } from "../command.ts";
import { makeGroup } from "../command_tree.ts";
import { UsageError } from "../error.ts";
import { EXPECTED, isInterfaceName } from "../rule.ts";
import { withVersion } from "./mcrctl.ts";
import { passOn, translated } from "./translate.ts";

const LOG_JSON: Option = { name: "log-json", help: "write the log as JSON" };

/** The supervisor's program. Its workers are no business of the command line. */
export function makeMcrd(commands: readonly Command[]): Command {
  const supervisor = translated({
    name: "mcrd supervisor",
    summary: "Run the relay: the supervisor and its workers",
    example: "mcr mcrd supervisor --interface eth0 --num-workers 2",
    options: [
      { name: "config", value: "FILE", help: "configuration file: theirs, which ends in .json5, or one of mcr" },
      LOG_JSON,
      { name: "control-socket-path", value: "PATH", help: "control socket (default: where mcr has it)" },
      { name: "interface", value: "IFACE", help: "not needed: rules name the interfaces that are listened on" },
      { name: "num-workers", value: "N", help: "worker processes (default: one a core)" },
    ],
    ours: "run",
    toOurs: (given) => {
      const name = given.one("interface");
      if (name !== undefined && !isInterfaceName(name)) {
        throw new UsageError(`Cannot use --interface "${name}": expected ${EXPECTED.interface}`);
      }
      return [
        ...passOn(given, { "control-socket-path": "socket", "num-workers": "workers", config: "config" }),
        ...given.has("log-json") ? ["--log-format=json"] : [],
      ];
    },
  }, commands);
  return withVersion(makeGroup({
    name: "mcrd",
    summary: "Take the command lines of the reference implementation's mcrd",
    example: supervisor.example,
    options: [LOG_JSON],
    subcommands: [supervisor],
  }));
}

/** The generator's program. */
export function makeMcrgen(commands: readonly Command[]): Command {
  return withVersion(translated({
    name: "mcrgen",
    summary: "Take the command lines of the reference implementation's mcrgen",
    details: "What it sends and prints is what mcr gen does: see there.",
    example: "mcr mcrgen --interface 10.0.0.1 --group 239.1.1.1 --port 5001 --count 1000",
    options: [
      { name: "interface", value: "IFACE|ADDR", help: "interface to send on, by its IPv4 address or by name" },
      { name: "group", value: "GROUP", help: "multicast group to send to" },
      { name: "port", value: "PORT", help: "port to send to" },
      { name: "rate", value: "N", help: "datagrams a second (default: 1000)" },
      { name: "size", value: "N", help: "bytes of payload (default: 1024)" },
      { name: "count", value: "N", help: "end after N datagrams; 0, the default: no end" },
      { name: "batch", value: "N", help: "datagrams sent back to back (default: as mcr gen)" },
      { name: "payload", value: "TEXT", help: "what they hold, cut or filled with NUL to the size" },
      { name: "quiet", short: "q", help: "not needed: there is nothing but the summary" },
      { name: "mode", value: "async|spin|burst", help: "burst: as fast as possible; the others make no difference" },
    ],
    ours: "gen",
    toOurs: (given) => [
      ...passOn(given, { interface: "interface", group: "group", port: "port", batch: "burst", payload: "payload" }),
      ...passOn(given, isEndless(given) ? {} : { count: "count" }),
      ...isUnpaced(given) ? ["--rate=0"] : passOn(given, { rate: "rate" }),
      `--size=${given.one("size") ?? SIZE_DEFAULT}`,
    ],
  }, commands));
}

/** Theirs; that of mcr gen is what seven cells of MPEG-TS take. */
const SIZE_DEFAULT = "1024";

const MODES = ["async", "spin", "burst"];

function isEndless(given: Arguments): boolean {
  return given.one("count") === "0";
}

function isUnpaced(given: Arguments): boolean {
  const mode = given.one("mode") ?? "async";
  if (!MODES.includes(mode)) throw new UsageError(`Cannot use --mode "${mode}": expected ${MODES.join(", ")}`);
  return mode === "burst";
}
