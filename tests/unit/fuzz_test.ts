// Goal: the fuzz target runs for as long as it is told, and nobody believes that it ran where it was told nonsense.
import { strictEqual, throws } from "node:assert/strict";
import { fuzzSeconds } from "../../build/fuzz.ts";

Deno.test("fuzzSeconds() is 5 unless it is told otherwise", () => {
  strictEqual(fuzzSeconds(undefined), 5);
  strictEqual(fuzzSeconds("60"), 60);
});

for (const text of ["", "0", "-1", "1.5", "a minute"]) {
  Deno.test(`fuzzSeconds() refuses "${text}"`, () => {
    throws(() => fuzzSeconds(text), { name: "RangeError", message: /expected a whole number of seconds/ });
  });
}
