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

/** Where a table has to be narrower, columns of text become so first, but not more than this. */
const TEXT_COLUMNS_MIN = 12;

/**
 * Aligns rows under headings, two spaces between columns, no space at the end of a line.
 *
 * Nothing is ever left out. Where the table would be wider than `width`, columns of text are made narrower; a cell that is
 * too long for its column takes what it needs, lines if it must, and the rest of its row goes on in the next line. Columns
 * of numbers keep their width: a table of too many of them is wider after all.
 */
export function formatTable(
  columns: readonly Column[],
  rows: readonly (readonly string[])[],
  width = Infinity,
): string {
  const cells = [columns.map(({ heading }) => heading), ...rows.map((row) => row.map(printable))];
  const widths = chooseWidths(columns, cells, width);
  return cells.flatMap((row) => layRow(columns, row, widths, width)).map((line) => `${line.trimEnd()}\n`).join("");
}

/** Whether each line of a text has at most so many columns. */
export function fitsInto(text: string, width: number): boolean {
  return text.split("\n").every((line) => line.length <= width);
}

function chooseWidths(
  columns: readonly Column[],
  cells: readonly (readonly string[])[],
  width: number,
): number[] {
  const natural = columns.map((_, index) => cells.reduce((max, row) => Math.max(max, row[index]?.length ?? 0), 0));
  const cappedTo = (cap: number): number[] =>
    natural.map((own, i) => columns[i]!.isNumeric ? own : Math.min(own, Math.max(cap, columns[i]!.heading.length)));
  let cap = Math.max(...natural);
  while (cap > TEXT_COLUMNS_MIN && sum(cappedTo(cap)) + GAP.length * (columns.length - 1) > width) cap--;
  return cappedTo(cap);
}

/** The lines of one row. */
function layRow(
  columns: readonly Column[],
  row: readonly string[],
  widths: readonly number[],
  width: number,
): string[] {
  const lines: string[] = [];
  let line = "", start = 0;
  columns.forEach(({ isNumeric }, index) => {
    const cell = row[index] ?? "";
    const columnWidth = widths[index]!;
    const pieces = breakCell(isNumeric ? cell.padStart(columnWidth) : cell, width);
    const text = pieces.at(-1)!;
    // A text that does not fit behind its place ends at the margin.
    const at = isNumeric ? start : Math.max(0, Math.min(start, width - text.length));
    const isInTheWay = line.length > 0 && line.length + GAP.length > at;
    if ((isInTheWay || pieces.length > 1 && line !== "") && cell !== "") {
      lines.push(line);
      line = "";
    }
    lines.push(...pieces.slice(0, -1));
    if (cell !== "") line = line.padEnd(at) + text;
    start += columnWidth + GAP.length;
  });
  return [...lines, line];
}

/** A cell in pieces that fit: one, but where it is wider than the whole table may be. They end where words do. */
function breakCell(cell: string, width: number): string[] {
  const pieces: string[] = [];
  let rest = cell;
  while (rest.length > width) {
    const end = Math.max(...[" ", ",", "@", "/"].map((mark) => rest.lastIndexOf(mark, width - 1))) + 1;
    const length = end > width / 3 ? end : width;
    pieces.push(rest.slice(0, length));
    rest = rest.slice(length);
  }
  return [...pieces, rest];
}

/** Breaks a text at spaces so that its lines fit, where that is possible; those after the first are indented. */
export function wrapWords(text: string, width = Infinity, indent = "    "): string {
  const lines: string[] = [];
  let line = "";
  for (const word of text.split(/(?<=\S) /)) {
    if (line !== "" && line.length + 1 + word.length > width) {
      lines.push(line);
      line = indent + word;
    } else {
      line = line === "" ? word : `${line} ${word}`;
    }
  }
  return [...lines, line].join("\n");
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, one) => total + one, 0);
}

/** Text that cannot move the cursor: names of interfaces are whatever somebody gave them. */
export function printable(text: string): string {
  // deno-lint-ignore no-control-regex
  return text.replace(/[\x00-\x1f\x7f-\x9f]/g, "?");
}

/** Lines that cannot do more to a terminal than be lines. */
export function printableLines(text: string): string {
  return text.split("\n").map(printable).join("\n");
}
