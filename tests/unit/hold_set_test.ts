import { deepStrictEqual } from "node:assert/strict";
import { HoldSet } from "../../control/hold_set.ts";
import type { Input } from "../../control/input_set.ts";
import type { Rule } from "../../control/model.ts";
import { type Placed, placeRule } from "../../control/placed.ts";

const INPUT: Input = { index: 0, interfaceIndex: 7, interfaceName: "eth0", sockets: [] };

/** An entry of a rule with this input. */
function entry(group: string, port: Rule["input"]["port"], rest: Partial<Rule["input"]> = {}): Placed {
  const rule: Rule = { id: `${group}:${port}`, input: { interface: "eth0", group, port, ...rest }, outputs: [] };
  return placeRule(rule, { rule: 0, outputs: [] }, INPUT, []);
}

/** A set whose sockets are names in a list, for as long as they are open; `refused` addresses have none. */
function makeSet(): { readonly set: HoldSet; readonly open: string[]; readonly refused: Set<string> } {
  const open: string[] = [], refused = new Set<string>();
  const set = new HoldSet((protocol, interfaceIndex, address, port) => {
    if (refused.has(address)) return undefined;
    const name = `${protocol} ${interfaceIndex} ${address} ${port}`;
    open.push(name);
    return { [Symbol.dispose]: () => open.splice(open.indexOf(name), 1) };
  });
  return { set, open, refused };
}

Deno.test("a port of a host's address is held while an entry needs it", () => {
  const { set, open } = makeSet();
  set.hold(entry("10.0.0.1", 5001));
  set.hold(entry("10.0.0.1", 5001, { sources: ["10.0.0.2"] }));
  set.hold(entry("fe80::1", 5001));
  set.hold(entry("10.0.0.1", 0, { protocol: "esp" }));
  deepStrictEqual(open, ["17 0 10.0.0.1 5001", "17 7 fe80::1 5001", "50 0 10.0.0.1 0"]);
  set.release(entry("10.0.0.1", 5001));
  set.release(entry("fe80::1", 5001));
  deepStrictEqual(open, ["17 0 10.0.0.1 5001", "50 0 10.0.0.1 0"]);
  set.release(entry("10.0.0.1", 5001));
  set[Symbol.dispose]();
  deepStrictEqual(open, []);
});

Deno.test("nothing is held for groups and ranges", () => {
  const { set, open } = makeSet();
  for (const group of ["239.1.1.1", "10.0.0.0/24", "ff3e::1"]) set.hold(entry(group, 5001));
  for (const port of [0, "5000-5001"]) set.hold(entry("10.0.0.1", port));
  for (const group of ["239.1.1.1", "10.0.0.0/24"]) set.release(entry(group, 5001));
  deepStrictEqual(open, []);
});

Deno.test("what could not be held is tried again", () => {
  const { set, open, refused } = makeSet();
  refused.add("10.0.0.1");
  set.hold(entry("10.0.0.1", 5001));
  set.hold(entry("10.0.0.2", 5001));
  set.retry();
  deepStrictEqual(open, ["17 0 10.0.0.2 5001"]);
  refused.clear();
  set.retry();
  set.retry();
  deepStrictEqual(open, ["17 0 10.0.0.2 5001", "17 0 10.0.0.1 5001"]);
});
