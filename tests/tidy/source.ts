/**
 * The files of the project as tidy looks at them: whole, and with comments and code apart.
 *
 * @module
 */

/** A text file. */
export interface Source {
  /** From the root of the project. */
  readonly path: string;
  readonly text: string;
}

/** What is wrong, and where: `path:line: what`. */
export type Finding = string;

/** What is built or fetched, not written. */
const NOT_OURS = [".git", ".tools", ".zig-cache", "zig-out", "dist", "node_modules"];

/** Reads all text files below `root`, in the order of their paths. */
export function readSources(root: string): Source[] {
  const sources: Source[] = [];
  const walk = (folder: string): void => {
    for (const { name, isDirectory, isFile } of Deno.readDirSync(root + folder)) {
      if (isDirectory && !NOT_OURS.includes(name)) walk(`${folder}${name}/`);
      if (!isFile) continue;
      const bytes = Deno.readFileSync(root + folder + name);
      if (!bytes.includes(0)) sources.push({ path: folder + name, text: new TextDecoder().decode(bytes) });
    }
  };
  walk("");
  return sources.sort((a, b) => a.path < b.path ? -1 : 1);
}

/** A finding at the character `index` of a file. */
export function findingAt({ path, text }: Source, index: number, what: string): Finding {
  return `${path}:${text.slice(0, index).split("\n").length}: ${what}`;
}

/** Whether this is a file of one of these languages, by its ending. */
export function isIn({ path }: Source, ...endings: readonly string[]): boolean {
  return endings.includes(path.slice(path.lastIndexOf(".") + 1));
}

/** The same text twice: once with all but the comments made blank, once with comments, strings and patterns so. */
export interface Parts {
  readonly comments: string;
  readonly code: string;
}

/** After these a slash begins a regular expression, elsewhere it divides. */
const BEFORE_PATTERN = /(^|[(,=:[!&|?{};+\n>]|\breturn)\s*$/;

/** Takes C or TypeScript apart. Lines keep their numbers and characters their columns. */
export function split(source: Source): Parts {
  const { text } = source;
  let comments = "";
  let code = "";
  /** For each template that is open: how many braces are open in its present expression. */
  const templates: number[] = [];
  for (let at = 0; at < text.length;) {
    const piece = nextPiece(source, at, code, templates);
    const blank = text.slice(at, piece.end).replace(/[^\n]/g, " ");
    comments += piece.kind === "comment" ? text.slice(at, piece.end) : blank;
    code += piece.kind === "code" ? text.slice(at, piece.end) : blank;
    at = piece.end;
  }
  return { comments, code };
}

interface Piece {
  readonly kind: "comment" | "code" | "literal";
  readonly end: number;
}

function nextPiece(source: Source, at: number, code: string, templates: number[]): Piece {
  const { text } = source;
  const rest = text.slice(at, at + 2);
  if (rest === "//") return { kind: "comment", end: endOf(text, /\n/g, at) - 1 };
  if (rest === "/*") return { kind: "comment", end: endOf(text, /\*\//g, at + 2) };
  const first = text[at]!;
  if (first === '"' || first === "'") return { kind: "literal", end: endOf(text, quoted(first), at + 1) };
  if (isIn(source, "ts")) {
    if (first === "`") return template(text, at + 1, templates);
    if (first === "/" && BEFORE_PATTERN.test(code.slice(-80))) {
      return { kind: "literal", end: endOf(text, /(?:\\.|\[(?:\\.|[^\]\\])*\]|[^\/\\[])*\/[a-z]*/gy, at + 1) };
    }
    const open = templates.length - 1;
    if (first === "{" && open >= 0) templates[open]!++;
    if (first === "}" && open >= 0 && templates[open]!-- === 0) {
      templates.pop();
      return template(text, at + 1, templates);
    }
  }
  return { kind: "code", end: at + 1 };
}

/** A template's text from `start` to its end or to the next expression. */
function template(text: string, start: number, templates: number[]): Piece {
  const end = endOf(text, /(?:\\.|\$(?!\{)|[^\\`$])*(?:`|\$\{)/gsy, start);
  if (text[end - 1] === "{") templates.push(0);
  return { kind: "literal", end };
}

function quoted(quote: string): RegExp {
  return new RegExp(`(?:\\\\.|[^${quote}\\\\])*${quote}`, "gsy");
}

/** Where the match that begins at or after `start` ends; the end of the text if there is none. */
function endOf(text: string, pattern: RegExp, start: number): number {
  pattern.lastIndex = start;
  return pattern.exec(text) ? pattern.lastIndex : text.length;
}
