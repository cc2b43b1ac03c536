// Goal: mcr trace says of live traffic what the relay does with it, and why: as its counters have it afterwards.
import { deepStrictEqual, match, ok, strictEqual } from "node:assert/strict";
import { type Relay, testRelay } from "./case.ts";
import { addArguments, mcr, type RuleWords } from "./mcr.ts";
import { Process, run } from "./process.ts";
import { send } from "./traffic.ts";
import { connect, type TracedDatagram, type TraceEnd, type TraceEvent } from "../../mod.ts";

const RULE: RuleWords = { in: "in0", group: "239.1.1.1", port: 5001, outputs: ["239.2.2.2:6000:out0"] };
const RULE_6: RuleWords = { ...RULE, group: "ff3e::1:1" };
const STREAM = { group: "239.1.1.1", port: 5001, count: 3, rate: 1000 };

/** Traces while `body` makes traffic: what was told, and the exit status. */
async function traced(
  { supervisor }: Relay,
  args: readonly string[],
  body: () => Promise<unknown>,
): Promise<{ datagrams: TracedDatagram[]; end: TraceEnd; code: number }> {
  const env = { MCR_SOCKET: supervisor.socket };
  await using process = await Process.start(mcr("trace", "-j", ...args), { env });
  await process.line("stderr", /^mcr: watching/);
  await body();
  const { stdout, code } = await process.end();
  const events: TraceEvent[] = stdout.trimEnd().split("\n").map((line) => JSON.parse(line));
  const end = events.pop() as TraceEnd;
  return { datagrams: events as TracedDatagram[], end, code };
}

/** Verdict, reason and what stopped it, of datagrams that all have the same. */
function onlyFate(datagrams: readonly TracedDatagram[]): string[] {
  const fates = datagrams.map(({ verdict, reason, steps }) => {
    return [verdict, reason ?? "-", ...steps.filter((step) => !step.is_passed).map(({ text }) => text)];
  });
  deepStrictEqual(new Set(fates.map((fate) => JSON.stringify(fate))).size, 1, JSON.stringify(fates));
  return fates[0]!;
}

testRelay("a datagram that is relayed passes every step, and the trace says so", {}, async (relay) => {
  await relay.supervisor.add(RULE);
  const { datagrams, end, code } = await traced(relay, ["239.1.1.1:5001"], () => send(relay.network, STREAM));
  deepStrictEqual([onlyFate(datagrams), datagrams.length, end.why, code], [["relayed", "-"], 3, "count", 0]);
  const [{ interface: name, source, rule }] = datagrams as [TracedDatagram];
  deepStrictEqual([name, source, rule], ["in0", "10.1.0.1", "239.1.1.1:5001:in0"]);
  strictEqual((await relay.supervisor.stats()).totals.relayed, 3);
});

for (const [family, rule, group] of [["IPv4", RULE, "239.1.1.1"], ["IPv6", RULE_6, "ff3e::1:1"]] as const) {
  testRelay(
    `fragments of ${family} are traced as the datagrams they make, and take nothing from the relay`,
    {},
    async (relay) => {
      await relay.supervisor.add(rule);
      const source = group.includes(":") ? "fd00:1::1" : "10.1.0.1";
      const stream = { ...STREAM, group, source, size: 1000, fragment: 400 };
      const place = group.includes(":") ? `[${group}]:5001` : `${group}:5001`;
      const { datagrams } = await traced(relay, [place], () => send(relay.network, stream));
      deepStrictEqual([onlyFate(datagrams), datagrams.length], [["relayed", "-"], 3]);
      match(datagrams[0]!.steps[0]!.text, /, 1000 bytes of payload$/);
      const { relayed, drops } = (await relay.supervisor.stats()).totals;
      deepStrictEqual({ relayed, drops }, { relayed: 3, drops: {} });
    },
  );
}

testRelay("a rule for another port is named", {}, async (relay) => {
  await relay.supervisor.add({ ...RULE, port: 5002 });
  const { datagrams, code } = await traced(relay, ["239.1.1.1:5001"], () => send(relay.network, STREAM));
  const why = "no rule takes it: rule 239.1.1.1:5002:in0 takes port 5002, not 5001";
  deepStrictEqual([onlyFate(datagrams), code], [["unwanted", "-", why], 1]);
});

testRelay("a source that a rule does not take is named, and counted as such", {}, async (relay) => {
  const { supervisor, network } = relay;
  await supervisor.command(...addArguments(RULE), "--exclude-source", "10.1.0.0/24");
  const { datagrams } = await traced(relay, ["239.1.1.1:5001"], () => send(network, STREAM));
  const why = "no rule takes it: rule !10.1.0.0/24@239.1.1.1:5001:in0 does not take the source 10.1.0.1";
  deepStrictEqual(onlyFate(datagrams), ["dropped", "source", why]);
  strictEqual((await supervisor.stats()).totals.drops["source"], 3);
});

testRelay("a time to live that an output uses up is seen there", {}, async (relay) => {
  const { supervisor, network } = relay;
  await supervisor.command(...addArguments(RULE), "--ttl", "decrement");
  const { datagrams } = await traced(
    relay,
    ["239.1.1.1:5001"],
    () => send(network, { ...STREAM, args: ["--ttl", "1"] }),
  );
  const why = "to 239.2.2.2:6000:out0: the TTL of 1 is used up, for the output takes one off";
  deepStrictEqual(onlyFate(datagrams), ["dropped", "ttl", why]);
  deepStrictEqual((await supervisor.stats()).rules[0]!.outputs[0]!.drops, { ttl: 3 });
  const { datagrams: more } = await traced(
    relay,
    ["239.1.1.1:5001"],
    () => send(network, { ...STREAM, args: ["--ttl", "2"] }),
  );
  deepStrictEqual(onlyFate(more), ["relayed", "-"]);
});

testRelay("a VLAN tag on a trunk is seen, and that the relay does not take it", {}, async (relay) => {
  const { supervisor, network } = relay;
  await supervisor.add(RULE);
  const tagged = { ...STREAM, args: ["--vlan", "100"] };
  const { datagrams } = await traced(relay, ["239.1.1.1:5001"], () => send(network, tagged));
  const why = "tagged with VLAN 100: rules on in0 take untagged frames, one on in0.100 takes these";
  deepStrictEqual(onlyFate(datagrams), ["unwanted", "-", why]);
  strictEqual((await supervisor.stats()).totals.received, 0);
});

for (
  const [kind, reason] of [
    ["udp-checksum", "udp_checksum"],
    ["ip-checksum", "ip_checksum"],
    ["udp-length", "udp_length"],
    ["udp-truncated", "truncated"],
  ] as const
) {
  testRelay(`what is broken by ${kind} has the drop reason that the relay counts`, {}, async (relay) => {
    const { supervisor, network } = relay;
    await supervisor.add(RULE);
    const args = ["239.1.1.1:5001"];
    const { datagrams } = await traced(relay, args, () => send(network, { ...STREAM, args: ["--corrupt", kind] }));
    const [verdict, told] = onlyFate(datagrams);
    deepStrictEqual([verdict, told], ["dropped", reason]);
    deepStrictEqual((await supervisor.stats()).totals.drops, { [reason]: 3 });
  });
}

testRelay("where nothing comes, the trace says who has joined, and what came instead", {}, async (relay) => {
  const { supervisor, network } = relay;
  await supervisor.add(RULE);
  const { datagrams, end, code } = await traced(relay, ["239.1.1.1:5001", "--seconds", "2"], async () => {
    await send(network, { ...STREAM, port: 5003 });
    await send(network, { ...STREAM, group: "239.1.1.7" });
  });
  deepStrictEqual([datagrams, end.why, end.seen, code], [[], "seconds", 0, 1]);
  deepStrictEqual(end.notes.slice(0, 2), ["there are rules for 239.1.1.1 on in0", "joined on in0"]);
  const others = end.neighbours.map(({ group, port, count }) => `${count} ${group}:${port}`);
  deepStrictEqual(others, ["3 239.1.1.1:5003", "3 239.1.1.7:5001"]);
});

testRelay("a querier that is there is heard", {}, async (relay) => {
  const { network } = relay;
  const querier = ["mcast_querier", "1", "mcast_query_interval", "50", "mcast_startup_query_interval", "50"];
  await network.ip("source", "link", "add", "br0", "type", "bridge", ...querier, "mcast_query_use_ifaddr", "1");
  await network.ip("source", "link", "set", "s0", "master", "br0");
  await network.ip("source", "addr", "add", "10.1.0.254/24", "dev", "br0");
  await network.ip("source", "link", "set", "br0", "up");
  const { end } = await traced(relay, ["239.9.9.9", "--seconds", "3", "--interface", "in0"], () => Promise.resolve());
  match(end.notes.join("\n"), /^asked for memberships by 10\.1\.0\.254 on in0/m);
  match(end.notes.join("\n"), /^only in0 was looked at$/m);
});

testRelay("a stream that is traced loses nothing", {}, async (relay) => {
  const { supervisor, network } = relay;
  await supervisor.add(RULE);
  const args = ["239.1.1.1:5001", "--count", "10000", "--seconds", "3"];
  const stream = { ...STREAM, count: 100_000, rate: 50_000 };
  const { datagrams } = await traced(relay, args, () => send(network, stream));
  ok(datagrams.length > 50 && datagrams.length <= 400, `${datagrams.length}`);
  const { totals } = await supervisor.stats();
  deepStrictEqual([totals.received, totals.relayed], [100_000, 100_000]);
});

const hasTcpdump = await run(["tcpdump", "--version"]).then(({ code }) => code === 0, () => false);

testRelay(
  `--write makes a file that tcpdump reads, each packet with its time${
    hasTcpdump ? "" : " (not here: it is not installed)"
  }`,
  {},
  async (relay) => {
    const { supervisor, network } = relay;
    await supervisor.add(RULE);
    const file = `${supervisor.socket}.pcapng`;
    const args = ["239.1.1.1", "--count", "6", "--write", file];
    const { datagrams } = await traced(relay, args, async () => {
      await send(network, STREAM);
      await send(network, { ...STREAM, args: ["--vlan", "100"] });
    });
    strictEqual(((await Deno.stat(file)).mode! & 0o777).toString(8), "600");
    const text = new TextDecoder("latin1").decode(await Deno.readFile(file));
    ok(text.includes("- tagged with VLAN 100"), "what is said of a packet is its comment");
    if (!hasTcpdump) return;
    const read = await run(["tcpdump", "-n", "-e", "-tt", "--nano", "-r", file]);
    const lines = read.stdout.trimEnd().split("\n");
    strictEqual(lines.length, 6, read.stderr);
    strictEqual(
      lines.filter((line) => /vlan 100, .*10\.1\.0\.1\.\d+ > 239\.1\.1\.1\.5001: /.test(line)).length,
      3,
    );
    deepStrictEqual(
      lines.map((line) => line.split(".")[1]!.slice(0, 9)),
      datagrams.map(({ time }) => time.slice(20, 29)),
    );
  },
);

testRelay("a trace ends with its client, and leaves the supervisor as it was", {}, async ({ supervisor }) => {
  using client = await connect(supervisor.socket);
  const files = (): number => [...Deno.readDirSync(`/proc/${supervisor.process.pid}/fd`)].length;
  await client.call("ping", {});
  const before = files();
  {
    using stream = client.trace({ group: "239.1.1.1", seconds: 60 });
    await stream.opened;
    ok(files() > before);
  }
  for (let i = 0; files() > before; i++) {
    ok(i < 200, "its descriptors are closed");
    await client.call("ping", {});
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
});
