/**
 * Checks of values that came from outside as JSON. Each failure names the field and what was expected.
 *
 * @module
 */
import { ControlError } from "./error.ts";
import { didYouMean } from "./suggest.ts";

/** More of a wrong value than this helps nobody. */
const QUOTE_LENGTH_MAX = 64;

/** A value as it appears in a message: JSON, cut to a readable length. */
export function quote(value: unknown): string {
  // 1e999 is a number that JSON can be read from, but not written to.
  const text = typeof value === "number" ? String(value) : JSON.stringify(value) ?? String(value);
  return text.length <= QUOTE_LENGTH_MAX ? text : `${text.slice(0, QUOTE_LENGTH_MAX)}...`;
}

/** A value that is not what it must be. */
export class Refusal extends ControlError {
  /** What was expected, for those who say in their own words where. */
  readonly expected: string;

  constructor(message: string, path: string, expected: string) {
    super("invalid", message, path);
    this.expected = expected;
  }
}

/** Refuses a value of the field at `path`. */
export function refuse(path: string, value: unknown, expected: string): never {
  const message = value === undefined
    ? `Cannot go on: "${path}" is missing, expected ${expected}`
    : `Cannot accept "${path}" ${quote(value)}: expected ${expected}`;
  throw new Refusal(message, path, expected);
}

/**
 * Takes an object that has no keys but `known`; what they hold is for the caller to check.
 *
 * @param path the field, or `""` for the whole of the parameters
 */
export function takeObject<Key extends string>(
  value: unknown,
  path: string,
  known: readonly Key[],
): Partial<Record<Key, unknown>> {
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    refuse(path === "" ? "params" : path, value, "an object");
  }
  refuseUnknownKeys(value, path, known);
  return value as Partial<Record<Key, unknown>>;
}

/** Refuses an object that has other keys than `known`. */
export function refuseUnknownKeys(value: object, path: string, known: readonly string[]): void {
  const key = Object.keys(value).find((key) => !known.includes(key));
  if (key === undefined) return;
  const full = path === "" ? key : `${path}.${key}`;
  const hint = didYouMean(key, known) || (known.length === 0 ? "" : `; known are ${known.join(", ")}`);
  throw new ControlError("invalid", `Cannot accept ${quote(full)}: no such field${hint}`, full.slice(0, 128));
}

/** Takes parameters that must be absent or empty. */
export function takeNothing(params: unknown): void {
  if (params !== undefined) takeObject(params, "", []);
}
