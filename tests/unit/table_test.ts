import { equal } from "node:assert/strict";
import { formatTable, wrapWords } from "../../control/table.ts";

Deno.test("formatTable() aligns text left, numbers right, and leaves no space at the end", () => {
  const columns = [{ heading: "RULE" }, { heading: "IN", isNumeric: true }, { heading: "NOTE" }];
  const text = formatTable(columns, [["a", "1", ""], ["longer", "12345", "x"], ["c"]]);
  equal(text, ["RULE       IN  NOTE", "a           1", "longer  12345  x", "c", ""].join("\n"));
});

Deno.test("formatTable() lets no name move the cursor", () => {
  equal(formatTable([{ heading: "A" }], [["\x1b[2Jx\n"]]), "A\n?[2Jx?\n");
});

const COLUMNS = [{ heading: "RULE" }, { heading: "IN", isNumeric: true }, { heading: "NOTE" }];

Deno.test("formatTable() leaves a table alone that fits, to the column", () => {
  const rows = [["a-long-name-of-a-rule", "12345", "x"]];
  equal(formatTable(COLUMNS, rows, 34), formatTable(COLUMNS, rows));
});

Deno.test("formatTable() goes on in the next line behind a cell that is too long for its column", () => {
  equal(
    formatTable(COLUMNS, [["short", "1", "fits"], ["a-long-name-of-a-rule", "12345", "x"]], 28),
    ["RULE                IN  NOTE", "short                1  fits", "a-long-name-of-a-rule", "12345  x"]
      .map((line, index) => index === 3 ? line.padStart(25) + "\n" : line + "\n").join(""),
  );
});

Deno.test("formatTable() moves a last cell to the left that would cross the margin", () => {
  equal(
    formatTable([{ heading: "RULE" }, { heading: "OUTPUTS" }], [["a", "239.255.255.255:65535:eth0"], ["b", "c"]], 28),
    ["RULE  OUTPUTS", "a", "  239.255.255.255:65535:eth0", "b     c", ""].join("\n"),
  );
});

Deno.test("formatTable() breaks a cell that is wider than the table, where a word ends", () => {
  const sources = "10.1.1.1,10.2.0.0/16,!10.3.3.3@239.1.1.1:5001:eth0";
  equal(
    formatTable([{ heading: "RULE" }, { heading: "IN", isNumeric: true }], [[sources, "7"]], 24),
    ["RULE                  IN", "10.1.1.1,10.2.0.0/16,", "!10.3.3.3@", "239.1.1.1:5001:eth0    7", ""].join("\n"),
  );
  equal(formatTable([{ heading: "A" }], [["x".repeat(10)]], 4), "A\nxxxx\nxxxx\nxx\n");
});

Deno.test("formatTable() keeps every cell whole and every line within the width, whatever is in them", () => {
  const columns = [{ heading: "A" }, { heading: "B" }, { heading: "C", isNumeric: true }, { heading: "D" }];
  const text = (length: number, row: number): string => String.fromCharCode(97 + row).repeat(length);
  const rows = [...Array(20).keys()].map((row) =>
    [0, 1, 2, 3].map((column) => {
      return text(column === 2 ? row % 9 : (row * 7 + column * 13) % 41, row);
    })
  );
  for (let width = 42; width < 130; width++) {
    const lines = formatTable(columns, rows, width).split("\n");
    for (const line of lines) equal(line.length <= width, true, `${line.length} in ${width}: ${line}`);
    const words = lines.flatMap((line) => line.split(/ +/)).filter((word) => word !== "");
    equal(words.join(" "), ["A", "B", "C", "D", ...rows.flat().filter((cell) => cell !== "")].join(" "));
  }
});

Deno.test("wrapWords() breaks at spaces, keeps the indent of the first line, and no word is cut", () => {
  equal(wrapWords("  one two three", 9), "  one two\n    three");
  equal(wrapWords("a-word-that-is-longer-than-that b", 9), "a-word-that-is-longer-than-that\n    b");
  equal(wrapWords("as it is"), "as it is");
});
