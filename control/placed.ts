/**
 * Rules with what they relay by, and the steps from one such state to the next.
 *
 * @module
 */
import { MCR_FRAME_HEADER_BYTES } from "../ffi/abi.ts";
import type { NumberedOutput, NumberedRule, NumberedSource } from "../ffi/route_table.ts";
import { parsePrefix } from "./address.ts";
import type { RuleSlots } from "./counters.ts";
import type { RulePlacement } from "./engine.ts";
import type { Input } from "./input_set.ts";
import type { Rule } from "./model.ts";
import type { OutputSocket } from "./output_set.ts";
import { portRange } from "./ports.ts";
import { formatEndpoint } from "./rule_text.ts";
import { protocolOf, type Sending, sendingOf } from "./sending.ts";

/** An output with its socket. */
export interface PlacedOutput {
  readonly socket: OutputSocket;
  /** Largest payload that needs no IP fragments. */
  readonly segmentMax: number;
}

/** A rule with what it relays by. */
export interface Placed extends RulePlacement {
  readonly rule: Rule;
  readonly slots: RuleSlots;
  /** Absent while its input interface is missing. */
  readonly input: Input | undefined;
  /** In the order of the rule's outputs; undefined while the interface is missing. */
  readonly outputs: readonly (PlacedOutput | undefined)[];
  /** What the workers are told of it; absent without an input. */
  readonly numbered: NumberedRule | undefined;
}

/** An entry that comes, goes, or takes the place of another. */
export interface Step {
  readonly before: Placed | undefined;
  readonly after: Placed | undefined;
}

/** Makes an entry. */
export function placeRule(
  rule: Rule,
  slots: RuleSlots,
  input: Input | undefined,
  outputs: readonly (PlacedOutput | undefined)[],
  unsetTtl: number | "decrement" = 1,
): Placed {
  const missing = [
    ...(input === undefined ? [rule.input.interface] : []),
    ...rule.outputs.filter((_, i) => outputs[i] === undefined).map((output) => output.interface),
  ];
  const state = missing.length === 0 ? "active" : "pending";
  const numbered = input && numberRule(rule, slots, input, outputs, unsetTtl);
  return { rule, slots, input, outputs, numbered, state, waiting_for: [...new Set(missing)] };
}

function numberRule(
  { input: from, outputs: to, max_rate: maxRate }: Rule,
  slots: RuleSlots,
  input: Input,
  outputs: readonly (PlacedOutput | undefined)[],
  unsetTtl: number | "decrement",
): NumberedRule {
  const { address, bits } = parsePrefix(from.group)!;
  const ports = from.protocol === "esp" ? { first: 0, last: 0 } : portRange(from.port);
  return {
    group: address,
    groupBits: bits,
    protocol: protocolOf(from),
    portFirst: ports.first,
    portLast: ports.last,
    sources: (from.sources ?? []).map(numberSource),
    excluded: (from.exclude_sources ?? []).map(numberSource),
    datagramsMax: maxRate?.datagrams ?? 0,
    bitsMax: maxRate?.bits ?? 0,
    input: input.index,
    stats: slots.rule,
    outputs: to.map((output, i) => numberOutput(sendingOf(output, from, unsetTtl), slots.outputs[i]!, outputs[i])),
  };
}

function numberSource(source: string): NumberedSource {
  const { address, bits } = parsePrefix(source)!;
  return { address, bits };
}

function numberOutput(sending: Sending, stats: number, placed: PlacedOutput | undefined): NumberedOutput {
  const { flags, group, groupBits, port, trafficClass } = sending;
  const { socket, segmentMax = 0 } = placed ?? {};
  return {
    flags,
    group,
    groupBits,
    port,
    trafficClass,
    stats,
    segmentMax,
    socket: socket?.index,
    interfaceIndex: socket?.interfaceIndex ?? 0,
    raw: socket?.raw && { socket: socket.raw.index, header: socket.raw.header, headerBytes: headerBytesOf(group) },
  };
}

/** An IPv4 header is 20 bytes shorter than one of IPv6. */
function headerBytesOf(group: string): number {
  return group.includes(":") ? MCR_FRAME_HEADER_BYTES : MCR_FRAME_HEADER_BYTES - 20;
}

/** Whether two entries of one rule say the same. */
export function isSamePlaced(one: Placed, other: Placed): boolean {
  return one.rule === other.rule && one.input === other.input &&
    one.outputs.every((output, i) =>
      output?.socket === other.outputs[i]?.socket && output?.segmentMax === other.outputs[i]?.segmentMax
    );
}

/** Whether a step leaves what the input lets through as it is. */
export function isKept({ before, after }: Step): boolean {
  return before?.input === after?.input && before?.rule.id === after?.rule.id;
}

/** Those entries that let something through their input that none of the others lets through the same one. */
export function withoutPlacesOf(some: readonly Placed[], others: readonly Placed[]): Placed[] {
  const places = new Set(others.map(placeOf));
  return some.filter((one) => !places.has(placeOf(one)));
}

/** What an input lets through for an entry: its sources are for the workers to look at. */
function placeOf({ rule, input }: Placed): string {
  return `${input?.index} ${formatEndpoint(rule.input)}`;
}

/** The sockets of an entry's outputs. */
export function socketsOf({ outputs }: Placed): OutputSocket[] {
  return outputs.flatMap((output) => output?.socket ?? []);
}

/** The inputs that have exclusive rules, with those of them that are wanted. */
export function exclusiveRules(
  placed: Iterable<Placed>,
  isWanted: (one: Placed) => boolean,
): Map<Input, readonly NumberedRule[]> {
  const byInput = new Map<Input, NumberedRule[]>();
  for (const one of placed) {
    if (!one.rule.input.exclusive || one.input === undefined) continue;
    const rules = byInput.get(one.input) ?? [];
    if (isWanted(one)) rules.push(one.numbered!);
    byInput.set(one.input, rules);
  }
  return byInput;
}
