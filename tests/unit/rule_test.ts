import { deepStrictEqual, equal, throws } from "node:assert/strict";
import {
  isGroup,
  isInterfaceName,
  isRuleName,
  OUTPUTS_MAX,
  parseOutput,
  parseRuleReference,
  parseRuleSpec,
  ruleId,
} from "../../control/rule.ts";
import type { ControlError } from "../../control/error.ts";

const INPUT = { interface: "eth0", group: "239.1.1.1", port: 5001 };
const OUTPUT = { interface: "eth1", group: "239.2.2.2", port: 6000 };

/** Asserts that `check` is refused with this code, path and message. */
function refused(check: () => unknown, code: string, path: string | undefined, message: RegExp): void {
  throws(check, (error: ControlError) => {
    equal(error.name, "ControlError");
    deepStrictEqual([error.code, error.path], [code, path]);
    return message.test(error.message) || (equal(error.message, String(message)), false);
  });
}

Deno.test("isGroup() takes dotted IPv4 multicast groups and nothing else", () => {
  for (const group of ["224.0.0.0", "239.1.1.1", "239.255.255.255", "232.0.0.1"]) equal(isGroup(group), true, group);
  const wrong = ["223.255.255.255", "240.0.0.0", "239.1.1", "239.1.1.1.1", "239.1.1.256", "239.01.1.1", "239.1.1.1 "];
  const odd = ["", "239.1.1.", "239.1.1.-1", "239.1.1.0x1", "239.1.1.1e0", "ff3e::1", null, 239, ["239.1.1.1"]];
  for (const value of [...wrong, ...odd]) equal(isGroup(value), false, String(value));
});

Deno.test("isInterfaceName() takes what the kernel takes", () => {
  for (const name of ["lo", "eth0.100", "wlp3s0", "a".repeat(15), "br-µ", "eth0@x"]) {
    equal(isInterfaceName(name), true, name);
  }
  const wrong = ["", "a".repeat(16), "µ".repeat(8), ".", "..", "a/b", "a b", "a\tb", "a:b", "a\x1b", "\ud800", 5, null];
  for (const name of wrong) equal(isInterfaceName(name), false, String(name));
});

Deno.test("isRuleName() takes up to 64 plain characters", () => {
  for (const name of ["camera-1", "a", "A.b_c", "x".repeat(64)]) equal(isRuleName(name), true, name);
  for (const name of ["", "x".repeat(65), "a b", "a:b", "-a", "ä", 1]) equal(isRuleName(name), false, String(name));
});

Deno.test("parseOutput() reads GROUP:PORT:IFACE", () => {
  deepStrictEqual(parseOutput("239.2.2.2:6000:eth1"), OUTPUT);
  equal(parseOutput("224.0.0.0:1:a").port, 1);
  equal(parseOutput("224.0.0.0:65535:a").port, 65535);
});

const BAD_OUTPUTS: readonly [text: string, message: RegExp][] = [
  ["239.2.2.2:eth1", /^Cannot parse output "239\.2\.2\.2:eth1": expected GROUP:PORT:IFACE$/],
  ["239.2.2.2", /expected GROUP:PORT:IFACE/],
  ["", /expected GROUP:PORT:IFACE/],
  ["239.2.2.2:6000:eth1:x", /expected GROUP:PORT:IFACE/],
  ["239.2.2.2::eth1", /the port is "", expected a port, 1 to 65535/],
  ["239.2.2.2:0:eth1", /the port is "0", expected a port, 1 to 65535/],
  ["239.2.2.2:65536:eth1", /the port is "65536"/],
  ["239.2.2.2:6e3:eth1", /the port is "6e3"/],
  ["239.2.2.2:+1:eth1", /the port is "\+1"/],
  ["10.0.0.1:6000:eth1", /the group is "10\.0\.0\.1", expected an IPv4 multicast group/],
  ["239.2.2.2:6000:", /the interface is "", expected an interface name/],
];
for (const [text, message] of BAD_OUTPUTS) {
  Deno.test(`parseOutput() refuses "${text}"`, () => refused(() => parseOutput(text), "invalid", undefined, message));
}

Deno.test("parseRuleSpec() returns the same rule, sharing nothing", () => {
  const spec = { name: "camera", input: { ...INPUT }, outputs: [{ ...OUTPUT, ttl: 4 }, { ...OUTPUT, port: 6001 }] };
  const parsed = parseRuleSpec(spec);
  deepStrictEqual(parsed, structuredClone(spec));
  spec.input.port = 1;
  spec.outputs.pop();
  deepStrictEqual([parsed.input.port, parsed.outputs.length], [5001, 2]);
});

Deno.test("parseRuleSpec() keeps that an input is exclusive, and nothing of one that is not", () => {
  const exclusive = { input: { ...INPUT, exclusive: true }, outputs: [OUTPUT] };
  deepStrictEqual(parseRuleSpec(exclusive), exclusive);
  deepStrictEqual(parseRuleSpec({ input: { ...INPUT, exclusive: false }, outputs: [OUTPUT] }).input, INPUT);
});

const BAD_SPECS: readonly [what: string, spec: unknown, code: string, path: string, message: RegExp][] = [
  ["a list", [], "invalid", "params", /expected an object/],
  ["nothing", undefined, "invalid", "params", /"params" is missing, expected an object/],
  ["no input", { outputs: [OUTPUT] }, "invalid", "input", /"input" is missing, expected an object/],
  ["a port of 0", { input: { ...INPUT, port: 0 }, outputs: [OUTPUT] }, "invalid", "input.port", /"input\.port" 0: exp/],
  ["a port as text", { input: { ...INPUT, port: "5" }, outputs: [OUTPUT] }, "invalid", "input.port", /"5": expected a/],
  ["a broken port", { input: { ...INPUT, port: 1.5 }, outputs: [OUTPUT] }, "invalid", "input.port", /1\.5/],
  ["a bad group", { input: { ...INPUT, group: "x" }, outputs: [OUTPUT] }, "invalid", "input.group", /multicast group/],
  ["a bad name", { name: "a b", input: INPUT, outputs: [OUTPUT] }, "invalid", "name", /"name" "a b": expected a name/],
  ["no outputs", { input: INPUT }, "invalid", "outputs", /"outputs" is missing, expected a list of 1 to 1024 outputs/],
  [
    "empty outputs",
    { input: INPUT, outputs: [] },
    "invalid",
    "outputs",
    /"outputs" \[\]: expected a list of 1 to 1024/,
  ],
  ["outputs of text", { input: INPUT, outputs: ["x"] }, "invalid", "outputs[0]", /expected an object/],
  ["a ttl of 0", { input: INPUT, outputs: [{ ...OUTPUT, ttl: 0 }] }, "invalid", "outputs[0].ttl", /time to live, 1 to/],
  [
    "a missing port",
    { input: INPUT, outputs: [OUTPUT, { interface: "a", group: "239.1.1.1" }] },
    "invalid",
    "outputs[1].port",
    /"outputs\[1\]\.port" is missing/,
  ],
  ["an output twice", { input: INPUT, outputs: [OUTPUT, OUTPUT] }, "invalid", "outputs[1]", /it repeats outputs\[0\]/],
  ["a misspelt key", { input: INPUT, output: [] }, "invalid", "output", /no such field; did you mean "outputs"\?/],
  [
    "a strange key",
    { input: { ...INPUT, colour: 1 }, outputs: [OUTPUT] },
    "invalid",
    "input.colour",
    /known are interface, group, port/,
  ],
  [
    "an exclusive of text",
    { input: { ...INPUT, exclusive: "yes" }, outputs: [OUTPUT] },
    "invalid",
    "input.exclusive",
    /"input\.exclusive" "yes": expected true or false/,
  ],
];
for (const [what, spec, code, path, message] of BAD_SPECS) {
  Deno.test(`parseRuleSpec() refuses ${what}`, () => refused(() => parseRuleSpec(spec), code, path, message));
}

Deno.test("parseRuleSpec() refuses one output too many, as a limit", () => {
  const outputs = Array.from({ length: OUTPUTS_MAX + 1 }, (_, index) => ({ ...OUTPUT, port: index + 1 }));
  equal(parseRuleSpec({ input: INPUT, outputs: outputs.slice(1) }).outputs.length, OUTPUTS_MAX);
  refused(() => parseRuleSpec({ input: INPUT, outputs }), "limit", "outputs", /Cannot accept 1025 outputs/);
});

Deno.test("parseRuleSpec() is not fooled by __proto__", () => {
  const value = JSON.parse('{"__proto__": {"input": {}}, "outputs": []}');
  refused(() => parseRuleSpec(value), "invalid", "__proto__", /no such field/);
});

Deno.test("parseRuleReference() takes a word and nothing else", () => {
  equal(parseRuleReference({ id: "camera" }), "camera");
  for (const value of [{}, { id: 5 }, { id: "" }, { id: null }]) {
    refused(() => parseRuleReference(value), "invalid", "id", /the id or the name of a rule/);
  }
});

Deno.test("ruleId() is the input as one word", () => equal(ruleId(INPUT), "239.1.1.1:5001:eth0"));
