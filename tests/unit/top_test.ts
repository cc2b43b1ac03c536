import { deepStrictEqual, equal, match, ok } from "node:assert/strict";
import type { RuleCounters, Stats } from "../../control/model.ts";
import type { Line, Style } from "../../control/screen.ts";
import { chosenRules, HISTORY_MAX, START, type TopState, withKey, withStats } from "../../control/top_state.ts";
import { drawTop, pageOf, shorten, sparkline, type TopPlace } from "../../control/top_view.ts";

const PLACE: TopPlace = { columns: 80, rows: 24, isUnicode: true, nowMs: 100_000 };
const PAGE = pageOf(PLACE);

interface Numbers {
  readonly pps?: number;
  readonly bits?: number;
  readonly dropsPerSecond?: number;
  readonly dropped?: number;
  readonly p99?: number;
  readonly lastMs?: number;
}

function rule(
  name: string,
  { pps = 0, bits = 0, dropsPerSecond = 0, dropped = 0, p99, lastMs }: Numbers,
): RuleCounters {
  const rate = { datagrams_per_s: pps, bits_per_s: bits, drops_per_s: 0 };
  const outRate = { ...rate, drops_per_s: dropsPerSecond };
  const input = { interface: "eth0", group: "239.1.1.1", port: 5001 };
  const output = { interface: `${name}-out`, group: "239.2.2.2", port: 6000 };
  return {
    ...{ id: `239.1.1.1:5001:${name}`, name, input, received: 10, received_bytes: 1000, relayed: 10, drops: {} },
    rates: { over_1s: rate, over_10s: { ...rate, datagrams_per_s: 7 }, over_60s: rate },
    ...lastMs === undefined ? {} : { last_seen_ms: lastMs },
    ...p99 === undefined ? {} : { latency: { p50_us: p99 / 2, p99_us: p99, p999_us: p99 } },
    outputs: [{
      ...{ output, due: 10, sent: 10 - dropped, sent_bytes: 1, drops: dropped > 0 ? { socket_full: dropped } : {} },
      rates: { over_1s: outRate, over_10s: outRate, over_60s: outRate },
    }],
  };
}

function statsOf(...rules: RuleCounters[]): Stats {
  const none = { datagrams_per_s: 0, bits_per_s: 0, drops_per_s: 0 };
  const rate = { datagrams_per_s: 1234, bits_per_s: 5_000_000, drops_per_s: 0 };
  const rates = { over_1s: rate, over_10s: none, over_60s: none };
  const totals = { received: 1, received_bytes: 1, relayed: 1, drops: {}, rates };
  return { totals, rules, advice: { socket_full: "the output's send buffer is full" } };
}

const THREE = statsOf(
  rule("a", { pps: 10, bits: 300, p99: 5, lastMs: 1 }),
  rule("b", { pps: 30, bits: 100, dropped: 4, p99: 7 }),
  rule("c", { pps: 20, bits: 200, dropsPerSecond: 3, dropped: 1, lastMs: 99_000 }),
);

/** The state after keys, which must not end the program. */
function press(state: TopState, ...keys: string[]): TopState {
  return keys.reduce((now, key) => {
    const next = withKey(now, key, PAGE);
    ok(next !== null, `${key} ends it`);
    return next;
  }, state);
}

function names(state: TopState): string {
  return chosenRules(state).map(({ name }) => name).join("");
}

function textOf(line: Line | undefined): string {
  return line!.map(({ text }) => text).join("");
}

/** The pieces of a picture that stand out so. */
function styled(state: TopState, style: Style, place = PLACE): string[] {
  return drawTop(state, place).lines.flatMap((line) => line.filter((span) => span.style === style)).map(({ text }) =>
    text
  );
}

const LOADED = withStats(START, THREE);

for (
  const [key, order] of [["n", "abc"], ["r", "bca"], ["b", "acb"], ["d", "cba"], ["l", "bac"], ["a", "cab"]] as const
) {
  Deno.test(`mcr top: ${key} sorts, and reverses what is sorted so`, () => {
    const sorted = key === "r" ? LOADED : press(LOADED, key);
    equal(names(sorted), order);
    equal(names(press(sorted, key)), [...order].reverse().join(""));
    equal(names(press(sorted, key, key)), order);
  });
}

Deno.test("mcr top: left and right go through the sorts", () => {
  equal(press(LOADED, "right").sort, "bits");
  equal(press(LOADED, "left", "left").sort, "last");
});

Deno.test("mcr top: a filter is typed, kept, changed and cleared, and q is a letter of it", () => {
  equal(names(press(LOADED, "/", "B", "-", "o")), "b");
  equal(names(press(LOADED, "/", "b", "-", "enter", "r")), "b");
  equal(press(LOADED, "/", "q", "n").filter, "qn");
  equal(names(press(LOADED, "/", "x", "backspace")), "bca");
  equal(names(press(LOADED, "/", "b", "-", "escape")), "bca");
  equal(names(press(LOADED, "/", "b", "-", "enter", "escape")), "bca");
});

Deno.test("mcr top: q and Ctrl-C end it, Ctrl-C also from the filter", () => {
  equal(withKey(LOADED, "q", PAGE), null);
  equal(withKey(LOADED, "ctrl-c", PAGE), null);
  equal(withKey(press(LOADED, "/"), "ctrl-c", PAGE), null);
});

Deno.test("mcr top: w goes through the windows", () => {
  match(textOf(drawTop(press(LOADED, "w"), PLACE).lines[3]), /^[abc] +7 /);
  match(textOf(drawTop(press(LOADED, "w"), PLACE).lines[1]), /over 10s/);
  equal(press(LOADED, "w", "w", "w").window, "over_1s");
});

Deno.test("mcr top: a line has the rule's numbers, and drops stand out", () => {
  const { lines } = drawTop(press(LOADED, "n"), PLACE);
  equal(lines.length, 24);
  match(textOf(lines[0]), /^mcr top +3 rules +in 1\.23k\/s 5\.00Mbit\/s +out 60\/s 600bit\/s +drops 3\/s$/);
  match(textOf(lines[2]), /^RULE +PPS BIT\/S DROP\/S DROPPED +P50 +P99 LAST RATE/);
  match(textOf(lines[4]), /^b +30 +100 +0 +4 +3\.50us +7\.00us +- /);
  match(textOf(lines[5]), /^c +20 +200 +3 +1 +- +- +1s /);
  deepStrictEqual(styled(LOADED, "alarm"), ["drops 3/s", "      3", "       1"]);
  deepStrictEqual(styled(LOADED, "warning"), ["      0", "       4"]);
});

Deno.test("mcr top: outputs stand below their rules, with drops by reason and what to do", () => {
  const text = drawTop(press(LOADED, "n", "o"), PLACE).lines.map(textOf);
  match(text[3]!, /^a /);
  match(text[4]!, /^ {2}-> 239\.2\.2\.2:6000:a-out/);
  match(text[6]!, /^ {2}-> 239\.2\.2\.2:6000:b-out/);
  equal(text[7], "     4 socket_full: the output's send buffer is full");
});

Deno.test("mcr top: the newest rates make the graph, the last one at its right end", () => {
  let state = START;
  for (const pps of [1, 2, 3, 4, 5, 6, 7, 8, 0, 8]) state = withStats(state, statsOf(rule("a", { pps })));
  ok(textOf(drawTop(state, PLACE).lines[3]).endsWith("▁▂▃▄▅▆▇█ █"));
  ok(textOf(drawTop(state, { ...PLACE, isUnicode: false }).lines[3]).endsWith("_.-=+*%# #"));
  for (let i = 0; i < 200; i++) state = withStats(state, statsOf(rule("a", { pps: 1 })));
  equal(state.history.get("239.1.1.1:5001:a")!.length, HISTORY_MAX);
  equal(withStats(state, statsOf()).history.size, 0);
});

Deno.test("sparkline() shows what is little, and shows nothing as nothing", () => {
  equal(sparkline([0, 1, 1000], 5, true), "   ▁█");
  equal(sparkline([], 3, true), "   ");
});

Deno.test("shorten() leaves the middle out", () => {
  deepStrictEqual([shorten("abcdefghij", 10, true), shorten("abcdefghij", 7, true), shorten("abcdefghij", 4, false)], [
    "abcdefghij",
    "abc…hij",
    "ab~j",
  ]);
});

Deno.test("mcr top: scrolling stops at both ends", () => {
  const many = withStats(START, statsOf(...[...Array(100).keys()].map((i) => rule(`r${i}`, {}))));
  const first = (state: TopState): string => textOf(drawTop(state, PLACE).lines[3]).split(" ")[0]!;
  equal(first(press(many, "n")), "r0");
  equal(first(press(many, "n", "down", "j")), "r2");
  equal(first(press(many, "n", "up")), "r0");
  equal(first(press(many, "n", "pagedown")), `r${PAGE}`);
  equal(first(press(many, "n", "end")), `r${100 - PAGE}`);
  const { scroll } = drawTop(press(many, "end"), PLACE);
  equal(scroll, 100 - PAGE, "keys go on from what is seen");
  equal(first(press(many, "end", "home", "n")), "r0");
  match(textOf(drawTop(press(many, "down"), PLACE).lines[1]), /lines 2-21 of 100/);
});

Deno.test("mcr top: what is wrong is said, and the numbers stay", () => {
  const { lines } = drawTop({ ...LOADED, trouble: "Cannot reach it; trying again" }, PLACE);
  deepStrictEqual(lines.at(-1), [{ text: "Cannot reach it; trying again", style: "alarm" }]);
  match(textOf(lines[3]), /^b +30/);
  equal(withStats({ ...LOADED, trouble: "x" }, THREE).trouble, null);
});

Deno.test("mcr top: where there is little room the least important columns go", () => {
  const heading = (columns: number): string => textOf(drawTop(LOADED, { ...PLACE, columns }).lines[2]);
  match(heading(60), /^RULE +PPS BIT\/S DROP\/S DROPPED +P99 LAST$/);
  match(heading(40), /^RULE +PPS BIT\/S DROP\/S *$/);
  match(heading(24), /^RULE +PPS *$/);
});

Deno.test("mcr top: the picture has the size of the terminal, whatever that is, and no name moves the cursor", () => {
  const long = rule("x", { pps: 1e9, bits: 1e13, dropsPerSecond: 1e6, dropped: 1e12, p99: 8e6, lastMs: 0 });
  const state = {
    ...withStats(START, statsOf({ ...long, name: `${"n".repeat(60)}\x1b[2J` }, ...THREE.rules)),
    isWithOutputs: true,
  };
  for (let columns = 1; columns < 200; columns += 7) {
    for (const rows of [1, 2, 4, 5, 24, 60]) {
      const { lines } = drawTop({ ...state, filter: "" }, { ...PLACE, columns, rows });
      ok(lines.length <= Math.max(rows, 5) && lines.length <= rows, `${lines.length} of ${rows}`);
      for (const line of lines) ok(textOf(line).length <= columns, textOf(line));
    }
  }
  const picture = drawTop(state, { ...PLACE, columns: 190 }).lines.map(textOf).join("");
  ok(!picture.includes("\x1b") && picture.includes("?[2J"), "the escape is shown as a question mark");
});
