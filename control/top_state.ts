/**
 * What `mcr top` knows and what keys do to it. Pure: knows neither the terminal nor the control socket.
 *
 * @module
 */
import { sumDrops } from "./drops.ts";
import type { Rates, RuleCounters, Stats } from "./model.ts";
import { formatEndpoint } from "./rule_text.ts";

/** Samples of a rule's rate that are kept for its sparkline. */
export const HISTORY_MAX = 120;

/** What the rules are sorted by, in the order in which the arrow keys go through it. */
export const SORTS = ["name", "rate", "bits", "drops", "latency", "last"] as const;

/** One of them. */
export type Sort = typeof SORTS[number];

/** The keys that choose one directly. */
const SORT_KEYS: Readonly<Record<string, Sort>> = {
  n: "name",
  r: "rate",
  b: "bits",
  d: "drops",
  l: "latency",
  a: "last",
};

/** The times that rates are over, in the order in which `w` goes through them. */
export const WINDOWS = ["over_1s", "over_10s", "over_60s"] as const satisfies readonly (keyof Rates)[];

/** Everything that is shown depends on. */
export interface TopState {
  /** Null until the first answer. */
  readonly stats: Stats | null;
  readonly sort: Sort;
  readonly isReversed: boolean;
  readonly window: typeof WINDOWS[number];
  readonly filter: string;
  /** Whether keys go into the filter. */
  readonly isFiltering: boolean;
  readonly isWithOutputs: boolean;
  /** Lines of the list above the first that is shown. */
  readonly scroll: number;
  /** Why there are no new numbers; null while there are. */
  readonly trouble: string | null;
  /** Rates of each rule, oldest first, by id. */
  readonly history: ReadonlyMap<string, readonly number[]>;
}

/** Before anything has happened. */
export const START: TopState = {
  stats: null,
  sort: "rate",
  isReversed: false,
  window: "over_1s",
  filter: "",
  isFiltering: false,
  isWithOutputs: false,
  scroll: 0,
  trouble: null,
  history: new Map(),
};

/** New numbers have come. */
export function withStats(state: TopState, stats: Stats): TopState {
  const history = new Map(stats.rules.map(({ id, rates }) => {
    const before = state.history.get(id) ?? [];
    return [id, [...before.slice(-(HISTORY_MAX - 1)), rates.over_1s.datagrams_per_s]];
  }));
  return { ...state, stats, history, trouble: null };
}

/** A key was pressed; `page` is how many lines of the list are shown. Null when it ends the program. */
export function withKey(state: TopState, key: string, page: number): TopState | null {
  if (key === "ctrl-c") return null;
  if (state.isFiltering) return withFilterKey(state, key);
  if (key === "q") return null;
  const sort = SORT_KEYS[key];
  if (sort !== undefined) return { ...state, sort, isReversed: sort === state.sort && !state.isReversed };
  const scrolled = scrollBy(state, key, page);
  if (scrolled !== undefined) return { ...state, scroll: Math.max(0, scrolled) };
  switch (key) {
    case "right":
    case "left":
      return { ...state, sort: step(SORTS, state.sort, key === "right" ? 1 : -1), isReversed: false };
    case "w":
      return { ...state, window: step(WINDOWS, state.window, 1) };
    case "o":
      return { ...state, isWithOutputs: !state.isWithOutputs, scroll: 0 };
    case "/":
      return { ...state, isFiltering: true };
    case "escape":
      return { ...state, filter: "", scroll: 0 };
  }
  return state;
}

function withFilterKey(state: TopState, key: string): TopState {
  if (key === "enter") return { ...state, isFiltering: false };
  if (key === "escape") return { ...state, isFiltering: false, filter: "", scroll: 0 };
  if (key === "backspace") return { ...state, filter: state.filter.slice(0, -1), scroll: 0 };
  return key.length === 1 ? { ...state, filter: state.filter + key, scroll: 0 } : state;
}

function scrollBy({ scroll }: TopState, key: string, page: number): number | undefined {
  switch (key) {
    case "down":
    case "j":
      return scroll + 1;
    case "up":
    case "k":
      return scroll - 1;
    case "pagedown":
    case " ":
      return scroll + page;
    case "pageup":
      return scroll - page;
    case "home":
    case "g":
      return 0;
    case "end":
    case "G":
      return Infinity;
  }
}

function step<Item>(items: readonly Item[], item: Item, by: number): Item {
  return items[(items.indexOf(item) + by + items.length) % items.length]!;
}

/** The rules that the filter lets through, sorted. */
export function chosenRules({ stats, filter, sort, isReversed, window }: TopState): RuleCounters[] {
  const wanted = filter.toLowerCase();
  const rules = (stats?.rules ?? []).filter((rule) =>
    wordsOf(rule).some((word) => word.toLowerCase().includes(wanted))
  );
  const keyOf = (rule: RuleCounters): number => sortKey(rule, sort, window);
  // Rules that are equal stay in the order of their names, and so where they are.
  rules.sort((one, other) => keyOf(other) - keyOf(one) || compareNames(one, other));
  return isReversed ? rules.reverse() : rules;
}

function wordsOf({ id, name, outputs }: RuleCounters): string[] {
  return [id, name ?? "", ...outputs.map(({ output }) => formatEndpoint(output))];
}

/** What the rule with the most of it comes first by. */
function sortKey(rule: RuleCounters, sort: Sort, window: TopState["window"]): number {
  switch (sort) {
    case "name":
      return 0;
    case "rate":
      return rule.rates[window].datagrams_per_s;
    case "bits":
      return rule.rates[window].bits_per_s;
    case "drops":
      // What drops now before what has dropped once.
      return dropRate(rule, window) * 2 ** 20 + Math.min(totalDrops(rule), 2 ** 20 - 1);
    case "latency":
      return rule.latency?.p99_us ?? -1;
    case "last":
      return rule.last_seen_ms ?? 0;
  }
}

function compareNames(one: RuleCounters, other: RuleCounters): number {
  return titleOf(one).localeCompare(titleOf(other), "en", { numeric: true });
}

/** What a rule is called where there is room for one name. */
export function titleOf({ id, name }: RuleCounters): string {
  return name ?? id;
}

/** Drops a second of a rule and its outputs. */
export function dropRate({ rates, outputs }: RuleCounters, window: TopState["window"]): number {
  return outputs.reduce((sum, output) => sum + output.rates[window].drops_per_s, rates[window].drops_per_s);
}

/** Drops of a rule and its outputs. */
export function totalDrops({ drops, outputs }: RuleCounters): number {
  return outputs.reduce((sum, output) => sum + sumDrops(output.drops), sumDrops(drops));
}
