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
  const text = JSON.stringify(value) ?? String(value);
  return text.length <= QUOTE_LENGTH_MAX ? text : `${text.slice(0, QUOTE_LENGTH_MAX)}...`;
}

/** Refuses a value of the field at `path`. */
export function refuse(path: string, value: unknown, expected: string): never {
  const message = value === undefined
    ? `Cannot accept the request: "${path}" is missing, expected ${expected}`
    : `Cannot accept "${path}" ${quote(value)}: expected ${expected}`;
  throw new ControlError("invalid", message, path);
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
  for (const key of Object.keys(value)) {
    if ((known as readonly string[]).includes(key)) continue;
    const full = path === "" ? key : `${path}.${key}`;
    const hint = didYouMean(key, known) || (known.length === 0 ? "" : `; known are ${known.join(", ")}`);
    throw new ControlError("invalid", `Cannot accept ${quote(full)}: no such field${hint}`, full.slice(0, 128));
  }
  return value as Partial<Record<Key, unknown>>;
}

/** Takes parameters that must be absent or empty. */
export function takeNothing(params: unknown): void {
  if (params !== undefined) takeObject(params, "", []);
}
