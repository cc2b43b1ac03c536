/**
 * What a measurement is given and what it gives back.
 *
 * @module
 */
import type { Load } from "./load.ts";
import type { Job, Peer, Relay } from "./peer.ts";
import type { Try } from "./search.ts";
import type { Testbed } from "./topology.ts";

/** A relay at work in its testbed. */
export interface Stand {
  readonly peer: Peer;
  readonly bed: Testbed;
  readonly relay: Relay;
  readonly job: Job;
  readonly load: Load;
  readonly effort: Effort;
  /** Says what has just been measured. */
  readonly say: (text: string) => void;
}

/** How much time is given to a measurement. */
export interface Effort {
  /** How long each rate is offered. */
  readonly trySeconds: number;
  /** A search ends when its bounds are so many times apart. */
  readonly precision: number;
  /** How long CPU time and latency are observed. */
  readonly watchSeconds: number;
  /** How often a process is started to see how long that takes. */
  readonly starts: number;
}

/** One number that was measured. */
export interface Figure {
  readonly value: number;
  /** Share of the datagrams that did not arrive meanwhile; absent where none are sent. */
  readonly loss?: number;
  /** The generator could not send more. */
  readonly isLimitOfGenerator?: boolean;
  /** All that was tried to find it. */
  readonly tries?: readonly Try[];
}

/** The figures of one measurement by the names of its metrics. */
export type Sample = Readonly<Record<string, Figure>>;

/**
 * A measurement of one relay. It yields between its steps, so that those of several relays can take turns and what
 * disturbs the machine for a while disturbs all of them. `previous` is what its last run has found.
 */
export type Measure = (stand: Stand, previous: Sample | undefined) => AsyncGenerator<void, Sample>;
