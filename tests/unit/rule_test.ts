import { deepStrictEqual, equal, ok, throws } from "node:assert/strict";
import type { RuleSpec } from "../../control/model.ts";
import {
  isInterfaceName,
  isRuleName,
  OUTPUTS_MAX,
  parseRuleReference,
  parseRuleSpec,
  RULE,
  SOURCES_MAX,
} from "../../control/rule.ts";
import type { ControlError } from "../../control/error.ts";
import { isSameRule } from "../../control/rule_difference.ts";

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
  [
    "a port of -1",
    { input: { ...INPUT, port: -1 }, outputs: [OUTPUT] },
    "invalid",
    "input.port",
    /-1: expected a port/,
  ],
  ["a port as text", { input: { ...INPUT, port: "5" }, outputs: [OUTPUT] }, "invalid", "input.port", /"5": expected a/],
  ["a broken port", { input: { ...INPUT, port: 1.5 }, outputs: [OUTPUT] }, "invalid", "input.port", /1\.5/],
  [
    "a bad group",
    { input: { ...INPUT, group: "x" }, outputs: [OUTPUT] },
    "invalid",
    "input.group",
    /"x": expected an IPv4 or IPv6 address/,
  ],
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

/** A rule with these fields of its input and its output beside the usual ones. */
function rule(input: Record<string, unknown>, output: Record<string, unknown> = {}): Record<string, unknown> {
  return { input: { ...INPUT, ...input }, outputs: [{ ...OUTPUT, ...output }] };
}

const OWN_FRAMES = { ttl: "decrement", dscp: "copy", ecn: "copy", raw: true } as const;
const FORMS: readonly [what: string, given: unknown, form: RuleSpec][] = [
  ["IPv6 in the form of RFC 5952", rule({ group: "FF3E:0:0::0001" }, { group: "ff3e:0:0:0:0:0:0:2" }), {
    input: { ...INPUT, group: "ff3e::1" },
    outputs: [{ ...OUTPUT, group: "ff3e::2" }],
  }],
  ["a prefix of one address as the address", rule({ group: "239.1.1.1/32" }, { group: "ff3e::1/128" }), {
    input: INPUT,
    outputs: [{ ...OUTPUT, group: "ff3e::1" }],
  }],
  ["sources in order", rule({ sources: ["10.2.0.0/16", "10.1.1.1/32"], exclude_sources: ["10.9.0.2", "10.9.0.1"] }), {
    input: { ...INPUT, sources: ["10.1.1.1", "10.2.0.0/16"], exclude_sources: ["10.9.0.1", "10.9.0.2"] },
    outputs: [OUTPUT],
  }],
  ["nothing of what goes without saying", rule({ protocol: "udp" }, { oversize: "fragment", raw: false }), {
    input: INPUT,
    outputs: [OUTPUT],
  }],
  ["frames with TTL, DSCP and ECN of the datagrams", rule({}, OWN_FRAMES), {
    input: INPUT,
    outputs: [{ ...OUTPUT, ...OWN_FRAMES }],
  }],
  ["ESP without ports", {
    ...rule({}),
    input: { interface: "eth0", group: "10.0.0.1", protocol: "esp" },
    outputs: [{
      interface: "eth1",
      group: "239.2.2.2",
      ttl: 8,
    }],
  }, {
    input: { interface: "eth0", group: "10.0.0.1", port: 0, protocol: "esp" },
    outputs: [{ interface: "eth1", group: "239.2.2.2", port: 0, ttl: 8 }],
  }],
  ["a range of groups, to IPv6 too", rule({ group: "239.1.0.0/24", port: 0 }, { group: "ff3e::100/120", port: 0 }), {
    input: { ...INPUT, group: "239.1.0.0/24", port: 0 },
    outputs: [{ ...OUTPUT, group: "ff3e::100/120", port: 0 }],
  }],
  ["a range of ports", rule({ port: "5000-5010" }, { port: "6000-6010" }), {
    input: { ...INPUT, port: "5000-5010" },
    outputs: [{ ...OUTPUT, port: "6000-6010" }],
  }],
  [
    "all options of an output",
    rule({}, { ttl: "decrement", dscp: 46, ecn: "copy", source: "10.0.0.1", source_port: 7, oversize: "drop" }),
    {
      input: INPUT,
      outputs: [
        { ...OUTPUT, ttl: "decrement", dscp: 46, ecn: "copy", source: "10.0.0.1", source_port: 7, oversize: "drop" },
      ],
    },
  ],
  ["limits", { input: INPUT, outputs: [OUTPUT], max_rate: { datagrams: 1, bits: 2 }, allow_loop: true }, {
    input: INPUT,
    outputs: [OUTPUT],
    max_rate: { datagrams: 1, bits: 2 },
    allow_loop: true,
  }],
];
for (const [what, given, form] of FORMS) {
  Deno.test(`parseRuleSpec() keeps ${what}`, () => {
    deepStrictEqual(parseRuleSpec(given), form);
    deepStrictEqual(parseRuleSpec(form), form, "and what it makes stays as it is");
    ok(isSameRule(parseRuleSpec(given), parseRuleSpec(form)), "and is the same rule as what it was made of");
  });
}

const ESP = { protocol: "esp", port: 0 };
const MISFITS: readonly [spec: unknown, path: string, message: RegExp][] = [
  [
    rule({ group: "239.1.0.5/24" }),
    "input.group",
    /"239\.1\.0\.5\/24": expected 239\.1\.0\.0\/24, without bits beyond/,
  ],
  [rule({ group: "239.1.0.0/33" }), "input.group", /expected an IPv4 or IPv6 address that can be sent to, or a prefix/],
  [rule({ group: "0.0.0.0/0" }), "input.group", /that can be sent to/],
  [rule({ group: "::ffff:1.2.3.4" }), "input.group", /an IPv4 or IPv6 address/],
  [rule({ group: "ff3e::1%eth0" }), "input.group", /an IPv4 or IPv6 address/],
  [rule({ group: "ff01::1" }), "input.group", /that can be sent to/],
  [
    rule({ port: "5010-5000" }),
    "input.port",
    /"5010-5000": expected a port, 1 to 65535, a range as in 5000-5010, or 0/,
  ],
  [rule({ port: undefined }), "input.port", /"input\.port" is missing, expected a port/],
  [rule({}, { port: undefined }), "outputs[0].port", /"outputs\[0\]\.port" is missing/],
  [rule({ protocol: "tcp" }), "input.protocol", /"tcp": expected "udp" or "esp"/],
  [rule({ sources: [] }), "input.sources", /\[\]: expected a list of 1 to 256 sources/],
  [rule({ sources: ["ff3e::1"] }), "input.sources[0]", /expected an IPv4 or IPv6 address of a host, or a prefix/],
  [rule({ sources: ["fd00::1"] }), "input.sources[0]", /"fd00::1": expected an IPv4 source, as the group 239\.1\.1\.1/],
  [rule({ sources: ["10.0.0.1", "10.0.0.1/32"] }), "input.sources[1]", /10\.0\.0\.1: it repeats sources\[0\]/],
  [rule({ exclude_sources: ["fd00::/8"] }), "input.exclude_sources[0]", /expected an IPv4 source/],
  [
    rule({ sources: ["10.1.0.0/16"], exclude_sources: ["10.0.0.0/8"] }),
    "input.exclude_sources[0]",
    /all of 10\.1\.0\.0/,
  ],
  [rule({ ...ESP, port: 7 }), "input.port", /7: expected no port: ESP has none/],
  [rule(ESP), "outputs[0].port", /6000: expected no port: ESP has none/],
  [rule(ESP, { port: 0, source_port: 5 }), "outputs[0].source_port", /5: expected none: ESP has no ports/],
  [rule(ESP, { port: 0, raw: true }), "outputs[0].raw", /expected false with ESP/],
  [rule({}, { group: "239.2.0.0/24" }), "outputs[0].group", /"239\.2\.0\.0\/24": expected one address$/],
  [
    rule({ group: "239.1.0.0/24" }, { group: "239.2.0.0/16" }),
    "outputs[0].group",
    /expected one address, or a prefix of \/24, as wide as the input's 239\.1\.0\.0\/24/,
  ],
  [rule({ group: "239.1.0.0/24" }, { group: "ff3e::/64" }), "outputs[0].group", /or a prefix of \/120/],
  [rule({ group: "ff3e::/64" }, { group: "239.1.0.0/16" }), "outputs[0].group", /expected one address$/],
  [rule({}, { port: "6000-6010" }), "outputs[0].port", /"6000-6010": expected one port, 0$/],
  [rule({ port: 0 }, { port: "1-65535" }), "outputs[0].port", /expected one port, 0$/],
  [
    rule({ port: "5000-5010" }, { port: "6000-6011" }),
    "outputs[0].port",
    /one port, 0, or a range of 11 ports, as the input's 5000-5010/,
  ],
  [rule({}, { ttl: "copy" }), "outputs[0].ttl", /"copy": expected a time to live, 1 to 255, or "decrement"/],
  [rule({}, { dscp: 64 }), "outputs[0].dscp", /64: expected a DSCP, 0 to 63, or "copy"/],
  [rule({}, { ecn: -1 }), "outputs[0].ecn", /-1: expected ECN bits, 0 to 3, or "copy"/],
  [rule({}, { source: "fd00::1" }), "outputs[0].source", /expected an IPv4 address, as the group 239\.2\.2\.2/],
  [rule({}, { source: "239.1.1.1" }), "outputs[0].source", /an IPv4 or IPv6 address of this host/],
  [rule({}, { source_port: 0 }), "outputs[0].source_port", /0: expected a port, 1 to 65535/],
  [rule({}, { oversize: "cut" }), "outputs[0].oversize", /"cut": expected "fragment" or "drop"/],
  [rule({}, { group: "10.0.0.1", raw: true }), "outputs[0].raw", /false with 10\.0\.0\.1: frames are sent to groups/],
  [rule({ port: 0 }, { port: 0, raw: true }), "outputs[0].raw", /false with a range/],
  [{ ...rule({}), max_rate: {} }, "max_rate", /\{\}: expected "datagrams", "bits" or both/],
  [{ ...rule({}), max_rate: { bits: 0.5 } }, "max_rate.bits", /0\.5: expected a number of bits a second/],
];
for (const [spec, path, message] of MISFITS) {
  Deno.test(`parseRuleSpec() refuses ${path} of ${JSON.stringify(spec)}`, () => {
    refused(() => parseRuleSpec(spec), "invalid", path, message);
  });
}

Deno.test("RULE names the path within whatever the rule is part of", () => {
  const bad = rule({}, { port: 70_000 });
  refused(
    () => RULE.take(bad, "rules[2]"),
    "invalid",
    "rules[2].outputs[0].port",
    /"rules\[2\]\.outputs\[0\]\.port" 70000/,
  );
  refused(() => RULE.take(rule({ ...ESP, port: 1 }), "rules[0]"), "invalid", "rules[0].input.port", /no port/);
});

Deno.test("parseRuleSpec() refuses one source too many, as a limit", () => {
  const sources = Array.from({ length: SOURCES_MAX }, (_, index) => `10.0.${index}.1`);
  equal(parseRuleSpec(rule({ sources })).input.sources?.length, SOURCES_MAX);
  const message = /Cannot accept 257 sources: a rule has at most 256/;
  refused(() => parseRuleSpec(rule({ sources, exclude_sources: ["10.1.1.1"] })), "limit", "input.sources", message);
});

Deno.test("RULE describes itself as JSON Schema", () => {
  const json = RULE.toJsonSchema() as { properties: Record<string, { properties: Record<string, unknown> }> };
  deepStrictEqual(Object.keys(json.properties), ["name", "input", "outputs", "max_rate", "allow_loop"]);
  deepStrictEqual(json.properties.input!.properties.protocol, {
    enum: ["udp", "esp"],
    description: 'IP protocol: "udp" or "esp"',
    default: "udp",
  });
});
