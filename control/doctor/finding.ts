/**
 * What a check has found.
 *
 * @module
 */
import { wrapWords } from "../table.ts";

/** `warning` and `error` are something wrong; a `note` is good to know. */
export type Level = "ok" | "note" | "warning" | "error";

/** One sentence on one thing. */
export interface Finding {
  /** What was looked at, in a word. */
  readonly check: string;
  readonly level: Level;
  readonly text: string;
  /** The command that mends it, to be run as it is; absent where none on this host can. */
  readonly mend?: string;
  /** Whether `--fix` may run it: it only widens a limit. */
  readonly is_safe?: true;
}

/** Makes the findings of one check. */
export class Findings {
  readonly #check: string;
  readonly #found: Finding[] = [];

  constructor(check: string) {
    this.#check = check;
  }

  add(level: Level, text: string, mend?: string, { isSafe = false } = {}): void {
    this.#found.push({
      check: this.#check,
      level,
      text,
      ...(mend === undefined ? {} : { mend }),
      ...(isSafe ? { is_safe: true } : {}),
    });
  }

  /** All of them, or that all is well. */
  orOk(text: string): readonly Finding[] {
    return this.#found.length > 0 ? this.#found : [{ check: this.#check, level: "ok", text }];
  }

  /** All of them, also when there are none. */
  all(): readonly Finding[] {
    return this.#found;
  }
}

/** Whether it is to be mended. */
export function isWrong({ level }: Finding): boolean {
  return level === "warning" || level === "error";
}

/** A word of a command line, quoted where a shell would see more in it. */
export function shellWord(text: string): string {
  return /^[\w.@%+,:\/=-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`;
}

const LEVEL_WIDTH = 8, CHECK_WIDTH = 13;

/** Findings as lines of at most 80 columns, but for commands, which stay as they are to be typed. */
export function formatFinding({ level, check, text, mend }: Finding): string {
  const indent = " ".repeat(LEVEL_WIDTH + 1 + CHECK_WIDTH);
  const lines = wrapWords(`${level.padEnd(LEVEL_WIDTH)} ${check.padEnd(CHECK_WIDTH - 1)} ${text}`, 80, indent);
  return `${lines}\n${mend === undefined ? "" : `${" ".repeat(LEVEL_WIDTH + 1)}$ ${mend}\n`}`;
}
