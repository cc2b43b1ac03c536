/**
 * Another thread that counts on a statistics page as a worker does, for `stats_page_test.ts`: adds `step` to the counter
 * at `offset`, `count` times. What to do is in the query of its URL.
 *
 * @module
 */
import { mcr_stats } from "../../ffi/abi.ts";
import { native } from "../../ffi/library.ts";

const query = new URL(import.meta.url).searchParams;
const [fd, offset, step, count] = ["fd", "offset", "step", "count"].map((name) => Number(query.get(name))) as [
  number,
  number,
  number,
  number,
];

const pointer = native.mcr_stats_map(fd)!;
const words = new BigUint64Array(Deno.UnsafePointerView.getArrayBuffer(pointer, mcr_stats.sizeof));
for (let i = 0; i < count; i++) Atomics.add(words, offset / 8, BigInt(step));
native.mcr_stats_unmap(pointer);
