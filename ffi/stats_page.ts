/**
 * One worker's page of counters: read without a call, at any time, while the worker writes.
 *
 * @module
 */
import * as abi from "./abi.ts";
import { Descriptor } from "./descriptor.ts";
import { NativeError } from "./error.ts";
import { check, native, text } from "./library.ts";

/** Names of the drop reasons, by number. */
export const DROP_NAMES: readonly string[] = Array.from(
  { length: abi.MCR_DROP_COUNT },
  (_, reason) => text(native.mcr_drop_name(reason)),
);

/** What to do about each of them, by name. */
export const DROP_ADVICE: ReadonlyMap<string, string> = new Map(
  DROP_NAMES.map((name, reason) => [name, text(native.mcr_drop_advice(reason))]),
);

/** Counts by drop reason number. */
export type DropCounts = readonly number[];

/** A page. It outlives its worker: the successor goes on with it. */
export class StatsPage implements Disposable {
  readonly memory: Descriptor;
  /** Null when the page has ended. */
  #pointer: Deno.PointerObject | null;
  #words: Uint32Array;

  constructor() {
    this.memory = new Descriptor(check(native.mcr_stats_open()));
    const pointer = native.mcr_stats_map(this.memory.fd);
    if (pointer === null) {
      this.memory[Symbol.dispose]();
      throw new NativeError("ENOMEM", text(native.mcr_error()));
    }
    this.#pointer = pointer;
    this.#words = new Uint32Array(Deno.UnsafePointerView.getArrayBuffer(pointer, abi.mcr_stats.sizeof));
  }

  /** A counter of the worker itself. */
  worker(
    name:
      | "heartbeat_ns"
      | "generation"
      | "received"
      | "received_bytes"
      | "relayed"
      | "recovered"
      | "superframes"
      | "wakeups",
  ): number {
    return this.#read(abi.mcr_stats.worker + abi.mcr_worker_stats[name]);
  }

  workerDrops(): DropCounts {
    return this.#drops(abi.mcr_stats.worker + abi.mcr_worker_stats.drops);
  }

  /** A counter of a rule, by slot. */
  rule(slot: number, name: "received" | "received_bytes" | "relayed" | "last_ns" | "latency_sum_ns"): number {
    return this.#read(ruleOffset(slot) + abi.mcr_rule_stats[name]);
  }

  /** Adds a rule's latency histogram to `buckets`. */
  addLatency(slot: number, buckets: Float64Array): void {
    const offset = ruleOffset(slot) + abi.mcr_rule_stats.latency;
    for (let i = 0; i < abi.MCR_LATENCY_BUCKETS; i++) {
      buckets[i]! += this.#read(offset + i * abi.mcr_rule_stats.latency_stride);
    }
  }

  ruleDrops(slot: number): DropCounts {
    return this.#drops(ruleOffset(slot) + abi.mcr_rule_stats.drops);
  }

  /** A counter of an output, by slot. */
  output(slot: number, name: "due" | "sent" | "sent_bytes" | "fragmented" | "last_ns"): number {
    return this.#read(outputOffset(slot) + abi.mcr_output_stats[name]);
  }

  outputDrops(slot: number): DropCounts {
    return this.#drops(outputOffset(slot) + abi.mcr_output_stats.drops);
  }

  /** Adds what the worker has received, its bytes and its drops to three sums. */
  sampleWorker(sums: Float64Array): void {
    const { received, received_bytes, relayed } = abi.mcr_worker_stats;
    this.#sample(abi.mcr_stats.worker, 0, { due: received, done: relayed, bytes: received_bytes }, sums, 0);
  }

  /** Adds what each rule has received, its bytes and its drops to three sums each, from slot 0 on. */
  sampleRules(sums: Float64Array): void {
    const { received, received_bytes, relayed } = abi.mcr_rule_stats;
    const at = { due: received, done: relayed, bytes: received_bytes };
    this.#sample(abi.mcr_stats.rules, abi.mcr_stats.rules_stride, at, sums, 0);
  }

  /** Adds what each output has sent, its bytes and its drops to three sums each, from slot 0 on. */
  sampleOutputs(sums: Float64Array): void {
    const { due, sent, sent_bytes } = abi.mcr_output_stats;
    const at = { due, done: sent, bytes: sent_bytes };
    this.#sample(abi.mcr_stats.outputs, abi.mcr_stats.outputs_stride, at, sums, 1);
  }

  /**
   * A worker counts what is done before what was due. Here it is read after: so of a batch that is being counted drops
   * may be missing, but none are seen that did not happen.
   *
   * `lessDrops` is 1 where the first sum is of what is done, 0 where it is of what was due.
   */
  #sample(
    start: number,
    stride: number,
    at: { readonly due: number; readonly done: number; readonly bytes: number },
    sums: Float64Array,
    lessDrops: 0 | 1,
  ): void {
    for (let i = 0, offset = start; i < sums.length; i += 3, offset += stride) {
      const due = this.#read(offset + at.due), done = this.#read(offset + at.done);
      sums[i]! += lessDrops === 1 ? done : due;
      sums[i + 1]! += this.#read(offset + at.bytes);
      sums[i + 2]! += due - done;
    }
  }

  /** Sets a slot's counters to 0. Only while no worker's table has the slot. */
  clearRule(slot: number): void {
    this.#clear(ruleOffset(slot), abi.mcr_rule_stats.sizeof);
  }

  /** As `clearRule`. */
  clearOutput(slot: number): void {
    this.#clear(outputOffset(slot), abi.mcr_output_stats.sizeof);
  }

  /** As `clearRule`, for a ring that is about to be opened. */
  clearInput(input: number): void {
    this.#clear(abi.mcr_stats.rings + input * abi.mcr_stats.rings_stride, abi.mcr_ring_stats.sizeof);
  }

  /** Notes how far a dead worker had come on a ring. */
  settle(input: number, progress: Descriptor): void {
    if (this.#pointer === null) throw new TypeError("Cannot settle an input on a statistics page that has ended");
    check(native.mcr_stats_settle(this.#pointer, input, progress.fd));
  }

  /**
   * Two halves, read again when the upper one has changed in between: no number is ever half old, half new. Atomic, for
   * the compiler takes two plain reads of one word for one.
   */
  #read(offset: number): number {
    if (this.#pointer === null) throw new TypeError("Cannot read a statistics page that has ended");
    const low = offset / 4, high = low + 1;
    let upper = Atomics.load(this.#words, high);
    for (;;) {
      const lower = Atomics.load(this.#words, low);
      const again = Atomics.load(this.#words, high);
      if (again === upper) return upper * 2 ** 32 + lower;
      upper = again;
    }
  }

  #drops(offset: number): DropCounts {
    return DROP_NAMES.map((_, reason) => this.#read(offset + reason * 8));
  }

  #clear(offset: number, bytes: number): void {
    this.#words.fill(0, offset / 4, (offset + bytes) / 4);
  }

  /** Idempotent. What is read after it throws. */
  [Symbol.dispose](): void {
    if (this.#pointer === null) return;
    this.#words = new Uint32Array();
    native.mcr_stats_unmap(this.#pointer);
    this.#pointer = null;
    this.memory[Symbol.dispose]();
  }
}

function ruleOffset(slot: number): number {
  return abi.mcr_stats.rules + slot * abi.mcr_stats.rules_stride;
}

function outputOffset(slot: number): number {
  return abi.mcr_stats.outputs + slot * abi.mcr_stats.outputs_stride;
}
