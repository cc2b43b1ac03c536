/**
 * Holds: sockets that keep this host from answering "unreachable" to what is relayed from one of its own addresses.
 * Nobody depends on them: where one cannot be had, senders may be told so, and go on or not.
 *
 * @module
 */
import { MCR_PROTOCOL_ESP } from "../ffi/abi.ts";
import { holdInput } from "../ffi/sockets.ts";
import { ADDRESS_BITS, isLinkLocal, isUnicast, parsePrefix } from "./address.ts";
import type { Placed } from "./placed.ts";

/** How a socket is opened; undefined where it cannot be: the address may not be this host's, or not yet. */
type Open = (protocol: number, interfaceIndex: number, address: string, port: number) => Disposable | undefined;

/** What is held, and for how many rules. */
interface Hold {
  readonly place: Parameters<Open>;
  socket: Disposable | undefined;
  users: number;
}

/** Opens, keeps and closes holds. */
export class HoldSet implements Disposable {
  readonly #open: Open;
  readonly #holds = new Map<string, Hold>();

  /** `open` opens a socket: `holdInput` unless given. */
  constructor(open: Open = holdInput) {
    this.#open = open;
  }

  /** Takes note of an entry that is relayed now. */
  hold(one: Placed): void {
    const place = placeOf(one);
    if (place === undefined) return;
    const key = place.join(" "), known = this.#holds.get(key);
    if (known !== undefined) known.users++;
    else this.#holds.set(key, { place, socket: this.#open(...place), users: 1 });
  }

  /** Takes note of one that is relayed no more. */
  release(one: Placed): void {
    const key = placeOf(one)?.join(" ") ?? "", hold = this.#holds.get(key);
    if (hold === undefined || --hold.users > 0) return;
    this.#holds.delete(key);
    hold.socket?.[Symbol.dispose]();
  }

  /** Tries again what could not be had: the addresses of this host have changed. */
  retry(): void {
    for (const hold of this.#holds.values()) hold.socket ??= this.#open(...hold.place);
  }

  /** Closes all. */
  [Symbol.dispose](): void {
    for (const { socket } of this.#holds.values()) socket?.[Symbol.dispose]();
    this.#holds.clear();
  }
}

/** What is held for an entry: of a host's address the one port, or ESP. Of ranges nothing is. */
function placeOf({ input, numbered }: Placed): Parameters<Open> | undefined {
  if (input === undefined || numbered === undefined || numbered.groupBits !== ADDRESS_BITS) return undefined;
  const { group, protocol, portFirst: port, portLast } = numbered, address = parsePrefix(group)!;
  const isOne = protocol === MCR_PROTOCOL_ESP || (port > 0 && port === portLast);
  if (!isOne || !isUnicast(address)) return undefined;
  return [protocol, isLinkLocal(address) ? input.interfaceIndex : 0, group, port];
}
