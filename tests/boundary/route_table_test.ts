// Goal: rules cross the boundary as they are, and nobody can change the table that workers forward by.
import { deepStrictEqual, strictEqual, throws } from "node:assert/strict";
import * as abi from "../../ffi/abi.ts";
import { compileTable, type NumberedRule, packRules } from "../../ffi/route_table.ts";

const OUTPUT = {
  stats: 0,
  segmentMax: 1472,
  flags: 0,
  group: "239.2.2.2",
  groupBits: 128,
  port: 6000,
  interfaceIndex: 1,
  trafficClass: 0,
};
const RULE: NumberedRule = {
  group: "239.1.2.3",
  groupBits: 128,
  protocol: abi.MCR_PROTOCOL_UDP,
  portFirst: 5001,
  portLast: 5001,
  input: 7,
  stats: 8,
  outputs: [{ ...OUTPUT, socket: 9, stats: 10 }, { ...OUTPUT, stats: 11, segmentMax: 0 }],
  sources: [],
  excluded: [],
  datagramsMax: 0,
  bitsMax: 0,
};

Deno.test("packRules() writes what struct mcr_rule and struct mcr_output say", () => {
  const { count, bytes, outputCount, outputBytes } = packRules([{ ...RULE, outputs: [] }, RULE]);
  deepStrictEqual([count, outputCount], [2, 2]);
  deepStrictEqual([bytes.length, outputBytes.length], [2 * abi.mcr_rule.sizeof, 2 * abi.mcr_output.sizeof]);
  const rule = new DataView(bytes.buffer, abi.mcr_rule.sizeof);
  deepStrictEqual(
    [...bytes.subarray(abi.mcr_rule.sizeof, abi.mcr_rule.sizeof + 16)],
    [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 239, 1, 2, 3],
  );
  const fields = ["port_first", "input", "stats", "output_first", "output_count"] as const;
  deepStrictEqual(fields.map((name) => rule.getUint32(abi.mcr_rule[name], true)), [5001, 7, 8, 0, 2]);
  const output = (index: number): number[] => {
    const view = new DataView(outputBytes.buffer, index * abi.mcr_output.sizeof);
    return [abi.mcr_output.socket, abi.mcr_output.stats, abi.mcr_output.segment_max].map((at) =>
      view.getUint32(at, true)
    );
  };
  deepStrictEqual([output(0), output(1)], [[9, 10, 1472], [abi.MCR_NO_SOCKET, 11, 0]]);
});

Deno.test("a table is sealed: nobody who has it can change it", () => {
  using table = compileTable(1, packRules([RULE]));
  const path = `/proc/self/fd/${table.fd}`;
  const before = Deno.readFileSync(path);
  using file = Deno.openSync(path, { read: true, write: true });
  throws(() => file.truncateSync(0), Deno.errors.PermissionDenied);
  throws(() => file.writeSync(new Uint8Array(1)), Deno.errors.PermissionDenied);
  deepStrictEqual(Deno.readFileSync(path), before);
});

const refusal = (change: Partial<NumberedRule>, message: string): readonly [NumberedRule, string] => [
  { ...RULE, ...change },
  message,
];
for (
  const [rule, message] of [
    refusal({ portFirst: 0, portLast: 0 }, "Cannot compile rule 0: ports 0 to 0, wanted some within 0 to 65535"),
    refusal(
      { portFirst: 65536, portLast: 65536 },
      "Cannot compile rule 0: ports 65536 to 65536, wanted some within 0 to 65535",
    ),
    refusal({ input: abi.MCR_INPUTS_MAX }, "Cannot compile rule 0: input 1024 or slot 8 is beyond its limit"),
    refusal({ stats: abi.MCR_RULES_MAX }, "Cannot compile rule 0: input 7 or slot 65536 is beyond its limit"),
    refusal(
      { outputs: [{ ...OUTPUT, socket: abi.MCR_OUTPUTS_MAX }] },
      "Cannot compile output 0: socket 65536 or slot 0 is beyond its limit",
    ),
    refusal(
      { outputs: Array(abi.MCR_RULE_OUTPUTS_MAX + 1).fill(RULE.outputs[0]) },
      "Cannot compile rule 0: outputs 0+1025 of 1025",
    ),
  ]
) {
  Deno.test(`compileTable() refuses: ${message}`, () => {
    throws(() => compileTable(1, packRules([rule])), { name: "NativeError", code: "EINVAL", message });
  });
}

Deno.test("compileTable() refuses two rules with one key, and names both", () => {
  const rules = packRules([RULE, { ...RULE, group: "239.1.2.4" }, { ...RULE, stats: 99 }]);
  const message = "Cannot compile rule 2: rule 0 has the same key and sources";
  throws(() => compileTable(1, rules), { name: "NativeError", code: "EEXIST", message });
});

Deno.test("compileTable() refuses more rules than there may be", () => {
  const count = abi.MCR_RULES_MAX + 1;
  const rules = { ...packRules([]), count, bytes: new Uint8Array(count * abi.mcr_rule.sizeof) };
  const message = "Cannot compile 65537 rules, 0 outputs, 0 sources, 0 senders: at most 65536 of each";
  throws(() => compileTable(1, rules), { name: "NativeError", code: "EINVAL", message });
});

Deno.test("what compileTable() refuses leaves no descriptor behind", () => {
  const count = (): number => [...Deno.readDirSync("/proc/self/fd")].length;
  const before = count();
  for (let i = 0; i < 10; i++) throws(() => compileTable(1, packRules([RULE, RULE])));
  strictEqual(count(), before);
});
