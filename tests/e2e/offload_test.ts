// Goal: with receive offload the kernel hands over many datagrams at once, each still arrives once and in order; and the
// interface is afterwards what it was before.
import { deepStrictEqual, match, ok } from "node:assert/strict";
import { testNetwork, testRelay } from "./case.ts";
import { type Offload, readOffload, switchFeature } from "./features.ts";
import { addArguments, mcr, type RuleWords, Supervisor } from "./mcr.ts";
import { type Cable, Network, TOPOLOGIES } from "./network.ts";
import { output, Process } from "./process.ts";
import { checkComplete, send, Sink } from "./traffic.ts";

const RULE: RuleWords = { in: "in0", group: "239.1.1.1", port: 5001, outputs: ["239.2.2.2:6000:out0"] };
const STREAM = { group: "239.1.1.1", port: 5001 };
const OUTPUT = { group: "239.2.2.2", port: 6000 };
const [INPUT_CABLE] = TOPOLOGIES.relay;
const WITH_OFFLOAD = { args: ["--receive-offload", "in0"] };
const ON: Offload = { gro: true, forwarding: true };
const OFF: Offload = { gro: false, forwarding: false };

for (const [what, options, areSuperframes] of [["", WITH_OFFLOAD, true], ["out", {}, false]] as const) {
  testRelay(`with${what} receive offload a fast stream is whole and in order`, options, async (relay) => {
    const { network, supervisor } = relay;
    await supervisor.add(RULE);
    // The generator's interface cuts what it is given, so that single datagrams arrive in bursts as from a wire.
    await switchFeature(network, "source", "s0", "tx-udp-segmentation", false);
    await using sink = await Sink.start(network, OUTPUT);

    const sent = await send(network, {
      ...STREAM,
      count: 60_000,
      rate: 60_000,
      args: ["--gso", "on", "--burst", "32"],
    });

    checkComplete(await sink.received(), sent);
    const [worker] = await supervisor.workers();
    deepStrictEqual(worker!.superframes > 0, areSuperframes, `${worker!.superframes} superframes`);
  });
}

testRelay("flows that share an input come apart again behind receive offload", WITH_OFFLOAD, async (relay) => {
  const { network, supervisor } = relay;
  const flows = 4;
  await supervisor.addAll([...Array(flows).keys()].map((flow) => {
    return { in: "in0", group: `239.1.5.${flow}`, port: 5001, outputs: [`239.2.5.${flow}:6000:out0`] };
  }));
  await switchFeature(network, "source", "s0", "tx-udp-segmentation", false);
  await using sink = await Sink.start(network, { group: "239.2.5.0", port: 6000, flows });

  const stream = { group: "239.1.5.0", port: 5001, flows, size: "700" };
  const sent = await send(network, { ...stream, count: 40_000, rate: 40_000, args: ["--gso", "on", "--burst", "64"] });

  checkComplete(await sink.received(), sent);
  const [worker] = await supervisor.workers();
  ok(worker!.superframes > 0, "the kernel has put datagrams together");
});

testNetwork("receive offload is on while the interface is listened on, and then as before", async () => {
  await using network = await Network.create("relay");
  await using supervisor = await Supervisor.start(network, WITH_OFFLOAD);
  deepStrictEqual(await readOffload(network, "relay", "in0"), OFF, "nobody listens yet");
  const { id } = await supervisor.add(RULE);
  deepStrictEqual(await readOffload(network, "relay", "in0"), ON);
  deepStrictEqual(await readOffload(network, "relay", "out0"), OFF, "not asked for");
  await supervisor.remove(id);
  deepStrictEqual(await readOffload(network, "relay", "in0"), OFF);

  await supervisor.add(RULE);
  deepStrictEqual(await readOffload(network, "relay", "in0"), ON);
  await supervisor.stop();
  deepStrictEqual(await readOffload(network, "relay", "in0"), OFF);
});

testNetwork("what was on before receive offload stays on after it", async () => {
  await using network = await Network.create("relay");
  await switchFeature(network, "relay", "in0", "rx-gro", true);
  const before = await readOffload(network, "relay", "in0");
  deepStrictEqual(before, { gro: true, forwarding: false });
  await using supervisor = await Supervisor.start(network, WITH_OFFLOAD);
  await supervisor.add(RULE);
  deepStrictEqual(await readOffload(network, "relay", "in0"), ON);

  await supervisor.stop();

  deepStrictEqual(await readOffload(network, "relay", "in0"), before);
});

testRelay("receive offload is switched on when its interface comes, each time", {
  args: ["--receive-offload", "lo,in1", "--receive-offload", "in0"],
}, async ({ network, supervisor }) => {
  const second: Cable = [
    { namespace: "source", interface: "s1", address: "10.4.0.1/24" },
    { namespace: "relay", interface: "in1", address: "10.4.0.2/24" },
  ];
  const { id } = await supervisor.add(RULE);
  const later = await supervisor.add({ ...RULE, in: "in1", outputs: ["239.2.2.3:6000:out0"] });
  deepStrictEqual(later.state, "pending");

  await network.connect(second);
  await supervisor.untilRule(later.id, "active");
  deepStrictEqual(await readOffload(network, "relay", "in1"), ON);

  await network.disconnect(INPUT_CABLE);
  await supervisor.untilRule(id, "pending");
  await network.connect(INPUT_CABLE);
  await supervisor.untilRule(id, "active");
  deepStrictEqual(await readOffload(network, "relay", "in0"), ON);
  deepStrictEqual(supervisor.process.stderr.includes("warning"), false, supervisor.process.stderr);
});

testNetwork("where receive offload can't be switched, it says which feature, and relays", async () => {
  await using network = await Network.create("relay");
  const directory = await Deno.makeTempDir({ prefix: "mcr-e2e-" });
  const env = { MCR_SOCKET: `${directory}/mcr.sock` };
  const bare = ["setpriv", "--bounding-set", "-net_admin", "--inh-caps", "-net_admin", "--"];
  const line = mcr("run", "--workers", "1", "--socket", env.MCR_SOCKET, ...WITH_OFFLOAD.args);
  try {
    await using process = await Process.start(network.within("relay", [...bare, ...line]));
    await process.line("stderr", /^mcr: ready on /);
    await output(mcr(...addArguments(RULE)), { env });
    for (const feature of ["rx-gro", "rx-udp-gro-forwarding"]) {
      match(process.stderr, new RegExp(`^mcr: warning: .*${feature} on for "in0": needs CAP_NET_ADMIN$`, "m"));
    }
    await using sink = await Sink.start(network, OUTPUT);
    const sent = await send(network, { ...STREAM, count: 1_000 });
    checkComplete(await sink.received(), sent);
  } finally {
    await Deno.remove(directory, { recursive: true });
  }
});
