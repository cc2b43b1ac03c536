/**
 * Passes on what happens to whoever has subscribed. Nobody who tells something waits for anybody who listens.
 *
 * @module
 */
import type { EventKind, News } from "./event.ts";
import { formatNotification } from "./protocol.ts";

/** What is told and to whom. */
interface Subscriber {
  readonly kinds: ReadonlySet<EventKind>;
  /** Takes an event as a line of the protocol, at once. */
  readonly take: (line: string) => void;
}

/** A source that runs while its kind of event is wanted. */
interface Feed {
  readonly start: () => Disposable;
  running?: Disposable;
}

/** All subscriptions of one supervisor. */
export class EventHub {
  readonly #subscribers = new Set<Subscriber>();
  readonly #feeds = new Map<EventKind, Feed>();

  /** Whether anybody would hear. */
  isWanted(kind: EventKind): boolean {
    return [...this.#subscribers].some(({ kinds }) => kinds.has(kind));
  }

  /** Tells of something that happens now. */
  emit(news: News): void {
    if (!this.isWanted(news.kind)) return;
    const line = formatEvent(news);
    for (const { kinds, take } of this.#subscribers) {
      if (kinds.has(news.kind)) take(line);
    }
  }

  /** Has a source of events run as long as somebody wants them: what takes work to notice. */
  feed(kind: EventKind, start: () => Disposable): void {
    this.#feeds.set(kind, { start });
    this.#settle();
  }

  /** Calls `take` with each event of these kinds, from now until disposed. */
  subscribe(kinds: readonly EventKind[], take: (line: string) => void): Disposable {
    const subscriber = { kinds: new Set(kinds), take };
    this.#subscribers.add(subscriber);
    this.#settle();
    return {
      [Symbol.dispose]: (): void => {
        this.#subscribers.delete(subscriber);
        this.#settle();
      },
    };
  }

  #settle(): void {
    for (const [kind, feed] of this.#feeds) {
      if (this.isWanted(kind)) {
        feed.running ??= feed.start();
      } else {
        feed.running?.[Symbol.dispose]();
        delete feed.running;
      }
    }
  }
}

/** An event of now as a line. */
export function formatEvent(
  news: News | { readonly kind: "missed"; readonly type: "missed"; readonly count: number },
): string {
  return formatNotification("event", { time: new Date().toISOString(), ...news });
}
