/**
 * Which datagrams a rule takes in and lets out: sets of destinations and ports on an interface, and an index that finds
 * the rules that take some of them.
 *
 * @module
 */
import { contains, mask, overlaps, parsePrefix, type Prefix } from "./address.ts";
import { readAddress } from "../ffi/address.ts";
import type { Protocol, Rule, RuleOutput } from "./model.ts";
import { portRange } from "./ports.ts";

/** Datagrams of one interface and protocol, to any of these addresses and any of these ports. */
export interface Region {
  readonly interface: string;
  readonly protocol: Protocol;
  readonly group: Prefix;
  readonly portFirst: number;
  readonly portLast: number;
  /** The source of all of them, where it is known. */
  readonly source?: Prefix;
}

/** A rule, its texts read. */
export interface Entry {
  readonly rule: Rule;
  /** What it takes in. */
  readonly input: Region;
  readonly sources: readonly Prefix[];
  readonly excluded: readonly Prefix[];
}

/** A text that is the same for the same region. */
export function describeRegion({ interface: name, group, portFirst, portLast, source }: Region): string {
  return ` ${name} ${group.text} ${portFirst} ${portLast} ${source?.text ?? "-"}`;
}

/** Reads a checked rule. */
export function readEntry(rule: Rule): Entry {
  const { interface: name, group, port, protocol = "udp", sources = [], exclude_sources: excluded = [] } = rule.input;
  const { first, last } = portRange(port);
  const input = { interface: name, protocol, group: parsePrefix(group)!, portFirst: first, portLast: last };
  return { rule, input, sources: readAll(sources), excluded: readAll(excluded) };
}

function readAll(texts: readonly string[]): Prefix[] {
  return texts.map((text) => parsePrefix(text)!);
}

/** What an output makes of datagrams that its rule has taken in. */
export function sent(output: RuleOutput, { input }: Entry, taken: Region): Region {
  const ports = portRange(output.port);
  const shift = output.port === 0 ? 0 : ports.first - input.portFirst;
  const isKept = output.port === 0 || ports.first !== ports.last;
  const source = output.source === undefined ? {} : { source: parsePrefix(output.source)! };
  return {
    interface: output.interface,
    protocol: taken.protocol,
    group: mapGroup(parsePrefix(output.group)!, taken.group),
    portFirst: isKept ? taken.portFirst + shift : ports.first,
    portLast: isKept ? taken.portLast + shift : ports.last,
    ...source,
  };
}

/** The addresses of a range that stand where those taken stood in theirs. */
function mapGroup(to: Prefix, taken: Prefix): Prefix {
  if (to.bits === 128) return to;
  const bytes = taken.bytes.map((byte, i) => {
    const kept = Math.max(0, Math.min(8, to.bits - 8 * i));
    return to.bytes[i]! | (byte & (0xff >> kept));
  });
  const address = readAddress(bytes);
  return { text: `${address}/${taken.bits}`, address, bytes, bits: taken.bits, family: to.family };
}

/** Those of the datagrams that a rule takes in; undefined when it takes none. */
export function taken({ input, sources, excluded }: Entry, region: Region): Region | undefined {
  const { source } = region;
  if (input.interface !== region.interface || input.protocol !== region.protocol) return undefined;
  if (!overlaps(input.group, region.group)) return undefined;
  // Whoever sends from an address that nobody told may send from any.
  if (source !== undefined && sources.length > 0 && !sources.some((one) => contains(one, source))) return undefined;
  if (source !== undefined && excluded.some((one) => contains(one, source))) return undefined;
  const portFirst = Math.max(input.portFirst, region.portFirst), portLast = Math.min(input.portLast, region.portLast);
  if (portFirst > portLast) return undefined;
  const group = input.group.bits > region.group.bits ? input.group : region.group;
  return { interface: input.interface, protocol: input.protocol, group, portFirst, portLast };
}

/** Rules by what they take in. The number of rules does not matter to how long a single group takes to be looked up. */
export class InputIndex {
  /** By interface and protocol, length of the group's prefix, and its first address. */
  readonly #levels = new Map<string, Map<number, Map<string, Set<Entry>>>>();

  add(entry: Entry): void {
    const { group } = entry.input;
    const levels = emplace(this.#levels, keyOf(entry.input), () => new Map());
    const level = emplace<number, Map<string, Set<Entry>>>(levels, group.bits, () => new Map());
    emplace(level, group.address, () => new Set()).add(entry);
  }

  delete(entry: Entry): void {
    const { group } = entry.input, key = keyOf(entry.input);
    const levels = this.#levels.get(key)!, level = levels.get(group.bits)!, entries = level.get(group.address)!;
    entries.delete(entry);
    if (entries.size === 0) level.delete(group.address);
    if (level.size === 0) levels.delete(group.bits);
    if (levels.size === 0) this.#levels.delete(key);
  }

  /** The rules that take some of the datagrams, each with those it takes. */
  *find(region: Region): Generator<{ readonly entry: Entry; readonly region: Region }> {
    const { group } = region;
    for (const [bits, level] of this.#levels.get(keyOf(region)) ?? []) {
      const places = bits > group.bits ? level.values() : [level.get(cutAddress(group, bits)) ?? []];
      for (const entries of places) {
        for (const entry of entries) {
          const common = taken(entry, region);
          if (common !== undefined) yield { entry, region: common };
        }
      }
    }
  }
}

function keyOf({ interface: name, protocol }: Region): string {
  return `${protocol} ${name}`;
}

function cutAddress(group: Prefix, bits: number): string {
  return bits === group.bits ? group.address : readAddress(mask(group.bytes, bits));
}

function emplace<Key, Value>(map: Map<Key, Value>, key: Key, make: () => Value): Value {
  let value = map.get(key);
  if (value === undefined) map.set(key, value = make());
  return value;
}
