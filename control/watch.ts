/**
 * Shows a text again and again: in place on a terminal, one after the other elsewhere.
 *
 * @module
 */
import type { Surroundings, TerminalSize } from "./command.ts";

/** How it is shown. */
export interface WatchOptions {
  /** Between two texts. */
  readonly seconds: number;
  /** Whether the texts follow one another also on a terminal. */
  readonly isAppended: boolean;
  /** Then stands between them. */
  readonly separator: string;
}

/**
 * Shows what `make` makes until that fails or nobody reads it any more. Nothing of the terminal is changed but what is
 * written, so whatever ends it leaves the last text where it is.
 */
export async function watch(
  make: (width?: number) => Promise<string>,
  { seconds, isAppended, separator }: WatchOptions,
  { write, size }: Surroundings,
): Promise<never> {
  let before: Picture | undefined;
  for (let number = 0;; number++) {
    const startedMs = performance.now();
    const place = canMoveCursor() && !isAppended ? size?.() : undefined;
    const text = await make(size?.()?.columns);
    if (place === undefined) {
      await write((number === 0 ? "" : separator) + text);
    } else {
      const picture = { ...place, lines: cutToSize(text, place) };
      await write(drawOver(before, picture));
      before = picture;
    }
    const restMs = seconds * 1000 - (performance.now() - startedMs);
    await new Promise((resolve) => setTimeout(resolve, Math.max(0, restMs)));
  }
}

/** Lines that stand above the cursor of a terminal of this size. */
export interface Picture extends TerminalSize {
  readonly lines: readonly string[];
}

/** What is written to have one picture in the place of the one before. */
export function drawOver(before: Picture | undefined, { columns, rows, lines }: Picture): string {
  const isMoved = before !== undefined && (before.columns !== columns || before.rows !== rows);
  // Where lines of before are now is the terminal's secret: it may have broken them anew.
  const start = before === undefined ? "" : isMoved ? "\x1b[H" : up(before.lines.length);
  // Cleared before, not after: behind a full line the cursor still stands on its last character.
  return `${start}${lines.map((line) => `\x1b[2K${line}\n`).join("")}\x1b[J`;
}

/** The lines of a text that a terminal has room for, above the cursor; the last one says how many it has not. */
export function cutToSize(text: string, { columns, rows }: TerminalSize): string[] {
  const lines = text.trimEnd().split("\n").map((line) => line.slice(0, columns));
  const roomCount = Math.max(1, rows - 1);
  if (lines.length <= roomCount) return lines;
  const kept = lines.slice(0, roomCount - 1);
  return [...kept, `... and ${lines.length - kept.length} more lines`.slice(0, columns)];
}

/** Whether the terminal understands more than letters. */
export function canMoveCursor(): boolean {
  return !["", "dumb", undefined].includes(Deno.env.get("TERM"));
}

function up(count: number): string {
  return count === 0 ? "" : `\x1b[${count}A\r`;
}
