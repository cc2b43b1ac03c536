/**
 * What is news between two states: of the rules in force, and of the interfaces.
 *
 * @module
 */
import type { RuleChange } from "./engine.ts";
import type { InterfaceEvent, RuleEvent } from "./event.ts";
import type { InterfaceStatus, Rule, RuleStatus } from "./model.ts";

/** What became of rules; `status` of those that are in force now. */
export function ruleNews(changes: readonly RuleChange[], status: (rule: Rule) => RuleStatus): RuleEvent[] {
  return changes.flatMap(({ before, after }): RuleEvent[] => {
    const isSame = before !== undefined && before.id === after?.id;
    // One that was written again may say the same.
    if (isSame && JSON.stringify(before) === JSON.stringify(after)) return [];
    const removed = before === undefined || isSame
      ? []
      : [{ kind: "rule", type: "removed", ...labelOf(before) } as const];
    if (after === undefined) return removed;
    const { state, waiting_for } = status(after), type = isSame ? "replaced" : "added";
    return [...removed, { kind: "rule", type, ...labelOf(after), state, waiting_for }];
  });
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
