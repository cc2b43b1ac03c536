/**
 * Filters that keep relayed datagrams from the rest of the host.
 *
 * @module
 */
import { Descriptor } from "./descriptor.ts";
import { check, native } from "./library.ts";
import type { PackedRules } from "./route_table.ts";

/** Whoever owns filters. The filters stay when it ends, and can then be swept by another. */
export class FilterOwner implements Disposable {
  readonly #socket = new Descriptor(check(native.mcr_exclusive_open()));

  /** Installs or replaces the filter of an interface; returns for how many of the input's rules it drops. */
  set(interfaceIndex: number, input: number, rules: PackedRules): number {
    return check(
      native.mcr_exclusive_set(
        this.#socket.fd,
        interfaceIndex,
        input,
        rules.bytes,
        rules.count,
        rules.sourceBytes,
        rules.sourceCount,
      ),
    );
  }

  /** Removes the filter of an interface, if there is one. */
  end(interfaceIndex: number): void {
    check(native.mcr_exclusive_end(this.#socket.fd, interfaceIndex));
  }

  [Symbol.dispose](): void {
    this.#socket[Symbol.dispose]();
  }
}

/** Removes from an interface what owners that are no more have left there; returns how many filters that were. */
export function sweepFilters(interfaceIndex: number): number {
  return check(native.mcr_exclusive_sweep(interfaceIndex));
}
