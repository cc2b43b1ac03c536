/**
 * What the demo shows: commands as a user would type them, their output, and one line that changes. On anything but a
 * terminal lines stay where they are, and NO_COLOR is respected.
 *
 * @module
 */

/** Between two plain lines where no line can be drawn again. */
const PLAIN_INTERVAL_MS = 1000;

const isTerminal = Deno.stdout.isTerminal();
const hasColor = isTerminal && !Deno.env.get("NO_COLOR");

let isLineOpen = false;
let lastPlainMs = -Infinity;

/** Writes lines of text. */
export function say(text: string): void {
  write(`${isLineOpen ? "\n" : ""}${text.trimEnd()}\n`);
  isLineOpen = false;
}

/** Shows a command where it is run. */
export function sayCommand(place: string, argv: readonly string[]): void {
  say(`\n${color(36, `${place}$`)} ${color(1, argv.map(quoteWord).join(" "))}`);
}

/** Draws the changing line anew; where that cannot be, one is left out now and then, but never the last. */
export function draw(line: string, isLast: boolean): void {
  if (isTerminal) {
    write(`\r\x1b[K${line}`);
    isLineOpen = true;
  } else if (isLast || performance.now() - lastPlainMs >= PLAIN_INTERVAL_MS) {
    lastPlainMs = performance.now();
    write(`${line}\n`);
  }
}

/** Green or red. */
export function verdict(isGood: boolean, text: string): string {
  return color(isGood ? 32 : 31, text);
}

function color(number: number, text: string): string {
  return hasColor ? `\x1b[${number}m${text}\x1b[0m` : text;
}

function quoteWord(word: string): string {
  return /^[\w.,:/=@-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`;
}

function write(text: string): void {
  for (let rest = new TextEncoder().encode(text); rest.length > 0;) {
    rest = rest.subarray(Deno.stdout.writeSync(rest));
  }
}
