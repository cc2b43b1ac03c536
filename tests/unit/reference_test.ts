import { deepStrictEqual, equal } from "node:assert/strict";
import { main } from "../../cli.ts";
import { allOf } from "../../control/command_tree.ts";
import { formatEventLine } from "../../control/commands/events.ts";
import { COMMANDS } from "../../control/commands/mod.ts";
import { EVENT_KINDS } from "../../control/event.ts";
import { IS_CHANGE, RPC, RPC_NUMBERS } from "../../control/protocol.ts";
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

/** What is another number or time whenever it is asked for. */
const VARYING: Readonly<Record<string, (value: unknown) => boolean>> = {
  pid: isCount,
  uptime_ms: isCount,
  last_seen_ms: isCount,
  generation: isCount,
  time: (value) => typeof value === "string" && /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/.test(value),
};

function isCount(value: unknown): boolean {
  return Number.isSafeInteger(value) && value as number >= 0;
}

/** An answer with the same in place of what varies, if that is what it should be. */
function steady(answer: string): unknown {
  return JSON.parse(answer, (key, value) => VARYING[key]?.(value) ? key : value);
}

Deno.test("docs/reference.md prints what mcr prints, and answers what the socket answers", async () => {
  await using supervisor = await TestSupervisor.start();
  supervisor.engine.missing.add("eth9");
  const called: string[] = [];
  for (const [, language, block] of TEXT.matchAll(/^```(console|jsonrpc)\n(.*?)^```$/gms)) {
    const lines = block!.trimEnd().split("\n");
    if (language === "console") await checkConsole(lines, supervisor.path);
    else called.push(...await checkConversation(lines, supervisor));
  }
  equal(TEXT.match(/^\$ mcr /gm)!.length > 20, true);
  deepStrictEqual(Object.keys(IS_CHANGE).filter((method) => !called.includes(method)), [], "an example of each");
});

async function checkConsole(lines: string[], path: string): Promise<void> {
  while (lines.length > 0) {
    const line = lines.shift()!;
    equal(line.startsWith("$ mcr "), true, line);
    const printed = await print([...line.split(" ").slice(2), "--socket", path]);
    for (const expected of printed.trimEnd().split("\n")) equal(lines.shift(), expected, line);
  }
}

/** What is said over one connection. Returns the methods. */
async function checkConversation(lines: readonly string[], supervisor: TestSupervisor): Promise<string[]> {
  using peer = await supervisor.dial();
  const called: string[] = [];
  for (const line of lines) {
    const [, arrow, text] = /^(-->|<--) (.*)$/.exec(line)!;
    if (arrow === "-->") {
      called.push(JSON.parse(text!).method);
      await peer.send(`${text}\n`);
    } else {
      deepStrictEqual(steady(JSON.stringify(await peer.receive())), steady(text!), line);
    }
  }
  return called;
}

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
