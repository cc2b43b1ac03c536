/**
 * The groups that the host is a member of for its rules, each for as long as one needs it.
 *
 * @module
 */
import { Memberships } from "../ffi/sockets.ts";
import { messageOf } from "./error.ts";
import type { Log } from "./log.ts";
import type { Membership } from "./memberships.ts";

/** Joins and leaves. What the kernel refuses is logged, and the rule goes on: its datagrams may come all the same. */
export class MembershipSet implements Disposable {
  readonly #log: Log;
  readonly #memberships = new Memberships();
  /** Users of each membership, by interface index and `source@group`. */
  readonly #users = new Map<number, Map<string, number>>();

  constructor(log: Log) {
    this.#log = log;
  }

  /** Joins, each for one user more. */
  hold(interfaceIndex: number, interfaceName: string, wanted: readonly Membership[]): void {
    const users = this.#users.get(interfaceIndex) ?? new Map<string, number>();
    for (const one of wanted) {
      const word = wordOf(one), count = users.get(word) ?? 0;
      if (count === 0) this.#join(interfaceIndex, interfaceName, one);
      users.set(word, count + 1);
    }
    if (users.size > 0) this.#users.set(interfaceIndex, users);
  }

  /** Leaves those that no user is left of. */
  drop(interfaceIndex: number, held: readonly Membership[]): void {
    const users = this.#users.get(interfaceIndex);
    for (const one of held) {
      const word = wordOf(one), count = users!.get(word)! - 1;
      if (count > 0) {
        users!.set(word, count);
        continue;
      }
      users!.delete(word);
      this.#memberships.leave(interfaceIndex, one.group, one.source);
    }
    if (users?.size === 0) this.#users.delete(interfaceIndex);
  }

  /** What is joined on an interface: `239.1.1.1`, or `10.1.1.1@239.1.1.1` from one source. */
  joined(interfaceIndex: number): string[] {
    const words = [...this.#users.get(interfaceIndex)?.keys() ?? []];
    return words.filter((word) => this.#memberships.has(interfaceIndex, ...partsOf(word)));
  }

  #join(interfaceIndex: number, interfaceName: string, { group, source }: Membership): void {
    try {
      this.#memberships.join(interfaceIndex, group, source);
    } catch (error) {
      const fields = { group, interface: interfaceName, reason: messageOf(error) };
      this.#log("{group} is not joined on {interface}: {reason}", "warning", fields);
    }
  }

  [Symbol.dispose](): void {
    this.#memberships[Symbol.dispose]();
  }
}

function wordOf({ group, source }: Membership): string {
  return source === undefined ? group : `${source}@${group}`;
}

function partsOf(word: string): [group: string, source?: string] {
  const [first, second] = word.split("@");
  return second === undefined ? [first!] : [second, first!];
}
