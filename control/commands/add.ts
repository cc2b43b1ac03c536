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
import type { RuleOutput, RuleSpec, RuleStatus } from "../model.ts";
import { parseWhole } from "../number.ts";
import { EXPECTED, isGroup, isInterfaceName, isRuleName, parseOutput, parseRuleSpec } from "../rule.ts";

/** The `add` command. */
export const add: Command = {
  name: "add",
  aliases: ["add-rule"],
  usage:
    "mcr add --input-interface IFACE --input-group GROUP --input-port PORT --outputs GROUP:PORT:IFACE[,...] [--name NAME] [--ttl N] [--raw] [--exclusive] [-j] [--socket PATH]",
  summary: "Add a rule to the running relay",
  details: `Returns when every worker relays by the new rule. An interface that does not
exist is no error: the rule waits for it. An output is written as one word,
GROUP:PORT:IFACE, or as --output-group, --output-port and --output-interface,
given together and once for each output.

With --raw the outputs leave as whole frames over a packet socket, past the
routing and the firewall of this host and unheard by its own listeners. Ethernet
interfaces only. What is larger than the MTU goes the usual way.

With --exclusive the rest of this host gets none of the rule's datagrams: no
listener on the input interface, no routing, no bridge that it is a port of.
That spares the kernel the work for them. It needs CAP_NET_ADMIN.`,
  example: `mcr add --input-interface eth0 --input-group 239.1.1.1 --input-port 5001 \\
    --outputs 239.2.2.2:6000:eth1,239.2.2.3:6000:eth2 --name camera-1
mcr add --in eth0 --group 239.1.1.1 --port 5001 --out 239.2.2.2:6000:eth1`,
  options: [
    { name: "input-interface", aliases: ["in"], value: "IFACE", help: "interface on which the datagrams arrive" },
    { name: "input-group", aliases: ["group"], value: "GROUP", help: "multicast group they are sent to" },
    { name: "input-port", aliases: ["port"], value: "PORT", help: "UDP port they are sent to" },
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
    { name: "ttl", value: "N", help: "IP time to live of what is sent (default: that of mcr run)" },
    { name: "raw", help: "send whole Ethernet frames: cheaper where datagrams differ in size" },
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
    const status = await client.call("rule.add", spec);
    return given.has("json") ? jsonLine(status) : `rule ${status.id} added${describeWait(status)}\n`;
  },
};

function describeWait({ state, waiting_for: names }: RuleStatus): string {
  if (names.length === 0) return "";
  const noun = names.length === 1 ? "interface" : "interfaces";
  return `, ${state}: waiting for ${noun} ${names.join(", ")}`;
}

function readRule(given: Arguments): RuleSpec {
  const input = {
    interface: takeText(given, "input-interface", isInterfaceName, EXPECTED.interface),
    group: takeText(given, "input-group", isGroup, EXPECTED.group),
    port: parsePort("input-port", required(given, "input-port")),
    ...(given.has("exclusive") ? { exclusive: true } : {}),
  };
  const name = given.one("name");
  if (name !== undefined && !isRuleName(name)) refuseOption("name", name, EXPECTED.name);
  const ttl = readTtl(given);
  const options = { ...(ttl === undefined ? {} : { ttl }), ...(given.has("raw") ? { raw: true } : {}) };
  const outputs = readOutputs(given).map((output) => ({ ...output, ...options }));
  return parseRuleSpec({ ...(name === undefined ? {} : { name }), input, outputs });
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
  return interfaces.map((name, index) => {
    if (!isInterfaceName(name)) refuseOption("output-interface", name, EXPECTED.interface);
    const group = groups[index]!;
    if (!isGroup(group)) refuseOption("output-group", group, EXPECTED.group);
    return { interface: name, group, port: parsePort("output-port", ports[index]!) };
  });
}

function readTtl(given: Arguments): number | undefined {
  const text = given.one("ttl");
  if (text === undefined) return undefined;
  return parseWhole(text, 1, 255) ?? refuseOption("ttl", text, EXPECTED.ttl);
}

function takeText(given: Arguments, name: string, isGood: (text: string) => boolean, expected: string): string {
  const text = required(given, name);
  return isGood(text) ? text : refuseOption(name, text, expected);
}

function parsePort(name: string, text: string): number {
  return parseWhole(text, 1, 65535) ?? refuseOption(name, text, EXPECTED.port);
}

function required(given: Arguments, name: string): string {
  const text = given.one(name);
  if (text === undefined) throw new UsageError(`Cannot add a rule without --${name}: expected ${add.usage}`);
  return text;
}

function refuseOption(name: string, text: string, expected: string): never {
  throw new UsageError(`Cannot use --${name} "${text}": expected ${expected}`);
}
