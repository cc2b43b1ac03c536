/**
 * Destinations that are hosts, in and out, and ESP, which has no ports.
 *
 * @module
 */
import { deepStrictEqual } from "node:assert/strict";
import type { RuleSpec } from "../../../mod.ts";
import { checkComplete, send, Sink } from "../traffic.ts";
import { type Bench, type Case, finish, INPUT_6, type Outcome, OUTPUT_6, pass, passes, relays, rule } from "./bench.ts";

const FROM_RELAY = { seen: { source: "10.2.0.2" } };

/** The same back: from the sink's host to the source's. */
const BACK = rule({ interface: "out0", group: "239.3.3.3" }, { interface: "in0", group: "10.1.0.1" });
const BACK_STREAM = { namespace: "sink", interface: "k0", count: 700 };
const BACK_PLACE = { namespace: "source", interface: "s0" };

const ESP = { protocol: "esp", port: 0 } as const;

function esp(input: Partial<RuleSpec["input"]> = {}, output: Partial<RuleSpec["outputs"][number]> = {}): RuleSpec {
  return rule({ ...ESP, ...input }, { port: 0, ...output });
}

/** A datagram for another host that passes by: its frame is for the relay, which would have to route it. */
const PASSES_BY: Case = {
  name: "unicast in, to a host elsewhere",
  run: async (bench) => {
    const toMac = await bench.network.macOf("relay", "in0");
    return await pass(bench, {
      rules: [rule({ group: "198.51.100.9" })],
      flows: [{ stream: { toMac } }],
      ears: [FROM_RELAY],
    });
  },
};

const RECEIVERS = 200, FIRST = 20;

/** The addresses of the receivers, all of which one host has. */
function receiver(index: number): string {
  return `10.2.0.${FIRST + index}`;
}

async function withReceivers(bench: Bench, body: () => Promise<Outcome>): Promise<Outcome> {
  const all = Array.from({ length: RECEIVERS }, (_, index) => `${receiver(index)}/24 dev k0`);
  const change = (what: string): Promise<void> => {
    return bench.network.ipBatch("sink", all.map((address) => `addr ${what} ${address}`));
  };
  await change("add");
  try {
    return await body();
  } finally {
    await change("del");
  }
}

const TO_RECEIVERS = rule({}, Array.from({ length: RECEIVERS }, (_, index) => ({ group: receiver(index) })));

const REPLICATION: Case = {
  name: `one group -> ${RECEIVERS} hosts`,
  run: (bench) => withReceivers(bench, () => replicate(bench, null)),
};

const REPLICATION_WITHOUT_ONE: Case = {
  name: `one group -> ${RECEIVERS} hosts, one of which is not there`,
  run: (bench) =>
    withReceivers(bench, async () => {
      const missing = RECEIVERS / 2;
      await bench.network.ip("sink", "addr", "del", `${receiver(missing)}/24`, "dev", "k0");
      try {
        return await replicate(bench, missing);
      } finally {
        await bench.network.ip("sink", "addr", "add", `${receiver(missing)}/24`, "dev", "k0");
      }
    }),
};

/** Sends to all receivers; each that is there gets all of it. */
async function replicate({ network, client }: Bench, missing: number | null): Promise<Outcome> {
  const { id } = await client.call("rule.add", TO_RECEIVERS), count = 500;
  try {
    const end = missing ?? RECEIVERS,
      stretches = [[0, end], [end + 1, RECEIVERS]].filter(([first, last]) => first! < last!);
    await using sinks = new AsyncDisposableStack();
    const all = await Promise.all(stretches.map(async ([first, last]) => {
      const flows = last! - first!,
        place = { group: receiver(first!), port: 6000, flows, count: flows * count, idle: 30 };
      return { flows, sink: sinks.use(await Sink.start(network, place)) };
    }));
    const sent = await send(network, { group: "239.1.1.1", port: 5001, count, rate: 500 });
    let out = 0;
    for (const { flows, sink } of all) {
      const received = await finish(sink, flows * count);
      const digest = sent.flows[0]!.digest;
      // What gen sent once each receiver has as a flow of its own.
      deepStrictEqual(received.flows.map((flow) => [flow.received, flow.digest]), Array(flows).fill([count, digest]));
      const flat = received.flows.map((flow) => ({ ...flow, flow: 0 }));
      const each = { flow: 0, sent: count, broken: 0, digest };
      checkComplete({ ...received, flows: flat }, { ...sent, sent: flows * count, flows: Array(flows).fill(each) });
      out += received.received;
    }
    const { rules } = await client.call("stats.get", {}),
      { received, relayed, outputs } = rules.find((one) => one.id === id)!;
    deepStrictEqual([received, relayed], [count, count]);
    for (const [index, { due, sent: gone, drops }] of outputs.entries()) {
      const lost = Object.values(drops).reduce((sum, one) => sum + one, 0);
      deepStrictEqual([due, gone + lost], [count, count]);
      if (index !== missing) deepStrictEqual(drops, {});
    }
    return { in: count, out };
  } finally {
    await client.call("rule.remove", { id });
  }
}

export const UNICAST: readonly Case[] = [
  relays("unicast in, to the relay's address, -> a group", { rule: rule({ group: "10.1.0.2" }), ear: FROM_RELAY }),
  relays("unicast in, to the relay's address of IPv6, -> a group of IPv4", { rule: rule({ group: "fd01::2" }) }),
  PASSES_BY,
  relays("a group -> a host", { rule: rule({}, { group: "10.2.0.1" }), ear: FROM_RELAY }),
  relays("a group of IPv6 -> a host of IPv6", {
    rule: rule(INPUT_6, { group: "fd02::1" }),
    ear: { seen: { source: "fd02::2" } },
  }),
  relays("a host -> a host, of the other family", { rule: rule({ group: "10.1.0.2" }, { group: "fd02::1" }) }),
  relays("TTL less one and DSCP copied to a host", {
    rule: rule({}, { group: "10.2.0.1", ttl: "decrement", dscp: "copy" }),
    flow: { stream: { ttl: 9, dscp: 46 } },
    ear: { seen: { ttl: 8, dscp: 46 } },
  }),
  passes("a group -> a host, and from there a group -> a host, back", {
    rules: [rule({}, { group: "10.2.0.1" }), BACK],
    flows: [{}, { rule: 1, stream: BACK_STREAM }],
    ears: [{}, { place: BACK_PLACE, seen: { source: "10.1.0.2" } }],
  }),
  passes("a host -> a group, and back to a host's group", {
    rules: [
      rule({ group: "10.1.0.2" }),
      rule({ interface: "out0", group: "10.2.0.2" }, { interface: "in0", group: "239.4.4.4" }),
    ],
    flows: [{}, { rule: 1, stream: BACK_STREAM }],
    ears: [{}, { place: BACK_PLACE }],
  }),
  REPLICATION,
  REPLICATION_WITHOUT_ONE,
];

export const ESP_CASES: readonly Case[] = [
  relays("ESP, IPv4 -> IPv4", {
    rule: esp(),
    flow: { stream: { spi: 4711 } },
    ear: { seen: { spi: 4711, source: "10.2.0.2", ttl: 1 } },
  }),
  relays("ESP, IPv6 -> IPv6", { rule: esp(INPUT_6, OUTPUT_6), ear: { seen: { source: "fd02::2" } } }),
  relays("ESP, IPv4 -> IPv6", { rule: esp({}, OUTPUT_6) }),
  relays("ESP, IPv6 -> IPv4, with DSCP copied and TTL less one", {
    rule: esp(INPUT_6, { dscp: "copy", ttl: "decrement" }),
    flow: { stream: { dscp: 46, ttl: 9 } },
    ear: { seen: { dscp: 46, ttl: 8 } },
  }),
  relays("ESP in fragments, out in fragments", {
    rule: esp(),
    flow: { stream: { size: 4000, rate: 5000 }, isFragmented: true },
  }),
  relays("ESP of a range of groups", {
    rule: esp({ group: "239.1.1.0/28" }, { group: "239.9.9.0/28" }),
    flow: { stream: { flows: 16 } },
    ear: { place: { flows: 16 } },
  }),
  relays("ESP to a host", { rule: esp({}, { group: "10.2.0.1" }) }),
  passes("UDP and ESP of one group are two rules", {
    rules: [esp(), rule({}, { group: "239.2.2.3" })],
    flows: [{}, { rule: 1 }],
    ears: [{}, { place: { protocol: "udp", port: 6000 } }],
  }),
];
