/**
 * The sockets that datagrams leave by. Outputs that are alike share one, so that source ports stay few and stable.
 *
 * @module
 */
import { MCR_OUTPUT_GROUP_MAP, MCR_OUTPUT_PORT_MAP, MCR_OUTPUTS_MAX, MCR_WORKER_FILES } from "../ffi/abi.ts";
import type { Descriptor } from "../ffi/descriptor.ts";
import type { NetworkInterface } from "../ffi/interfaces.ts";
import { openOutput, openRawOutput, outputSender, type OutputSocketOptions, type RawSocket } from "../ffi/sockets.ts";
import { isMulticast, parsePrefix } from "./address.ts";
import type { RuleOutput } from "./model.ts";
import type { Sending } from "./sending.ts";
import { Slots } from "./slots.ts";

/** 4 MiB hold 3,000 datagrams of 1316 bytes: 60 ms at 50,000 a second to an interface that stands still. */
const SEND_BUFFER_BYTES = 4 << 20;

/** What a socket is made from, and shared by. */
export interface OutputWish {
  readonly options: OutputSocketOptions;
  readonly isRaw: boolean;
  /** All of that, and the address that the interface has now: a socket keeps the one it was opened with. */
  readonly key: string;
}

/** One socket. */
export interface OutputSocket {
  /** Index in the workers' tables. */
  readonly index: number;
  readonly key: string;
  readonly interfaceIndex: number;
  readonly socket: Descriptor;
  /** Where it sends from, as C reads it. */
  readonly sender: Uint8Array<ArrayBuffer>;
  /** The packet socket beside it, where the output is raw, with an index of its own. */
  readonly raw: (RawSocket & { readonly index: number }) | undefined;
}

/** The socket that an output needs on an interface. */
export function wishFor(
  { source, source_port: sourcePort, oversize, raw: isRaw = false }: RuleOutput,
  { protocol, flags, group, port, ttl, trafficClass }: Sending,
  { index, addresses }: NetworkInterface,
): OutputWish {
  // What goes to many places says each time where to: one socket does for all of them. Not for groups and hosts, of
  // which only hosts answer, and are asked for by the interface's routes.
  const isConnected = (flags & (MCR_OUTPUT_GROUP_MAP | MCR_OUTPUT_PORT_MAP)) === 0;
  const isFragmenting = oversize !== "drop";
  const own = source ?? ownAddresses(group, addresses);
  const to = isConnected ? `${group} ${port}` : kindOf(group);
  const key = [index, protocol, to, own, sourcePort ?? 0, ttl, trafficClass, isFragmenting, isRaw].join(" ");
  const options = {
    interfaceIndex: index,
    protocol,
    address: group,
    port: isConnected ? port : 0,
    source,
    sourcePort,
    ttl,
    trafficClass,
    isConnected,
    isFragmenting,
    sendBufferBytes: SEND_BUFFER_BYTES,
  };
  return { options, isRaw, key };
}

/** What the kernel chooses the source from: the first address of IPv4, and of IPv6 the one nearest to the destination. */
function ownAddresses(group: string, addresses: readonly string[]): string {
  const isIpv6 = group.includes(":");
  const own = addresses.filter((address) => address.includes(":") === isIpv6);
  return isIpv6 ? own.join(",") : own[0] ?? "-";
}

/** What the destinations of a range have in common, as far as a socket minds. */
function kindOf(group: string): string {
  const prefix = parsePrefix(group)!;
  return `IPv${prefix.family} ${isMulticast(prefix) ? "groups" : "hosts"}`;
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
  readonly #slots: Slots;
  readonly #sockets = new Map<string, OutputSocket>();
  #senders: Uint8Array<ArrayBuffer> | undefined;

  /** `filesLimit` is of open files: workers, which register them, take no more sockets than it has room for. */
  constructor(filesLimit: number) {
    const room = filesLimit - MCR_WORKER_FILES;
    this.#slots = room < MCR_OUTPUTS_MAX
      ? new Slots(room, "output sockets", `the limit of open files (ulimit -n) is ${filesLimit}`)
      : new Slots(MCR_OUTPUTS_MAX, "output sockets");
  }

  get(key: string): OutputSocket | undefined {
    return this.#sockets.get(key);
  }

  [Symbol.iterator](): Iterator<OutputSocket> {
    return this.#sockets.values();
  }

  /** @throws {NativeError} with nothing opened. */
  open({ options, isRaw, key }: OutputWish): OutputSocket {
    using undo = new DisposableStack();
    const take = (): number => undo.adopt(this.#slots.take(), (slot) => this.#slots.cancel(slot));
    const index = take(), socket = undo.use(openOutput(options));
    const raw = isRaw ? { index: take(), ...openRawOutput(socket, options) } : undefined;
    const sender = outputSender(socket);
    undo.move();
    const opened = { index, interfaceIndex: options.interfaceIndex, key, socket, sender, raw };
    this.#sockets.set(key, opened);
    this.#senders = undefined;
    return opened;
  }

  /** Where all of them send from, as C reads it. */
  get senders(): Uint8Array<ArrayBuffer> {
    return this.#senders ??= concatenate([...this.#sockets.values()].map(({ sender }) => sender));
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
    this.#senders = undefined;
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

function concatenate(parts: readonly Uint8Array[]): Uint8Array<ArrayBuffer> {
  const whole = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}
