// Goal: a configuration of the reference implementation becomes one of ours, nothing of it goes without a word, and
// mcrctl handles both as its users know it.
import { deepStrictEqual, match, ok, rejects, strictEqual } from "node:assert/strict";
import { main } from "../../cli.ts";
import { CONFIG } from "../../control/config.ts";
import { importConfig } from "../../control/compat/import.ts";
import { TestSupervisor } from "./fake_engine.ts";

const INPUT = { interface: "eth0", group: "239.1.1.1", port: 5001 };
const OUTPUT = { group: "239.2.2.2", port: 6000, interface: "eth1" };
const RULE = { input: INPUT, outputs: [OUTPUT] };

/** As its `mcrctl config save` writes it, with all that it knows. */
const FULL = `{
  // Comments and commas at the end are fine.
  pinning: { eth0: [3, 2], eth1: [2], },
  rules: [
    { name: 'camera-1', input: { interface: "eth0", group: "239.1.1.1", port: 5001, protocol: null },
      outputs: [{ group: "239.2.2.2", port: 6000, interface: "eth1", ttl: 8 }, ] },
    { input: { interface: "eth0", group: "239.1.1.2", port: 1, protocol: "esp" },
      outputs: [{ group: "239.2.2.3", port: 1, interface: "eth1" }] },
  ],
  multicast_ttl: 4,
  pim: { enabled: true, router_id: "10.0.0.1" },
  igmp: { querier_interfaces: ["eth0"] },
  msdp: null,
}
`;

const FULL_OURS = {
  version: 1,
  cores: "2,3",
  ttl: 4,
  rules: [
    { name: "camera-1", input: INPUT, outputs: [{ interface: "eth1", group: "239.2.2.2", port: 6000, ttl: 8 }] },
    {
      input: { interface: "eth0", group: "239.1.1.2", protocol: "esp", port: 0 },
      outputs: [{ interface: "eth1", group: "239.2.2.3", port: 0 }],
    },
  ],
};

interface Outcome {
  readonly status: number;
  readonly output: string;
  readonly messages: string;
}

async function run(...args: string[]): Promise<Outcome> {
  let output = "", messages = "";
  const write = (text: string): Promise<void> => Promise.resolve(void (output += text));
  const status = await main(args, { write, notice: (text) => void (messages += text) });
  return { status, output, messages };
}

/** Runs a test in a folder with these files. */
async function inFolder(files: Record<string, string>, body: (folder: string) => Promise<void>): Promise<void> {
  const folder = await Deno.makeTempDir({ prefix: "mcr-import-" });
  try {
    for (const [name, text] of Object.entries(files)) await Deno.writeTextFile(`${folder}/${name}`, text);
    await body(folder);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

Deno.test("mcr config import prints what there is an equal of, and lists the rest", () => {
  return inFolder({ "full.json5": FULL }, async (folder) => {
    const file = `${folder}/full.json5`, target = `${folder}/mcr.yaml`;
    const { status, output, messages } = await run("config", "import", file, "-j");
    strictEqual(status, 0);
    deepStrictEqual(JSON.parse(output), FULL_OURS);
    deepStrictEqual(messages.trimEnd().split("\n").map((line) => line.replace(`mcr: ${file}: `, "")), [
      'pinning: taken as cores "2,3": workers of mcr are pinned, and each listens on all interfaces',
      "rules[1].input.port: left out: ESP has no ports",
      "rules[1].outputs[0].port: left out: ESP has no ports",
      "pim: left out: mcr speaks no PIM; a router, pimd or FRR beside it does",
      "igmp: left out: mcr is no IGMP querier; a switch, a router or the bridge (mcast_querier) is",
    ]);
    strictEqual((await run("config", "import", "-o", target, file)).output, `${target}: imported, 2 rules\n`);
    strictEqual((await run("config", "check", target)).output, `${target}: right, 2 rules\n`);
    strictEqual((await run("config", "import", file)).output, await Deno.readTextFile(target));
    match((await run("config", "import", "-o", file, file)).messages, /^mcr: Cannot write ".*\.json5": what is imp/);
    strictEqual(await Deno.readTextFile(file), FULL);
    match((await run("config", "import")).messages, /^mcr: Cannot import no file: expected mcr config import /);
  });
});

/** What a file holds, what is noted, and what is wrong, as regular expressions. */
const STRANGE: readonly [value: unknown, notes: readonly RegExp[], problems: readonly RegExp[], rules: number][] = [
  [{}, [], [], 0],
  [{ rules: [RULE], multicast_ttl: null }, [], [], 1],
  [
    { rule: [RULE], color: 1 },
    [/^rule: left out: .*; did you mean "rules"\?$/, /^color: left out: there is no/],
    [],
    0,
  ],
  [{ rules: [{ ...RULE, color: 1 }] }, [/^rules\[0\]\.color: left out/], [], 1],
  [{ rules: [{ ...RULE, input: { ...INPUT, source: "1.2.3.4" } }] }, [/^rules\[0\]\.input\.source: left out/], [], 1],
  [{ rules: [{ ...RULE, outputs: [{ ...OUTPUT, source_ip: "1.2.3.4" }] }] }, [/outputs\[0\]\.source_ip: left/], [], 1],
  [{ rules: [{ ...RULE, outputs: [] }] }, [/^rules\[0\]: left out: it has no outputs$/], [], 0],
  [{ rules: [{ ...RULE, name: "a b" }] }, [/^rules\[0\]\.name: "a b" is left out: a name has letters/], [], 1],
  [
    { rules: [{ ...RULE, name: "a" }, { ...RULE, name: "a", input: { ...INPUT, port: 2 } }] },
    [/^rules\[1\]\.name: "a" is left out: another rule has this name$/],
    [],
    2,
  ],
  [{ rules: [{ ...RULE, input: { ...INPUT, protocol: "ESP" } }] }, [/protocol: "ESP" is taken for "udp"/], [], 1],
  [{ multicast_ttl: 0 }, [/^multicast_ttl: left out: .*; 1 holds$/], [], 0],
  [{ rules: [RULE, RULE] }, [], [/^rules\[1\]: Cannot add a rule for eth0 .*: rule 239\.1\.1\.1:5001:eth0 has/], 1],
  [
    { rules: [RULE, { input: { ...OUTPUT }, outputs: [INPUT] }] },
    [],
    [/^rules\[1\]: Cannot add rule .*: it would feed its own input/],
    1,
  ],
  [{ rules: [{ ...RULE, input: { ...INPUT, port: 0 } }] }, [], [/"rules\[0\]\.input\.port" 0: expected a port, 1/], 0],
  [{ rules: [{ ...RULE, outputs: [{ ...OUTPUT, port: 0 }] }] }, [], [/outputs\[0\]\.port" 0: expected a port, 1/], 0],
  [{ rules: [{ ...RULE, input: { ...INPUT, group: "x" } }] }, [], [/"rules\[0\]\.input\.group" "x": expected an/], 0],
  [{ rules: [{ outputs: [OUTPUT] }, RULE] }, [], [/"rules\[0\]\.input" is missing, expected an object$/], 1],
  [{ rules: [7, RULE] }, [], [/"rules\[0\]" 7: expected an object/], 1],
  [{ rules: 7 }, [], [/"rules" 7: expected a list/], 0],
  [{ pinning: { eth0: [] } }, [], [/"pinning\.eth0" \[\]: expected at least one core/], 0],
  [{ pinning: { eth0: ["x"] }, rules: [RULE] }, [], [/"pinning\.eth0\[0\]" "x": expected the number of a core/], 1],
  [{ pinning: {} }, [], [], 0],
  [{ multicast_ttl: 256 }, [], [/"multicast_ttl" 256: expected a time to live, 0 to 255/], 0],
  [[], [], [/Cannot accept the configuration \[\]: expected an object/], 0],
  [JSON.parse('{"__proto__": {"rules": 1}, "constructor": 2}'), [/^__proto__: left/, /^constructor: left/], [], 0],
];
for (const [value, notes, problems, count] of STRANGE) {
  Deno.test(`importConfig() takes ${JSON.stringify(value)}`, () => {
    const imported = importConfig(value);
    const check = (texts: readonly string[], wanted: readonly RegExp[]): void => {
      strictEqual(texts.length, wanted.length, texts.join("\n"));
      texts.forEach((text, index) => match(text, wanted[index]!));
    };
    check(imported.notes, notes);
    check(imported.problems.map(({ message }) => message), problems);
    strictEqual(imported.config.rules.length, count);
    deepStrictEqual(CONFIG.take(imported.config, ""), imported.config, "it is one of ours");
  });
}

Deno.test("mcr config import fails where there is nothing to take, and says where a file is no JSON5", () => {
  const files = { "none.json5": "{ pim: {} }", "bad.json5": "{\n rules: [ {", "empty.json5": "{}" };
  return inFolder(files, async (folder) => {
    const nothing = await run("config", "import", `${folder}/none.json5`);
    deepStrictEqual([nothing.status, nothing.output], [1, ""]);
    match(nothing.messages, /pim: left out: .*\n.*none\.json5: mcr can take nothing of it\n$/);
    const bad = await run("config", "import", `${folder}/bad.json5`);
    deepStrictEqual([bad.status, bad.output], [1, ""]);
    match(bad.messages, /bad\.json5:2:12: Cannot read JSON5: invalid end of input\n$/);
    match(
      (await run("config", "import", `${folder}/missing.json5`)).messages,
      /Cannot read the configuration: No such/,
    );
    deepStrictEqual((await run("config", "import", `${folder}/empty.json5`)).output, "version: 1\nrules: []\n");
  });
});

Deno.test("a file that ends in .json5 is read as the reference implementation's wherever a file is named", () => {
  return inFolder({ "full.json5": FULL, "twice.json5": JSON.stringify({ rules: [RULE, RULE] }) }, async (folder) => {
    await using supervisor = await TestSupervisor.start();
    const at = ["--socket", supervisor.path], file = `${folder}/full.json5`;
    const { status, output, messages } = await run("config", "check", file);
    deepStrictEqual([status, output], [0, `${file}: right, 2 rules\n`]);
    match(messages, /full\.json5: pim: left out/);
    match((await run("config", "apply", file, ...at)).output, /2 added, 0 removed, 0 replaced, 0 unchanged\n$/);
    const twice = await run("config", "check", `${folder}/twice.json5`);
    deepStrictEqual([twice.status, twice.output], [1, ""]);
    match(twice.messages, /twice\.json5: rules\[1\]: Cannot add a rule/);
  });
});

Deno.test("mcr config save keeps what else a .json5 file says, and refuses what that format cannot say", () => {
  return inFolder({ "full.json5": FULL, "list.json5": "[]" }, async (folder) => {
    await using supervisor = await TestSupervisor.start();
    const at = ["--socket", supervisor.path], file = `${folder}/full.json5`;
    await run("add", "--in=eth0", "--group=239.1.1.9", "--port=9", "--out=239.2.2.9:9:eth1/ttl=3", ...at);
    strictEqual((await run("config", "save", file, ...at)).output, `${file}: saved, 1 rule\n`);
    const saved = JSON.parse(await Deno.readTextFile(file));
    deepStrictEqual(saved.pim, { enabled: true, router_id: "10.0.0.1" });
    deepStrictEqual([saved.multicast_ttl, saved.pinning], [4, { eth0: [3, 2], eth1: [2] }]);
    deepStrictEqual(saved.rules, [{
      input: { interface: "eth0", group: "239.1.1.9", port: 9, protocol: null },
      outputs: [{ group: "239.2.2.9", port: 9, interface: "eth1", ttl: 3 }],
    }]);
    match(
      (await run("config", "save", `${folder}/list.json5`, ...at)).messages,
      /Cannot save into it: it is no object/,
    );

    const options = ["--source=10.0.0.1", "--max-rate=5pps"];
    const out = "--out=239.8.0.0/24:1-3:eth1/ttl=decrement/dscp=3";
    await run("add", "--in=eth0", "--group=239.7.0.0/24", "--port=1-3", ...options, out, ...at);
    const before = await Deno.readTextFile(file);
    const { status, messages } = await run("config", "save", file, ...at);
    strictEqual(status, 1);
    const paths = ["max_rate", "input.group", "input.port", "input.sources", "outputs[0].group"];
    ok(
      messages.includes(`cannot say ${paths.map((path) => `rules[1].${path}`).join(", ")} and 3 more; save`),
      messages,
    );
    strictEqual(await Deno.readTextFile(file), before);
  });
});

Deno.test("mcrctl config and log-level: what its users' scripts read", () => {
  const files = { "full.json5": FULL, "one.json5": JSON.stringify({ rules: [RULE] }), "bad.json5": '{ "rules": 7 }' };
  return inFolder(files, async (folder) => {
    await using supervisor = await TestSupervisor.start();
    const ask = async (line: string): Promise<unknown> => {
      const { status, output, messages } = await run("mcrctl", "--socket-path", supervisor.path, ...line.split(" "));
      strictEqual(status, 0, `${line}: ${messages}`);
      return JSON.parse(output);
    };
    const full = `--file ${folder}/full.json5`, one = `--file ${folder}/one.json5`, bad = `--file ${folder}/bad.json5`;
    deepStrictEqual(await ask(`config check ${full}`), { ConfigValidation: { valid: true, errors: [] } });
    deepStrictEqual(await ask(`config load ${one}`), {
      Success: "Configuration merged (1 rules added, 0 skipped as duplicates)",
    });
    deepStrictEqual(await ask(`config load ${full}`), {
      Success: "Configuration merged (1 rules added, 1 skipped as duplicates)",
    });
    deepStrictEqual(await ask(`config load --replace ${one}`), {
      Success: "Configuration loaded (1 rules, replaced existing)",
    });
    const Config = {
      pinning: {},
      rules: [{ input: { ...INPUT, protocol: null }, outputs: [OUTPUT] }],
      multicast_ttl: null,
    };
    deepStrictEqual(await ask("config show"), { Config });
    const target = `${folder}/new.json5`;
    deepStrictEqual(await ask(`config save --file ${target}`), { Success: `Configuration saved to ${target}` });
    deepStrictEqual(JSON.parse(await Deno.readTextFile(target)), Config);

    const refused = async (line: string): Promise<unknown> => {
      const { status, output } = await run("mcrctl", "--socket-path", supervisor.path, ...line.split(" "));
      strictEqual(status, 1, line);
      return JSON.parse(output);
    };
    const wrong = 'Cannot accept "rules" 7: expected a list';
    deepStrictEqual(await refused(`config check ${bad}`), { ConfigValidation: { valid: false, errors: [wrong] } });
    deepStrictEqual(await refused(`config load ${bad}`), {
      Error: `Invalid configuration: ${folder}/bad.json5: ${wrong}`,
    });
    const missing = await run("mcrctl", "config", "check", "--file", `${folder}/missing.json5`);
    deepStrictEqual([missing.status, missing.output], [1, ""]);

    deepStrictEqual(await ask("log-level get"), { LogLevels: { global: "Info", facility_overrides: {} } });
    deepStrictEqual(await ask("log-level set --facility ingress --level DEBUG"), {
      Success: "Log level for ingress set to DEBUG",
    });
    deepStrictEqual(await ask("log-level get"), {
      LogLevels: { global: "Info", facility_overrides: { DataPlane: "Debug" } },
    });
    deepStrictEqual(await ask("log-level set --global notice"), { Success: "Global log level set to NOTICE" });
    deepStrictEqual(await ask("log-level get"), { LogLevels: { global: "Info", facility_overrides: {} } });
  });
});

Deno.test("config.apply with merge adds all that is new, or nothing", async () => {
  await using supervisor = await TestSupervisor.start();
  using client = await supervisor.connect();
  const rule = (port: number, name?: string): object => ({ ...RULE, input: { ...INPUT, port }, ...name && { name } });
  const apply = (rules: readonly object[], more = {}): Promise<unknown> =>
    client.call("config.apply", { rules: rules as [], merge: true, ...more });
  const difference = { added: ["239.1.1.1:2:eth0"], removed: [], replaced: [], unchanged: 0 };
  await client.call("rule.add", rule(1, "first") as never);
  deepStrictEqual(await apply([rule(2)], { dry_run: true }), difference);
  deepStrictEqual(await apply([rule(2)]), difference);
  deepStrictEqual(await apply([{ ...rule(1), outputs: [{ ...OUTPUT, port: 7 }] }]), {
    ...difference,
    added: [],
    unchanged: 1,
  });
  await rejects(apply([rule(3), rule(4, "first")]), /"first"/);
  await rejects(apply([rule(3), rule(3)]), /has this input/);
  const { rules } = await client.call("rule.list", {});
  deepStrictEqual(rules.map(({ id, outputs }) => [id, outputs[0]!.port]), [
    ["239.1.1.1:1:eth0", 6000],
    ["239.1.1.1:2:eth0", 6000],
  ]);
});
