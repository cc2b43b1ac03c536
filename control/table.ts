/**
 * Text tables for people.
 *
 * @module
 */

/** One column: its heading and the side on which its cells stand; numbers stand on the right. */
export interface Column {
  readonly heading: string;
  readonly isNumeric?: boolean;
}

/** Two spaces keep columns apart. */
const GAP = "  ";

/** Aligns rows under headings, two spaces between columns, no space at the end of a line. */
export function formatTable(columns: readonly Column[], rows: readonly (readonly string[])[]): string {
  const cells = [columns.map(({ heading }) => heading), ...rows.map((row) => row.map(printable))];
  const widths = columns.map((_, index) => Math.max(...cells.map((row) => (row[index] ?? "").length)));
  const lines = cells.map((row) =>
    columns.map(({ isNumeric }, index) => {
      const cell = row[index] ?? "";
      return isNumeric ? cell.padStart(widths[index]!) : cell.padEnd(widths[index]!);
    }).join(GAP).trimEnd()
  );
  return lines.join("\n") + "\n";
}

/** Text that cannot move the cursor: names of interfaces are whatever somebody gave them. */
function printable(text: string): string {
  // deno-lint-ignore no-control-regex
  return text.replace(/[\x00-\x1f\x7f-\x9f]/g, "?");
}
