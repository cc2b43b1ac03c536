/**
 * The sockets that datagrams leave by. Outputs that are alike share one, so that source ports stay few and stable.
 *
 * @module
 */
import { MCR_OUTPUTS_MAX, MCR_PROTOCOL_UDP } from "../ffi/abi.ts";
import type { Descriptor } from "../ffi/descriptor.ts";
import type { NetworkInterface } from "../ffi/interfaces.ts";
import { openOutput, openRawOutput, type RawSocket } from "../ffi/sockets.ts";
import type { RuleOutput } from "./model.ts";
import { Slots } from "./slots.ts";

/** 4 MiB hold 3,000 datagrams of 1316 bytes: 60 ms at 50,000 a second to an interface that stands still. */
const SEND_BUFFER_BYTES = 4 << 20;

/** One socket. */
export interface OutputSocket {
  /** Index in the workers' tables. */
  readonly index: number;
  readonly key: string;
  readonly interfaceIndex: number;
  readonly socket: Descriptor;
  /** The packet socket beside it, where the output is raw, with an index of its own. */
  readonly raw: (RawSocket & { readonly index: number }) | undefined;
}

/** The descriptors of outputs, by index. */
export function descriptorsOf(outputs: Iterable<OutputSocket>): Map<number, Descriptor> {
  const descriptors = new Map<number, Descriptor>();
  for (const { index, socket, raw } of outputs) {
    descriptors.set(index, socket);
    if (raw !== undefined) descriptors.set(raw.index, raw.socket);
  }
  return descriptors;
}

/** Opens, shares and closes output sockets. */
export class OutputSet implements Disposable {
  readonly #slots = new Slots(MCR_OUTPUTS_MAX, "output sockets");
  readonly #sockets = new Map<string, OutputSocket>();

  /** What two outputs must have in common to share a socket; a socket keeps the source address it was opened with. */
  key(output: RuleOutput, ttl: number, { index, addresses }: NetworkInterface): string {
    return `${index} ${addresses[0] ?? "-"} ${output.group} ${output.port} ${ttl} ${output.raw ?? false}`;
  }

  get(key: string): OutputSocket | undefined {
    return this.#sockets.get(key);
  }

  [Symbol.iterator](): Iterator<OutputSocket> {
    return this.#sockets.values();
  }

  /** @throws {NativeError} with nothing opened. */
  open(output: RuleOutput, ttl: number, via: NetworkInterface): OutputSocket {
    using undo = new DisposableStack();
    const take = (): number => undo.adopt(this.#slots.take(), (slot) => this.#slots.cancel(slot));
    const { group, port } = output;
    const options = {
      interfaceIndex: via.index,
      protocol: MCR_PROTOCOL_UDP,
      address: group,
      port,
      ttl,
      trafficClass: 0,
      isConnected: true,
      isFragmenting: true,
      sendBufferBytes: SEND_BUFFER_BYTES,
    };
    const index = take(), socket = undo.use(openOutput(options));
    const raw = output.raw ? { index: take(), ...openRawOutput(socket, options) } : undefined;
    undo.move();
    const opened = { index, interfaceIndex: via.index, key: this.key(output, ttl, via), socket, raw };
    this.#sockets.set(opened.key, opened);
    return opened;
  }

  /** Closes a socket that no worker was told of. */
  cancel(output: OutputSocket): void {
    this.#end(output);
    for (const index of descriptorsOf([output]).keys()) this.#slots.cancel(index);
  }

  /** Closes a socket that the workers have been told to end. */
  close(output: OutputSocket): void {
    this.#end(output);
    for (const index of descriptorsOf([output]).keys()) this.#slots.release(index);
  }

  #end(output: OutputSocket): void {
    this.#sockets.delete(output.key);
    output.raw?.socket[Symbol.dispose]();
    output.socket[Symbol.dispose]();
  }

  /** See `Slots.settle`. */
  settle(): void {
    this.#slots.settle();
  }

  [Symbol.dispose](): void {
    for (const output of [...this.#sockets.values()]) this.#end(output);
  }
}
