/**
 * Receive offload: has the kernel put datagrams of a flow together before the relay receives them.
 *
 * @module
 */
import { NativeError } from "../ffi/error.ts";
import { setFeature } from "../ffi/feature.ts";
import { messageOf } from "./error.ts";
import type { Log } from "./log.ts";

/** What it takes, as `ethtool -k` names it: putting together at all, and also for what no socket of this host waits for. */
const FEATURES = ["rx-gro", "rx-udp-gro-forwarding"] as const;

/** Switches it on for the interfaces that are named, while they are listened on. */
export class OffloadSet {
  readonly #names: ReadonlySet<string>;
  readonly #log: Log;
  /** What was switched on, by interface index. */
  readonly #switched = new Map<number, readonly string[]>();

  constructor(names: readonly string[], log: Log) {
    this.#names = new Set(names);
    this.#log = log;
  }

  /** Switches on what is off, if the interface is one that is named. What cannot be is logged. */
  start(interfaceIndex: number, interfaceName: string): void {
    if (!this.#names.has(interfaceName)) return;
    this.#switched.set(interfaceIndex, FEATURES.filter((feature) => this.#set(interfaceIndex, feature, true)));
  }

  /** Switches off again what was switched on. */
  end(interfaceIndex: number): void {
    const features = this.#switched.get(interfaceIndex) ?? [];
    this.#switched.delete(interfaceIndex);
    for (const feature of features.toReversed()) this.#set(interfaceIndex, feature, false);
  }

  #set(interfaceIndex: number, feature: string, isOn: boolean): boolean {
    try {
      return setFeature(interfaceIndex, feature, isOn);
    } catch (error) {
      // An interface that has gone took its settings along.
      const isGone = error instanceof NativeError && error.code === "ENODEV";
      const message = "receive offload is not as it should be: {reason}";
      if (!isGone) this.#log(message, "warning", { reason: messageOf(error) });
      return false;
    }
  }
}
