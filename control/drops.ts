/**
 * Drops by reason, added up.
 *
 * @module
 */
import type { Drops } from "./model.ts";

/** How many datagrams were dropped, for whatever reason. */
export function sumDrops(drops: Drops): number {
  return Object.values(drops).reduce((sum, count) => sum + count, 0);
}
