// Goal: what comes in on one interface for a rule's group goes out to each of its outputs, every datagram once, unchanged
// and in order. Sinks listen before the source speaks, so a lost datagram is a fault and never a race.
import { deepStrictEqual, ok } from "node:assert/strict";
import { testRelay } from "./case.ts";
import { Listener } from "./listener.ts";
import type { RuleWords } from "./mcr.ts";
import { checkComplete, send, Sink } from "./traffic.ts";

const RULE: RuleWords = { in: "in0", group: "239.1.1.1", port: 5001, outputs: ["239.2.2.2:6000:out0"] };
const STREAM = { group: "239.1.1.1", port: 5001 };
const OUTPUT = { group: "239.2.2.2", port: 6000 };

testRelay("100,000 datagrams in are 100,000 out: equal, in order, none twice", {}, async ({ network, supervisor }) => {
  const rule = await supervisor.add(RULE);
  await using sink = await Sink.start(network, OUTPUT);

  const sent = await send(network, { ...STREAM, count: 100_000, rate: 25_000 });

  checkComplete(await sink.received(), sent);
  const { rules: [counters] } = await supervisor.stats();
  const { id, received, received_bytes, relayed, drops, outputs } = counters!;
  deepStrictEqual({ id, received, received_bytes, relayed, drops }, {
    id: rule.id,
    received: 100_000,
    received_bytes: 131_600_000,
    relayed: 100_000,
    drops: {},
  });
  const { due, sent: out, sent_bytes, drops: outputDrops } = outputs[0]!;
  deepStrictEqual({ due, out, sent_bytes, outputDrops }, {
    due: 100_000,
    out: 100_000,
    sent_bytes: 131_600_000,
    outputDrops: {},
  });
});

testRelay(
  "one input goes to three outputs on two interfaces",
  { topology: "fork" },
  async ({ network, supervisor }) => {
    await supervisor.add({
      ...RULE,
      outputs: ["239.2.2.2:6000:out0", "239.2.2.3:6001:out0", "239.3.3.3:6002:out1"],
    });
    await using left = await Sink.start(network, { namespace: "left", interface: "l0", ...OUTPUT });
    const second = { namespace: "left", interface: "l0", group: "239.2.2.3", port: 6001 };
    await using other = await Sink.start(network, second);
    await using right = await Sink.start(network, {
      namespace: "right",
      interface: "r0",
      group: "239.3.3.3",
      port: 6002,
    });

    const sent = await send(network, { ...STREAM, count: 20_000 });

    for (const sink of [left, other, right]) checkComplete(await sink.received(), sent);
  },
);

testRelay("datagrams of mixed sizes, 40 to 1472 bytes, are relayed unchanged", {}, async ({ network, supervisor }) => {
  await supervisor.add(RULE);
  await using sink = await Sink.start(network, OUTPUT);

  const sent = await send(network, { ...STREAM, count: 30_000, size: "imix" });

  checkComplete(await sink.received(), sent);
});

testRelay("superframes leave complete, datagram by datagram", {}, async ({ network, supervisor }) => {
  await supervisor.add(RULE);
  await using sink = await Sink.start(network, OUTPUT);

  const sent = await send(network, { ...STREAM, count: 40_000, args: ["--gso", "on", "--burst", "32"] });

  ok(sent.gso, "the generator handed runs to the kernel in one piece");
  checkComplete(await sink.received(), sent);
});

testRelay("datagrams larger than the MTU arrive whole", {}, async ({ network, supervisor }) => {
  await supervisor.add(RULE);
  await using sink = await Sink.start(network, OUTPUT);

  const sent = await send(network, { ...STREAM, count: 2_000, rate: 2_000, size: "4000" });

  checkComplete(await sink.received(), sent);
});

testRelay("what leaves has the relay's own address as its source", {}, async ({ network, supervisor }) => {
  await supervisor.add(RULE);
  await using listener = await Listener.start(network, "sink", { address: "10.2.0.1", ...OUTPUT });

  await send(network, { ...STREAM, count: 1, size: "100" });

  const { address, length } = await listener.hear();
  deepStrictEqual({ address, length }, { address: "10.2.0.2", length: 100 });
});

testRelay("other groups and other ports of the interface are not relayed", {}, async ({ network, supervisor }) => {
  await supervisor.add(RULE);
  await using sink = await Sink.start(network, OUTPUT);

  await send(network, { ...STREAM, group: "239.1.1.2", count: 100 });
  await send(network, { ...STREAM, port: 5002, count: 100 });
  const sent = await send(network, { ...STREAM, count: 100 });

  checkComplete(await sink.received(), sent);
  deepStrictEqual((await supervisor.stats()).totals.relayed, 100);
});
