/**
 * Absorbers: sockets that take this host's own copy of what is relayed, so that the kernel drops it cheaply. Nobody
 * depends on them: where one cannot be had, the kernel works more.
 *
 * @module
 */
import { MCR_PROTOCOL_UDP } from "../ffi/abi.ts";
import { NativeError } from "../ffi/error.ts";
import { hasFeature } from "../ffi/feature.ts";
import { openAbsorber } from "../ffi/sockets.ts";
import type { Placed } from "./placed.ts";

/** The kernel looks for a lone socket among at most 10 of a port: these leave room for two listeners. */
export const ABSORBERS_OF_PORT_MAX = 8;

/** How a socket is opened. */
type Open = (interfaceIndex: number, group: string, port: number) => Disposable;

/** An absorber and the rules that it is for. */
interface Absorber {
  readonly port: number;
  readonly socket: Disposable | undefined;
  users: number;
}

/** Which absorbers there are to be. */
export interface AbsorberOptions {
  /** Whether there are to be any. */
  readonly isWanted: boolean;
  /** Whether datagrams arrive put together on an interface: the kernel would take them apart for an absorber. */
  readonly isMerging?: (interfaceIndex: number) => boolean;
  /** Opens a socket: `openAbsorber` unless given. */
  readonly open?: Open;
}

/** Opens, keeps and closes absorbers. */
export class AbsorberSet implements Disposable {
  readonly #options: AbsorberOptions;
  readonly #open: Open;
  readonly #isMerging: (interfaceIndex: number) => boolean;
  /** By interface, group and port. */
  readonly #absorbers = new Map<string, Absorber>();
  /** Open ones, by port. */
  readonly #counts = new Map<number, number>();

  constructor(options: AbsorberOptions) {
    this.#options = options;
    this.#open = options.open ?? openAbsorber;
    this.#isMerging = options.isMerging ?? isMerging;
  }

  /** Takes note of an entry that is relayed now. */
  hold(one: Placed): void {
    const of = this.#placeOf(one);
    if (of === undefined) return;
    const { key, interfaceIndex, group, port } = of, known = this.#absorbers.get(key);
    if (known !== undefined) {
      known.users++;
      return;
    }
    const count = this.#counts.get(port) ?? 0;
    const socket = count < ABSORBERS_OF_PORT_MAX ? this.#attempt(interfaceIndex, group, port) : undefined;
    if (socket !== undefined) this.#counts.set(port, count + 1);
    this.#absorbers.set(key, { port, socket, users: 1 });
  }

  /** Takes note of one that is relayed no more. */
  release(one: Placed): void {
    const key = this.#placeOf(one)?.key, absorber = key === undefined ? undefined : this.#absorbers.get(key);
    if (absorber === undefined || --absorber.users > 0) return;
    this.#absorbers.delete(key!);
    if (absorber.socket === undefined) return;
    absorber.socket[Symbol.dispose]();
    this.#counts.set(absorber.port, this.#counts.get(absorber.port)! - 1);
  }

  /** What the absorber of an entry takes; undefined where there is none to be. */
  #placeOf({ rule, input, numbered }: Placed):
    | { readonly key: string; readonly interfaceIndex: number; readonly group: string; readonly port: number }
    | undefined {
    if (!this.#options.isWanted || input === undefined || numbered === undefined) return undefined;
    const { group, groupBits, protocol, portFirst: port, portLast } = numbered;
    const isOne = groupBits === 128 && protocol === MCR_PROTOCOL_UDP && port > 0 && port === portLast;
    if (!isOne || !isIpv4Group(group) || rule.input.exclusive) return undefined;
    const { interfaceIndex } = input;
    return { key: `${interfaceIndex} ${group} ${port}`, interfaceIndex, group, port };
  }

  #attempt(interfaceIndex: number, group: string, port: number): Disposable | undefined {
    try {
      return this.#isMerging(interfaceIndex) ? undefined : this.#open(interfaceIndex, group, port);
    } catch (error) {
      // Somebody has the port for himself, or we may not have it: all is as it would be without.
      if (error instanceof NativeError) return undefined;
      throw error;
    }
  }

  /** Closes all. */
  [Symbol.dispose](): void {
    for (const { socket } of this.#absorbers.values()) socket?.[Symbol.dispose]();
    this.#absorbers.clear();
    this.#counts.clear();
  }
}

function isMerging(interfaceIndex: number): boolean {
  return hasFeature(interfaceIndex, "rx-udp-gro-forwarding");
}

/** Only these: a socket of another address would take what others wait for. */
function isIpv4Group(address: string): boolean {
  const first = Number(address.split(".", 1)[0]);
  return !address.includes(":") && first >= 224 && first <= 239;
}
