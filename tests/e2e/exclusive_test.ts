// Goal: what an exclusive rule relays goes nowhere else on the relay's host, and everything else goes on as if there were
// no relay: other flows, other people's filters, and the time after the rule.
import { deepStrictEqual, match, ok } from "node:assert/strict";
import { testNetwork, testRelay } from "./case.ts";
import { addArguments, mcr, type RuleWords, Supervisor } from "./mcr.ts";
import { Network } from "./network.ts";
import { output, Process, run, until } from "./process.ts";
import { checkComplete, gen, send, type Sent, Sink } from "./traffic.ts";
import { connect, type RuleStatus } from "../../mod.ts";

const RULE: RuleWords = { in: "in0", group: "239.1.1.1", port: 5001, outputs: ["239.2.2.2:6000:out0"] };
const STREAM = { group: "239.1.1.1", port: 5001 };
const OUTPUT = { group: "239.2.2.2", port: 6000 };
/** A listener on the relay's own host, on the input interface. */
const LOCAL = { namespace: "relay", interface: "in0", ...STREAM };

/** Classic BPF of somebody else: passes everything on. */
const FOREIGN_FILTER = ["pref", "10", "bpf", "da", "bytecode", "1,6 0 0 4294967295,"];

testRelay("an exclusive rule relays all, and local listeners get other flows only", {}, async (relay) => {
  const { network, supervisor } = relay;
  const other = { group: "239.1.1.2", port: 5001 };
  const samePort = { group: "239.1.1.1", port: 5002 };
  const count = 20_000;
  await addExclusive(supervisor, RULE);
  await supervisor.add({ in: "in0", ...other, outputs: ["239.2.2.3:6000:out0"] });
  await using sink = await Sink.start(network, OUTPUT);
  await using otherSink = await Sink.start(network, { group: "239.2.2.3", port: 6000 });
  await using local = await Sink.start(network, { ...LOCAL, idle: 40 });
  await using localOther = await Sink.start(network, { ...LOCAL, ...other });
  await using localPort = await Sink.start(network, { ...LOCAL, ...samePort });

  const sent = await send(network, { ...STREAM, count, rate: 20_000 });
  const sentOther = await send(network, { ...other, count, rate: 20_000 });
  const sentPort = await send(network, { ...samePort, count, rate: 20_000 });

  checkComplete(await sink.received(), sent);
  checkComplete(await otherSink.received(), sentOther);
  checkComplete(await localOther.received(), sentOther);
  checkComplete(await localPort.received(), sentPort);
  deepStrictEqual((await local.receivedSoFar()).received, 0);
  deepStrictEqual(await dropsAtIngress(network), count, "the kernel counts exactly those");
});

testRelay("the kernel's UDP sees no datagram of an exclusive rule", { args: ["--absorb", "off"] }, async (relay) => {
  const { network, supervisor } = relay;
  const { id } = await supervisor.add(RULE);
  const before = await ignoredMulticast(network);
  await send(network, { ...STREAM, count: 5_000 });
  const between = await ignoredMulticast(network);
  await supervisor.remove(id);
  await addExclusive(supervisor, RULE);
  await send(network, { ...STREAM, count: 5_000 });

  deepStrictEqual([between - before, await ignoredMulticast(network) - between], [5_000, 0]);
});

testRelay("50 exclusive rules come and go beside one, which loses and repeats nothing", {}, async (relay) => {
  const { network, supervisor } = relay;
  await addExclusive(supervisor, RULE);
  await using sink = await Sink.start(network, { ...OUTPUT, idle: 1 });
  await using local = await Sink.start(network, { ...LOCAL, idle: 40 });
  await using source = await Process.start(gen(network, { ...STREAM, count: 10_000_000, rate: 20_000 }));

  using client = await connect(supervisor.socket);
  for (let number = 0; number < 50; number++) {
    const { id } = await client.call("rule.add", {
      input: { interface: "in0", group: `239.9.0.${number}`, port: 5001, exclusive: true },
      outputs: [{ interface: "out0", group: `239.9.1.${number}`, port: 6000 }],
    });
    if (number % 2 === 0) await client.call("rule.remove", { id });
  }

  source.kill("SIGTERM");
  const sent: Sent = JSON.parse((await source.end()).stdout);
  checkComplete(await sink.received(), sent);
  deepStrictEqual((await local.receivedSoFar()).received, 0, "nothing slips through while the filter is replaced");
});

// One change for each stream: what two of them leave out and what they do twice could make up for each other.
for (const change of ["added", "removed"] as const) {
  testRelay(`no datagram is nobody's while an exclusive rule is ${change}`, {}, async ({ network, supervisor }) => {
    using client = await connect(supervisor.socket);
    const outputs = [{ interface: "out0", group: OUTPUT.group, port: OUTPUT.port }];
    const add = () => client.call("rule.add", { input: { interface: "in0", ...STREAM, exclusive: true }, outputs });
    const remove = () => client.call("rule.remove", { id: "239.1.1.1:5001:in0" });
    for (let round = 0; round < 3; round++) {
      if (change === "removed") await add();
      await using sink = await Sink.start(network, { ...OUTPUT, idle: 1 });
      await using local = await Sink.start(network, { ...LOCAL, idle: 1 });
      await using source = await Process.start(gen(network, { ...STREAM, count: 10_000_000, rate: 20_000 }));
      await untilFrames(network, 1_000);
      await (change === "added" ? add() : remove());
      await untilFrames(network, 1_000);
      source.kill("SIGTERM");

      const { sent }: Sent = JSON.parse((await source.end()).stdout);
      const relayed = await sink.received(), heard = await local.received();
      // While the filter comes or goes, a moment's datagrams go both ways.
      const counts = `${sent} sent, ${relayed.received} relayed, ${heard.received} heard`;
      ok(relayed.received > 0 && heard.received > 0, `both have had their time: ${counts}`);
      ok(relayed.received + heard.received >= sent, counts);
      if (change === "added") await remove();
    }
  });
}

testRelay("fragments of an exclusive rule are relayed, and whole for local listeners too", {}, async (relay) => {
  const { network, supervisor } = relay;
  await addExclusive(supervisor, RULE);
  await using sink = await Sink.start(network, OUTPUT);
  await using local = await Sink.start(network, LOCAL);

  const sent = await send(network, { ...STREAM, count: 1_000, rate: 5_000, size: "3000" });

  checkComplete(await sink.received(), sent);
  checkComplete(await local.received(), sent);
});

testRelay("rules beyond what the filter holds are relayed but not exclusive, and it is said", {}, async (relay) => {
  const { network, supervisor } = relay;
  const count = 1_800, exclusive = count / 2;
  using client = await connect(supervisor.socket);
  // Every other one: in the filter, neighbours that are alike are one.
  await Promise.all([...Array(count).keys()].map((number) =>
    client.call("rule.add", {
      input: {
        interface: "in0",
        group: `239.7.${number >> 8}.${number & 255}`,
        port: 5001,
        exclusive: number % 2 === 0,
      },
      outputs: [{ interface: "out0", group: `239.8.${number >> 8}.${number & 255}`, port: 6000 }],
    })
  ));
  const [, said] = await supervisor.process.line("stderr", /warning: only (\d+) of 900 exclusive rules of in0 are: /);
  const fit = Number(said);
  ok(fit > 700 && fit < exclusive, `${fit} fit`);
  const flows = { group: "239.7.0.0", port: 5001, flows: count };
  await using sink = await Sink.start(network, { group: "239.8.0.0", port: 6000, flows: count });
  await using local = await Sink.start(network, { namespace: "relay", interface: "in0", ...flows });

  const sent = await send(network, { ...flows, count: 10 * count, rate: 20_000 });

  checkComplete(await sink.received(), sent);
  const heard = (await local.received()).flows.map(({ flow }) => flow).sort((a, b) => a - b);
  const expected = [...Array(count).keys()].filter((number) => number % 2 === 1 || number >= 2 * fit);
  deepStrictEqual(heard, expected, "the first rules are exclusive, the last are not");
});

testNetwork("filter and qdisc go with the last exclusive rule, and with the supervisor", async () => {
  await using network = await Network.create("relay");
  const untouched = await trafficControl(network);
  await using supervisor = await Supervisor.start(network);
  const { id } = await addExclusive(supervisor, RULE);
  match(await trafficControl(network), /pref 65000 bpf/);
  await supervisor.remove(id);
  deepStrictEqual(await trafficControl(network), untouched);

  await addExclusive(supervisor, RULE);
  await supervisor.stop();
  deepStrictEqual(await trafficControl(network), untouched);
});

testNetwork("a filter that a killed supervisor left is found and removed by the next", async () => {
  await using network = await Network.create("relay");
  const untouched = await trafficControl(network);
  await using killed = await Supervisor.start(network);
  await addExclusive(killed, RULE);
  killed.process.kill("SIGKILL");
  await killed.process.end();
  await until("the workers were gone", async () => (await network.pids("relay")).length === 0 || undefined);
  match(await trafficControl(network), /pref 65000 bpf/, "the kernel keeps it");

  await using next = await Supervisor.start(network);
  match(next.process.stderr, /^mcr: removed 1 exclusive filter\(s\) that a killed relay had left on in0$/m);
  deepStrictEqual(await trafficControl(network), untouched);
  await next.stop();
});

testNetwork("two supervisors have a filter each, and neither touches the other's", async () => {
  await using network = await Network.create("relay");
  const untouched = await trafficControl(network);
  await using first = await Supervisor.start(network);
  await addExclusive(first, RULE);
  await using second = await Supervisor.start(network);
  deepStrictEqual(second.process.stderr.includes("removed"), false);
  await addExclusive(second, { ...RULE, group: "239.1.1.2" });
  await using local = await Sink.start(network, { ...LOCAL, flows: 2, idle: 40 });
  deepStrictEqual((await trafficControl(network)).match(/handle 0x/g)?.length, 2);

  await send(network, { ...STREAM, flows: 2, count: 1_000 });
  deepStrictEqual((await local.receivedSoFar()).received, 0);

  first.process.kill("SIGTERM");
  await first.process.end();
  deepStrictEqual((await trafficControl(network)).match(/handle 0x/g)?.length, 1);
  await second.stop();
  deepStrictEqual(await trafficControl(network), untouched, "whoever is last takes the qdisc along");
});

testNetwork("a qdisc and filters of others stay as they are", async () => {
  await using network = await Network.create("relay");
  await tc(network, "qdisc", "add", "dev", "in0", "clsact");
  for (const side of ["ingress", "egress"]) await tc(network, "filter", "add", "dev", "in0", side, ...FOREIGN_FILTER);
  const theirs = await trafficControl(network);
  await using supervisor = await Supervisor.start(network);
  const { id } = await addExclusive(supervisor, RULE);
  await supervisor.remove(id);
  deepStrictEqual(await trafficControl(network), theirs);

  await addExclusive(supervisor, RULE);
  await supervisor.stop();
  deepStrictEqual(await trafficControl(network), theirs);
});

testNetwork("a filter that somebody adds beside ours keeps the qdisc", async () => {
  await using network = await Network.create("relay");
  await using supervisor = await Supervisor.start(network);
  await addExclusive(supervisor, RULE);
  await tc(network, "filter", "add", "dev", "in0", "egress", ...FOREIGN_FILTER);

  await supervisor.stop();

  const left = await trafficControl(network);
  match(left, /clsact/);
  match(left, /pref 10 bpf/);
  deepStrictEqual(left.includes("pref 65000"), false);
});

testRelay("an exclusive rule follows its interface down, away and back", {}, async ({ network, supervisor }) => {
  const { id } = await addExclusive(supervisor, RULE);
  await network.ip("relay", "link", "set", "in0", "down");
  await supervisor.untilRule(id, "pending");
  deepStrictEqual((await trafficControl(network)).includes("clsact"), false);
  await network.ip("relay", "link", "set", "in0", "up");
  await supervisor.untilRule(id, "active");
  await using sink = await Sink.start(network, OUTPUT);
  await using local = await Sink.start(network, { ...LOCAL, idle: 40 });

  const sent = await send(network, { ...STREAM, count: 1_000 });

  checkComplete(await sink.received(), sent);
  deepStrictEqual((await local.receivedSoFar()).received, 0);
});

testNetwork("without CAP_NET_ADMIN an exclusive rule is refused by that name, others are not", async () => {
  await using network = await Network.create("relay");
  const directory = await Deno.makeTempDir({ prefix: "mcr-e2e-" });
  const env = { MCR_SOCKET: `${directory}/mcr.sock` };
  const bare = ["setpriv", "--bounding-set", "-net_admin", "--inh-caps", "-net_admin", "--"];
  try {
    await using process = await Process.start(
      network.within("relay", [...bare, ...mcr("run", "--workers", "1", "--socket", env.MCR_SOCKET)]),
    );
    await process.line("stderr", /^mcr: ready on /);
    for (const where of ["in0", "not-there"]) {
      const refused = await run(mcr(...addArguments({ ...RULE, in: where }), "--exclusive"), { env });
      deepStrictEqual([refused.code, refused.stdout], [1, ""]);
      match(refused.stderr, /^mcr: Cannot add rule \S+: an exclusive input needs CAP_NET_ADMIN, which this supervisor/);
    }
    deepStrictEqual(await output(mcr("list"), { env }), "no rules\n");
    deepStrictEqual((await trafficControl(network)).includes("clsact"), false);
    await output(mcr(...addArguments(RULE)), { env });
  } finally {
    await Deno.remove(directory, { recursive: true });
  }
});

async function addExclusive(supervisor: Supervisor, rule: RuleWords): Promise<RuleStatus> {
  const status: RuleStatus = JSON.parse(await supervisor.command(...addArguments(rule), "--exclusive", "-j"));
  deepStrictEqual(status.input.exclusive, true);
  return status;
}

async function tc(network: Network, ...args: string[]): Promise<string> {
  return await output(network.within("relay", ["tc", ...args]));
}

/** All that tc knows of the input interface. */
async function trafficControl(network: Network): Promise<string> {
  const shown = [
    ["qdisc", "show", "dev", "in0"],
    ...["ingress", "egress"].map((side) => [
      ...["filter", "show", "dev", "in0", side],
    ]),
  ];
  return (await Promise.all(shown.map((args) => tc(network, ...args)))).join("");
}

/** Frames that filters at the ingress of the input interface have dropped. */
async function dropsAtIngress(network: Network): Promise<number> {
  const qdiscs: readonly { readonly kind: string; readonly drops: number }[] = JSON.parse(
    await tc(network, "-s", "-j", "qdisc", "show", "dev", "in0"),
  );
  return qdiscs.find(({ kind }) => kind === "clsact")!.drops;
}

/** Waits until so many frames more have come to the input interface. */
async function untilFrames(network: Network, count: number): Promise<void> {
  const read = async (): Promise<number> => {
    const [{ stats64 }] = JSON.parse(await network.ip("relay", "-s", "-j", "link", "show", "in0"));
    return stats64.rx.packets;
  };
  const enough = await read() + count;
  await until(`${count} more frames had come`, async () => await read() >= enough || undefined);
}

/** Multicast datagrams that have come as far as UDP on the relay's host and found no listener. */
async function ignoredMulticast(network: Network): Promise<number> {
  const lines = (await output(network.within("relay", ["cat", "/proc/net/snmp"]))).split("\n");
  const [names, values] = lines.filter((line) => line.startsWith("Udp:")).map((line) => line.split(" "));
  return Number(values![names!.indexOf("IgnoredMulti")]);
}
