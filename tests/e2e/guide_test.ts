// Goal: who follows docs/guide.md from the first command to the last sees what it says.
import { deepStrictEqual, match, ok, strictEqual } from "node:assert/strict";
import { findUnprinted, testDocument } from "./document.ts";

const GUIDE = "docs/guide.md", LAB = "A lab in three namespaces";

testDocument(GUIDE, LAB, async ({ code, stdout, stderr }) => {
  strictEqual(code, 0, stderr);
  deepStrictEqual(await findUnprinted(GUIDE, LAB, stdout), [], stdout);
  match(stdout, /^rule 239\.1\.1\.1:5001:eth0 added$/m);
  match(stdout, /^239\.1\.1\.1:5001:eth0 +camera-1 +active +239\.2\.2\.2:6000:eth1$/m);
  match(stdout, /^sent 10000 datagrams/m);
  match(stdout, /^received 10000, lost 0, reordered 0, duplicated 0, /m);
  match(stdout, /^total +10000 +10000 +0 /m);
  const digests = [...stdout.matchAll(/^ +0 +239\.\S+ .* ([0-9a-f]{16})$/gm)].map(([, digest]) => digest);
  deepStrictEqual([digests.length, new Set(digests).size], [2, 1]);
  ok(!/netns/.test(stderr), stderr);
  match(stdout, /rule 239\.1\.1\.1:5001:eth0 removed\n$/, "no namespace is left");
});

Deno.test("findUnprinted() finds what a guide promises and nothing prints", async () => {
  const all = await findUnprinted(GUIDE, LAB, "");
  ok(all.length > 20);
  const printed = all.join("\n").replaceAll(/(?<= )\d+(?= {2})/g, "7");
  deepStrictEqual(await findUnprinted(GUIDE, LAB, printed), []);
  const changed = printed.replace("waiting for eth1", "waiting for eth2");
  ok((await findUnprinted(GUIDE, LAB, changed)).length > 0);
  deepStrictEqual(await findUnprinted(GUIDE, LAB, printed.replace("relayed by", "lost by")), [all.at(-4)]);
});
