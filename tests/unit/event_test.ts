import { deepStrictEqual, equal, match, ok, rejects } from "node:assert/strict";
import { DropWatch } from "../../control/drop_watch.ts";
import type { DropEvent, RelayEvent } from "../../control/event.ts";
import type { RuleSpec } from "../../control/model.ts";
import { EventHub } from "../../control/event_hub.ts";
import { interfaceNews, ruleNews } from "../../control/news.ts";
import type { Session } from "../../control/protocol.ts";
import { subscribe } from "../../control/subscription.ts";
import { formatEventLine } from "../../control/commands/events.ts";
import { RuleSet } from "../../control/rule_set.ts";
import { parseOutput } from "../../control/rule_word.ts";
import { TestSupervisor } from "./fake_engine.ts";

/** An event without its time, which differs. */
function timeless({ time, ...event }: RelayEvent): unknown {
  match(time, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/);
  return event;
}

/** The next events of a stream. */
async function take(events: AsyncIterator<RelayEvent>, count: number): Promise<unknown[]> {
  const taken: unknown[] = [];
  while (taken.length < count) taken.push(timeless((await events.next()).value));
  return taken;
}

function rule(port: number, name?: string): RuleSpec {
  const spec = { input: parseOutput(`239.1.1.1:${port}:eth0`), outputs: [parseOutput(`239.2.2.2:${port}:eth1`)] };
  return name === undefined ? spec : { name, ...spec };
}

const ETH0 = { name: "eth0", index: 2, mtu: 1500, up: true, addresses: ["10.0.0.1"] };

Deno.test("client.events() tells of rules that come and go, to whoever wants to hear of rules", async () => {
  await using supervisor = await TestSupervisor.start();
  using client = await supervisor.connect();
  using rules = client.events({ kinds: ["rule"] });
  using others = client.events({ kinds: ["worker", "interface"] });
  await Promise.all([rules.opened, others.opened]);
  supervisor.engine.missing.add("eth1");
  await client.call("rule.add", rule(1, "one"));
  await client.call("rule.remove", { id: "one" });
  supervisor.events.emit({ kind: "worker", type: "restarted", index: 0, pid: 7 });

  const id = "239.1.1.1:1:eth0", name = "one";
  deepStrictEqual(await take(rules[Symbol.asyncIterator](), 2), [
    { kind: "rule", type: "added", id, name, state: "pending", waiting_for: ["eth1"] },
    { kind: "rule", type: "removed", id, name },
  ]);
  deepStrictEqual(await take(others[Symbol.asyncIterator](), 1), [
    { kind: "worker", type: "restarted", index: 0, pid: 7 },
  ]);
});

Deno.test("client.events() ends when it is disposed, and throws when the supervisor goes", async () => {
  const supervisor = await TestSupervisor.start();
  using client = await supervisor.connect();
  const disposed = client.events(), left = client.events();
  await Promise.all([disposed.opened, left.opened]);
  const end = disposed[Symbol.asyncIterator]().next();
  disposed[Symbol.dispose]();
  equal((await end).done, true);
  const next = left[Symbol.asyncIterator]().next();
  const refused = rejects(next, /^Error: Cannot get further events: the supervisor closed the connection$/);
  await supervisor[Symbol.asyncDispose]();
  await refused;
  using late = client.events();
  await rejects(late.opened, /Cannot reach the supervisor/);
});

Deno.test("event.subscribe refuses kinds that there are not", async () => {
  await using supervisor = await TestSupervisor.start();
  using client = await supervisor.connect();
  const ask = (params: unknown): Promise<unknown> => client.call("event.subscribe", params as Record<string, never>);
  await rejects(ask({ kinds: ["rules"] }), { code: "invalid", path: "kinds[0]" });
  await rejects(ask({ kinds: [] }), { code: "invalid", path: "kinds" });
  await rejects(ask({ kind: "rule" }), { code: "invalid", message: /did you mean "kinds"\?/ });
  using stream = client.events({ kinds: ["none" as "rule"] });
  await rejects(stream.opened, { code: "invalid" });
});

Deno.test("a connection that subscribes again hears of what it named last, once", async () => {
  await using supervisor = await TestSupervisor.start();
  using peer = await supervisor.dial();
  for (const kinds of ['["rule"]', '["worker","rule"]', '["worker"]']) {
    await peer.send(`{"jsonrpc":"2.0","id":1,"method":"event.subscribe","params":{"kinds":${kinds}}}\n`);
    equal((await peer.receive())?.id, 1);
  }
  supervisor.events.emit({ kind: "rule", type: "removed", id: "x" });
  supervisor.events.emit({ kind: "worker", type: "started", index: 3, pid: 7 });
  supervisor.events.emit({ kind: "worker", type: "started", index: 4, pid: 8 });
  const told = [await peer.receive(), await peer.receive()] as unknown as { params: { index: number } }[];
  deepStrictEqual(told.map(({ params }) => params.index), [3, 4]);
});

Deno.test("a subscriber that does not read delays nobody, costs little, and is told how much it missed", async () => {
  await using supervisor = await TestSupervisor.start();
  using client = await supervisor.connect();
  using slow = client.events();
  await slow.opened;
  const count = 100_000;
  for (let pid = 1; pid <= count; pid++) {
    supervisor.events.emit({ kind: "worker", type: "started", index: 0, pid });
    if (pid % 1000 === 0) await client.call("ping", {});
  }
  ok(Deno.memoryUsage().external < 50 << 20);

  let last = 0, missed = 0;
  for await (const event of slow) {
    if (event.kind === "missed") missed += event.count;
    else if (event.kind === "worker" && event.pid > last) last = event.pid;
    else throw new Error(`out of order: ${JSON.stringify(event)}`);
    if (missed > 0) break;
  }
  equal(last + missed, count);
  equal(last > 1000, true);
});

/** A connection that has room for this many lines, and room again when it was emptied. */
class FullSession implements Session {
  readonly lines: string[] = [];
  readonly ends: (() => void)[] = [];
  room = 0;
  emptied = Promise.withResolvers<void>();

  notify(line: string): boolean {
    if (this.room === 0) return false;
    this.room--;
    this.lines.push(line);
    return true;
  }

  flushed(): Promise<void> {
    return this.emptied.promise;
  }

  onEnd(call: () => void): void {
    this.ends.push(call);
  }

  /** Has everything that waits been written, but only after that many lines more have come. */
  async empty(room: number): Promise<void> {
    const { resolve } = this.emptied;
    this.emptied = Promise.withResolvers();
    this.room = room;
    resolve();
    await new Promise((resolve) => setTimeout(resolve));
  }
}

Deno.test("a subscriber is told how much it missed also where answers take the room that there was", async () => {
  const hub = new EventHub(), session = new FullSession();
  subscribe(hub, {}, session);
  hub.emit({ kind: "rule", type: "removed", id: "x" });
  await session.empty(0);
  hub.emit({ kind: "rule", type: "removed", id: "y" });
  await session.empty(1);
  match(session.lines[0]!, /"kind":"missed","type":"missed","count":2}/);
  await session.empty(1);
  equal(session.lines.length, 1);
});

Deno.test("a connection that subscribes again and again costs one subscription", () => {
  const hub = new EventHub(), session = new FullSession();
  for (let i = 0; i < 100; i++) subscribe(hub, { kinds: ["drop"] }, session);
  equal(session.ends.length, 1);
  session.ends[0]!();
  equal(hub.isWanted("drop"), false);
});

Deno.test("a subscription ends with its connection, and what feeds it", async () => {
  await using supervisor = await TestSupervisor.start();
  using client = await supervisor.connect();
  {
    using drops = client.events({ kinds: ["drop"] });
    await drops.opened;
    equal(supervisor.events.isWanted("drop"), true);
    equal(supervisor.events.isWanted("rule"), false);
  }
  while (supervisor.events.isWanted("drop")) await client.call("ping", {});
});

Deno.test("DropWatch tells of the first, the 10th and so on, each minute, and anew after a minute without", () => {
  const told: DropEvent[] = [];
  let full = 5;
  using watch = new DropWatch({
    read: () => ({ socket_full: full, ...(full > 5 ? { too_big: 1 } : {}) }),
    advise: (reason) => `look at ${reason}`,
    tell: (event) => told.push(event),
  });
  const look = (growth: number, atMs: number): string[] => {
    full += growth;
    watch.look(atMs);
    return told.splice(0).map(({ reason, count }) => `${reason} ${count}`);
  };
  deepStrictEqual(look(0, 1000), [], "what was there before is no news");
  deepStrictEqual(look(3, 2000), ["socket_full 3", "too_big 1"]);
  deepStrictEqual(look(6, 3000), [], "9, below 10");
  deepStrictEqual(look(1, 4000), ["socket_full 10"]);
  deepStrictEqual(look(5000, 5000), ["socket_full 5010"], "one for several thresholds");
  deepStrictEqual(look(1, 64_000), []);
  deepStrictEqual(look(1, 65_000), ["socket_full 5012"], "a minute after it was told");
  deepStrictEqual(look(-4000, 66_000), [], "a rule was removed");
  deepStrictEqual(look(2, 130_000), ["socket_full 2"], "it begins again");
});

Deno.test("ruleNews() tells what was added, removed and replaced, and not what was written again", () => {
  const set = new RuleSet();
  for (const number of [1, 2, 3, 4, 7]) set.add(rule(number));
  const changes = [
    set.remove("239.1.1.1:2:eth0"),
    set.replace(rule(3, "three")),
    set.add(rule(5, "five")),
    set.replace(rule(4)),
    set.replace(rule(6, "five")),
  ];
  const news = ruleNews(changes, (one) => ({ ...one, state: "active", waiting_for: [] }));
  deepStrictEqual(news.map(({ type, id, name }) => [type, id, name]), [
    ["removed", "239.1.1.1:2:eth0", undefined],
    ["replaced", "239.1.1.1:3:eth0", "three"],
    ["added", "239.1.1.1:5:eth0", "five"],
    ["removed", "239.1.1.1:5:eth0", "five"],
    ["added", "239.1.1.1:6:eth0", "five"],
  ]);
});

Deno.test("interfaceNews() knows an interface by its index", () => {
  const eth1 = { ...ETH0, name: "eth1", index: 3 };
  const news = interfaceNews([ETH0, eth1], [{ ...eth1, name: "wan0" }, { ...ETH0, index: 4 }]);
  deepStrictEqual(news.map(({ type, name, index }) => [type, name, index]), [
    ["went", "eth0", 2],
    ["changed", "wan0", 3],
    ["came", "eth0", 4],
  ]);
  deepStrictEqual(interfaceNews([ETH0], [{ ...ETH0 }]), []);
});

Deno.test("formatEventLine() says each event in a line", () => {
  const time = "2026-11-23T18:35:00.123Z";
  const lines = ([
    { kind: "rule", type: "added", id: "a", name: "n", state: "pending", waiting_for: ["x", "y"] },
    { kind: "rule", type: "state", id: "a", state: "active", waiting_for: [] },
    { kind: "rule", type: "removed", id: "a" },
    { kind: "worker", type: "ended", index: 1, pid: 7, status: "signal 9" },
    { kind: "interface", type: "came", ...ETH0, name: "a\x1b[2Jb", up: false },
    { kind: "interface", type: "went", ...ETH0 },
    { kind: "drop", type: "growing", reason: "too_big", count: 10, advice: "raise its MTU" },
    { kind: "missed", type: "missed", count: 3 },
  ] as const).map((event) => formatEventLine({ time, ...event }));
  deepStrictEqual(lines, [
    `${time} rule a (n) added, pending, waiting for x, y\n`,
    `${time} rule a is active\n`,
    `${time} rule a removed\n`,
    `${time} worker 1 (pid 7) ended with signal 9\n`,
    `${time} interface a?[2Jb came: down, mtu 1500, 10.0.0.1\n`,
    `${time} interface eth0 went\n`,
    `${time} drop too_big: 10 datagrams: raise its MTU\n`,
    `${time} missed 3 events: read faster\n`,
  ]);
});
