// Goal: who follows docs/troubleshooting.md finds both faults of its lab, and mends them.
import { match, ok, strictEqual } from "node:assert/strict";
import { testDocument } from "./document.ts";

testDocument("docs/troubleshooting.md", "In a lab", ({ code, stdout, stderr }) => {
  strictEqual(code, 0, stderr);
  match(stdout, /^ {2}- no rule takes it: rule 239\.1\.1\.1:5002:eth0 takes port 5002, not 5001$/m);
  match(stdout, /Z relayed by rule 239\.1\.1\.1:5001:eth0$/m);
  match(stdout, /^ {2}- to 239\.2\.2\.2:6000:eth1: waits for eth1/m);
  match(
    stdout,
    /^error +interfaces +eth1 is down, and rule 239\.1\.1\.1:5001:eth0 needs it\n +\$ ip link set dev eth1 up$/m,
  );
  ok(stdout.lastIndexOf(" relayed by rule") > stdout.lastIndexOf("waits for eth1"), "in the end it is mended");
  ok(!/netns/.test(stderr), stderr);
});
