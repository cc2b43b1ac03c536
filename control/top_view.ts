/**
 * The picture that `mcr top` shows: from its state to lines of styled text. Pure.
 *
 * @module
 */
import type { TerminalSize } from "./command.ts";
import { sumDrops } from "./drops.ts";
import type { OutputCounters, Rate, RuleCounters, Stats } from "./model.ts";
import { formatEndpoint } from "./rule_text.ts";
import type { Line, Span, Style } from "./screen.ts";
import { printable } from "./table.ts";
import { chosenRules, dropRate, type Sort, titleOf, type TopState, totalDrops } from "./top_state.ts";
import { formatAge, formatMicroseconds, formatShort } from "./units.ts";

/** What the terminal is like, and what time it is. */
export interface TopPlace extends TerminalSize {
  /** Whether it shows more than ASCII. */
  readonly isUnicode: boolean;
  readonly nowMs: number;
}

/** Lines above the list and below it. */
const HEAD_LINES = 3;
const FOOT_LINES = 1;

const TITLE_COLUMNS_MIN = 16;
const TITLE_COLUMNS_MAX = 44;
const SPARK_COLUMNS_MIN = 8;
const SPARK_COLUMNS_MAX = 60;

/** A column of numbers, and what the list is sorted by when it is. */
interface NumberColumn {
  readonly heading: string;
  readonly width: number;
  readonly sort?: Sort;
}

/** In the order in which they stand. */
const NUMBERS: readonly NumberColumn[] = [
  { heading: "PPS", width: 5, sort: "rate" },
  { heading: "BIT/S", width: 5, sort: "bits" },
  { heading: "DROP/S", width: 6, sort: "drops" },
  { heading: "DROPPED", width: 7 },
  { heading: "P50", width: 6 },
  { heading: "P99", width: 6, sort: "latency" },
  { heading: "LAST", width: 4, sort: "last" },
];

/** Where there is no room, these go, one after the other. */
const DISPENSABLE = ["P50", "LAST", "P99", "DROPPED", "DROP/S", "BIT/S"];

/** What is shown of one rule or output, in the order of `NUMBERS`. */
interface Row {
  readonly title: string;
  readonly numbers: readonly string[];
  readonly style: Style;
  /** Of drops, which may stand out where the rest does not. */
  readonly dropStyle: Style;
  readonly history: readonly number[];
}

/** Where things stand on a line. */
interface Layout {
  readonly titleColumns: number;
  /** Which of `NUMBERS` are shown. */
  readonly shown: readonly number[];
  readonly sparkColumns: number;
}

/** How many lines of the list there is room for. */
export function pageOf({ rows }: TerminalSize): number {
  return Math.max(1, rows - HEAD_LINES - FOOT_LINES);
}

/** The picture: as many lines as the terminal has rows. `scroll` comes back as far as the list is long. */
export function drawTop(
  state: TopState,
  place: TopPlace,
): { readonly lines: readonly Line[]; readonly scroll: number } {
  const rules = chosenRules(state);
  const layout = chooseLayout(rules, state, place);
  const list = rules.flatMap((rule) => ruleLines(rule, state, place, layout));
  const page = pageOf(place);
  const scroll = Math.min(state.scroll, Math.max(0, list.length - page));
  const shown = list.slice(scroll, scroll + page);
  const lines = [
    summaryLine(state),
    settingsLine(state, rules.length, { first: scroll, count: shown.length, all: list.length }),
    headingLine(state, layout),
    ...shown,
    ...Array<Line>(page - shown.length).fill([]),
    footLine(state),
  ];
  return { lines: lines.slice(-place.rows).map((line) => cutLine(line, place.columns)), scroll };
}

function summaryLine({ stats, window }: TopState): Line {
  if (stats === null) return [span("mcr top", "bold"), span("  waiting for the supervisor")];
  const { totals, rules } = stats;
  const outputs = rules.flatMap((rule) => rule.outputs.map((output) => output.rates[window]));
  const drops = rules.reduce((sum, rule) => sum + dropRate(rule, window), totals.rates[window].drops_per_s);
  return [
    span("mcr top", "bold"),
    span(
      `  ${rules.length} ${rules.length === 1 ? "rule" : "rules"}  in ${formatRate(totals.rates[window])}  out ${
        formatRate(addRates(outputs))
      }  `,
    ),
    span(`drops ${formatShort(drops)}/s`, drops > 0 ? "alarm" : "plain"),
  ];
}

function settingsLine(
  { sort, isReversed, window, filter, isFiltering, stats }: TopState,
  ruleCount: number,
  { first, count, all }: { readonly first: number; readonly count: number; readonly all: number },
): Line {
  const direction = isReversed ? ", reversed" : "";
  const seconds = window.slice("over_".length);
  const range = all > count ? `  lines ${first + 1}-${first + count} of ${all}` : "";
  const matching = filter === "" ? "" : `  ${ruleCount} of ${stats?.rules.length ?? 0} rules`;
  return [
    span(`by ${sort}${direction}  over ${seconds}${range}${matching}`, "dim"),
    ...filter === "" && !isFiltering ? [] : [span(`  filter: ${filter}${isFiltering ? "_" : ""}`, "accent")],
  ];
}

function headingLine({ sort }: TopState, { titleColumns, shown, sparkColumns }: Layout): Line {
  const isSorted = (column: Sort | undefined): Style => column === sort ? "bold" : "inverse";
  return [
    span("RULE".padEnd(titleColumns), isSorted("name")),
    ...shown.map((number) => {
      const { heading, width, sort: own } = NUMBERS[number]!;
      return span(` ${heading.padStart(width)}`, isSorted(own));
    }),
    ...sparkColumns === 0 ? [] : [span(` ${"RATE".padEnd(sparkColumns)}`, "inverse")],
  ];
}

function footLine({ trouble, isFiltering }: TopState): Line {
  if (trouble !== null) return [span(trouble, "alarm")];
  if (isFiltering) return [span("type part of a name, group or interface; Enter keeps it, Esc clears it", "dim")];
  return [span("q quit  n r b d l a sort  w window  o outputs  / filter  arrows scroll and sort", "dim")];
}

function chooseLayout(rules: readonly RuleCounters[], { isWithOutputs }: TopState, { columns }: TopPlace): Layout {
  const dispensable = [...DISPENSABLE];
  let shown = [...NUMBERS.keys()];
  const numberColumns = (): number => shown.reduce((sum, number) => sum + 1 + NUMBERS[number]!.width, 0);
  while (dispensable.length > 0 && TITLE_COLUMNS_MIN + numberColumns() > columns) {
    const next = dispensable.shift();
    shown = shown.filter((number) => NUMBERS[number]!.heading !== next);
  }
  const titles = rules.flatMap((rule) => [titleOf(rule), ...isWithOutputs ? rule.outputs.map(outputTitle) : []]);
  const longest = titles.reduce((max, { length }) => Math.max(max, length), TITLE_COLUMNS_MIN);
  const rest = columns - numberColumns();
  const titleRoom = Math.max(TITLE_COLUMNS_MIN, rest - 1 - SPARK_COLUMNS_MIN);
  const titleColumns = Math.max(1, Math.min(longest, TITLE_COLUMNS_MAX, titleRoom, rest));
  const spark = rest - titleColumns - 1;
  return {
    titleColumns,
    shown,
    sparkColumns: spark < SPARK_COLUMNS_MIN ? 0 : Math.min(SPARK_COLUMNS_MAX, spark),
  };
}

function ruleLines(rule: RuleCounters, state: TopState, place: TopPlace, layout: Layout): Line[] {
  const { window, isWithOutputs, history, stats, trouble } = state;
  const drops = dropRate(rule, window), dropped = totalDrops(rule);
  const own = rowLine(
    {
      title: titleOf(rule),
      numbers: [
        ...rateNumbers(rule.rates[window], drops, dropped),
        ...rule.latency === undefined ? ["-", "-"] : [rule.latency.p50_us, rule.latency.p99_us].map(formatMicroseconds),
        age(rule.last_seen_ms, place),
      ],
      style: trouble === null ? "plain" : "dim",
      dropStyle: dropStyle(drops, dropped),
      history: history.get(rule.id) ?? [],
    },
    layout,
    place,
  );
  return isWithOutputs
    ? [own, ...rule.outputs.flatMap((one) => outputLines(one, stats!, state, place, layout))]
    : [own];
}

function outputLines(
  output: OutputCounters,
  { advice }: Stats,
  { window }: TopState,
  place: TopPlace,
  layout: Layout,
): Line[] {
  const rate = output.rates[window], dropped = sumDrops(output.drops);
  const own = rowLine(
    {
      title: outputTitle(output),
      numbers: [...rateNumbers(rate, rate.drops_per_s, dropped), "", "", age(output.last_seen_ms, place)],
      style: "dim",
      dropStyle: dropStyle(rate.drops_per_s, dropped),
      history: [],
    },
    layout,
    place,
  );
  const reasons = Object.entries(output.drops).map(([reason, count]): Line => {
    return [span(`     ${formatShort(count)} ${reason}: ${advice[reason] ?? ""}`, dropStyle(rate.drops_per_s, count))];
  });
  return [own, ...reasons];
}

function outputTitle({ output }: OutputCounters): string {
  return `  -> ${formatEndpoint(output)}`;
}

function rateNumbers({ datagrams_per_s, bits_per_s }: Rate, drops: number, dropped: number): string[] {
  return [datagrams_per_s, bits_per_s, drops, dropped].map(formatShort);
}

function age(ms: number | undefined, { nowMs }: TopPlace): string {
  return ms === undefined ? "-" : formatAge(nowMs - ms);
}

/** Dropping now is worse than having dropped. */
function dropStyle(perSecond: number, dropped: number): Style {
  return perSecond > 0 ? "alarm" : dropped > 0 ? "warning" : "plain";
}

function rowLine(row: Row, { titleColumns, shown, sparkColumns }: Layout, { isUnicode }: TopPlace): Line {
  const title = shorten(printable(row.title), titleColumns, isUnicode).padEnd(titleColumns);
  return [
    span(title, row.style),
    ...shown.map((number) => {
      const { heading, width } = NUMBERS[number]!;
      const isDrops = heading.startsWith("DROP") && row.dropStyle !== "plain";
      return span(` ${row.numbers[number]!.padStart(width)}`, isDrops ? row.dropStyle : row.style);
    }),
    ...sparkColumns === 0 ? [] : [span(` ${sparkline(row.history, sparkColumns, isUnicode)}`, "accent")],
  ];
}

/** A text of at most `columns`; what does not fit is left out in the middle, for both ends tell names apart. */
export function shorten(text: string, columns: number, isUnicode: boolean): string {
  if (text.length <= columns) return text;
  const mark = isUnicode ? "…" : "~";
  const endCount = Math.floor((columns - 1) / 2);
  return text.slice(0, columns - 1 - endCount) + mark + text.slice(text.length - endCount);
}

/** A graph of the newest numbers, one character each, from 0 to the largest of them. */
export function sparkline(numbers: readonly number[], columns: number, isUnicode: boolean): string {
  const levels = isUnicode ? "▁▂▃▄▅▆▇█" : "_.-=+*%#";
  const shown = numbers.slice(-columns);
  const max = Math.max(1, ...shown);
  return shown.map((one) => one === 0 ? " " : levels[Math.ceil(one / max * levels.length) - 1]).join("").padStart(
    columns,
  );
}

function formatRate({ datagrams_per_s, bits_per_s }: Rate): string {
  return `${formatShort(datagrams_per_s)}/s ${formatShort(bits_per_s)}bit/s`;
}

function addRates(rates: readonly Rate[]): Rate {
  const sum = (name: keyof Rate): number => rates.reduce((total, rate) => total + rate[name], 0);
  return { datagrams_per_s: sum("datagrams_per_s"), bits_per_s: sum("bits_per_s"), drops_per_s: sum("drops_per_s") };
}

function span(text: string, style: Style = "plain"): Span {
  return { text, style };
}

function cutLine(line: Line, columns: number): Line {
  let left = columns;
  return line.flatMap(({ text, style }) => {
    const kept = text.slice(0, left);
    left -= kept.length;
    return kept === "" ? [] : [{ text: kept, style }];
  });
}
