/**
 * What the workers trade: latency against the work of the processor.
 *
 * @module
 */
import { MCR_PAUSE_US_MAX, MCR_PRIORITY_MAX, MCR_SEGMENTS_MAX } from "../ffi/abi.ts";

/** The longest pause or look, in microseconds. */
export const PAUSE_US_MAX = MCR_PAUSE_US_MAX;
/** The most datagrams of one send. */
export const SEGMENTS_MAX = MCR_SEGMENTS_MAX;
/** The highest real-time priority. */
export const PRIORITY_MAX = MCR_PRIORITY_MAX;

/** How a worker behaves when its rings are empty, and how much it sends at once. */
export interface Profile {
  /** How long it pauses before it sleeps, where the rate makes a batch likely, in microseconds; 0 for never. */
  readonly coalesceUs: number;
  /** How long it looks for datagrams before it sleeps, in microseconds; it keeps its core busy meanwhile. */
  readonly busyPollUs: number;
  /** Datagrams of one send, 1 to 64. */
  readonly segments: number;
  /** Real-time priority, 1 to 99; 0 for none: a turn of their core like other processes. */
  readonly priority: number;
}

/** The profiles by name. */
export const PROFILES = {
  latency: { coalesceUs: 0, busyPollUs: 100, segments: SEGMENTS_MAX, priority: 1 },
  balanced: { coalesceUs: 50, busyPollUs: 0, segments: SEGMENTS_MAX, priority: 0 },
  throughput: { coalesceUs: 200, busyPollUs: 0, segments: SEGMENTS_MAX, priority: 0 },
} as const satisfies Record<string, Profile>;

/** A profile's name. */
export type ProfileName = keyof typeof PROFILES;

/** Whether there is a profile of this name. */
export function isProfileName(name: string): name is ProfileName {
  return Object.hasOwn(PROFILES, name);
}
