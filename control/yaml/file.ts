/**
 * Configuration files: from YAML to a checked configuration, with the line and column of whatever is wrong. Loaded only
 * where there is a file, for the YAML library is larger than all else that a command needs.
 *
 * @module
 */
import { type Document, isMap, isNode, isScalar, isSeq, LineCounter, parseDocument } from "yaml";
import { quote, Refusal } from "../check.ts";
import { ControlError, messageOf } from "../error.ts";
import type { RuleSpec } from "../model.ts";
import { RULE } from "../rule.ts";
import { RuleSet } from "../rule_set.ts";
import { CONFIG, type Config, CONFIG_FIELDS } from "../config.ts";

/** A file larger than this was made by mistake: 65,536 rules of two outputs take less. */
const FILE_BYTES_MAX = 32 << 20;

/** More problems than this are not listed. */
const PROBLEMS_MAX = 20;

/** Something wrong with a file. */
export interface Problem {
  /** From 1 on; absent when the file as a whole is meant. */
  readonly line?: number;
  readonly column?: number;
  /** The field, as in `rules[2].outputs[0].port`. */
  readonly path?: string;
  readonly message: string;
}

/** A file that cannot be used, with all that is wrong with it. */
export class ConfigError extends Error {
  override readonly name = "ConfigError";
  readonly file: string;
  readonly problems: readonly Problem[];
  /** Whether there is no such file. */
  readonly isMissing: boolean;

  constructor(file: string, problems: readonly Problem[], isMissing = false) {
    const shown = problems.slice(0, PROBLEMS_MAX).map((problem) =>
      `${file}${formatPlace(problem)}: ${problem.message}`
    );
    const left = problems.length - shown.length;
    super([...shown, ...(left > 0 ? [`${file}: ${left} more`] : [])].join("\n"));
    this.file = file;
    this.problems = problems;
    this.isMissing = isMissing;
  }
}

function formatPlace({ line, column }: Problem): string {
  return line === undefined ? "" : `:${line}:${column}`;
}

/** A file's text, taken apart. */
export interface ConfigFile {
  readonly config: Config;
  /** With comments, order and places; what `save.ts` edits. */
  readonly document: Document;
}

/** Reads and checks a file; throws a `ConfigError` that tells all that is wrong with it. */
export async function readConfig(file: string): Promise<ConfigFile> {
  return parseConfig(file, await readText(file));
}

/** The text of a file; throws a `ConfigError`. */
export async function readText(file: string): Promise<string> {
  try {
    using opened = await Deno.open(file);
    const { size, isDirectory } = await opened.stat();
    if (isDirectory) throw new Error("it is a directory");
    if (size > FILE_BYTES_MAX) throw new Error(`it has ${size} bytes, at most ${FILE_BYTES_MAX} are read`);
    const bytes = new Uint8Array(await new Response(opened.readable).arrayBuffer());
    return new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch (error) {
    const why = error instanceof TypeError ? "it is not UTF-8" : messageOf(error).replace(/ \(os error \d+\).*$/s, "");
    throw new ConfigError(
      file,
      [{ message: `Cannot read the configuration: ${why}` }],
      error instanceof Deno.errors.NotFound,
    );
  }
}

/** Checks the text of a file. */
export function parseConfig(file: string, text: string): ConfigFile {
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines, prettyErrors: false, stringKeys: true });
  const syntax = [...document.errors, ...document.warnings];
  if (syntax.length > 0) {
    throw new ConfigError(file, syntax.map(({ message, pos }) => ({ message, ...placeAt(lines, pos[0]) })));
  }
  const problems: Problem[] = [];
  const note = (error: unknown, path?: string): void => {
    if (!(error instanceof ControlError)) throw error;
    const where = path ?? error.path ?? "";
    const offset = offsetOf(document, where, error instanceof Refusal);
    problems.push({ message: error.message, path: where, ...placeAt(lines, offset) });
  };
  const config = takeConfig(toValue(file, document), note);
  if (problems.length > 0 || config === undefined) throw new ConfigError(file, problems);
  return { config, document };
}

/** Aliases that grow without end are refused by the library. */
function toValue(file: string, document: Document): unknown {
  try {
    return document.toJS({ maxAliasCount: 1000 });
  } catch (error) {
    throw new ConfigError(file, [{ message: messageOf(error) }]);
  }
}

/** Checks each field and each rule by itself, so that one look at a file finds more than its first mistake. */
function takeConfig(value: unknown, note: (error: unknown, path?: string) => void): Config | undefined {
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    const expected = `expected an object with ${Object.keys(CONFIG_FIELDS).join(", ")}`;
    note(new ControlError("invalid", `Cannot accept ${quote(value)} as a configuration: ${expected}`, ""));
    return undefined;
  }
  const given = value as Record<string, unknown>;
  const rules = Array.isArray(given.rules) ? given.rules : undefined;
  const config = attempt(() => CONFIG.take(rules === undefined ? given : { ...given, rules: [] }, ""), note);
  const specs = rules?.map((rule, index) => attempt(() => RULE.take(rule, `rules[${index}]`), note)) ?? [];
  refuseConflicts(specs, note);
  return config && { ...config, rules: specs.flatMap((spec) => spec ?? []) };
}

function attempt<Result>(take: () => Result, note: (error: unknown) => void): Result | undefined {
  try {
    return take();
  } catch (error) {
    note(error);
    return undefined;
  }
}

/** What rules must not be to one another. */
function refuseConflicts(specs: readonly (RuleSpec | undefined)[], note: (error: unknown, path: string) => void): void {
  const sources = specs.flatMap((spec, index) => spec === undefined ? [] : [{ spec, index }]);
  const set = new RuleSet();
  for (const { spec, index } of sources) {
    try {
      set.add(spec);
    } catch (error) {
      const path = error instanceof ControlError ? error.path : undefined;
      note(error, path === undefined ? `rules[${index}]` : `rules[${index}].${path}`);
    }
  }
}

function placeAt(lines: LineCounter, offset: number): { readonly line: number; readonly column: number } {
  const { line, col } = lines.linePos(offset);
  return { line, column: col };
}

/** Where the file says what is at a path, its value or its name; or else what that would have been in. */
function offsetOf(document: Document, path: string, isValue: boolean): number {
  let node: unknown = document.contents, offset = startOf(node) ?? 0;
  for (const step of path.match(/[^.[\]]+/g) ?? []) {
    if (isMap(node)) {
      const pair = node.items.find(({ key }) => String(isScalar(key) ? key.value : key) === step);
      if (pair === undefined) break;
      // An absent value, as in `port:` with nothing behind it, has no place of its own.
      const isThere = isNode(pair.value) && !(isScalar(pair.value) && pair.value.value === null);
      offset = startOf(isValue && isThere ? pair.value : pair.key) ?? offset;
      node = pair.value;
    } else if (isSeq(node)) {
      node = node.items[Number(step)];
      offset = startOf(node) ?? offset;
    } else {
      break;
    }
  }
  return offset;
}

function startOf(node: unknown): number | undefined {
  return isNode(node) ? node.range?.[0] : undefined;
}
