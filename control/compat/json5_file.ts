/**
 * Configuration files of the reference implementation, which are JSON5. Loaded only where there is one, for the library
 * is of no other use here.
 *
 * @module
 */
import JSON5 from "json5";
import { writeAtomically } from "../atomic_file.ts";
import type { Config } from "../config.ts";
import { ConfigError, readText, readTextIfThere } from "../config_text.ts";
import { messageOf } from "../error.ts";
import type { RuleSpec } from "../model.ts";
import { describeConfig, describeRule, lostFields } from "./export.ts";
import { importConfig, type Imported } from "./import.ts";

/** Paths of lost fields that a message names. */
const LOST_SHOWN_MAX = 5;

/** Reads a file of theirs. Throws a `ConfigError` for one that cannot be read or is no JSON5. */
export async function readJson5Config(file: string): Promise<Imported> {
  return importConfig(parse(file, await readText(file)));
}

function parse(file: string, text: string): unknown {
  try {
    return JSON5.parse(text);
  } catch (error) {
    const { lineNumber: line, columnNumber: column } = error as { lineNumber?: number; columnNumber?: number };
    const message = `Cannot read JSON5: ${messageOf(error).replace(/^JSON5: | at \d+:\d+$/g, "")}`;
    throw new ConfigError(file, [
      line === undefined || column === undefined ? { message } : { line, column, message },
    ]);
  }
}

/**
 * Makes a file of theirs say these rules, in one step. What else the file says stays, but for comments: as theirs does,
 * it is written anew. Throws for rules of which that format cannot say everything.
 */
export async function saveJson5Rules(file: string, config: Config): Promise<void> {
  const { rules } = config;
  const lost = lostFields(rules);
  if (lost.length > 0) {
    const more = lost.length > LOST_SHOWN_MAX ? ` and ${lost.length - LOST_SHOWN_MAX} more` : "";
    const paths = lost.slice(0, LOST_SHOWN_MAX).join(", ");
    throw new Error(`Cannot save into ${file}: mcrd's format cannot say ${paths}${more}; save into a .yaml file`);
  }
  const text = await readTextIfThere(file);
  const old = text === undefined ? undefined : parse(file, text);
  const isObject = typeof old === "object" && old !== null && !Array.isArray(old);
  if (old !== undefined && !isObject) {
    throw new ConfigError(file, [{ message: "Cannot save into it: it is no object" }]);
  }
  const whole = old === undefined ? describeConfig(config) : { ...old, rules: rules.map(describeRule) };
  const written = `${JSON.stringify(whole, null, 2)}\n`;
  checkSame(file, importConfig(JSON5.parse(written)), rules);
  await writeAtomically(file, written);
}

/** What is written always loads, and says what was asked for. */
function checkSame(file: string, { config, problems }: Imported, rules: readonly RuleSpec[]): void {
  const isSame = JSON.stringify(config.rules.map(describeRule)) === JSON.stringify(rules.map(describeRule));
  if (problems.length === 0 && isSame) return;
  throw new Error(`Cannot save the rules to ${file}: the file would not say the same`);
}
