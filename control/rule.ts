/**
 * Rules from the outside world: reads and checks groups, ports, interface names, outputs written as one word, and whole
 * rules out of JSON. Knows nothing of other rules; see `rule_set.ts`.
 *
 * @module
 */
import { refuse, takeObject } from "./check.ts";
import { ControlError } from "./error.ts";
import type { RuleInput, RuleOutput, RuleSpec } from "./model.ts";
import { parseWhole } from "./number.ts";

/** Outputs of one rule. */
export const OUTPUTS_MAX = 1024;

/** What the parts of a rule must be, in the words of every message about them. */
export const EXPECTED = {
  group: "an IPv4 multicast group, 224.0.0.0 to 239.255.255.255",
  port: "a port, 1 to 65535",
  interface: 'an interface name of 1 to 15 bytes without "/", ":" or white space',
  ttl: "a time to live, 1 to 255",
  name: 'a name of 1 to 64 letters, digits, ".", "_" and "-" that does not begin with "-"',
  output: "GROUP:PORT:IFACE",
  exclusive: "true or false",
  raw: "true or false",
  outputs: `a list of 1 to ${OUTPUTS_MAX} outputs`,
} as const;

/** Whether `value` is an IPv4 multicast group in dotted form. */
export function isGroup(value: unknown): value is string {
  if (typeof value !== "string") return false;
  const parts = value.split(".");
  if (parts.length !== 4 || parts.some((part) => parseWhole(part, 0, 255) === undefined)) return false;
  return parseWhole(parts[0]!, 224, 239) !== undefined;
}

/** Whether `value` is a UDP port that can be relayed. */
export function isPort(value: unknown): value is number {
  return Number.isInteger(value) && (value as number) >= 1 && (value as number) <= 65535;
}

/** Whether `value` is an IP time to live. */
export function isTtl(value: unknown): value is number {
  return Number.isInteger(value) && (value as number) >= 1 && (value as number) <= 255;
}

/** Whether the kernel would take `value` as an interface name. Whether there is such an interface is another matter. */
export function isInterfaceName(value: unknown): value is string {
  if (typeof value !== "string" || value === "." || value === "..") return false;
  // deno-lint-ignore no-control-regex
  if (!value.isWellFormed() || /[\s/:\x00-\x1f\x7f-\x9f]/.test(value)) return false;
  const length = new TextEncoder().encode(value).length;
  return length >= 1 && length <= 15;
}

/** Whether `value` can be the name of a rule. It never looks like an id, which has colons. */
export function isRuleName(value: unknown): value is string {
  return typeof value === "string" && /^[A-Za-z0-9._][A-Za-z0-9._-]{0,63}$/.test(value);
}

/** The place in the network that an input or an output names, as one word: `239.1.1.1:5001:eth0`. */
export function formatEndpoint(place: { interface: string; group: string; port: number }): string {
  return `${place.group}:${place.port}:${place.interface}`;
}

/** The id of the rule with this input: the input itself, as one word, so that nobody has to look it up. */
export function ruleId(input: RuleInput): string {
  return formatEndpoint(input);
}

/**
 * Reads an output written as `GROUP:PORT:IFACE`.
 *
 * @example
 * ```ts
 * import { deepStrictEqual } from "node:assert/strict";
 *
 * deepStrictEqual(parseOutput("239.2.2.2:6000:eth1"), { interface: "eth1", group: "239.2.2.2", port: 6000 });
 * ```
 */
export function parseOutput(text: string): RuleOutput {
  const parts = text.split(":");
  if (parts.length !== 3) refuseOutput(text, `expected ${EXPECTED.output}`);
  const [group, portText, name] = parts as [string, string, string];
  const port = parseWhole(portText, 1, 65535);
  if (!isGroup(group)) refuseOutput(text, `the group is "${group}", expected ${EXPECTED.group}`);
  if (port === undefined) refuseOutput(text, `the port is "${portText}", expected ${EXPECTED.port}`);
  if (!isInterfaceName(name)) refuseOutput(text, `the interface is "${name}", expected ${EXPECTED.interface}`);
  return { interface: name, group, port };
}

function refuseOutput(text: string, why: string): never {
  throw new ControlError("invalid", `Cannot parse output "${text}": ${why}`);
}

/** Reads a whole rule out of JSON: every field checked, every unknown one refused. Shares nothing with `value`. */
export function parseRuleSpec(value: unknown): RuleSpec {
  const spec = takeObject(value, "", ["name", "input", "outputs"]);
  const { name } = spec;
  if (name !== undefined && !isRuleName(name)) refuse("name", name, EXPECTED.name);
  const input = takeInput(spec.input);
  if (!Array.isArray(spec.outputs) || spec.outputs.length === 0) refuse("outputs", spec.outputs, EXPECTED.outputs);
  if (spec.outputs.length > OUTPUTS_MAX) {
    const message = `Cannot accept ${spec.outputs.length} outputs: a rule has at most ${OUTPUTS_MAX}`;
    throw new ControlError("limit", message, "outputs");
  }
  const outputs = spec.outputs.map(takeOutput);
  refuseRepeated(outputs);
  return { ...(name === undefined ? {} : { name }), input, outputs };
}

/** Reads the `{id}` of a request about one rule; a name will do. */
export function parseRuleReference(value: unknown): string {
  const { id } = takeObject(value, "", ["id"]);
  if (typeof id !== "string" || id === "") refuse("id", id, "the id or the name of a rule");
  return id;
}

function takeInput(value: unknown): RuleInput {
  const input = takeObject(value, "input", ["interface", "group", "port", "exclusive"]);
  const { exclusive } = input;
  if (exclusive !== undefined && typeof exclusive !== "boolean") {
    refuse("input.exclusive", exclusive, EXPECTED.exclusive);
  }
  return { ...takeEndpoint(input, "input"), ...(exclusive ? { exclusive } : {}) };
}

function takeOutput(value: unknown, index: number): RuleOutput {
  const path = `outputs[${index}]`;
  const output = takeObject(value, path, ["interface", "group", "port", "ttl", "raw"]);
  const { ttl, raw } = output;
  if (ttl !== undefined && !isTtl(ttl)) refuse(`${path}.ttl`, ttl, EXPECTED.ttl);
  if (raw !== undefined && typeof raw !== "boolean") refuse(`${path}.raw`, raw, EXPECTED.raw);
  return { ...takeEndpoint(output, path), ...(ttl === undefined ? {} : { ttl }), ...(raw ? { raw } : {}) };
}

function takeEndpoint(value: { interface?: unknown; group?: unknown; port?: unknown }, path: string): RuleInput {
  if (!isInterfaceName(value.interface)) refuse(`${path}.interface`, value.interface, EXPECTED.interface);
  if (!isGroup(value.group)) refuse(`${path}.group`, value.group, EXPECTED.group);
  if (!isPort(value.port)) refuse(`${path}.port`, value.port, EXPECTED.port);
  return { interface: value.interface, group: value.group, port: value.port };
}

/** The same output twice would send every datagram twice: always a slip of the pen. */
function refuseRepeated(outputs: readonly RuleOutput[]): void {
  const indexes = new Map<string, number>();
  for (const [index, output] of outputs.entries()) {
    const place = formatEndpoint(output);
    const first = indexes.get(place);
    if (first !== undefined) {
      const message = `Cannot accept outputs[${index}]: it repeats outputs[${first}], ${place}`;
      throw new ControlError("invalid", message, `outputs[${index}]`);
    }
    indexes.set(place, index);
  }
}
