/**
 * How long things may be.
 *
 * @module
 */
import { type Finding, isIn, type Source, split } from "./source.ts";

const FILE_LINES_MAX = 600;
const FUNCTION_LINES_MAX = 70;
const C_COLUMNS_MAX = 120;
const TAB_COLUMNS = 8;

/** Where a function of TypeScript or Zig begins: the formatter puts its end on the next line as far to the left. */
const FUNCTION_STARTS = {
  ts: /(?:\)(?:: .+)?|=>) \{$/,
  zig: /^\s*(?:pub )?fn .*\{$/,
};

/** What else ends in a parenthesis and a brace. */
const NO_FUNCTION = /^\s*(?:\} )?(?:if|else|for|while|switch|catch)\b/;

/** Files that are too long. */
export function findLongFiles(sources: readonly Source[]): Finding[] {
  return sources.filter((source) => isIn(source, "c", "h", "ts", "zig")).flatMap(({ path, text }) => {
    const count = text.split("\n").length - 1;
    return count > FILE_LINES_MAX ? [`${path}:${FILE_LINES_MAX}: ${count} lines, at most ${FILE_LINES_MAX}`] : [];
  });
}

/** Functions whose body is too long. */
export function findLongFunctions(sources: readonly Source[]): Finding[] {
  return sources.flatMap((source) => {
    return bodies(source)
      .filter(({ lines }) => lines > FUNCTION_LINES_MAX)
      .map(({ start, lines }) => {
        return `${source.path}:${start}: a function of ${lines} lines, at most ${FUNCTION_LINES_MAX}`;
      });
  });
}

interface Body {
  /** The line that opens it. */
  readonly start: number;
  readonly lines: number;
}

function bodies(source: Source): Body[] {
  if (isIn(source, "c", "h")) return bodiesOfC(source);
  const start = isIn(source, "ts") ? FUNCTION_STARTS.ts : isIn(source, "zig") ? FUNCTION_STARTS.zig : null;
  if (start === null) return [];
  const lines = (isIn(source, "ts") ? split(source).code : source.text).split("\n");
  return lines.flatMap((line, index) => {
    if (!start.test(line) || NO_FUNCTION.test(opener(lines, index))) return [];
    const end = new RegExp(`^${/^\s*/.exec(line)![0]}[})\\]]`);
    const length = lines.slice(index + 1).findIndex((later) => end.test(later));
    return [{ start: index + 1, lines: length }];
  });
}

/** The line itself; or, when that begins by closing a parenthesis, the one that the formatter put as far to the left. */
function opener(lines: readonly string[], index: number): string {
  const [, indent, closes] = /^(\s*)(\))?/.exec(lines[index]!)!;
  if (closes === undefined) return lines[index]!;
  return lines.slice(0, index).findLast((line) => new RegExp(`^${indent}\\S`).test(line)) ?? "";
}

/** By counting braces, from one that stands alone in the first column, as those of functions do. */
function bodiesOfC(source: Source): Body[] {
  const found: Body[] = [];
  let start = 0;
  let depth = 0;
  for (const [index, line] of split(source).code.split("\n").entries()) {
    if (start === 0 && /^\{\s*$/.test(line)) start = index + 1;
    if (start === 0) continue;
    depth += line.split("{").length - line.split("}").length;
    if (depth > 0) continue;
    found.push({ start, lines: index - start });
    start = 0;
  }
  return found;
}

/** Lines of C that are too long; those of TypeScript are the formatter's business. */
export function findLongLines(sources: readonly Source[]): Finding[] {
  return sources.filter((source) => isIn(source, "c", "h")).flatMap(({ path, text }) => {
    return text.split("\n").flatMap((line, index) => {
      const count = columns(line);
      return count > C_COLUMNS_MAX ? [`${path}:${index + 1}: ${count} columns, at most ${C_COLUMNS_MAX}`] : [];
    });
  });
}

function columns(line: string): number {
  let count = 0;
  for (const character of line) count += character === "\t" ? TAB_COLUMNS - count % TAB_COLUMNS : 1;
  return count;
}
