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

/** The first address stands in the interface's own row, the others below it. */
function interfaceRows({ name, index, mtu, up, addresses }: InterfaceStatus): string[][] {
  const own = [name, String(index), String(mtu), up ? "up" : "down", addresses[0] ?? "-"];
  return [own, ...addresses.slice(1).map((address) => ["", "", "", "", address])];
}
