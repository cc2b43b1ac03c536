import { deepStrictEqual, equal, throws } from "node:assert/strict";
import type { RuleOutput } from "../../control/model.ts";
import { formatEndpoint, formatOutput, ruleId } from "../../control/rule_text.ts";
import { parseOutput } from "../../control/rule_word.ts";

const OUTPUT = { interface: "eth1", group: "239.2.2.2", port: 6000 };

const WORDS: readonly [text: string, output: RuleOutput][] = [
  ["239.2.2.2:6000:eth1", OUTPUT],
  ["239.2.2.2:0:eth1", { ...OUTPUT, port: 0 }],
  ["[ff3e::1]:6000:eth1", { ...OUTPUT, group: "ff3e::1" }],
  ["239.1.0.0/24:0:eth1", { ...OUTPUT, group: "239.1.0.0/24", port: 0 }],
  ["[ff3e::/96]:5000-5010:eth1", { ...OUTPUT, group: "ff3e::/96", port: "5000-5010" }],
  ["239.2.2.2:6000:eth1/ttl=8/dscp=46/source=10.0.0.1", { ...OUTPUT, ttl: 8, dscp: 46, source: "10.0.0.1" }],
  ["239.2.2.2:6000:eth1/ttl=decrement/ecn=copy/source_port=7/oversize=drop", {
    ...OUTPUT,
    ttl: "decrement",
    ecn: "copy",
    source_port: 7,
    oversize: "drop",
  }],
  ["[ff3e::1]:6000:eth1/source=fd00::1", { ...OUTPUT, group: "ff3e::1", source: "fd00::1" }],
  ["239.2.2.2:6000:eth1/raw", { ...OUTPUT, raw: true }],
];
for (const [text, output] of WORDS) {
  Deno.test(`parseOutput() reads "${text}", and formatOutput() writes it`, () => {
    deepStrictEqual(parseOutput(text), output);
    equal(formatOutput(output), text);
  });
}

Deno.test("parseOutput() takes the length of a prefix behind the brackets too", () => {
  equal(parseOutput("[ff3e::]/96:0:eth1").group, "ff3e::/96");
});

const WRONG: readonly [text: string, message: RegExp][] = [
  ["239.2.2.2:eth1", /^Cannot parse output "239\.2\.2\.2:eth1": expected GROUP:PORT:IFACE$/],
  ["239.2.2.2", /expected GROUP:PORT:IFACE/],
  ["", /expected GROUP:PORT:IFACE/],
  ["239.2.2.2:6000:eth1:x", /expected GROUP:PORT:IFACE/],
  ["ff3e::1:6000:eth1", /expected GROUP:PORT:IFACE, an IPv6 group in brackets as in \[ff3e::1\]/],
  ["[ff3e::1:6000:eth1", /expected GROUP:PORT:IFACE/],
  ["239.2.2.2::eth1", /the port is "", expected a port, 1 to 65535/],
  ["239.2.2.2:65536:eth1", /the port is "65536", expected a port, 1 to 65535, a range as in 5000-5010, or 0 to keep/],
  ["239.2.2.2:6e3:eth1", /the port is "6e3"/],
  ["239.2.2.2:+1:eth1", /the port is "\+1"/],
  ["239.2.2.2:1-1:eth1", /the port is "1-1"/],
  ["0.0.0.0:6000:eth1", /the group is "0\.0\.0\.0", expected an IPv4 or IPv6 address/],
  ["239.2.2.5/24:6000:eth1", /the group is "239\.2\.2\.5\/24", expected 239\.2\.2\.0\/24, without bits beyond/],
  ["[239.2.2.256]:6000:eth1", /the group is "239\.2\.2\.256"/],
  ["239.2.2.2:6000:", /the interface is "", expected an interface name/],
  ["239.2.2.2:6000:eth1/", /"" is no option of an output; known are ttl, dscp, ecn, source,/],
  ["239.2.2.2:6000:eth1/tll=8", /"tll=8" is no option of an output; did you mean "ttl"\?/],
  ["239.2.2.2:6000:eth1/ttl", /ttl is "", expected a time to live/],
  ["239.2.2.2:6000:eth1/ttl=256", /ttl is "256", expected a time to live, 1 to 255, or "decrement"/],
  ["239.2.2.2:6000:eth1/ttl=8/ttl=9", /"ttl" is given twice/],
  ["239.2.2.2:6000:eth1/raw=yes", /"raw=yes" is no option of an output/],
  ["239.2.2.2:6000:eth1/source=eth0", /source is "eth0", expected an IPv4 or IPv6 address of this host/],
];
for (const [text, message] of WRONG) {
  Deno.test(`parseOutput() refuses "${text}"`, () => throws(() => parseOutput(text), { code: "invalid", message }));
}

Deno.test("ruleId() is the input as one word", () => {
  const input = { interface: "eth0", group: "239.1.1.1", port: 5001 };
  equal(ruleId(input), "239.1.1.1:5001:eth0");
  equal(ruleId({ ...input, group: "ff3e::/96", port: "5000-5010" }), "[ff3e::/96]:5000-5010:eth0");
  equal(ruleId({ ...input, protocol: "esp", port: 0 }), "239.1.1.1:esp:eth0");
  const sources = ["10.1.1.1", "10.2.0.0/16"];
  equal(ruleId({ ...input, sources }), "10.1.1.1,10.2.0.0/16@239.1.1.1:5001:eth0");
  equal(ruleId({ ...input, exclude_sources: ["10.9.9.9"] }), "!10.9.9.9@239.1.1.1:5001:eth0");
  equal(
    ruleId({ ...input, sources, exclude_sources: ["10.2.9.9"] }),
    "10.1.1.1,10.2.0.0/16,!10.2.9.9@239.1.1.1:5001:eth0",
  );
});

Deno.test("formatEndpoint() says of a place where and nothing else", () => {
  equal(formatEndpoint({ ...OUTPUT, ...{ ttl: 8 } }), "239.2.2.2:6000:eth1");
});
