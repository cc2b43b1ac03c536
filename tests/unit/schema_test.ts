import { deepStrictEqual, equal, throws } from "node:assert/strict";
import * as schema from "../../control/schema.ts";

const MODE = schema.union(
  'a number, 1 to 9, or "auto"',
  schema.whole("1 to 9", 1, 9),
  schema.words("auto"),
);
const PLACE = schema.object({
  name: schema.required(schema.text("a name", (value) => value !== ""), "Its name"),
  mode: schema.optional(MODE, "How it works", "auto"),
});
const ROOT = schema.object({
  places: schema.required(schema.list(PLACE, { min: 1, max: 2, noun: "places", owner: "a map" }), "Where"),
  // A word or a place.
  home: schema.optional(schema.union("a name or a place", schema.text("a name", () => true), PLACE), "Whence"),
});

Deno.test("a schema takes what it describes, and leaves out what is as if unset", () => {
  const value = { places: [{ name: "a", mode: "auto" }, { name: "b", mode: 3 }], home: { name: "c" } };
  const taken = ROOT.take(value, "");
  deepStrictEqual(taken, { places: [{ name: "a" }, { name: "b", mode: 3 }], home: { name: "c" } });
  deepStrictEqual(ROOT.take({ places: [{ name: "a" }], home: "x" }, ""), { places: [{ name: "a" }], home: "x" });
});

const REFUSALS: readonly [value: unknown, code: string, path: string, message: string][] = [
  [null, "invalid", "params", 'Cannot accept "params" null: expected an object'],
  [{}, "invalid", "places", 'Cannot go on: "places" is missing, expected a list of 1 to 2 places'],
  [{ places: {} }, "invalid", "places", 'Cannot accept "places" {}: expected a list of 1 to 2 places'],
  [{ places: [{}, {}, {}] }, "limit", "places", "Cannot accept 3 places: a map has at most 2"],
  [{ places: [{ name: 5 }] }, "invalid", "places[0].name", 'Cannot accept "places[0].name" 5: expected a name'],
  [
    { places: [{ name: "a", mode: 10 }] },
    "invalid",
    "places[0].mode",
    'Cannot accept "places[0].mode" 10: expected a number, 1 to 9, or "auto"',
  ],
  [{ plces: [] }, "invalid", "plces", 'Cannot accept "plces": no such field; did you mean "places"?'],
  [
    { places: [{ name: "a" }], home: { nme: "b" } },
    "invalid",
    "home.nme",
    'Cannot accept "home.nme": no such field; did you mean "name"?',
  ],
  [{ places: [{ name: "a" }], home: [] }, "invalid", "home", 'Cannot accept "home" []: expected a name or a place'],
];
for (const [value, code, path, message] of REFUSALS) {
  Deno.test(`a schema refuses ${JSON.stringify(value)}`, () => {
    throws(() => ROOT.take(value, ""), { name: "ControlError", code, path, message });
  });
}

Deno.test("a schema describes itself as JSON Schema", () => {
  deepStrictEqual(PLACE.toJsonSchema(), {
    type: "object",
    properties: {
      name: { type: "string", description: "Its name: a name" },
      mode: {
        description: 'How it works: a number, 1 to 9, or "auto"',
        anyOf: [{ type: "integer", minimum: 1, maximum: 9, description: "1 to 9" }, {
          enum: ["auto"],
          description: '"auto"',
        }],
        default: "auto",
      },
    },
    required: ["name"],
    additionalProperties: false,
  });
});

Deno.test("takeOr() says what was expected to whoever knows where", () => {
  const expectations: string[] = [];
  throws(() =>
    schema.takeOr(MODE, "x", (expected) => {
      expectations.push(expected);
      throw new RangeError("no");
    }), RangeError);
  deepStrictEqual(expectations, ['a number, 1 to 9, or "auto"']);
  equal(
    schema.takeOr(MODE, 5, () => {
      throw new RangeError("never");
    }),
    5,
  );
});
