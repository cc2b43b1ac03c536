/**
 * What values from outside must be, said once: each schema checks a value, in the words of what is expected and with the
 * path to what is wrong, makes the value's one form, and describes itself as JSON Schema.
 *
 * @module
 */
import { Refusal, refuse, refuseUnknownKeys } from "./check.ts";
import { ControlError } from "./error.ts";

/** A description in the language of JSON Schema, draft 2020-12. */
export interface JsonSchema {
  readonly [keyword: string]: unknown;
}

/** What a JSON value can be. */
export type Kind = "object" | "list" | "string" | "number" | "boolean" | "null";

/** What a value must be. */
export interface Schema<Value> {
  /** In the words of every message about it. */
  readonly expected: string;
  /** What kinds of values may be right, so that of several schemas the one that was meant can say what is wrong. */
  readonly kinds: readonly Kind[];
  /**
   * Checks a value and makes its one form, which shares nothing with it.
   *
   * @param path the field, as in `rules[2].outputs[0].port`, or `""` for the whole
   * @throws {ControlError} that names the path and what is expected there.
   */
  take(value: unknown, path: string): Value;
  toJsonSchema(): JsonSchema;
}

/** What a schema's values are. */
export type ValueOf<Of> = Of extends Schema<infer Value> ? Value : never;

/** A field of an object, and what it is for, in a sentence. */
export interface Field<Value, IsOptional extends boolean = boolean> {
  readonly schema: Schema<Value>;
  readonly help: string;
  readonly isOptional: IsOptional;
  /** What it means to leave it out: given all the same, it is left out of the one form. */
  readonly unset?: Value;
}

/** A field that must be there. */
export function required<Value>(schema: Schema<Value>, help: string): Field<Value, false> {
  return { schema, help, isOptional: false };
}

/** A field that may be left out. */
export function optional<Value>(schema: Schema<Value>, help: string, unset?: Value): Field<Value, true> {
  return { schema, help, isOptional: true, ...(unset === undefined ? {} : { unset }) };
}

type Fields = Readonly<Record<string, Field<unknown>>>;
type OptionalKeys<Of extends Fields> = {
  [Key in keyof Of]: Of[Key]["isOptional"] extends true ? Key : never;
}[keyof Of];
type FieldValue<Of> = Of extends Field<infer Value> ? Value : never;

/** The object that fields make. */
export type ObjectOf<Of extends Fields> =
  & { readonly [Key in Exclude<keyof Of, OptionalKeys<Of>>]: FieldValue<Of[Key]> }
  & { readonly [Key in OptionalKeys<Of>]?: FieldValue<Of[Key]> };

/**
 * A value in a form of its own. `read` returns undefined for what is none; where it knows better than `expected`, it
 * calls `refuse` with what would be right.
 */
export function format<Value>(
  expected: string,
  kinds: readonly Kind[],
  read: (value: unknown, refuse: (expected: string) => never) => Value | undefined,
  json: JsonSchema,
): Schema<Value> {
  return {
    expected,
    kinds,
    take(value, path): Value {
      const taken = read(value, (better) => refuse(path, value, better));
      return taken === undefined ? refuse(path, value, expected) : taken;
    },
    toJsonSchema: () => ({ ...json, description: expected }),
  };
}

/** Text that a check likes. */
export function text(expected: string, isGood: (value: unknown) => boolean, json: JsonSchema = {}): Schema<string> {
  const read = (value: unknown): string | undefined => typeof value === "string" && isGood(value) ? value : undefined;
  return format(expected, ["string"], read, { type: "string", ...json });
}

/** A whole number. */
export function whole(expected: string, min: number, max: number): Schema<number> {
  const read = (value: unknown): number | undefined =>
    Number.isSafeInteger(value) && (value as number) >= min && (value as number) <= max ? value as number : undefined;
  return format(expected, ["number"], read, { type: "integer", minimum: min, maximum: max });
}

/** True or false. */
export const boolean: Schema<boolean> = format(
  "true or false",
  ["boolean"],
  (value) => typeof value === "boolean" ? value : undefined,
  { type: "boolean" },
);

/** One of several words. */
export function words<Word extends string>(...known: readonly Word[]): Schema<Word> {
  const expected = known.map((word) => `"${word}"`).join(" or ");
  const read = (value: unknown): Word | undefined => known.find((word) => word === value);
  return format(expected, ["string"], read, { enum: known });
}

/** What one of several schemas takes; the first that has the kind of the value for its own says what is wrong with it. */
export function union<Members extends readonly Schema<unknown>[]>(
  expected: string,
  ...members: Members
): Schema<ValueOf<Members[number]>> {
  type Value = ValueOf<Members[number]>;
  return {
    expected,
    kinds: members.flatMap(({ kinds }) => kinds),
    take(value, path): Value {
      const kind = kindOf(value);
      const meant = members.filter(({ kinds }) => kind !== undefined && kinds.includes(kind));
      // The parts of a list or an object have words of their own for what is wrong with them.
      if (meant.length === 1 && (kind === "object" || kind === "list")) return meant[0]!.take(value, path) as Value;
      for (const member of meant) {
        try {
          return member.take(value, path) as Value;
        } catch (error) {
          if (!(error instanceof ControlError)) throw error;
        }
      }
      return refuse(path, value, expected);
    },
    toJsonSchema: () => ({ description: expected, anyOf: members.map((member) => member.toJsonSchema()) }),
  };
}

/** How long a list may be, and what is said of a longer one. */
export interface ListOptions {
  readonly min: number;
  readonly max: number;
  /** What it has, as in "outputs". */
  readonly noun: string;
  /** What has it, as in "a rule". */
  readonly owner: string;
}

/** A list. */
export function list<Value>(item: Schema<Value>, { min, max, noun, owner }: ListOptions): Schema<readonly Value[]> {
  const expected = `a list of ${min} to ${max} ${noun}`;
  return {
    expected,
    kinds: ["list"],
    take(value, path): readonly Value[] {
      if (!Array.isArray(value) || value.length < min) refuse(path, value, expected);
      if (value.length > max) {
        throw new ControlError("limit", `Cannot accept ${value.length} ${noun}: ${owner} has at most ${max}`, path);
      }
      return value.map((one, index) => item.take(one, `${path}[${index}]`));
    },
    toJsonSchema: () => ({ type: "array", items: item.toJsonSchema(), minItems: min, maxItems: max }),
  };
}

/** An object with these fields and no others. */
export function object<const Of extends Fields>(fields: Of): Schema<ObjectOf<Of>> {
  const keys = Object.keys(fields), entries = Object.entries(fields);
  return {
    expected: "an object",
    kinds: ["object"],
    take(value, path): ObjectOf<Of> {
      if (kindOf(value) !== "object") refuse(path === "" ? "params" : path, value, "an object");
      const given = value as Readonly<Record<string, unknown>>;
      refuseUnknownKeys(given, path, keys);
      const taken: Record<string, unknown> = {};
      for (const [key, { schema, isOptional, unset }] of entries) {
        const one = Object.hasOwn(given, key) ? given[key] : undefined;
        if (one === undefined && isOptional) continue;
        const made = schema.take(one, path === "" ? key : `${path}.${key}`);
        if (unset === undefined || made !== unset) taken[key] = made;
      }
      return taken as ObjectOf<Of>;
    },
    toJsonSchema: () => ({
      type: "object",
      properties: Object.fromEntries(entries.map(([key, field]) => [key, describe(field)])),
      required: entries.filter(([, { isOptional }]) => !isOptional).map(([key]) => key),
      additionalProperties: false,
    }),
  };
}

/** An object whose keys are names of one kind, with values of one kind. */
export function record<Value>(key: Schema<string>, value: Schema<Value>): Schema<Readonly<Record<string, Value>>> {
  return {
    expected: "an object",
    kinds: ["object"],
    take(given, path): Readonly<Record<string, Value>> {
      if (kindOf(given) !== "object") refuse(path, given, "an object");
      const entries = Object.entries(given as object).map(([name, one]) => {
        const at = `${path}.${name}`;
        key.take(name, at);
        return [name, value.take(one, at)] as const;
      });
      return Object.fromEntries(entries);
    },
    toJsonSchema: () => ({
      type: "object",
      propertyNames: key.toJsonSchema(),
      additionalProperties: value.toJsonSchema(),
    }),
  };
}

/** The schema of a field, which says what the field is for before it says what it must be. */
function describe({ schema, help, unset }: Field<unknown>): JsonSchema {
  const { description, ...json } = schema.toJsonSchema();
  const text = description === undefined ? help : `${help}: ${description}`;
  return { ...json, description: text, ...(unset === undefined ? {} : { default: unset }) };
}

/** The same, with a check of what its parts say together; it may make another value of it. */
export function refine<Value, Result = Value>(
  schema: Schema<Value>,
  check: (value: Value, path: string) => Result,
): Schema<Result> {
  return { ...schema, take: (value, path) => check(schema.take(value, path), path) };
}

/** Takes a value that is no field: `refuse` is told what was expected, and says so in its own words. */
export function takeOr<Value>(schema: Schema<Value>, value: unknown, refuse: (expected: string) => never): Value {
  try {
    return schema.take(value, "");
  } catch (error) {
    if (error instanceof Refusal) refuse(error.expected);
    throw error;
  }
}

/** What a JSON value is; undefined for what is none. */
export function kindOf(value: unknown): Kind | undefined {
  if (value === null) return "null";
  if (Array.isArray(value)) return "list";
  const kind = typeof value;
  return kind === "object" || kind === "string" || kind === "number" || kind === "boolean" ? kind : undefined;
}
