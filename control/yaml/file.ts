/**
 * Configuration files: from YAML to a checked configuration, with the line and column of whatever is wrong. Loaded only
 * where there is a file, for the YAML library is larger than all else that a command needs.
 *
 * @module
 */
import { type Document, isMap, isNode, isScalar, isSeq, LineCounter, parseDocument } from "yaml";
import { quote, Refusal } from "../check.ts";
import { ConfigError, type Problem, readText } from "../config_text.ts";
import { ControlError, messageOf } from "../error.ts";
import type { RuleSpec } from "../model.ts";
import { RULE } from "../rule.ts";
import { RuleSet } from "../rule_set.ts";
import { CONFIG, type Config, CONFIG_FIELDS } from "../config.ts";

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
    const value = document.toJS({ maxAliasCount: 1000 });
    const mode = isMap(document.contents) ? document.contents.get("socket_mode", true) : undefined;
    // To YAML 0660 is the number 660, the digits of which are meant, but 0o660 is 432.
    if (isScalar(mode) && mode.format === "OCT") value.socket_mode = `0${Number(mode.value).toString(8)}`;
    return value;
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
  let node: unknown = document.contents, offset = startOf(node) ?? 0, rest = path;
  while (rest !== "") {
    if (isMap(node)) {
      // Keys may have dots, as `eth0.100` has, and one may be what another begins with.
      const pairs = node.items.filter(({ key }) => isStep(textOf(key), rest));
      const [pair] = pairs.sort((one, other) => textOf(other.key).length - textOf(one.key).length);
      if (pair === undefined) break;
      // An absent value, as in `port:` with nothing behind it, has no place of its own.
      const isThere = isNode(pair.value) && !(isScalar(pair.value) && pair.value.value === null);
      offset = startOf(isValue && isThere ? pair.value : pair.key) ?? offset;
      node = pair.value;
      rest = rest.slice(textOf(pair.key).length).replace(/^\./, "");
    } else if (isSeq(node)) {
      const [step, index] = /^\[(\d+)\]\.?/.exec(rest) ?? [];
      if (step === undefined) break;
      node = node.items[Number(index)];
      offset = startOf(node) ?? offset;
      rest = rest.slice(step.length);
    } else {
      break;
    }
  }
  return offset;
}

function textOf(key: unknown): string {
  return String(isScalar(key) ? key.value : key);
}

/** Whether a path begins with the whole of a key. */
function isStep(key: string, path: string): boolean {
  return path.startsWith(key) && /^([.[]|$)/.test(path.slice(key.length));
}

function startOf(node: unknown): number | undefined {
  return isNode(node) ? node.range?.[0] : undefined;
}
