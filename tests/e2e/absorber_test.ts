// Goal: the kernel's own copy of what is relayed is dropped early, and nobody but the kernel notices: a listener on the
// relay's host gets every datagram, whether it was there before the rule or comes after it.
import { deepStrictEqual } from "node:assert/strict";
import { testRelay } from "./case.ts";
import type { RuleWords } from "./mcr.ts";
import type { Network } from "./network.ts";
import { output } from "./process.ts";
import { checkComplete, send, Sink } from "./traffic.ts";

const RULE: RuleWords = { in: "in0", group: "239.1.1.1", port: 5001, outputs: ["239.2.2.2:6000:out0"] };
const STREAM = { group: "239.1.1.1", port: 5001 };
const OUTPUT = { group: "239.2.2.2", port: 6000 };
/** A listener on the relay's own host, on the input interface. */
const LOCAL = { namespace: "relay", interface: "in0", ...STREAM };
const COUNT = 5_000;

for (
  const [how, args, dropped] of [
    ["drops its copies at an absorber", [], COUNT],
    ["has no absorber with --absorb off", ["--absorb", "off"], 0],
    ["has no absorber where datagrams arrive put together", ["--receive-offload", "in0"], 0],
  ] as const
) {
  testRelay(`the kernel ${how}`, { args }, async ({ network, supervisor }) => {
    const { id } = await supervisor.add(RULE);
    await using sink = await Sink.start(network, OUTPUT);
    const before = await inErrors(network);
    const sent = await send(network, { ...STREAM, count: COUNT, rate: 10_000 });
    checkComplete(await sink.received(), sent);
    const after = await inErrors(network);
    deepStrictEqual(after - before, dropped);

    await supervisor.remove(id);
    await send(network, { ...STREAM, count: 10 });
    deepStrictEqual(await inErrors(network), after, "nothing is left behind");
  });
}

testRelay(
  "local listeners get all, those that were there before the rule and those that come after it",
  {},
  async ({ network, supervisor }) => {
    await using early = await Sink.start(network, { ...LOCAL, idle: 3 });
    const { id } = await supervisor.add(RULE);
    await using sink = await Sink.start(network, OUTPUT);
    const sent = await send(network, { ...STREAM, count: COUNT, rate: 10_000 });
    checkComplete(await sink.received(), sent);
    checkComplete(await early.received(), sent);

    await using late = await Sink.start(network, LOCAL);
    await using secondSink = await Sink.start(network, OUTPUT);
    const sentLater = await send(network, { ...STREAM, count: COUNT, rate: 10_000 });
    checkComplete(await secondSink.received(), sentLater);
    checkComplete(await late.received(), sentLater);
    await supervisor.remove(id);
  },
);

/** What the relay's kernel says of UDP: datagrams that a socket did not take. */
async function inErrors(network: Network): Promise<number> {
  const lines = (await output(network.within("relay", ["cat", "/proc/net/snmp"]))).split("\n");
  const [names, values] = lines.filter((line) => line.startsWith("Udp:")).map((line) => line.split(" "));
  return Number(values![names!.indexOf("InErrors")]);
}
