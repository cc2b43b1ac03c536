import { deepStrictEqual } from "node:assert/strict";
import { ABSORBERS_OF_PORT_MAX, AbsorberSet } from "../../control/absorber_set.ts";
import type { Input } from "../../control/input_set.ts";
import type { Rule } from "../../control/model.ts";
import { type Placed, placeRule } from "../../control/placed.ts";
import { NativeError } from "../../ffi/error.ts";

const INPUT: Input = { index: 0, interfaceIndex: 7, interfaceName: "eth0", sockets: [] };

/** An entry of a rule with these inputs. */
function entry(group: string, port: number, rest: Partial<Rule["input"]> = {}): Placed {
  const rule: Rule = { id: `${group}:${port}`, input: { interface: "eth0", group, port, ...rest }, outputs: [] };
  return placeRule(rule, { rule: 0, outputs: [] }, INPUT, []);
}

/** A set whose sockets are names in a list, for as long as they are open. */
function makeSet(options: { isWanted?: boolean; isMerging?: boolean; refusal?: string } = {}): {
  readonly set: AbsorberSet;
  readonly open: string[];
} {
  const open: string[] = [];
  const set = new AbsorberSet({
    isWanted: options.isWanted ?? true,
    isMerging: () => options.isMerging ?? false,
    open: (interfaceIndex, group, port) => {
      if (options.refusal !== undefined) throw new NativeError(options.refusal, "Cannot bind");
      const name = `${interfaceIndex} ${group} ${port}`;
      open.push(name);
      return { [Symbol.dispose]: () => open.splice(open.indexOf(name), 1) };
    },
  });
  return { set, open };
}

Deno.test("an absorber is open while an entry needs it, one for all that need the same", () => {
  const { set, open } = makeSet();
  set.hold(entry("239.1.1.1", 5001));
  set.hold(entry("239.1.1.1", 5001));
  set.hold(entry("239.1.1.1", 5002));
  deepStrictEqual(open, ["7 239.1.1.1 5001", "7 239.1.1.1 5002"]);
  set.release(entry("239.1.1.1", 5001));
  set.release(entry("239.1.1.1", 5002));
  deepStrictEqual(open, ["7 239.1.1.1 5001"]);
  set.release(entry("239.1.1.1", 5001));
  deepStrictEqual(open, []);
});

Deno.test("of one port there are so many absorbers as the kernel looks at, and a place that is free again is taken", () => {
  const { set, open } = makeSet();
  for (let host = 1; host <= ABSORBERS_OF_PORT_MAX + 3; host++) set.hold(entry(`239.1.1.${host}`, 5001));
  deepStrictEqual(open.length, ABSORBERS_OF_PORT_MAX);
  set.hold(entry("239.1.1.1", 5002));
  deepStrictEqual(open.length, ABSORBERS_OF_PORT_MAX + 1, "another port has its own");
  set.release(entry(`239.1.1.${ABSORBERS_OF_PORT_MAX + 1}`, 5001));
  set.release(entry("239.1.1.2", 5001));
  set.hold(entry("239.1.2.1", 5001));
  deepStrictEqual(open.includes("7 239.1.1.2 5001"), false);
  deepStrictEqual(open.includes("7 239.1.2.1 5001"), true);
});

for (
  const [what, options, one] of [
    ["when they are not wanted", { isWanted: false }, entry("239.1.1.1", 5001)],
    ["where datagrams arrive put together", { isMerging: true }, entry("239.1.1.1", 5001)],
    ["of an exclusive rule", {}, entry("239.1.1.1", 5001, { exclusive: true })],
    ["of an address that is no group", {}, entry("10.1.1.1", 5001)],
    ["of an IPv6 group", {}, entry("ff15::1", 5001)],
    ["of a rule without its interface", {}, { ...entry("239.1.1.1", 5001), input: undefined, numbered: undefined }],
    ["of a range of groups", {}, ranged({ groupBits: 120 })],
    ["of a range of ports", {}, ranged({ portLast: 5002 })],
    ["where somebody has the port", { refusal: "EADDRINUSE" }, entry("239.1.1.1", 5001)],
  ] as const
) {
  Deno.test(`there is no absorber ${what}, and its end is none`, () => {
    const { set, open } = makeSet(options);
    set.hold(one);
    deepStrictEqual(open, []);
    set.release(one);
    deepStrictEqual(open, []);
  });
}

Deno.test("dispose closes all", () => {
  const { set, open } = makeSet();
  set.hold(entry("239.1.1.1", 5001));
  set.hold(entry("239.1.1.2", 5001));
  set[Symbol.dispose]();
  deepStrictEqual(open, []);
});

function ranged(change: Partial<NonNullable<Placed["numbered"]>>): Placed {
  const one = entry("239.1.1.0", 5001);
  return { ...one, numbered: { ...one.numbered!, ...change } };
}
