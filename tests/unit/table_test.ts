import { equal } from "node:assert/strict";
import { formatTable } from "../../control/table.ts";

Deno.test("formatTable() aligns text left, numbers right, and leaves no space at the end", () => {
  const columns = [{ heading: "RULE" }, { heading: "IN", isNumeric: true }, { heading: "NOTE" }];
  const text = formatTable(columns, [["a", "1", ""], ["longer", "12345", "x"], ["c"]]);
  equal(text, ["RULE       IN  NOTE", "a           1", "longer  12345  x", "c", ""].join("\n"));
});

Deno.test("formatTable() lets no name move the cursor", () => {
  equal(formatTable([{ heading: "A" }], [["\x1b[2Jx\n"]]), "A\n?[2Jx?\n");
});
