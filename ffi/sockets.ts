/**
 * The sockets of the relay, which the supervisor opens and the workers use.
 *
 * @module
 */
import { MCR_FANOUT_ALONE, MCR_FRAME_HEADER_BYTES } from "./abi.ts";
import { addressBytes } from "./address.ts";
import { Descriptor } from "./descriptor.ts";
import { NativeError } from "./error.ts";
import { check, native } from "./library.ts";
import type { PackedRules } from "./route_table.ts";

/** In place of a fanout group: the only socket that listens on its interface. */
export const FANOUT_ALONE = MCR_FANOUT_ALONE;

/** One worker's packet ring on one interface, and the note of how far its sends have come. */
export class InputSocket implements Disposable {
  readonly socket: Descriptor;
  readonly progress: Descriptor;
  readonly slotCount: number;
  /** Stands for the fanout group, for the sockets of the other workers. */
  readonly fanout: number;

  /** Opens the ring, deaf until `filter`; `fanout` is 0 for the first of several, `FANOUT_ALONE` for an only one. */
  constructor(interfaceIndex: number, slotCount: number, fanout: number) {
    this.slotCount = slotCount;
    const group = new Uint32Array([fanout]);
    this.socket = new Descriptor(check(native.mcr_input_open(interfaceIndex, slotCount, group)));
    this.fanout = group[0]!;
    try {
      this.progress = new Descriptor(check(native.mcr_event_open()));
    } catch (error) {
      this.socket[Symbol.dispose]();
      throw error;
    }
  }

  /** Lets exactly the datagrams of an input's rules through; returns false where it had to let more through. */
  filter(input: number, rules: PackedRules): boolean {
    return check(native.mcr_input_filter(this.socket.fd, input, rules.bytes, rules.count)) === 1;
  }

  [Symbol.dispose](): void {
    this.socket[Symbol.dispose]();
    this.progress[Symbol.dispose]();
  }
}

/** What an output's socket is made from. */
export interface OutputSocketOptions {
  readonly interfaceIndex: number;
  /** Checked, dotted. */
  readonly group: string;
  readonly port: number;
  readonly ttl: number;
  readonly sendBufferBytes: number;
}

/** Opens a connected UDP socket. */
export function openOutput(options: OutputSocketOptions): Descriptor {
  const { interfaceIndex, group, port, ttl, sendBufferBytes } = options;
  return new Descriptor(
    check(native.mcr_output_open(interfaceIndex, addressBytes(group), port, ttl, sendBufferBytes)),
  );
}

/** A packet socket that sends an output's datagrams as whole frames, and the header that they begin with. */
export interface RawSocket {
  readonly socket: Descriptor;
  readonly header: Uint8Array;
}

/** Opens the packet socket of an output whose UDP socket is open. */
export function openRawOutput(socket: Descriptor, options: OutputSocketOptions): RawSocket {
  const { interfaceIndex, ttl, sendBufferBytes } = options;
  const header = new Uint8Array(MCR_FRAME_HEADER_BYTES);
  const raw = native.mcr_output_open_raw(socket.fd, interfaceIndex, ttl, sendBufferBytes, header);
  return { socket: new Descriptor(check(raw)), header };
}

/** Group memberships of the host, as many as wanted: the kernel limits each socket, so there are several. */
export class Memberships implements Disposable {
  readonly #sockets: Descriptor[] = [];
  /** The socket that holds a membership, by interface and group. */
  readonly #holders = new Map<string, Descriptor>();

  /** Joins; does nothing when joined already. */
  join(interfaceIndex: number, group: string): void {
    const key = `${interfaceIndex} ${group}`;
    if (this.#holders.has(key)) return;
    this.#holders.set(key, this.#joinSomewhere(interfaceIndex, addressBytes(group)));
  }

  /** Leaves; does nothing when not joined, or when the interface took the membership with it. */
  leave(interfaceIndex: number, group: string): void {
    const key = `${interfaceIndex} ${group}`;
    const holder = this.#holders.get(key);
    if (holder === undefined) return;
    this.#holders.delete(key);
    native.mcr_membership_leave(holder.fd, interfaceIndex, addressBytes(group));
  }

  #joinSomewhere(interfaceIndex: number, group: Uint8Array<ArrayBuffer>): Descriptor {
    // The newest has room most likely: a full one stays full until something is left.
    for (const socket of this.#sockets.toReversed().slice(0, 2)) {
      try {
        check(native.mcr_membership_join(socket.fd, interfaceIndex, group));
        return socket;
      } catch (error) {
        if (!(error instanceof NativeError) || error.code !== "ENOBUFS") throw error;
      }
    }
    const socket = new Descriptor(check(native.mcr_membership_open()));
    this.#sockets.push(socket);
    check(native.mcr_membership_join(socket.fd, interfaceIndex, group));
    return socket;
  }

  /** Leaves all. */
  [Symbol.dispose](): void {
    for (const socket of this.#sockets.splice(0)) socket[Symbol.dispose]();
    this.#holders.clear();
  }
}
