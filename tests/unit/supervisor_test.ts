import { deepStrictEqual, equal, rejects, throws } from "node:assert/strict";
import { EventHub } from "../../control/event_hub.ts";
import type { RuleSpec } from "../../control/model.ts";
import { parseOutput } from "../../control/rule_word.ts";
import { StateFile } from "../../control/state_file.ts";
import { Supervisor } from "../../control/supervisor.ts";
import { PROTOCOL_VERSION, VERSION } from "../../control/version.ts";
import { FakeEngine, memoryLogger } from "./fake_engine.ts";

const A = "239.1.1.1:1:eth0";
const B = "239.1.1.1:2:eth0";

function rule(input: string, output: string, name?: string): RuleSpec {
  return { ...(name === undefined ? {} : { name }), input: parseOutput(input), outputs: [parseOutput(output)] };
}

function setUp(): { engine: FakeEngine; methods: Supervisor["methods"]; log: string[] } {
  const engine = new FakeEngine();
  const log: string[] = [];
  const { methods } = new Supervisor({ engine, logger: memoryLogger(log), events: new EventHub(), abi: 7 });
  return { engine, methods, log };
}

Deno.test("rule.add answers with the rule and its state once the engine relays by it", async () => {
  const { engine, methods, log } = setUp();
  const spec = rule(A, "239.2.2.2:1:eth1", "camera");
  const status = { id: A, ...spec, state: "active", waiting_for: [] };
  deepStrictEqual(await methods["rule.add"](spec), status);
  deepStrictEqual(engine.applied, [[A]]);
  deepStrictEqual(await methods["rule.get"]({ id: "camera" }), status);
  deepStrictEqual(await methods["rule.list"]({}), { rules: [status] });
  deepStrictEqual(log, [`rule ${A} added, active`]);
});

Deno.test("rule.add accepts a rule whose interface is missing, as pending", async () => {
  const { engine, methods, log } = setUp();
  engine.missing.add("eth0");
  const { state, waiting_for } = await methods["rule.add"](rule(A, "239.2.2.2:1:eth1"));
  deepStrictEqual([state, waiting_for], ["pending", ["eth0"]]);
  deepStrictEqual(log, [`rule ${A} added, pending, waiting for eth0`]);
});

Deno.test("changes are made in the order in which they were asked for, as many as possible as one", async () => {
  const { engine, methods } = setUp();
  const gate = Promise.withResolvers<void>();
  engine.gate = gate.promise;
  const changes = [
    methods["rule.add"](rule(A, "239.2.2.2:1:eth1")),
    methods["rule.add"](rule(B, "239.2.2.2:2:eth1")),
    methods["rule.remove"]({ id: A }),
    methods["rule.add"](rule(A, "239.2.2.2:3:eth1")),
  ];
  deepStrictEqual(await methods["rule.list"]({}), { rules: [] });
  gate.resolve();
  await Promise.all(changes);
  // A is removed only after it was added; the rest is one step.
  deepStrictEqual(engine.applied, [[A, B], [B, A]]);
});

Deno.test("rule.replace swaps a rule in one step, and adds one where there is none", async () => {
  const { engine, methods, log } = setUp();
  await methods["rule.replace"](rule(A, "239.2.2.2:1:eth1", "camera"));
  const status = await methods["rule.replace"](rule(A, "239.2.2.2:2:eth1", "camera"));
  deepStrictEqual([status.id, status.outputs], [A, [parseOutput("239.2.2.2:2:eth1")]]);
  deepStrictEqual((await methods["rule.replace"](rule(B, "239.2.2.2:2:eth1", "camera"))).id, B);
  deepStrictEqual(engine.applied, [[A], [A], [B]]);
  deepStrictEqual(log, [
    `rule ${A} added, active`,
    `rule ${A} replaced, active`,
    `rule ${B} put in place of ${A}, active`,
  ]);
});

Deno.test("a replacement that the engine fails leaves the old rule", async () => {
  const { engine, methods } = setUp();
  const before = await methods["rule.add"](rule(A, "239.2.2.2:1:eth1", "camera"));
  engine.failure = new Error("Cannot join: no buffer space");
  const message = `Cannot replace rule ${B}: Cannot join: no buffer space`;
  await rejects(async () => await methods["rule.replace"](rule(B, "239.2.2.2:2:eth1", "camera")), { message });
  deepStrictEqual(await methods["rule.get"]({ id: "camera" }), before);
  await methods["rule.add"](rule(B, "239.2.2.2:2:eth1"));
});

Deno.test("a rule is not shown before it is in force", async () => {
  const { engine, methods } = setUp();
  const gate = Promise.withResolvers<void>();
  engine.gate = gate.promise;
  const adding = methods["rule.add"](rule(A, "239.2.2.2:1:eth1", "camera"));
  await new Promise((resolve) => setTimeout(resolve));
  deepStrictEqual(await methods["rule.list"]({}), { rules: [] });
  throws(() => methods["rule.get"]({ id: "camera" }), { code: "not_found", message: /it is being added/ });
  gate.resolve();
  equal((await adding).id, (await methods["rule.get"]({ id: "camera" })).id);
});

Deno.test("additions that fail as one are made one by one, and each gets its own answer", async () => {
  const { engine, methods } = setUp();
  engine.failure = new Error("Cannot join: no buffer space");
  const outputs = ["239.2.2.2:1:eth1", "239.2.2.2:2:eth1"] as const;
  const added = await Promise.all([methods["rule.add"](rule(A, outputs[0])), methods["rule.add"](rule(B, outputs[1]))]);
  deepStrictEqual(added.map(({ id }) => id), [A, B]);
  deepStrictEqual(engine.applied, [[A], [A, B]]);
});

Deno.test("two that add the same rule at once: the second is refused", async () => {
  const { engine, methods } = setUp();
  const spec = rule(A, "239.2.2.2:1:eth1");
  const [first, second] = await Promise.allSettled([methods["rule.add"](spec), methods["rule.add"](spec)]);
  deepStrictEqual([first.status, second.status], ["fulfilled", "rejected"]);
  deepStrictEqual(engine.applied, [[A]]);
});

Deno.test("a change that the engine fails leaves the old rules, and the next one works", async () => {
  const { engine, methods, log } = setUp();
  await methods["rule.add"](rule(A, "239.2.2.2:1:eth1"));
  engine.failure = new Error("Cannot join: no buffer space");
  const refusal = { code: "failed", message: `Cannot add rule ${B}: Cannot join: no buffer space` };
  await rejects(async () => await methods["rule.add"](rule(B, "239.2.2.2:1:eth1")), refusal);
  engine.failure = new Error("worker 0 does not answer");
  const other = { code: "failed", message: `Cannot remove rule ${A}: worker 0 does not answer` };
  await rejects(async () => await methods["rule.remove"]({ id: A }), other);
  deepStrictEqual((await methods["rule.list"]({})).rules.map(({ id }) => id), [A]);
  deepStrictEqual(await methods["rule.remove"]({ id: A }), { id: A });
  deepStrictEqual(engine.applied, [[A], []]);
  equal(log.includes(refusal.message), true);
});

Deno.test("the state file has the rules that no file has, whatever was tried in vain", async () => {
  const folder = await Deno.makeTempDir({ prefix: "mcr-" }), path = `${folder}/rules.json`, engine = new FakeEngine();
  const configuration = { settings: {}, state: new StateFile(path, () => {}) };
  const options = { engine, logger: memoryLogger([]), events: new EventHub(), configuration, abi: 7 };
  const { configuration: own, methods } = new Supervisor(options);
  const inState = async (): Promise<string[]> =>
    JSON.parse(await Deno.readTextFile(path)).rules.map((rule: RuleSpec) => rule.input.port);
  const [one, two, three, four] = [1, 2, 3, 4].map((port) => rule(`239.1.1.1:${port}:eth0`, `239.2.2.2:${port}:eth1`));
  await own.start([one!]);
  const { apply } = engine;
  engine.apply = (): Promise<void> => Promise.reject(new Error("no buffer space"));
  const inVain = [[two!], [three!]].map((rules) => methods["config.apply"]({ rules }));
  deepStrictEqual((await Promise.allSettled(inVain)).map(({ status }) => status), ["rejected", "rejected"]);
  engine.apply = apply;
  await methods["rule.add"](four);
  deepStrictEqual(await inState(), [4]);
  await methods["config.apply"]({ rules: [one, four] });
  deepStrictEqual(await inState(), [], "the file has it now");
  await Deno.remove(folder, { recursive: true });
});

Deno.test("config.apply says what it has changed, not what was changed beside it", async () => {
  const { methods } = setUp();
  await methods["rule.add"](rule(A, "239.2.2.2:1:eth1"));
  const [, difference] = await Promise.all([
    methods["rule.add"](rule(B, "239.2.2.2:2:eth1")),
    methods["config.apply"]({ rules: [rule(A, "239.2.2.2:7:eth1")] }),
  ]);
  deepStrictEqual(difference, { added: [], removed: [B], replaced: [A], unchanged: 0 });
});

Deno.test("a rule is not shown while it is being removed, and again when that fails", async () => {
  const { engine, methods } = setUp();
  await methods["rule.add"](rule(A, "239.2.2.2:1:eth1"));
  await methods["rule.add"](rule(B, "239.2.2.2:2:eth1"));
  const gate = Promise.withResolvers<void>();
  engine.gate = gate.promise;
  engine.failure = new Error("worker 0 does not answer");
  const removing = methods["rule.remove"]({ id: A });
  // The engine gets the new rules before the next turn of the event loop.
  await new Promise((resolve) => setTimeout(resolve));
  const ids = async (): Promise<string[]> => (await methods["rule.list"]({})).rules.map(({ id }) => id);
  deepStrictEqual(await ids(), [B]);
  throws(() => methods["rule.get"]({ id: A }), { code: "not_found", message: /it is being removed/ });
  gate.resolve();
  await rejects(async () => await removing, { code: "failed" });
  deepStrictEqual(await ids(), [A, B]);
});

Deno.test("what is refused never reaches the engine", async () => {
  const { engine, methods } = setUp();
  await methods["rule.add"](rule(A, B));
  const refusals: readonly [string, () => unknown][] = [
    ["invalid", () => methods["rule.add"]({})],
    ["duplicate", () => methods["rule.add"](rule(A, "239.2.2.2:1:eth1"))],
    ["loop", () => methods["rule.add"](rule(B, A))],
    ["not_found", () => methods["rule.remove"]({ id: B })],
    ["not_found", () => methods["rule.get"]({ id: B })],
    ["invalid", () => methods["rule.remove"]({ name: A })],
  ];
  for (const [code, request] of refusals) await rejects(async () => await request(), { code });
  deepStrictEqual(engine.applied, [[A]]);
});

Deno.test("the methods without parameters refuse some", () => {
  const { methods } = setUp();
  for (const method of ["rule.list", "stats.get", "worker.list", "interface.list", "ping", "version"] as const) {
    throws(() => methods[method]({ verbose: true }), { code: "invalid", path: "verbose" }, method);
    throws(() => methods[method](null), { code: "invalid", path: "params" }, method);
    methods[method](undefined);
  }
});

Deno.test("the other methods pass on what the engine says", async () => {
  const { engine, methods } = setUp();
  deepStrictEqual(await methods["stats.get"]({}), engine.stats());
  deepStrictEqual(await methods["worker.list"]({}), { workers: engine.workers() });
  deepStrictEqual(await methods["interface.list"]({}), { interfaces: engine.interfaces() });
  deepStrictEqual(await methods["version"]({}), { version: VERSION, abi: 7, protocol: PROTOCOL_VERSION });
  const { pid, uptime_ms } = await methods["ping"]({});
  equal(pid, Deno.pid);
  equal(Number.isInteger(uptime_ms) && uptime_ms < 1000, true);
});
