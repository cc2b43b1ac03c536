import { equal } from "node:assert/strict";
import config from "../../deno.json" with { type: "json" };
import * as mcr from "../../mod.ts";

Deno.test("the version is the same in deno.json and in the program", () => equal(mcr.VERSION, config.version));

Deno.test("mod.ts exports the client, the checks and the errors", () => {
  for (const name of ["connect", "parseOutput", "parseRuleSpec", "ruleId", "resolveSocketPath"] as const) {
    equal(typeof mcr[name], "function", name);
  }
  for (const name of ["ControlError", "NoDaemonError"] as const) {
    equal(mcr[name].prototype instanceof Error, true, name);
  }
});
