/**
 * What is news between two states: of the rules in force, and of the interfaces.
 *
 * @module
 */
import type { InterfaceEvent, RuleEvent } from "./event.ts";
import type { InterfaceStatus, Rule, RuleStatus } from "./model.ts";

/** What became of rules; `status` of those that are in force now. */
export function ruleNews(
  before: Iterable<Rule>,
  after: Iterable<Rule>,
  status: (rule: Rule) => RuleStatus,
): RuleEvent[] {
  const old = new Map([...before].map((rule) => [rule.id, rule])), news: RuleEvent[] = [];
  for (const rule of after) {
    const was = old.get(rule.id);
    old.delete(rule.id);
    // Rules never change, so one that stayed is the same object; one that was written again may say the same.
    if (was === rule || (was !== undefined && JSON.stringify(was) === JSON.stringify(rule))) continue;
    const { state, waiting_for } = status(rule);
    news.push({ kind: "rule", type: was === undefined ? "added" : "replaced", ...labelOf(rule), state, waiting_for });
  }
  const removed = [...old.values()].map((rule): RuleEvent => ({ kind: "rule", type: "removed", ...labelOf(rule) }));
  return [...removed, ...news];
}

/** What a rule is known by. */
export function labelOf({ id, name }: Rule): Pick<Rule, "id" | "name"> {
  return { id, ...(name === undefined ? {} : { name }) };
}

/** What became of interfaces, which are known by their index: one of another name is the same, renamed. */
export function interfaceNews(
  before: readonly InterfaceStatus[],
  after: readonly InterfaceStatus[],
): InterfaceEvent[] {
  const old = new Map(before.map((one) => [one.index, one])), news: InterfaceEvent[] = [];
  for (const one of after) {
    const was = old.get(one.index);
    old.delete(one.index);
    if (was === undefined) news.push({ kind: "interface", type: "came", ...one });
    else if (JSON.stringify(was) !== JSON.stringify(one)) news.push({ kind: "interface", type: "changed", ...one });
  }
  return [...[...old.values()].map((one): InterfaceEvent => ({ kind: "interface", type: "went", ...one })), ...news];
}
