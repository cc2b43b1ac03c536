/**
 * Datagrams that do not fit: fragments that come in, the largest that there are, and outputs whose MTU is smaller.
 *
 * @module
 */
import type { Network } from "../network.ts";
import { type Bench, type Case, INPUT_6, OUTPUT_6, pass, type Passage, passes, relays, rule } from "./bench.ts";

/** The largest payload of UDP over IPv4. */
const LARGEST = { size: 65507, count: 60, rate: 300 };

const DROP = { oversize: "drop" } as const;

/** What fills an MTU of 1500. */
const FIT_4 = 1472, FIT_6 = 1452;

/** Both ends of both cables. */
const ENDS = [["source", "s0"], ["relay", "in0"], ["relay", "out0"], ["sink", "k0"]] as const;

async function setMtu(
  network: Network,
  mtu: number,
  ends: readonly (readonly [string, string])[] = ENDS,
): Promise<void> {
  for (const [namespace, name] of ends) await network.ip(namespace, "link", "set", name, "mtu", String(mtu));
}

/** A case with cables of another MTU, all of them or some. */
function withMtu(name: string, mtu: number, passage: Passage, ends = ENDS.slice()): Case {
  return {
    name,
    run: async (bench: Bench) => {
      await setMtu(bench.network, mtu, ends);
      try {
        return await pass(bench, passage);
      } finally {
        await setMtu(bench.network, 1500, ends);
      }
    },
  };
}

/** Those of fragments, which must be the same with any number of workers. */
export const FRAGMENTS: readonly Case[] = [
  relays("fragments", { flow: { stream: { fragment: 400 } } }),
  relays("fragments, the last first", { flow: { stream: { fragment: 400, fragmentOrder: "reverse" } } }),
  relays("fragments of 8 bytes, -> IPv6", {
    rule: rule({}, OUTPUT_6),
    flow: { stream: { fragment: 8, size: 200 } },
  }),
  relays("fragments of four flows and as many sources", {
    rule: rule({ group: "239.1.1.0/30" }, { group: "239.2.2.0/30" }),
    flow: { stream: { fragment: 600, flows: 4 } },
    ear: { place: { flows: 4 } },
  }),
  relays("fragments of datagrams that are larger than the MTU", {
    flow: { stream: { size: 4000 }, isFragmented: true },
  }),
  relays("the largest datagrams of IPv4", { flow: { stream: LARGEST, isFragmented: true } }),
  relays("the largest datagrams of IPv4, -> IPv6", {
    rule: rule({}, OUTPUT_6),
    flow: { stream: LARGEST, isFragmented: true },
  }),
  relays("fragments of IPv6", { rule: rule(INPUT_6, OUTPUT_6), flow: { stream: { fragment: 400 } } }),
  relays("fragments of IPv6, the last first, -> IPv4", {
    rule: rule(INPUT_6),
    flow: { stream: { fragment: 400, fragmentOrder: "reverse" } },
  }),
  relays("fragments of IPv6, of four flows", {
    rule: rule({ group: "ff3e::1:0/126" }, { group: "ff3e::2:0/126" }),
    flow: { stream: { group: "ff3e::1:0", fragment: 600, flows: 4 } },
    ear: { place: { flows: 4 } },
  }),
  relays("the largest datagrams of IPv6", {
    rule: rule(INPUT_6, OUTPUT_6),
    flow: { stream: LARGEST, isFragmented: true },
  }),
  passes("datagrams of IPv6 without their last fragment, and whole ones between", {
    rules: [rule(INPUT_6, OUTPUT_6)],
    flows: [{ stream: { fragment: 400, corrupt: "fragment-missing", corruptEvery: 10 }, broken: "fragment" }],
    ears: [{}],
  }),
  passes("datagrams of IPv6 whose fragments overlap, and whole ones between", {
    rules: [rule(INPUT_6, OUTPUT_6)],
    flows: [{ stream: { fragment: 400, corrupt: "fragment-overlap", corruptEvery: 10 }, broken: "fragment" }],
    ears: [{}],
  }),
  passes("datagrams without their last fragment, and whole ones between", {
    rules: [rule()],
    flows: [{ stream: { fragment: 400, corrupt: "fragment-missing", corruptEvery: 10 }, broken: "fragment" }],
    ears: [{}],
  }),
  passes("datagrams whose fragments overlap, and whole ones between", {
    rules: [rule()],
    flows: [{ stream: { fragment: 400, corrupt: "fragment-overlap", corruptEvery: 10 }, broken: "fragment" }],
    ears: [{}],
  }),
];

export const SIZES: readonly Case[] = [
  withMtu("jumbo frames, MTU 9000", 9000, {
    rules: [rule()],
    flows: [{ stream: { size: 8972, rate: 5000 } }],
    ears: [{}],
  }),
  withMtu("jumbo frames -> IPv6 and IPv4", 9000, {
    rules: [rule({}, [OUTPUT_6, {}])],
    flows: [{ stream: { size: 8952, rate: 5000 } }],
    ears: [{}, {}],
  }),
  withMtu("jumbo frames in, an MTU of 1500 out: in fragments", 9000, {
    rules: [rule()],
    flows: [{ stream: { size: 8972, rate: 5000 }, isFragmented: true }],
    ears: [{}],
  }, ENDS.slice(0, 2)),
  withMtu("jumbo frames in, an MTU of 1500 out: dropped where the output says so", 9000, {
    rules: [rule({}, [DROP, { group: "239.2.2.3" }])],
    flows: [
      { stream: { size: 8972, rate: 5000 }, lost: { 0: "too_big" }, isFragmented: true },
      { stream: { size: FIT_4, count: 500 } },
    ],
    ears: [{}, {}],
  }, ENDS.slice(0, 2)),
  withMtu("an output with an MTU of 1280: in fragments", 1280, {
    rules: [rule({}, [{}, OUTPUT_6])],
    flows: [{ stream: { size: 1316 }, isFragmented: true }],
    ears: [{}, {}],
  }, ENDS.slice(2, 3)),
  passes("one byte too many for an output that drops what is too large", {
    rules: [rule({}, DROP)],
    flows: [
      { stream: { size: FIT_4 + 1, count: 300 }, lost: { 0: "too_big" } },
      { stream: { size: FIT_4, count: 300 } },
    ],
    ears: [{}],
  }),
  passes("one byte too many for an output of IPv6 that drops what is too large", {
    rules: [rule({}, { ...OUTPUT_6, ...DROP })],
    flows: [
      { stream: { size: FIT_6 + 1, count: 300 }, lost: { 0: "too_big" } },
      { stream: { size: FIT_6, count: 300 } },
    ],
    ears: [{}],
  }),
];
