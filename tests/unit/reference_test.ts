import { deepStrictEqual, equal } from "node:assert/strict";
import { main } from "../../cli.ts";
import { allOf } from "../../control/command_tree.ts";
import { formatEventLine } from "../../control/commands/events.ts";
import { COMMANDS } from "../../control/commands/mod.ts";
import { EVENT_KINDS } from "../../control/event.ts";
import { RPC, RPC_NUMBERS } from "../../control/protocol.ts";
import { TestSupervisor } from "./fake_engine.ts";

const TEXT = await Deno.readTextFile(new URL("../../docs/reference.md", import.meta.url));

/** The lines of every fenced block of these languages, in order. */
function blockLines(...languages: string[]): string[] {
  const blocks = TEXT.matchAll(/^```(\w+)\n(.*?)^```$/gms);
  return [...blocks].filter((block) => languages.includes(block[1]!)).flatMap((block) =>
    block[2]!.trimEnd().split("\n")
  );
}

/** What a command line prints, messages included. */
async function print(args: readonly string[]): Promise<string> {
  let text = "";
  const notice = (more: string): void => void (text += more);
  await main(args, { write: (more) => Promise.resolve(notice(more)), notice });
  return text;
}

Deno.test("docs/reference.md prints what mcr prints, and answers what the socket answers", async () => {
  await using supervisor = await TestSupervisor.start();
  supervisor.engine.missing.add("eth9");
  const lines = blockLines("console", "jsonrpc");
  let ranCount = 0;
  while (lines.length > 0) {
    const line = lines.shift()!;
    if (line.startsWith("$ mcr ")) {
      const printed = await print([...line.split(" ").slice(2), "--socket", supervisor.path]);
      for (const expected of printed.trimEnd().split("\n")) equal(lines.shift(), expected, line);
    } else {
      using peer = await supervisor.dial();
      equal(line.slice(0, 4), "--> ");
      await peer.send(`${line.slice(4)}\n`);
      deepStrictEqual(JSON.parse(lines.shift()!.slice(4)), await peer.receive(), line);
    }
    ranCount++;
  }
  equal(ranCount, 32);
});

Deno.test("docs/reference.md knows every command, option and error", () => {
  for (const { name, aliases = [], options } of allOf(COMMANDS)) {
    for (const word of [name, ...aliases]) equal(TEXT.includes(`\`${word}\``), true, word);
    for (const option of options) equal(TEXT.includes(`--${option.name}`), true, option.name);
  }
  for (const [code, number] of Object.entries(RPC_NUMBERS)) {
    equal(new RegExp(`^\\| \`${code}\` +\\| ${number} \\|`, "m").test(TEXT), true, code);
  }
  for (const number of Object.values(RPC)) equal(TEXT.includes(`| ${number} |`), true, String(number));
});

Deno.test("docs/reference.md shows events as mcr events does, of each kind that it names", () => {
  const events = blockLines("json").filter((line) => line.startsWith('{"time"')).map((line) => JSON.parse(line));
  const shown = blockLines("text").filter((line) => /^\d{4}-/.test(line));
  deepStrictEqual(shown, events.map((event) => formatEventLine(event).trimEnd()));
  deepStrictEqual(new Set(events.map(({ kind }) => kind)), new Set(EVENT_KINDS));
});
