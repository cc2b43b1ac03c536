/**
 * Rules and their parts as words: what ids, tables and messages are made of.
 *
 * @module
 */
import type { Ports, Protocol, RuleInput, RuleOutput } from "./model.ts";

/** A place in the network: what inputs and outputs have in common. */
export interface Place {
  readonly interface: string;
  readonly group: string;
  readonly port: Ports;
  readonly protocol?: Protocol;
}

/** A place as one word: `239.1.1.1:5001:eth0`, `[ff3e::/96]:5000-5010:eth0`, `239.1.1.1:esp:eth0`. */
export function formatEndpoint({ interface: name, ...place }: Place): string {
  return `${formatDestination(place)}:${name}`;
}

/** A place as messages write it: `eth0 239.1.1.1:5001`. */
export function describePlace({ interface: name, ...place }: Place): string {
  return `${name} ${formatDestination(place)}`;
}

/** A place without its interface: `239.1.1.1:5001`. */
export function formatDestination({ group, port, protocol }: Omit<Place, "interface">): string {
  const address = group.includes(":") ? `[${group}]` : group;
  return `${address}:${protocol === "esp" ? "esp" : port}`;
}

/**
 * The id of the rule with this input: the input itself, as one word, so that nobody has to look it up. Sources stand
 * before an `@`, those that are excluded behind a `!`: `10.1.1.1,10.2.0.0/16@239.1.1.1:5001:eth0`.
 */
export function ruleId(input: RuleInput): string {
  const { sources = [], exclude_sources: excluded = [] } = input;
  const entries = [...sources, ...excluded.map((source) => `!${source}`)];
  return entries.length === 0 ? formatEndpoint(input) : `${entries.join(",")}@${formatEndpoint(input)}`;
}

/** An output as one word that is read as the same output again: `239.2.2.2:6000:eth1/ttl=8/raw`. */
export function formatOutput(output: RuleOutput): string {
  const { interface: _interface, group: _group, port: _port, ...options } = output;
  const words = Object.entries(options).map(([name, value]) => value === true ? `/${name}` : `/${name}=${value}`);
  return formatEndpoint(output) + words.join("");
}
