/**
 * What changes when one set of rules takes the place of another.
 *
 * @module
 */
import type { RuleSpec } from "./model.ts";
import { formatEndpoint, ruleId } from "./rule_text.ts";

/** The difference between the rules in force and those that are wanted, by id. */
export interface RulesDifference {
  readonly added: readonly string[];
  readonly removed: readonly string[];
  /** Same input, but other outputs, name or limits. */
  readonly replaced: readonly string[];
  readonly unchanged: number;
}

/** Compares rules; both sides must have passed the checks, which give each rule its one form. */
export function compareRules(before: Iterable<RuleSpec>, after: Iterable<RuleSpec>): RulesDifference {
  const old = byId(before), wanted = byId(after);
  const common = [...wanted].filter(([id]) => old.has(id));
  const replaced = common.filter(([id, spec]) => !isSameRule(old.get(id)!, spec)).map(([id]) => id);
  return {
    added: [...wanted.keys()].filter((id) => !old.has(id)),
    removed: [...old.keys()].filter((id) => !wanted.has(id)),
    replaced,
    unchanged: common.length - replaced.length,
  };
}

/** Whether two rules say the same. */
export function isSameRule(one: RuleSpec, other: RuleSpec): boolean {
  return one === other || textOf(one) === textOf(other);
}

/** Rules never change: to note one of 10,000 in the state file took 40 ms when all were written out again each time. */
const TEXTS = new WeakMap<RuleSpec, string>();

/** What the user said of a rule, as JSON. */
export function textOf(rule: RuleSpec): string {
  let text = TEXTS.get(rule);
  if (text === undefined) TEXTS.set(rule, text = JSON.stringify(specOf(rule)));
  return text;
}

/** What the user said of a rule, without what the supervisor adds; its fields in the order of the model. */
export function specOf({ name, input, outputs, max_rate, allow_loop }: RuleSpec): RuleSpec {
  return {
    ...(name === undefined ? {} : { name }),
    input,
    outputs,
    ...(max_rate === undefined ? {} : { max_rate }),
    ...(allow_loop === undefined ? {} : { allow_loop }),
  };
}

function byId(rules: Iterable<RuleSpec>): Map<string, RuleSpec> {
  return new Map([...rules].map((rule) => [ruleId(rule.input), rule]));
}

/** A difference as lines for people: `+` added, `-` removed, `~` replaced. */
export function formatDifference(
  { added, removed, replaced, unchanged }: RulesDifference,
  wanted: Iterable<RuleSpec>,
): string {
  const rules = byId(wanted);
  const line = (mark: string, id: string): string => {
    const rule = rules.get(id);
    const name = rule?.name === undefined ? "" : ` (${rule.name})`;
    return `${mark} ${id}${name}${rule === undefined ? "" : ` -> ${rule.outputs.map(formatEndpoint).join(", ")}`}\n`;
  };
  const lines = [
    ...removed.map((id) => line("-", id)),
    ...added.map((id) => line("+", id)),
    ...replaced.map((id) => line("~", id)),
  ];
  const count = (number: number, what: string): string => `${number} ${what}`;
  const sum = [
    count(added.length, "added"),
    count(removed.length, "removed"),
    count(replaced.length, "replaced"),
    count(unchanged, "unchanged"),
  ];
  return `${lines.join("")}${sum.join(", ")}\n`;
}
