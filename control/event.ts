/**
 * What happens in a running relay, as it is told to whoever subscribes. The same shapes travel over the control socket
 * and are exported from `mod.ts`.
 *
 * @module
 */
import { refuse, takeObject } from "./check.ts";
import type { InterfaceStatus, RuleState } from "./model.ts";

/** What events can be about. */
export const EVENT_KINDS = ["rule", "worker", "interface", "drop"] as const;

/** What an event is about. */
export type EventKind = typeof EVENT_KINDS[number];

/** A rule was added, removed or replaced, or its interfaces came or went. */
export interface RuleEvent {
  readonly kind: "rule";
  readonly type: "added" | "removed" | "replaced" | "state";
  readonly id: string;
  readonly name?: string;
  /** Absent of a rule that was removed. */
  readonly state?: RuleState;
  /** As in `RuleStatus`. */
  readonly waiting_for?: readonly string[];
}

/** A worker process was started, ended although nobody told it to, or was started in place of one that did. */
export interface WorkerEvent {
  readonly kind: "worker";
  readonly type: "started" | "ended" | "restarted";
  readonly index: number;
  readonly pid: number;
  /** What it ended with: `signal 9`, `status 1`. */
  readonly status?: string;
}

/** A network interface came, went, or is not as it was: renamed, up or down, another MTU or address. */
export interface InterfaceEvent extends InterfaceStatus {
  readonly kind: "interface";
  readonly type: "came" | "went" | "changed";
}

/**
 * Datagrams are dropped for a reason: told when the first, the 10th, the 100th and so on has been, and once a minute as
 * long as it goes on. After a minute without, it begins again.
 */
export interface DropEvent {
  readonly kind: "drop";
  readonly type: "growing";
  readonly reason: string;
  /** Datagrams since it began. */
  readonly count: number;
  /** What to look at. */
  readonly advice: string;
}

/** The reader was too slow: this many events that it had asked for were left out here. */
export interface MissedEvent {
  readonly kind: "missed";
  readonly type: "missed";
  readonly count: number;
}

/** An event that has no time yet. */
export type News = RuleEvent | WorkerEvent | InterfaceEvent | DropEvent;

/** Something that happened; `time` is UTC in ISO 8601, to the millisecond. */
export type RelayEvent = { readonly time: string } & (News | MissedEvent);

/** What a subscriber wants to hear of. */
export interface EventFilter {
  /** All kinds unless given. */
  readonly kinds?: readonly EventKind[];
}

/** What the kinds must be, in the words of every message about them. */
export const EXPECTED_KINDS = `kinds of events, of ${EVENT_KINDS.join(", ")}`;

/** Whether `value` is a kind of event. */
export function isEventKind(value: unknown): value is EventKind {
  return (EVENT_KINDS as readonly unknown[]).includes(value);
}

/** Reads the parameters of a subscription. */
export function parseEventFilter(params: unknown): readonly EventKind[] {
  const { kinds = EVENT_KINDS } = takeObject(params ?? {}, "", ["kinds"]);
  if (!Array.isArray(kinds) || kinds.length === 0) refuse("kinds", kinds, `a list of ${EXPECTED_KINDS}`);
  kinds.forEach((kind, index) =>
    isEventKind(kind) || refuse(`kinds[${index}]`, kind, `one of ${EVENT_KINDS.join(", ")}`)
  );
  return EVENT_KINDS.filter((kind) => kinds.includes(kind));
}
