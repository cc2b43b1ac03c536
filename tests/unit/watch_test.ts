import { deepStrictEqual, equal, rejects } from "node:assert/strict";
import { cutToSize, drawOver, watch } from "../../control/watch.ts";

const SIZE = { columns: 20, rows: 4 };

Deno.test("cutToSize() keeps a text that fits above the cursor, and says what it leaves out of another", () => {
  deepStrictEqual(cutToSize("a\nb\nc\n", SIZE), ["a", "b", "c"]);
  deepStrictEqual(cutToSize("a\nb\nc\nd\n", SIZE), ["a", "b", "... and 2 more lines"]);
  deepStrictEqual(cutToSize("x".repeat(30), SIZE), ["x".repeat(20)]);
});

Deno.test("drawOver() goes back to where the picture before began, and leaves nothing of it", () => {
  const first = { ...SIZE, lines: ["long line", "b"] };
  equal(drawOver(undefined, first), "\x1b[2Klong line\n\x1b[2Kb\n\x1b[J");
  equal(drawOver(first, { ...SIZE, lines: ["c"] }), "\x1b[2A\r\x1b[2Kc\n\x1b[J");
  equal(drawOver(first, { columns: 10, rows: 4, lines: ["c"] }), "\x1b[H\x1b[2Kc\n\x1b[J");
});

Deno.test("watch() appends where there is no terminal, and ends with what ends its texts", async () => {
  let written = "", count = 0;
  const make = (): Promise<string> => {
    return ++count < 3 ? Promise.resolve(`text ${count}\n`) : Promise.reject(new Error("gone"));
  };
  const surroundings = {
    notice: (): void => {},
    write: (text: string): Promise<void> => Promise.resolve(void (written += text)),
  };
  await rejects(watch(make, { seconds: 0, isAppended: false, separator: "\n" }, surroundings), { message: "gone" });
  equal(written, "text 1\n\ntext 2\n");
});
