/**
 * Writes rules into a configuration file and leaves the rest of it as it is: comments, order, settings.
 *
 * @module
 */
import { type Alias, Document, isMap, isSeq, type Node, parseDocument, visit, YAMLSeq } from "yaml";
import { writeAtomically } from "../atomic_file.ts";
import { readTextIfThere } from "../config_text.ts";
import type { RuleSpec } from "../model.ts";
import { RULE } from "../rule.ts";
import { ruleId } from "../rule_text.ts";
import { type Config, CONFIG_VERSION } from "../config.ts";
import { compareRules, isSameRule, specOf } from "../rule_difference.ts";
import { parseConfig } from "./file.ts";

/** The text of a file that says these rules: `text` with its rules made so, or a new one when there is none. */
export function rewriteRules(file: string, text: string | undefined, rules: readonly RuleSpec[]): string {
  const document = text === undefined ? newDocument() : parseConfig(file, text).document;
  editRules(document, rules);
  const written = document.toString({ lineWidth: 0 });
  // What it writes always loads, and says what was asked for.
  const { added, removed, replaced } = compareRules(parseConfig(file, written).config.rules, rules);
  if (added.length + removed.length + replaced.length > 0) {
    throw new Error(`Cannot save the rules to ${file}: the file would not say the same`);
  }
  return written;
}

function newDocument(): Document {
  return parseDocument(`version: ${CONFIG_VERSION}\nrules: []\n`) as Document;
}

/** Rules that the file has already keep their place and their comments; new ones follow, others go. */
function editRules(document: Document, rules: readonly RuleSpec[]): void {
  const wanted = new Map(rules.map((rule) => [ruleId(rule.input), rule]));
  const list = rulesOf(document), aliases = readAliases(document);
  // Read before any is changed: a rule may have an alias of a part of another.
  const found = list.items.map((node) => ({ node: node as Node, ...readNode(document, node as Node) }));
  list.items = found.filter(({ node, id, spec }) => {
    const rule = wanted.get(id);
    if (rule === undefined) return false;
    if (!isSameRule(spec, rule)) updateNode(document, node, spec, rule);
    wanted.delete(id);
    return true;
  }).map(({ node }) => node);
  for (const rule of wanted.values()) list.add(document.createNode(specOf(rule)));
  keepAliases(document, aliases);
  // `[]` was written in brackets; what is in it now reads better in lines.
  if (list.items.length > 0) list.flow = false;
}

function rulesOf(document: Document): YAMLSeq {
  const list = document.get("rules", true);
  if (isSeq(list)) return list;
  const made = new YAMLSeq();
  document.set("rules", made);
  return made;
}

function readNode(document: Document, node: Node): { readonly id: string; readonly spec: RuleSpec } {
  const spec = RULE.take(node.toJS(document), "");
  return { id: ruleId(spec.input), spec };
}

/** What each alias stands for. */
function readAliases(document: Document): Map<Alias, unknown> {
  const found = new Map<Alias, unknown>();
  visit(document, { Alias: (_, alias) => void found.set(alias, alias.toJS(document)) });
  return found;
}

/** Puts in place of an alias what it stood for, where what had the anchor has gone or changed. */
function keepAliases(document: Document, aliases: ReadonlyMap<Alias, unknown>): void {
  visit(document, {
    Alias: (_, alias) => {
      const value = aliases.get(alias), now = alias.resolve(document)?.toJS(document);
      return JSON.stringify(now) === JSON.stringify(value) ? undefined : document.createNode(value);
    },
  });
}

/** Sets the fields that differ, and so keeps the comments of the others. */
function updateNode(document: Document, node: Node, spec: RuleSpec, rule: RuleSpec): void {
  if (!isMap(node)) return;
  const wanted = specOf(rule);
  for (const key of ["name", "input", "outputs", "max_rate", "allow_loop"] as const) {
    if (JSON.stringify(spec[key]) === JSON.stringify(wanted[key])) continue;
    if (wanted[key] === undefined) node.delete(key);
    else node.set(key, document.createNode(wanted[key]));
  }
}

/** A whole configuration as the text of a file. */
export function formatConfig(config: Config): string {
  return new Document({ ...config, rules: config.rules.map(specOf) }).toString({ lineWidth: 0 });
}

/** Makes a file say these rules: see `rewriteRules()` and `writeAtomically()`. */
export async function saveRules(file: string, rules: readonly RuleSpec[]): Promise<void> {
  const text = await readTextIfThere(file);
  await writeAtomically(file, rewriteRules(file, text, rules));
}
