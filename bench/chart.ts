/**
 * The report as a picture: a panel for each row, a bar for each relay, all lengths relative to the longest of the panel.
 * It stands on light and dark pages alike and refers to nothing outside.
 *
 * @module
 */
import { round } from "./number.ts";
import { PEER_NAMES, type PeerName } from "./peer.ts";
import type { Report, Row } from "./report.ts";

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

/** The chart of a report, as SVG. */
export function drawChart(report: Report): string {
  const rows = report.rows.filter(isDrawn);
  const columnWidth = (WIDTH - MARGIN * (COLUMNS + 1)) / COLUMNS;
  const heights = Array<number>(COLUMNS).fill(HEADER_HEIGHT);
  const panels = rows.map((row) => {
    const column = heights.indexOf(Math.min(...heights));
    const panel = drawPanel(row, MARGIN + column * (columnWidth + MARGIN), heights[column]!, columnWidth);
    heights[column]! += panelHeight(row);
    return panel;
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

/** A single bar compares nothing. */
function isDrawn(row: Row): boolean {
  return figures(row).length > 1 && Math.max(...figures(row).map(({ value }) => value)) > 0;
}

function figures({ cells }: Row): { name: PeerName; value: number; isLimit: boolean }[] {
  return PEER_NAMES.flatMap((name) => {
    const cell = cells[name];
    return cell.kind === "figure" ? { name, value: cell.value, isLimit: cell.isLimitOfGenerator ?? false } : [];
  });
}

function drawHeader({ machine, isQuick, runs }: Report): string[] {
  const { date, kernel, cpu, cores } = machine;
  const effort = isQuick ? "quick run" : `median of ${runs} runs`;
  const line = `${date.slice(0, 10)}, Linux ${kernel}, ${cores} × ${cpu}; ${effort}; rates at no more than 0.1 % loss`;
  return [
    text(MARGIN, 22, "title", "One core: the kernel's receiving, the relay, the kernel's sending"),
    text(MARGIN, 41, "small", line),
  ];
}

function panelHeight(row: Row): number {
  return TITLE_HEIGHT + figures(row).length * BAR_PITCH + PANEL_GAP;
}

function drawPanel(row: Row, x: number, y: number, width: number): string {
  const longest = Math.max(...figures(row).map(({ value }) => value));
  const room = width - NAME_WIDTH - NUMBER_WIDTH;
  const hint = row.better === "higher" ? "more is better" : "less is better";
  const parts = [
    text(x, y + 12, "title", row.title),
    text(x + width, y + 12, "small", `${row.unit}, ${hint}`, "end"),
  ];
  figures(row).forEach(({ name, value, isLimit }, index) => {
    const top = y + TITLE_HEIGHT + index * BAR_PITCH;
    const length = Math.max(1, Math.round(room * value / longest));
    const number = (isLimit ? "≥ " : "") + round(value);
    parts.push(
      text(x, top + 11, "", name),
      `<rect x="${x + NAME_WIDTH}" y="${top}" width="${length}" height="${BAR_HEIGHT}" rx="2" fill="${
        COLOURS[name]
      }"/>`,
      text(x + NAME_WIDTH + length + 6, top + 11, "", number),
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
