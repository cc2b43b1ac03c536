/**
 * Of what the log tells, and how much: its areas, its levels, and both as people write them.
 *
 * @module
 */
import { refuse, takeObject } from "./check.ts";
import { UsageError } from "./error.ts";
import { didYouMean } from "./suggest.ts";

/** How bad it is, from what is of use only in search of a fault. */
export const LEVELS = ["debug", "info", "warning", "error"] as const;

/** How bad it is. */
export type Level = typeof LEVELS[number];

/**
 * What it is about: the program as a whole, the control socket, rules, workers, interfaces and what is set up on them,
 * and who changed what.
 */
export const AREAS = ["supervisor", "control", "rule", "worker", "interface", "audit"] as const;

/** What it is about. */
export type Area = typeof AREAS[number];

/** The lowest level that is written, by area. */
export type LogLevels = Readonly<Record<Area, Level>>;

/** What the parts must be, in the words of every message about them. */
export const EXPECTED_LEVELS = `LEVEL or AREA=LEVEL, of the levels ${LEVELS.join(", ")} and the areas ${
  AREAS.join(", ")
}`;

/** The same level for all areas. */
export function levelsOf(level: Level): LogLevels {
  return Object.fromEntries(AREAS.map((area) => [area, level])) as LogLevels;
}

function isOneOf<Word extends string>(words: readonly Word[], value: unknown): value is Word {
  return (words as readonly unknown[]).includes(value);
}

/**
 * Reads levels as people write them, `info` or `supervisor=debug,worker=warning`: later ones count more.
 *
 * @param what what they were given as, for the message of the `UsageError`
 */
export function parseLogLevels(text: string, what: string): Partial<LogLevels> {
  return text.split(",").reduce((levels: Partial<LogLevels>, word) => {
    const { area, level } = /^(?:(?<area>[^=]*)=)?(?<level>.*)$/s.exec(word)!.groups!;
    if (area !== undefined && !isOneOf(AREAS, area)) refuseWord(what, text, area, AREAS);
    if (!isOneOf(LEVELS, level)) refuseWord(what, text, level ?? "", LEVELS);
    return { ...levels, ...(area === undefined ? levelsOf(level) : { [area]: level }) };
  }, {});
}

function refuseWord(what: string, text: string, word: string, known: readonly string[]): never {
  throw new UsageError(`Cannot use ${what} "${text}": expected ${EXPECTED_LEVELS}${didYouMean(word, known)}`);
}

/** Reads the parameters of `log.level`: the levels to set, none to ask only. */
export function takeLogLevels(params: unknown): Partial<LogLevels> {
  const { levels = {} } = takeObject(params ?? {}, "", ["levels"]);
  const given = takeObject(levels, "levels", AREAS);
  for (const [area, level] of Object.entries(given)) {
    if (!isOneOf(LEVELS, level)) refuse(`levels.${area}`, level, `one of ${LEVELS.join(", ")}`);
  }
  return given as Partial<LogLevels>;
}
