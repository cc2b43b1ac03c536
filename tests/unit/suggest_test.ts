import { equal } from "node:assert/strict";
import { didYouMean, editDistance, suggest } from "../../control/suggest.ts";

const VERBS = ["run", "add", "remove", "list", "stats", "workers", "ping", "gen"];

Deno.test("suggest() finds the word that was meant", () => {
  const cases: readonly [string, string | undefined][] = [
    ["lst", "list"],
    ["lsit", "list"],
    ["stat", "stats"],
    ["rm", undefined],
    ["rem", "remove"],
    ["wrokers", "workers"],
    ["ad", "add"],
    ["frobnicate", undefined],
    ["x", undefined],
    ["", undefined],
  ];
  for (const [word, meant] of cases) equal(suggest(word, VERBS), meant, word);
});

Deno.test("editDistance() counts insertions, deletions, replacements and swaps", () => {
  const cases: readonly [string, string, number][] = [
    ["", "", 0],
    ["a", "", 1],
    ["list", "list", 0],
    ["list", "lisp", 1],
    ["list", "lits", 1],
    ["list", "lst", 1],
    ["list", "mist5", 2],
  ];
  for (const [from, to, edits] of cases) equal(editDistance(from, to), edits, `${from} ${to}`);
});

Deno.test("didYouMean() says nothing when there is nothing to say", () => {
  equal(didYouMean("lst", VERBS), '; did you mean "list"?');
  equal(didYouMean("xyzzy", VERBS), "");
});
