/**
 * The rules of a table in the form that C takes them, changed in place: one rule more or less moves one other at most,
 * whatever their number.
 *
 * @module
 */
import * as abi from "./abi.ts";
import { type NumberedRule, type PackedRules, writeOutputs, writeRule, writeSources } from "./route_table.ts";

/** Unused entries that are not worth moving the others. */
const WASTE_MAX = 4096;

/** Entries of one size, of which each rule has some in a row. */
class Rows {
  readonly #entryBytes: number;
  #bytes: Uint8Array<ArrayBuffer>;
  #count = 0;
  /** Where rows that were given back begin, by their length. */
  readonly #free = new Map<number, number[]>();
  #freeCount = 0;

  constructor(entryBytes: number) {
    this.#entryBytes = entryBytes;
    this.#bytes = new Uint8Array(64 * entryBytes);
  }

  /** Entries, those that nobody has included. */
  get count(): number {
    return this.#count;
  }

  /** The entries; those that nobody has are 0. */
  get bytes(): Uint8Array<ArrayBuffer> {
    return this.#bytes.subarray(0, this.#count * this.#entryBytes);
  }

  /** Whether moving all together would save more than half. */
  get isWasteful(): boolean {
    return this.#freeCount > WASTE_MAX && this.#freeCount > this.#count / 2;
  }

  /** Takes a row of entries, all 0; returns the number of the first. */
  take(length: number): number {
    if (length === 0) return 0;
    const free = this.#free.get(length)?.pop();
    if (free === undefined) return this.#grow(length);
    this.#freeCount -= length;
    return free;
  }

  /** Gives a row back. */
  free(first: number, length: number): void {
    if (length === 0) return;
    this.#bytes.fill(0, first * this.#entryBytes, (first + length) * this.#entryBytes);
    const rows = this.#free.get(length);
    if (rows === undefined) this.#free.set(length, [first]);
    else rows.push(first);
    this.#freeCount += length;
  }

  #grow(length: number): number {
    const first = this.#count, bytes = (first + length) * this.#entryBytes;
    this.#count += length;
    if (bytes > this.#bytes.length) {
      const grown = new Uint8Array(Math.max(bytes, 2 * this.#bytes.length));
      grown.set(this.#bytes);
      this.#bytes = grown;
    }
    return first;
  }
}

/** Where a rule's parts are. */
interface Place {
  index: number;
  readonly outputFirst: number;
  readonly sourceFirst: number;
}

/** Rules that come and go. */
export class RuleArena {
  #rules = new Rows(abi.mcr_rule.sizeof);
  #outputs = new Rows(abi.mcr_output.sizeof);
  #sources = new Rows(abi.mcr_source.sizeof);
  /** The rules in the order of their bytes, without gaps. */
  readonly #order: NumberedRule[] = [];
  readonly #places = new Map<NumberedRule, Place>();

  /** All rules, valid until the next change. */
  get packed(): PackedRules {
    return {
      count: this.#order.length,
      bytes: this.#rules.bytes.subarray(0, this.#order.length * abi.mcr_rule.sizeof),
      outputCount: this.#outputs.count,
      outputBytes: this.#outputs.bytes,
      sourceCount: this.#sources.count,
      sourceBytes: this.#sources.bytes,
    };
  }

  /** Adds a rule, which must not be there. */
  add(rule: NumberedRule): void {
    const index = this.#order.length;
    const outputFirst = this.#outputs.take(rule.outputs.length);
    const sourceFirst = this.#sources.take(rule.sources.length + rule.excluded.length);
    if (index === this.#rules.count) this.#rules.take(1);
    writeRule(this.#rules.bytes, index, rule, outputFirst, sourceFirst);
    writeOutputs(this.#outputs.bytes, outputFirst, rule);
    writeSources(this.#sources.bytes, sourceFirst, rule);
    this.#order.push(rule);
    this.#places.set(rule, { index, outputFirst, sourceFirst });
  }

  /** Removes a rule that is there. */
  delete(rule: NumberedRule): void {
    const { index, outputFirst, sourceFirst } = this.#places.get(rule)!;
    this.#outputs.free(outputFirst, rule.outputs.length);
    this.#sources.free(sourceFirst, rule.sources.length + rule.excluded.length);
    const last = this.#order.pop()!, size = abi.mcr_rule.sizeof;
    if (last !== rule) {
      this.#rules.bytes.copyWithin(index * size, this.#order.length * size, (this.#order.length + 1) * size);
      this.#order[index] = last;
      this.#places.get(last)!.index = index;
    }
    this.#places.delete(rule);
    if (this.#outputs.isWasteful || this.#sources.isWasteful) this.#rebuild();
  }

  #rebuild(): void {
    const rules = this.#order.splice(0);
    this.#rules = new Rows(abi.mcr_rule.sizeof);
    this.#outputs = new Rows(abi.mcr_output.sizeof);
    this.#sources = new Rows(abi.mcr_source.sizeof);
    this.#places.clear();
    for (const rule of rules) this.add(rule);
  }
}
