/**
 * The sockets of the relay, which the supervisor opens and the workers use.
 *
 * @module
 */
import * as abi from "./abi.ts";
import { addressBytes, writeAddress } from "./address.ts";
import { Descriptor } from "./descriptor.ts";
import { check, errorName, native } from "./library.ts";
import type { PackedRules } from "./route_table.ts";

/** In place of a fanout group: the only socket that listens on its interface. */
export const FANOUT_ALONE = abi.MCR_FANOUT_ALONE;

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

/** What an output's socket is made from. Addresses are checked. */
export interface OutputSocketOptions {
  readonly interfaceIndex: number;
  /** `MCR_PROTOCOL_*`. */
  readonly protocol: number;
  /** Destination; of a range any. */
  readonly address: string;
  /** 0 with ESP, or when it is not connected. */
  readonly port: number;
  /** Address to send from; the interface's own when absent. */
  readonly source?: string | undefined;
  /** Port to send from; one of the kernel's choice when absent. */
  readonly sourcePort?: number | undefined;
  readonly ttl: number;
  /** DSCP and ECN as one byte. */
  readonly trafficClass: number;
  /** Whether all it sends goes to one place; else every send names its own. */
  readonly isConnected: boolean;
  /** Whether what is larger than the MTU leaves in fragments; else it is refused. */
  readonly isFragmenting: boolean;
  readonly sendBufferBytes: number;
}

/** What C reads before the call that is given it returns: one for all, for 10,000 sockets are opened at once. */
const packedOptions = new Uint8Array(abi.mcr_output_options.sizeof);

function packOptions(options: OutputSocketOptions): Uint8Array<ArrayBuffer> {
  const bytes = packedOptions.fill(0), view = new DataView(bytes.buffer);
  const put = (offset: number, value: number): void => view.setUint32(offset, value, true);
  writeAddress(bytes, abi.mcr_output_options.address, options.address);
  if (options.source !== undefined) writeAddress(bytes, abi.mcr_output_options.source, options.source);
  put(abi.mcr_output_options.interface, options.interfaceIndex);
  put(abi.mcr_output_options.protocol, options.protocol);
  put(abi.mcr_output_options.port, options.port);
  put(abi.mcr_output_options.source_port, options.sourcePort ?? 0);
  put(abi.mcr_output_options.ttl, options.ttl);
  put(abi.mcr_output_options.traffic_class, options.trafficClass);
  put(abi.mcr_output_options.is_connected, Number(options.isConnected));
  put(abi.mcr_output_options.is_fragmenting, Number(options.isFragmenting));
  put(abi.mcr_output_options.send_buffer_bytes, options.sendBufferBytes);
  return bytes;
}

/** Opens the socket of an output. */
export function openOutput(options: OutputSocketOptions): Descriptor {
  return new Descriptor(check(native.mcr_output_open(packOptions(options))));
}

/** The address and port that an output sends from, as `TableOptions` wants them. */
export function outputSender(socket: Descriptor): Uint8Array<ArrayBuffer> {
  const sender = new Uint8Array(abi.mcr_sender.sizeof);
  check(native.mcr_output_sender(socket.fd, sender));
  return sender;
}

/** A packet socket that sends an output's datagrams as whole frames, and the header that they begin with. */
export interface RawSocket {
  readonly socket: Descriptor;
  readonly header: Uint8Array;
}

/** Opens the packet socket of an output whose UDP socket is open. */
export function openRawOutput(socket: Descriptor, options: OutputSocketOptions): RawSocket {
  const header = new Uint8Array(abi.MCR_FRAME_HEADER_BYTES);
  const raw = native.mcr_output_open_raw(socket.fd, packOptions(options), header);
  return { socket: new Descriptor(check(raw)), header };
}

/** Group memberships of the host, as many as wanted: the kernel limits each socket, so there are several. */
export class Memberships implements Disposable {
  /** A socket holds a group either for all sources or for some, so those have sockets of their own. */
  readonly #sockets = { any: [] as Descriptor[], specific: [] as Descriptor[] };
  /** The socket that holds a membership. */
  readonly #holders = new Map<string, Descriptor>();

  /** Joins a group, for one source or for all; does nothing when joined already. */
  join(interfaceIndex: number, group: string, source?: string): void {
    const key = membershipKey(interfaceIndex, group, source);
    if (this.#holders.has(key)) return;
    this.#holders.set(key, this.#joinSomewhere(interfaceIndex, group, source));
  }

  /** Leaves; does nothing when not joined, or when the interface took the membership with it. */
  leave(interfaceIndex: number, group: string, source?: string): void {
    const key = membershipKey(interfaceIndex, group, source), holder = this.#holders.get(key);
    if (holder === undefined) return;
    this.#holders.delete(key);
    native.mcr_membership_leave(holder.fd, interfaceIndex, addressBytes(group), sourceBytes(source));
  }

  has(interfaceIndex: number, group: string, source?: string): boolean {
    return this.#holders.has(membershipKey(interfaceIndex, group, source));
  }

  #joinSomewhere(interfaceIndex: number, group: string, source: string | undefined): Descriptor {
    const sockets = this.#sockets[source === undefined ? "any" : "specific"];
    const join = (socket: Descriptor): number =>
      native.mcr_membership_join(socket.fd, interfaceIndex, addressBytes(group), sourceBytes(source));
    // The newest has room most likely: a full one stays full until something is left.
    for (const socket of sockets.slice(-2).reverse()) {
      const status = join(socket);
      if (status >= 0) return socket;
      if (errorName(status) !== "ENOBUFS") check(status);
    }
    const socket = new Descriptor(check(native.mcr_membership_open()));
    sockets.push(socket);
    check(join(socket));
    return socket;
  }

  /** Leaves all. */
  [Symbol.dispose](): void {
    for (const socket of [...this.#sockets.any.splice(0), ...this.#sockets.specific.splice(0)]) {
      socket[Symbol.dispose]();
    }
    this.#holders.clear();
  }
}

function membershipKey(interfaceIndex: number, group: string, source: string | undefined): string {
  return `${interfaceIndex} ${group} ${source ?? "*"}`;
}

function sourceBytes(source: string | undefined): Uint8Array<ArrayBuffer> | null {
  return source === undefined ? null : addressBytes(source);
}

/**
 * Opens a socket that keeps this host from refusing what is sent to one of its own addresses; undefined where it cannot be
 * had: somebody else has the port, or nobody has the address.
 */
export function holdInput(
  protocol: number,
  interfaceIndex: number,
  address: string,
  port: number,
): Descriptor | undefined {
  const status = native.mcr_input_hold(protocol, interfaceIndex, addressBytes(address), port);
  return status < 0 ? undefined : new Descriptor(status);
}

/** Opens a socket that takes this host's own copy of a group's datagrams, so that the kernel drops it cheaply. */
export function openAbsorber(interfaceIndex: number, group: string, port: number): Descriptor {
  return new Descriptor(check(native.mcr_absorber_open(interfaceIndex, addressBytes(group), port)));
}
