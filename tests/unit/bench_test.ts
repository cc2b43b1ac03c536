import { deepStrictEqual, equal, match, ok, throws } from "node:assert/strict";
import { drawChart } from "../../bench/chart.ts";
import { busySeconds, speed } from "../../bench/cpu.ts";
import { privateKib, residentKib } from "../../bench/memory.ts";
import { median, round } from "../../bench/number.ts";
import { readOptions, usage } from "../../bench/options.ts";
import { consecutive } from "../../bench/peer.ts";
import { type Absent, judge, type Measured, ratio, type Report, type Row, summarise } from "../../bench/report.ts";
import { chooseCores } from "../../bench/run.ts";
import { rowId, SCENARIOS, takingTurns } from "../../bench/scenarios.ts";
import { RateSearch, type SearchOptions, type Try } from "../../bench/search.ts";
import { formatReport } from "../../bench/text.ts";
import { coreMask } from "../../bench/topology.ts";

const SEARCH: SearchOptions = { start: 50_000, factor: 2, precision: 1.04, floor: 1000, lossMax: 0.001, triesMax: 2 };

/** Searches a relay that carries so much of what a generator with such a limit sends. */
function search(capacity: number, options: Partial<SearchOptions> = {}, generatorMax = Infinity): RateSearch {
  const search = new RateSearch({ ...SEARCH, ...options });
  for (let rate, count = 0; (rate = search.next) !== undefined; count++) {
    ok(count < 100, "the search ends");
    const achieved = Math.min(rate, generatorMax);
    search.record({ offered: rate, achieved, loss: Math.max(0, 1 - capacity / achieved) });
  }
  return search;
}

Deno.test("RateSearch finds the highest rate that is carried, from either side", () => {
  for (const capacity of [1010, 1500, 49_000, 50_000, 51_000, 333_333, 2_000_000]) {
    const { rate, loss, isLimitOfGenerator } = search(capacity).found;
    ok(rate <= capacity * 1.0011 && rate >= capacity / 1.05, `${rate} of ${capacity}`);
    ok(loss <= SEARCH.lossMax);
    equal(isLimitOfGenerator, false);
  }
});

Deno.test("RateSearch doubles, then halves the distance, and tries twice what fails", () => {
  const offered = search(190_000).tries.map(({ offered }) => offered);
  deepStrictEqual(offered.slice(0, 6), [50_000, 100_000, 200_000, 200_000, 141_421, 168_179]);
  for (const rate of new Set(offered)) {
    equal(offered.filter((other) => other === rate).length, rate > 190_191 ? 2 : 1, `${rate}`);
  }
});

Deno.test("RateSearch begins where another search ended, and needs few steps then", () => {
  const again = search(400_000, { start: 390_000, factor: 1.15 });
  ok(again.found.rate >= 400_000 / 1.05);
  ok(again.tries.length <= 8, `${again.tries.length} tries`);
});

Deno.test("RateSearch says when the generator was the limit", () => {
  const { rate, isLimitOfGenerator } = search(2_000_000, {}, 900_000).found;
  deepStrictEqual({ rate, isLimitOfGenerator }, { rate: 900_000, isLimitOfGenerator: true });
});

Deno.test("RateSearch asks again before it believes that the generator is at its limit", () => {
  const search = new RateSearch(SEARCH);
  search.record({ offered: 50_000, achieved: 30_000, loss: 0 });
  equal(search.next, 50_000);
  search.record({ offered: 50_000, achieved: 50_000, loss: 0 });
  equal(search.next, 100_000);
});

Deno.test("RateSearch of which the generator sends less does not look above what failed", () => {
  const { rate, isLimitOfGenerator } = search(700_000, {}, 750_000).found;
  ok(rate <= 700_700 && rate >= 700_000 / 1.05, `${rate}`);
  equal(isLimitOfGenerator, false);
});

Deno.test("RateSearch of a relay that loses everything ends with 0 and the loss", () => {
  const { found, tries } = search(0);
  deepStrictEqual(found, { rate: 0, loss: 1, isLimitOfGenerator: false });
  equal(tries.at(-1)!.offered, SEARCH.floor);
});

Deno.test("RateSearch lets one bad try pass", () => {
  const search = new RateSearch(SEARCH);
  const bad: Try = { offered: 50_000, achieved: 50_000, loss: 0.2 };
  search.record(bad);
  search.record({ ...bad, loss: 0 });
  equal(search.next, 100_000);
});

Deno.test("median() is a value that was measured", () => {
  equal(median([3, 1, 2]), 2);
  equal(median([4, 1, 3, 2]), 2);
  equal(median([7]), 7);
  ok(Number.isNaN(median([])));
});

Deno.test("round() keeps three digits that mean something", () => {
  const cases: readonly [number, string][] = [
    [0, "0"],
    [0.04, "0.040"],
    [0.3333, "0.333"],
    [2.499, "2.50"],
    [10, "10.0"],
    [98.76, "98.8"],
    [501.4, "501"],
    [6250, "6250"],
  ];
  for (const [value, text] of cases) equal(round(value), text);
});

Deno.test("coreMask() writes masks as the kernel reads them", () => {
  equal(coreMask([0]), "1");
  equal(coreMask([0, 1]), "3");
  equal(coreMask([33]), "2,00000000");
  equal(coreMask([0, 70]), "40,00000000,00000001");
});

Deno.test("chooseCores() gives the generator the last core, which a worker shares only if it must", () => {
  deepStrictEqual(chooseCores([0, 1], 1), { relay: [0], generator: 1 });
  deepStrictEqual(chooseCores([0, 1], 2), { relay: [0, 1], generator: 1 });
  deepStrictEqual(chooseCores([0, 1, 2, 3], 2), { relay: [0, 1], generator: 3 });
});

Deno.test("consecutive() counts groups as the generator does", () => {
  const groups = consecutive({ group: "239.1.1.1", port: 5001 }, 50);
  deepStrictEqual(groups[0], { group: "239.1.1.1", port: 5001 });
  deepStrictEqual(groups[49], { group: "239.1.1.50", port: 5001 });
});

Deno.test("busySeconds() is what the spinner did not get", () => {
  const idle = { ms: 500, count: 50_000 };
  equal(busySeconds(100, idle, { ms: 2500, count: 250_000 }), 0);
  equal(busySeconds(100, idle, { ms: 2500, count: 100_000 }), 1.5);
});

Deno.test("speed() is in turns a millisecond", () => {
  equal(speed({ ms: 100, count: 1000 }, { ms: 150, count: 6000 }), 100);
});

Deno.test("memory is read as the kernel writes it, packet rings apart", () => {
  equal(residentKib("VmHWM:\t  900 kB\nVmRSS:\t     812 kB\n"), 812);
  const smaps = [
    "00400000-00426000 r-xp 00000000 00:18 1071                 /usr/bin/mcr",
    "Private_Clean:       100 kB",
    "Private_Dirty:         4 kB",
    "7f1000000000-7f1001000000 rw-s 00000000 00:08 4711         socket:[4711]",
    "Private_Dirty:     16384 kB",
    "7ffd00000000-7ffd00021000 rw-p 00000000 00:00 0            [stack]",
    "Private_Dirty:        12 kB",
  ];
  equal(privateKib(smaps.join("\n")), 116);
});

Deno.test("readOptions() chooses scenarios and peers, and writes only what is whole", () => {
  const whole = readOptions([]);
  deepStrictEqual([whole.scenarios.length, whole.runs, whole.output], [SCENARIOS.length, 3, "bench"]);
  const quick = readOptions(["--quick"]);
  deepStrictEqual([quick.scenarios.every(({ isQuick }) => isQuick), quick.runs, quick.output], [true, 1, undefined]);
  const some = readOptions(["--only", "random,one", "--peers", "rust,mcr", "--runs", "5", "--output", "x"]);
  deepStrictEqual(some.scenarios.map(({ id }) => id), ["one", "random"]);
  deepStrictEqual([some.peers, some.runs, some.output], [["mcr", "rust"], 5, "x"]);
});

Deno.test("readOptions() says what it expects", () => {
  throws(() => readOptions(["--only", "fast"]), /Cannot use --only "fast": expected some of one, /);
  throws(() => readOptions(["--peers", "mcr,perl"]), /Cannot use --peers "perl": expected some of mcr, rust/);
  throws(() => readOptions(["--runs", "0"]), /Cannot use --runs "0": expected a whole number from 1 to 99/);
  throws(() => readOptions(["quick"]), TypeError);
});

Deno.test("usage() names every scenario and keeps to 80 columns", () => {
  for (const { id } of SCENARIOS) match(usage(), new RegExp(`^  ${id} `, "m"));
  for (const line of usage().split("\n")) ok(line.length <= 80, line);
});

Deno.test("scenarios have names of their own, and bars that refer to rows before theirs", () => {
  const rows: string[] = [];
  for (const scenario of SCENARIOS) {
    for (const metric of scenario.metrics) {
      const id = rowId(scenario, metric);
      ok(!rows.includes(id), id);
      rows.push(id);
      for (const { row, least, most } of metric.bars) {
        ok(row === undefined || rows.includes(row), `${id} refers to ${row}`);
        ok((least === undefined) !== (most === undefined), `${id} is bounded on one side`);
      }
    }
  }
});

Deno.test("scenarios that are compared take turns, and stand together in the report", () => {
  const groups = takingTurns(SCENARIOS).map((group) => group.map(({ id }) => id));
  deepStrictEqual(groups.flat(), SCENARIOS.map(({ id }) => id));
  deepStrictEqual(groups[0], ["one", "exclusive", "rules"]);
  for (const { id, beside } of SCENARIOS) {
    ok(beside === undefined || groups.some((group) => group[0] === beside && group.includes(id)), id);
  }
  const some = SCENARIOS.filter(({ id }) => ["exclusive", "small", "rules"].includes(id));
  deepStrictEqual(takingTurns(some).map((group) => group.map(({ id }) => id)), [["exclusive", "rules"], ["small"]]);
});

const UNASKED: Absent = { kind: "unasked", reason: "not asked for" };

function figure(value: number, more: Partial<Measured> = {}): Measured {
  return { kind: "figure", value, runs: [{ value }], ...more };
}

const PLAIN: Row = {
  id: "one",
  title: "1 to 1",
  unit: "kpps",
  better: "higher",
  cells: {
    mcr: figure(500, { loss: 0.0004 }),
    rust: figure(200, { loss: 0.001 }),
    socat: figure(125, { loss: 0 }),
    kernel: { kind: "missing", reason: "kernel: apt install smcroute" },
  },
  bars: [{ peer: "rust", least: 2.5 }, { peer: "socat", least: 5 }, { peer: "kernel", least: 1.5 }],
};

const EXCLUSIVE: Row = {
  ...PLAIN,
  id: "exclusive",
  title: "exclusive <input>",
  cells: {
    ...PLAIN.cells,
    mcr: figure(1000, { isLimitOfGenerator: true }),
    rust: { kind: "impossible", reason: "rust: has no such thing" },
    socat: UNASKED,
  },
  bars: [{ peer: "rust", row: "one", least: 3.3 }, { least: 900 }, { peer: "mcr", row: "one", least: 0.95 }],
  base: "one",
};

const REPORT: Report = {
  machine: { kernel: "6.18", cpu: "Test", cores: 2, date: "2026-01-02 03:04", load: 0.1 },
  isQuick: false,
  runs: 3,
  peers: { mcr: "mcr 0.1.0" },
  rows: [PLAIN, EXCLUSIVE],
};

Deno.test("summarise() takes the median, its loss, and the unit of the row", () => {
  const metric = { key: "rate", unit: "kpps", scale: 1000, better: "higher", bars: [] } as const;
  const cell = summarise([{ value: 3000, loss: 0 }, { value: 1000, loss: 0.2 }, { value: 2000, loss: 0.1 }], metric);
  deepStrictEqual({ ...cell, runs: cell.runs.map(({ value }) => value) }, {
    kind: "figure",
    value: 2,
    loss: 0.1,
    runs: [3, 1, 2],
  });
});

Deno.test("ratio() compares figures only", () => {
  equal(ratio(PLAIN.cells.mcr, PLAIN.cells.rust), 2.5);
  equal(ratio(PLAIN.cells.mcr, PLAIN.cells.kernel), undefined);
  equal(ratio(figure(1), figure(0)), undefined);
});

Deno.test("judge() compares with the same row, another row, or the figure itself", () => {
  const outcome = (row: Row): unknown[] => judge(REPORT, row).map(({ got, isMet }) => [got, isMet]);
  deepStrictEqual(outcome(PLAIN), [[2.5, true], [4, false], [undefined, undefined]]);
  deepStrictEqual(outcome(EXCLUSIVE), [[5, true], [1000, true], [2, true]]);
  const nothing: Row = { ...PLAIN, cells: { ...PLAIN.cells, rust: figure(0, { loss: 1 }) } };
  deepStrictEqual(judge(REPORT, nothing)[0]?.isMet, true);
});

Deno.test("formatReport() aligns figures, losses, ratios and reasons", () => {
  const text = formatReport(REPORT);
  const lines = text.split("\n");
  const table = lines.slice(lines.findIndex((line) => line.includes("unit")));
  deepStrictEqual(table.slice(0, 3), [
    "                   unit     mcr           rust                socat               kernel",
    "1 to 1             kpps     500  0.04      200  0.10 2.50x+     125  0.00 4.00x!  missing [1]",
    "exclusive <input>  kpps   >1000      +   (200)  0.10 5.00x+   (125)  0.00 8.00x   missing [1]",
  ]);
  match(text, /^\[1\] kernel: apt install smcroute$/m);
  match(text, /^1 to 1 \/ socat +at least 5\.00x +4\.00x +missed$/m);
  match(text, /^exclusive <input> \/ rust, 1 to 1 +at least 3\.30x +5\.00x +met$/m);
  match(text, /^1 to 1 \/ kernel +at least 1\.50x +- +no figure$/m);
  for (const line of lines) ok(line.length <= 120, line);
});

Deno.test("drawChart() draws a bar for each figure, to scale, those of another row pale", () => {
  const svg = drawChart(REPORT);
  match(svg, /^<svg xmlns="http:\/\/www\.w3\.org\/2000\/svg" /);
  const bars = [...svg.matchAll(/<rect [^>]*width="(\d+)"([^>]*)>/g)]
    .map(([, width, look]) => ({ width: Number(width), isPale: look!.includes("opacity") }));
  equal(bars.length, 6);
  equal(Math.round(bars[0]!.width / bars[1]!.width * 10), 25);
  deepStrictEqual(bars.map(({ isPale }) => isPale), [false, false, false, false, true, true]);
});

Deno.test("drawChart() leaves out what compares nothing", () => {
  const alone: Row = { ...PLAIN, cells: { ...PLAIN.cells, rust: UNASKED, socat: UNASKED } };
  const memory: Row = { ...PLAIN, unit: "MiB" };
  ok(!drawChart({ ...REPORT, rows: [alone, memory] }).includes("<rect"));
});

Deno.test("drawChart() is XML that refers to nothing outside, and marks the generator's limit", () => {
  const svg = drawChart(REPORT);
  match(svg, />exclusive &#60;input&#62;</);
  match(svg, />≥ 1000</);
  equal(svg.match(/<(?!\/)[a-z]+(?![^>]*\/>)/g)?.length, svg.match(/<\/[a-z]+>/g)?.length);
  ok(!svg.includes("http", svg.indexOf("2000/svg")));
});
