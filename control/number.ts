/**
 * Numbers as people write them on a command line.
 *
 * @module
 */

/** Reads a whole number between `min` and `max`, in plain decimal digits; `undefined` for anything else. */
export function parseWhole(text: string, min: number, max: number): number | undefined {
  if (!/^(0|[1-9][0-9]{0,14})$/.test(text)) return undefined;
  const value = Number(text);
  return value >= min && value <= max ? value : undefined;
}

/** The largest core number accepted: the kernel's own limit for x86-64 and arm64 is 8192 cores. */
const CORE_MAX = 8191;

/** Reads a list of cores such as `2,3` or `0-3,8`; `undefined` when it is no such list or names a core twice. */
export function parseCores(text: string): number[] | undefined {
  const cores = new Set<number>();
  let named = 0;
  for (const part of text.split(",")) {
    const [firstText, lastText = firstText, more] = part.split("-");
    const first = parseWhole(firstText!, 0, CORE_MAX);
    const last = parseWhole(lastText!, 0, CORE_MAX);
    if (first === undefined || last === undefined || more !== undefined || last < first) return undefined;
    named += last - first + 1;
    for (let core = first; core <= last; core++) cores.add(core);
  }
  return cores.size === named ? [...cores] : undefined;
}
