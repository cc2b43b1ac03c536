/**
 * `mcrctl`: what it asks for, and the shapes of its answers.
 *
 * @module
 */
import type { Arguments, Command, Option } from "../command.ts";
import { makeGroup } from "../command_tree.ts";
import { NoDaemonError, UsageError } from "../error.ts";
import type { OutputCounters, RuleCounters, RuleStatus, WorkerStatus } from "../model.ts";
import type { Methods } from "../protocol.ts";
import { VERSION } from "../version.ts";
import { CONFIG_ROWS, LEVEL_ROWS } from "./mcrctl_config.ts";
import { asked, passOn, type Row, translated } from "./translate.ts";

const SOCKET: Option = { name: "socket-path", value: "PATH", help: "control socket (default: where mcr looks for it)" };
/** Numbers of IP protocols. */
const PROTOCOLS = { udp: 17, esp: 50 } as const;

/** Takes what the method of this name answers. */
type Answer<Name extends keyof Methods> = Methods[Name]["result"];

const LIST: Omit<Row, "name"> = {
  summary: "List the rules",
  ours: "list",
  toOurs: asked,
  toTheirs: ({ rules }: Answer<"rule.list">) => ({ Rules: rules.map(describeRule) }),
};

const ROWS: readonly Row[] = [
  {
    name: "add",
    summary: "Add a rule",
    details: `A rule of mcr has an id that is made from its input, and one name: --rule-id
and --name both give that, and either finds the rule again.`,
    example:
      "--input-interface eth0 --input-group 239.1.1.1 \\\n    --input-port 5001 --outputs 239.2.2.2:6000:eth1 --name camera-1",
    options: [
      { name: "rule-id", value: "NAME", help: "a name for the rule" },
      { name: "name", value: "NAME", help: "a name for the rule" },
      { name: "input-interface", value: "IFACE", help: "interface on which the datagrams arrive" },
      { name: "input-group", value: "GROUP", help: "multicast group they are sent to" },
      { name: "input-port", value: "PORT", help: "UDP port they are sent to" },
      {
        name: "outputs",
        value: "GROUP:PORT:IFACE[,...]",
        isRepeatable: true,
        help: "where to send them again",
      },
    ],
    ours: "add",
    toOurs: (given) => [
      ...passOn(given, { "input-interface": "input-interface", "input-group": "input-group" }),
      ...passOn(given, { "input-port": "input-port", "outputs": "outputs" }),
      ...oneName(given).map((name) => `--name=${name}`),
      ...asked(given),
    ],
    toTheirs: ({ id }: Answer<"rule.add">) => ({ Success: `Rule ${id} added` }),
  },
  {
    name: "remove",
    summary: "Remove a rule",
    example: "--name camera-1",
    options: [
      { name: "rule-id", value: "ID", help: "its id or name" },
      { name: "name", value: "ID", help: "its id or name" },
    ],
    ours: "remove",
    toOurs: (given) => [...asked(given), "--", ruleOf(given)],
    toTheirs: ({ id }: Answer<"rule.remove">, given) => {
      const name = given.one("name");
      return { Success: name === undefined ? `Rule ${id} removed` : `Removed rule '${name}' (id: ${id})` };
    },
  },
  { name: "list", ...LIST },
  { name: "list-rules", ...LIST },
  {
    name: "stats",
    summary: "Show the counters",
    details: "They are those of all outputs of a rule together.",
    ours: "stats",
    toOurs: asked,
    toTheirs: ({ rules }: Answer<"stats.get">) => ({ Stats: rules.map(describeCounters) }),
  },
  {
    name: "list-workers",
    summary: "List the worker processes",
    ours: "workers",
    toOurs: asked,
    toTheirs: ({ workers }: Answer<"worker.list">) => ({ Workers: workers.map(describeWorker) }),
  },
  {
    name: "ping",
    summary: "Ask whether the supervisor answers",
    ours: "workers",
    toOurs: asked,
    toTheirs: ({ workers }: Answer<"worker.list">) => {
      const ready = workers.filter(({ state }) => state === "running").length;
      return { Success: `pong: ${ready}/${workers.length} worker streams ready` };
    },
  },
  {
    name: "version",
    summary: "Print the version of the supervisor's protocol",
    ours: "version",
    toOurs: asked,
    toTheirs: ({ supervisor }: { readonly supervisor?: Answer<"version"> }) => {
      if (supervisor !== undefined) return { Version: { protocol_version: supervisor.protocol } };
      throw new NoDaemonError('Cannot ask for the version: no supervisor answers; start one with "mcrd supervisor"');
    },
  },
];

/** The program, as a command that holds its own. */
export function makeMcrctl(commands: readonly Command[]): Command {
  const make = ({ name, example = "", options = [], ...row }: Row): Command => {
    const line = `mcr mcrctl ${name} ${example}`.trimEnd();
    return translated({ ...row, name: `mcrctl ${name}`, example: line, options: [...options, SOCKET] }, commands);
  };
  const holder = (name: string, summary: string, rows: readonly Row[]): Command => {
    const subcommands = rows.map(make);
    return makeGroup({
      name: `mcrctl ${name}`,
      summary,
      example: subcommands[0]!.example,
      options: [SOCKET],
      subcommands,
    });
  };
  const group = makeGroup({
    name: "mcrctl",
    summary: "Take the command lines of the reference implementation's mcrctl",
    example: "mcr mcrctl list",
    options: [SOCKET],
    subcommands: [
      ...ROWS.map(make),
      holder("config", "Show, load, save and check the configuration", CONFIG_ROWS),
      holder("log-level", "Show and change what is logged", LEVEL_ROWS),
    ],
  });
  return withVersion(group);
}

/** A program that also answers `--version`. */
export function withVersion(group: Command): Command {
  return {
    ...group,
    async run(args, surroundings): Promise<string | number> {
      if (args.includes("--version") || args.includes("-V")) return `mcr ${VERSION}\n`;
      return await group.run(args, surroundings);
    },
  };
}

/** At most one of the two options that give a name. */
function oneName(given: Arguments): readonly string[] {
  const names = [...given.all("rule-id"), ...given.all("name")];
  if (names.length < 2) return names;
  throw new UsageError(`Cannot use --rule-id "${names[0]}" and --name "${names[1]}": expected one of them`);
}

function ruleOf(given: Arguments): string {
  const [name] = oneName(given);
  if (name === undefined) {
    throw new UsageError("Cannot remove a rule without its id or name: expected --rule-id or --name");
  }
  return name;
}

function describeRule({ id, name, input, outputs }: RuleStatus): Record<string, unknown> {
  return {
    rule_id: id,
    ...name === undefined ? {} : { name },
    input_interface: input.interface,
    input_group: input.group,
    input_port: input.port,
    input_protocol: PROTOCOLS[input.protocol ?? "udp"],
    outputs: outputs.map(({ group, port, interface: name, ttl }) => ({
      group,
      port,
      interface: name,
      ...ttl === undefined ? {} : { ttl },
    })),
    source: "Dynamic",
  };
}

function describeCounters({ input, outputs }: RuleCounters): Record<string, unknown> {
  const sum = (valueOf: (output: OutputCounters) => number): number => {
    return outputs.reduce((total, output) => total + valueOf(output), 0);
  };
  return {
    input_group: input.group,
    input_port: input.port,
    input_protocol: PROTOCOLS[input.protocol ?? "udp"],
    packets_relayed: sum(({ sent }) => sent),
    bytes_relayed: sum(({ sent_bytes: bytes }) => bytes),
    packets_per_second: sum(({ rates }) => rates.over_1s.datagrams_per_s),
    bits_per_second: sum(({ rates }) => rates.over_1s.bits_per_s),
  };
}

/** A worker of mcr listens on all interfaces that rules name, so none is told. */
function describeWorker({ pid, core, state }: WorkerStatus): Record<string, unknown> {
  return { pid, worker_type: "DataPlane", core_id: core, status: state === "running" ? "Running" : "Restarting" };
}
