/**
 * The text of a configuration file, whatever its language, and what is wrong with it.
 *
 * @module
 */
import { reasonOf } from "./error.ts";

/** A file larger than this was made by mistake: 65,536 rules of two outputs take less. */
const FILE_BYTES_MAX = 32 << 20;

/** More problems than this are not listed. */
const PROBLEMS_MAX = 20;

/** Something wrong with a file. */
export interface Problem {
  /** From 1 on; absent when the file as a whole is meant. */
  readonly line?: number;
  readonly column?: number;
  /** The field, as in `rules[2].outputs[0].port`. */
  readonly path?: string;
  readonly message: string;
}

/** A file that cannot be used, with all that is wrong with it. */
export class ConfigError extends Error {
  override readonly name = "ConfigError";
  readonly file: string;
  readonly problems: readonly Problem[];
  /** Whether it could not even be read. */
  readonly isUnread: boolean;
  /** Whether there is no such file. */
  readonly isMissing: boolean;

  constructor(file: string, problems: readonly Problem[], why: "wrong" | "unread" | "missing" = "wrong") {
    const shown = problems.slice(0, PROBLEMS_MAX).map((problem) =>
      `${file}${formatPlace(problem)}: ${problem.message}`
    );
    const left = problems.length - shown.length;
    super([...shown, ...(left > 0 ? [`${file}: ${left} more`] : [])].join("\n"));
    this.file = file;
    this.problems = problems;
    this.isUnread = why !== "wrong";
    this.isMissing = why === "missing";
  }
}

function formatPlace({ line, column }: Problem): string {
  return line === undefined ? "" : `:${line}:${column}`;
}

/** The text of a file; throws a `ConfigError`. */
export async function readText(file: string): Promise<string> {
  try {
    using opened = await Deno.open(file);
    const { size, isDirectory } = await opened.stat();
    if (isDirectory) throw new Error("it is a directory");
    if (size > FILE_BYTES_MAX) throw new Error(`it has ${size} bytes, at most ${FILE_BYTES_MAX} are read`);
    const bytes = new Uint8Array(await new Response(opened.readable).arrayBuffer());
    return new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch (error) {
    const why = error instanceof TypeError ? "it is not UTF-8" : reasonOf(error);
    throw new ConfigError(
      file,
      [{ message: `Cannot read the configuration: ${why}` }],
      error instanceof Deno.errors.NotFound ? "missing" : "unread",
    );
  }
}

/** The text of a file, or undefined where there is none; throws a `ConfigError` for one that cannot be read. */
export async function readTextIfThere(file: string): Promise<string | undefined> {
  try {
    return await readText(file);
  } catch (error) {
    if (error instanceof ConfigError && error.isMissing) return undefined;
    throw error;
  }
}
