// Goal: interfaces come and go, and rules wait for them: nobody has to add one again.
import { deepStrictEqual, match } from "node:assert/strict";
import { type Relay, testRelay } from "./case.ts";
import { Listener } from "./listener.ts";
import { addArguments, type RuleWords } from "./mcr.ts";
import { type Cable, TOPOLOGIES } from "./network.ts";
import { Process, until } from "./process.ts";
import { checkComplete, send, Sink } from "./traffic.ts";

const RULE: RuleWords = { in: "in0", group: "239.1.1.1", port: 5001, outputs: ["239.2.2.2:6000:out0"] };
const STREAM = { group: "239.1.1.1", port: 5001 };
const OUTPUT = { group: "239.2.2.2", port: 6000 };
const [INPUT_CABLE, OUTPUT_CABLE] = TOPOLOGIES.relay;

/** Beside the topology's own. */
const SECOND_CABLE: Cable = [
  { namespace: "source", interface: "s1", address: "10.4.0.1/24" },
  { namespace: "relay", interface: "in1", address: "10.4.0.2/24" },
];

/** To where there is an output more. */
const OTHER_OUTPUT: Cable = [
  { namespace: "relay", interface: "out1", address: "10.9.0.1/24" },
  { namespace: "sink", interface: "s1", address: "10.9.0.2/24" },
];

testRelay("a rule on a missing interface says that it waits, and relays when it comes", {}, async (relay) => {
  const { network, supervisor } = relay;
  const answer = await supervisor.command(...addArguments({ ...RULE, in: "in1" }));
  match(answer, /^rule \S+ added, pending: waiting for interface in1$/m);
  const [{ id, state, waiting_for: waitingFor } = { id: "" }] = await supervisor.rules();
  deepStrictEqual({ state, waitingFor }, { state: "pending", waitingFor: ["in1"] });

  await network.connect(SECOND_CABLE);

  deepStrictEqual((await supervisor.untilRule(id, "active")).waiting_for, []);
  await checkRelaying(relay, "s1");
});

testRelay("a rule goes on when its input interface was removed and made again", {}, async (relay) => {
  const { network, supervisor } = relay;
  const { id } = await supervisor.add(RULE);
  await checkRelaying(relay);

  await network.disconnect(INPUT_CABLE);
  deepStrictEqual((await supervisor.untilRule(id, "pending")).waiting_for, ["in0"]);
  await network.connect(INPUT_CABLE);
  await supervisor.untilRule(id, "active");

  await checkRelaying(relay);
});

testRelay("a rule goes on when its output interface was removed and made again", {}, async (relay) => {
  const { network, supervisor } = relay;
  const { id } = await supervisor.add(RULE);
  await checkRelaying(relay);

  await network.disconnect(OUTPUT_CABLE);
  deepStrictEqual((await supervisor.untilRule(id, "pending")).waiting_for, ["out0"]);
  await network.connect(OUTPUT_CABLE);
  await supervisor.untilRule(id, "active");

  await checkRelaying(relay);
});

testRelay("a rule that cannot be had when its interface comes keeps no other from anything", {}, async (relay) => {
  const { network, supervisor } = relay;
  const held = await supervisor.add({ ...RULE, group: "239.1.1.9", outputs: ["239.2.2.9:6000:out1/source_port=7000"] });
  const { id } = await supervisor.add({ ...RULE, in: "in1" });
  const program = "import socket, time; s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); " +
    "s.bind(('', 7000)); print('bound', flush=True); time.sleep(60)";
  await using holder = await Process.start(network.within("relay", ["python3", "-c", program]));
  await holder.line("stdout", /^bound$/);

  await network.connect(OTHER_OUTPUT);
  const reason =
    /rule 239\.1\.1\.9:5001:in0 stays as it is, though interfaces have changed: .*: Address already in use$/;
  await supervisor.process.line("stderr", reason);
  await network.connect(SECOND_CABLE);
  await supervisor.untilRule(id, "active");
  await checkRelaying(relay, "s1");

  // Free again, it is had with the next change, whatever that is about.
  holder.kill("SIGKILL");
  await holder.end();
  await supervisor.remove(id);
  await supervisor.untilRule(held.id, "active");
});

testRelay("an input interface that goes down and up again is relayed from again", {}, async (relay) => {
  const { network, supervisor } = relay;
  const { id } = await supervisor.add(RULE);

  await network.ip("relay", "link", "set", "in0", "down");
  await supervisor.untilRule(id, "pending");
  await network.ip("relay", "link", "set", "in0", "up");
  await supervisor.untilRule(id, "active");

  await checkRelaying(relay);
});

testRelay("an output whose interface is missing counts its drops while the other one relays", {}, async (relay) => {
  const { network, supervisor } = relay;
  await supervisor.add({ ...RULE, outputs: [...RULE.outputs, "239.2.2.3:6000:out1"] });

  await checkRelaying(relay);

  const [rule] = (await supervisor.stats()).rules;
  const counted = rule!.outputs.map(({ due, sent, drops }) => ({ due, sent, drops }));
  deepStrictEqual(counted, [
    { due: 1_000, sent: 1_000, drops: {} },
    { due: 1_000, sent: 0, drops: { no_interface: 1_000 } },
  ]);
  await network.connect([
    { namespace: "relay", interface: "out1", address: "10.3.0.2/24" },
    { namespace: "sink", interface: "k1", address: "10.3.0.1/24" },
  ]);
  await supervisor.untilRule(rule!.id, "active");
  await using sink = await Sink.start(network, { interface: "k1", group: "239.2.2.3", port: 6000 });
  const sent = await send(network, { ...STREAM, count: 1_000 });
  checkComplete(await sink.received(), sent);
});

testRelay("what leaves has the new address when that of the output interface changes", {}, async (relay) => {
  const { network, supervisor } = relay;
  await supervisor.add(RULE);
  await using listener = await Listener.start(network, "sink", { address: "10.2.0.1", ...OUTPUT });
  await send(network, { ...STREAM, count: 1 });
  deepStrictEqual((await listener.hear()).address, "10.2.0.2");

  await network.ip("relay", "addr", "del", "10.2.0.2/24", "dev", "out0");
  await network.ip("relay", "addr", "add", "10.2.0.3/24", "dev", "out0");

  await until("a datagram came from the new address", async () => {
    await send(network, { ...STREAM, count: 1 });
    return listener.heard().find(({ address }) => address === "10.2.0.3");
  });
  await checkRelaying(relay);
});

testRelay("a rule is not disturbed when another one's interface goes", {}, async (relay) => {
  const { network, supervisor } = relay;
  await network.connect(SECOND_CABLE);
  await supervisor.add(RULE);
  const { id } = await supervisor.add({ ...RULE, in: "in1", outputs: ["239.2.2.4:6000:out0"] });
  await using sink = await Sink.start(network, OUTPUT);

  const sending = send(network, { ...STREAM, count: 40_000 });
  await network.disconnect(SECOND_CABLE);
  await supervisor.untilRule(id, "pending");
  await network.connect(SECOND_CABLE);
  await supervisor.untilRule(id, "active");

  const sent = await sending;
  checkComplete(await sink.received(), sent);
});

/** Checks that what the rule is for is relayed to its output, whole. */
async function checkRelaying({ network }: Relay, from = "s0"): Promise<void> {
  await using sink = await Sink.start(network, OUTPUT);
  const sent = await send(network, { ...STREAM, interface: from, count: 1_000, rate: 10_000 });
  checkComplete(await sink.received(), sent);
}
