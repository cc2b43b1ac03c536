import { deepStrictEqual, equal, throws } from "node:assert/strict";
import type { ControlError } from "../../control/error.ts";
import type { RuleSpec } from "../../control/model.ts";
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

Deno.test("RuleSet.add() returns a new set and leaves the old one", () => {
  const before = RuleSet.EMPTY.add(rule(at(1), [at(2)]));
  const after = before.add(rule(at(3), [at(4)], "camera"));
  deepStrictEqual([RuleSet.EMPTY.size, before.size, after.size], [0, 1, 2]);
  deepStrictEqual([...after].map(({ id }) => id), [at(1), at(3)]);
  equal(after.get("camera").id, at(3));
  refused(() => before.get("camera"), "not_found", 'Cannot find rule "camera": there is none');
});

Deno.test("RuleSet.remove() frees the input and the name", () => {
  const full = RuleSet.EMPTY.add(rule(at(1), [at(2)], "a")).add(rule(at(3), [at(4)], "b"));
  const less = full.remove("a");
  deepStrictEqual([...less].map(({ id }) => id), [at(3)]);
  equal(less.add(rule(at(1), [at(2)], "a")).size, 2);
  equal(full.remove(at(1)).remove("b").size, 0);
  equal(full.size, 2);
  refused(() => less.remove("a"), "not_found", 'Cannot find rule "a": there is none');
});

Deno.test("RuleSet.add() refuses an input twice and names the rule that has it", () => {
  const plain = RuleSet.EMPTY.add(rule(at(1), [at(2)]));
  const named = RuleSet.EMPTY.add(rule(at(1), [at(2)], "camera"));
  const start = "Cannot add a rule for eth0 239.1.0.1:5000: rule 239.1.0.1:5000:eth0";
  refused(() => plain.add(rule(at(1), [at(3)])), "duplicate", `${start} has this input`);
  refused(() => named.add(rule(at(1), [at(3)])), "duplicate", `${start} ("camera") has this input`);
  equal(plain.add(rule("239.1.0.1:5000:eth1", [at(3)])).size, 2);
  equal(plain.add(rule("239.1.0.1:5001:eth0", [at(3)])).size, 2);
});

Deno.test("RuleSet.add() refuses a name twice", () => {
  const set = RuleSet.EMPTY.add(rule(at(1), [at(2)], "camera"));
  const message = `Cannot add a rule of name "camera": rule ${at(1)} has this name`;
  refused(() => set.add(rule(at(3), [at(4)], "camera")), "duplicate", message);
});

Deno.test("RuleSet.add() refuses a rule that feeds itself", () => {
  const message = `Cannot add rule ${at(1)}: it would feed its own input: ` +
    "eth0 239.1.0.1:5000 -> eth0 239.1.0.1:5000";
  refused(() => RuleSet.EMPTY.add(rule(at(1), [at(2), at(1)])), "loop", message);
});

Deno.test("RuleSet.add() refuses a loop through other rules and spells it out", () => {
  const chain = RuleSet.EMPTY.add(rule(at(1), [at(9), at(2)])).add(rule(at(2), [at(3)])).add(rule(at(9), [at(8)]));
  const message = `Cannot add rule ${at(3)}: it would feed its own input: ` +
    "eth0 239.1.0.3:5000 -> eth0 239.1.0.1:5000 -> eth0 239.1.0.2:5000 -> eth0 239.1.0.3:5000";
  refused(() => chain.add(rule(at(3), [at(7), at(1)])), "loop", message);
});

Deno.test("RuleSet.add() takes chains and meshes that come back to nowhere", () => {
  const diamond = RuleSet.EMPTY.add(rule(at(1), [at(2), at(3)])).add(rule(at(2), [at(4)])).add(rule(at(3), [at(4)]));
  equal(diamond.add(rule(at(4), [at(5)])).size, 4);
  equal(diamond.add(rule(at(4), ["239.1.0.1:5000:eth1"])).size, 4);
  equal(diamond.add(rule(at(4), ["239.1.0.1:5001:eth0"])).size, 4);
});

Deno.test("RuleSet.add() finds exactly the loops that a naive search finds", () => {
  let seed = 1;
  const random = (below: number): number => (seed = (seed * 48271) % 0x7fffffff) % below;
  for (let round = 0; round < 200; round++) {
    let set = RuleSet.EMPTY;
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
        set = set.add(rule(at(input), outputs.map(at)));
        equal(isLoop, false);
      } catch (error) {
        deepStrictEqual([(error as ControlError).code, isLoop], ["loop", true]);
        edges.delete(input);
      }
    }
  }
});

Deno.test("RuleSet.add() survives a chain of a thousand rules and shortens its message", () => {
  let set = RuleSet.EMPTY;
  for (let number = 0; number < 999; number++) set = set.add(rule(at(number), [at(number + 1)]));
  throws(() => set.add(rule(at(999), [at(0)])), (error: ControlError) => {
    equal(error.code, "loop");
    equal(error.message.split(" -> ").length, 17);
    return error.message.includes(" -> (985 more) -> ") && error.message.endsWith("eth0 239.1.3.231:5000");
  });
});

Deno.test("RULES_MAX is what the documentation says", () => equal(RULES_MAX, 65536));
