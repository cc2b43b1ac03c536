/**
 * The supervisor's log: one text line an event. Never one a datagram.
 *
 * @module
 */

/** How bad it is. */
export type Level = "info" | "warning" | "error";

/** Writes one line. */
export type Log = (line: string, level?: Level) => void;

/** A log that hands whole lines, marked `mcr:`, to `write`. */
export function makeLog(write: (text: string) => void): Log {
  return (line, level = "info"): void => {
    const mark = level === "info" ? "" : `${level}: `;
    write(`mcr: ${mark}${line.replaceAll("\n", " ")}\n`);
  };
}
