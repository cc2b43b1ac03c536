// Goal: whoever subscribes hears of what happens in the relay, when it happens; and who does not listen harms nobody.
import { deepStrictEqual, match, ok, strictEqual } from "node:assert/strict";
import { type Client, connect, type EventKind, parseOutput, type RelayEvent } from "../../mod.ts";
import { testNetwork, testRelay } from "./case.ts";
import { mcr, type RuleWords, Supervisor } from "./mcr.ts";
import { Network } from "./network.ts";
import { Process } from "./process.ts";
import { checkComplete, gen, send, type Sent, Sink } from "./traffic.ts";

const RULE: RuleWords = { in: "in0", group: "239.1.1.1", port: 5001, outputs: ["239.2.2.2:6000:out0"] };
const STREAM = { group: "239.1.1.1", port: 5001 };
const ID = "239.1.1.1:5001:in0";

/** A running `mcr events -j`. */
class Listener implements AsyncDisposable {
  readonly process: Process;
  readonly #lines: AsyncGenerator<string>;

  private constructor(process: Process) {
    this.process = process;
    this.#lines = process.lines("stdout");
  }

  static async start({ socket }: Supervisor, ...kinds: EventKind[]): Promise<Listener> {
    const kind = kinds.length === 0 ? [] : ["--kind", kinds.join(",")];
    const process = await Process.start(mcr("events", "-j", ...kind), { env: { MCR_SOCKET: socket } });
    await process.line("stderr", /^mcr: waiting for events/);
    return new Listener(process);
  }

  /** The next event that is like this, with what others came before it left out. */
  async next(wanted: Partial<Record<string, unknown>>): Promise<RelayEvent> {
    for (let line = await this.#lines.next(); !line.done; line = await this.#lines.next()) {
      const event: Record<string, unknown> = JSON.parse(line.value);
      if (Object.entries(wanted).every(([key, value]) => event[key] === value)) return event as unknown as RelayEvent;
    }
    throw new Error(`Waited in vain for ${JSON.stringify(wanted)}: ${this.process.stderr}`);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.process[Symbol.asyncDispose]();
  }
}

testRelay("a rule's life, and what its interface does to it, is told", {}, async ({ network, supervisor }) => {
  await using listener = await Listener.start(supervisor, "rule", "interface");
  await supervisor.add(RULE);
  const added = await listener.next({ kind: "rule", type: "added" });
  deepStrictEqual({ ...added, time: "" }, {
    ...{ time: "", kind: "rule", type: "added", id: ID, state: "active", waiting_for: [] },
  });
  ok(Math.abs(Date.parse(added.time) - Date.now()) < 60_000, added.time);

  await network.ip("relay", "link", "set", "out0", "down");
  await listener.next({ kind: "interface", type: "changed", name: "out0", up: false });
  const pending = await listener.next({ kind: "rule", type: "state", id: ID, state: "pending" });
  deepStrictEqual("waiting_for" in pending && pending.waiting_for, ["out0"]);
  await network.ip("relay", "link", "set", "out0", "up");
  await listener.next({ kind: "rule", type: "state", id: ID, state: "active" });

  await network.ip("relay", "link", "add", "new0", "type", "veth", "peer", "name", "new1");
  await listener.next({ kind: "interface", type: "came", name: "new0" });
  await network.ip("relay", "link", "del", "new0");
  await listener.next({ kind: "interface", type: "went", name: "new0" });

  await supervisor.remove(ID);
  await listener.next({ kind: "rule", type: "removed", id: ID });
});

testRelay("a worker that ends, and its successor, are told", {}, async ({ supervisor }) => {
  await using listener = await Listener.start(supervisor, "worker");
  const { pid } = (await supervisor.workers())[0]!;
  Deno.kill(pid!, "SIGKILL");
  await listener.next({ type: "ended", index: 0, pid, status: "signal 9" });
  const next = await listener.next({ type: "restarted", index: 0 });
  strictEqual("pid" in next && next.pid !== pid, true);
});

testRelay("drops are told with their number and their advice", {}, async ({ network, supervisor }) => {
  await supervisor.add({ ...RULE, outputs: ["239.2.2.2:6000:none0"] });
  await using listener = await Listener.start(supervisor, "drop");
  await send(network, { ...STREAM, count: 100 });
  const drop = await listener.next({ kind: "drop", type: "growing", reason: "no_interface" });
  ok(drop.kind === "drop" && drop.count >= 1 && drop.count <= 100);
  match(drop.advice, /^the output waits for its interface/);
});

testNetwork("mcr events ends with a message when the supervisor does", async () => {
  await using network = await Network.create("relay");
  await using supervisor = await Supervisor.start(network);
  await using listener = await Listener.start(supervisor);
  await supervisor.stop();
  const { code, stderr } = await listener.process.end();
  strictEqual(code, 1);
  match(stderr, /^mcr: Cannot get further events: the supervisor closed the connection$/m);
});

testRelay("a subscriber that does not read holds up neither relay nor clients", {}, async ({ network, supervisor }) => {
  using client = await connect(supervisor.socket);
  using silent = client.events();
  await silent.opened;
  await supervisor.add(RULE);
  await using sink = await Sink.start(network, { group: "239.2.2.2", port: 6000 });
  await using source = await Process.start(gen(network, { ...STREAM, count: 10_000_000 }));

  const slowest = await changeRules(client, 3000);
  // Held up it would be for as long as the subscriber is silent.
  ok(slowest < 5000, `a change took ${slowest} ms`);

  source.kill("SIGTERM");
  const sent: Sent = JSON.parse((await source.end()).stdout);
  checkComplete(await sink.received(), sent);

  let heard = 0, missed = 0;
  for await (const event of silent) {
    if (event.kind === "missed") missed += event.count;
    if (event.kind === "rule") heard++;
    if (missed > 0 || heard === 1 + 2 * 3000) break;
  }
  strictEqual(heard + missed, 1 + 2 * 3000, "each is told or counted");
});

/** Adds and removes rules; returns how long the slowest change took, in milliseconds. */
async function changeRules(client: Client, count: number): Promise<number> {
  let slowest = 0;
  for (let index = 0; index < count; index++) {
    const start = performance.now();
    const group = `239.9.${index >> 8}.${index & 255}`;
    const { id } = await client.call("rule.add", {
      input: { interface: "in0", group, port: 5001 },
      outputs: [parseOutput(`239.8.0.1:6000:out0`)],
    });
    await client.call("rule.remove", { id });
    slowest = Math.max(slowest, performance.now() - start);
  }
  return slowest;
}
