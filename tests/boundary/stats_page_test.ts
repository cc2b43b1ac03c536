// Goal: counters are read as they are, without a call, while another process writes them.
import { deepStrictEqual, ok, strictEqual, throws } from "node:assert/strict";
import * as abi from "../../ffi/abi.ts";
import { Descriptor } from "../../ffi/descriptor.ts";
import { check, native } from "../../ffi/library.ts";
import { DROP_NAMES, StatsPage } from "../../ffi/stats_page.ts";

/** A second view of a page, as the worker has it. */
class WriterView implements Disposable {
  readonly #pointer: Deno.PointerObject;
  readonly words: BigUint64Array;

  constructor(page: StatsPage) {
    this.#pointer = native.mcr_stats_map(page.memory.fd)!;
    this.words = new BigUint64Array(Deno.UnsafePointerView.getArrayBuffer(this.#pointer, abi.mcr_stats.sizeof));
  }

  /** Sets the counter at an offset. */
  set(offset: number, value: bigint): void {
    this.words[offset / 8] = value;
  }

  [Symbol.dispose](): void {
    native.mcr_stats_unmap(this.#pointer);
  }
}

function ruleAt(slot: number): number {
  return abi.mcr_stats.rules + slot * abi.mcr_stats.rules_stride;
}

function outputAt(slot: number): number {
  return abi.mcr_stats.outputs + slot * abi.mcr_stats.outputs_stride;
}

const LAST_RULE = abi.MCR_RULES_MAX - 1, LAST_OUTPUT = abi.MCR_OUTPUTS_MAX - 1;

Deno.test("a page counts nothing at first, up to its last slot", () => {
  using page = new StatsPage();
  const none = DROP_NAMES.map(() => 0);
  deepStrictEqual([page.worker("received"), page.rule(LAST_RULE, "relayed"), page.output(LAST_OUTPUT, "sent")], [
    0,
    0,
    0,
  ]);
  deepStrictEqual([page.workerDrops(), page.ruleDrops(LAST_RULE), page.outputDrops(LAST_OUTPUT)], [none, none, none]);
});

Deno.test("every counter is read from where mcr.h puts it", () => {
  using page = new StatsPage();
  using writer = new WriterView(page);
  writer.set(abi.mcr_stats.worker + abi.mcr_worker_stats.received, 1n);
  writer.set(abi.mcr_stats.worker + abi.mcr_worker_stats.drops + abi.MCR_DROP_NO_RULE * 8, 2n);
  writer.set(ruleAt(LAST_RULE) + abi.mcr_rule_stats.relayed, 3n);
  writer.set(ruleAt(LAST_RULE) + abi.mcr_rule_stats.drops, 4n);
  writer.set(ruleAt(LAST_RULE) + abi.mcr_rule_stats.latency + 100 * 8, 5n);
  writer.set(outputAt(LAST_OUTPUT) + abi.mcr_output_stats.sent_bytes, 6n);
  writer.set(outputAt(LAST_OUTPUT) + abi.mcr_output_stats.drops + abi.MCR_DROP_SEND_FAILED * 8, 7n);

  const latency = new Float64Array(abi.MCR_LATENCY_BUCKETS);
  page.addLatency(LAST_RULE, latency);
  page.addLatency(LAST_RULE, latency);
  deepStrictEqual(
    [
      page.worker("received"),
      page.workerDrops()[abi.MCR_DROP_NO_RULE],
      page.rule(LAST_RULE, "relayed"),
      page.ruleDrops(LAST_RULE)[abi.MCR_DROP_RING_FULL],
      latency[100],
      page.output(LAST_OUTPUT, "sent_bytes"),
      page.outputDrops(LAST_OUTPUT)[abi.MCR_DROP_SEND_FAILED],
    ],
    [1, 2, 3, 4, 10, 6, 7],
  );
});

Deno.test("a counter is exact up to 2^53", () => {
  using page = new StatsPage();
  using writer = new WriterView(page);
  for (const value of [2 ** 32 - 1, 2 ** 32, 2 ** 32 + 1, Number.MAX_SAFE_INTEGER]) {
    writer.set(abi.mcr_stats.worker + abi.mcr_worker_stats.received_bytes, BigInt(value));
    strictEqual(page.worker("received_bytes"), value);
  }
});

// The step has an odd number of 2^31 and a one: nearly every addition changes both halves, and no mixture of halves
// from two moments is a multiple of it.
Deno.test("a counter that another thread is writing is never read half old, half new", async () => {
  const step = 0x80000001, count = 2 ** 21 - 1, wanted = 100, roundsMax = 200;
  // A busy machine gives the two threads few turns at a time: as many rounds as it takes.
  let seen = 0;
  for (let round = 0; round < roundsMax && seen <= wanted; round++) seen += await readWhileWritten(step, count);
  ok(seen > wanted, `the page was read while it was written, ${seen} times`);
});

/** How many different values of a counter were read while another thread counted; fails on one that never was. */
async function readWhileWritten(step: number, count: number): Promise<number> {
  using page = new StatsPage();
  const task = new URL("./stats_writer.ts", import.meta.url);
  const offset = abi.mcr_stats.worker + abi.mcr_worker_stats.received;
  task.search = `fd=${page.memory.fd}&offset=${offset}&step=${step}&count=${count}`;
  const writer = new Worker(task, { type: "module" });
  try {
    let last = 0, differentCount = 0;
    while (last < step * count) {
      const value = page.worker("received");
      strictEqual(value % step, 0, `read ${value.toString(16)}`);
      ok(value >= last, "a counter never goes back");
      if (value !== last) differentCount++;
      last = value;
      if (value === 0) await new Promise((resolve) => setTimeout(resolve));
    }
    return differentCount;
  } finally {
    writer.terminate();
  }
}

Deno.test("clearRule() and clearOutput() clear one slot, to its end and not beyond", () => {
  using page = new StatsPage();
  using writer = new WriterView(page);
  writer.words.fill(1n, ruleAt(0) / 8, ruleAt(3) / 8);
  writer.words.fill(1n, outputAt(0) / 8, outputAt(3) / 8);
  page.clearRule(1);
  page.clearOutput(1);
  for (const [at, { sizeof }] of [[ruleAt, abi.mcr_rule_stats], [outputAt, abi.mcr_output_stats]] as const) {
    const slots = [0, 1, 2].map((slot) => writer.words.subarray(at(slot) / 8, (at(slot) + sizeof) / 8));
    deepStrictEqual(slots.map((words) => words.every((word) => word === 1n)), [true, false, true]);
    ok(slots[1]!.every((word) => word === 0n));
  }
});

Deno.test("settle() adds what a ring's progress says, once", () => {
  using page = new StatsPage();
  using writer = new WriterView(page);
  using progress = new Descriptor(check(native.mcr_event_open()));
  check(native.mcr_event_signal(progress.fd));
  check(native.mcr_event_signal(progress.fd));
  page.settle(5, progress);
  page.settle(5, progress);
  const at = abi.mcr_stats.rings + 5 * abi.mcr_stats.rings_stride;
  strictEqual(writer.words[(at + abi.mcr_ring_stats.completed) / 8], 2n);
  page.clearInput(5);
  strictEqual(writer.words[(at + abi.mcr_ring_stats.completed) / 8], 0n);
});

Deno.test("settle() refuses an input that cannot be", () => {
  using page = new StatsPage();
  using progress = new Descriptor(check(native.mcr_event_open()));
  const message = `Cannot settle input ${abi.MCR_INPUTS_MAX}: at most ${abi.MCR_INPUTS_MAX}`;
  throws(() => page.settle(abi.MCR_INPUTS_MAX, progress), { name: "NativeError", code: "EINVAL", message });
});

Deno.test("nobody who has a page can change its size", () => {
  using page = new StatsPage();
  using file = Deno.openSync(`/proc/self/fd/${page.memory.fd}`, { write: true });
  for (const bytes of [0, abi.mcr_stats.sizeof - 1, abi.mcr_stats.sizeof + 4096]) {
    throws(() => file.truncateSync(bytes), Deno.errors.PermissionDenied);
  }
});

Deno.test("a page takes only the memory that is written", async () => {
  using page = new StatsPage();
  page.rule(LAST_RULE, "received");
  page.clearInput(0);
  const { blocks } = await Deno.stat(`/proc/self/fd/${page.memory.fd}`);
  ok(blocks! * 512 <= 16 * 4096, `${blocks} blocks`);
});

Deno.test("a page can be disposed twice; what is read then throws, and nothing else is unmapped", () => {
  const page = new StatsPage();
  page[Symbol.dispose]();
  // Takes the place of the first, as far as addresses and descriptors go.
  using next = new StatsPage();
  page[Symbol.dispose]();
  strictEqual(next.worker("received"), 0);
  throws(() => page.worker("received"), new TypeError("Cannot read a statistics page that has ended"));
  throws(
    () => page.settle(0, next.memory),
    new TypeError("Cannot settle an input on a statistics page that has ended"),
  );
  page.clearRule(0);
});

Deno.test("samples are sums of datagrams, bytes and drops, slot after slot", () => {
  using page = new StatsPage();
  using writer = new WriterView(page);
  const worker = abi.mcr_stats.worker, { mcr_worker_stats, mcr_rule_stats, mcr_output_stats } = abi;
  writer.set(worker + mcr_worker_stats.received, 12n);
  writer.set(worker + mcr_worker_stats.received_bytes, 1000n);
  writer.set(worker + mcr_worker_stats.relayed, 10n);
  writer.set(ruleAt(1) + mcr_rule_stats.received, 20n);
  writer.set(ruleAt(1) + mcr_rule_stats.received_bytes, 2000n);
  writer.set(ruleAt(1) + mcr_rule_stats.relayed, 19n);
  writer.set(outputAt(2) + mcr_output_stats.due, 30n);
  writer.set(outputAt(2) + mcr_output_stats.sent_bytes, 1n << 40n);
  writer.set(outputAt(2) + mcr_output_stats.sent, 27n);

  const sums = (length: number): Float64Array => new Float64Array(length).fill(1);
  const workerSums = sums(3), ruleSums = sums(6), outputSums = sums(9);
  page.sampleWorker(workerSums);
  page.sampleRules(ruleSums);
  page.sampleOutputs(outputSums);
  deepStrictEqual([...workerSums], [13, 1001, 3]);
  deepStrictEqual([...ruleSums], [1, 1, 1, 21, 2001, 2]);
  deepStrictEqual([...outputSums], [1, 1, 1, 1, 1, 1, 28, 2 ** 40 + 1, 4]);
});
