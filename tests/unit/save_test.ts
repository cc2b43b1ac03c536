// Goal: a file that rules are saved to stays the user's: comments, order and settings are as they were, what it says is
// what was asked for.
import { deepStrictEqual, strictEqual } from "node:assert/strict";
import type { RuleSpec } from "../../control/model.ts";
import { parseConfig } from "../../control/yaml/file.ts";
import { rewriteRules } from "../../control/yaml/save.ts";

function rule(number: number, port = 6000): RuleSpec {
  return {
    input: { interface: "in0", group: `239.1.1.${number}`, port: 5001 },
    outputs: [{ interface: "out0", group: "239.2.2.2", port }],
  };
}

/** A rule as somebody writes it, with remarks in all places. */
function written(number: number): string {
  return `  # before ${number}
  - input: { interface: in0, group: 239.1.1.${number}, port: 5001 } # of ${number}
    outputs:
      - interface: out0
        group: "239.2.2.2"
        port: 6000
`;
}

const HEAD = `# ours
version: 1
ttl: 8 # as the network wants it
`;

function fileOf(...numbers: number[]): string {
  return `${HEAD}rules:\n${numbers.map(written).join("")}`;
}

/** What a text says of rules, which must load. */
function rulesOf(text: string): readonly RuleSpec[] {
  return parseConfig("saved.yaml", text).config.rules;
}

Deno.test("rewriteRules() changes nothing of a file that says the same", () => {
  const text = fileOf(3, 1, 2);
  strictEqual(rewriteRules("mcr.yaml", text, [1, 2, 3].map((number) => rule(number))), text);
});

Deno.test("rewriteRules() leaves all other rules with their remarks when some go, change and come", () => {
  const saved = rewriteRules("mcr.yaml", fileOf(4, 3, 2, 1), [rule(1), rule(2, 7000), rule(4), rule(9)]);
  deepStrictEqual(rulesOf(saved), [rule(4), rule(2, 7000), rule(1), rule(9)]);
  strictEqual(saved.startsWith(`${HEAD}rules:\n${written(4)}`), true, saved);
  strictEqual(saved.includes(written(1)), true, saved);
  const changed = written(2).split("\n").slice(0, 2).join("\n");
  strictEqual(saved.includes(changed), true, `what did not change of rule 2 is as it was:\n${saved}`);
  strictEqual(saved.includes("239.1.1.3"), false, saved);
});

for (
  const [what, text] of [
    ["that is not there", undefined],
    ["without rules", HEAD],
    ["with an empty list of rules", `${HEAD}rules: []\n`],
    ["with rules in brackets", `${HEAD}rules: [${JSON.stringify(rule(1))}, ${JSON.stringify(rule(5))}]\n`],
    ["with lines of another system", fileOf(1, 5).replaceAll("\n", "\r\n")],
    [
      "with an alias of what stays",
      `${HEAD}rules:
  - input: { interface: in0, group: 239.1.1.1, port: 5001 }
    outputs: &same [{ interface: out0, group: 239.2.2.2, port: 6000 }]
  - input: { interface: in0, group: 239.1.1.5, port: 5001 }
    outputs: *same
`,
    ],
    [
      "with an alias of what goes",
      `${HEAD}rules:
  - input: { interface: in0, group: 239.1.1.5, port: 5001 }
    outputs: &same [{ interface: out0, group: 239.2.2.2, port: 6000 }]
  - input: { interface: in0, group: 239.1.1.1, port: 5001 }
    outputs: *same
`,
    ],
    [
      "with an alias of what changes",
      `${HEAD}rules:
  - input: { interface: in0, group: 239.1.1.2, port: 5001 }
    outputs: &same [{ interface: out0, group: 239.2.2.2, port: 6000 }]
  - input: { interface: in0, group: 239.1.1.1, port: 5001 }
    outputs: *same
`,
    ],
  ] as const
) {
  Deno.test(`rewriteRules() makes a file ${what} say what it should`, () => {
    const rules = [rule(1), rule(2, 7000)], saved = rewriteRules("mcr.yaml", text, rules);
    const byGroup = (one: RuleSpec, other: RuleSpec): number => one.input.group < other.input.group ? -1 : 1;
    deepStrictEqual([...rulesOf(saved)].sort(byGroup), rules);
    strictEqual(parseConfig("saved.yaml", saved).config.ttl, text === undefined ? undefined : 8);
    strictEqual(rewriteRules("mcr.yaml", saved, rules), saved, "and stays as it is from then on");
  });
}
