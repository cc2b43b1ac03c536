/**
 * `mcr show`: one rule in full, with its counters.
 *
 * @module
 */
import { type Command, connectTo, JSON_OPTION, jsonLine, readArguments, SOCKET_OPTION } from "../command.ts";
import { UsageError } from "../error.ts";
import { formatRate } from "../max_rate.ts";
import type { RuleCounters, RuleStatus } from "../model.ts";
import { describePlace, formatOutput } from "../rule_text.ts";
import { wrapWords } from "../table.ts";
import { formatStats } from "./stats.ts";

/** The `show` command. */
export const show: Command = {
  name: "show",
  usage: "mcr show ID|NAME [-j] [--socket PATH]",
  summary: "Show one rule in full, with its counters",
  details: `The rule as it was given and what became of it; then its counters, as mcr stats
shows them. With --json, what the rule says and below "counters" what mcr stats
says of it.`,
  example: "mcr show camera-1\nmcr show 239.1.1.1:5001:eth0 --json",
  options: [JSON_OPTION, SOCKET_OPTION],
  positionalsMax: 1,
  positional: "ID|NAME",

  async run(args, surroundings): Promise<string> {
    const given = readArguments(show, args);
    const [id] = given.positionals;
    if (!id) throw new UsageError(`Cannot show a rule without its id or name: expected ${show.usage}`);
    using client = await connectTo(given);
    const [rule, stats] = await Promise.all([client.call("rule.get", { id }), client.call("stats.get", {})]);
    const counters = stats.rules.find((one) => one.id === rule.id);
    if (given.has("json")) return jsonLine({ ...rule, ...(counters === undefined ? {} : { counters }) });
    return formatRule(rule, counters, stats.advice, surroundings.size?.()?.columns);
  },
};

/** What stands before the lines of a text has its own on the left of the first. */
const INDENT = " ".repeat(9);

/** A rule in full, and its counters, if it has any by now. */
export function formatRule(
  rule: RuleStatus,
  counters: RuleCounters | undefined,
  advice: Readonly<Record<string, string>>,
  width?: number,
): string {
  const { input, outputs, max_rate: maxRate, waiting_for: waitingFor } = rule;
  const lines: [what: string, text: string | undefined][] = [
    ["rule", rule.id],
    ["name", rule.name],
    ["state", waitingFor.length === 0 ? rule.state : `${rule.state}, waiting for ${waitingFor.join(", ")}`],
    ["input", describePlace(input) + (input.exclusive ? ", exclusive" : "")],
    ["sources", input.sources?.join(", ")],
    ["but not", input.exclude_sources?.join(", ")],
    ["at most", maxRate && `${formatRate(maxRate)} in each worker`],
    ["loops", rule.allow_loop ? "allowed" : undefined],
    ...outputs.map((output, index): [string, string] => [index === 0 ? "outputs" : "", formatOutput(output)]),
  ];
  const text = lines.filter(([, one]) => one !== undefined).map(([what, one]) => {
    const wrapped = wrapWords(one!, width && width - INDENT.length, "").replaceAll("\n", `\n${INDENT}`);
    return `${what.padEnd(INDENT.length)}${wrapped}\n`;
  });
  if (counters === undefined) return text.join("");
  const reasons = [counters, ...counters.outputs].flatMap(({ drops }) => Object.keys(drops));
  const own = Object.fromEntries(Object.entries(advice).filter(([reason]) => reasons.includes(reason)));
  return `${text.join("")}\n${formatStats({ rules: [counters], advice: own }, width)}`;
}
