/**
 * `mcr add`: asks the supervisor for one more rule.
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
import { UsageError } from "../error.ts";
import type { Ports, RateLimit, RuleInput, RuleOutput, RuleSpec, RuleStatus } from "../model.ts";
import { parsePorts } from "../ports.ts";
import { EXPECTED_RATE, parseRate } from "../max_rate.ts";
import { EXPECTED, parseRuleSpec, PARTS } from "../rule.ts";
import { type OutputOption, parseOutput, parseOutputOption } from "../rule_word.ts";
import { type Schema, takeOr } from "../schema.ts";

/** The `add` command. */
export const add: Command = {
  name: "add",
  aliases: ["add-rule"],
  usage:
    "mcr add --input-interface IFACE --input-group GROUP --input-port PORT --outputs GROUP:PORT:IFACE[,...] [OPTION...]",
  summary: "Add a rule to the running relay",
  details: `Returns when every worker relays by the new rule. An interface that does not
exist is no error: the rule waits for it.

A GROUP is an IPv4 or IPv6 address, multicast or not, or a prefix of them; a
PORT is one, a range or 0 for any. An output is written as one word, with IPv6
in brackets and with options of its own: [ff3e::1]:6000:eth1/ttl=8/dscp=46; or
as --output-group, --output-port and --output-interface, given together and once
for each output. Its prefix or range is as wide as the input's: each address or
port becomes the one in its place; port 0 keeps the datagram's. --ttl, --dscp,
--ecn, --output-source, --source-port, --oversize and --raw are for all outputs
that say nothing else.

With --replace the new rule goes on where the old one ends: no datagram is lost
or relayed twice, and the counters go on, those of outputs that stay included.

With --raw the outputs leave as whole frames over a packet socket, past the
routing and the firewall of this host and unheard by its own listeners. Ethernet
interfaces only. What is larger than the MTU goes the usual way.

With --exclusive the rest of this host gets none of the rule's datagrams: no
listener on the input interface, no routing, no bridge that it is a port of.
That spares the kernel the work for them. It needs CAP_NET_ADMIN.`,
  example: `mcr add --input-interface eth0 --input-group 239.1.1.1 --input-port 5001 \\
    --outputs 239.2.2.2:6000:eth1,239.2.2.3:6000:eth2 --name camera-1
mcr add --in eth0 --group 239.1.1.1 --port 5001 --out 239.2.2.2:6000:eth1
mcr add --in eth0 --group ff3e::1 --port 5001 --source 2001:db8::5 \\
    --out [ff3e::2]:6000:eth1/ttl=8
mcr add --in eth0 --group 239.1.0.0/24 --port 0 --out 239.9.0.0/24:0:eth1`,
  options: [
    { name: "input-interface", aliases: ["in"], value: "IFACE", help: "interface on which the datagrams arrive" },
    { name: "input-group", aliases: ["group"], value: "GROUP", help: "address or prefix they are sent to" },
    { name: "input-port", aliases: ["port"], value: "PORT", help: "UDP port they are sent to; none with ESP" },
    { name: "protocol", value: "udp|esp", help: "IP protocol (default: udp)" },
    { name: "source", value: "SOURCE[,...]", isRepeatable: true, help: "addresses and prefixes they may come from" },
    {
      name: "exclude-source",
      value: "SOURCE[,...]",
      isRepeatable: true,
      help: "addresses and prefixes they may not come from",
    },
    {
      name: "outputs",
      aliases: ["out"],
      value: "GROUP:PORT:IFACE[,...]",
      isRepeatable: true,
      help: "where to send them again",
    },
    { name: "output-interface", value: "IFACE", isRepeatable: true, help: "interface of one output" },
    { name: "output-group", value: "GROUP", isRepeatable: true, help: "group of one output" },
    { name: "output-port", value: "PORT", isRepeatable: true, help: "port of one output" },
    { name: "name", value: "NAME", help: "a name of your own for the rule" },
    {
      name: "ttl",
      value: "N|decrement",
      help: "IP time to live of what is sent, or the datagram's less one (default: that of mcr run)",
    },
    { name: "dscp", value: "N|copy", help: "DSCP of what is sent, 0 to 63, or the datagram's (default: 0)" },
    { name: "ecn", value: "N|copy", help: "ECN bits of what is sent, 0 to 3, or the datagram's (default: 0)" },
    { name: "output-source", value: "ADDRESS", help: "address to send from (default: that of the interface)" },
    { name: "source-port", value: "PORT", help: "port to send from (default: one that stays)" },
    {
      name: "oversize",
      value: "fragment|drop",
      help: "what becomes of datagrams larger than the MTU (default: fragment)",
    },
    { name: "raw", help: "send whole Ethernet frames: cheaper where datagrams differ in size" },
    { name: "max-rate", value: "RATE", help: "the most that is relayed, in each worker: 50000pps, 100Mbps, or both" },
    { name: "replace", help: "put it in place of the rule that has its input or its name, if there is one" },
    { name: "allow-loop", help: "take the rule even if its outputs feed its own input" },
    {
      name: "exclusive",
      help: "keep the datagrams from the rest of this host: faster, but nobody else here gets them",
    },
    JSON_OPTION,
    SOCKET_OPTION,
  ],

  async run(args): Promise<string> {
    const given = readArguments(add, args);
    const spec = asUsage(() => readRule(given));
    using client = await connectTo(given);
    const isReplacing = given.has("replace");
    const status = await client.call(isReplacing ? "rule.replace" : "rule.add", spec);
    const done = isReplacing ? "in force" : "added";
    return given.has("json") ? jsonLine(status) : `rule ${status.id} ${done}${describeWait(status)}\n`;
  },
};

function describeWait({ state, waiting_for: names }: RuleStatus): string {
  if (names.length === 0) return "";
  const noun = names.length === 1 ? "interface" : "interfaces";
  return `, ${state}: waiting for ${noun} ${names.join(", ")}`;
}

function readRule(given: Arguments): RuleSpec {
  const input = readInput(given);
  const name = given.one("name");
  if (name !== undefined) takeText("name", name, PARTS.name);
  const maxRate = readMaxRate(given);
  const options = readOutputOptions(given);
  const outputs = readOutputs(given).map((output) => ({ ...options, ...output }));
  return parseRuleSpec({
    ...(name === undefined ? {} : { name }),
    input,
    outputs,
    ...(maxRate === undefined ? {} : { max_rate: maxRate }),
    ...(given.has("allow-loop") ? { allow_loop: true } : {}),
  });
}

function readInput(given: Arguments): RuleInput {
  const protocol = given.one("protocol");
  const isEsp = protocol !== undefined && takeText("protocol", protocol, PARTS.protocol) === "esp";
  const name = takeText("input-interface", required(given, "input-interface"), PARTS.interface);
  const group = takeText("input-group", required(given, "input-group"), PARTS.group);
  const port = isEsp && !given.has("input-port") ? 0 : readPorts("input-port", required(given, "input-port"), "port");
  const sources = readSources(given, "source"), excluded = readSources(given, "exclude-source");
  return {
    interface: name,
    group,
    port,
    ...(isEsp ? { protocol: "esp" } : {}),
    ...(sources.length === 0 ? {} : { sources }),
    ...(excluded.length === 0 ? {} : { exclude_sources: excluded }),
    ...(given.has("exclusive") ? { exclusive: true } : {}),
  };
}

function readSources(given: Arguments, name: string): string[] {
  return given.all(name).flatMap((list) => list.split(",")).map((source) => takeText(name, source, PARTS.source));
}

/** What is said of all outputs. */
function readOutputOptions(given: Arguments): Partial<RuleOutput> {
  const read = <Name extends OutputOption>(name: Name, option: string = name): Pick<RuleOutput, Name> | undefined => {
    const text = given.one(option);
    if (text === undefined) return undefined;
    const value = parseOutputOption(name, text, (expected) => refuseOption(option, text, expected));
    return { [name]: value } as Pick<RuleOutput, Name>;
  };
  return {
    ...read("ttl"),
    ...read("dscp"),
    ...read("ecn"),
    ...read("source", "output-source"),
    ...read("source_port", "source-port"),
    ...read("oversize"),
    ...(given.has("raw") ? { raw: true } : {}),
  };
}

function readMaxRate(given: Arguments): RateLimit | undefined {
  const text = given.one("max-rate");
  return text === undefined ? undefined : parseRate(text) ?? refuseOption("max-rate", text, EXPECTED_RATE);
}

function readOutputs(given: Arguments): RuleOutput[] {
  const words = given.all("outputs").flatMap((list) => list.split(","));
  const outputs = [...words.map(parseOutput), ...readOutputTriples(given)];
  if (outputs.length === 0) {
    throw new UsageError(`Cannot add a rule without outputs: expected --outputs ${EXPECTED.output}`);
  }
  return outputs;
}

/** Outputs given as three options each: the first of each belong together, then the second, and so on. */
function readOutputTriples(given: Arguments): RuleOutput[] {
  const interfaces = given.all("output-interface");
  const groups = given.all("output-group");
  const ports = given.all("output-port");
  if (interfaces.length !== groups.length || groups.length !== ports.length) {
    throw new UsageError(
      `Cannot tell the outputs apart: ${interfaces.length} --output-interface, ${groups.length} --output-group and ${ports.length} --output-port, expected the same number of each`,
    );
  }
  return interfaces.map((name, index) => ({
    interface: takeText("output-interface", name, PARTS.interface),
    group: takeText("output-group", groups[index]!, PARTS.group),
    port: readPorts("output-port", ports[index]!, "outputPort"),
  }));
}

function takeText<Text extends string>(name: string, text: string, schema: Schema<Text>): Text {
  return takeOr(schema, text, (expected) => refuseOption(name, text, expected));
}

function readPorts(name: string, text: string, part: "port" | "outputPort"): Ports {
  return parsePorts(text) ?? refuseOption(name, text, EXPECTED[part]);
}

function required(given: Arguments, name: string): string {
  const text = given.one(name);
  if (text === undefined) throw new UsageError(`Cannot add a rule without --${name}: expected ${add.usage}`);
  return text;
}

function refuseOption(name: string, text: string, expected: string): never {
  throw new UsageError(`Cannot use --${name} "${text}": expected ${expected}`);
}
