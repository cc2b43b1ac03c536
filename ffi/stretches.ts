/**
 * Indexes as stretches of consecutive ones, so that one message can speak of many.
 *
 * @module
 */

/** The indexes `first` to `first + count - 1`. */
export interface Stretch {
  readonly first: number;
  readonly count: number;
}

/** Covers distinct indexes, in any order, by stretches of at most `countMax`; ascending. */
export function stretches(indexes: Iterable<number>, countMax: number): Stretch[] {
  const found: { first: number; count: number }[] = [];
  for (const index of [...indexes].sort((a, b) => a - b)) {
    const last = found.at(-1);
    if (last !== undefined && index === last.first + last.count && last.count < countMax) last.count++;
    else found.push({ first: index, count: 1 });
  }
  return found;
}
