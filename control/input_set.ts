/**
 * The interfaces that are listened on: their rings and filters.
 *
 * @module
 */
import { MCR_INPUTS_MAX } from "../ffi/abi.ts";
import type { PackedRules } from "../ffi/route_table.ts";
import { FANOUT_ALONE, InputSocket } from "../ffi/sockets.ts";
import type { StatsPage } from "../ffi/stats_page.ts";
import type { Log } from "./log.ts";
import type { OffloadSet } from "./offload_set.ts";
import { Slots } from "./slots.ts";

/** One interface that is listened on. */
export interface Input {
  /** Index in the workers' tables. */
  readonly index: number;
  readonly interfaceIndex: number;
  readonly interfaceName: string;
  /** One for each worker. */
  readonly sockets: readonly InputSocket[];
}

/** Opens, keeps and closes inputs. Knows no rules but by what they need. */
export class InputSet implements Disposable {
  readonly #slots = new Slots(MCR_INPUTS_MAX, "input interfaces");
  readonly #inputs = new Map<number, Input>();
  readonly #slotCount: number;
  readonly #pages: readonly StatsPage[];
  readonly #offload: OffloadSet;
  readonly #log: Log;

  constructor(slotCount: number, pages: readonly StatsPage[], offload: OffloadSet, log: Log) {
    this.#slotCount = slotCount;
    this.#pages = pages;
    this.#offload = offload;
    this.#log = log;
  }

  /** The input on an interface. */
  get(interfaceIndex: number): Input | undefined {
    return this.#inputs.get(interfaceIndex);
  }

  [Symbol.iterator](): Iterator<Input> {
    return this.#inputs.values();
  }

  /**
   * Opens an input, deaf until `filter`.
   *
   * @throws {NativeError} with nothing opened.
   */
  open(interfaceIndex: number, interfaceName: string): Input {
    const index = this.#slots.take();
    using undo = new DisposableStack();
    undo.defer(() => this.#slots.cancel(index));
    const sockets: InputSocket[] = [];
    for (const page of this.#pages) {
      page.clearInput(index);
      const fanout = sockets[0]?.fanout ?? (this.#pages.length === 1 ? FANOUT_ALONE : 0);
      sockets.push(undo.use(new InputSocket(interfaceIndex, this.#slotCount, fanout)));
    }
    undo.move();
    const input = { index, interfaceIndex, interfaceName, sockets };
    this.#inputs.set(interfaceIndex, input);
    this.#offload.start(interfaceIndex, interfaceName);
    return input;
  }

  /** Lets exactly the datagrams of the input's rules through. */
  filter(input: Input, rules: PackedRules): void {
    const isExact = input.sockets.map((socket) => socket.filter(input.index, rules)).every((exact) => exact);
    if (!isExact) {
      const message = "the kernel filter of {interface} lets more through than the rules need: too many groups";
      this.#log(message, "warning", { interface: input.interfaceName });
    }
  }

  /** Closes an input that no worker was told of. */
  cancel(input: Input): void {
    this.#end(input);
    this.#slots.cancel(input.index);
  }

  /** Closes an input that the workers have been told to end. */
  close(input: Input): void {
    this.#end(input);
    this.#slots.release(input.index);
  }

  #end(input: Input): void {
    if (this.#inputs.get(input.interfaceIndex) === input) this.#inputs.delete(input.interfaceIndex);
    this.#offload.end(input.interfaceIndex);
    for (const socket of input.sockets) socket[Symbol.dispose]();
  }

  /** See `Slots.settle`. */
  settle(): void {
    this.#slots.settle();
  }

  [Symbol.dispose](): void {
    for (const input of [...this.#inputs.values()]) this.#end(input);
  }
}
