import { deepStrictEqual, equal, match, rejects, throws } from "node:assert/strict";
import { asUsage, type Command, readArguments, spellings } from "../../control/command.ts";
import { allOf, leavesOf, makeGroup, resolveCommand } from "../../control/command_tree.ts";
import { makeHelp } from "../../control/commands/help.ts";
import { COMMANDS } from "../../control/commands/mod.ts";
import { ControlError, UsageError } from "../../control/error.ts";
import { commandHelp, overview } from "../../control/help.ts";

const COMMAND: Command = {
  name: "paint",
  aliases: ["draw"],
  usage: "mcr paint --colour NAME [--coat N]... [-j] [WALL]",
  summary: "Paint a wall",
  example: "mcr paint --colour red",
  options: [
    { name: "colour", aliases: ["color"], value: "NAME", help: "which colour" },
    { name: "coat", value: "N", isRepeatable: true, help: "one more coat" },
    { name: "json", short: "j", help: "as JSON" },
  ],
  positionalsMax: 1,
  run: () => Promise.resolve(""),
};

const SILENCE = { notice: (): void => {}, write: (): Promise<void> => Promise.resolve() };

Deno.test("readArguments() reads options by every name, in every form", () => {
  for (const args of [["--colour", "red"], ["--color", "red"], ["--colour=red"], ["--color=red"]]) {
    equal(readArguments(COMMAND, args).one("colour"), "red", args.join(" "));
  }
  const given = readArguments(COMMAND, ["-j", "--coat", "1", "north", "--coat=-2", "--json"]);
  deepStrictEqual([given.all("coat"), given.has("json"), given.positionals], [["1", "-2"], true, ["north"]]);
  deepStrictEqual([given.has("colour"), given.one("colour"), given.all("colour")], [false, undefined, []]);
});

Deno.test("readArguments() takes a value of which a part may be left out for one that may not", () => {
  const options = [{ name: "level", value: "[AREA=]LEVEL[,...]", help: "how much" }, {
    name: "watch",
    value: "[SECONDS]",
    help: "how often",
  }];
  const given = readArguments({ ...COMMAND, options }, ["--level", "a=debug", "--watch", "2"]);
  deepStrictEqual([given.one("level"), given.one("watch"), given.positionals], ["a=debug", "2", []]);
  equal(readArguments({ ...COMMAND, options }, ["--watch"]).has("watch"), true);
  throws(() => readArguments({ ...COMMAND, options }, ["--level"]), UsageError);
});

Deno.test("readArguments() takes what follows -- as it is", () => {
  deepStrictEqual(readArguments(COMMAND, ["--", "--colour"]).positionals, ["--colour"]);
});

const BAD_ARGUMENTS: readonly [args: string[], message: string][] = [
  [["--colou", "red"], 'Cannot use --colou: mcr paint has no such option; did you mean "--colour"?'],
  [["--frobnicate"], "Cannot use --frobnicate: mcr paint has no such option"],
  [["-x"], "Cannot use -x: mcr paint has no such option"],
  [["--no-json"], "Cannot use --no-json: mcr paint has no such option"],
  [["--colour"], "Cannot use --colour without a value: expected --colour NAME"],
  [["--colour", "--json"], "Cannot use --colour without a value: expected --colour NAME"],
  [["--json=yes"], 'Cannot use --json with the value "yes": it takes none'],
  [["--colour", "red", "--color", "blue"], 'Cannot use --color "blue": it was given before, as "red"'],
  [["north", "south"], `Cannot use argument "south" of mcr paint: expected ${COMMAND.usage}`],
];
for (const [args, message] of BAD_ARGUMENTS) {
  Deno.test(`readArguments() refuses ${args.join(" ")}`, () => {
    throws(() => readArguments(COMMAND, args), (error: Error) => {
      equal(error.message, message);
      return error instanceof UsageError;
    });
  });
}

Deno.test("asUsage() turns refusals into wrong use and leaves faults alone", () => {
  equal(asUsage(() => 5), 5);
  const refuse = (): never => {
    throw new ControlError("invalid", "Cannot parse it");
  };
  throws(() => asUsage(refuse), { name: "UsageError", message: "Cannot parse it" });
  const fail = (): never => {
    throw new TypeError("a fault");
  };
  throws(() => asUsage(fail), { name: "TypeError" });
});

Deno.test("commandHelp() tells examples, usage, options and other names", () => {
  equal(
    commandHelp(COMMAND),
    `Paint a wall.

  mcr paint --colour red

usage: ${COMMAND.usage}

options:
  --colour, --color NAME
      which colour
  --coat N
      one more coat
  -j, --json
      as JSON

also called: draw
`,
  );
});

const OPEN: Command = { ...COMMAND, name: "door open", aliases: ["unlock"], summary: "Open a door" };
const DOOR = makeGroup({
  name: "door",
  summary: "What doors do",
  example: "mcr door open",
  subcommands: [OPEN, { ...COMMAND, name: "door close", aliases: [] }],
});

Deno.test("resolveCommand() finds commands below commands, and leaves them what is theirs", () => {
  const find = (line: string): [string | undefined, string] => {
    const { command, rest } = resolveCommand(line.split(" ").filter(Boolean), [COMMAND, DOOR], [
      { ...COMMAND, name: "__hidden", aliases: [] },
    ]);
    return [command?.name, rest.join(" ")];
  };
  deepStrictEqual(find("paint --coat 1 north"), ["paint", "--coat 1 north"]);
  deepStrictEqual(find("--socket S paint open"), ["paint", "--socket S open"]);
  deepStrictEqual(find("door open -j front"), ["door open", "-j front"]);
  deepStrictEqual(find("-j door --socket S unlock front"), ["door open", "-j --socket S front"]);
  deepStrictEqual(find("door -h"), ["door", "-h"]);
  deepStrictEqual(find("-j"), [undefined, "-j"]);
  deepStrictEqual(find("__hidden x"), ["__hidden", "x"]);
});

Deno.test("resolveCommand() proposes what was meant, at any depth, but nothing hidden", () => {
  const cases: readonly [string, string][] = [
    ["pain", 'Cannot run "mcr pain": there is no such command; did you mean "paint"?'],
    ["door opn", 'Cannot run "mcr door opn": there is no such command; did you mean "open"?'],
    ["door window", 'Cannot run "mcr door window": there is no such command; see "mcr help door"'],
    ["__hiden", 'Cannot run "mcr __hiden": there is no such command; see "mcr help"'],
  ];
  for (const [line, message] of cases) {
    const hidden = [{ ...COMMAND, name: "__hidden" }];
    throws(() => resolveCommand(line.split(" "), [COMMAND, DOOR], hidden), { name: "UsageError", message });
  }
});

Deno.test("a command that only holds others tells of them and does nothing alone", async () => {
  equal(
    commandHelp(DOOR),
    `What doors do.

  mcr door open

usage: mcr door open|close [OPTION...]

commands:
  open   Open a door
  close  Paint a wall
`,
  );
  await rejects(DOOR.run([], SILENCE), {
    name: "UsageError",
    message: 'Cannot run "mcr door" alone: expected mcr door open|close',
  });
  deepStrictEqual(leavesOf([DOOR, COMMAND]).map(({ name }) => name), ["door open", "door close", "paint"]);
  deepStrictEqual(allOf([DOOR]).map(({ name }) => name), ["door", "door open", "door close"]);
});

Deno.test("mcr help finds commands below commands, and hidden ones", async () => {
  const help = makeHelp([COMMAND, DOOR], () => [{ ...COMMAND, name: "__hidden" }]);
  const ask = (...args: string[]): Promise<string | number> => help.run(args, SILENCE);
  equal(await ask("door", "open"), commandHelp(OPEN));
  equal(await ask("door"), commandHelp(DOOR));
  match(String(await ask("__hidden")), /^Paint a wall/);
  match(String(await ask()), /^ +door +What doors do$/m);
  await rejects(ask("door", "open", "wide"), { name: "UsageError", message: /Cannot use argument "wide"/ });
});

/** The command lines of the example, continued lines joined, comments left out. */
function exampleLines({ example }: Command): string[] {
  const lines = example.replaceAll("\\\n", " ").split("\n");
  return lines.map((line) => line.replace(/(^| )#.*$/, "")).filter((line) => line !== "");
}

Deno.test("the help of every command fits 80 columns and begins with examples of it", () => {
  for (const command of allOf(COMMANDS)) {
    const text = commandHelp(command);
    for (const line of text.split("\n")) equal(line.length <= 80, true, line);
    for (const line of exampleLines(command)) {
      match(line, new RegExp(`^mcr ${command.name}\\b`));
    }
  }
  for (const line of overview(COMMANDS).split("\n")) equal(line.length <= 80, true, line);
});

Deno.test("no two commands share a name, and none has an option twice", () => {
  const names = allOf(COMMANDS).flatMap(({ name, aliases = [] }) => {
    return [name, ...aliases.map((alias) => name.replace(/\S+$/, alias))];
  });
  equal(new Set(names).size, names.length);
  for (const { name, options } of allOf(COMMANDS)) {
    const all = options.flatMap(spellings);
    equal(new Set(all).size, all.length, name);
  }
});

Deno.test("every example is understood by the command that it is of", () => {
  for (const command of leavesOf(COMMANDS).filter(({ isPassedOn }) => !isPassedOn)) {
    for (const line of exampleLines(command)) {
      const [call] = line.split(/ (?:&&|[|>]) /);
      readArguments(command, call!.trim().split(/\s+/).slice(1 + command.name.split(" ").length));
    }
  }
});

Deno.test("a subcommand is named after its command, and a command that takes arguments says what they are", () => {
  for (const { name, subcommands = [], positional, positionalsMax = 0, isPassedOn } of allOf(COMMANDS)) {
    for (const below of subcommands) equal(below.name.startsWith(`${name} `), true, below.name);
    if (!isPassedOn) equal(positional !== undefined, positionalsMax > 0, name);
  }
});
