/**
 * What may stand in code and comments, and what the build and the documentation refer to.
 *
 * @module
 */
import { posix } from "node:path";
import { type Finding, findingAt, isIn, type Source, split } from "./source.ts";

/** Put together here so that this file is not found itself. */
const LEFT_TO_DO = new RegExp(
  `\\b(${["TO", "FIX", "XX"].map((word, i) => word + ["DO", "ME", "X"][i]).join("|")})\\b`,
  "g",
);

/** A statement, as prose hardly ever ends. */
const STATEMENT =
  /^(?:(?:if|for|while|switch)\s*\(.*[{;]|(?:return|const|let|import)\b.*;|[\w.#>-]+(?:\(.*\)|\s[-+|&]?=\s.*);)$/;

/** White space at the ends of lines, and files that do not end with one newline. */
export function findLooseSpace(sources: readonly Source[]): Finding[] {
  return sources.flatMap((source) => {
    const { path, text } = source;
    const ends = [...text.matchAll(/[ \t\r]+$/gm)].map(({ index }) =>
      findingAt(source, index, "white space at the end")
    );
    const isWellEnded = text === "" || (text.endsWith("\n") && !text.endsWith("\n\n"));
    return isWellEnded ? ends : [...ends, `${path}:${text.split("\n").length}: does not end with one newline`];
  });
}

/** Marks of unfinished work. */
export function findUnfinished(sources: readonly Source[]): Finding[] {
  return sources.flatMap((source) => {
    return [...source.text.matchAll(LEFT_TO_DO)].map((mark) => findingAt(source, mark.index, `${mark[0]} is left`));
  });
}

/** The type that switches type checks off. */
export function findAny(sources: readonly Source[]): Finding[] {
  return sources.filter((source) => isIn(source, "ts")).flatMap((source) => {
    return [...split(source).code.matchAll(/(?<=[:<|&,]\s*|\bas\s+)any\b/g)]
      .map(({ index }) => findingAt(source, index, "the type any"));
  });
}

/** Names of C functions and types, or of metrics, in comments and documents that there are none of. */
export function findUnknownNames(sources: readonly Source[]): Finding[] {
  const known = new Set<string>();
  const inC = sources.filter((source) => isIn(source, "c", "h"));
  for (const source of inC) {
    for (const [name] of split(source).code.matchAll(/\bmcr_\w+/g)) known.add(name);
  }
  const families = sources.find(({ path }) => path === "control/metrics/families.ts")?.text ?? "";
  for (const [, name] of families.matchAll(/\bname: "(mcr_\w+)"/g)) {
    for (const suffix of ["", "_total", "_info"]) known.add(name + suffix);
  }
  return sources.flatMap((source) => {
    const prose = isIn(source, "md") ? source.text : isIn(source, "c", "h", "ts") ? split(source).comments : "";
    return [...prose.matchAll(/\bmcr_[a-z]\w*\*?/g)].filter(([name]) => !isKnown(name, known))
      .map((word) => findingAt(source, word.index, `there is no ${word[0]}`));
  });
}

/** A name, or `mcr_worker_*` for several. */
function isKnown(word: string, known: ReadonlySet<string>): boolean {
  if (!word.endsWith("*")) return known.has(word);
  const prefix = word.slice(0, -1);
  return [...known].some((name) => name.startsWith(prefix));
}

/** Comment lines that are code. What stands in examples, after an asterisk, is not looked at in TypeScript. */
export function findDeadCode(sources: readonly Source[]): Finding[] {
  return sources.filter((source) => isIn(source, "c", "h", "ts", "zig")).flatMap((source) => {
    const comments = isIn(source, "zig") ? source.text : split(source).comments;
    return comments.split("\n").flatMap((line, index) => {
      const whole = /^\s*(?:\/\/+\s*(.*)|\/\*\s*(.*?)\s*\*\/)\s*$/.exec(line);
      const text = (whole?.[1] ?? whole?.[2] ?? "").trim();
      return STATEMENT.test(text) ? [`${source.path}:${index + 1}: code in a comment`] : [];
    });
  });
}

/** Files of ours that do not say at their top what they are. Tests may leave it to their names. */
export function findUnintroduced(sources: readonly Source[]): Finding[] {
  return sources.filter((source) => isIn(source, "c", "h", "ts", "zig") && !source.path.endsWith("_test.ts"))
    .filter(({ text }) => !/^\/[/*]/.test(text))
    .map(({ path }) => `${path}:1: does not begin with what it is`);
}

/** C files that build.zig does not know, and files that it knows but are not there. */
export function findUnbuilt(sources: readonly Source[]): Finding[] {
  const build = sources.find(({ path }) => path === "build.zig");
  if (build === undefined) return ["build.zig:1: is missing"];
  const listed = [...build.text.matchAll(/"(\w+\.c)"/g)];
  const names = new Set(listed.map(([, name]) => name));
  const files = sources.filter(({ path }) => /^(csrc|tests\/unit)\/\w+\.c$/.test(path)).map(({ path }) => path);
  const there = new Set(files.map((path) => posix.basename(path)));
  return [
    ...files.filter((path) => !names.has(posix.basename(path))).map((path) => `${path}:1: build.zig does not list it`),
    ...listed.filter(([, name]) => !there.has(name!)).map(({ index, 1: name }) => {
      return findingAt(build, index, `there is no ${name}`);
    }),
  ];
}

/** Links between documents that lead nowhere. */
export function findDeadLinks(sources: readonly Source[], exists: (path: string) => boolean): Finding[] {
  const documents = new Map(sources.filter((source) => isIn(source, "md")).map((source) => [source.path, source]));
  return [...documents.values()].flatMap((source) => {
    return [...source.text.matchAll(/\]\((?!\w+:)([^)\s#]*)(?:#([^)\s]*))?\)/g)].flatMap(
      ({ index, 1: link, 2: anchor }) => {
        const path = link === "" ? source.path : posix.normalize(posix.join(posix.dirname(source.path), link!));
        if (!exists(path)) return [findingAt(source, index, `there is no ${path}`)];
        const target = documents.get(path);
        if (anchor === undefined || target === undefined || anchorsOf(target).includes(anchor)) return [];
        return [findingAt(source, index, `${path} has no heading #${anchor}`)];
      },
    );
  });
}

/** What headings are called in links: lower case, dashes for spaces, no punctuation. */
function anchorsOf({ text }: Source): string[] {
  return [...text.matchAll(/^#+ (.*)$/gm)].map(([, heading]) => {
    return heading!.toLowerCase().replace(/[^\p{L}\p{N} _-]/gu, "").replaceAll(" ", "-");
  });
}
