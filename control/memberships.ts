/**
 * Which groups an input needs.
 *
 * @module
 */
import { readAddress } from "../ffi/address.ts";
import { ADDRESS_BITS, isMulticast, parsePrefix } from "./address.ts";
import type { RuleInput } from "./model.ts";

/** Groups of a range that are joined one by one: a /22. Whoever wants more has a switch that need not be asked. */
export const RANGE_GROUPS_MAX = 1024;

/** A group, from everybody or from one source. */
export interface Membership {
  readonly group: string;
  readonly source?: string;
}

/** How many groups an input takes; 0 when it takes none, but the addresses of hosts. */
export function groupCount({ group }: Pick<RuleInput, "group">): number {
  const prefix = parsePrefix(group)!;
  return isMulticast(prefix) ? 2 ** (ADDRESS_BITS - prefix.bits) : 0;
}

/** What has to be joined for an input; of a range that is too large nothing. */
export function membershipsOf({ group, sources = [] }: RuleInput): Membership[] {
  const count = groupCount({ group });
  if (count > RANGE_GROUPS_MAX) return [];
  const groups = Array.from({ length: count }, (_, index) => nthAddress(group, index));
  const isSpecific = sources.length > 0 && sources.every((source) => !source.includes("/"));
  return groups.flatMap((group) => isSpecific ? sources.map((source) => ({ group, source })) : { group });
}

function nthAddress(group: string, index: number): string {
  const { address, bytes } = parsePrefix(group)!;
  if (index === 0) return address;
  const nth = new Uint8Array(bytes), view = new DataView(nth.buffer);
  view.setUint32(12, view.getUint32(12) + index);
  return readAddress(nth);
}
