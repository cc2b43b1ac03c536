/**
 * `mcr list`: the rules, as they were given and what became of them.
 *
 * @module
 */
import type { RuleStatus } from "../model.ts";
import { makeQuery } from "../query.ts";
import { formatOutput } from "../rule_text.ts";
import { formatTable } from "../table.ts";

/** The `list` command. */
export const list = makeQuery({
  name: "list",
  summary: "List the rules",
  details: `One line an output. A pending rule waits for an interface that is missing or
down and becomes active by itself when it comes.`,
  example: "mcr list --json",
  method: "rule.list",
  format: ({ rules }, width) => formatRules(rules, width),
});

/** The rules as a table. */
export function formatRules(rules: readonly RuleStatus[], width?: number): string {
  if (rules.length === 0) return "no rules\n";
  const columns = [{ heading: "RULE" }, { heading: "NAME" }, { heading: "STATE" }, { heading: "OUTPUTS" }];
  return formatTable(columns, rules.flatMap(ruleRows), width);
}

/** The first output stands in the rule's own row, the others below it. */
function ruleRows({ id, name, input, state, outputs, waiting_for: waitingFor }: RuleStatus): string[][] {
  const condition = input.exclusive ? `${state}, exclusive` : state;
  const lines = outputs.map(formatOutput);
  if (waitingFor.length > 0) lines.push(`waiting for ${waitingFor.join(", ")}`);
  return lines.map((line, index) => index === 0 ? [id, name ?? "-", condition, line] : ["", "", "", line]);
}
