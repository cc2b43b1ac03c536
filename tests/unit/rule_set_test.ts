import { deepStrictEqual, equal, throws } from "node:assert/strict";
import type { ControlError } from "../../control/error.ts";
import type { RuleSpec } from "../../control/model.ts";
import { parseRuleSpec } from "../../control/rule.ts";
import { parseOutput } from "../../control/rule_word.ts";
import { RULES_MAX, RuleSet } from "../../control/rule_set.ts";

/** A rule from places written as one word each. */
function rule(input: string, outputs: readonly string[], name?: string): RuleSpec {
  return { ...(name === undefined ? {} : { name }), input: parseOutput(input), outputs: outputs.map(parseOutput) };
}

/** A place by number. */
const at = (number: number): string => `239.1.${number >> 8}.${number & 255}:5000:eth0`;

function refused(change: () => unknown, code: string, message: string): void {
  throws(change, (error: ControlError) => {
    deepStrictEqual([error.code, error.message], [code, message]);
    return true;
  });
}

/** A set of these rules. */
function setOf(...specs: RuleSpec[]): RuleSet {
  const set = new RuleSet();
  for (const spec of specs) set.add(spec);
  return set;
}

/** The ids of a set's rules. */
function idsOf(set: RuleSet): string[] {
  return [...set].map(({ id }) => id).sort();
}

Deno.test("RuleSet.add() and remove() say what changed, and undo() takes it back", () => {
  const set = setOf(rule(at(1), [at(2)]));
  const added = set.add(rule(at(3), [at(4)], "camera"));
  deepStrictEqual([added.before, added.after?.id, idsOf(set)], [undefined, at(3), [at(1), at(3)]]);
  equal(set.get("camera").id, at(3));
  const removed = set.remove("camera");
  deepStrictEqual([removed.before, removed.after, idsOf(set)], [added.after, undefined, [at(1)]]);
  const changes = [set.remove(at(1)), set.add(rule(at(1), [at(5)], "camera"))];
  refused(
    () => set.add(rule(at(5), [at(1)])),
    "loop",
    `Cannot add rule ${at(5)}: it would feed its own input: ` +
      "eth0 239.1.0.5:5000 -> eth0 239.1.0.1:5000 -> eth0 239.1.0.5:5000",
  );
  set.undo(changes);
  deepStrictEqual([set.size, set.get(at(1)).outputs], [1, [parseOutput(at(2))]]);
  refused(() => set.get("camera"), "not_found", 'Cannot find rule "camera": there is none');
  set.undo([removed]);
  equal(set.get("camera").id, at(3));
});

Deno.test("RuleSet.undo() gives swapped names back", () => {
  const set = setOf(rule(at(1), [at(2)], "a"), rule(at(3), [at(4)], "b"));
  set.undo(set.become([rule(at(1), [at(2)], "b"), rule(at(3), [at(4)], "a")]));
  deepStrictEqual([set.get("a").id, set.get("b").id], [at(1), at(3)]);
});

Deno.test("RuleSet.remove() frees the input and the name", () => {
  const set = setOf(rule(at(1), [at(2)], "a"), rule(at(3), [at(4)], "b"));
  set.remove("a");
  set.add(rule(at(1), [at(2)], "a"));
  set.remove(at(1));
  set.remove("b");
  equal(set.size, 0);
  refused(() => set.remove("a"), "not_found", 'Cannot find rule "a": there is none');
});

Deno.test("RuleSet.replace() puts a rule in place of the one with its input, or with its name", () => {
  const set = setOf(rule(at(1), [at(2)], "a"), rule(at(3), [at(4)]));
  const [first, second] = [set.get(at(1)), set.get(at(3))];
  const byInput = set.replace(rule(at(1), [at(5)]));
  deepStrictEqual([byInput.before, byInput.after], [first, set.get(at(1))]);
  const named = set.replace(rule(at(3), [at(4)], "b"));
  deepStrictEqual(named.before, second);
  const byName = set.replace(rule(at(7), [at(8)], "b"));
  deepStrictEqual([byName.before, byName.after?.id, idsOf(set)], [named.after, at(7), [at(1), at(7)]]);
  const added = set.replace(rule(at(9), [at(8)]));
  deepStrictEqual([added.before, added.after?.id], [undefined, at(9)]);
  set.undo([byInput, named, byName, added]);
  deepStrictEqual([idsOf(set), set.get("a"), set.get(at(3))], [[at(1), at(3)], first, second]);
});

Deno.test("RuleSet.replace() leaves the old rule when the new one cannot be", () => {
  const set = setOf(rule(at(1), [at(2)], "a"), rule(at(3), [at(1)], "b"));
  const loop = `Cannot add rule ${at(1)}: it would feed its own input: ` +
    "eth0 239.1.0.1:5000 -> eth0 239.1.0.3:5000 -> eth0 239.1.0.1:5000";
  refused(() => set.replace(rule(at(1), [at(3)])), "loop", loop);
  const two = `Cannot replace one rule by ${at(1)}: it would replace ${at(3)} ("b") and ${at(1)} ("a")`;
  refused(() => set.replace(rule(at(1), [at(9)], "b")), "duplicate", two);
  deepStrictEqual([set.get("a").outputs, set.get("b").id], [[parseOutput(at(2))], at(3)]);
});

Deno.test("RuleSet.add() refuses an input twice and names the rule that has it", () => {
  const plain = setOf(rule(at(1), [at(2)]));
  const named = setOf(rule(at(1), [at(2)], "camera"));
  const start = "Cannot add a rule for eth0 239.1.0.1:5000: rule 239.1.0.1:5000:eth0";
  refused(() => plain.add(rule(at(1), [at(3)])), "duplicate", `${start} has this input`);
  refused(() => named.add(rule(at(1), [at(3)])), "duplicate", `${start} ("camera") has this input`);
  plain.add(rule("239.1.0.1:5000:eth1", [at(3)]));
  plain.add(rule("239.1.0.1:5001:eth0", [at(3)]));
  equal(plain.size, 3);
});

/** The first rule with these sources. */
function from(...sources: string[]): RuleSpec {
  const { input, outputs } = rule(at(1), [at(2)]);
  const excluded = sources.filter((source) => source.startsWith("!")).map((source) => source.slice(1));
  const included = sources.filter((source) => !source.startsWith("!"));
  const lists = {
    ...(included.length === 0 ? {} : { sources: included }),
    ...(excluded.length === 0 ? {} : { exclude_sources: excluded }),
  };
  return { input: { ...input, ...lists }, outputs };
}

Deno.test("RuleSet.add() takes rules of one input with different sources", () => {
  const set = setOf(from("10.0.0.1", "10.0.0.2"), from("10.0.0.3"), from("10.0.0.0/24"), from(), from("10.0.0.4"));
  equal(set.size, 5);
  const start = "Cannot add a rule for eth0 239.1.0.1:5000: rule";
  const first = `10.0.0.1,10.0.0.2@${at(1)}`;
  refused(() => set.add(from("10.0.0.9", "10.0.0.2")), "duplicate", `${start} ${first} has this input from 10.0.0.2`);
  refused(() => set.add(from("!10.0.0.9")), "duplicate", `${start} ${at(1)} has this input`);
  set.remove(first);
  set.add(from("10.0.0.9", "10.0.0.2"));
});

Deno.test("RuleSet.add() refuses a name twice", () => {
  const set = setOf(rule(at(1), [at(2)], "camera"));
  const message = `Cannot add a rule of name "camera": rule ${at(1)} has this name`;
  refused(() => set.add(rule(at(3), [at(4)], "camera")), "duplicate", message);
});

Deno.test("RuleSet.add() refuses a rule that feeds itself", () => {
  const message = `Cannot add rule ${at(1)}: it would feed its own input: ` +
    "eth0 239.1.0.1:5000 -> eth0 239.1.0.1:5000";
  refused(() => new RuleSet().add(rule(at(1), [at(2), at(1)])), "loop", message);
});

Deno.test("RuleSet.add() refuses a loop through other rules and spells it out", () => {
  const chain = setOf(rule(at(1), [at(9), at(2)]), rule(at(2), [at(3)]), rule(at(9), [at(8)]));
  const message = `Cannot add rule ${at(3)}: it would feed its own input: ` +
    "eth0 239.1.0.3:5000 -> eth0 239.1.0.1:5000 -> eth0 239.1.0.2:5000 -> eth0 239.1.0.3:5000";
  refused(() => chain.add(rule(at(3), [at(7), at(1)])), "loop", message);
});

Deno.test("RuleSet.add() takes chains and meshes that come back to nowhere", () => {
  const diamond = setOf(rule(at(1), [at(2), at(3)]), rule(at(2), [at(4)]), rule(at(3), [at(4)]));
  for (const output of [at(5), "239.1.0.1:5000:eth1", "239.1.0.1:5001:eth0"]) {
    diamond.undo([diamond.add(rule(at(4), [output]))]);
  }
});

Deno.test("RuleSet.add() finds exactly the loops that a naive search finds", () => {
  let seed = 1;
  const random = (below: number): number => (seed = (seed * 48271) % 0x7fffffff) % below;
  for (let round = 0; round < 200; round++) {
    const set = new RuleSet();
    const edges = new Map<number, number[]>();
    const reaches = (from: number, to: number, seen = new Set<number>()): boolean =>
      (edges.get(from) ?? []).some((next) => {
        if (next === to) return true;
        if (seen.has(next)) return false;
        seen.add(next);
        return reaches(next, to, seen);
      });
    for (let input = 0; input < 8; input++) {
      const outputs = [...new Set([random(8), random(8)])];
      edges.set(input, outputs);
      const isLoop = reaches(input, input);
      try {
        set.add(rule(at(input), outputs.map(at)));
        equal(isLoop, false);
      } catch (error) {
        deepStrictEqual([(error as ControlError).code, isLoop], ["loop", true]);
        edges.delete(input);
      }
    }
  }
});

Deno.test("RuleSet.add() survives a chain of a thousand rules and shortens its message", () => {
  const set = new RuleSet();
  for (let number = 0; number < 999; number++) set.add(rule(at(number), [at(number + 1)]));
  throws(() => set.add(rule(at(999), [at(0)])), (error: ControlError) => {
    equal(error.code, "loop");
    equal(error.message.split(" -> ").length, 17);
    return error.message.includes(" -> (985 more) -> ") && error.message.endsWith("eth0 239.1.3.231:5000");
  });
});

/** A rule from JSON, with what is short to write. */
function made(input: Record<string, unknown>, output: Record<string, unknown>, rest: object = {}): RuleSpec {
  const place = { interface: "eth0", group: "239.1.0.0/24", port: 0 };
  return parseRuleSpec({ input: { ...place, ...input }, outputs: [{ ...place, ...output }], ...rest });
}

const CYCLES: readonly [what: string, others: RuleSpec[], last: RuleSpec, isLoop: boolean][] = [
  ["a range onto itself", [], made({}, {}), true],
  ["a range onto another", [], made({}, { group: "239.2.0.0/24" }), false],
  ["a range onto itself with another port", [], made({ port: 5000 }, { port: 5001 }), false],
  ["any port onto one", [], made({ port: 0 }, { port: 5001 }), true],
  ["ports onto later ones, some of them the same", [], made({ port: "5000-5010" }, { port: "5010-5020" }), true],
  ["ports onto later ones", [], made({ port: "5000-5010" }, { port: "5011-5021" }), false],
  ["one group onto a range that it is in", [], made({}, { group: "239.1.0.9", port: 7 }), true],
  ["a range of IPv6 and back", [made({}, { group: "ff3e::/120" })], made({ group: "ff3e::/120" }, {}), true],
  [
    "a way that only some of the range can go, but not that part which comes",
    [made({ group: "239.9.0.5" }, { group: "239.1.0.7" })],
    made({ group: "239.1.0.0/30" }, { group: "239.9.0.0/30" }),
    false,
  ],
  [
    "a way that some of the range can go, back into it",
    [made({ group: "239.9.0.5" }, { group: "239.1.0.7" })],
    made({}, { group: "239.9.0.0/24" }),
    true,
  ],
  ["another protocol", [], made({ protocol: "esp", group: "239.1.0.1" }, { group: "239.1.0.1" }), true],
  [
    "UDP where the way back takes ESP",
    [made({ protocol: "esp", group: "239.2.0.1" }, { group: "239.1.0.1" })],
    made({ group: "239.1.0.1" }, { group: "239.2.0.1" }),
    false,
  ],
  ["sources that nobody says it sends from", [], made({ sources: ["10.0.0.0/8"] }, {}), true],
  ["a source that it does not take", [], made({ sources: ["10.0.0.0/8"] }, { source: "192.0.2.1" }), false],
  ["a source that it takes", [], made({ sources: ["10.0.0.0/8"] }, { source: "10.9.9.9" }), true],
  ["a source that it excludes", [], made({ exclude_sources: ["10.0.0.0/8"] }, { source: "10.9.9.9" }), false],
  ["a loop that is allowed", [], made({}, {}, { allow_loop: true }), false],
];
for (const [what, others, last, isLoop] of CYCLES) {
  Deno.test(`RuleSet.add() ${isLoop ? "refuses" : "takes"} ${what}`, () => {
    const set = setOf(...others);
    if (isLoop) throws(() => set.add(last), { code: "loop" });
    else set.add(last);
    equal(set.size, others.length + (isLoop ? 0 : 1));
  });
}

Deno.test("RuleSet.add() finds loops of ranges as it does for each group of them", () => {
  let seed = 7;
  const random = (below: number): number => (seed = (seed * 48271) % 0x7fffffff) % below;
  const range = (): { text: string; first: number; count: number } => {
    const count = 1 << random(3), first = random(8 / count) * count;
    return { text: count === 1 ? `239.1.0.${first}` : `239.1.0.${first}/${32 - Math.log2(count)}`, first, count };
  };
  for (let round = 0; round < 300; round++) {
    const set = new RuleSet(), next = new Map<string, number[]>(), inputs = new Map<string, [number, number]>();
    for (let i = 0; i < 6; i++) {
      const input = range();
      let output = range();
      while (output.count !== input.count && output.count !== 1) output = range();
      const spec = made({ group: input.text }, { group: output.text });
      // Whoever is sent to the new rule, and to which addresses that leads.
      const reaches = (address: number, seen = new Set<string>()): boolean =>
        [...inputs].some(([id, [first, count]]) => {
          if (address < first || address >= first + count || seen.has(`${id} ${address}`)) return false;
          seen.add(`${id} ${address}`);
          const to = next.get(id)![address - first]!;
          return (to >= input.first && to < input.first + input.count) || reaches(to, seen);
        });
      const leads = Array.from({ length: input.count }, (_, n) => output.first + (output.count === 1 ? 0 : n));
      const isLoop = leads.some((to) => (to >= input.first && to < input.first + input.count) || reaches(to));
      try {
        const { after } = set.add(spec);
        equal(isLoop, false, JSON.stringify(spec));
        inputs.set(after!.id, [input.first, input.count]);
        next.set(after!.id, leads);
      } catch (error) {
        if ((error as ControlError).code !== "duplicate") {
          deepStrictEqual([(error as ControlError).code, isLoop], ["loop", true], JSON.stringify(spec));
        }
      }
    }
  }
});

Deno.test("RULES_MAX is what the documentation says", () => equal(RULES_MAX, 65536));
