import { deepStrictEqual } from "node:assert/strict";
import { formatAge, formatMicroseconds, formatShort } from "../../control/units.ts";

const check = <Value>(format: (value: Value) => string, cases: readonly (readonly [Value, string])[]): void => {
  deepStrictEqual(cases.map(([value]) => [value, format(value)]), cases.map(([value, text]) => [value, text]));
};

Deno.test("formatShort() shows three digits and never more than five characters", () => {
  check(formatShort, [[0, "0"], [7, "7"], [999, "999"], [1000, "1.00k"], [1234, "1.23k"], [9994, "9.99k"]]);
  check(formatShort, [[9995, "10.0k"], [50_000, "50.0k"], [99_950, "100k"], [999_499, "999k"], [999_500, "1.00M"]]);
  check(formatShort, [[526_400_000, "526M"], [2 ** 53, "9.01P"]]);
});

Deno.test("formatMicroseconds() shows three digits and a unit", () => {
  check(formatMicroseconds, [[0.3, "0.30us"], [4.56, "4.56us"], [47.2, "47us"], [999.4, "999us"], [999.9, "1.00ms"]]);
  check(formatMicroseconds, [[53_200, "53.2ms"], [2_500_000, "2.50s"], [8_589_934.6, "8.59s"]]);
});

Deno.test("formatAge() shows the largest unit", () => {
  check(formatAge, [[-5, "0s"], [999, "0s"], [59_999, "59s"], [60_000, "1m"], [3_599_999, "59m"], [3_600_000, "1h"]]);
  check(formatAge, [[86_399_999, "23h"], [86_400_000 * 40, "40d"]]);
});
