import { deepStrictEqual, equal, match, throws } from "node:assert/strict";
import { asUsage, type Command, readArguments } from "../../control/command.ts";
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

Deno.test("readArguments() reads options by every name, in every form", () => {
  for (const args of [["--colour", "red"], ["--color", "red"], ["--colour=red"], ["--color=red"]]) {
    equal(readArguments(COMMAND, args).one("colour"), "red", args.join(" "));
  }
  const given = readArguments(COMMAND, ["-j", "--coat", "1", "north", "--coat=-2", "--json"]);
  deepStrictEqual([given.all("coat"), given.has("json"), given.positionals], [["1", "-2"], true, ["north"]]);
  deepStrictEqual([given.has("colour"), given.one("colour"), given.all("colour")], [false, undefined, []]);
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

Deno.test("commandHelp() tells usage, options, other names and an example", () => {
  equal(
    commandHelp(COMMAND),
    `usage: ${COMMAND.usage}

Paint a wall.

options:
  --colour, --color NAME
      which colour
  --coat N
      one more coat
  -j, --json
      as JSON

also called: draw

example:
  mcr paint --colour red
`,
  );
});

Deno.test("the help of every command fits 80 columns and ends in an example of it", () => {
  for (const command of COMMANDS) {
    const text = commandHelp(command);
    for (const line of text.split("\n")) equal(line.length <= 80, true, line);
    match(command.example, new RegExp(`^mcr ${command.name}\\b`));
  }
  for (const line of overview(COMMANDS).split("\n")) equal(line.length <= 80, true, line);
});

Deno.test("no two commands share a name, and none has an option twice", () => {
  const names = COMMANDS.flatMap(({ name, aliases = [] }) => [name, ...aliases]);
  equal(new Set(names).size, names.length);
  for (const { name, options } of COMMANDS) {
    const all = options.flatMap((
      option,
    ) => [option.name, ...option.aliases ?? [], ...option.short ? [option.short] : []]);
    equal(new Set(all).size, all.length, name);
  }
});

Deno.test("every example is understood by the command that it is of", () => {
  for (const command of COMMANDS.filter(({ isPassedOn }) => !isPassedOn)) {
    const [line] = command.example.replaceAll("\\\n", " ").split("&&");
    readArguments(command, line!.trim().split(/\s+/).slice(2));
  }
});
