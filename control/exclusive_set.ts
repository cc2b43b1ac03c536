/**
 * Exclusive input: the filters that keep what a rule relays from the rest of the host.
 *
 * @module
 */
import { FilterOwner, sweepFilters } from "../ffi/exclusive.ts";
import { packRules } from "../ffi/route_table.ts";
import type { NumberedRule } from "../ffi/route_table.ts";
import { messageOf } from "./error.ts";
import type { Input } from "./input_set.ts";
import type { Log } from "./log.ts";

/** The exclusive rules of each input that has any. */
export type ExclusiveRules = ReadonlyMap<Input, readonly NumberedRule[]>;

/** A filter in the kernel. */
interface Filter {
  readonly interfaceName: string;
  /** What it was made from. */
  readonly input: number;
  readonly rules: readonly NumberedRule[];
}

/** Installs, replaces and removes filters. Knows no rules but by what they drop. */
export class ExclusiveSet implements Disposable {
  readonly #log: Log;
  /** Made when first needed: who asks for nothing exclusive leaves no trace in the kernel. */
  #owner: FilterOwner | undefined;
  /** By interface index. */
  readonly #filters = new Map<number, Filter>();

  constructor(log: Log) {
    this.#log = log;
  }

  /** Removes what relays that were killed have left on interfaces. */
  sweep(interfaces: readonly { readonly index: number; readonly name: string }[]): void {
    for (const { index, name } of interfaces) {
      try {
        const count = sweepFilters(index);
        if (count === 0) continue;
        const message = "removed {count} exclusive filter(s) that a killed relay had left on {interface}";
        this.#log(message, "info", { count, interface: name });
      } catch (error) {
        this.#log(messageOf(error), "warning");
      }
    }
  }

  /**
   * Makes the filters such that they drop these rules and no others; an input without rules has a filter that drops
   * nothing. What fails is logged, or thrown where `isStrict` says so of the input.
   */
  apply(wanted: ExclusiveRules, isStrict: (input: Input) => boolean = () => false): void {
    const indexes = new Set([...wanted.keys()].map(({ interfaceIndex }) => interfaceIndex));
    for (const [index, { interfaceName }] of [...this.#filters]) {
      if (!indexes.has(index)) this.#end(index, interfaceName);
    }
    for (const [input, rules] of wanted) {
      try {
        this.#set(input, rules);
      } catch (error) {
        if (isStrict(input)) throw error;
        const fields = { interface: input.interfaceName, reason: messageOf(error) };
        this.#log("not all that is relayed from {interface} is exclusive: {reason}", "warning", fields);
      }
    }
  }

  #set({ interfaceIndex, interfaceName, index }: Input, rules: readonly NumberedRule[]): void {
    const old = this.#filters.get(interfaceIndex);
    const isSame = old?.input === index && old.rules.length === rules.length &&
      rules.every((rule, i) => rule === old.rules[i]);
    if (isSame) return;
    this.#owner ??= new FilterOwner();
    const count = this.#owner.set(interfaceIndex, index, packRules(rules));
    this.#filters.set(interfaceIndex, { interfaceName, input: index, rules });
    if (count === rules.length) return;
    const fields = { count, all: rules.length, interface: interfaceName };
    const message = "only {count} of {all} exclusive rules of {interface} are: the kernel's filter is full";
    this.#log(message, "warning", fields);
  }

  #end(index: number, interfaceName: string): void {
    this.#filters.delete(index);
    try {
      this.#owner!.end(index);
    } catch (error) {
      const fields = { interface: interfaceName, reason: messageOf(error) };
      this.#log("the exclusive filter of {interface} stays behind: {reason}", "error", fields);
    }
  }

  /** Removes all filters. */
  [Symbol.dispose](): void {
    this.apply(new Map());
    this.#owner?.[Symbol.dispose]();
  }
}
