/**
 * What the supervisor asks of the data plane. `Relay` in `relay.ts` is the real one; the unit tests of the supervisor
 * and the control socket use one that only remembers.
 *
 * @module
 */
import type { Histogram } from "./latency.ts";
import type {
  Drops,
  InterfaceStatus,
  Rule,
  RuleCounters,
  RuleState,
  Stats,
  WorkerCounters,
  WorkerStatus,
} from "./model.ts";

/** What became of one rule when its table was made. */
export interface RulePlacement {
  readonly state: RuleState;
  readonly waiting_for: readonly string[];
}

/** A rule that comes, goes, or takes the place of another, whose counters it goes on with. */
export interface RuleChange {
  readonly before?: Rule;
  readonly after?: Rule;
}

/** What is to be read of one rule. */
export interface RuleReading extends RulePlacement {
  readonly counters: RuleCounters;
  /** Undefined before the first datagram. */
  readonly histogram: Histogram | undefined;
}

/** The data plane behind the supervisor. */
export interface Engine extends AsyncDisposable {
  /**
   * Changes the rules that are relayed, all or nothing: resolves when every running worker forwards by the new ones;
   * rejects with the old ones still in force. No rule occurs twice. Calls may overlap; they take effect in the order in
   * which they were made.
   */
  apply(changes: readonly RuleChange[]): Promise<void>;

  /** The placement of a rule that has been applied. */
  placement(id: string): RulePlacement;

  /** All counters, read from shared memory at the moment of the call. */
  stats(): Stats;

  /** What all workers have counted. */
  totals(): WorkerCounters;

  /**
   * The rules that are relayed with their counters, each read when it is come to: for those who have other things to do
   * between two of them. One that is removed meanwhile is left out.
   */
  readings(): Iterable<RuleReading>;

  /**
   * All drops so far, of inputs and outputs, also of outputs that are gone, by reason: they only grow. Quicker than
   * `stats`.
   */
  drops(): Drops;

  /** What to look at where datagrams are dropped for this reason. */
  advice(reason: string): string;

  /** The workers, by index. */
  workers(): readonly WorkerStatus[];

  /** The interfaces as the kernel has them now. */
  interfaces(): readonly InterfaceStatus[];
}
