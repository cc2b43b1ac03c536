/**
 * Rules from the outside world: what each part must be, and what the parts must be to one another. The control socket,
 * the command line and the configuration file all check by it. Knows nothing of other rules; see `rule_set.ts`.
 *
 * @module
 */
import {
  ADDRESS_BITS,
  compareAddresses,
  contains,
  hasBitsBeyond,
  isDestination,
  isMulticast,
  isUnicast,
  parseAddress,
  parsePrefix,
  type Prefix,
} from "./address.ts";
import { refuse, takeObject } from "./check.ts";
import { ControlError } from "./error.ts";
import type { Ports, RateLimit, RuleInput, RuleOutput, RuleSpec } from "./model.ts";
import { portCount, takePorts } from "./ports.ts";
import { formatEndpoint } from "./rule_text.ts";
import * as schema from "./schema.ts";
import {
  boolean,
  format,
  list,
  object,
  optional,
  refine,
  required,
  type Schema,
  text,
  union,
  whole,
} from "./schema.ts";

/** Outputs of one rule. */
export const OUTPUTS_MAX = 1024;

/** Sources of one rule, included and excluded together. */
export const SOURCES_MAX = 256;

/** What the parts of a rule must be, in the words of every message about them. */
export const EXPECTED = {
  group: "an IPv4 or IPv6 address that can be sent to, or a prefix as in 239.1.0.0/24",
  port: "a port, 1 to 65535, a range as in 5000-5010, or 0 for any",
  outputPort: "a port, 1 to 65535, a range as in 5000-5010, or 0 to keep the datagram's",
  interface: 'an interface name of 1 to 15 bytes without "/", ":", white space or control characters',
  ttl: 'a time to live, 1 to 255, or "decrement"',
  dscp: 'a DSCP, 0 to 63, or "copy"',
  ecn: 'ECN bits, 0 to 3, or "copy"',
  source: "an IPv4 or IPv6 address of a host, or a prefix as in 10.2.0.0/16",
  ownSource: "an IPv4 or IPv6 address of this host",
  sourcePort: "a port, 1 to 65535",
  name: 'a name of 1 to 64 letters, digits, ".", "_" and "-" that does not begin with "-"',
  output: "GROUP:PORT:IFACE",
  datagrams: "a number of datagrams a second, at least 1",
  bits: "a number of bits a second, at least 1",
} as const;

/** Whether the kernel would take `value` as an interface name. Whether there is such an interface is another matter. */
export function isInterfaceName(value: unknown): value is string {
  if (typeof value !== "string" || value === "." || value === "..") return false;
  // deno-lint-ignore no-control-regex
  if (!value.isWellFormed() || /[\s/:\x00-\x1f\x7f-\x9f]/.test(value)) return false;
  return value !== "" && (value.length <= 5 || new TextEncoder().encode(value).length <= 15);
}

/** Whether `value` can be the name of a rule. It never looks like an id, which has colons. */
export function isRuleName(value: unknown): value is string {
  return typeof value === "string" && /^[A-Za-z0-9._][A-Za-z0-9._-]{0,63}$/.test(value);
}

/** Addresses and prefixes without bits beyond their length. */
function prefix(expected: string, isGood: (one: Prefix) => boolean): Schema<string> {
  return format(expected, ["string"], (value, refuse) => {
    const one = typeof value === "string" ? parsePrefix(value) : undefined;
    if (one === undefined || !isGood(one)) return undefined;
    if (hasBitsBeyond(value as string, one)) {
      refuse(`${one.text}, without bits beyond the prefix, or the address alone`);
    }
    return one.text;
  }, { type: "string" });
}

/** The parts, each of which the command line checks by itself too. */
export const PARTS = {
  interface: text(EXPECTED.interface, isInterfaceName),
  group: prefix(EXPECTED.group, isDestination),
  port: format<Ports>(EXPECTED.port, ["number", "string"], takePorts, { type: ["integer", "string"] }),
  outputPort: format<Ports>(EXPECTED.outputPort, ["number", "string"], takePorts, { type: ["integer", "string"] }),
  protocol: schema.words("udp", "esp"),
  source: prefix(EXPECTED.source, (one) => !isMulticast(one)),
  ttl: union(EXPECTED.ttl, whole("1 to 255", 1, 255), schema.words("decrement")),
  dscp: union(EXPECTED.dscp, whole("0 to 63", 0, 63), schema.words("copy")),
  ecn: union(EXPECTED.ecn, whole("0 to 3", 0, 3), schema.words("copy")),
  ownSource: format(EXPECTED.ownSource, ["string"], (value) => {
    const one = typeof value === "string" ? parseAddress(value) : undefined;
    return one !== undefined && isUnicast(one) ? one.text : undefined;
  }, { type: "string" }),
  sourcePort: whole(EXPECTED.sourcePort, 1, 65535),
  oversize: schema.words("fragment", "drop"),
  name: text(EXPECTED.name, isRuleName),
} as const;

const SOURCES = { min: 1, max: SOURCES_MAX, noun: "sources", owner: "a rule" };

/** What an input must be. */
export const RULE_INPUT: Schema<RuleInput> = refine(
  object({
    interface: required(PARTS.interface, "Interface on which the datagrams arrive"),
    group: required(PARTS.group, "Where they are sent to"),
    port: optional(PARTS.port, "UDP port they are sent to; none with ESP"),
    protocol: optional(PARTS.protocol, "IP protocol", "udp"),
    sources: optional(list(PARTS.source, SOURCES), "Sources that are taken from; all unless given"),
    exclude_sources: optional(list(PARTS.source, SOURCES), "Sources that nothing is taken from"),
    exclusive: optional(boolean, "Keeps the datagrams from the rest of this host", false),
  }),
  (input, path): RuleInput => {
    const { interface: name, group, port = unsetPort(input, at(path, "port"), EXPECTED.port), ...rest } = input;
    if (input.protocol === "esp" && port !== 0) refuse(at(path, "port"), port, "no port: ESP has none");
    return { interface: name, group, port, ...rest, ...takeSources(input, path) };
  },
);

/** What an output must be. */
export const RULE_OUTPUT: Schema<RuleOutput> = refine(
  object({
    interface: required(PARTS.interface, "Interface that they leave by"),
    group: required(PARTS.group, "Where they are sent to"),
    port: optional(PARTS.outputPort, "UDP port they are sent to; none with ESP"),
    ttl: optional(PARTS.ttl, "Time to live, that of mcr run unless given"),
    dscp: optional(PARTS.dscp, "DSCP, 0 unless given"),
    ecn: optional(PARTS.ecn, "ECN bits, 0 unless given"),
    source: optional(PARTS.ownSource, "Address to send from, the interface's own unless given"),
    source_port: optional(PARTS.sourcePort, "Port to send from, one that stays unless given"),
    oversize: optional(PARTS.oversize, "What becomes of datagrams larger than the MTU", "fragment"),
    raw: optional(boolean, "Sends whole Ethernet frames", false),
  }),
  // Whether there must be a port is for the rule to say, which knows the protocol.
  (output): RuleOutput => output as RuleOutput,
);

/** What the most of a second must be. */
export const RATE_LIMIT: Schema<RateLimit> = refine(
  object({
    datagrams: optional(whole(EXPECTED.datagrams, 1, Number.MAX_SAFE_INTEGER), "Datagrams a second"),
    bits: optional(whole(EXPECTED.bits, 1, Number.MAX_SAFE_INTEGER), "Bits of payload a second"),
  }),
  (limit, path) => Object.keys(limit).length > 0 ? limit : refuse(path, limit, '"datagrams", "bits" or both'),
);

/** What a rule must be. */
export const RULE: Schema<RuleSpec> = refine(
  object({
    name: optional(PARTS.name, "A name of your own"),
    input: required(RULE_INPUT, "Which datagrams"),
    outputs: required(
      list(RULE_OUTPUT, { min: 1, max: OUTPUTS_MAX, noun: "outputs", owner: "a rule" }),
      "Where they are sent again",
    ),
    max_rate: optional(RATE_LIMIT, "The most that is relayed, in each worker"),
    allow_loop: optional(boolean, "Whether the outputs may feed the rule's own input", false),
  }),
  (rule, path): RuleSpec => {
    const outputs = rule.outputs.map((output, index) => takeOutput(output, rule.input, at(path, `outputs[${index}]`)));
    refuseRepeated(outputs, path);
    return { ...rule, outputs };
  },
);

/** Reads a whole rule out of JSON: every field checked, every unknown one refused. Shares nothing with `value`. */
export function parseRuleSpec(value: unknown): RuleSpec {
  return RULE.take(value, "");
}

/** Reads the `{id}` of a request about one rule; a name will do. */
export function parseRuleReference(value: unknown): string {
  const { id } = takeObject(value, "", ["id"]);
  if (typeof id !== "string" || id === "") refuse("id", id, "the id or the name of a rule");
  return id;
}

function at(path: string, field: string): string {
  return path === "" ? field : `${path}.${field}`;
}

/** The port that nobody gave, in the place where one that was given stands: rules are compared as text. */
function unsetPort({ protocol }: Pick<RuleInput, "protocol">, path: string, expected: string): 0 {
  return protocol === "esp" ? 0 : refuse(path, undefined, expected);
}

type SourceLists = Pick<RuleInput, "sources" | "exclude_sources">;

/** The source lists in the order of their addresses, if they make sense. */
function takeSources(input: SourceLists & { readonly group: string }, path: string): SourceLists {
  const taken = takeSourceList(input, "sources", path), excluded = takeSourceList(input, "exclude_sources", path);
  for (const [index, out] of excluded.entries()) {
    const lost = taken.find((one) => contains(out, one));
    if (lost === undefined) continue;
    refuse(at(path, `exclude_sources[${index}]`), out.text, `it not to have all of ${lost.text}, which is in sources`);
  }
  const count = taken.length + excluded.length;
  if (count > SOURCES_MAX) {
    const message = `Cannot accept ${count} sources: a rule has at most ${SOURCES_MAX}, those excluded included`;
    throw new ControlError("limit", message, at(path, "sources"));
  }
  return {
    ...(taken.length === 0 ? {} : { sources: taken.map((one) => one.text) }),
    ...(excluded.length === 0 ? {} : { exclude_sources: excluded.map((one) => one.text) }),
  };
}

function takeSourceList(
  input: SourceLists & { readonly group: string },
  key: keyof SourceLists,
  path: string,
): readonly Prefix[] {
  const { family } = parsePrefix(input.group)!;
  const indexes = new Map<string, number>();
  const prefixes = (input[key] ?? []).map((source, index) => {
    const field = at(path, `${key}[${index}]`), one = parsePrefix(source)!;
    if (one.family !== family) refuse(field, source, `an IPv${family} source, as the group ${input.group}`);
    const first = indexes.get(one.text);
    if (first !== undefined) {
      throw new ControlError("invalid", `Cannot accept "${field}" ${one.text}: it repeats ${key}[${first}]`, field);
    }
    indexes.set(one.text, index);
    return one;
  });
  return prefixes.sort(compareAddresses);
}

/** An output that goes with its input. */
function takeOutput(output: RuleOutput, input: RuleInput, path: string): RuleOutput {
  const group = parsePrefix(output.group)!;
  if (input.protocol === "esp") {
    if ((output.port ?? 0) !== 0) refuse(`${path}.port`, output.port, "no port: ESP has none");
    if (output.source_port !== undefined) refuse(`${path}.source_port`, output.source_port, "none: ESP has no ports");
    if (output.raw) refuse(`${path}.raw`, true, "false with ESP: only UDP is sent as frames");
  }
  const { interface: name, group: to, port = unsetPort(input, `${path}.port`, EXPECTED.outputPort), ...rest } = output;
  const whole = { interface: name, group: to, port, ...rest };
  refuseWidths(whole, group, input, path);
  if (output.source !== undefined && parseAddress(output.source)!.family !== group.family) {
    refuse(`${path}.source`, output.source, `an IPv${group.family} address, as the group ${output.group}`);
  }
  if (output.raw) refuseRaw(whole, group, input, path);
  return whole;
}

/** A range becomes another one, or one address or port, but nothing becomes a range by itself. */
function refuseWidths(output: RuleOutput, group: Prefix, input: RuleInput, path: string): void {
  const hostBits = ADDRESS_BITS - parsePrefix(input.group)!.bits;
  if (group.bits !== ADDRESS_BITS && ADDRESS_BITS - group.bits !== hostBits) {
    const length = (group.family === 4 ? 32 : 128) - hostBits;
    const range = hostBits > 0 && length > 0
      ? `, or a prefix of /${length}, as wide as the input's ${input.group}`
      : "";
    refuse(`${path}.group`, output.group, `one address${range}`);
  }
  if (typeof output.port === "string" && portCount(output.port) !== portCount(input.port)) {
    const range = typeof input.port === "string"
      ? `, or a range of ${portCount(input.port)} ports, as the input's ${input.port}`
      : "";
    refuse(`${path}.port`, output.port, `one port, 0${range}`);
  }
}

/** The addresses and ports of a frame are written once, beforehand: all datagrams must have the same. */
function refuseRaw(output: RuleOutput, group: Prefix, input: RuleInput, path: string): void {
  if (!isMulticast(group)) refuse(`${path}.raw`, true, `false with ${output.group}: frames are sent to groups only`);
  const isKept = output.port === 0 && portCount(input.port) > 1;
  if (group.bits !== ADDRESS_BITS || typeof output.port === "string" || isKept) {
    refuse(`${path}.raw`, true, "false with a range: frames are sent to one group and port");
  }
}

/** The same output twice would send every datagram twice: always a slip of the pen. */
function refuseRepeated(outputs: readonly RuleOutput[], path: string): void {
  if (outputs.length === 1) return;
  const indexes = new Map<string, number>();
  for (const [index, output] of outputs.entries()) {
    const place = formatEndpoint(output), field = at(path, `outputs[${index}]`);
    const first = indexes.get(place);
    if (first !== undefined) {
      const message = `Cannot accept ${field}: it repeats ${at(path, `outputs[${first}]`)}, ${place}`;
      throw new ControlError("invalid", message, field);
    }
    indexes.set(place, index);
  }
}
