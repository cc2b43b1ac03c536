/**
 * Ports and ranges of them.
 *
 * @module
 */
import type { Ports } from "./model.ts";
import { parseWhole } from "./number.ts";

const PORT_MAX = 65535;

/** The first and the last of a range. */
export interface PortRange {
  readonly first: number;
  readonly last: number;
}

/** The ports that a checked value stands for, 0 being all of them. */
export function portRange(ports: Ports): PortRange {
  if (ports === 0) return { first: 0, last: PORT_MAX };
  if (typeof ports === "number") return { first: ports, last: ports };
  const [first, last] = ports.split("-").map(Number);
  return { first: first!, last: last! };
}

/** How many those are; any port is no number of them. */
export function portCount(ports: Ports): number {
  const { first, last } = portRange(ports);
  return last - first + 1;
}

/** Takes a port or 0 as a number, a range as text; undefined when it is neither. */
export function takePorts(value: unknown): Ports | undefined {
  if (typeof value === "number") return Number.isInteger(value) && value >= 0 && value <= PORT_MAX ? value : undefined;
  const [firstText, lastText, more] = typeof value === "string" ? value.split("-") : [];
  if (lastText === undefined || more !== undefined) return undefined;
  const first = parseWhole(firstText!, 1, PORT_MAX), last = parseWhole(lastText, 1, PORT_MAX);
  return first !== undefined && last !== undefined && first < last ? `${first}-${last}` : undefined;
}

/** Reads a port, a range or 0 as written in a command line. */
export function parsePorts(text: string): Ports | undefined {
  return parseWhole(text, 0, PORT_MAX) ?? takePorts(text);
}
