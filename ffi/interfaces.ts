/**
 * The network interfaces of this namespace, and a sign when they change.
 *
 * @module
 */
import * as abi from "./abi.ts";
import { readAddress } from "./address.ts";
import { Descriptor } from "./descriptor.ts";
import { check, native } from "./library.ts";

const IFF_UP = 1;

/** An interface as the kernel has it now. */
export interface NetworkInterface {
  readonly name: string;
  readonly index: number;
  readonly mtu: number;
  readonly up: boolean;
  /** Those of IPv4 first. */
  readonly addresses: readonly string[];
}

/** All interfaces. */
export function listInterfaces(): NetworkInterface[] {
  for (let capacity = 64;; capacity *= 4) {
    const bytes = new Uint8Array(capacity * abi.mcr_interface.sizeof);
    const count = check(native.mcr_interfaces_list(bytes, capacity));
    if (count <= capacity) return Array.from({ length: count }, (_, i) => readInterface(bytes, i));
  }
}

function readInterface(bytes: Uint8Array, i: number): NetworkInterface {
  const { sizeof, addresses, addresses_stride } = abi.mcr_interface;
  const one = bytes.subarray(i * sizeof, (i + 1) * sizeof);
  const view = new DataView(one.buffer, one.byteOffset, sizeof);
  const name = one.subarray(abi.mcr_interface.name, abi.mcr_interface.name + abi.mcr_interface.name_count);
  return {
    name: new TextDecoder().decode(name.subarray(0, name.indexOf(0))),
    index: view.getUint32(abi.mcr_interface.index, true),
    mtu: view.getUint32(abi.mcr_interface.mtu, true),
    up: (view.getUint32(abi.mcr_interface.flags, true) & IFF_UP) !== 0,
    addresses: Array.from(
      { length: view.getUint32(abi.mcr_interface.address_count, true) },
      (_, a) => readAddress(one.subarray(addresses + a * addresses_stride, addresses + (a + 1) * addresses_stride)),
    ),
  };
}

/** Becomes readable when a link or an address changes. */
export class InterfaceWatch extends Descriptor {
  constructor() {
    super(check(native.mcr_interfaces_watch()));
  }

  /** Forgets what has been reported, so that the next change is; returns whether anything was. */
  drain(): boolean {
    return check(native.mcr_interfaces_drain(this.fd)) === 1;
  }
}
