import { deepStrictEqual } from "node:assert/strict";
import { stretches } from "../../ffi/stretches.ts";

for (
  const [name, indexes, countMax, expected] of [
    ["nothing", [], 4, []],
    ["one", [7], 4, [[7, 1]]],
    ["consecutive ones are one stretch", [3, 4, 5], 4, [[3, 3]]],
    ["a gap ends a stretch", [3, 4, 6], 4, [[3, 2], [6, 1]]],
    ["order does not matter", [6, 3, 4], 4, [[3, 2], [6, 1]]],
    ["10 comes after 9, not after 1", [1, 10, 9], 4, [[1, 1], [9, 2]]],
    ["a stretch has at most as many as asked for", [0, 1, 2, 3, 4, 5, 6], 3, [[0, 3], [3, 3], [6, 1]]],
  ] as const
) {
  Deno.test(`stretches(): ${name}`, () => {
    deepStrictEqual(stretches(indexes, countMax).map(({ first, count }) => [first, count]), expected);
  });
}
