// Goal: whatever an output's device can and cannot do, each datagram leaves once, unchanged and in order, or is counted as
// dropped at that output.
import { deepStrictEqual, ok } from "node:assert/strict";
import { type Relay, testRelay } from "./case.ts";
import { switchFeature } from "./features.ts";
import { addArguments, type RuleWords } from "./mcr.ts";
import type { Network } from "./network.ts";
import { output } from "./process.ts";
import { checkComplete, send, Sink } from "./traffic.ts";

const RULE: RuleWords = { in: "in0", group: "239.1.1.1", port: 5001, outputs: ["239.2.2.2:6000:out0"] };
const STREAM = { group: "239.1.1.1", port: 5001 };
const OUTPUT = { group: "239.2.2.2", port: 6000 };
/** Runs of equal sizes, tails, and sizes that form no runs. */
const SIZES = ["1316", "1316,1316,200", "imix", "64-1400"];
const BURSTS = ["--gso", "off", "--burst", "32"];

/** What the kernel may leave to a device. Off, segments and checksums are made in software. */
const OFFLOADS = ["tx-udp-segmentation", "tx-generic-segmentation", "tx-checksum-ip-generic", "tx-scatter-gather"];

async function withoutOffloads(network: Network): Promise<void> {
  for (const feature of OFFLOADS) await switchFeature(network, "relay", "out0", feature, false);
}

async function addRaw({ supervisor }: Relay, rule: RuleWords): Promise<void> {
  await supervisor.command(...addArguments(rule), "--raw");
}

async function addUdp({ supervisor }: Relay, rule: RuleWords): Promise<void> {
  await supervisor.add(rule);
}

const KINDS = [["a UDP socket", addUdp], ["frames", addRaw]] as const;

for (const [kind, add] of KINDS) {
  for (const [device, prepare] of [["a device with offloads", undefined], ["one without", withoutOffloads]] as const) {
    testRelay(`sizes of all kinds leave as ${kind} by ${device}`, {}, async (relay) => {
      await prepare?.(relay.network);
      await add(relay, RULE);
      for (const size of SIZES) {
        await using sink = await Sink.start(relay.network, OUTPUT);
        const sent = await send(relay.network, { ...STREAM, count: 8_000, size, args: BURSTS });
        checkComplete(await sink.received(), sent);
      }
    });
  }

  testRelay(`an output with an MTU of 1280 carries larger datagrams in fragments, as ${kind}`, {}, async (relay) => {
    await relay.network.ip("relay", "link", "set", "out0", "mtu", "1280");
    await add(relay, RULE);
    for (const size of ["1316", "1200,1316"]) {
      await using sink = await Sink.start(relay.network, OUTPUT);
      const sent = await send(relay.network, { ...STREAM, count: 4_000, size, args: BURSTS });
      checkComplete(await sink.received(), sent);
    }
  });

  testRelay(`what a slow device does not take is counted, the rest is in order, as ${kind}`, {}, async (relay) => {
    const { network, supervisor } = relay;
    // 12,500 bytes a millisecond leave, twice that arrives; the queue holds more than the socket may have under way.
    const rate = ["tbf", "rate", "100mbit", "burst", "64kb", "limit", "200mb"];
    await output(network.within("relay", ["tc", "qdisc", "add", "dev", "out0", "root", ...rate]));
    await add(relay, RULE);
    await using sink = await Sink.start(network, { ...OUTPUT, idle: 2 });

    const sent = await send(network, { ...STREAM, count: 60_000, rate: 30_000, size: "1316,400", args: BURSTS });

    const received = await sink.received();
    const { rules: [rule] } = await supervisor.stats();
    const { due, sent: out, drops } = rule!.outputs[0]!;
    deepStrictEqual({ due, drops }, { due: sent.sent, drops: { socket_full: sent.sent - out } });
    ok(out < sent.sent, "the socket was full");
    const { reordered, duplicated, stale, corrupt } = received;
    deepStrictEqual({ reordered, duplicated, stale, corrupt }, { reordered: 0, duplicated: 0, stale: 0, corrupt: 0 });
    deepStrictEqual(received.received, out, "what was counted as sent has arrived");
  });
}

testRelay("an output may be a tunnel", {}, async (relay) => {
  const { network } = relay;
  for (
    const [namespace, via, address, peer] of [["relay", "out0", "10.9.0.2", "10.2.0.1"], [
      "sink",
      "k0",
      "10.9.0.1",
      "10.2.0.2",
    ]] as const
  ) {
    await network.ip(
      namespace,
      "link",
      "add",
      "tunnel0",
      "type",
      "vxlan",
      "id",
      "7",
      "dev",
      via,
      "remote",
      peer,
      "dstport",
      "4789",
    );
    await network.ip(namespace, "address", "add", `${address}/24`, "dev", "tunnel0");
    await network.ip(namespace, "link", "set", "tunnel0", "up");
  }
  await addUdp(relay, { ...RULE, outputs: ["239.2.2.2:6000:tunnel0"] });
  await using sink = await Sink.start(network, { ...OUTPUT, interface: "tunnel0" });

  const sent = await send(network, { ...STREAM, count: 20_000, args: BURSTS });

  checkComplete(await sink.received(), sent);
});

testRelay("an output that waits for its interface costs the others nothing", {}, async (relay) => {
  const { network, supervisor } = relay;
  await addUdp(relay, { ...RULE, outputs: ["239.2.2.2:6000:out0", "239.2.2.2:6000:absent0"] });
  await using sink = await Sink.start(network, OUTPUT);

  const sent = await send(network, { ...STREAM, count: 20_000, args: BURSTS });

  checkComplete(await sink.received(), sent);
  const { rules: [rule] } = await supervisor.stats();
  deepStrictEqual(rule!.outputs.map(({ sent, drops }) => ({ sent, drops })), [
    { sent: 20_000, drops: {} },
    { sent: 0, drops: { no_interface: 20_000 } },
  ]);
});

for (const profile of ["latency", "balanced", "throughput"]) {
  const options = { args: ["--profile", profile, "--busy-poll-us", "20"] };
  testRelay(`profile ${profile} relays fast and slow streams complete`, options, async ({ network, supervisor }) => {
    await supervisor.add(RULE);
    for (const rate of [2_000, 60_000]) {
      await using sink = await Sink.start(network, OUTPUT);
      const sent = await send(network, { ...STREAM, count: rate / 2, rate });
      checkComplete(await sink.received(), sent);
    }
  });
}

testRelay("other traffic of the interface does not wake the worker", {}, async ({ network, supervisor }) => {
  await supervisor.add(RULE);
  // The time is taken around both looks: in that of N seconds there are at most N + 1 beats of one.
  const startedMs = performance.now();
  const [before] = await supervisor.workers();

  await send(network, { ...STREAM, port: 5002, count: 500_000, rate: 500_000, args: ["--verify", "off"] });

  const [after] = await supervisor.workers();
  const seconds = Math.floor((performance.now() - startedMs) / 1000);
  ok(after!.wakeups - before!.wakeups <= seconds + 1, "it has woken once a second, as without traffic");
  deepStrictEqual(after!.received, 0);
});
