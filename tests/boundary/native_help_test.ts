// Goal: completions and man pages know every option of the native programs, from the help that these print.
import { deepStrictEqual, ok } from "node:assert/strict";
import { COMMANDS } from "../../control/commands/mod.ts";
import { describeAll } from "../../control/commands/native.ts";
import "../../ffi/library.ts";

for (const { name, options, usage, example } of await describeAll(COMMANDS.filter(({ isPassedOn }) => isPassedOn))) {
  Deno.test(`mcr ${name} --help tells of every option that it takes, and whether it takes a value`, async () => {
    const source = await Deno.readTextFile(new URL(`../../csrc/${name}_options.c`, import.meta.url));
    const table = [...source.matchAll(/^\t\{ "([a-z-]+)", (\w+), NULL, '\w' \},$/gm)];
    ok(table.length > 5);
    const taken = table.map(([, option, argument]) => `${option} ${argument === "required_argument"}`);
    const told = options.map((option) => `${option.name} ${option.value !== undefined}`);
    deepStrictEqual([...told, "help false"].toSorted(), taken.toSorted());
    ok(usage.startsWith(`mcr ${name} --interface IFACE|ADDR `), usage);
    ok(example.includes(`\nmcr ${name} --interface `), example);
  });
}
