// Goal: what the documents say of commands, options, reasons and files is so.
import { deepStrictEqual, ok, strictEqual } from "node:assert/strict";
import { main } from "../../cli.ts";
import { spellings } from "../../control/command.ts";
import { resolveCommand } from "../../control/command_tree.ts";
import { COMMANDS } from "../../control/commands/mod.ts";
import { TestSupervisor } from "./fake_engine.ts";

const ROOT = new URL("../../", import.meta.url);
const DOCUMENTS = ["README.md", "CHANGELOG.md", "tests/e2e/README.md", ...documentsIn("docs")];

function documentsIn(folder: string): string[] {
  return [...Deno.readDirSync(new URL(folder, ROOT))].map(({ name }) => `${folder}/${name}`)
    .filter((name) => name.endsWith(".md"));
}

function read(path: string): string {
  return Deno.readTextFileSync(new URL(path, ROOT));
}

/** The shell command lines of a document's `sh` blocks, continued lines joined, comments left out. */
function shellLines(document: string): string[] {
  const blocks = read(document).matchAll(/^ *```sh\n(.*?)^ *```$/gms);
  return [...blocks].flatMap(([, block]) => block!.replaceAll(/ *\\\n */g, " ").split("\n"))
    .map((line) => line.replace(/(^| )#.*$/, "").trim()).filter((line) => line !== "");
}

/** The calls of mcr in a document's command lines: their arguments, the first one the command. */
function mcrCalls(document: string): string[][] {
  return shellLines(document).flatMap((line) => line.split(/ && | \|\|? |; do |; | & ?/)).flatMap((command) => {
    const [, args] = /(?:^|[ /])mcr ((?:[a-z]|--).*)$/.exec(command.replaceAll(/ \d?>\S+/g, "")) ?? [];
    return args === undefined ? [] : [args.split(/ +/)];
  });
}

/** The options that a call may have. What native programs take is in the table that prints their help. */
function optionsOf(call: readonly string[]): Set<string> {
  const { command } = resolveCommand(call, COMMANDS);
  ok(command !== undefined, `mcr ${call[0]} is a command`);
  if (command.isPassedOn) {
    return new Set([...read(`csrc/${command.name}_options.c`).matchAll(/--[a-z-]+/g)].map(([option]) => option));
  }
  return new Set(command.options.flatMap(spellings));
}

Deno.test("the commands of README.md are found in it", () => {
  deepStrictEqual(mcrCalls("README.md").map(([name]) => name), ["run", "add", "stats"]);
});

for (const document of DOCUMENTS) {
  Deno.test(`${document}: every command of mcr, and each of its options, exists`, () => {
    for (const call of mcrCalls(document)) {
      const known = optionsOf(call);
      for (const option of call.filter((word) => word.startsWith("--"))) ok(known.has(option), `mcr ${call.join(" ")}`);
    }
  });

  Deno.test(`${document}: every task of ./dev exists`, () => {
    const { tasks } = JSON.parse(read("deno.json"));
    for (const [, task] of read(document).matchAll(/\.\/dev ([a-z][a-z0-9:]*)/g)) {
      ok(task! in tasks || task === "mcr" || task === "help", `./dev ${task}`);
    }
  });

  Deno.test(`${document}: every link leads to a file, and to a heading in it`, () => {
    for (const [link, path, heading] of read(document).matchAll(/\]\((?!https?:)([^)#]*)(?:#([^)]*))?\)/g)) {
      const target = new URL(path === "" ? document : new URL(path!, new URL(document, ROOT)), ROOT);
      const text = Deno.readTextFileSync(target);
      if (heading === undefined) continue;
      const headings = [...text.matchAll(/^#+ (.*)$/gm)].map(([, title]) => anchorOf(title!));
      ok(headings.includes(heading), `${link}: there is ${headings.join(", ")}`);
    }
  });
}

/** The anchor of a heading, as forges make it. */
function anchorOf(title: string): string {
  return title.toLowerCase().replaceAll(/[^\p{L}\p{N} _-]/gu, "").replaceAll(" ", "-");
}

Deno.test("docs/guide.md has every drop reason, in order, with the advice of csrc/drop.h", () => {
  const reasons = [...read("csrc/drop.h").matchAll(/^\tX\([A-Z_]+, "([^"]+)", "([^"]+)"\)/gm)];
  const rows = [...read("docs/guide.md").matchAll(/^\| `([a-z_]+)` +\| (.+?) +\|$/gm)];
  ok(reasons.length > 0);
  deepStrictEqual(rows.map(([, ...cells]) => cells), reasons.map(([, ...cells]) => cells));
});

Deno.test("tests/e2e/README.md lists each file of tests", () => {
  const listed = [...read("tests/e2e/README.md").matchAll(/^\| \[(\w+_test\.ts)\]\(\1\)/gm)].map(([, name]) => name!);
  const files = [...Deno.readDirSync(new URL("tests/e2e", ROOT))].map(({ name }) => name);
  deepStrictEqual(listed.toSorted(), files.filter((name) => name.endsWith("_test.ts")).toSorted());
});

Deno.test("CHANGELOG.md counts the drop reasons rightly", () => {
  const reasons = [...read("csrc/drop.h").matchAll(/^\tX\(/gm)];
  strictEqual(/with (\d+) drop reasons/.exec(read("CHANGELOG.md"))?.[1], String(reasons.length));
});

Deno.test("docs/security.md has the system calls that csrc/sandbox.c allows, and no others", () => {
  const allowed = [...read("csrc/sandbox.c").matchAll(/^\tALLOW\((\w+)\)/gm)].map(([, name]) => name);
  const list = /^`io_uring_enter`.*?\.$/ms.exec(read("docs/security.md"))![0];
  ok(allowed.length > 0);
  deepStrictEqual([...list.matchAll(/`(\w+)`/g)].map(([, name]) => name), allowed);
});

Deno.test("docs/operations.md computes rightly how long a ring lasts", () => {
  const rows = [...read("docs/operations.md").matchAll(/^\| (\d+)(?: \(default\))? +\| (\d+) MiB +\|(.*)\|$/gm)];
  strictEqual(rows.length, 4);
  for (const [row, slots, mebibytes, times] of rows) {
    strictEqual(Number(slots) * 2048, Number(mebibytes) * 2 ** 20, row);
    const computed = [20_000, 100_000, 500_000].map((rate) => `${Math.round(Number(slots) / rate * 1000)} ms`);
    deepStrictEqual(times!.split("|").map((cell) => cell.trim()), computed, row);
  }
});

Deno.test("what docs/guide.md asks the supervisor is answered", async () => {
  await using supervisor = await TestSupervisor.start();
  // These need more than a supervisor; tests/e2e/guide_test.ts follows them.
  const own = ["run", "gen", "sink", "events", "trace", "doctor", "config"];
  const calls = mcrCalls("docs/guide.md").filter(([name]) => !own.includes(name!));
  ok(calls.length > 5);
  for (const call of calls) {
    let said = "";
    const hear = (text: string): void => void (said += text);
    const terminal = { write: (text: string) => Promise.resolve(hear(text)), notice: hear };
    strictEqual(await main([...call, "--socket", supervisor.path], terminal), 0, `mcr ${call.join(" ")}: ${said}`);
  }
});
