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
  format: ({ interfaces }) => formatInterfaces(interfaces),
});

/** The interfaces as a table. */
export function formatInterfaces(all: readonly InterfaceStatus[]): string {
  const columns = [
    { heading: "INTERFACE" },
    { heading: "INDEX", isNumeric: true },
    { heading: "MTU", isNumeric: true },
    { heading: "STATE" },
    { heading: "ADDRESSES" },
  ];
  const rows = all.map(({ name, index, mtu, up, addresses }) => [
    name,
    String(index),
    String(mtu),
    up ? "up" : "down",
    addresses.join(" ") || "-",
  ]);
  return formatTable(columns, rows);
}
