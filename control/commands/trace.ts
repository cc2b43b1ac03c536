/**
 * `mcr trace`: why a datagram is relayed, or is not, out of live traffic.
 *
 * @module
 */
import {
  type Arguments,
  asUsage,
  type Command,
  connectTo,
  JSON_OPTION,
  jsonLine,
  readArguments,
  SOCKET_OPTION,
} from "../command.ts";
import { reasonOf, UsageError } from "../error.ts";
import { parseAddress } from "../address.ts";
import { parseWhole } from "../number.ts";
import { PcapngWriter } from "../pcapng.ts";
import { formatDestination } from "../rule_text.ts";
import { printable, wrapWords } from "../table.ts";
import {
  COUNT_MAX,
  parseTraceRequest,
  SECONDS_MAX,
  type TracedDatagram,
  type TraceEnd,
  type TraceEvent,
  type TraceNeighbour,
} from "../trace.ts";
import { VERSION } from "../version.ts";

const EXPECTED_TARGET = "GROUP or GROUP:PORT, as in 239.1.1.1:5001 or [ff3e::1]:5001";
const COLUMNS = 80;

/** The `trace` command. */
export const trace: Command = {
  name: "trace",
  usage: "mcr trace GROUP[:PORT] [--interface IFACE] [--count N] [--seconds S]\n" +
    "                 [--write FILE] [-j] [--socket PATH]",
  summary: "Tell from live traffic why datagrams are relayed or not",
  details: `Watches for datagrams to the group, on all interfaces unless one is named, and
says of each how far it gets: tags, headers and checksums, as the relay's own
parser judges them; the rule that takes it, or those that nearly do; what each
output makes of it. Where none comes, it says what could keep them away. What
goes to another port of the group, or to the port of another group, is told at
the end.

Needs the same rights as a change of rules, for it shows who sends what to whom.
The exit status is 0 when every datagram was relayed by all outputs, else 1.`,
  example: `mcr trace 239.1.1.1:5001
mcr trace 239.1.1.1 --interface eth0 --seconds 60
mcr trace [ff3e::1]:5001 --count 100 --write stream.pcapng`,
  options: [
    { name: "interface", value: "IFACE", help: "look at this one only" },
    { name: "count", value: "N", help: "end after so many datagrams, 1 to 10000 (default: 3)" },
    { name: "seconds", value: "S", help: "end after that time, 1 to 3600 (default: 10)" },
    { name: "write", value: "FILE", help: "write the frames as pcapng, each with what is said of it" },
    { ...JSON_OPTION, help: "print each datagram, and the end, as a line of JSON" },
    SOCKET_OPTION,
  ],
  positionalsMax: 1,
  positional: "GROUP[:PORT]",

  async run(args, { write, notice }): Promise<number> {
    const given = readArguments(trace, args);
    const request = readRequest(given);
    const path = given.one("write");
    using client = await connectTo(given);
    using stream = client.trace(request);
    await stream.opened;
    using file = path === undefined ? undefined : openFile(path);
    notice(`mcr: watching for ${request.seconds} s, Ctrl-C ends\n`);
    let isRelayed = true;
    for await (const event of stream) {
      if (event.type === "datagram") file?.add(event);
      isRelayed &&= event.type === "end" ? event.seen > 0 : event.verdict === "relayed";
      await write(given.has("json") ? jsonLine(event) : formatEvent(event));
    }
    return isRelayed ? 0 : 1;
  },
};

function readRequest(given: Arguments): ReturnType<typeof parseTraceRequest> {
  const [target] = given.positionals;
  if (target === undefined) throw new UsageError(`Cannot trace nothing: expected ${EXPECTED_TARGET}`);
  const bracketed = /^\[([^\]]*)\](?::(.*))?$/.exec(target);
  const isBare = bracketed === null && target.split(":").length > 2;
  const [, group, port] = bracketed ?? (isBare ? [target, target] : /^([^:]*)(?::(.*))?$/.exec(target)!);
  const portNumber = port === undefined ? undefined : parseWhole(port, 1, 65_535);
  const refuse = (): never => {
    throw new UsageError(`Cannot trace "${target}": expected ${EXPECTED_TARGET}`);
  };
  if (parseAddress(group!) === undefined || (port !== undefined && portNumber === undefined)) refuse();
  const numbers = ([["count", COUNT_MAX], ["seconds", SECONDS_MAX]] as const).flatMap(([name, most]) => {
    const text = given.one(name), number = text === undefined ? undefined : parseWhole(text, 1, most);
    if (text === undefined || number !== undefined) return [[name, number]];
    throw new UsageError(`Cannot use --${name} "${text}": expected a whole number, 1 to ${most}`);
  }).filter(([, number]) => number !== undefined);
  const name = given.one("interface");
  return asUsage(() =>
    parseTraceRequest({
      group,
      ...(portNumber === undefined ? {} : { port: portNumber }),
      ...(name === undefined ? {} : { interface: name }),
      ...Object.fromEntries(numbers),
      frames: given.has("write"),
    })
  );
}

/** A capture file that grows. */
function openFile(path: string): { add(datagram: TracedDatagram): void } & Disposable {
  const writer = new PcapngWriter(`mcr ${VERSION}`);
  const attempt = <Result>(work: () => Result): Result => {
    try {
      return work();
    } catch (error) {
      throw new Error(`Cannot write "${path}": ${reasonOf(error)}`, { cause: error });
    }
  };
  using undo = new DisposableStack();
  const file = undo.use(attempt(() => Deno.openSync(path, { create: true, write: true, truncate: true, mode: 0o600 })));
  const write = (bytes: Uint8Array): void => {
    for (let rest = bytes; rest.length > 0;) rest = rest.subarray(attempt(() => file.writeSync(rest)));
  };
  write(writer.begin());
  undo.move();
  return { add: (datagram) => write(writer.add(datagram)), [Symbol.dispose]: () => file.close() };
}

/** What is told, as lines for people. */
export function formatEvent(event: TraceEvent): string {
  const lines = event.type === "end" ? endLines(event) : datagramLines(event);
  return lines.map((line) => `${wrapWords(printable(line), COLUMNS)}\n`).join("");
}

function datagramLines({ time, verdict, rule, reason, steps }: TracedDatagram): string[] {
  const why = reason === undefined ? "" : ` as ${reason}`;
  const by = rule === undefined ? "" : ` by rule ${rule}`;
  return [
    `${time} ${verdict}${why}${by}`,
    ...steps.map(({ is_passed: isPassed, text }) => `  ${isPassed ? "+" : "-"} ${text}`),
  ];
}

function endLines({ why, seen, missed, neighbours, notes }: TraceEnd): string[] {
  return [
    ...(seen === 0 ? ["nothing seen"] : []),
    ...(why === "failed" ? ["the trace ended early: its interface has gone"] : []),
    ...notes.map((note) => `  ${note}`),
    ...neighbours.map((one) => `  also came: ${describeNeighbour(one)}`),
    ...(missed === 0 ? [] : [`  ${missed} explanations were left out: read faster`]),
  ];
}

function describeNeighbour({ interface: name, source, group, port, count }: TraceNeighbour): string {
  return `${count} from ${source} to ${formatDestination({ group, port })} on ${name}`;
}
