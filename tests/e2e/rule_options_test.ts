// Goal: what a rule says of addresses, ports, sources and headers is what happens on the wire.
import { deepStrictEqual, match, ok } from "node:assert/strict";
import { type Relay, testRelay } from "./case.ts";
import type { Network } from "./network.ts";
import { output as run, until } from "./process.ts";
import { checkComplete, type Place, type Received, send, type Sent, Sink, type Stream } from "./traffic.ts";

const COUNT = 500;

/** Gives both sides IPv6. */
async function setUp(network: Network): Promise<void> {
  const ends = [["source", "s0", "fd01::1"], ["relay", "in0", "fd01::2"], ["relay", "out0", "fd02::2"], [
    "sink",
    "k0",
    "fd02::1",
  ]] as const;
  for (const [namespace, name, address] of ends) {
    await network.addAddress6({ namespace, interface: name, address: `${address}/64` });
  }
}

/** Sends a stream to a sink behind the relay. */
async function exchange(
  { network }: Relay,
  stream: Omit<Stream, "count">,
  place: Place,
): Promise<{ readonly sent: Sent; readonly received: Received }> {
  await using sink = await Sink.start(network, place);
  const sent = await send(network, { count: COUNT, rate: 5_000, ...stream });
  return { sent, received: await sink.received() };
}

const V4 = { group: "239.1.1.1", port: 5001 }, V6 = { group: "ff3e::1", port: 5001 };
const IN4 = ["--group", "239.1.1.1", "--port", "5001"], IN6 = ["--group", "ff3e::1", "--port", "5001"];

/** What is added, sent and listened for, and the headers of what arrives. */
const CASES: readonly [
  what: string,
  rule: readonly string[],
  stream: Omit<Stream, "count">,
  place: Place,
  seen: { readonly [Name in "ttl" | "dscp" | "ecn" | "source" | "source_port"]?: string | number },
][] = [
  ["IPv6 to IPv6", [...IN6, "--out", "[ff3e::2]:6000:out0"], V6, { group: "ff3e::2", port: 6000 }, {
    source: "fd02::2",
    ttl: 1,
  }],
  ["IPv4 to IPv6", [...IN4, "--out", "[ff3e::2]:6000:out0"], V4, { group: "ff3e::2", port: 6000 }, {}],
  ["IPv6 to IPv4", [...IN6, "--out", "239.2.2.2:6000:out0"], V6, { group: "239.2.2.2", port: 6000 }, {
    source: "10.2.0.2",
  }],
  [
    "a link-local group",
    ["--group", "ff02::1234", "--port", "5001", "--out", "[ff02::4321]:6000:out0"],
    {
      group: "ff02::1234",
      port: 5001,
    },
    { group: "ff02::4321", port: 6000 },
    {},
  ],
  ["unicast to the sink", [...IN4, "--out", "10.2.0.1:6000:out0"], V4, { group: "10.2.0.1", port: 6000 }, {}],
  [
    "unicast to the relay",
    ["--group", "10.1.0.2", "--port", "5001", "--out", "239.2.2.2:6000:out0"],
    {
      group: "10.1.0.2",
      port: 5001,
    },
    { group: "239.2.2.2", port: 6000 },
    {},
  ],
  ["a fixed header", [...IN4, "--out", "239.2.2.2:6000:out0/ttl=9/dscp=46/ecn=1/source_port=7000"], V4, {
    group: "239.2.2.2",
    port: 6000,
  }, { ttl: 9, dscp: 46, ecn: 1, source_port: 7000 }],
  [
    "a copied header",
    [...IN4, "--out", "239.2.2.2:6000:out0", "--ttl", "decrement", "--dscp", "copy", "--ecn", "copy"],
    { ...V4, ttl: 17, dscp: 34, ecn: 2 },
    { group: "239.2.2.2", port: 6000 },
    { ttl: 16, dscp: 34, ecn: 2 },
  ],
  [
    "a copied header in whole frames",
    [...IN6, "--out", "[ff3e::2]:6000:out0/ttl=decrement/dscp=copy/raw"],
    {
      ...V6,
      ttl: 17,
      dscp: 34,
    },
    { group: "ff3e::2", port: 6000 },
    { ttl: 16, dscp: 34 },
  ],
  ["sources that are taken", [...IN4, "--source", "10.1.0.0/24", "--out", "239.2.2.2:6000:out0"], V4, {
    group: "239.2.2.2",
    port: 6000,
  }, {}],
  [
    "ports of a range",
    ["--group", "239.1.1.1", "--port", "5000-5007", "--out", "239.2.2.2:6000-6007:out0"],
    {
      ...{ group: "239.1.1.1", port: 5000, flows: 8 },
      flowsBy: "port",
    },
    { group: "239.2.2.2", port: 6000, flows: 8, flowsBy: "port" },
    {},
  ],
  [
    "groups of a range, any port",
    ["--group", "239.1.2.0/24", "--port", "0", "--out", "239.9.9.0/24:0:out0"],
    {
      ...{ group: "239.1.2.8", port: 5001, flows: 16 },
    },
    { group: "239.9.9.8", port: 5001, flows: 16 },
    {},
  ],
  [
    "groups of a range, to IPv6",
    ["--group", "239.1.2.0/24", "--port", "5001", "--out", "[ff3e::900/120]:6000:out0"],
    {
      ...{ group: "239.1.2.8", port: 5001, flows: 4 },
    },
    { group: "ff3e::908", port: 6000, flows: 4 },
    {},
  ],
];

testRelay("a rule relays as it says", {}, async (relay) => {
  await setUp(relay.network);
  for (const [what, rule, stream, place, seen] of CASES) {
    const added = JSON.parse(await relay.supervisor.command("add", "--in", "in0", ...rule, "-j"));
    deepStrictEqual(added.waiting_for, [], what);
    const { sent, received } = await exchange(relay, stream, place).catch((error) => {
      throw new Error(what, { cause: error });
    });
    checkComplete(received, sent);
    for (const [name, value] of Object.entries(seen)) {
      deepStrictEqual(received.seen[name as keyof typeof seen], { [value]: COUNT }, `${what}: ${name}`);
    }
    await relay.supervisor.remove(added.id);
  }
});

testRelay("the relay's host does not refuse what is relayed from its own address", {}, async (relay) => {
  const { network, supervisor } = relay;
  await setUp(network);
  const refused = async (): Promise<number> => {
    const snmp = await run(network.within("relay", ["cat", "/proc/net/snmp"]));
    const [names, values] = snmp.split("\n").filter((line) => line.startsWith("Icmp: ")).map((line) => line.split(" "));
    return Number(values![names!.indexOf("OutDestUnreachs")]);
  };
  const stream = { group: "10.1.0.2", port: 5001, count: 20, rate: 1_000 };
  await send(network, stream);
  const before = await refused();
  const { id } = await supervisor.add({ in: "in0", group: "10.1.0.2", port: 5001, outputs: ["239.2.2.2:6000:out0"] });
  await send(network, stream);
  const { relayed } = (await supervisor.stats()).rules[0]!;
  await supervisor.remove(id);
  deepStrictEqual({ relayed, isSpared: await refused() === before, isRefusedElse: before > 0 }, {
    relayed: 20,
    isSpared: true,
    isRefusedElse: true,
  });
});

testRelay("two rules for one group take their own sources, and others are counted", {}, async (relay) => {
  const { network, supervisor } = relay;
  await setUp(network);
  const add = (source: string, to: string): Promise<string> =>
    supervisor.command("add", "--in", "in0", ...IN4, "--source", source, "--out", to);
  await add("10.1.0.1", "239.2.2.2:6000:out0");
  await add("192.0.2.0/24", "239.2.2.3:6000:out0");
  await using first = await Sink.start(network, { group: "239.2.2.2", port: 6000 });
  await using second = await Sink.start(network, { group: "239.2.2.3", port: 6000 });

  const sentFirst = await send(network, { ...V4, count: COUNT, rate: 5_000 });
  const sentSecond = await send(network, { ...V4, count: COUNT, rate: 5_000, source: "192.0.2.7" });
  await send(network, { ...V4, count: COUNT, rate: 5_000, source: "198.51.100.1" });

  checkComplete(await first.received(), sentFirst);
  checkComplete(await second.received(), sentSecond);
  deepStrictEqual((await supervisor.stats()).totals.drops, { source: COUNT });
  // One is joined from its source alone, the other from all.
  const { interfaces } = JSON.parse(await supervisor.command("interfaces", "-j"));
  const { joined } = interfaces.find(({ name }: { name: string }) => name === "in0");
  deepStrictEqual(joined.toSorted(), ["10.1.0.1@239.1.1.1", "239.1.1.1"]);
});

for (const how of ["drop", "relay"] as const) {
  const options = { args: ["--own-source", how] };
  testRelay(`what comes back from an output: ${how}`, options, async ({ network, supervisor }) => {
    await supervisor.command("add", "--in", "in0", ...IN4, "--out", "239.2.2.2:6000:out0/source_port=7000");
    const back = ["--in", "out0", "--group", "239.2.2.2", "--port", "6000", "--allow-loop"];
    await supervisor.command("add", ...back, "--out", "239.3.3.3:1:in0");
    const from = { namespace: "sink", interface: "k0", group: "239.2.2.2", port: 6000, sourcePort: 7000 };

    await send(network, { ...from, source: "10.2.0.2", count: COUNT, rate: 5_000 });
    await send(network, { ...from, source: "10.2.0.3", count: COUNT, rate: 5_000 });

    const { relayed, drops } = (await supervisor.stats()).rules[1]!;
    const expected = how === "drop"
      ? { relayed: COUNT, drops: { own_source: COUNT } }
      : { relayed: 2 * COUNT, drops: {} };
    deepStrictEqual({ relayed, drops }, expected);
  });
}

/** A rate, in datagrams a second, and what a pause saves up at it. */
const FUSE = 1_000, SAVED = 128;

/** Sends far more than a fuse lets through, and waits until the relay has counted it: how many were cut. */
async function storm({ network, supervisor }: Relay, stream: Omit<Stream, "count">): Promise<number> {
  const count = 4_000, startedMs = performance.now(), before = (await supervisor.stats()).totals.received;
  await send(network, { ...stream, count, rate: 20_000 });
  const { totals } = await until("all was counted", async () => {
    const stats = await supervisor.stats();
    return stats.totals.received === before + count ? stats : undefined;
  });
  const { max_rate: cut = 0 } = totals.drops, passed = count - cut;
  const seconds = (performance.now() - startedMs) / 1000;
  ok(passed <= SAVED + FUSE * seconds, `${passed} passed in ${seconds} s`);
  ok(cut > 0, "all passed");
  await supervisor.process.line("stderr", /a fuse cuts: \d+ datagrams dropped so far \(max_rate\), beyond the rate/);
  return cut;
}

testRelay("the whole relay has a time to live and a fuse of its own, which says when it cuts", {
  args: ["--ttl", "decrement", "--max-rate", `${FUSE}pps`],
}, async (relay) => {
  await setUp(relay.network);
  await relay.supervisor.command("add", "--in", "in0", ...IN4, "--out", "239.2.2.2:6000:out0");
  // Together less than what is saved up: none is cut, however the machine stumbles.
  const stream = { ...V4, ttl: 7, rate: 500, count: SAVED / 2 };
  const { sent, received } = await exchange(relay, stream, { group: "239.2.2.2", port: 6000 });
  checkComplete(received, sent);
  deepStrictEqual(received.seen.ttl, { 6: SAVED / 2 });
  await send(relay.network, { ...stream, ttl: 1, count: 3 });
  await storm(relay, { ...V4, ttl: 7 });
  deepStrictEqual((await relay.supervisor.stats()).rules[0]!.outputs[0]!.drops, { ttl: 3 });
});

testRelay("a fuse cuts what is beyond the rate of a rule, counts it, and says so", {}, async (relay) => {
  const { supervisor } = relay;
  await supervisor.command("add", "--in", "in0", ...IN4, "--out", "239.2.2.2:6000:out0", "--max-rate", `${FUSE}pps`);
  const cut = await storm(relay, V4);
  const [rule] = (await supervisor.stats()).rules;
  deepStrictEqual([rule!.received, rule!.relayed, rule!.drops], [4_000, 4_000 - cut, { max_rate: cut }]);
});

testRelay("what is larger than the MTU is dropped where the rule says so", {}, async ({ network, supervisor }) => {
  await supervisor.command(
    "add",
    "--in",
    "in0",
    ...IN4,
    "--out",
    "239.2.2.2:6000:out0/oversize=drop,239.2.2.3:6000:out0",
  );

  await send(network, { ...V4, count: 100, rate: 5_000, size: 4_000 });

  const [rule] = (await supervisor.stats()).rules;
  deepStrictEqual(rule!.outputs.map(({ sent, drops }) => ({ sent, drops })), [
    { sent: 0, drops: { too_big: 100 } },
    { sent: 100, drops: {} },
  ]);
});

testRelay("10,000 groups are joined, left, and joined again on an interface that was made again", {}, async (relay) => {
  const { network, supervisor } = relay;
  const count = 10_000;
  const groups = Array.from({ length: count }, (_, i) => `239.1.${i >> 8}.${i & 255}`);
  const joined = async (): Promise<number> =>
    (await network.ip("relay", "maddr", "show", "dev", "in0")).match(/inet +239\.1\./g)?.length ?? 0;
  await supervisor.addAll(groups.map((group) => ({ in: "in0", group, port: 5001, outputs: ["239.2.2.2:6000:out0"] })));
  deepStrictEqual(await joined(), count);
  match(await supervisor.command("interfaces"), /and 9992 more/);

  const cable = [
    { namespace: "source", interface: "s0", address: "10.1.0.1/24" },
    { namespace: "relay", interface: "in0", address: "10.1.0.2/24" },
  ] as const;
  await network.disconnect(cable);
  await supervisor.untilRule(`${groups[0]}:5001:in0`, "pending");
  await network.connect(cable);
  await supervisor.untilRule(`${groups.at(-1)}:5001:in0`, "active");
  deepStrictEqual(await joined(), count);

  for (const group of groups.slice(0, 3)) await supervisor.remove(`${group}:5001:in0`);
  deepStrictEqual(await joined(), count - 3);
});
