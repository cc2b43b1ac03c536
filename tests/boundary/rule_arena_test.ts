// Goal: rules that come and go leave the arena with what packing all of them at once makes, in whatever order.
import { deepStrictEqual, equal } from "node:assert/strict";
import * as abi from "../../ffi/abi.ts";
import { RuleArena } from "../../ffi/rule_arena.ts";
import { compileTable, NO_LIMITS, type NumberedRule, type PackedRules, packRules } from "../../ffi/route_table.ts";

function rule(number: number, outputCount: number, sourceCount: number): NumberedRule {
  const bits = { groupBits: 128, flags: 0, segmentMax: 1472, interfaceIndex: 1, trafficClass: 0 };
  return {
    group: `239.1.${number >> 8}.${number & 255}`,
    groupBits: 128,
    protocol: abi.MCR_PROTOCOL_UDP,
    portFirst: 5000,
    portLast: 5000,
    input: 0,
    stats: number,
    outputs: Array.from(
      { length: outputCount },
      (_, i) => ({ ...bits, stats: i, group: "239.9.9.9", port: number + 1 }),
    ),
    sources: Array.from({ length: sourceCount }, (_, i) => ({ address: `10.0.${number & 255}.${i}`, bits: 128 })),
    excluded: [{ address: `10.1.${number & 255}.0`, bits: 120 }],
    datagramsMax: 0,
    bitsMax: 0,
  };
}

/** Each rule with its outputs and sources, as bytes, in the order of the rules' numbers. */
function contents({ count, bytes, outputBytes, sourceBytes }: PackedRules): unknown[] {
  const rules = Array.from({ length: count }, (_, i) => {
    const own = bytes.slice(i * abi.mcr_rule.sizeof, (i + 1) * abi.mcr_rule.sizeof), view = new DataView(own.buffer);
    const rows = (all: Uint8Array, size: number, first: number, length: number): Uint8Array => {
      const at = view.getUint32(first, true), end = at + view.getUint32(length, true);
      view.setUint32(first, 0, true);
      return all.slice(at * size, end * size);
    };
    const { mcr_rule: at } = abi;
    return {
      number: view.getUint32(at.stats, true),
      outputs: rows(outputBytes, abi.mcr_output.sizeof, at.output_first, at.output_count),
      sources: rows(sourceBytes, abi.mcr_source.sizeof, at.source_first, at.source_count),
      excluded: rows(sourceBytes, abi.mcr_source.sizeof, at.excluded_first, at.excluded_count),
      own,
    };
  });
  return rules.sort((one, other) => one.number - other.number);
}

Deno.test("RuleArena holds what packRules() makes, after any additions and removals", () => {
  let seed = 3;
  const random = (below: number): number => (seed = (seed * 48271) % 0x7fffffff) % below;
  const arena = new RuleArena(), present: NumberedRule[] = [];
  for (let round = 0; round < 3000; round++) {
    if (present.length > 0 && random(5) < 2) {
      const [gone] = present.splice(random(present.length), 1);
      arena.delete(gone!);
    } else {
      const added = rule(round, random(4), random(3));
      present.push(added);
      arena.add(added);
    }
    if (round % 250 === 0) deepStrictEqual(contents(arena.packed), contents(packRules(present)));
  }
  for (const one of present.splice(0)) arena.delete(one);
  equal(arena.packed.count, 0);
});

Deno.test("RuleArena gives back what rules of many outputs took", () => {
  const arena = new RuleArena();
  const large = Array.from({ length: 20 }, (_, i) => rule(i, 1000 - i, 0));
  for (const one of large) arena.add(one);
  const most = arena.packed.outputCount;
  for (const one of large.slice(1)) arena.delete(one);
  equal(arena.packed.outputCount < most / 2, true);
  deepStrictEqual(contents(arena.packed), contents(packRules(large.slice(0, 1))));
});

Deno.test("a table is made from an arena with holes in it", () => {
  const arena = new RuleArena(),
    rules = [rule(0, 2, 0), rule(1, 3, 0), rule(2, 1, 0)].map((one) => ({ ...one, excluded: [] }));
  for (const one of rules) arena.add(one);
  arena.delete(rules[1]!);
  using table = compileTable(1, arena.packed, NO_LIMITS);
  equal(table.fd > 0, true);
});
