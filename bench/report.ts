/**
 * The report: every figure with its runs, and which bars they clear.
 *
 * @module
 */
import type { Figure } from "./measure.ts";
import { median } from "./number.ts";
import type { PeerName } from "./peer.ts";
import type { Bar, Metric } from "./scenarios.ts";
import type { Try } from "./search.ts";

/** Figures are from these circumstances only. */
export interface Machine {
  readonly kernel: string;
  readonly cpu: string;
  readonly cores: number;
  readonly date: string;
  /** Load of the last minute when the bench began: what else was going on. */
  readonly load: number;
}

/** The median of the runs of one measurement, in the unit of its row. */
export interface Measured {
  readonly kind: "figure";
  readonly value: number;
  readonly loss?: number;
  readonly isLimitOfGenerator?: boolean;
  /** What each run has found. */
  readonly runs: readonly Run[];
}

/** What one run has found. */
export interface Run {
  readonly value: number;
  readonly loss?: number;
  readonly tries?: readonly Try[];
}

/** No figure, and why. */
export interface Absent {
  readonly kind: "missing" | "impossible" | "failed" | "unasked";
  readonly reason: string;
}

export type Cell = Measured | Absent;

/** One metric of one scenario, for all peers. */
export interface Row {
  readonly id: string;
  readonly title: string;
  readonly unit: string;
  readonly better: "higher" | "lower";
  readonly cells: Readonly<Record<PeerName, Cell>>;
  readonly bars: readonly Bar[];
  /** The row whose figures stand for those of peers that have none in this one. */
  readonly base?: string;
}

export interface Report {
  readonly machine: Machine;
  /** A quick run's figures are hints. */
  readonly isQuick: boolean;
  readonly runs: number;
  /** What was measured, by peer. */
  readonly peers: Readonly<Partial<Record<PeerName, string>>>;
  readonly rows: readonly Row[];
}

/** What became of a bar. */
export interface Verdict {
  readonly bar: Bar;
  /** Mcr's figure, or its share of the one it is compared with; absent when one of them is. */
  readonly got?: number;
  readonly isMet?: boolean;
}

/** The figure of several runs: the median of their values, with the loss that belongs to it. */
export function summarise(figures: readonly Figure[], { scale = 1 }: Metric): Measured {
  const middle = median(figures.map(({ value }) => value));
  const { loss, isLimitOfGenerator } = figures.find(({ value }) => value === middle)!;
  return {
    kind: "figure",
    value: middle / scale,
    ...loss === undefined ? {} : { loss },
    ...isLimitOfGenerator ? { isLimitOfGenerator } : {},
    runs: figures.map(({ value, loss, tries }) => ({
      value: value / scale,
      ...loss === undefined ? {} : { loss },
      ...tries === undefined ? {} : { tries },
    })),
  };
}

/** The cell that a row compares mcr's with: the peer's own, or that of the row which a bar or the base names instead. */
export function comparedCell(report: Report, row: Row, peer: PeerName): { cell: Cell; isOther: boolean } {
  const own = row.cells[peer];
  const named = row.bars.find((bar) => bar.peer === peer)?.row ?? (own.kind === "unasked" ? row.base : undefined);
  const other = report.rows.find(({ id }) => id === named);
  return other ? { cell: other.cells[peer], isOther: true } : { cell: own, isOther: false };
}

/** Mcr's figure as a multiple of a peer's; absent when one of them is, or a peer's is 0. */
export function ratio(mcr: Cell, peer: Cell): number | undefined {
  if (mcr.kind !== "figure" || peer.kind !== "figure" || peer.value === 0) return undefined;
  return mcr.value / peer.value;
}

/** Whether mcr clears the bars of a row. */
export function judge(report: Report, row: Row): Verdict[] {
  return row.bars.map((bar) => {
    const { mcr } = row.cells;
    if (bar.peer === undefined) return verdict(bar, mcr.kind === "figure" ? mcr.value : undefined);
    const base = bar.row === undefined ? row : report.rows.find(({ id }) => id === bar.row);
    const peer = base?.cells[bar.peer];
    // Whatever mcr carries is infinitely more than nothing.
    const isNothing = peer?.kind === "figure" && peer.value === 0 && mcr.kind === "figure" && mcr.value > 0;
    return verdict(bar, isNothing ? Infinity : peer && ratio(mcr, peer));
  });
}

function verdict(bar: Bar, got: number | undefined): Verdict {
  if (got === undefined) return { bar };
  return { bar, got, isMet: got >= (bar.least ?? -Infinity) && got <= (bar.most ?? Infinity) };
}
