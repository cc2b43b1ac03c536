/**
 * The supervisor's log: one line an event, as text or as JSON. Never one a datagram; and a message that comes again and
 * again is written a few times, then counted.
 *
 * @module
 */
import { type Area, AREAS, type Level, LEVELS, levelsOf, type LogLevels } from "./log_level.ts";

/** What a message is about, by the names that stand in it in braces. */
export type Fields = Readonly<Record<string, string | number | boolean | readonly string[]>>;

/**
 * Writes a message; `"worker {index} failed: {reason}"` takes both from the fields, which JSON keeps apart. Messages of
 * the same words are one message when they are counted.
 */
export type Log = (message: string, level?: Level, fields?: Fields) => void;

/** A log for each area. */
export type Logs = Readonly<Record<Area, Log>>;

/** How lines are written. */
export const LOG_FORMATS = ["text", "json"] as const;

/** How lines are written. */
export type LogFormat = typeof LOG_FORMATS[number];

/** Whether `value` is a format. */
export function isLogFormat(value: string): value is LogFormat {
  return (LOG_FORMATS as readonly string[]).includes(value);
}

/** The same message is written this often in a window; what comes beyond is counted, and told when the window ends. */
const REPEATS_MAX = 10;
const WINDOW_MS = 10_000;

/** The priorities of syslog(3), which the journal reads off the beginning of a line. */
const PRIORITIES: Readonly<Record<Level, number>> = { debug: 7, info: 6, warning: 4, error: 3 };

/** What a logger is made of. */
export interface LoggerOptions {
  /** Takes whole lines. */
  readonly write: (line: string) => void;
  /** `text` unless given. */
  readonly format?: LogFormat;
  /** `info` for what is not given. */
  readonly levels?: Partial<LogLevels>;
  /** Whether lines go to the journal, which wants to know their priority. */
  readonly isJournal?: boolean;
  readonly windowMs?: number;
}

/** One message while it is counted. */
interface Repetition {
  readonly area: Area;
  readonly level: Level;
  readonly message: string;
  readonly timer: ReturnType<typeof setTimeout>;
  count: number;
}

/** All of the log. Disposing it tells what was counted and not yet told. */
export class Logger implements Disposable {
  readonly logs: Logs;
  readonly #options: LoggerOptions;
  readonly #repetitions = new Map<string, Repetition>();
  #levels: LogLevels;

  constructor(options: LoggerOptions) {
    this.#options = options;
    this.#levels = { ...levelsOf("info"), ...options.levels };
    const makeLog = (area: Area): Log => (message, level = "info", fields = {}) =>
      this.#log(area, level, message, fields);
    this.logs = Object.fromEntries(AREAS.map((area) => [area, makeLog(area)])) as Logs;
  }

  /** The lowest level that is written, by area. */
  get levels(): LogLevels {
    return this.#levels;
  }

  /** Changes some of them, from now on. */
  setLevels(levels: Partial<LogLevels>): void {
    this.#levels = { ...this.#levels, ...levels };
  }

  #log(area: Area, level: Level, message: string, fields: Fields): void {
    if (LEVELS.indexOf(level) < LEVELS.indexOf(this.#levels[area])) return;
    // Who changed what is told each time, however often.
    if (area !== "audit" && this.#isTooMuch(area, level, message)) return;
    this.#write(area, level, message, fields);
  }

  #isTooMuch(area: Area, level: Level, message: string): boolean {
    const key = `${area} ${level} ${message}`;
    const known = this.#repetitions.get(key);
    if (known !== undefined) return ++known.count > REPEATS_MAX;
    const { windowMs = WINDOW_MS } = this.#options;
    const timer = setTimeout(() => this.#endWindow(key), windowMs);
    Deno.unrefTimer(timer);
    this.#repetitions.set(key, { area, level, message, timer, count: 1 });
    return false;
  }

  #endWindow(key: string): void {
    const { area, level, message, timer, count } = this.#repetitions.get(key)!;
    clearTimeout(timer);
    this.#repetitions.delete(key);
    if (count <= REPEATS_MAX) return;
    const fields = { suppressed: count - REPEATS_MAX, of: message };
    this.#write(area, level, '{suppressed} more of "{of}" were suppressed', fields);
  }

  #write(area: Area, level: Level, message: string, fields: Fields): void {
    const { write, format = "text", isJournal = false } = this.#options;
    const priority = isJournal ? `<${PRIORITIES[level]}>` : "";
    const text = printable(renderMessage(message, fields));
    if (format === "json") {
      const record = { time: new Date().toISOString(), level, area, message: text };
      const line = Object.keys(fields).length === 0 ? record : { ...record, fields };
      return write(`${priority}${escapeRest(JSON.stringify(line))}\n`);
    }
    const mark = area === "audit" ? "audit: " : level === "info" ? "" : `${level}: `;
    write(`${priority}mcr: ${mark}${text}\n`);
  }

  [Symbol.dispose](): void {
    for (const key of [...this.#repetitions.keys()]) this.#endWindow(key);
  }
}

/** A message with its fields in place. */
export function renderMessage(message: string, fields: Fields = {}): string {
  return message.replaceAll(/\{(\w+)\}/g, (braces, name: string) => {
    const value = Object.hasOwn(fields, name) ? fields[name] : undefined;
    return value === undefined ? braces : Array.isArray(value) ? value.join(", ") : String(value);
  });
}

/** What ends a line, moves the cursor or turns the direction of what follows. */
// deno-lint-ignore no-control-regex
const UNPRINTABLE = /[\x00-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069]/g;

/** Text in one line that looks like what it says: much of it comes from clients and from names that somebody chose. */
function printable(text: string): string {
  return text.replaceAll("\n", " ").replaceAll(UNPRINTABLE, "?");
}

/** JSON itself lets some of them stand in its strings, a terminal that shows it obeys them. */
function escapeRest(json: string): string {
  return json.replaceAll(UNPRINTABLE, (one) => `\\u${one.charCodeAt(0).toString(16).padStart(4, "0")}`);
}

/** Whether standard error goes to the journal: systemd names the socket that it gave us, by device and inode. */
export function isJournalStream(named = Deno.env.get("JOURNAL_STREAM"), path = "/proc/self/fd/2"): boolean {
  if (!named) return false;
  try {
    const { dev, ino } = Deno.statSync(path);
    return named === `${dev}:${ino}`;
  } catch {
    return false;
  }
}
