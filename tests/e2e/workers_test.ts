// Goal: workers share the work, and none of them is needed: one that is killed costs no datagram, and none outlives the
// supervisor.
import { deepStrictEqual, notStrictEqual, ok } from "node:assert/strict";
import { testNetwork, testRelay } from "./case.ts";
import { Listener } from "./listener.ts";
import { type RuleWords, Supervisor } from "./mcr.ts";
import { Network } from "./network.ts";
import { Process, until } from "./process.ts";
import { checkComplete, gen, send, type Sent, Sink } from "./traffic.ts";
import { connect, type WorkerStatus } from "../../mod.ts";

const RULE: RuleWords = { in: "in0", group: "239.1.1.1", port: 5001, outputs: ["239.2.2.2:6000:out0"] };
const STREAM = { group: "239.1.1.1", port: 5001 };
const OUTPUT = { group: "239.2.2.2", port: 6000 };

/** SIGKILLs of one stream. */
const KILLS = 20;
/** Datagrams that a worker relays before it is killed: 0.15 s, so that its end is not taken for a failure to start. */
const LIFE_DATAGRAMS = 3_000;
/** Outputs beside the one that is checked: a worker is busy sending about a third of the time, and often dies at it. */
const OTHER_OUTPUTS = [...Array(9).keys()].map((index) => `239.2.6.${index}:6000:out0`);

testRelay("two workers share 32 flows, each once and in order", { workers: 2 }, async ({ network, supervisor }) => {
  const flows = 32;
  await supervisor.addAll([...Array(flows).keys()].map((flow) => {
    return { in: "in0", group: `239.1.5.${flow}`, port: 5001, outputs: [`239.2.5.${flow}:6000:out0`] };
  }));
  await using sink = await Sink.start(network, { group: "239.2.5.0", port: 6000, flows });

  const sent = await send(network, { group: "239.1.5.0", port: 5001, flows, count: 32_000 });

  checkComplete(await sink.received(), sent);
  const workers = await supervisor.workers();
  // The kernel spreads flows by a hash: that all 32 go to one worker happens once in 2^31 times.
  ok(workers.every(({ received }) => received > 0), "both workers have relayed");
  deepStrictEqual(workers.reduce((sum, { relayed }) => sum + relayed, 0), 32_000);
});

testRelay(
  "a worker killed again and again at 20,000 datagrams a second loses and repeats nothing",
  {},
  async ({ network, supervisor }) => {
    await supervisor.add({ ...RULE, outputs: [...RULE.outputs, ...OTHER_OUTPUTS] });
    await using sink = await Sink.start(network, { ...OUTPUT, idle: 1 });
    await using source = await Process.start(gen(network, { ...STREAM, count: 10_000_000 }));

    let victim = await untilWorker(supervisor, ({ relayed }) => relayed >= LIFE_DATAGRAMS);
    for (let kills = 1; kills <= KILLS; kills++) {
      const { pid, relayed } = victim;
      Deno.kill(pid!, "SIGKILL");
      // The counters go on where they were.
      victim = await untilWorker(supervisor, (worker) => {
        return worker.restarts === kills && worker.relayed >= relayed + LIFE_DATAGRAMS;
      });
      notStrictEqual(victim.pid, pid);
    }

    source.kill("SIGTERM");
    const sent: Sent = JSON.parse((await source.end()).stdout);
    checkComplete(await sink.received(), sent);
    const [worker] = await supervisor.workers();
    const { restarts, received, relayed, drops } = worker!;
    deepStrictEqual({ restarts, received, relayed, drops }, {
      restarts: KILLS,
      received: sent.sent,
      relayed: sent.sent,
      drops: {},
    });
  },
);

testRelay("what leaves keeps its source port when the worker is killed", {}, async ({ network, supervisor }) => {
  await supervisor.add(RULE);
  await using listener = await Listener.start(network, "sink", { address: "10.2.0.1", ...OUTPUT });
  await send(network, { ...STREAM, count: 1 });
  const before = await listener.hear();

  const [worker] = await supervisor.workers();
  Deno.kill(worker!.pid!, "SIGKILL");
  await untilWorker(supervisor, ({ restarts }) => restarts === 1);
  await send(network, { ...STREAM, count: 1, size: "1000" });

  deepStrictEqual(await listener.hear(({ length }) => length === 1000), { ...before, length: 1000 });
});

testNetwork("workers end by themselves when the supervisor is killed", async () => {
  await using network = await Network.create("relay");
  await using supervisor = await Supervisor.start(network, { workers: 2 });
  await supervisor.add(RULE);
  deepStrictEqual((await network.pids("relay")).length, 3);

  supervisor.process.kill("SIGKILL");
  await supervisor.process.end();

  await until("the workers were gone", async () => (await network.pids("relay")).length === 0 || undefined);
});

for (const signal of ["SIGTERM", "SIGINT"] as const) {
  testNetwork(`${signal} ends supervisor and workers in good order while traffic flows`, async () => {
    await using network = await Network.create("relay");
    await using supervisor = await Supervisor.start(network, { workers: 2 });
    await supervisor.add(RULE);
    await using source = await Process.start(gen(network, { ...STREAM, count: 10_000_000 }));
    await untilWorker(supervisor, ({ relayed }) => relayed > 0);

    await supervisor.end(signal);
    ok(source.isRunning, "the traffic went on all the time");
  });
}

/** Waits for a worker that runs and is as wanted. */
async function untilWorker(
  supervisor: Supervisor,
  isWanted: (worker: WorkerStatus) => boolean,
): Promise<WorkerStatus> {
  using client = await connect(supervisor.socket);
  return await until("a worker was as wanted", async () => {
    const { workers } = await client.call("worker.list", {});
    return workers.find((worker) => worker.state === "running" && isWanted(worker));
  });
}
