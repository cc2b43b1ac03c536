/**
 * Rules with what they relay by, and what a change makes of them. An entry is replaced when anything about it changes and
 * kept otherwise, so that two sets are compared by identity, whatever their size.
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

/** Rules by id. */
export type PlacedRules = ReadonlyMap<string, Placed>;

/** The difference between two sets of rules. */
export interface Change {
  /** Entries that are there no more, in this form. */
  readonly gone: readonly Placed[];
  /** Entries that were not there, in this form. */
  readonly come: readonly Placed[];
  /** Rules that their input is relayed for no more, with that input. */
  readonly lost: readonly Listening[];
  /** Rules that an input is to be relayed for that was not. */
  readonly gained: readonly Listening[];
}

/** An entry that has an input. */
export type Listening = Placed & { readonly input: Input };

/** Makes an entry. */
export function placeRule(
  rule: Rule,
  slots: RuleSlots,
  input: Input | undefined,
  outputs: readonly (PlacedOutput | undefined)[],
): Placed {
  const missing = [
    ...(input === undefined ? [rule.input.interface] : []),
    ...rule.outputs.filter((_, i) => outputs[i] === undefined).map((output) => output.interface),
  ];
  const state = missing.length === 0 ? "active" : "pending";
  const numbered = input && numberRule(rule, slots, input, outputs);
  return { rule, slots, input, outputs, numbered, state, waiting_for: [...new Set(missing)] };
}

function numberRule(
  { input: from, outputs: to, max_rate: maxRate }: Rule,
  slots: RuleSlots,
  input: Input,
  outputs: readonly (PlacedOutput | undefined)[],
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
    outputs: to.map((output, i) => numberOutput(sendingOf(output, from), slots.outputs[i]!, outputs[i])),
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
  return one.rule === other.rule && one.input === other.input && one.slots === other.slots &&
    one.outputs.every((output, i) =>
      output?.socket === other.outputs[i]?.socket && output?.segmentMax === other.outputs[i]?.segmentMax
    );
}

/** What a change takes and brings; undefined when it does neither. */
export function compare(before: PlacedRules, after: PlacedRules): Change | undefined {
  const gone = [...before.values()].filter((one) => after.get(one.rule.id) !== one);
  const come = [...after.values()].filter((one) => before.get(one.rule.id) !== one);
  if (gone.length === 0 && come.length === 0) return undefined;
  return {
    gone,
    come,
    lost: gone.filter((one): one is Listening => one.input !== undefined && !isKept(after, one)),
    gained: come.filter((one): one is Listening => one.input !== undefined && !isKept(before, one)),
  };
}

/** Whether the other set relays the rule from the same input. */
export function isKept(others: PlacedRules, { rule, input }: Placed): boolean {
  return others.get(rule.id)?.input === input;
}

/** The rules that workers are told of: those with an input. */
export function numberedRules(placed: Iterable<Placed>): NumberedRule[] {
  return [...placed].flatMap(({ numbered }) => numbered ?? []);
}

/** The inputs that have exclusive rules, with those of them that are wanted. */
export function exclusiveRules(
  placed: PlacedRules,
  isWanted: (one: Placed) => boolean,
): Map<Input, readonly NumberedRule[]> {
  const all = [...placed.values()].filter(({ rule, input }) => rule.input.exclusive && input !== undefined);
  const byInput = Map.groupBy(all, ({ input }) => input!);
  return new Map([...byInput].map(([input, rules]) => [input, numberedRules(rules.filter(isWanted))]));
}

/** Whether an exclusive rule was not there before. */
export function isNewExclusive(before: PlacedRules, { id, input }: Rule): boolean {
  return input.exclusive === true && !before.has(id);
}
