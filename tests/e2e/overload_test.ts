// Goal: what cannot be carried is counted under its own reason, exactly, and costs nothing else: the ring is full, large
// frames find no room, the queue of the output device is full.
import { deepStrictEqual, ok } from "node:assert/strict";
import { connect, type Stats } from "../../mod.ts";
import { testNetwork, testRelay } from "./case.ts";
import { addArguments, mcr, type RuleWords } from "./mcr.ts";
import { Network } from "./network.ts";
import { output, Process, until } from "./process.ts";
import { send, type Sent, Sink, type Stream } from "./traffic.ts";

const STREAM: Omit<Stream, "count"> = { group: "239.1.1.1", port: 5001, gso: "off" };
const OUTPUT = { group: "239.2.2.2", port: 6000 };
const RULE: RuleWords = { in: "in0", group: "239.1.1.1", port: 5001, outputs: ["239.2.2.2:6000:out0"] };

/** Sends while the only worker stands still, and waits until it has counted all of it. */
async function sendToStopped(network: Network, socket: string, stream: Stream): Promise<{ sent: Sent; stats: Stats }> {
  using client = await connect(socket);
  const { workers: [worker] } = await client.call("worker.list", {});
  Deno.kill(worker!.pid!, "SIGSTOP");
  try {
    const sent = await send(network, stream);
    Deno.kill(worker!.pid!, "SIGCONT");
    const stats = await until("all was counted", async () => {
      const stats = await client.call("stats.get", {});
      return stats.totals.received === stream.count ? stats : undefined;
    });
    return { sent, stats };
  } finally {
    Deno.kill(worker!.pid!, "SIGCONT");
  }
}

testRelay("a ring holds as many datagrams as it has slots, the others are ring_full", {
  args: ["--ring-slots", "64"],
}, async ({ network, supervisor }) => {
  await supervisor.add(RULE);
  await using sink = await Sink.start(network, OUTPUT);
  const { stats } = await sendToStopped(network, supervisor.socket, { ...STREAM, count: 1000 });
  const { received, lost, reordered, duplicated, corrupt } = await sink.received();
  deepStrictEqual([received, lost, reordered, duplicated, corrupt], [64, 0, 0, 0, 0]);
  const { totals, rules: [rule] } = stats;
  deepStrictEqual([totals.relayed, totals.drops], [64, { ring_full: 936 }]);
  deepStrictEqual([rule!.received, rule!.relayed, rule!.drops], [64, 64, {}]);
});

testNetwork("large datagrams that find no room in the socket's queue are copy_lost, and the others whole", async () => {
  const limit = Number(await Deno.readTextFile("/proc/sys/net/core/rmem_max"));
  const size = 60_000, count = 50 + Math.ceil(2 * limit / size);
  await using network = await Network.create("relay");
  // In fragments they would fit the slots of the ring.
  for (const [namespace, link] of [["source", "s0"], ["relay", "in0"]] as const) {
    await network.ip(namespace, "link", "set", link, "mtu", "65535");
  }
  const directory = await Deno.makeTempDir({ prefix: "mcr-e2e-" }), socket = `${directory}/mcr.sock`;
  // Only with CAP_NET_ADMIN the queue may be larger than the limit.
  const bare = ["setpriv", "--bounding-set", "-net_admin", "--inh-caps", "-net_admin", "--"];
  const command = [...bare, ...mcr("run", "--workers", "1", "--socket", socket)];
  try {
    await using process = await Process.start(network.within("relay", command));
    await process.line("stderr", /^mcr: ready on /);
    await output(mcr(...addArguments(RULE)), { env: { MCR_SOCKET: socket } });
    await using sink = await Sink.start(network, OUTPUT);
    const { stats } = await sendToStopped(network, socket, { ...STREAM, count, size, rate: 500 });
    const { totals, rules: [rule] } = stats, { copy_lost: lost = 0 } = totals.drops;
    deepStrictEqual([totals.relayed, totals.drops], [count - lost, { copy_lost: lost }]);
    deepStrictEqual([rule!.received, rule!.relayed], [count - lost, count - lost]);
    ok(0 < lost && lost < count, `${lost} of ${count} found no room`);
    const { received, reordered, duplicated, corrupt } = await sink.received();
    deepStrictEqual([received, reordered, duplicated, corrupt], [count - lost, 0, 0, 0]);
  } finally {
    await Deno.remove(directory, { recursive: true });
  }
});

testRelay("what the device's queue has no room for is no_buffer, and all else arrives", {}, async (relay) => {
  const { network, supervisor } = relay;
  await supervisor.add(RULE);
  const slow = ["tbf", "rate", "10mbit", "burst", "66kb", "limit", "132kb"];
  await output(network.within("relay", ["tc", "qdisc", "add", "dev", "out0", "root", ...slow]));
  await using sink = await Sink.start(network, OUTPUT);
  const sent = await send(network, { ...STREAM, count: 2000 });
  const { received, reordered, duplicated, corrupt } = await sink.received();
  const { due, sent: gone, drops } = (await supervisor.stats()).rules[0]!.outputs[0]!;
  deepStrictEqual([due, drops], [sent.sent, { no_buffer: sent.sent - gone }]);
  deepStrictEqual([received, reordered, duplicated, corrupt], [gone, 0, 0, 0]);
  ok(gone < sent.sent, "the queue was full");
});
