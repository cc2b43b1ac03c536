// Goal: rules come and go at run time. A change is in force when it is answered, and no other rule notices it.
import { deepStrictEqual, match } from "node:assert/strict";
import { testRelay } from "./case.ts";
import { addArguments, type RuleWords } from "./mcr.ts";
import { Process } from "./process.ts";
import { checkComplete, gen, send, type Sent, Sink } from "./traffic.ts";

const RULE: RuleWords = { in: "in0", group: "239.1.1.1", port: 5001, outputs: ["239.2.2.2:6000:out0"] };
const STREAM = { group: "239.1.1.1", port: 5001 };
const OUTPUT = { group: "239.2.2.2", port: 6000 };

testRelay("a rule loses nothing while others are added and removed", {}, async ({ network, supervisor }) => {
  await supervisor.add(RULE);
  await using sink = await Sink.start(network, OUTPUT);
  await using source = await Process.start(gen(network, { ...STREAM, count: 10_000_000 }));

  for (let round = 0; round < 8; round++) {
    const output = `239.9.1.${round}:6000:out0`;
    const { id } = await supervisor.add({ in: "in0", group: `239.9.0.${round}`, port: 5001, outputs: [output] });
    await supervisor.remove(id);
  }

  source.kill("SIGTERM");
  const sent: Sent = JSON.parse((await source.end()).stdout);
  checkComplete(await sink.received(), sent);
});

testRelay("a rule that is replaced again and again loses and repeats nothing", {}, async ({ network, supervisor }) => {
  const { id } = await supervisor.add(RULE);
  await using sink = await Sink.start(network, OUTPUT);
  await using source = await Process.start(gen(network, { ...STREAM, count: 10_000_000 }));

  for (let round = 0; round < 8; round++) {
    const outputs = [...RULE.outputs, `239.9.1.${round}:6000:out0`];
    await supervisor.command(...addArguments({ ...RULE, outputs }), "--replace", "--name", `round-${round}`);
  }

  source.kill("SIGTERM");
  const sent: Sent = JSON.parse((await source.end()).stdout);
  checkComplete(await sink.received(), sent);
  const [rule] = (await supervisor.stats()).rules;
  const [first, second] = rule!.outputs;
  // The counters of the rule and of the output that stayed go on; those of the other began anew each time.
  deepStrictEqual([rule!.id, rule!.name, rule!.received, first!.sent], [id, "round-7", sent.sent, sent.sent]);
  deepStrictEqual(second!.sent < sent.sent, true);
});

testRelay("a source that a rule takes before and after loses nothing", {}, async ({ network, supervisor }) => {
  const sources = (...others: readonly string[]): string[] =>
    ["10.0.0.0/8", ...others].flatMap((one) => ["--source", one]);
  await supervisor.command(...addArguments(RULE), ...sources());
  await using sink = await Sink.start(network, OUTPUT);
  await using source = await Process.start(gen(network, { ...STREAM, count: 10_000_000 }));

  for (let round = 0; round < 8; round++) {
    const others = [`192.168.${round}.0/24`];
    await supervisor.command(...addArguments(RULE), "--replace", ...sources(...others));
  }
  // To a file this is another rule, which comes while the first one goes.
  const file = await Deno.makeTempFile({ suffix: ".yaml" });
  const rule = "input: { interface: in0, group: 239.1.1.1, port: 5001, sources: [10.0.0.0/8] }\n    " +
    "outputs: [{ interface: out0, group: 239.2.2.2, port: 6000 }]";
  await Deno.writeTextFile(file, `version: 1\nrules:\n  - ${rule}\n`);
  match(await supervisor.command("config", "apply", file), /\n1 added, 1 removed, 0 replaced, 0 unchanged\n$/);
  await Deno.remove(file);

  source.kill("SIGTERM");
  const sent: Sent = JSON.parse((await source.end()).stdout);
  checkComplete(await sink.received(), sent);
});

testRelay("a removed rule relays nothing more, another one goes on", {}, async ({ network, supervisor }) => {
  const other = { group: "239.1.1.2", port: 5001 };
  const { id } = await supervisor.add(RULE);
  await supervisor.add({ in: "in0", ...other, outputs: ["239.2.2.3:6000:out0"] });
  await using sink = await Sink.start(network, { ...OUTPUT, idle: 40 });
  await using otherSink = await Sink.start(network, { group: "239.2.2.3", port: 6000 });

  const before = await send(network, { ...STREAM, count: 1_000 });
  await supervisor.remove(id);
  await send(network, { ...STREAM, count: 1_000 });
  const after = await send(network, { ...other, count: 1_000 });

  // The other rule's datagrams came last: once they have arrived, there is nothing to wait for.
  checkComplete(await otherSink.received(), after);
  checkComplete(await sink.receivedSoFar(), before);
});

testRelay("the first datagram after the answer to add is relayed", {}, async ({ network, supervisor }) => {
  const rounds = 10;
  await using sink = await Sink.start(network, {
    group: "239.2.3.0",
    port: 6000,
    flows: rounds,
    idle: 40,
    count: rounds,
  });
  for (let round = 0; round < rounds; round++) {
    const input = { group: `239.1.3.${round}`, port: 5001 };
    await supervisor.add({ in: "in0", ...input, outputs: [`239.2.3.${round}:6000:out0`] });
    await send(network, { ...input, count: 1 });
  }

  const { received, lost, duplicated } = await sink.received();
  deepStrictEqual({ received, lost, duplicated }, { received: rounds, lost: 0, duplicated: 0 });
});

testRelay("a rule that was removed can be added again", {}, async ({ network, supervisor }) => {
  const first = await supervisor.add(RULE);
  await supervisor.remove(first.id);
  const second = await supervisor.add(RULE);
  await using sink = await Sink.start(network, OUTPUT);

  const sent = await send(network, { ...STREAM, count: 1_000 });

  checkComplete(await sink.received(), sent);
  deepStrictEqual(second.id, first.id);
});

testRelay("what a removed rule had is another one's at once", { filesLimit: 2500 }, async ({ supervisor }) => {
  // So many files leave room for 451 outputs.
  for (let round = 0; round < 3; round++) {
    const outputs = Array.from({ length: 400 }, (_, index) => `239.8.${round}.8:${index + 1}:out0`);
    const { id } = await supervisor.add({ ...RULE, outputs });
    await supervisor.remove(id);
  }
});

testRelay("outputs may be given as three options, by the name add-rule", {}, async ({ network, supervisor }) => {
  const [, ...input] = addArguments(RULE).slice(0, -2);
  const output = ["--output-interface", "out0", "--output-group", "239.2.2.2", "--output-port", "6000"];
  await supervisor.command("add-rule", ...input, ...output);
  await using sink = await Sink.start(network, OUTPUT);

  const sent = await send(network, { ...STREAM, count: 1_000 });

  checkComplete(await sink.received(), sent);
});

testRelay("rules of many clients at once are all in force", {}, async ({ network, supervisor }) => {
  const count = 16;
  const indexes = [...Array(count).keys()];
  await using sink = await Sink.start(network, { group: "239.2.4.0", port: 6000, flows: count });
  await Promise.all(indexes.map((index) => {
    return supervisor.add({
      in: "in0",
      group: `239.1.4.${index}`,
      port: 5001,
      outputs: [`239.2.4.${index}:6000:out0`],
    });
  }));

  const sent = await send(network, { group: "239.1.4.0", port: 5001, flows: count, count: 8_000 });

  checkComplete(await sink.received(), sent);
  deepStrictEqual((await supervisor.rules()).length, count);
});
