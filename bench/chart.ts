/**
 * The report as a picture: a panel for each row, a bar for each relay, all lengths relative to the longest of the panel.
 * It stands on light and dark pages alike and refers to nothing outside.
 *
 * @module
 */
import { round } from "./number.ts";
import { PEER_NAMES, type PeerName } from "./peer.ts";
import { comparedCell, type Report, type Row } from "./report.ts";

const WIDTH = 860;
const COLUMNS = 2;
const MARGIN = 16;
const HEADER_HEIGHT = 58;
const TITLE_HEIGHT = 20;
const BAR_HEIGHT = 14;
const BAR_PITCH = 18;
const PANEL_GAP = 16;
const NAME_WIDTH = 52;
/** Room for the number at the end of the longest bar. */
const NUMBER_WIDTH = 78;

const COLOURS: Readonly<Record<PeerName, string>> = {
  mcr: "#1f7fd6",
  rust: "#c0703a",
  socat: "#8b8f97",
  kernel: "#4b9a6a",
};

const STYLE = "text{font:12px system-ui,sans-serif;fill:#1f2328}.title{font-weight:600}.small{fill:#59636e}" +
  "@media(prefers-color-scheme:dark){text{fill:#d1d7e0}.small{fill:#9198a1}}";

/** What is a matter of speed; the table has the rest. */
const UNITS = ["kpps", "kpps out", "s/Mpkt", "us"];

/** A bar of a panel. */
interface Bar {
  readonly name: PeerName;
  readonly value: number;
  readonly isLimitOfGenerator: boolean;
  /** Measured in another row, without what this one is about. */
  readonly isOther: boolean;
}

interface Panel {
  readonly row: Row;
  readonly bars: readonly Bar[];
}

/** The chart of a report, as SVG. */
export function drawChart(report: Report): string {
  const columnWidth = (WIDTH - MARGIN * (COLUMNS + 1)) / COLUMNS;
  const heights = Array<number>(COLUMNS).fill(HEADER_HEIGHT);
  const panels = panelsOf(report).map((panel) => {
    const column = heights.indexOf(Math.min(...heights));
    const drawn = drawPanel(panel, MARGIN + column * (columnWidth + MARGIN), heights[column]!, columnWidth);
    heights[column]! += TITLE_HEIGHT + panel.bars.length * BAR_PITCH + PANEL_GAP;
    return drawn;
  });
  const height = Math.max(...heights);
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" width="${WIDTH}" height="${height}" viewBox="0 0 ${WIDTH} ${height}" role="img" aria-label="mcr and other relays, measured in one run">`,
    `<style>${STYLE}</style>`,
    ...drawHeader(report),
    ...panels,
    "</svg>\n",
  ].join("\n");
}

/** The rows that compare something: a single bar does not, and neither do many of no length. */
function panelsOf(report: Report): Panel[] {
  return report.rows.filter(({ unit }) => UNITS.includes(unit))
    .map((row) => ({ row, bars: barsOf(report, row) }))
    .filter(({ bars }) => bars.length > 1 && bars.some(({ value }) => value > 0));
}

function barsOf(report: Report, row: Row): Bar[] {
  return PEER_NAMES.flatMap((name) => {
    const { cell, isOther } = name === "mcr"
      ? { cell: row.cells.mcr, isOther: false }
      : comparedCell(report, row, name);
    if (cell.kind !== "figure") return [];
    return { name, value: cell.value, isLimitOfGenerator: cell.isLimitOfGenerator ?? false, isOther };
  });
}

function drawHeader({ machine, isQuick, runs }: Report): string[] {
  const { date, kernel, cpu, cores } = machine;
  const effort = isQuick ? "quick run" : runs === 1 ? "one run" : `median of ${runs} runs`;
  const line =
    `${date.slice(0, 10)}, Linux ${kernel}, ${cores} × ${cpu}; ${effort}; rates at no more than 0.1 % loss; ` +
    "pale: without it";
  return [
    text(MARGIN, 22, "title", "One core: the kernel's receiving, the relay, the kernel's sending"),
    text(MARGIN, 41, "small", line),
  ];
}

function drawPanel({ row, bars }: Panel, x: number, y: number, width: number): string {
  const longest = Math.max(...bars.map(({ value }) => value));
  const room = width - NAME_WIDTH - NUMBER_WIDTH;
  const hint = row.better === "higher" ? "more is better" : "less is better";
  const parts = [
    text(x, y + 12, "title", row.title),
    text(x + width, y + 12, "small", `${row.unit}, ${hint}`, "end"),
  ];
  bars.forEach(({ name, value, isLimitOfGenerator, isOther }, index) => {
    const top = y + TITLE_HEIGHT + index * BAR_PITCH;
    const length = Math.max(1, Math.round(room * value / longest));
    const place = `x="${x + NAME_WIDTH}" y="${top}" width="${length}" height="${BAR_HEIGHT}"`;
    const look = `rx="2" fill="${COLOURS[name]}"${isOther ? ' fill-opacity="0.45"' : ""}`;
    parts.push(
      text(x, top + 11, "", name),
      `<rect ${place} ${look}/>`,
      text(x + NAME_WIDTH + length + 6, top + 11, "", (isLimitOfGenerator ? "≥ " : "") + round(value)),
    );
  });
  return parts.join("\n");
}

function text(x: number, y: number, style: string, content: string, anchor?: "end"): string {
  const attributes = (style && ` class="${style}"`) + (anchor ? ` text-anchor="${anchor}"` : "");
  return `<text x="${x}" y="${y}"${attributes}>${escape(content)}</text>`;
}

function escape(content: string): string {
  return content.replace(/[&<>"]/g, (sign) => `&#${sign.charCodeAt(0)};`);
}
