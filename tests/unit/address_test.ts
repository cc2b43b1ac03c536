import { deepStrictEqual, equal } from "node:assert/strict";
import * as address from "../../control/address.ts";
import { parseAddress, parsePrefix } from "../../control/address.ts";

const FORMS: readonly [text: string, form: string][] = [
  ["0.0.0.0", "0.0.0.0"],
  ["255.255.255.255", "255.255.255.255"],
  ["::", "::"],
  ["::1", "::1"],
  ["FF02::1:FF00:0", "ff02::1:ff00:0"],
  ["1:0:0:2:0:0:0:3", "1:0:0:2::3"],
  ["1:0:2:3:4:5:6:7", "1:0:2:3:4:5:6:7"],
  ["2001:db8::192.0.2.1", "2001:db8::c000:201"],
  ["0001:0:0:0:0:0:0:0", "1::"],
];
for (const [text, form] of FORMS) {
  Deno.test(`parseAddress() makes ${form} of ${text}`, () => equal(parseAddress(text)?.text, form));
}

Deno.test("parseAddress() takes no other text", () => {
  const ipv4 = [
    "1.2.3",
    "1.2.3.4.5",
    "1.2.3.256",
    "01.2.3.4",
    "1.2.3.4 ",
    "1.2.3.",
    "0x1.2.3.4",
    "1.2.3.-4",
    "1.2.3.1e1",
  ];
  const ipv6 = [
    ":",
    ":::",
    "1::2::3",
    "1:2:3:4:5:6:7",
    "1:2:3:4:5:6:7:8:9",
    "1:2:3:4:5:6:7::8",
    "::g",
    "::12345",
    ":1",
  ];
  const odd = ["", "fe80::1%eth0", "::1.2.3", "1.2.3.4::", "::1.2.3.4:5", "::ffff:1.2.3.4", "[::1]", "1::/64"];
  for (const text of [...ipv4, ...ipv6, ...odd, "1:".repeat(10_000)]) equal(parseAddress(text), undefined, text);
});

Deno.test("parsePrefix() cuts at the length", () => {
  const cases: readonly [string, string | undefined, number?][] = [
    ["239.1.2.3/24", "239.1.2.0/24", 120],
    ["239.1.2.3/32", "239.1.2.3", 128],
    ["239.1.2.3/0", "0.0.0.0/0", 96],
    ["239.1.2.3/33", undefined],
    ["239.1.2.3/", undefined],
    ["239.1.2.3/8/8", undefined],
    ["ff3e::1/96", "ff3e::/96", 96],
    ["ff3e::ff:1/121", "ff3e::ff:0/121", 121],
    ["ffff::/3", "e000::/3", 3],
    ["ff3e::/129", undefined],
  ];
  for (const [text, form, bits] of cases) {
    const prefix = parsePrefix(text);
    deepStrictEqual([prefix?.text, prefix?.bits], [form, bits], text);
  }
});

Deno.test("contains() and overlaps() agree with every address of small prefixes", () => {
  const texts = [24, 25, 26, 30, 31, 32].flatMap((length) =>
    [0, 64, 128, 192].map((last) => `10.0.0.${last}/${length}`)
  );
  const prefixes = texts.map((text) => parsePrefix(text)!);
  const all = Array.from({ length: 256 }, (_, last) => parseAddress(`10.0.0.${last}`)!);
  for (const one of prefixes) {
    const ofOne = all.map((single) => address.contains(one, single));
    for (const other of prefixes) {
      const ofOther = all.map((single) => address.contains(other, single));
      const isWithin = ofOther.every((is, i) => !is || ofOne[i]), isShared = ofOther.some((is, i) => is && ofOne[i]);
      deepStrictEqual([address.contains(one, other), address.overlaps(one, other)], [isWithin, isShared]);
    }
  }
  equal(address.contains(parsePrefix("::/64")!, parseAddress("10.0.0.1")!), false, "IPv4 is not within IPv6");
});

Deno.test("isDestination() takes groups and hosts, but no mixture and nothing that is neither", () => {
  const right = [
    "224.0.0.1",
    "224.0.0.0/4",
    "10.0.0.1",
    "10.0.0.0/8",
    "127.0.0.1",
    "ff02::1",
    "ff02::/16",
  ];
  for (const text of [...right, "ff3e::/32", "2001:db8::1", "fe80::1", "::1", "2000::/3"]) {
    equal(address.isDestination(parsePrefix(text)!), true, text);
  }
  const wrong = [
    "0.0.0.0",
    "0.0.0.0/0",
    "128.0.0.0/1",
    "240.0.0.1",
    "255.255.255.255",
    "::",
    "::2",
    "::/0",
    "ff00::/8",
    "ff01::1",
  ];
  for (const text of wrong) equal(address.isDestination(parsePrefix(text)!), false, text);
});
