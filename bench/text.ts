/**
 * The report as a table for a terminal.
 *
 * @module
 */
import { formatTable } from "../control/table.ts";
import { round } from "./number.ts";
import { PEER_NAMES, type PeerName } from "./peer.ts";
import { type Absent, type Cell, comparedCell, judge, type Measured, ratio, type Report, type Row } from "./report.ts";

/** Between what is said of one relay and of the next. */
const GAP = "  ";

/** Widths of a figure, its loss in percent, mcr's multiple of it, and the mark of a bar. */
const WIDTHS = { figure: 6, loss: 5, ratio: 5, mark: 1 };

const OTHERS = PEER_NAMES.filter((name) => name !== "mcr");

const LEGEND =
  `Figures are medians; beside each stands the loss in percent, and mcr's figure as a multiple of the peer's,
+ or ! where a bar is met or missed. ">": the generator's limit. In parentheses: without it.`;

/** The whole report. */
export function formatReport(report: Report): string {
  const notes = new Notes();
  const lines = [heading(report), "", headings(report), ...report.rows.map((row) => formatRow(report, row, notes))];
  const parts = [lines.join("\n"), LEGEND, notes.text, formatBars(report)];
  return parts.filter((part) => part !== "").join("\n\n") + "\n";
}

function heading({ machine, isQuick, runs, peers }: Report): string {
  const { kernel, cpu, cores, date, load } = machine;
  const effort = isQuick ? "quick run: hints, not results" : `median of ${runs}`;
  const list = Object.entries(peers).map(([name, text]) => `${name}: ${text}`);
  return [`${date}, Linux ${kernel}, ${cores} x ${cpu}, load ${load.toFixed(1)}; ${effort}`, ...list].join("\n");
}

function headings(report: Report): string {
  const [title, unit] = firstWidths(report);
  const peers = OTHERS.map((name) => name.padStart(WIDTHS.figure).padEnd(peerWidth()));
  return ["".padEnd(title), "unit".padEnd(unit), "mcr".padStart(WIDTHS.figure).padEnd(mcrWidth()), ...peers]
    .join(GAP).trimEnd();
}

function formatRow(report: Report, row: Row, notes: Notes): string {
  const [title, unit] = firstWidths(report);
  const peers = OTHERS.map((name) => formatPeer(report, row, name, notes).padEnd(peerWidth()));
  const { mcr } = row.cells;
  const own = mcr.kind === "figure" ? formatFigure(mcr, mark(report, row, "mcr")) : notes.mark(mcr);
  return [row.title.padEnd(title), row.unit.padEnd(unit), own.padEnd(mcrWidth()), ...peers].join(GAP).trimEnd();
}

function formatPeer(report: Report, row: Row, peer: PeerName, notes: Notes): string {
  const { cell, isOther } = comparedCell(report, row, peer);
  if (cell.kind !== "figure") return notes.mark(cell);
  // What is a share already is not compared.
  const share = row.unit === "%" ? undefined : ratio(row.cells.mcr, cell);
  const text = share === undefined ? "" : `${share.toFixed(share < 10 ? 2 : 1)}x`;
  return `${formatFigure(cell, "", isOther)} ${text.padStart(WIDTHS.ratio)}${mark(report, row, peer)}`;
}

function formatFigure({ value, loss, isLimitOfGenerator }: Measured, mark: string, isOther = false): string {
  const text = (isLimitOfGenerator ? ">" : "") + round(value);
  const figure = isOther ? `(${text})` : text;
  const lost = loss === undefined ? "" : (Math.max(0, loss) * 100).toFixed(2);
  return `${figure.padStart(WIDTHS.figure)} ${lost.padStart(WIDTHS.loss)}${mark}`;
}

/** Whether the bars on a cell are met: of the figure itself in mcr's own column, else of the comparison. */
function mark(report: Report, row: Row, peer: PeerName): string {
  const verdicts = judge(report, row).filter(({ bar }) => (bar.peer ?? "mcr") === peer);
  const met = verdicts.flatMap(({ isMet }) => isMet ?? []);
  if (met.length === 0) return "";
  return met.every(Boolean) ? "+" : "!";
}

function formatBars(report: Report): string {
  const rows = report.rows.flatMap((row) =>
    judge(report, row).map(({ bar, got, isMet }) => {
      const base = report.rows.find(({ id }) => id === bar.row)?.title ?? bar.row;
      const than = bar.peer === undefined ? "" : ` / ${bar.peer}${base === undefined ? "" : `, ${base}`}`;
      const unit = bar.peer === undefined ? ` ${row.unit}` : "x";
      const wanted = bar.least === undefined ? `at most ${round(bar.most!)}` : `at least ${round(bar.least)}`;
      const now = got === undefined ? "-" : got === Infinity ? "all" : round(got) + unit;
      return [row.title + than, wanted + unit, now, isMet === undefined ? "no figure" : isMet ? "met" : "missed"];
    })
  );
  if (rows.length === 0) return "";
  const columns = [{ heading: "BAR" }, { heading: "WANTED" }, { heading: "NOW", isNumeric: true }, { heading: "" }];
  return formatTable(columns, rows).trimEnd();
}

function firstWidths({ rows }: Report): [title: number, unit: number] {
  return [Math.max(0, ...rows.map(({ title }) => title.length)), Math.max(4, ...rows.map(({ unit }) => unit.length))];
}

function mcrWidth(): number {
  return WIDTHS.figure + 1 + WIDTHS.loss + WIDTHS.mark;
}

function peerWidth(): number {
  return WIDTHS.figure + 1 + WIDTHS.loss + 1 + WIDTHS.ratio + WIDTHS.mark;
}

/** Reasons, said once each below the table. */
class Notes {
  readonly #reasons: string[] = [];

  mark({ kind, reason }: Absent): string {
    if (kind === "unasked") return "";
    if (!this.#reasons.includes(reason)) this.#reasons.push(reason);
    return `${kind} [${this.#reasons.indexOf(reason) + 1}]`;
  }

  get text(): string {
    return this.#reasons.map((reason, index) => `[${index + 1}] ${reason}`).join("\n");
  }
}

/** One line about a cell, for progress. */
export function describeCell(cell: Cell, unit: string): string {
  return cell.kind === "figure" ? `${round(cell.value)} ${unit}` : `${cell.kind}: ${cell.reason}`;
}
