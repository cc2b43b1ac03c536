/**
 * What a diagnosis asks the kernel.
 *
 * @module
 */
import * as abi from "./abi.ts";
import { check, native } from "./library.ts";

/** What an interface is connected to. */
export interface Link {
  /** Index of the bridge or bond that it is a part of; 0 when of none. */
  readonly master: number;
  readonly hasCarrier: boolean;
  /** What it does with groups, where it is a bridge of the kernel. */
  readonly bridge?: { readonly isSnooping: boolean; readonly hasQuerier: boolean };
}

/** Looks at one interface; throws when it is gone. */
export function readLink(interfaceIndex: number): Link {
  const bytes = new Uint8Array(abi.mcr_link.sizeof), view = new DataView(bytes.buffer);
  check(native.mcr_link_get(interfaceIndex, bytes));
  const isSet = (offset: number): boolean => view.getUint32(offset, true) !== 0;
  return {
    master: view.getUint32(abi.mcr_link.master, true),
    hasCarrier: isSet(abi.mcr_link.has_carrier),
    ...(isSet(abi.mcr_link.is_bridge)
      ? { bridge: { isSnooping: isSet(abi.mcr_link.is_snooping), hasQuerier: isSet(abi.mcr_link.has_querier) } }
      : {}),
  };
}

/** Whether something keeps the clock right, as the kernel was told. */
export function isClockSynchronized(): boolean {
  return check(native.mcr_clock_is_synchronized()) === 1;
}
