/**
 * Numbers as people read them: a few characters wide, whatever their size. The status page takes these functions along
 * into the browser, so they use nothing but each other.
 *
 * @module
 */

/** A count in at most five characters: `0`, `999`, `1.23k`, `50.0k`, `526M`. */
export function formatShort(value: number): string {
  for (const prefix of ["", "k", "M", "G", "T", "P"]) {
    const text = threeDigits(value, prefix === "");
    if (text !== undefined) return text + prefix;
    value /= 1000;
  }
  return `${Math.round(value)}E`;
}

/** A time in at most six characters: `47us`, `1.23ms`, `2.50s`. */
export function formatMicroseconds(value: number): string {
  for (const unit of ["us", "ms"]) {
    const text = threeDigits(value, value >= 10 && unit === "us");
    if (text !== undefined) return text + unit;
    value /= 1000;
  }
  return `${value.toPrecision(3)}s`;
}

/** How long ago something was, in its largest unit: `0s`, `59s`, `3m`, `2h`, `5d`. */
export function formatAge(ms: number): string {
  const seconds = Math.max(0, Math.floor(ms / 1000));
  if (seconds < 60) return `${seconds}s`;
  if (seconds < 3600) return `${Math.floor(seconds / 60)}m`;
  if (seconds < 86_400) return `${Math.floor(seconds / 3600)}h`;
  return `${Math.floor(seconds / 86_400)}d`;
}

/** Three digits, or fewer of a whole number; undefined when it takes more. */
export function threeDigits(value: number, isWhole: boolean): string | undefined {
  if (isWhole) return Math.round(value) < 1000 ? String(Math.round(value)) : undefined;
  if (value < 9.995) return value.toFixed(2);
  if (value < 99.95) return value.toFixed(1);
  return value < 999.5 ? value.toFixed(0) : undefined;
}
