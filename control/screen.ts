/**
 * A whole terminal to draw on: the alternate screen, keys one by one, and everything as it was at the end.
 *
 * @module
 */
import type { TerminalSize } from "./command.ts";

/** How a piece of text stands out. */
export type Style = "plain" | "bold" | "dim" | "inverse" | "alarm" | "warning" | "accent";

/** A piece of a line. */
export interface Span {
  readonly text: string;
  readonly style: Style;
}

/** A line, never wider than the terminal. */
export type Line = readonly Span[];

const ENTER = "\x1b[?1049h\x1b[?25l\x1b[2J";
const LEAVE = "\x1b[0m\x1b[?25h\x1b[?1049l";

/** Select Graphic Rendition, with colours and without. */
const STYLES: Readonly<Record<Style, readonly [colour: string, plain: string]>> = {
  plain: ["", ""],
  bold: ["1", "1"],
  dim: ["2", "2"],
  inverse: ["7", "7"],
  alarm: ["1;31", "1"],
  warning: ["33", ""],
  accent: ["36", ""],
};

/** Draws lines, and of those only what has changed since the last time: a slow line has little to carry. */
export class Screen {
  readonly #hasColour: boolean;
  #shown: readonly string[] = [];
  #size: TerminalSize = { columns: 0, rows: 0 };

  constructor(hasColour: boolean) {
    this.#hasColour = hasColour;
  }

  /** What is written to take the terminal over. */
  enter(): string {
    this.#shown = [];
    return ENTER;
  }

  /** What is written to give it back. */
  leave(): string {
    return LEAVE;
  }

  /** What is written to show these lines on a terminal of this size; "" when they are there. */
  draw(lines: readonly Line[], { columns, rows }: TerminalSize): string {
    const isResized = this.#size.columns !== columns || this.#size.rows !== rows;
    const before = isResized ? [] : this.#shown;
    const now = lines.map((line) => this.#format(line, columns));
    this.#size = { columns, rows };
    this.#shown = now;
    const changes = now.map((line, index) => line === (before[index] ?? "") ? "" : `\x1b[${index + 1};1H${line}`);
    return (isResized ? "\x1b[2J" : "") + changes.join("");
  }

  /** A line and what clears the rest of its row; after the last column there is none, and the cursor is not beyond it. */
  #format(line: Line, columns: number): string {
    const text = line.map(({ text, style }) => {
      const code = STYLES[style][this.#hasColour ? 0 : 1];
      return code === "" ? text : `\x1b[${code}m${text}\x1b[0m`;
    }).join("");
    const length = line.reduce((sum, span) => sum + span.text.length, 0);
    return length < columns ? `${text}\x1b[K` : text;
  }
}

/** What terminals send for keys that are no characters. */
const SEQUENCES: Readonly<Record<string, string>> = {
  "\x1b[A": "up",
  "\x1bOA": "up",
  "\x1b[B": "down",
  "\x1bOB": "down",
  "\x1b[C": "right",
  "\x1bOC": "right",
  "\x1b[D": "left",
  "\x1bOD": "left",
  "\x1b[5~": "pageup",
  "\x1b[6~": "pagedown",
  "\x1b[H": "home",
  "\x1b[1~": "home",
  "\x1bOH": "home",
  "\x1b[F": "end",
  "\x1b[4~": "end",
  "\x1bOF": "end",
  "\x1b": "escape",
  "\r": "enter",
  "\n": "enter",
  "\x7f": "backspace",
  "\b": "backspace",
  "\x03": "ctrl-c",
};

/** The keys in what a terminal has sent: characters as they are, others by name; unknown ones are left out. */
export function parseKeys(text: string): string[] {
  // deno-lint-ignore no-control-regex
  const pieces = text.match(/\x1b(?:\[[0-?]*[ -/]*[@-~]|O.)?|[^\x1b]/gu) ?? [];
  // deno-lint-ignore no-control-regex
  return pieces.flatMap((piece) => SEQUENCES[piece] ?? (/^[^\x00-\x1f\x7f-\x9f]$/u.test(piece) ? piece : []));
}
