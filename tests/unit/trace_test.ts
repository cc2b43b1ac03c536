// Goal: a trace says of each datagram what the relay makes of it, and why; and it costs what it may cost, no more.
import { deepStrictEqual, equal, match, ok, rejects } from "node:assert/strict";
import { main } from "../../cli.ts";
import { joinedOn } from "../../control/joined.ts";
import type { RuleInput, RuleStatus } from "../../control/model.ts";
import { PcapngWriter } from "../../control/pcapng.ts";
import { ruleId } from "../../control/rule_text.ts";
import type { TracedDatagram, TraceEnd, TraceEvent, TraceRequest } from "../../control/trace.ts";
import { type Evidence, judge } from "../../control/trace_judge.ts";
import { chooseRule, type Flow, nearRules } from "../../control/trace_match.ts";
import type { Captured } from "../../ffi/capture.ts";
import { TestSupervisor } from "./fake_engine.ts";

const FRAME = Uint8Array.from({ length: 60 }, (_, i) => i);

/** A datagram for 239.1.1.1:5001 that came in on eth0, index 2. */
function captured(change: Partial<Captured> = {}): Captured {
  return {
    timeNs: 1_795_459_000_123_456_789n,
    interfaceIndex: 2,
    linkType: 1,
    frameBytes: 60,
    frame: FRAME,
    packetOffset: 14,
    version: 4,
    datagrams: 1,
    isQuery: false,
    protocol: 17,
    ttl: 1,
    group: "239.1.1.1",
    port: 5001,
    source: "10.0.0.9",
    sourcePort: 4000,
    payloadBytes: 1316,
    ...change,
  };
}

function rule(input: Partial<RuleInput> = {}, change: Partial<RuleStatus> = {}): RuleStatus {
  const whole = { interface: "eth0", group: "239.1.1.1", port: 5001, ...input };
  const outputs = [{ interface: "eth1", group: "239.2.2.2", port: 6000 }];
  return { id: ruleId(whole), input: whole, outputs, state: "active", waiting_for: [], ...change };
}

const INTERFACES = ["eth0", "eth1", "eth2"].map((name, i) => ({
  name,
  index: 2 + i,
  mtu: 1500,
  up: true,
  addresses: [],
}));

function evidence(rules: readonly RuleStatus[], change: Partial<Evidence> = {}): Evidence {
  const advice = (reason: string): string => `about ${reason}`;
  return {
    interface: "eth0",
    rules,
    interfaces: INTERFACES,
    unsetTtl: 1,
    counters: () => undefined,
    advice,
    ...change,
  };
}

/** Verdict, reason, and the last step. */
function verdictOf(one: Captured, rules: readonly RuleStatus[], change: Partial<Evidence> = {}): string {
  const { verdict, reason, steps } = judge(one, evidence(rules, change));
  return [verdict, reason ?? "-", steps.at(-1)!.text].join(" | ");
}

Deno.test("judge() follows a datagram that is relayed through every step", () => {
  deepStrictEqual(judge(captured(), evidence([rule()])), {
    verdict: "relayed",
    rule: "239.1.1.1:5001:eth0",
    steps: [
      "came in on eth0 from 10.0.0.9:4000 to 239.1.1.1:5001, TTL 1, 1316 bytes of payload",
      "well-formed, checksums right",
      "rule 239.1.1.1:5001:eth0 takes it",
      "to 239.2.2.2:6000:eth1: sent",
    ].map((text) => ({ is_passed: true, text })),
  });
});

Deno.test("judge() stops where the relay does", () => {
  const outputs = rule().outputs, [output] = outputs;
  equal(
    verdictOf(captured({ vlan: { id: 100, control: 0x2064, protocol: 0x8100 } }), [rule()]),
    "unwanted | - | tagged with VLAN 100: rules on eth0 take untagged frames, one on eth0.100 takes these",
  );
  match(verdictOf(captured({ vlan: { id: 0, control: 0xe000, protocol: 0x8100 } }), [rule()]), /^relayed/);
  equal(
    verdictOf(captured({ reason: "ip_checksum" }), [rule()]),
    "dropped | ip_checksum | refused as ip_checksum: about ip_checksum",
  );
  equal(
    verdictOf(captured(), [rule({ sources: ["10.1.0.0/16"] })]),
    "dropped | source | no rule takes it: rule 10.1.0.0/16@239.1.1.1:5001:eth0 does not take the source 10.0.0.9",
  );
  equal(verdictOf(captured(), []), "unwanted | - | no rule takes it");
  equal(
    verdictOf(captured({ ttl: 1 }), [rule({}, { outputs: [{ ...output!, ttl: "decrement" }] })]),
    "dropped | ttl | to 239.2.2.2:6000:eth1: the TTL of 1 is used up, for the output takes one off",
  );
  match(verdictOf(captured({ ttl: 1 }), [rule()], { unsetTtl: "decrement" }), /^dropped \| ttl/);
  const ours = INTERFACES.map((one) => ({ ...one, addresses: ["10.0.0.9"] }));
  match(
    judge(captured(), evidence([rule()], { interfaces: ours })).steps[2]!.text,
    /unless the relay itself has sent it/,
  );
  match(verdictOf(captured({ ttl: 2 }), [rule({}, { outputs: [{ ...output!, ttl: "decrement" }] })]), /^relayed/);
  equal(
    verdictOf(captured({ payloadBytes: 1473 }), [rule({}, { outputs: [{ ...output!, oversize: "drop" }] })]),
    "dropped | too_big | to 239.2.2.2:6000:eth1: 1473 bytes of payload are more than the 1472 that eth1 carries",
  );
  match(verdictOf(captured({ payloadBytes: 1473 }), [rule()]), /sent, in fragments, for eth1 carries 1472/);
  // Two datagrams that the kernel has put together are no larger than each of them.
  match(verdictOf(captured({ payloadBytes: 2000, datagrams: 2 }), [rule()]), /: sent$/);
  const waiting = rule({}, { outputs: [...outputs, { ...output!, interface: "eth9" }], waiting_for: ["eth9"] });
  match(verdictOf(captured(), [waiting]), /^partly \| no_interface \| to 239\.2\.2\.2:6000:eth9: waits for eth9/);
});

Deno.test("judge() tells what was dropped so far where it looks", () => {
  const rates = { datagrams_per_s: 0, bits_per_s: 0, drops_per_s: 0 };
  const all = { rates: { over_1s: rates, over_10s: rates, over_60s: rates } };
  const counters = { ...rule(), received: 9, received_bytes: 9, relayed: 9, drops: { source: 3 }, ...all };
  const output = { output: rule().outputs[0]!, due: 9, sent: 4, sent_bytes: 4, drops: { socket_full: 5 }, ...all };
  const { steps } = judge(captured(), evidence([rule()], { counters: () => ({ ...counters, outputs: [output] }) }));
  deepStrictEqual(steps.slice(2).map(({ text }) => text), [
    "rule 239.1.1.1:5001:eth0 takes it (so far dropped there: source 3)",
    "to 239.2.2.2:6000:eth1: sent (so far dropped there: socket_full 5)",
  ]);
});

const FLOW: Flow = { interface: "eth0", protocol: "udp", group: "239.1.1.1", port: 5001, source: "10.0.0.9" };

Deno.test("chooseRule() takes the longest group prefix, then the fewest ports, then the longest source prefix", () => {
  const ordered = [
    rule({ sources: ["10.0.0.9"] }),
    rule({ sources: ["10.0.0.0/24"] }),
    rule({ exclude_sources: ["10.9.0.0/16"] }),
    rule({ port: "5000-5002" }),
    rule({ port: 0 }),
    rule({ group: "239.1.1.0/24" }),
    rule({ group: "239.1.0.0/16", sources: ["10.0.0.9"] }),
  ];
  for (let i = 0; i < ordered.length; i++) {
    const rest = ordered.slice(i);
    equal(chooseRule(rest.toReversed(), FLOW)?.id, rest[0]!.id);
  }
  equal(
    chooseRule([rule({ protocol: "esp", port: 0 }), rule({ interface: "eth1" }), rule({ group: "ff3e::1" })], FLOW),
    undefined,
  );
  const esp = { ...FLOW, protocol: "esp", port: 0 } as const;
  equal(chooseRule([rule({ protocol: "esp", port: 0 })], esp)?.input.protocol, "esp");
  equal(chooseRule([rule({ sources: ["10.0.0.0/8"], exclude_sources: ["10.0.0.9"] })], FLOW), undefined);
});

Deno.test("nearRules() names what nearly takes a datagram, the nearest first", () => {
  const rules = [
    rule({ group: "239.1.1.2" }),
    rule({ interface: "eth1" }),
    rule({ port: 5002 }),
    rule({ sources: ["10.1.1.1"] }),
    rule({ interface: "eth1", port: 5002 }),
    rule({ group: "239.1.1.3", port: 0 }),
  ];
  deepStrictEqual(nearRules(rules, FLOW, 9).map(({ by }) => by), ["source", "port", "interface", "group"]);
  equal(nearRules(rules, FLOW, 2).length, 2);
});

Deno.test("joinedOn() finds a group in the kernel's lists", () => {
  const igmp = `Idx\tDevice    : Count Querier\tGroup    Users Timer\tReporter
1\tlo        :     1      V3
\t\t\t\t010000E0     1 0:00000000\t\t0
2\teth0      :     2      V3
\t\t\t\t010101EF     1 0:00000000\t\t0
\t\t\t\t010000E0     1 0:00000000\t\t0
12\ta name : with it :     2      V3
\t\t\t\t010101EF     1 0:00000000\t\t0
`;
  const igmp6 = "2    eth0            ff3e0000000000000000000000000001     1 0000000C 0\n";
  const read = (path: string): string => path.endsWith("6") ? igmp6 : igmp;
  deepStrictEqual(joinedOn("239.1.1.1", read), ["eth0", "a name"]);
  deepStrictEqual(joinedOn("239.1.1.2", read), []);
  deepStrictEqual(joinedOn("ff3e::1", read), ["eth0"]);
  deepStrictEqual(joinedOn("ff3e::1", () => ""), []);
});

/** Everything that a trace tells. */
async function follow(
  supervisor: TestSupervisor,
  request: TraceRequest,
  ...frames: readonly Captured[]
): Promise<TraceEvent[]> {
  using client = await supervisor.connect();
  using stream = client.trace(request);
  await stream.opened;
  supervisor.tap.receive(...frames);
  const told: TraceEvent[] = [];
  for await (const event of stream) told.push(event);
  return told;
}

Deno.test("client.trace() ends after its count, and tells what else came", async () => {
  await using supervisor = await TestSupervisor.start();
  const told = await follow(
    supervisor,
    { group: "239.1.1.1", port: 5001, count: 2 },
    captured(),
    captured({ port: 5002 }),
    captured({ protocol: 2, port: 0, reason: "not_udp" }),
    captured({ port: 5002 }),
    captured({ port: 0, reason: "truncated" }),
    captured(),
  );
  deepStrictEqual(supervisor.tap.opened, { interfaceIndex: 0, group: "239.1.1.1", port: 5001 });
  const [first, second, end] = told as [TracedDatagram, TracedDatagram, TraceEnd];
  equal(first.time, "2026-11-23T18:36:40.123456789Z");
  deepStrictEqual([first.interface, first.source, first.source_port, first.verdict], [
    "eth0",
    "10.0.0.9",
    4000,
    "unwanted",
  ]);
  deepStrictEqual([second.verdict, second.reason, first.frame], ["dropped", "truncated", undefined]);
  deepStrictEqual([told.length, end.why, end.seen, end.notes], [3, "count", 2, []]);
  deepStrictEqual(end.neighbours, [{
    interface: "eth0",
    source: "10.0.0.9",
    group: "239.1.1.1",
    port: 5002,
    count: 2,
  }]);
  equal(supervisor.tap.isClosed, true);
});

Deno.test("a trace in which nothing comes says what could keep it away", async () => {
  await using supervisor = await TestSupervisor.start();
  const query = captured({ isQuery: true, source: "10.0.0.254", group: "224.0.0.1", port: 0 });
  const [end] = await follow(supervisor, { group: "239.255.77.1", seconds: 1 }, query) as [TraceEnd];
  deepStrictEqual([end.why, end.seen], ["seconds", 0]);
  equal(end.notes[0], "no rule is for 239.255.77.1");
  match(end.notes[1]!, /^nobody on this host has joined it/);
  match(end.notes[2]!, /^asked for memberships by 10\.0\.0\.254 on eth0/);
});

Deno.test("a trace looks at 100 datagrams a second, whatever comes", async () => {
  await using supervisor = await TestSupervisor.start();
  const frames = Array.from({ length: 1000 }, () => captured());
  const told = await follow(supervisor, { group: "239.1.1.1", count: 10_000, seconds: 1 }, ...frames);
  const { seen, missed } = told.at(-1) as TraceEnd;
  ok(seen >= 20 && seen <= 110, `${seen}`);
  deepStrictEqual([told.length - 1, missed], [seen, 0]);
});

Deno.test("a trace ends with its client, and there are 8 at a time", async () => {
  await using supervisor = await TestSupervisor.start();
  using client = await supervisor.connect();
  {
    using streams = new DisposableStack();
    for (let i = 0; i < 8; i++) {
      const stream = streams.use(client.trace({ group: "239.1.1.1", seconds: 3600 }));
      await stream.opened;
    }
    await rejects(client.trace({ group: "239.1.1.1" }).opened, { code: "limit", message: /8 traces are running/ });
  }
  for (;;) {
    using again = client.trace({ group: "239.1.1.1" });
    if (await again.opened.then(() => true, () => false)) break;
  }
});

Deno.test("trace.start refuses what makes no sense, and names it", async () => {
  await using supervisor = await TestSupervisor.start();
  using client = await supervisor.connect();
  const refused: readonly (readonly [unknown, object])[] = [
    [{}, { code: "invalid", path: "group" }],
    [{ group: "239.1.1.0/24" }, { code: "invalid", path: "group" }],
    [{ group: "239.1.1.1", port: 0 }, { code: "invalid", path: "port" }],
    [{ group: "239.1.1.1", count: 10_001 }, { code: "invalid", path: "count" }],
    [{ group: "239.1.1.1", seconds: 0.5 }, { code: "invalid", path: "seconds" }],
    [{ group: "239.1.1.1", frames: 1 }, { code: "invalid", path: "frames" }],
    [{ group: "239.1.1.1", interface: "a/b" }, { code: "invalid", path: "interface" }],
    [{ group: "239.1.1.1", interface: "eth7" }, { code: "not_found", path: "interface" }],
    [{ group: "239.1.1.1", prot: 1 }, { code: "invalid", message: /did you mean "port"\?/ }],
  ];
  for (const [request, error] of refused) await rejects(client.trace(request as TraceRequest).opened, error);
  equal(supervisor.tap.opened, undefined);
});

/** Runs `mcr trace`. */
async function run(supervisor: TestSupervisor, ...args: readonly string[]): Promise<{ status: number; text: string }> {
  let text = "";
  const hear = (more: string): void => void (text += more);
  const notice = (more: string): void => {
    hear(more);
    if (more.startsWith("mcr: watching")) supervisor.tap.receive(captured());
  };
  const terminal = { write: (more: string) => Promise.resolve(hear(more)), notice };
  return { status: await main(["trace", ...args, "--socket", supervisor.path], terminal), text };
}

Deno.test("mcr trace prints steps, ends with 1 unless all was relayed, and refuses with 2", async () => {
  await using supervisor = await TestSupervisor.start();
  const { status, text } = await run(supervisor, "239.1.1.1:5001", "--count", "1");
  equal(status, 1);
  deepStrictEqual(text.split("\n"), [
    "mcr: watching for 10 s, Ctrl-C ends",
    "2026-11-23T18:36:40.123456789Z unwanted",
    "  + came in on eth0 from 10.0.0.9:4000 to 239.1.1.1:5001, TTL 1, 1316 bytes of",
    "    payload",
    "  + well-formed, checksums right",
    "  - no rule takes it",
    "",
  ]);
  for (
    const wrong of [[], ["239.1.1"], ["239.1.1.1:0"], ["239.1.1.1:x"], ["[ff3e::1]:"], ["239.1.1.1", "--count", "x"]]
  ) {
    const { status, text } = await run(supervisor, ...wrong);
    equal(status, 2, `${wrong}: ${text}`);
  }
  for (const [target, port] of [["ff3e::1", 0], ["[ff3e::1]", 0], ["[ff3e::1]:5001", 5001]] as const) {
    await run(supervisor, target, "--seconds", "1");
    deepStrictEqual(supervisor.tap.opened, { interfaceIndex: 0, group: "ff3e::1", port });
  }
});

Deno.test("PcapngWriter describes each interface once, and puts a tag back that the kernel took off", async () => {
  await using supervisor = await TestSupervisor.start();
  const tagged = captured({ vlan: { id: 100, control: 0x2064, protocol: 0x8100 } });
  const raw = captured({ linkType: 65_534, frameBytes: 46, frame: FRAME.subarray(14), packetOffset: 0 });
  const told = await follow(supervisor, { group: "239.1.1.1", count: 3, frames: true }, captured(), tagged, raw);
  const [plain, vlan, ip] = told as TracedDatagram[];
  equal(plain!.frame!.base64, FRAME.toBase64());
  deepStrictEqual([...Uint8Array.fromBase64(vlan!.frame!.base64).subarray(10, 18)], [
    10,
    11,
    0x81,
    0,
    0x20,
    0x64,
    12,
    13,
  ]);
  deepStrictEqual([vlan!.frame!.bytes, ip!.frame!.link_type, ip!.frame!.bytes], [64, 101, 46]);

  const writer = new PcapngWriter("mcr");
  const types = [writer.begin(), writer.add(plain!), writer.add(vlan!), writer.add(ip!)].flatMap(blockTypes);
  deepStrictEqual(types, [0x0a0d0d0a, 1, 6, 6, 1, 6]);
});

Deno.test("PcapngWriter cuts an explanation that is longer than a comment can be", () => {
  const steps = Array.from({ length: 3000 }, () => ({ is_passed: true, text: "to 239.2.2.2:6000:\u00e9th1: sent" }));
  const datagram: TracedDatagram = {
    ...{ type: "datagram", time: "2026-11-23T18:36:40.123456789Z", interface: "eth0", verdict: "relayed", steps },
    frame: { base64: "", link_type: 1, bytes: 0 },
  };
  const bytes = new PcapngWriter("mcr").add(datagram), view = new DataView(bytes.buffer);
  deepStrictEqual(blockTypes(bytes), [1, 6]);
  const comment = view.getUint32(4, true) + 28, length = view.getUint16(comment + 2, true);
  equal(view.getUint16(comment, true), 1);
  // What follows is the end of the options, and then that of the block.
  equal(comment + 4 + Math.ceil(length / 4) * 4 + 8, bytes.length);
  const text = new TextDecoder("utf-8", { fatal: true }).decode(bytes.subarray(comment + 4, comment + 4 + length));
  match(text, /^relayed\n\+ to 239/);
});

/** The types of the blocks, whose lengths must agree. */
function blockTypes(bytes: Uint8Array): number[] {
  const view = new DataView(bytes.buffer), types: number[] = [];
  for (let at = 0; at < bytes.length;) {
    types.push(view.getUint32(at, true));
    const length = view.getUint32(at + 4, true);
    equal(length % 4, 0);
    equal(view.getUint32(at + length - 4, true), length);
    at += length;
  }
  return types;
}
