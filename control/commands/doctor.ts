/**
 * `mcr doctor`: what is wrong with the machine or the relay, and the command that mends it.
 *
 * @module
 */
import { type Command, JSON_OPTION, jsonLine, readArguments, SOCKET_OPTION } from "../command.ts";
import { type Finding, formatFinding, isWrong, type Level } from "../doctor/finding.ts";
import type { Mending } from "../doctor/mod.ts";
import type { SystemView } from "../doctor/view.ts";
import { ControlError } from "../error.ts";
import { resolveSocketPath } from "../socket_path.ts";
import { printableLines, wrapWords } from "../table.ts";

/** The `doctor` command. */
export const doctor: Command = {
  name: "doctor",
  usage: "mcr doctor [--rule ID|NAME] [--fix] [-j] [--socket PATH]",
  summary: "Look for what keeps the relay from relaying",
  details: `Looks at kernel, rights, limits, clock, interfaces, MTU, bridges and, where a
supervisor answers, at its rules and what they drop. Each line is ok, a note, a
warning or an error; below it stands the command that mends it, as it is to be
typed. Works without a supervisor and without rights, and says what it could not
look at. Changes nothing without --fix, which runs the commands that only widen
a limit and names those that it leaves to you.

Drops of the last 10 s are warnings, earlier ones notes. The exit status is 1
when there is a warning or an error.`,
  example: "mcr doctor\nmcr doctor --rule camera-1\nmcr doctor --fix",
  options: [
    { name: "rule", value: "ID|NAME", help: "only this rule, its interfaces and its drops" },
    { name: "fix", help: "run the commands that only widen a limit" },
    JSON_OPTION,
    SOCKET_OPTION,
  ],

  async run(args, { write }): Promise<number> {
    const given = readArguments(doctor, args);
    const path = resolveSocketPath(given.one("socket"), "client");
    const [{ collect }, { examine, mendAll }, { pickRule }] = await Promise.all([
      import("../doctor/collect.ts"),
      import("../doctor/mod.ts"),
      import("../doctor/network.ts"),
    ]);
    const look = async (): Promise<readonly Finding[]> => {
      const view = await collect(path), rule = given.one("rule");
      return examine(rule === undefined ? view : pickRule(view, rule) ?? refuse(view, rule));
    };
    const before = await look();
    const mendings = given.has("fix") ? await mendAll(before) : [];
    const findings = mendings.some(({ result }) => result === "done") ? await look() : before;
    const result = { findings, ...(given.has("fix") ? { mendings } : {}) };
    await write(given.has("json") ? jsonLine(result) : formatReport(findings, mendings));
    return findings.some(isWrong) ? 1 : 0;
  },
};

function refuse({ daemon, socket: { path } }: SystemView, rule: string): never {
  const why = daemon === undefined ? `no supervisor answers on "${path}"` : "there is none";
  throw new ControlError("not_found", `Cannot look at rule "${rule}": ${why}`);
}

/** Findings and what was mended, for people. */
export function formatReport(findings: readonly Finding[], mendings: readonly Mending[]): string {
  const lines = [
    ...findings.map(formatFinding),
    ...mendings.map(({ mend, result, reason }) => {
      const what = { done: "ran", failed: "failed", left: "left to you" }[result];
      return `${what}: ${mend}\n${reason === undefined ? "" : `${wrapWords(`    ${reason}`, 80)}\n`}`;
    }),
    `${summarize(findings)}\n`,
  ];
  return printableLines(lines.join(""));
}

function summarize(findings: readonly Finding[]): string {
  const count = (level: Level, noun: string): string[] => {
    const of = findings.filter((finding) => finding.level === level).length;
    return of === 0 ? [] : [`${of} ${noun}${of === 1 ? "" : "s"}`];
  };
  return [...count("error", "error"), ...count("warning", "warning")].join(", ") || "nothing is wrong";
}
