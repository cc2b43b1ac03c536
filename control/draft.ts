/**
 * A change that is prepared, and can still be given up.
 *
 * @module
 */
import { NativeError } from "../ffi/error.ts";
import type { NetworkInterface } from "../ffi/interfaces.ts";
import type { Counters, RuleSlots } from "./counters.ts";
import type { Input, InputSet } from "./input_set.ts";
import type { Rule, RuleOutput } from "./model.ts";
import { type OutputSet, type OutputSocket, wishFor } from "./output_set.ts";
import { isSamePlaced, type Placed, type PlacedOutput, placeRule, type Step } from "./placed.ts";
import { segmentMax, sendingOf } from "./sending.ts";

/** What the kernel says of an interface that has gone or is not ready: no reason to refuse a rule. */
const NOT_READY = ["ENODEV", "ENXIO", "ENETDOWN", "ENETUNREACH", "EHOSTUNREACH", "EADDRNOTAVAIL"];

/** Where rules get what they relay by. */
export interface Supplies {
  readonly inputs: InputSet;
  readonly outputs: OutputSet;
  readonly counters: Counters;
  /** Interfaces that can be used, by name. */
  readonly interfaces: ReadonlyMap<string, NetworkInterface>;
  /** Time to live of outputs that name none. */
  readonly ttl: number | "decrement";
}

/** Steps, and what was opened for them: closed again when the draft is disposed before it was kept. */
export class Draft implements Disposable {
  readonly steps: Step[] = [];
  readonly inputs: Input[] = [];
  readonly outputs: OutputSocket[] = [];
  readonly #supplies: Supplies;
  #undo = new DisposableStack();
  /** Interfaces that turned out not to be ready. */
  readonly #unready = new Set<string>();

  constructor(supplies: Supplies) {
    this.#supplies = supplies;
  }

  /** What else is to be done if the draft is given up. */
  defer(undo: () => void): void {
    this.#undo.defer(undo);
  }

  /** Everything is in use from now on. */
  keep(): void {
    this.#undo.move();
  }

  /**
   * Prepares that a rule comes, goes, takes the place of another, or is placed anew. Where it throws, nothing of that is
   * prepared, and the rest of the draft is as it was.
   */
  add(before: Placed | undefined, rule: Rule | undefined): void {
    const undo = this.#undo, inputCount = this.inputs.length, outputCount = this.outputs.length;
    this.#undo = new DisposableStack();
    try {
      const after = rule === undefined ? undefined : this.#place(rule, before);
      undo.use(this.#undo);
      if (before === undefined || after === undefined || !isSamePlaced(before, after)) {
        this.steps.push({ before, after });
      }
    } catch (error) {
      this.#undo.dispose();
      this.inputs.length = inputCount;
      this.outputs.length = outputCount;
      throw error;
    } finally {
      this.#undo = undo;
    }
  }

  #place(rule: Rule, before: Placed | undefined): Placed {
    const input = this.#input(rule.input.interface);
    const outputs = rule.outputs.map((output) => this.#output(output, rule));
    return placeRule(rule, this.#slots(rule, before), input, outputs, this.#supplies.ttl);
  }

  #slots(rule: Rule, before: Placed | undefined): RuleSlots {
    if (before?.rule === rule) return before.slots;
    const { counters } = this.#supplies, slots = counters.take(rule, before);
    this.#undo.defer(() => counters.cancel(slots, before?.slots));
    return slots;
  }

  #input(name: string): Input | undefined {
    const { interfaces, inputs } = this.#supplies, via = interfaces.get(name);
    if (via === undefined || this.#unready.has(name)) return undefined;
    const known = inputs.get(via.index);
    if (known !== undefined) return known;
    const input = unlessNotReady(() => inputs.open(via.index, via.name));
    if (input === undefined) {
      this.#unready.add(name);
      return undefined;
    }
    this.#undo.defer(() => inputs.cancel(input));
    this.inputs.push(input);
    return input;
  }

  #output(output: RuleOutput, { input }: Rule): PlacedOutput | undefined {
    const { interfaces, outputs, ttl } = this.#supplies, via = interfaces.get(output.interface);
    if (via === undefined || this.#unready.has(output.interface)) return undefined;
    const sending = sendingOf(output, input, ttl), wish = wishFor(output, sending, via);
    const known = outputs.get(wish.key), socket = known ?? unlessNotReady(() => outputs.open(wish));
    if (socket === undefined) return undefined;
    if (known === undefined) {
      this.#undo.defer(() => outputs.cancel(socket));
      this.outputs.push(socket);
    }
    return { socket, segmentMax: segmentMax(sending, via.mtu) };
  }

  [Symbol.dispose](): void {
    this.#undo.dispose();
  }
}

/** Undefined when the interface has gone, or is not ready, since it was listed. */
function unlessNotReady<Opened>(open: () => Opened): Opened | undefined {
  try {
    return open();
  } catch (error) {
    if (error instanceof NativeError && NOT_READY.includes(error.code)) return undefined;
    throw error;
  }
}
