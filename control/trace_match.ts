/**
 * Which rule takes a datagram, and which nearly would: as `struct mcr_rule` in csrc/mcr.h has the workers choose.
 *
 * @module
 */
import { contains, parseAddress, parsePrefix, type Prefix } from "./address.ts";
import type { Protocol, RuleInput } from "./model.ts";
import { portCount, type PortRange, portRange } from "./ports.ts";

/** A datagram, as far as rules are concerned. */
export interface Flow {
  readonly interface: string;
  readonly protocol: Protocol;
  readonly group: string;
  readonly port: number;
  readonly source: string;
}

/** What keeps a rule from taking a datagram. */
export type Mismatch = "interface" | "protocol" | "group" | "port" | "source";

/** An input with its texts read. */
interface Compiled {
  readonly group: Prefix;
  readonly ports: PortRange;
  readonly portCount: number;
  readonly sources: readonly Prefix[];
  readonly excluded: readonly Prefix[];
}

/** Rules are kept, and asked again and again. */
const COMPILED = new WeakMap<RuleInput, Compiled>();

function compile(input: RuleInput): Compiled {
  const known = COMPILED.get(input);
  if (known !== undefined) return known;
  const isEsp = input.protocol === "esp";
  const made = {
    group: parsePrefix(input.group)!,
    ports: isEsp ? { first: 0, last: 0 } : portRange(input.port),
    portCount: isEsp ? 1 : portCount(input.port),
    sources: (input.sources ?? []).map((source) => parsePrefix(source)!),
    excluded: (input.exclude_sources ?? []).map((source) => parsePrefix(source)!),
  };
  COMPILED.set(input, made);
  return made;
}

/** Everything for which a rule with this input does not take a datagram. */
export function mismatches(input: RuleInput, flow: Flow): readonly Mismatch[] {
  const { group, ports, sources, excluded } = compile(input);
  const source = parseAddress(flow.source)!;
  const isFrom = (list: readonly Prefix[]): boolean => list.some((one) => contains(one, source));
  return [
    ...(input.interface === flow.interface ? [] : ["interface"] as const),
    ...((input.protocol ?? "udp") === flow.protocol ? [] : ["protocol"] as const),
    ...(contains(group, parseAddress(flow.group)!) ? [] : ["group"] as const),
    ...(ports.first <= flow.port && flow.port <= ports.last ? [] : ["port"] as const),
    ...((sources.length === 0 || isFrom(sources)) && !isFrom(excluded) ? [] : ["source"] as const),
  ];
}

/**
 * The rule that takes a datagram: of those that it fits, the one with the longest group prefix, then the one with the
 * fewest ports, then the one with the longest source prefix.
 */
export function chooseRule<Rule extends { readonly input: RuleInput }>(
  rules: readonly Rule[],
  flow: Flow,
): Rule | undefined {
  const fitting = rules.filter(({ input }) => mismatches(input, flow).length === 0);
  const source = parseAddress(flow.source)!;
  const rank = ({ input }: Rule): readonly number[] => {
    const { group, portCount: ports, sources } = compile(input);
    const bits = sources.filter((one) => contains(one, source)).map((one) => one.bits);
    return [group.bits, -ports, Math.max(-1, ...bits)];
  };
  return fitting.toSorted((one, other) => compareRanks(rank(other), rank(one)))[0];
}

function compareRanks(one: readonly number[], other: readonly number[]): number {
  const at = one.findIndex((part, i) => part !== other[i]);
  return at < 0 ? 0 : one[at]! - other[at]!;
}

/** Rules that would take a datagram but for one thing; the nearest first, at most so many. */
export function nearRules<Rule extends { readonly input: RuleInput }>(
  rules: readonly Rule[],
  flow: Flow,
  most: number,
): readonly { readonly rule: Rule; readonly by: Mismatch }[] {
  const order: readonly Mismatch[] = ["source", "port", "interface", "protocol", "group"];
  return rules.flatMap((rule) => {
    const [by, more] = mismatches(rule.input, flow);
    // A rule for any port shares its port with everything.
    const isTrivial = by === "group" && compile(rule.input).portCount > 1;
    return by === undefined || more !== undefined || isTrivial ? [] : [{ rule, by }];
  }).sort((one, other) => order.indexOf(one.by) - order.indexOf(other.by)).slice(0, most);
}
