/**
 * The file in which rules that were added at run time survive a restart.
 *
 * @module
 */
import { writeAtomically } from "./atomic_file.ts";
import { takeObject } from "./check.ts";
import { RULES } from "./config.ts";
import { messageOf } from "./error.ts";
import type { Log } from "./log.ts";
import type { RuleSpec } from "./model.ts";
import { textOf } from "./rule_difference.ts";

/** The one version of the format that there is. */
const STATE_VERSION = 1;

/** Rules on the disk: read once, written after each change. */
export class StateFile {
  readonly #path: string;
  readonly #log: Log;
  #written = "";
  #writing: Promise<void> | undefined;
  #next: Promise<void> | undefined;

  constructor(path: string, log: Log) {
    this.#path = path;
    this.#log = log;
  }

  /**
   * The rules of the file; none when there is no file. One that is corrupt is moved aside, where that can be done, and told
   * of: what is in it is not lost, and the relay starts.
   */
  async read(): Promise<readonly RuleSpec[]> {
    let text: string;
    try {
      if (!(await Deno.stat(this.#path)).isFile) throw new Error("it is not a regular file");
      text = await Deno.readTextFile(this.#path);
    } catch (error) {
      if (error instanceof Deno.errors.NotFound) return [];
      throw new Error(`Cannot read the state file "${this.#path}": ${messageOf(error)}`, { cause: error });
    }
    try {
      const rules = parseState(text);
      this.#written = text;
      return rules;
    } catch (error) {
      await this.#moveAside(messageOf(error));
      return [];
    }
  }

  async #moveAside(reason: string): Promise<void> {
    const path = this.#path, aside = `${path}.corrupt-${new Date().toISOString().replaceAll(/[^0-9TZ]/g, "")}`;
    try {
      await Deno.rename(path, aside);
      this.#log("the state file {path} is corrupt and was moved to {aside}: {reason}", "error", {
        path,
        aside,
        reason,
      });
    } catch (error) {
      const fields = { path, why: messageOf(error), reason };
      this.#log("the state file {path} is corrupt and could not be moved aside ({why}): {reason}", "error", fields);
    }
  }

  /**
   * Writes what `rules` are when it comes to it. Resolves when they are on the disk, or when that has failed and was
   * logged: the relay goes on, and the next change tries again. Changes that come meanwhile share one write.
   */
  write(rules: () => readonly RuleSpec[]): Promise<void> {
    if (this.#writing === undefined) return this.#start(rules);
    this.#next ??= this.#writing.then(() => {
      this.#next = undefined;
      return this.#start(rules);
    });
    return this.#next;
  }

  #start(rules: () => readonly RuleSpec[]): Promise<void> {
    this.#writing = this.#writeNow(formatState(rules())).finally(() => this.#writing = undefined);
    return this.#writing;
  }

  async #writeNow(text: string): Promise<void> {
    if (text === this.#written) return;
    try {
      await writeAtomically(this.#path, text, 0o600);
      this.#written = text;
    } catch (error) {
      this.#log("rules that were added would not survive a restart: {reason}", "error", { reason: messageOf(error) });
    }
  }
}

/** A rule a line, for those who look. */
function formatState(rules: readonly RuleSpec[]): string {
  const lines = rules.map(textOf).join(",\n");
  return `{"version":${STATE_VERSION},"rules":[\n${lines}\n]}\n`;
}

function parseState(text: string): readonly RuleSpec[] {
  const { version, rules } = takeObject(JSON.parse(text), "", ["version", "rules"]);
  if (version !== STATE_VERSION) throw new Error(`its version is ${version}, expected ${STATE_VERSION}`);
  return RULES.take(rules, "rules");
}
