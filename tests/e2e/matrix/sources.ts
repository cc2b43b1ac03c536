/**
 * Rules that take datagrams from some sources only, and what the kernel is asked for on their behalf.
 *
 * @module
 */
import { deepStrictEqual } from "node:assert/strict";
import type { RuleSpec } from "../../../mod.ts";
import { output } from "../process.ts";
import { type Bench, type Case, type Flow, INPUT_6, OUTPUT_6, pass, passes, rule } from "./bench.ts";

function from(source: string, rest: Flow = {}): Flow {
  return { ...rest, stream: { source, ...rest.stream } };
}

/** A case of one rule, with those that are relayed and those that are not. */
function takes(name: string, one: RuleSpec, good: readonly string[], bad: readonly string[]): Case {
  return passes(name, {
    rules: [one],
    flows: [
      ...bad.map((source) => from(source, { dropped: "source", stream: { count: 300 } })),
      ...good.map((source) => from(source, { stream: { count: 500 } })),
    ],
    ears: [{}],
  });
}

/** What the kernel has joined from single sources on an interface: lines `interface group source`. */
async function joinedSources({ network }: Bench, family: 4 | 6): Promise<string[]> {
  const lines = await output(network.within("relay", ["cat", `/proc/net/mcfilter${family === 6 ? "6" : ""}`]));
  return lines.split("\n").slice(family === 4 ? 1 : 0).flatMap((line) => {
    const [, name, group, source] = line.trim().split(/\s+/);
    return name === "in0" ? [`${group} ${source}`] : [];
  }).sort();
}

/** A case of a rule whose sources are joined one by one, for as long as it is there. */
function joins(name: string, one: RuleSpec, family: 4 | 6, kernel: readonly string[]): Case {
  return {
    name,
    run: async (bench) => {
      const { group, sources } = one.input;
      const { id } = await bench.client.call("rule.add", one);
      deepStrictEqual(await joinedSources(bench, family), kernel);
      const { interfaces } = await bench.client.call("interface.list", {});
      const wanted = sources!.map((source) => `${source}@${group}`);
      deepStrictEqual(interfaces.find((each) => each.name === "in0")!.joined, wanted);
      await bench.client.call("rule.remove", { id });
      deepStrictEqual(await joinedSources(bench, family), []);
      return await pass(bench, {
        rules: [one],
        flows: [from(sources![0]!), from(sources![1]!, { stream: { count: 300 } })],
        ears: [{}],
      });
    },
  };
}

export const SOURCES: readonly Case[] = [
  takes("one source", rule({ sources: ["192.0.2.7"] }), ["192.0.2.7"], ["192.0.2.8", "10.1.0.1"]),
  takes("a prefix of sources", rule({ sources: ["192.0.2.0/28"] }), ["192.0.2.1", "192.0.2.15"], ["192.0.2.16"]),
  takes("all sources but one", rule({ exclude_sources: ["192.0.2.7"] }), ["192.0.2.8", "10.1.0.1"], ["192.0.2.7"]),
  takes("all sources but a prefix", rule({ exclude_sources: ["192.0.2.0/25"] }), ["192.0.2.128"], ["192.0.2.127"]),
  takes(
    "a prefix of sources but a part of it",
    rule({ sources: ["192.0.2.0/24"], exclude_sources: ["192.0.2.64/26"] }),
    ["192.0.2.63", "192.0.2.128"],
    ["192.0.2.64", "192.0.2.127", "192.0.3.1"],
  ),
  takes(
    "sources of IPv6, an address and a prefix",
    rule({ ...INPUT_6, sources: ["2001:db8::7", "2001:db8:1::/48"] }, OUTPUT_6),
    ["2001:db8::7", "2001:db8:1:2::3"],
    ["2001:db8::8", "2001:db8:2::1"],
  ),
  takes(
    "all sources of IPv6 but a prefix, -> IPv4",
    rule({ ...INPUT_6, exclude_sources: ["2001:db8::/32"] }),
    ["2001:db9::1"],
    ["2001:db8:ffff::1"],
  ),
  passes("two rules for one group and port, each from its source", {
    rules: [rule({ sources: ["192.0.2.1"] }), rule({ sources: ["192.0.2.2"] }, { group: "239.2.2.3" })],
    flows: [
      from("192.0.2.1"),
      from("192.0.2.2", { rule: 1, stream: { count: 400 } }),
      from("192.0.2.3", { dropped: "source", stream: { count: 200 } }),
    ],
    ears: [{}, {}],
  }),
  passes("the longest prefix of sources has it, the rest goes to the rule without", {
    rules: [
      rule(),
      rule({ sources: ["192.0.2.0/24"] }, { group: "239.2.2.3" }),
      rule({ sources: ["192.0.2.9"] }, { group: "239.2.2.4" }),
    ],
    flows: [
      from("198.51.100.1"),
      from("192.0.2.8", { rule: 1, stream: { count: 400 } }),
      from("192.0.2.9", { rule: 2, stream: { count: 200 } }),
    ],
    ears: [{}, {}, {}],
  }),
  passes("what one rule excludes another takes", {
    rules: [rule({ exclude_sources: ["192.0.2.9"] }), rule({ sources: ["192.0.2.9"] }, { group: "239.2.2.3" })],
    flows: [from("192.0.2.8"), from("192.0.2.9", { rule: 1, stream: { count: 400 } })],
    ears: [{}, {}],
  }),
  joins("sources joined one by one: IGMPv3", rule({ sources: ["192.0.2.7", "192.0.2.8"] }), 4, [
    "0xef010101 0xc0000207",
    "0xef010101 0xc0000208",
  ]),
  joins("sources joined one by one: MLDv2", rule({ ...INPUT_6, sources: ["2001:db8::7", "2001:db8::8"] }), 6, [
    "ff3e0000000000000000000000010001 20010db8000000000000000000000007",
    "ff3e0000000000000000000000010001 20010db8000000000000000000000008",
  ]),
];
