import { deepStrictEqual, equal } from "node:assert/strict";
import { parseCores, parseWhole } from "../../control/number.ts";

Deno.test("parseWhole() reads plain digits within the bounds", () => {
  deepStrictEqual(["1", "10", "65535"].map((text) => parseWhole(text, 1, 65535)), [1, 10, 65535]);
  const wrong = ["", "0", "65536", "-1", "+1", "1.0", "1e3", "0x10", "01", " 1", "1 ", "1_0", "9".repeat(40), "١"];
  for (const text of wrong) equal(parseWhole(text, 1, 65535), undefined, text);
});

Deno.test("parseCores() reads lists and ranges", () => {
  const good: readonly [string, number[]][] = [["0", [0]], ["2,3", [2, 3]], ["0-3", [0, 1, 2, 3]], ["8,0-1", [
    8,
    0,
    1,
  ]]];
  for (const [text, cores] of good) deepStrictEqual(parseCores(text), cores, text);
});

Deno.test("parseCores() refuses what is no list, or names a core twice", () => {
  for (const text of ["", ",", "1,", "a", "3-1", "1-2-3", "-1", "1-", "0-1,1", "0-9999999", "1.5", "1, 2"]) {
    equal(parseCores(text), undefined, text);
  }
});
