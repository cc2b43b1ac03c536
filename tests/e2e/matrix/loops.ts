/**
 * Loops: refused where the rules make one; cut where the network does.
 *
 * @module
 */
import { match, rejects } from "node:assert/strict";
import type { RuleSpec } from "../../../mod.ts";
import type { Network } from "../network.ts";
import { type Case, INPUT_6, pass, passes, rule } from "./bench.ts";

/** A case of rules of which the last is refused in these words; the others go on. */
function refuses(name: string, rules: readonly RuleSpec[], refused: RuleSpec, why: RegExp): Case {
  return {
    name,
    run: async (bench) => {
      const ready = async (): Promise<void> => {
        await rejects(bench.client.call("rule.add", refused), why);
        const { code, stderr } = await bench.supervisor.attempt(...commandOf(refused));
        match(`${code} ${stderr}`, new RegExp(`^1 mcr: ${why.source}`));
      };
      return await pass(bench, { rules: [rule({ group: "239.5.5.5" }), ...rules], ready, flows: [{}], ears: [{}] });
    },
  };
}

/** The same by the command line. */
function commandOf({ input, outputs }: RuleSpec): string[] {
  const at = ["--in", input.interface, "--group", input.group, "--port", String(input.port)];
  const from = input.sources === undefined ? [] : ["--source", input.sources.join(",")];
  const out = outputs.map(({ interface: name, group, port }) =>
    `${group.includes(":") ? `[${group}]` : group}:${port}:${name}`
  );
  return ["add", ...at, ...from, "--out", out.join(",")];
}

const THERE = rule(),
  BACK = rule({ interface: "out0", group: "239.2.2.2", port: 6000 }, {
    interface: "in0",
    group: "239.1.1.1",
    port: 5001,
  });

export const REFUSALS: readonly Case[] = [
  refuses(
    "the same input twice",
    [THERE],
    rule({}, { group: "239.2.2.3" }),
    /.*rule 239\.1\.1\.1:5001:in0 has this input/,
  ),
  refuses(
    "the same input and sources twice",
    [rule({ sources: ["192.0.2.1", "192.0.2.2"] })],
    rule({ sources: ["192.0.2.2", "192.0.2.1"] }, { group: "239.2.2.3" }),
    /.*rule 192\.0\.2\.1,192\.0\.2\.2@239\.1\.1\.1:5001:in0 has this input/,
  ),
  refuses(
    "an output that is its own input",
    [],
    rule({}, { interface: "in0", group: "239.1.1.1", port: 5001 }),
    /.*it would feed its own input: in0 239\.1\.1\.1:5001 -> in0 239\.1\.1\.1:5001/,
  ),
  refuses(
    "a loop of two rules",
    [THERE],
    BACK,
    /.*it would feed its own input: out0 239\.2\.2\.2:6000 -> in0 239\.1\.1\.1:5001 -> out0 239\.2\.2\.2:6000/,
  ),
  refuses(
    "a loop of three rules, through IPv6",
    [rule({}, INPUT_6), rule({ ...INPUT_6, interface: "out0", port: 6000 }, { interface: "in0", group: "239.3.3.3" })],
    rule({ group: "239.3.3.3", port: 6000 }, { interface: "in0", group: "239.1.1.1", port: 5001 }),
    /.*it would feed its own input: in0 239\.3\.3\.3:6000 -> in0 239\.1\.1\.1:5001 -> out0 \[ff3e::1:1\]:6000 -> in0 239\.3\.3\.3:6000/,
  ),
  refuses(
    "a loop of ranges that only meet in part",
    [rule({ group: "239.1.1.0/28", port: "5000-5010" }, { group: "239.2.2.0/28", port: "6000-6010" })],
    rule(
      { interface: "out0", group: "239.2.2.8/29", port: "6005-6020" },
      { interface: "in0", group: "239.1.1.8/29", port: "5005-5020" },
    ),
    /.*it would feed its own input: out0 239\.2\.2\.8\/29:6005-6020 -> in0 .* -> out0 239\.2\.2/,
  ),
  passes("a loop that is allowed, where the network makes none", {
    rules: [THERE, { ...BACK, allow_loop: true }],
    flows: [{}],
    ears: [{}],
  }),
];

/** Bridges both cables of the sink's host: what the relay sends on one comes back on the other. */
export async function closeLoop(network: Network): Promise<void> {
  await network.ip("sink", "link", "add", "br0", "type", "bridge", "mcast_snooping", "0");
  await network.ip("sink", "addr", "flush", "dev", "k0");
  for (const port of ["k0", "k1"]) await network.ip("sink", "link", "set", port, "master", "br0");
  await network.ip("sink", "addr", "add", "10.2.0.1/24", "dev", "br0");
  await network.ip("sink", "link", "set", "br0", "up");
}

const AT_BRIDGE = { interface: "br0" };

/** What the relay sent itself comes in again, by a rule that would send it on to another group. */
const AGAIN = rule({ interface: "back0", group: "239.2.2.2", port: 6000 }, { group: "239.2.2.3" });

/** The same group again: a storm, if nothing cut it. */
const STORM = rule({ interface: "back0", group: "239.2.2.2", port: 6000 }, { group: "239.2.2.2" }, {
  allow_loop: true,
});

/** Where datagrams of the relay itself are dropped, as they are unless told. */
export const LOOPS: readonly Case[] = [
  passes("own datagrams that come back are dropped", {
    rules: [rule(), AGAIN],
    flows: [{ again: { rule: 1, dropped: "own_source" } }],
    ears: [{ place: AT_BRIDGE }, { place: AT_BRIDGE, flows: [] }],
  }),
  passes("a storm does not begin", {
    rules: [rule(), STORM],
    flows: [{ again: { rule: 1, dropped: "own_source" } }],
    ears: [{ place: AT_BRIDGE }],
  }),
  passes("own datagrams of a given source that come back are dropped", {
    rules: [rule({}, { source: "10.1.0.2", source_port: 7777 }), AGAIN],
    flows: [{ again: { rule: 1, dropped: "own_source" } }],
    ears: [{ place: AT_BRIDGE, seen: { source: "10.1.0.2", source_port: 7777 } }, { place: AT_BRIDGE, flows: [] }],
  }),
  passes("datagrams of others come in by the same way", {
    rules: [rule(), AGAIN],
    flows: [
      { again: { rule: 1, dropped: "own_source" } },
      { rule: 1, stream: { namespace: "sink", interface: "br0", count: 300 } },
    ],
    ears: [{ place: AT_BRIDGE, flows: [0] }, { place: AT_BRIDGE }],
  }),
];

/** Where they are relayed. */
export const OWN_SOURCES_RELAYED: readonly Case[] = [
  passes("own datagrams that come back are relayed where that is wanted", {
    rules: [rule(), AGAIN],
    flows: [{ again: { rule: 1 } }],
    ears: [{ place: AT_BRIDGE }, { place: AT_BRIDGE, flows: [0] }],
  }),
];
