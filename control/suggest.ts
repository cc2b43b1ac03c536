/**
 * "Did you mean": finds the known word that a misspelt one was probably meant to be.
 *
 * @module
 */

/** More edits than this and the two words have nothing to do with each other. */
const EDITS_MAX = 2;

/** The part of a message that proposes the nearest of `known`, or nothing: `; did you mean "list"?`. */
export function didYouMean(word: string, known: Iterable<string>): string {
  const nearest = suggest(word, known);
  return nearest === undefined ? "" : `; did you mean "${nearest}"?`;
}

/** The one of `known` that is at most two edits from `word`, or that `word` begins, if there is one. */
export function suggest(word: string, known: Iterable<string>): string | undefined {
  let nearest: string | undefined;
  let editsLeast = EDITS_MAX + 1;
  for (const candidate of known) {
    const isPrefix = word.length >= 2 && candidate.startsWith(word);
    const edits = isPrefix ? 1 : editDistance(word, candidate);
    // A word of two letters is two edits from every other one.
    if (edits < editsLeast && edits < candidate.length - 1) {
      nearest = candidate;
      editsLeast = edits;
    }
  }
  return nearest;
}

/** Insertions, deletions, replacements and swaps of neighbours that lead from one word to the other. */
export function editDistance(from: string, to: string): number {
  if (Math.abs(from.length - to.length) > EDITS_MAX) return EDITS_MAX + 1;
  let before: number[] = [];
  let previous = Array.from({ length: to.length + 1 }, (_, column) => column);
  for (let row = 1; row <= from.length; row++) {
    const current = [row];
    for (let column = 1; column <= to.length; column++) {
      const isSame = from[row - 1] === to[column - 1];
      let edits = Math.min(previous[column]! + 1, current[column - 1]! + 1, previous[column - 1]! + (isSame ? 0 : 1));
      const isSwap = row > 1 && column > 1 && from[row - 1] === to[column - 2] && from[row - 2] === to[column - 1];
      if (isSwap) edits = Math.min(edits, before[column - 2]! + 1);
      current.push(edits);
    }
    before = previous;
    previous = current;
  }
  return previous[to.length]!;
}
