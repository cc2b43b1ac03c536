// Goal: outputs of every kind send what they should, as it should be: over IPv6, to hosts, through interfaces without
// an address, with what they take from each datagram; as frames too.
import { deepStrictEqual } from "node:assert/strict";
import { type Relay, testRelay } from "./case.ts";
import { switchFeature } from "./features.ts";
import { addArguments } from "./mcr.ts";
import type { Network } from "./network.ts";
import { checkComplete, checkSeen, type Place, send, Sink, type Stream } from "./traffic.ts";

const STREAM = { group: "239.1.1.1", port: 5001 };
const COUNT = 4_000;
/** Runs of equal sizes with tails, and sizes that form no runs. */
const SIZES = ["1316,1316,200", "64-1400"];
const BURSTS: Partial<Stream> = { gso: "off", burst: 32 };
/** What the kernel may leave to a device. Off, segments and checksums are made in software. */
const OFFLOADS = ["tx-udp-segmentation", "tx-generic-segmentation", "tx-checksum-ip-generic", "tx-scatter-gather"];
const KINDS = [["UDP", []], ["frames", ["--raw"]]] as const;

/** Adds a rule that takes the stream to one output. */
async function add({ supervisor }: Relay, output: string, ...options: string[]): Promise<void> {
  await supervisor.command(...addArguments({ in: "in0", ...STREAM, outputs: [output] }), ...options);
}

/** What the one rule's one output has counted. */
async function counted({ supervisor }: Relay): Promise<{ due: number; sent: number; drops: object }> {
  const { rules: [rule] } = await supervisor.stats();
  const { due, sent, drops } = rule!.outputs[0]!;
  return { due, sent, drops };
}

/** Gives both ends of the relay's output an IPv6 address. */
async function addIpv6(network: Network): Promise<void> {
  await network.addAddress6({ namespace: "relay", interface: "out0", address: "fd00:2::2/64" });
  await network.addAddress6({ namespace: "sink", interface: "k0", address: "fd00:2::1/64" });
}

for (const [kind, raw] of KINDS) {
  testRelay(`IPv4 leaves as IPv6, TTL and class as the rule says, as ${kind}`, {}, async (relay) => {
    const { network } = relay;
    await addIpv6(network);
    await add(relay, "[ff15::2:2]:6000:out0", "--ttl", "9", "--dscp", "46", "--ecn", "1", ...raw);
    for (const hasOffloads of [true, false]) {
      for (const feature of hasOffloads ? [] : OFFLOADS) await switchFeature(network, "relay", "out0", feature, false);
      for (const size of SIZES) {
        await using sink = await Sink.start(network, { group: "ff15::2:2", port: 6000 });
        const sent = await send(network, { ...STREAM, ...BURSTS, count: COUNT, size });
        const received = await sink.received();
        checkComplete(received, sent);
        checkSeen(received, { ttl: 9, dscp: 46, ecn: 1, source: "fd00:2::2" });
      }
    }
  });

  testRelay(`an IPv6 group of the link leaves by its interface, as ${kind}`, {}, async (relay) => {
    const { network } = relay;
    await addIpv6(network);
    await add(relay, "[ff12::2]:6000:out0", ...raw);
    await using sink = await Sink.start(network, { group: "ff12::2", port: 6000 });
    const sent = await send(network, { ...STREAM, ...BURSTS, count: COUNT });
    checkComplete(await sink.received(), sent);
  });

  testRelay(`TTL, DSCP and ECN are the datagrams' own, as ${kind}`, {}, async (relay) => {
    const { network } = relay;
    await add(relay, "239.2.2.2:6000:out0", "--ttl", "decrement", "--dscp", "copy", "--ecn", "copy", ...raw);
    for (const [ttl, dscp, ecn] of [[64, 34, 2], [2, 0, 0]] as const) {
      await using sink = await Sink.start(network, { group: "239.2.2.2", port: 6000 });
      const sent = await send(network, { ...STREAM, ...BURSTS, count: COUNT, size: SIZES[0]!, ttl, dscp, ecn });
      const received = await sink.received();
      checkComplete(received, sent);
      checkSeen(received, { ttl: ttl - 1, dscp, ecn });
    }
    await send(network, { ...STREAM, ...BURSTS, count: COUNT, ttl: 1 });
    deepStrictEqual(await counted(relay), { due: 3 * COUNT, sent: 2 * COUNT, drops: { ttl: COUNT } });
  });
}

for (const [family, host] of [["IPv4", "10.2.0.1"], ["IPv6", "fd00:2::1"]] as const) {
  testRelay(`a host without a listener loses nothing once it has one, over ${family}`, {}, async (relay) => {
    const { network } = relay;
    await addIpv6(network);
    await add(relay, family === "IPv4" ? `${host}:6000:out0` : `[${host}]:6000:out0`);
    const place: Place = { group: host, port: 6000 };
    for (const round of [1, 2]) {
      await send(network, { ...STREAM, ...BURSTS, count: COUNT, size: SIZES[1]! });
      await using sink = await Sink.start(network, place);
      const sent = await send(network, { ...STREAM, ...BURSTS, count: COUNT, size: SIZES[1]! });
      checkComplete(await sink.received(), sent);
      deepStrictEqual(await counted(relay), { due: 2 * round * COUNT, sent: 2 * round * COUNT, drops: {} });
    }
  });
}

testRelay("200 hosts get a stream, the one that is there all of it", {}, async (relay) => {
  const { network, supervisor } = relay;
  const hosts = Array.from({ length: 200 }, (_, i) => `10.2.0.1:${6000 + i}:out0`);
  await supervisor.add({ in: "in0", ...STREAM, outputs: hosts });
  await using sink = await Sink.start(network, { group: "10.2.0.1", port: 6123 });

  const sent = await send(network, { ...STREAM, ...BURSTS, count: COUNT, rate: 2_000 });

  checkComplete(await sink.received(), sent);
  const { rules: [rule] } = await supervisor.stats();
  deepStrictEqual(
    rule!.outputs.map(({ due, sent, drops }) => ({ due, sent, drops })),
    hosts.map(() => ({ due: COUNT, sent: COUNT, drops: {} })),
  );
});

testRelay("a host that does not exist costs the other outputs nothing", {}, async (relay) => {
  const { network, supervisor } = relay;
  await supervisor.add({ in: "in0", ...STREAM, outputs: ["10.2.0.77:6000:out0", "239.2.2.2:6000:out0"] });
  await using sink = await Sink.start(network, { group: "239.2.2.2", port: 6000, idle: 1 });

  // Four seconds: after three the kernel has asked for the host in vain, and says so.
  const sent = await send(network, { ...STREAM, ...BURSTS, count: COUNT, rate: 1_000, size: SIZES[1]! });

  checkComplete(await sink.received(), sent);
  const { rules: [rule] } = await supervisor.stats();
  deepStrictEqual(
    rule!.outputs.map(({ due, sent, drops }) => ({ due, sent, drops })),
    rule!.outputs.map(() => ({ due: COUNT, sent: COUNT, drops: {} })),
  );
});

testRelay("an interface without an address sends from another one's", {}, async (relay) => {
  const { network } = relay;
  await network.ip("relay", "addr", "flush", "dev", "out0");
  await add(relay, "239.2.2.2:6000:out0");
  await using sink = await Sink.start(network, { group: "239.2.2.2", port: 6000 });
  const sent = await send(network, { ...STREAM, ...BURSTS, count: COUNT });
  const received = await sink.received();
  checkComplete(received, sent);
  checkSeen(received, { source: "10.1.0.2" });
});
