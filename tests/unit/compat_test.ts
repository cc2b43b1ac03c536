// Goal: command lines that were written for mcrd, mcrctl and mcrgen do the same with mcr.
import { deepStrictEqual, equal, match } from "node:assert/strict";
import { main } from "../../cli.ts";
import { type Command, readArguments } from "../../control/command.ts";
import { allOf, resolveCommand } from "../../control/command_tree.ts";
import { COMMANDS, HIDDEN } from "../../control/commands/mod.ts";
import { makeMcrd, makeMcrgen } from "../../control/compat/mcrd.ts";
import { commandHelp } from "../../control/help.ts";
import { TestSupervisor } from "./fake_engine.ts";

const ID = "239.1.1.1:5001:eth0";
const ADD = "add --input-interface eth0 --input-group 239.1.1.1 --input-port 5001 --outputs 239.2.2.2:6000:eth1";

interface Outcome {
  readonly status: number;
  readonly output: string;
  readonly messages: string;
}

/** Runs a command line of one of the programs. */
async function run(line: string): Promise<Outcome> {
  let output = "";
  let messages = "";
  const write = (text: string): Promise<void> => Promise.resolve(void (output += text));
  const status = await main(line.split(" "), { write, notice: (text) => void (messages += text) });
  return { status, output, messages };
}

Deno.test("mcrctl: a rule's life, in the shapes that its users know", async () => {
  await using supervisor = await TestSupervisor.start();
  const ask = async (line: string): Promise<unknown> => {
    const { status, output, messages } = await run(`mcrctl --socket-path ${supervisor.path} ${line}`);
    deepStrictEqual([status, messages], [0, ""], line);
    return JSON.parse(output);
  };
  deepStrictEqual(await ask("list"), { Rules: [] });
  deepStrictEqual(await ask(`${ADD},239.2.2.3:6000:eth2 --name camera-1`), { Success: `Rule ${ID} added` });
  const rule = {
    rule_id: ID,
    name: "camera-1",
    input_interface: "eth0",
    input_group: "239.1.1.1",
    input_port: 5001,
    input_protocol: 17,
    outputs: [
      { group: "239.2.2.2", port: 6000, interface: "eth1" },
      { group: "239.2.2.3", port: 6000, interface: "eth2" },
    ],
    source: "Dynamic",
  };
  deepStrictEqual(await ask("list"), { Rules: [rule] });
  deepStrictEqual(await ask("list-rules"), { Rules: [rule] });

  const [counters] = supervisor.engine.stats().rules;
  const sent = counters!.outputs.map((output) => output.sent).reduce((a, b) => a + b);
  const bytes = counters!.outputs.map((output) => output.sent_bytes).reduce((a, b) => a + b);
  const rate = counters!.outputs.map(({ rates }) => rates.over_1s.datagrams_per_s).reduce((a, b) => a + b);
  const bits = counters!.outputs.map(({ rates }) => rates.over_1s.bits_per_s).reduce((a, b) => a + b);
  deepStrictEqual(await ask("stats"), {
    Stats: [{
      input_group: "239.1.1.1",
      input_port: 5001,
      input_protocol: 17,
      packets_relayed: sent,
      bytes_relayed: bytes,
      packets_per_second: rate,
      bits_per_second: bits,
    }],
  });
  deepStrictEqual(await ask("remove --name camera-1"), { Success: `Removed rule 'camera-1' (id: ${ID})` });

  deepStrictEqual(await ask(`${ADD} --rule-id mine`), { Success: `Rule ${ID} added` });
  deepStrictEqual(await ask("remove --rule-id mine"), { Success: `Rule ${ID} removed` });
  await ask(ADD);
  deepStrictEqual(await ask(`remove --rule-id ${ID}`), { Success: `Rule ${ID} removed` });
});

Deno.test("mcrctl list shows rules that only mcr can make, too", async () => {
  await using supervisor = await TestSupervisor.start();
  const at = `--socket ${supervisor.path}`;
  const { messages } = await run(`add --in eth0 --group ff3e::1 --protocol esp --out 239.2.2.9:0:eth1 ${at}`);
  equal(messages, "");
  const { Rules: [rule] } = JSON.parse((await run(`mcrctl --socket-path ${supervisor.path} list`)).output);
  deepStrictEqual([rule.input_group, rule.input_port, rule.input_protocol], ["ff3e::1", 0, 50]);
});

Deno.test("mcrctl tells of workers and versions", async () => {
  await using supervisor = await TestSupervisor.start();
  const ask = async (line: string): Promise<unknown> => JSON.parse((await run(`mcrctl ${line}`)).output);
  const at = `--socket-path=${supervisor.path}`;
  deepStrictEqual(await ask(`ping ${at}`), { Success: "pong: 1/1 worker streams ready" });
  deepStrictEqual(await ask(`${at} version`), { Version: { protocol_version: 1 } });
  deepStrictEqual(await ask(`${at} list-workers`), {
    Workers: [{ pid: 4711, worker_type: "DataPlane", core_id: 3, status: "Running" }],
  });
  equal((await run(`mcrctl ${at} list-workers`)).output.split("\n")[1], '  "Workers": [', "for people, too");
});

Deno.test("mcrctl: what the supervisor refuses is an answer, and a status", async () => {
  await using supervisor = await TestSupervisor.start();
  const { status, output, messages } = await run(`mcrctl --socket-path ${supervisor.path} remove --rule-id nope`);
  deepStrictEqual([status, messages], [1, ""]);
  deepStrictEqual(JSON.parse(output), { Error: 'Cannot find rule "nope": there is none' });
});

Deno.test("mcrctl without a supervisor ends with status 3", async () => {
  for (const line of ["list", "stats", "ping", "version", "list-workers", "remove --name x", ADD]) {
    const { status, output } = await run(`mcrctl --socket-path /nonexistent/mcr.sock ${line}`);
    deepStrictEqual([status, output], [3, ""], line);
  }
});

const WRONG: readonly [line: string, message: RegExp][] = [
  ["mcrctl", /^mcr: Cannot run "mcr mcrctl" alone: expected mcr mcrctl add\|remove\|list\|/],
  ["mcrctl lst", /Cannot run "mcr mcrctl lst": there is no such command; did you mean "list"\?/],
  ["mcrctl add --input-interfac x", /Cannot use --input-interfac: mcr mcrctl add has no such option; did you mean/],
  ["mcrctl add --input-interface eth0 --input-group 239.1.1.1 --outputs 239.2.2.2:1:a", /without --input-port/],
  [`mcrctl ${ADD}0:1`, /Cannot parse output "239\.2\.2\.2:6000:eth10:1": expected GROUP:PORT:IFACE/],
  [`mcrctl ${ADD} --rule-id a --name b`, /Cannot use --rule-id "a" and --name "b": expected one of them/],
  ["mcrctl remove", /Cannot remove a rule without its id or name: expected --rule-id or --name/],
  ["mcrd", /Cannot run "mcr mcrd" alone: expected mcr mcrd supervisor/],
  ["mcrd supervisor --num-workers 0", /Cannot use --workers "0"/],
  ["mcrctl config load", /Cannot read a configuration without a file: expected --file FILE/],
  ["mcrctl config check", /Cannot read a configuration without a file: expected --file FILE/],
  ["mcrctl log-level set --level debug", /Cannot set a log level: expected --global LEVEL, or --facility FACILITY/],
  ["mcrctl log-level set --global debug --facility Stats --level info", /Cannot set a log level/],
  ["mcrctl log-level set --global trace", /Cannot use --global "trace": expected emergency, alert, .*, debug/],
  ["mcrctl log-level set --facility Test --level info", /Cannot use --facility "Test": expected Supervisor, /],
  ["mcrd supervisor --interface a/b", /Cannot use --interface "a\/b": expected an interface name/],
  ["mcrgen --group 239.1.1.1 --mode fast", /Cannot use --mode "fast": expected async, spin, burst/],
];
for (const [line, message] of WRONG) {
  Deno.test(`${line}: wrong use, status 2`, async () => {
    const { status, output, messages } = await run(line);
    deepStrictEqual([status, output], [2, ""]);
    match(messages, message);
  });
}

Deno.test("mcrd, mcrctl and mcrgen have help and a version", async () => {
  for (const name of ["mcrd", "mcrctl", "mcrgen"]) {
    match((await run(`${name} --help`)).output, /^Take the command lines of the reference implementation's /);
    equal((await run(`help ${name}`)).output, (await run(`${name} -h`)).output);
    match((await run(`${name} --version`)).output, /^mcr \d/);
    match((await run(`${name} -V`)).output, /^mcr \d/);
  }
  for (const command of allOf(HIDDEN)) {
    for (const line of commandHelp(command).split("\n")) equal(line.length <= 80, true, line);
    const { command: found, rest } = resolveCommand(
      command.example.replaceAll("\\\n", " ").split(/ +/).slice(1),
      COMMANDS,
      HIDDEN,
    );
    readArguments(found!, rest);
  }
});

/** Commands that only tell how they were called. */
function spies(called: string[]): Command[] {
  const spy = (name: string): Command => ({
    name,
    usage: "",
    summary: "Listen",
    example: "",
    options: [],
    run: (args) => Promise.resolve(void called.push([name, ...args].join(" "))).then(() => ""),
  });
  return [spy("run"), spy("gen")];
}

const TRANSLATED: readonly [theirs: string, ours: string][] = [
  ["mcrd supervisor", "run"],
  [
    "mcrd supervisor --control-socket-path /tmp/s --interface eth0 --num-workers 2",
    "run --socket=/tmp/s --workers=2",
  ],
  ["mcrgen --group 239.1.1.1 --port 5001 --interface 10.0.0.1", "--size=1024"],
  [
    "mcrgen --group 239.1.1.1 --port 5001 --interface 10.0.0.1 --rate 50000 --size 1400 --count 10 --batch 32",
    "gen --interface=10.0.0.1 --group=239.1.1.1 --port=5001 --burst=32 --count=10 --rate=50000 --size=1400",
  ],
  [
    "mcrgen --group 239.1.1.1 --port 1 --interface eth0 --rate 5 --count 0 --mode burst",
    "gen --interface=eth0 --group=239.1.1.1 --port=1 --rate=0 --size=1024",
  ],
  ["mcrd supervisor --config /etc/mcrd.json5 --log-json", "run --config=/etc/mcrd.json5 --log-format=json"],
  [
    "mcrgen --group 239.1.1.1 --port 1 --interface eth0 --payload HELLO --size 4 -q",
    "gen --interface=eth0 --group=239.1.1.1 --port=1 --payload=HELLO --size=4",
  ],
];
for (const [theirs, ours] of TRANSLATED) {
  Deno.test(`${theirs} is mcr ${ours}`, async () => {
    const called: string[] = [];
    const commands = spies(called);
    const programs = [makeMcrd(commands), makeMcrgen(commands)];
    const { command, rest } = resolveCommand(theirs.split(" "), programs);
    const nothing = { notice: () => {}, write: () => Promise.resolve() };
    equal(await command!.run(rest, nothing), "");
    equal(called.length, 1);
    match(`${called[0]}`, new RegExp(`${ours.replaceAll(".", "\\.")}$`));
  });
}
