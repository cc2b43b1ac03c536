/**
 * Groups that are joined while a rule needs them: behind a switch that snoops, nothing else comes. The network has a bridge
 * as the switch, which asks for members itself.
 *
 * @module
 */
import { deepStrictEqual } from "node:assert/strict";
import type { RuleSpec, RuleStatus } from "../../../mod.ts";
import { type Network, TOPOLOGIES } from "../network.ts";
import { output, until } from "../process.ts";
import { type Bench, type Case, INPUT, INPUT_6, type Outcome, OUTPUT_6, pass, rule } from "./bench.ts";

/** The cable from the switch to the relay. */
const RELAY_CABLE = TOPOLOGIES.switch[1];
const RELAY_END_6 = { namespace: "relay", interface: "in0", address: "fd01::2/64" };

/** The answers and the last members' are waited for 0.1 s; hundredths. */
const IMPATIENCE = ["mcast_query_response_interval", "10", "mcast_last_member_interval", "10"];

/** Makes the switch: it snoops and asks, by IGMPv3 and MLDv2, and floods nothing that nobody has joined. */
export async function addSwitch(network: Network): Promise<void> {
  const versions = ["mcast_igmp_version", "3", "mcast_mld_version", "2"];
  await network.ip("switch", "link", "add", "br0", "type", "bridge", "mcast_snooping", "1", ...versions, ...IMPATIENCE);
  for (const port of ["w0", "w1"]) await network.ip("switch", "link", "set", port, "master", "br0");
  await network.ip("switch", "link", "set", "br0", "up");
  await network.addAddress6({ namespace: "switch", interface: "br0", address: "fd01::3/64" });
  await network.addAddress6({ namespace: "source", interface: "s0", address: "fd01::1/64" });
  await network.addAddress6(RELAY_END_6);
  await network.addAddress6({ namespace: "relay", interface: "out0", address: "fd02::2/64" });
  await network.addAddress6({ namespace: "sink", interface: "k0", address: "fd02::1/64" });
  await network.ip("switch", "link", "set", "br0", "type", "bridge", "mcast_querier", "1");
}

/** Groups, with their sources, that the switch knows members of behind the relay's port. */
async function membersBehindRelay(network: Network): Promise<string[]> {
  const shown = await output(network.within("switch", ["bridge", "-j", "-d", "mdb", "show"]));
  const [{ mdb }]: [{ mdb: readonly { port: string; grp: string; src?: string }[] }] = JSON.parse(shown);
  return mdb.filter(({ port }) => port === "w1")
    .map(({ grp, src = "*" }) => ["*", "0.0.0.0", "::"].includes(src) ? grp : `${src}@${grp}`);
}

async function untilMember(network: Network, group: string, isMember: boolean): Promise<void> {
  await until(`the switch knew ${isMember ? "a" : "no"} member of ${group}`, async () => {
    return (await membersBehindRelay(network)).includes(group) === isMember || undefined;
  });
}

/** A rule for more groups than are joined: it counts what the switch lets through. */
const WITNESS = rule({ group: "239.1.0.0/16" }, { group: "239.9.9.9" });
const WITNESS_6 = rule({ group: "ff3e::/96" }, { ...OUTPUT_6, group: "ff3e::9:9" });
/** A group that every switch lets through: what was sent before it has passed or will not. */
const MARKER = rule({ group: "224.0.0.77" }, { group: "239.9.9.10" });

/** Nothing that is sent to this group comes as far as the relay. */
async function passesNothing(
  bench: Bench,
  witness: RuleSpec,
  group: string,
  ready: () => Promise<void>,
): Promise<Outcome> {
  return await pass(bench, {
    rules: [witness, MARKER],
    ready,
    flows: [{ rule: null, stream: { group } }, { rule: 1, stream: { count: 100 } }],
    ears: [{}, {}],
  });
}

/** Without the rule that joins a group nothing of it comes, with it everything, and after it nothing again. */
function needsJoin(name: string, one: RuleSpec, witness: RuleSpec, member = one.input.group): Case {
  return {
    name,
    run: async (bench) => {
      const group = one.input.group.split("/")[0]!,
        { sources = [] } = one.input,
        until = (is: boolean) => () => untilMember(bench.network, member, is);
      const before = await passesNothing(bench, witness, group, until(false));
      const source = sources[0] === undefined ? {} : { source: sources[0] };
      const joined = await pass(bench, { rules: [one], ready: until(true), flows: [{ stream: source }], ears: [{}] });
      const after = await passesNothing(bench, witness, group, until(false));
      return { in: before.in + joined.in + after.in, out: before.out + joined.out + after.out };
    },
  };
}

/** The relay's interface goes and comes again. */
async function replug({ network, supervisor }: Bench, id: string): Promise<void> {
  await network.disconnect(RELAY_CABLE);
  await supervisor.untilRule(id, "pending");
  await network.connect(RELAY_CABLE);
  await network.ip("switch", "link", "set", "w1", "master", "br0");
  await network.addAddress6(RELAY_END_6);
  await supervisor.untilRule(id, "active");
}

function joinsAgain(name: string, one: RuleSpec): Case {
  return {
    name,
    run: async (bench) => {
      const ready = async (): Promise<void> => {
        await untilMember(bench.network, one.input.group, true);
        const [{ id }] = await bench.supervisor.rules() as [RuleStatus];
        await replug(bench, id);
        await untilMember(bench.network, one.input.group, true);
      };
      return await pass(bench, { rules: [one], ready, flows: [{}], ears: [{}] });
    },
  };
}

/** Behind a switch. */
export const MEMBERSHIP: readonly Case[] = [
  needsJoin("a switch lets a group through while a rule needs it", rule(), WITNESS),
  needsJoin("a switch lets a group of IPv6 through while a rule needs it", rule(INPUT_6, OUTPUT_6), WITNESS_6),
  needsJoin(
    "a switch lets a group from one source through while a rule needs it",
    rule({ sources: ["10.1.0.1"] }),
    WITNESS,
    "10.1.0.1@239.1.1.1",
  ),
  needsJoin("a switch lets all groups of a small range through", rule({ group: "239.1.1.0/28" }), WITNESS, "239.1.1.9"),
  {
    name: "a switch lets a group through until the last of two rules for it has gone",
    run: async (bench) => {
      const other = rule({ port: 5002 }, { group: "239.2.2.3" });
      const { id } = await bench.client.call("rule.add", other);
      const first = await pass(bench, {
        rules: [rule()],
        ready: () => untilMember(bench.network, INPUT.group, true),
        flows: [{}],
        ears: [{}],
      });
      await bench.client.call("rule.remove", { id });
      const after = await passesNothing(
        bench,
        WITNESS,
        INPUT.group,
        () => untilMember(bench.network, INPUT.group, false),
      );
      return { in: first.in + after.in, out: first.out + after.out };
    },
  },
  joinsAgain("a group is joined again when its interface comes again", rule()),
  joinsAgain("a group of IPv6 is joined again when its interface comes again", rule(INPUT_6, OUTPUT_6)),
];

/** Prefixes of 1,024 groups, which are joined one by one. */
const MANY = Array.from({ length: 10 }, (_, index) => {
  return rule({ group: `239.1.${4 * index}.0/22` }, { group: `239.9.${4 * index}.0/22` });
});
const MANY_GROUPS = 10 * 1024;

/** How many groups the kernel has joined on the input interface. */
async function joinedCount({ network }: Bench): Promise<number> {
  const lines = (await output(network.within("relay", ["cat", "/proc/net/igmp"]))).split("\n");
  const found = lines.map((line) => /^\d+\s+in0\s*:\s*(\d+)/.exec(line)).find((match) => match !== null);
  return Number(found![1]);
}

/** Without a switch: its own table would have to hold as many. */
export const MANY_MEMBERSHIPS: readonly Case[] = [
  {
    name: "10,240 groups are joined on an interface, and left",
    run: async (bench) => {
      const before = await joinedCount(bench);
      const outcome = await pass(bench, {
        rules: MANY,
        ready: async () => deepStrictEqual(await joinedCount(bench), before + MANY_GROUPS),
        flows: [{ rule: 9, stream: { flows: 1024, count: 4096, rate: 20_000 } }],
        ears: [{ place: { group: "239.9.36.0", flows: 1024 }, flows: [0] }],
      });
      deepStrictEqual(await joinedCount(bench), before);
      return outcome;
    },
  },
];
