/**
 * Bytes to lines, with a limit: a peer that never sends a newline costs one line of memory and no more.
 *
 * @module
 */

/** Bytes asked for at once: the kernel's stream sockets rarely hold more. */
const READ_BYTES = 1 << 16;

const NEWLINE = 0x0a;
const CARRIAGE_RETURN = 0x0d;

/** What lines can be read from; `null` is the end. */
export interface ByteSource {
  read(buffer: Uint8Array): Promise<number | null>;
}

/** A line had more bytes than allowed. */
export class LineTooLongError extends RangeError {
  override readonly name = "LineTooLongError";

  constructor(bytesMax: number) {
    super(`Cannot read the line: it is longer than ${bytesMax} bytes`);
  }
}

/**
 * Reads lines, without their newline, until the source ends; what follows the last newline is a line too. Lines come as
 * bytes, so it does not matter where a character was cut. Empty lines are left out.
 *
 * Throws a `LineTooLongError` as soon as more than `bytesMax` bytes came without a newline.
 */
export async function* readLines(source: ByteSource, bytesMax: number): AsyncGenerator<Uint8Array> {
  const buffer = new Uint8Array(READ_BYTES);
  const line = new PartialLine(bytesMax);
  for (let count = await source.read(buffer); count !== null; count = await source.read(buffer)) {
    const chunk = buffer.subarray(0, count);
    let start = 0;
    for (let end = chunk.indexOf(NEWLINE); end >= 0; end = chunk.indexOf(NEWLINE, start)) {
      line.append(chunk.subarray(start, end));
      const whole = line.take();
      if (!isBlank(whole)) yield whole;
      start = end + 1;
    }
    line.append(chunk.subarray(start));
  }
  const rest = line.take();
  if (!isBlank(rest)) yield rest;
}

/** Whether a line holds nothing but the carriage return of a client that ends its lines in CR LF. */
function isBlank(line: Uint8Array): boolean {
  return line.length === 0 || (line.length === 1 && line[0] === CARRIAGE_RETURN);
}

/** A line that has not ended yet, in one buffer that doubles: bytes that come one by one cost no more than others. */
class PartialLine {
  readonly #bytesMax: number;
  #buffer = new Uint8Array(0);
  #length = 0;

  constructor(bytesMax: number) {
    this.#bytesMax = bytesMax;
  }

  /** Adds a copy of `bytes`. */
  append(bytes: Uint8Array): void {
    const length = this.#length + bytes.length;
    if (length > this.#bytesMax) throw new LineTooLongError(this.#bytesMax);
    if (length > this.#buffer.length) this.#grow(length);
    this.#buffer.set(bytes, this.#length);
    this.#length = length;
  }

  /** The line so far; the next one starts empty and in memory of its own. */
  take(): Uint8Array {
    const line = this.#buffer.subarray(0, this.#length);
    this.#buffer = new Uint8Array(0);
    this.#length = 0;
    return line;
  }

  #grow(length: number): void {
    const larger = new Uint8Array(Math.min(Math.max(length, 2 * this.#buffer.length), this.#bytesMax));
    larger.set(this.#buffer.subarray(0, this.#length));
    this.#buffer = larger;
  }
}
