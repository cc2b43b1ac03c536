import { deepStrictEqual, equal, match } from "node:assert/strict";
import { main } from "../../cli.ts";
import { formatRules } from "../../control/commands/list.ts";
import { formatInterfaces } from "../../control/commands/interfaces.ts";
import { formatDuration } from "../../control/commands/ping.ts";
import { formatRule } from "../../control/commands/show.ts";
import { formatStats } from "../../control/commands/stats.ts";
import { formatWorkers } from "../../control/commands/workers.ts";
import type { WorkerStatus } from "../../control/model.ts";
import { VERSION } from "../../control/version.ts";
import { TestSupervisor } from "./fake_engine.ts";

const CLI = new URL("../../cli.ts", import.meta.url).pathname;
const RULE = ["--input-interface", "eth0", "--input-group", "239.1.1.1", "--input-port", "5001"];
const ID = "239.1.1.1:5001:eth0";

const NO_RATE = { datagrams_per_s: 0, bits_per_s: 0, drops_per_s: 0 };
const NO_RATES = { over_1s: NO_RATE, over_10s: NO_RATE, over_60s: NO_RATE };

interface Outcome {
  readonly status: number;
  readonly output: string;
  readonly messages: string;
}

/** Runs a command line in this process. */
async function mcr(...args: string[]): Promise<Outcome> {
  let output = "";
  let messages = "";
  const status = await main(args, {
    write(text): Promise<void> {
      output += text;
      return Promise.resolve();
    },
    notice(text): void {
      messages += text;
    },
  });
  return { status, output, messages };
}

const USAGE_ERRORS: readonly [args: string[], message: RegExp][] = [
  [["lst"], /^mcr: Cannot run "mcr lst": there is no such command; did you mean "list"\?\n$/],
  [["frobnicate"], /there is no such command; see "mcr help"\n$/],
  [["help", "ad"], /Cannot run "mcr ad": .*did you mean "add"\?/],
  [["help", "add", "remove"], /Cannot use argument "remove" of mcr help: expected mcr help \[COMMAND\.\.\.\]/],
  [["list", "--jsn"], /Cannot use --jsn: mcr list has no such option; did you mean "--json"\?/],
  [["--frobnicate"], /Cannot use --frobnicate without a command/],
  [["remove"], /Cannot remove a rule without its id or name: expected mcr remove ID\|NAME/],
  [["add"], /Cannot add a rule without --input-interface: expected mcr add --input-interface/],
  [["add", ...RULE], /Cannot add a rule without outputs: expected --outputs GROUP:PORT:IFACE/],
  [["add", ...RULE, "--outputs", ""], /Cannot parse output "": expected GROUP:PORT:IFACE/],
  [["add", ...RULE, "--outputs", "239.2.2.2:-1:eth1"], /the port is "-1", expected a port, 1 to 65535/],
  [
    ["add", ...RULE, "--out", "239.2.2.2:1:eth1,239.2.2.2:1:eth1"],
    /Cannot accept outputs\[1\]: it repeats outputs\[0\]/,
  ],
  [
    ["add", ...RULE, "--out", "239.2.2.2:1:a", "--ttl", "256"],
    /Cannot use --ttl "256": expected a time to live, 1 to 255/,
  ],
  [["add", ...RULE, "--out", "239.2.2.2:1:a", "--name", "a b"], /Cannot use --name "a b": expected a name of 1 to 64/],
  [
    ["add", "--in", "a/b", "--group", "239.1.1.1", "--port", "1"],
    /--input-interface "a\/b": expected an interface name/,
  ],
  [
    ["add", "--in", "a", "--group", "0.0.0.1", "--port", "1"],
    /Cannot use --input-group "0\.0\.0\.1": expected an IPv4 or IPv6 address/,
  ],
  [["add", "--in", "a", "--group", "239.1.1.1", "--port", "65536"], /Cannot use --input-port "65536": expected a port/],
  [
    ["add", "--in", "a", "--group", "239.1.0.9/24", "--port", "1"],
    /"239\.1\.0\.9\/24": expected 239\.1\.0\.0\/24, without/,
  ],
  [["add", "--in", "a", "--group", "239.1.1.1", "--protocol", "tcp"], /--protocol "tcp": expected "udp" or "esp"/],
  [["add", ...RULE, "--source", "10.0.0.1,x"], /Cannot use --source "x": expected an IPv4 or IPv6 address of a host/],
  [["add", ...RULE, "--exclude-source", "239.1.1.1"], /Cannot use --exclude-source "239\.1\.1\.1": expected/],
  [["add", ...RULE, "--dscp", "64"], /Cannot use --dscp "64": expected a DSCP, 0 to 63, or "copy"/],
  [["add", ...RULE, "--ecn", "x"], /Cannot use --ecn "x": expected ECN bits, 0 to 3, or "copy"/],
  [["add", ...RULE, "--output-source", "eth1"], /Cannot use --output-source "eth1": expected .* address of this host/],
  [["add", ...RULE, "--source-port", "0"], /Cannot use --source-port "0": expected a port, 1 to 65535/],
  [["add", ...RULE, "--oversize", "cut"], /Cannot use --oversize "cut": expected "fragment" or "drop"/],
  [["add", ...RULE, "--max-rate", "100"], /Cannot use --max-rate "100": expected a rate as in 50000pps/],
  [["add-rule", ...RULE, "--output-group", "239.1.1.1"], /0 --output-interface, 1 --output-group and 0 --output-port/],
  [["run", "--workers", "0"], /Cannot use --workers "0": expected a number from 1 to 64, or "auto"/],
  [["run", "--cores", "3-1"], /Cannot use --cores "3-1": expected core numbers/],
  [["run", "--metrics", "localhost:9464"], /Cannot use --metrics "localhost:9464": expected ADDRESS:PORT, as in 127\./],
  [["run", "--ttl", "0"], /Cannot use --ttl "0": expected a time to live, 1 to 255/],
  [["run", "--ring-slots", "100"], /Cannot use --ring-slots "100": expected a power of two from 64 to 262144/],
  [["trace", "foo"], /Cannot trace "foo": expected GROUP or GROUP:PORT/],
  [["trace", "239.1.1.1", "--count", "0"], /Cannot use --count "0": expected a whole number, 1 to 10000/],
  [["list", "\x1b[2J"], /Cannot use argument "\?\[2J" of mcr list/],
  [
    ["list", "--socket", `/${"x".repeat(200)}`],
    /Cannot use control socket .*a path may have 107 bytes, this one has 201/,
  ],
];
for (const [args, message] of USAGE_ERRORS) {
  Deno.test(`mcr ${args.join(" ").slice(0, 80)}: wrong use, status 2`, async () => {
    const { status, output, messages } = await mcr(...args);
    deepStrictEqual([status, output], [2, ""]);
    match(messages, message);
    equal(messages.split("\n").length, 2, "one message, one line");
  });
}

Deno.test("mcr without a command shows the overview as a message, status 2", async () => {
  const { status, output, messages } = await mcr();
  deepStrictEqual([status, output], [2, ""]);
  match(messages, /^mcr - relay UDP multicast/);
});

Deno.test("mcr help, --help and -h say the same, status 0", async () => {
  const { output } = await mcr("help");
  for (const args of [["--help"], ["-h"]]) deepStrictEqual(await mcr(...args), { status: 0, output, messages: "" });
  const ofAdd = (await mcr("help", "add")).output;
  match(ofAdd, /^Add a rule to the running relay\.\n\n +mcr add /);
  match(ofAdd, /^usage: mcr add /m);
  const ways = [["add", "--help"], ["--help", "add"], ["add-rule", "--in", "x", "-h"], ["help", "add-rule"]];
  for (const args of ways) {
    deepStrictEqual(await mcr(...args), { status: 0, output: ofAdd, messages: "" });
  }
});

Deno.test("client commands without a supervisor end with status 3", async () => {
  const nowhere = ["--socket", "/nonexistent/mcr.sock"];
  const commands = [["list"], ["stats"], ["workers"], ["interfaces"], ["ping"], ["remove", "x"]];
  for (const args of [...commands, ["add", ...RULE, "--out", "239.2.2.2:1:a"]]) {
    const { status, output, messages } = await mcr(...args, ...nowhere);
    deepStrictEqual([status, output], [3, ""], args[0]);
    match(messages, /^mcr: Cannot reach the supervisor on "\/nonexistent\/mcr\.sock": nobody listens there; start one/);
  }
});

Deno.test("mcr version needs no supervisor and tells of one", async () => {
  const nowhere = ["--socket", "/nonexistent/mcr.sock"];
  deepStrictEqual(await mcr("--version"), { status: 0, output: `mcr ${VERSION}\n`, messages: "" });
  deepStrictEqual(await mcr("version", ...nowhere), { status: 0, output: `mcr ${VERSION}\n`, messages: "" });
  equal((await mcr("version", "-j", ...nowhere)).output, `{"version":"${VERSION}","protocol":1}\n`);
  await using supervisor = await TestSupervisor.start();
  const { output } = await mcr("version", "--socket", supervisor.path);
  equal(output, `mcr ${VERSION}\nsupervisor ${VERSION}, abi 1, protocol 1\n`);
});

Deno.test("mcr add, list and remove: one rule's life", async () => {
  await using supervisor = await TestSupervisor.start();
  const at = ["--socket", supervisor.path];
  supervisor.engine.missing.add("eth9");
  const outputs = ["--outputs", "239.2.2.2:6000:eth1,239.2.2.3:6000:eth2", "--out", "239.2.2.4:6000:eth1"];
  const added = await mcr("add", ...RULE, ...outputs, "--name", "camera", "--ttl", "4", ...at);
  deepStrictEqual(added, { status: 0, output: `rule ${ID} added\n`, messages: "" });
  deepStrictEqual(await mcr("list", ...at), {
    status: 0,
    output: `RULE                 NAME    STATE   OUTPUTS
239.1.1.1:5001:eth0  camera  active  239.2.2.2:6000:eth1/ttl=4
                                     239.2.2.3:6000:eth2/ttl=4
                                     239.2.2.4:6000:eth1/ttl=4
`,
    messages: "",
  });
  deepStrictEqual(await mcr("--socket", supervisor.path, "remove", "camera"), {
    status: 0,
    output: `rule ${ID} removed\n`,
    messages: "",
  });
  equal((await mcr("list", ...at)).output, "no rules\n");
});

Deno.test("mcr add says what a pending rule waits for", async () => {
  await using supervisor = await TestSupervisor.start();
  const at = ["--socket", supervisor.path];
  for (const name of ["eth0", "eth8", "eth9"]) supervisor.engine.missing.add(name);
  const output = async (...args: string[]): Promise<string> => (await mcr("add", ...args, ...at)).output;
  equal(await output(...RULE, "--out", "239.2.2.2:1:eth1"), `rule ${ID} added, pending: waiting for interface eth0\n`);
  const lo = ["--in", "lo", "--group", "239.1.1.1"];
  equal(
    await output(...lo, "--port", "1", "--out", "239.2.2.2:1:eth8,239.2.2.2:1:eth9"),
    "rule 239.1.1.1:1:lo added, pending: waiting for interfaces eth8, eth9\n",
  );
});

Deno.test("mcr add-rule takes outputs as three options each", async () => {
  await using supervisor = await TestSupervisor.start();
  const first = ["--output-interface", "eth1", "--output-group", "239.2.2.2", "--output-port", "6000"];
  const second = ["--output-port", "6001", "--output-group", "239.2.2.3", "--output-interface", "eth2"];
  const { output } = await mcr("add-rule", ...RULE, ...first, ...second, "-j", "--socket", supervisor.path);
  deepStrictEqual(JSON.parse(output), {
    id: ID,
    input: { interface: "eth0", group: "239.1.1.1", port: 5001 },
    outputs: [
      { interface: "eth1", group: "239.2.2.2", port: 6000 },
      { interface: "eth2", group: "239.2.2.3", port: 6001 },
    ],
    state: "active",
    waiting_for: [],
  });
});

Deno.test("mcr add takes everything that a rule can say", async () => {
  await using supervisor = await TestSupervisor.start();
  const where = ["--in", "eth0", "--group", "FF3E::/120", "--port", "5000-5010"];
  const from = ["--source", "fd00::2,fd00::1", "--source", "fd01::/16", "--exclude-source", "fd01::5"];
  const to = [
    "--out",
    "239.2.2.0/24:0:eth1/ttl=9/source=10.0.0.1,[ff3e::100/120]:6000-6010:eth2",
    "--ttl",
    "decrement",
  ];
  const how = ["--dscp", "copy", "--ecn", "1", "--source-port", "7000", "--oversize", "drop"];
  const limits = ["--max-rate", "50kpps,1Gbps", "--allow-loop"];
  const { output, messages } = await mcr(
    ...["add", ...where, ...from, ...to, ...how, ...limits, "-j", "--socket", supervisor.path],
  );
  equal(messages, "");
  const options = { dscp: "copy", ecn: 1, source_port: 7000, oversize: "drop" };
  deepStrictEqual(JSON.parse(output), {
    id: "fd00::1,fd00::2,fd01::/16,!fd01::5@[ff3e::/120]:5000-5010:eth0",
    input: {
      interface: "eth0",
      group: "ff3e::/120",
      port: "5000-5010",
      sources: ["fd00::1", "fd00::2", "fd01::/16"],
      exclude_sources: ["fd01::5"],
    },
    outputs: [
      { interface: "eth1", group: "239.2.2.0/24", port: 0, ttl: 9, source: "10.0.0.1", ...options },
      { interface: "eth2", group: "ff3e::100/120", port: "6000-6010", ttl: "decrement", ...options },
    ],
    max_rate: { datagrams: 50_000, bits: 1_000_000_000 },
    allow_loop: true,
    state: "active",
    waiting_for: [],
  });
});

Deno.test("mcr show tells all that a rule says, and its counters", async () => {
  await using supervisor = await TestSupervisor.start();
  const at = ["--socket", supervisor.path];
  supervisor.engine.missing.add("eth9");
  const sources = ["--source", "10.2.0.0/16,10.1.1.1", "--exclude-source", "10.2.9.9", "--name", "camera"];
  const limits = ["--max-rate", "50kpps", "--exclusive", "--allow-loop"];
  await mcr("add", ...RULE, ...sources, ...limits, "--out", "239.2.2.2:6000:eth9", "--ttl", "9", ...at);
  const id = `10.1.1.1,10.2.0.0/16,!10.2.9.9@${ID}`;
  const { output } = await mcr("show", "camera", ...at);
  equal(
    output.slice(0, output.indexOf("\n\n") + 1),
    `rule     ${id}
name     camera
state    pending, waiting for eth9
input    eth0 239.1.1.1:5001, exclusive
sources  10.1.1.1, 10.2.0.0/16
but not  10.2.9.9
at most  50kpps in each worker
loops    allowed
outputs  239.2.2.2:6000:eth9/ttl=9
`,
  );
  match(output, /^ +-> 239\.2\.2\.2:6000:eth9 +10 +9 +1 /m);
  equal(output.includes("total"), false);
  const json = JSON.parse((await mcr("show", id, "-j", ...at)).output);
  deepStrictEqual([json.id, json.name, json.counters.received], [id, "camera", 10]);
  // A word that is too long for its place has its place nevertheless.
  const [first, second] = formatRule(json, undefined, {}, 40).split("\n");
  deepStrictEqual([first, second], [`rule     ${id}`, "name     camera"]);
  match((await mcr("show", ...at)).messages, /Cannot show a rule without its id or name: expected mcr show ID\|NAME/);
  equal((await mcr("show", "other", ...at)).status, 1);
});

Deno.test("mcr add takes ESP without a port", async () => {
  await using supervisor = await TestSupervisor.start();
  const rule = ["--in", "eth0", "--group", "239.1.1.1", "--protocol", "esp", "--out", "239.2.2.2:0:eth1"];
  const { output } = await mcr("add", ...rule, "--socket", supervisor.path);
  equal(output, "rule 239.1.1.1:esp:eth0 added\n");
});

Deno.test("what the supervisor refuses ends with status 1 and its own words", async () => {
  await using supervisor = await TestSupervisor.start();
  const at = ["--socket", supervisor.path];
  const output = ["--out", "239.2.2.2:6000:eth1"];
  equal((await mcr("add", ...RULE, ...output, ...at)).status, 0);
  const cases: readonly [string[], RegExp][] = [
    [
      ["add", ...RULE, ...output],
      /^mcr: Cannot add a rule for eth0 239\.1\.1\.1:5001: rule 239\.1\.1\.1:5001:eth0 has/,
    ],
    [
      ["add", "--in", "eth1", "--group", "239.2.2.2", "--port", "6000", "--out", ID],
      /would feed its own input: eth1 239\.2\.2\.2:6000 -> eth0 239\.1\.1\.1:5001 -> eth1 239\.2\.2\.2:6000\n$/,
    ],
    [["remove", "camera"], /^mcr: Cannot find rule "camera": there is none\n$/],
  ];
  for (const [args, message] of cases) {
    const { status, output, messages } = await mcr(...args, ...at);
    deepStrictEqual([status, output], [1, ""], args[0]);
    match(messages, message);
  }
});

Deno.test("--json prints the supervisor's answer as one line", async () => {
  await using supervisor = await TestSupervisor.start();
  const { engine, path } = supervisor;
  await mcr("add", ...RULE, "--out", "239.2.2.2:6000:eth1", "--socket", path);
  const json = async (name: string): Promise<unknown> => {
    const { output } = await mcr(name, "-j", "--socket", path);
    equal(output.indexOf("\n"), output.length - 1);
    return JSON.parse(output);
  };
  deepStrictEqual(await json("stats"), engine.stats());
  deepStrictEqual(await json("workers"), { workers: engine.workers() });
  deepStrictEqual(await json("interfaces"), { interfaces: engine.interfaces() });
  equal((await json("list") as { rules: unknown[] }).rules.length, 1);
  equal((await json("ping") as { pid: number }).pid, Deno.pid);
});

Deno.test("the tables of stats, workers, interfaces and ping", async () => {
  await using supervisor = await TestSupervisor.start();
  const at = ["--socket", supervisor.path];
  await mcr("add", ...RULE, "--out", "239.2.2.2:6000:eth1", "--name", "camera", ...at);
  equal(
    (await mcr("stats", ...at)).output,
    `RULE                          IN  OUT  DROPPED  PPS  BIT/S   P50    P99  LAST
239.1.1.1:5001:eth0 (camera)  10   10        0   10   105k  47us  120us    3s
  -> 239.2.2.2:6000:eth1      10    9        1   10   105k                 3s
total                         12   10        2   10   105k

dropped, by reason:
  239.1.1.1:5001:eth0 -> 239.2.2.2:6000:eth1: socket_full 1
  total: no_rule 2

no_rule: no rule for this group and port: normal for a moment after a rule was removed
socket_full: the output's send buffer is full: the interface is slower than the stream
`,
  );
  equal(
    (await mcr("workers", ...at)).output,
    `WORKER  STATE     PID  CORE  RESTARTS  GEN  RECEIVED  RELAYED  DROPPED
     0  running  4711     3         0    1        12       10        2
`,
  );
  equal(
    (await mcr("interfaces", ...at)).output,
    `INTERFACE  INDEX   MTU  STATE  ADDRESSES
eth0           2  1500  up     10.0.0.1
`,
  );
  match((await mcr("ping", ...at)).output, new RegExp(`^supervisor ${Deno.pid} is up for \\d s\n$`));
});

Deno.test("formatStats() shows a rule without traffic", () => {
  const totals = { received: 0, received_bytes: 0, relayed: 0, drops: {}, rates: NO_RATES };
  equal(
    formatStats({ totals, rules: [], advice: {} }),
    "RULE   IN  OUT  DROPPED  PPS  BIT/S  P50  P99  LAST\ntotal   0    0        0    0      0\n",
  );
});

/** What is as long as it can be. */
const LONG = { interface: "interface15char", group: "239.255.255.255", port: 65535 };
const LONG_ID = "239.255.255.255:65535:interface15char";
const LONG_NAME = "n".repeat(64);

Deno.test("formatStats() fits 80 columns with the longest names and large counts, and cuts no name", () => {
  const rate = { datagrams_per_s: 1_234_567, bits_per_s: 12_345_678_901, drops_per_s: 0 };
  const rates = { over_1s: rate, over_10s: rate, over_60s: rate };
  const drops = { socket_full: 123_456_789_012 };
  const counters = { received: 2 ** 53, received_bytes: 2 ** 53, relayed: 2 ** 53, drops, rates };
  const output = { output: LONG, due: 2 ** 53, sent: 2 ** 53, sent_bytes: 2 ** 53, drops, rates, last_seen_ms: 0 };
  const latency = { p50_us: 47.1, p99_us: 999_000, p999_us: 2e6 };
  const rule = { id: LONG_ID, name: LONG_NAME, input: LONG, ...counters, latency, outputs: [output] };
  const advice = { socket_full: "the output's send buffer is full: the interface is slower than the stream" };
  const text = formatStats({ totals: counters, rules: [rule], advice }, 80, 1000);
  for (const line of text.split("\n")) equal(line.length <= 80, true, line);
  equal(text.includes(`-> ${LONG_ID}`) && text.includes(LONG_NAME), true, text);
  match(text, /^ +9\.01P +9\.01P +123G +1\.23M +12\.3G +47us +999ms +-$/m);
});

Deno.test("formatRules() and formatWorkers() fit 80 columns with the longest names and large counts", () => {
  const outputs = [{ ...LONG, ttl: 255, raw: true }, LONG];
  const input = { ...LONG, exclusive: true };
  const rule = { id: LONG_ID, name: LONG_NAME, input, outputs, waiting_for: [LONG.interface] };
  const worker: WorkerStatus = {
    ...{ index: 63, state: "starting" as const, pid: 4_194_304, core: 8191, restarts: 100_000, generation: 1_000_000 },
    ...{ superframes: 0, wakeups: 0, received: 2 ** 53, received_bytes: 2 ** 53, relayed: 2 ** 53, rates: NO_RATES },
    drops: { no_rule: 2 ** 40 },
  };
  const rules = formatRules([{ ...rule, state: "pending" }], 80);
  for (const text of [rules, formatWorkers([worker], 80)]) {
    for (const line of text.split("\n")) equal(line.length <= 80, true, line);
  }
  equal(
    [LONG_ID, LONG_NAME, "pending, exclusive", `${LONG_ID}/ttl=255/raw`].every((word) => rules.includes(word)),
    true,
  );
});

Deno.test("formatInterfaces() puts each address into a line of its own", () => {
  const one = { name: "eth0", index: 2, mtu: 1500, up: true, addresses: ["10.0.0.1", "10.0.0.2"] };
  const lines = ["INTERFACE  INDEX   MTU  STATE  ADDRESSES", "eth0           2  1500  up     10.0.0.1"];
  equal(formatInterfaces([one]), [...lines, `${" ".repeat(31)}10.0.0.2`, ""].join("\n"));
});

Deno.test("formatInterfaces() lists some of the groups that are joined, and counts the others", () => {
  const joined = Array.from({ length: 10 }, (_, i) => `239.1.1.${i}`);
  const lines = formatInterfaces([{ name: "eth0", index: 2, mtu: 1500, up: true, addresses: [], joined }]).split("\n");
  deepStrictEqual(lines.slice(1).map((line) => line.slice(31)), [
    ...joined.slice(0, 8).map((group) => `joined ${group}`),
    "and 2 more",
    "",
  ]);
});

Deno.test("formatRules() shows what an unnamed pending rule waits for", () => {
  const place = { interface: "eth9", group: "239.1.1.1", port: 1 };
  const text = formatRules([{ id: "x", input: place, outputs: [place], state: "pending", waiting_for: ["eth9"] }]);
  equal(
    text,
    `RULE  NAME  STATE    OUTPUTS
x     -     pending  239.1.1.1:1:eth9
                     waiting for eth9
`,
  );
});

Deno.test("formatDuration() shows the two largest units", () => {
  const cases: readonly [number, string][] = [
    [0, "0 s"],
    [59_999, "59 s"],
    [60_000, "1 min 0 s"],
    [3_660_000, "1 h 1 min"],
    [90_000_000, "1 d 1 h"],
  ];
  for (const [durationMs, text] of cases) equal(formatDuration(durationMs), text);
});

/** Runs a command line as a process of its own. */
async function spawn(command: string, args: string[]): Promise<Outcome> {
  const { code, stdout, stderr } = await new Deno.Command(command, { args, env: { NO_COLOR: "1" } }).output();
  const [output, messages] = [stdout, stderr].map((bytes) => new TextDecoder().decode(bytes)) as [string, string];
  return { status: code, output, messages };
}

Deno.test("cli.ts ends with the statuses that scripts rely on", async () => {
  const [usage, noDaemon] = await Promise.all([
    spawn(Deno.execPath(), ["run", "-A", CLI, "lst"]),
    spawn(Deno.execPath(), ["run", "-A", CLI, "list", "--socket", "/nonexistent/mcr.sock"]),
  ]);
  deepStrictEqual([usage.status, usage.output, noDaemon.status, noDaemon.output], [2, "", 3, ""]);
  match(usage.messages, /^mcr: Cannot run "mcr lst"/);
  match(noDaemon.messages, /^mcr: Cannot reach the supervisor/);
});

Deno.test("what cannot be written is told by its name", async () => {
  const script = '"$0" run -A "$1" help >/dev/full; echo "$?"';
  deepStrictEqual(await spawn("bash", ["-c", script, Deno.execPath(), CLI]), {
    status: 0,
    output: "1\n",
    messages: "mcr: Cannot write to standard output: No space left on device\n",
  });
  await using supervisor = await TestSupervisor.start();
  deepStrictEqual(await mcr("config", "save", "--socket", supervisor.path, "/nonexistent/mcr.yaml"), {
    status: 1,
    output: "",
    messages: 'mcr: Cannot write "/nonexistent/mcr.yaml": No such file or directory\n',
  });
  deepStrictEqual(await mcr("trace", "239.1.1.1", "--write", "/dev/full", "--socket", supervisor.path), {
    status: 1,
    output: "",
    messages: 'mcr: Cannot write "/dev/full": No space left on device\n',
  });
});

Deno.test("cli.ts is quiet when nobody reads its output to the end", async () => {
  const script = '"$0" run -A "$1" help add | true; echo "${PIPESTATUS[0]}"';
  deepStrictEqual(await spawn("bash", ["-c", script, Deno.execPath(), CLI]), {
    status: 0,
    output: "0\n",
    messages: "",
  });
});
