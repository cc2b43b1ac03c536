/**
 * Notices when datagrams are dropped, by looking at the counters: the relay itself tells nobody.
 *
 * @module
 */
import type { Engine } from "./engine.ts";
import type { DropEvent } from "./event.ts";
import type { Log } from "./log.ts";
import type { Drops } from "./model.ts";

/** The pause between two looks, if they are quick. */
const LOOK_MS = 1000;
/** A look that takes time, over many rules, is made the more rarely: it may cost 2 % of a core. */
const LOOK_SHARE = 50;
/** How often something that goes on is told again; after as long without, it begins anew. */
const REPEAT_MS = 60_000;

/** What a watch is made of. */
export interface DropWatchOptions {
  /** All drops so far, by reason. */
  readonly read: () => Drops;
  readonly advise: (reason: string) => string;
  readonly tell: (event: DropEvent) => void;
}

/** How one reason has gone. */
interface Course {
  /** When it was last seen to grow. */
  grownMs: number;
  /** Datagrams since it began. */
  count: number;
  /** The count at which it is told next, and when at the latest. */
  threshold: number;
  dueMs: number;
}

/** Looks at the counters until disposed. */
export class DropWatch implements Disposable {
  readonly #options: DropWatchOptions;
  readonly #courses = new Map<string, Course>();
  #before: Drops;
  #timer: ReturnType<typeof setTimeout> | undefined;

  /** What has been dropped so far is no news. */
  constructor(options: DropWatchOptions) {
    this.#options = options;
    this.#before = options.read();
    this.#wait(LOOK_MS);
  }

  #wait(ms: number): void {
    this.#timer = setTimeout(() => {
      const start = performance.now();
      this.look(start);
      this.#wait(Math.max(LOOK_MS, LOOK_SHARE * (performance.now() - start)));
    }, ms);
  }

  /** Compares with the last look, and tells what is worth it. */
  look(nowMs: number): void {
    const now = this.#options.read();
    for (const [reason, total] of Object.entries(now)) {
      // Less than before: a rule was removed, and its counters with it.
      const growth = total - (this.#before[reason] ?? 0);
      if (growth > 0) this.#grow(reason, growth, nowMs);
    }
    this.#before = now;
  }

  #grow(reason: string, growth: number, nowMs: number): void {
    const last = this.#courses.get(reason);
    const isNew = last === undefined || nowMs - last.grownMs >= REPEAT_MS;
    const course = isNew ? { grownMs: nowMs, count: 0, threshold: 1, dueMs: nowMs } : last;
    this.#courses.set(reason, course);
    course.grownMs = nowMs;
    course.count += growth;
    if (course.count < course.threshold && nowMs < course.dueMs) return;
    while (course.threshold <= course.count) course.threshold *= 10;
    course.dueMs = nowMs + REPEAT_MS;
    const { advise, tell } = this.#options;
    tell({ kind: "drop", type: "growing", reason, count: course.count, advice: advise(reason) });
  }

  [Symbol.dispose](): void {
    clearTimeout(this.#timer);
  }
}

/** Has the log say when a fuse cuts: a storm does not wait until somebody listens to events. */
export function logFuses(engine: Pick<Engine, "workers" | "advice">, log: Log): DropWatch {
  return new DropWatch({
    read: () => ({ max_rate: engine.workers().reduce((sum, { drops }) => sum + (drops["max_rate"] ?? 0), 0) }),
    advise: (reason) => engine.advice(reason),
    tell: ({ reason, count, advice }) => {
      log("a fuse cuts: {count} datagrams dropped so far ({reason}), {advice}", "warning", { count, reason, advice });
    },
  });
}
