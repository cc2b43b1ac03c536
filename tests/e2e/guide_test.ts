// Goal: who follows docs/guide.md from the first command to the last sees what it says.
import { deepStrictEqual, match, ok, strictEqual } from "node:assert/strict";
import { findAccess, inUserNamespace } from "./access.ts";
import { mcr } from "./mcr.ts";
import { run } from "./process.ts";

const GUIDE = new URL("../../docs/guide.md", import.meta.url);
const SECTION = "A lab in three namespaces";

/** The commands of one section, as one script. */
async function commandsOf(section: string): Promise<string> {
  const text = await Deno.readTextFile(GUIDE);
  const start = text.indexOf(`\n## ${section}\n`);
  const body = text.slice(start, text.indexOf("\n## ", start + 1));
  return [...body.matchAll(/^```sh\n(.*?)^```$/gms)].map(([, block]) => block).join("");
}

/** Runs a command with a network, names of namespaces and a /run of its own, so that the lab meets nothing of the host. */
function alone(kind: "direct" | "user", argv: readonly string[]): string[] {
  if (kind === "user") return inUserNamespace(argv);
  return ["unshare", "--net", "--mount", "--", "sh", "-c", 'mount -t tmpfs tmpfs /run && exec "$@"', "sh", ...argv];
}

const access = await findAccess();

async function followGuide(): Promise<void> {
  if (access.kind === "none") throw new Error(access.reason);
  const folder = await Deno.makeTempDir({ prefix: "mcr-guide-" });
  try {
    const words = mcr().map((word) => `'${word.replaceAll("'", "'\\''")}'`).join(" ");
    await Deno.writeTextFile(`${folder}/mcr`, `#!/bin/sh\nexec ${words} "$@"\n`, { mode: 0o755 });
    const env = { PATH: `${folder}:${Deno.env.get("PATH")}`, MCR_SOCKET: "" };
    const script = `${await commandsOf(SECTION)}\nip netns list`;
    const { code, stdout, stderr } = await run(alone(access.kind, ["sh", "-eu", "-c", script]), { env });

    strictEqual(code, 0, stderr);
    match(stdout, /^rule 239\.1\.1\.1:5001:eth0 added$/m);
    match(stdout, /^239\.1\.1\.1:5001:eth0 +camera-1 +active +239\.2\.2\.2:6000:eth1$/m);
    match(stdout, /^sent 10000 datagrams/m);
    match(stdout, /^received 10000, lost 0, reordered 0, duplicated 0, /m);
    match(stdout, /^total +10000 +10000 +0 /m);
    const digests = [...stdout.matchAll(/^ +0 +239\.\S+ .* ([0-9a-f]{16})$/gm)].map(([, digest]) => digest);
    deepStrictEqual([digests.length, new Set(digests).size], [2, 1]);
    ok(!/netns/.test(stderr), stderr);
    match(stdout, /rule 239\.1\.1\.1:5001:eth0 removed\n$/, "no namespace is left");
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

const name = "docs/guide.md works as printed";
if (access.kind === "none") Deno.test({ name: `${name} (${access.reason})`, ignore: true, fn: followGuide });
else Deno.test(name, followGuide);
