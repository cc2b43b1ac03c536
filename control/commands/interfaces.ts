/**
 * `mcr interfaces`: the interfaces as the supervisor sees them.
 *
 * @module
 */
import type { InterfaceStatus } from "../model.ts";
import { makeQuery } from "../query.ts";
import { formatTable } from "../table.ts";

/** The `interfaces` command. */
export const interfaces = makeQuery({
  name: "interfaces",
  summary: "List the interfaces that the supervisor sees",
  details: `Below its addresses, the groups that the relay has joined on an interface,
those from single sources with the source before an @.`,
  example: "mcr interfaces --json",
  method: "interface.list",
  format: ({ interfaces }, width) => formatInterfaces(interfaces, width),
});

/** The interfaces as a table. */
export function formatInterfaces(all: readonly InterfaceStatus[], width?: number): string {
  const columns = [
    { heading: "INTERFACE" },
    { heading: "INDEX", isNumeric: true },
    { heading: "MTU", isNumeric: true },
    { heading: "STATE" },
    { heading: "ADDRESSES" },
  ];
  return formatTable(columns, all.flatMap(interfaceRows), width);
}

/** Groups that are listed one by one; `--json` has all. */
const JOINED_SHOWN_MAX = 8;

/** The first address stands in the interface's own row, the others below it, and then what is joined. */
function interfaceRows({ name, index, mtu, up, addresses, joined = [] }: InterfaceStatus): string[][] {
  const more = joined.length - JOINED_SHOWN_MAX;
  const lines = [
    ...addresses,
    ...joined.slice(0, JOINED_SHOWN_MAX).map((group) => `joined ${group}`),
    ...(more > 0 ? [`and ${more} more`] : []),
  ];
  const own = [name, String(index), String(mtu), up ? "up" : "down", lines[0] ?? "-"];
  return [own, ...lines.slice(1).map((line) => ["", "", "", "", line])];
}
