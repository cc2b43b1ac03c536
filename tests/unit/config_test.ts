// Goal: whatever a configuration file says wrong is found where it is, in words that mend it.
import { deepStrictEqual, match, ok, rejects, strictEqual, throws } from "node:assert/strict";
import { CONFIG_FIELDS, configJsonSchema } from "../../control/config.ts";
import { ConfigError } from "../../control/config_text.ts";
import { parseSocketMode } from "../../control/socket_access.ts";
import { parseConfig, readConfig } from "../../control/yaml/file.ts";

/** The problems of a text, each as `line:column path: message`. */
function problemsOf(text: string): string[] {
  try {
    parseConfig("mcr.yaml", text);
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    return error.message.split("\n").map((line) => line.replace(/^mcr\.yaml:/, ""));
  }
  return [];
}

const RULE = "{ input: { interface: eth0, group: 239.1.1.1, port: 5001 }, " +
  "outputs: [{ interface: eth1, group: 239.2.2.2, port: 6000 }] }";

Deno.test("a file says all that there is to say, and each field comes out as it was meant", () => {
  const { config } = parseConfig(
    "mcr.yaml",
    `version: 1
socket: /run/mcr/other.sock
socket_mode: 0660
workers: auto
cores: 2-3
profile: { name: latency, busy_poll_us: 50 }
ttl: decrement
ring_slots: 4096
max_rate: { bits: 1000000000 }
own_source: relay
absorb: false
log: { level: "info,worker=debug", format: json }
metrics: 127.0.0.1:9464
state: /var/lib/mcr/rules.json
interfaces: { eth0: { receive_offload: true } }
rules: [${RULE}]
`,
  );
  deepStrictEqual(config, {
    version: 1,
    socket: "/run/mcr/other.sock",
    socket_mode: "660",
    workers: "auto",
    cores: "2-3",
    profile: { name: "latency", busy_poll_us: 50 },
    ttl: "decrement",
    ring_slots: 4096,
    max_rate: { bits: 1000000000 },
    own_source: "relay",
    absorb: false,
    log: { level: "info,worker=debug", format: "json" },
    metrics: "127.0.0.1:9464",
    state: "/var/lib/mcr/rules.json",
    interfaces: { eth0: { receive_offload: true } },
    rules: [{
      input: { interface: "eth0", group: "239.1.1.1", port: 5001 },
      outputs: [{ interface: "eth1", group: "239.2.2.2", port: 6000 }],
    }],
  });
});

for (
  const [what, text, ...problems] of [
    ["an empty file", "", /^1:1: Cannot accept null as a configuration: expected an object with version, socket,/],
    ["a list", "- 1\n", /^1:1: Cannot accept \[1\] as a configuration: expected an object/],
    ["no version", "rules: []\n", /^1:1: Cannot go on: "version" is missing, expected 1, the version of this format$/],
    ["a version to come", "version: 2\n", /^1:10: Cannot accept "version" 2: expected 1, the version of this format$/],
    [
      "an unknown key",
      "version: 1\nworker: 2\n",
      /^2:1: Cannot accept "worker": no such field; did you mean "workers"\?$/,
    ],
    [
      "a wrong type",
      "version: 1\nworkers: two\n",
      /^2:10: Cannot accept "workers" "two": expected a number from 1 to 64/,
    ],
    ["a part of a profile", "version: 1\nprofile: { busy_poll: 1 }\n", /^2:12: .*did you mean "busy_poll_us"\?$/],
    ["a name to serve metrics on", "version: 1\nmetrics: localhost:9464\n", /^2:10: .*expected ADDRESS:PORT, as in/],
    ["a relative path", "version: 1\nstate: rules.json\n", /^2:8: .*expected an absolute path$/],
    [
      "a wrong interface",
      "version: 1\ninterfaces: { 'eth 0': {} }\n",
      /^2:\d+: .*interfaces\.eth 0.*expected an interface name/,
    ],
    [
      "a wrong setting of a VLAN's interface",
      "version: 1\ninterfaces:\n  eth0: {}\n  eth0.100:\n    receive_offload: 7\n",
      /^5:22: .*interfaces\.eth0\.100\.receive_offload" 7: expected true or false$/,
    ],
    ["a key twice", "version: 1\nversion: 1\n", /^2:1: Map keys must be unique/],
    ["a tab", "version: 1\nrules:\n\t- 1\n", /^3:\d: Tabs are not allowed as indentation/],
    ["an unknown tag", "version: !int8 1\n", /^1:10: Unresolved tag/],
    ["an alias to nowhere", "version: *v\n", /Unresolved alias/],
    [
      "every rule that is wrong, each where it is",
      `version: 1
rules:
  - input: { interface: eth0, group: 239.1.1.1, port: 70000 }
    outputs: [{ interface: eth1, group: 239.2.2.2, port: 6000 }]
  - ${RULE}
  - input: { interface: eth0, group: 239.1.1.2, port: 5001 }
    outputs:
      - interface: eth1
        grup: 239.2.2.2
        port: 1
  - input: { interface: eth0, group: 239.1.1.3, port: 5001 }
  - ${RULE}
  - input: { interface: eth1, group: 239.2.2.2, port: 6000 }
    outputs: [{ interface: eth0, group: 239.1.1.1, port: 5001 }]
`,
      /^3:55: Cannot accept "rules\[0\]\.input\.port" 70000: expected a port, 1 to 65535/,
      /^9:9: Cannot accept "rules\[2\]\.outputs\[0\]\.grup": no such field; did you mean "group"\?$/,
      /^11:5: Cannot go on: "rules\[3\]\.outputs" is missing, expected a list of 1 to 1024 outputs$/,
      /^12:7: Cannot add a rule for eth0 239\.1\.1\.1:5001: rule 239\.1\.1\.1:5001:eth0 has this input$/,
      /^14:5: Cannot add rule 239\.2\.2\.2:6000:eth1: it would feed its own input: eth1 239\.2\.2\.2:6000 -> eth0/,
    ],
  ] as readonly [string, string, ...RegExp[]][]
) {
  Deno.test(`a file with ${what} is refused, with the place`, () => {
    const found = problemsOf(text);
    strictEqual(found.length, problems.length, found.join("\n"));
    problems.forEach((problem, i) => match(found[i]!, problem));
  });
}

Deno.test("an octal mode is the mode that it says, in either notation", () => {
  for (const text of ["0660", "660", "0o660", '"0660"']) {
    const { config } = parseConfig("mcr.yaml", `version: 1\nsocket_mode: ${text}\n`);
    strictEqual(parseSocketMode(config.socket_mode!), 0o660, text);
  }
});

Deno.test("aliases that multiply are refused before they fill the memory", () => {
  const levels = Array.from({ length: 12 }, (_, i) => `a${i + 1}: &a${i + 1} [${Array(10).fill(`*a${i}`).join(", ")}]`);
  const [problem] = problemsOf(`a0: &a0 [x]\n${levels.join("\n")}\nversion: 1\n`);
  match(problem!, /Excessive alias count/);
});

Deno.test("a hundred mistakes are not all listed, but all counted", () => {
  const rules = Array.from({ length: 100 }, () => "  - {}\n").join("");
  const found = problemsOf(`version: 1\nrules:\n${rules}`);
  strictEqual(found.length, 21);
  match(found[20]!, /80 more/);
});

Deno.test("a file that cannot be read is named, with the reason", async () => {
  const missing = await rejects(readConfig("/nowhere/mcr.yaml"), ConfigError);
  strictEqual(missing, undefined);
  await rejects(readConfig("/nowhere/mcr.yaml"), {
    message: "/nowhere/mcr.yaml: Cannot read the configuration: No such file or directory",
  });
  await rejects(readConfig("/"), { message: "/: Cannot read the configuration: it is a directory" });
  const file = await Deno.makeTempFile();
  try {
    await Deno.writeFile(file, Uint8Array.of(0xff, 0xfe, 0x80));
    await rejects(readConfig(file), { message: `${file}: Cannot read the configuration: it is not UTF-8` });
  } finally {
    await Deno.remove(file);
  }
});

Deno.test("the examples are right", async () => {
  const folder = new URL("../../examples/", import.meta.url);
  const names = [...Deno.readDirSync(folder)].map(({ name }) => name).filter((name) => name.endsWith(".yaml"));
  deepStrictEqual(names.toSorted(), ["broadcast.yaml", "cloud.yaml", "market-data.yaml"]);
  for (const name of names) {
    const { config } = await readConfig(new URL(name, folder).pathname);
    ok(config.rules.length > 0, name);
  }
});

Deno.test("the JSON Schema has every field, of every depth, with what it is for", () => {
  const schema = configJsonSchema() as { properties: Record<string, { description?: string }>; required: string[] };
  deepStrictEqual(Object.keys(schema.properties), Object.keys(CONFIG_FIELDS));
  deepStrictEqual(schema.required, ["version"]);
  for (const [name, { description }] of Object.entries(schema.properties)) ok(description, name);
  const port = JSON.stringify(schema).includes('"source_port"');
  ok(port, "the fields of outputs are there");
  throws(() => parseConfig("mcr.yaml", "version: 1\nnothing: 1\n"), ConfigError);
});
