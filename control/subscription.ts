/**
 * One client's subscription to events: a queue that never grows beyond its limit, and the count of what it had no room
 * for.
 *
 * @module
 */
import { ControlError } from "./error.ts";
import { type EventKind, parseEventFilter } from "./event.ts";
import { type EventHub, formatEvent } from "./event_hub.ts";
import type { Session } from "./protocol.ts";

/** The present subscription of each connection. */
const SUBSCRIPTIONS = new WeakMap<Session, Disposable>();

/** Answers `event.subscribe`: the connection hears of these kinds from now on, instead of those it asked for before. */
export function subscribe(hub: EventHub, params: unknown, session?: Session): { readonly kinds: readonly EventKind[] } {
  const kinds = parseEventFilter(params);
  if (session === undefined) {
    throw new ControlError("failed", "Cannot subscribe: there is no connection to tell events on");
  }
  if (!SUBSCRIPTIONS.has(session)) session.onEnd(() => SUBSCRIPTIONS.get(session)?.[Symbol.dispose]());
  SUBSCRIPTIONS.get(session)?.[Symbol.dispose]();
  const queue = new EventQueue(session);
  const subscription = hub.subscribe(kinds, (line) => queue.push(line));
  SUBSCRIPTIONS.set(session, subscription);
  return { kinds };
}

/** Events on their way to one client. Once one has found no room, none is taken until the client has read the rest. */
class EventQueue {
  readonly #session: Session;
  #missedCount = 0;

  constructor(session: Session) {
    this.#session = session;
  }

  push(line: string): void {
    if (this.#missedCount === 0 && this.#session.notify(line)) return;
    if (this.#missedCount++ === 0) this.#tellMissedLater();
  }

  #tellMissedLater(): void {
    this.#session.flushed().then(() => {
      // Whoever was awake first may have filled it again, with answers.
      if (this.#session.notify(formatEvent({ kind: "missed", type: "missed", count: this.#missedCount }))) {
        this.#missedCount = 0;
      } else {
        this.#tellMissedLater();
      }
    });
  }
}
