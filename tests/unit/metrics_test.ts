// Goal: metrics are exported in formats that the real parsers of Prometheus take, whatever rules and interfaces are called,
// and what is said about them in the documents and in the dashboard is so.
import { deepStrictEqual, equal, ok } from "node:assert/strict";
import type { Engine, RuleReading } from "../../control/engine.ts";
import { BOUNDS, countBelow, emptyHistogram } from "../../control/latency.ts";
import { parseMetricsAddress } from "../../control/metrics_address.ts";
import { expose, type Family, type Format, formatLabels, sampleName } from "../../control/metrics/exposition.ts";
import { FAMILIES } from "../../control/metrics/families.ts";
import { chooseFormat, takesGzip } from "../../control/metrics/negotiation.ts";
import { Shared } from "../../control/metrics/pace.ts";
import { scrape } from "../../control/metrics/scrape.ts";
import type { RuleCounters } from "../../control/model.ts";
import { FakeEngine } from "./fake_engine.ts";

const ROOT = new URL("../../", import.meta.url);

/** Interface names of all kinds: the kernel takes nearly every character. */
const HOSTILE = 'a"\\b<i>é';

/** What a family is called with each of its suffixes. */
const SAMPLE_NAMES = new Set(FAMILIES.flatMap((family) => {
  const name = sampleName(family);
  return family.type === "histogram" ? ["_bucket", "_sum", "_count"].map((suffix) => name + suffix) : [name];
}));

/** An engine with a rule that has received, relayed and dropped, and one that waits. */
async function busyEngine(): Promise<FakeEngine> {
  const engine = new FakeEngine();
  const output = { interface: HOSTILE, group: "239.2.2.2", port: 6000 };
  const rules = [1, 2].map((port) => ({
    ...{ id: `239.1.1.1:${port}:${HOSTILE}`, input: { interface: HOSTILE, group: "239.1.1.1", port } },
    ...{ outputs: [output, { ...output, port: "7000-7010" }], ...(port === 1 ? { name: "camera-1" } : {}) },
  }));
  await engine.apply(rules.map((after) => ({ after })));
  engine.dropped = { no_rule: 2, socket_full: 4 };
  engine.histogram = { buckets: emptyHistogram(), sumNs: 1.5e6 };
  engine.histogram.buckets[20] = 9;
  engine.histogram.buckets[100] = 1;
  return engine;
}

async function export_(engine: Engine, format: Format): Promise<string> {
  return [...expose(await scrape({ engine, abi: 2, startMs: 1_700_000_000_500 }), format)].join("");
}

const ADDRESSES: readonly [text: string, expected: unknown][] = [
  ["127.0.0.1:9464", { kind: "tcp", host: "127.0.0.1", port: 9464 }],
  ["0.0.0.0:1", { kind: "tcp", host: "0.0.0.0", port: 1 }],
  ["[::1]:9464", { kind: "tcp", host: "::1", port: 9464 }],
  ["[0:0::1]:65535", { kind: "tcp", host: "::1", port: 65535 }],
  ["unix:/run/mcr/metrics.sock", { kind: "unix", path: "/run/mcr/metrics.sock" }],
  ...["", "9464", ":9464", "127.0.0.1", "127.0.0.1:", "127.0.0.1:0", "127.0.0.1:65536", "127.0.0.1:9464/"],
  ...["::1:9464", "[127.0.0.1]:9464", "[::1]", "localhost:9464", "127.1:9464", "[::1%lo]:9464", "unix:", "unix:m.sock"],
  ...["unix:/run/", "unix:/a\0b", `unix:/${"x".repeat(107)}`, "/run/mcr/metrics.sock", "http://127.0.0.1:9464"],
].map((entry) => typeof entry === "string" ? [entry, undefined] : entry as [string, unknown]);

for (const [text, expected] of ADDRESSES) {
  Deno.test(`parseMetricsAddress() ${expected ? "reads" : "refuses"} ${JSON.stringify(text.slice(0, 40))}`, () => {
    deepStrictEqual(parseMetricsAddress(text), expected);
  });
}

const ACCEPTED: readonly [accept: string, format: Format][] = [
  ["", "prometheus"],
  ["*/*", "prometheus"],
  ["text/html,*/*;q=0.8", "prometheus"],
  ["application/openmetrics-text", "openmetrics"],
  ["Application/OpenMetrics-Text; Version=1.0.0; charset=utf-8", "openmetrics"],
  ['application/openmetrics-text;version="1.0.0",text/plain', "openmetrics"],
  // What Prometheus 2 and 3 send.
  [
    "application/openmetrics-text;version=1.0.0,application/openmetrics-text;version=0.0.1;q=0.75," +
    "text/plain;version=0.0.4;q=0.5,*/*;q=0.1",
    "openmetrics",
  ],
  ["application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.6,text/plain;q=0.4", "openmetrics"],
  ["application/openmetrics-text;version=0.0.1,text/plain;version=0.0.4;q=0.5", "prometheus"],
  ["application/openmetrics-text;q=0.4,text/plain;version=0.0.4", "prometheus"],
  ["application/openmetrics-text;q=0", "prometheus"],
  ["application/openmetrics-text;q=nonsense", "prometheus"],
];

Deno.test("chooseFormat() gives the client what it likes best", () => {
  for (const [accept, format] of ACCEPTED) equal(chooseFormat(accept), format, accept);
});

Deno.test("takesGzip() zips for whoever takes it", () => {
  for (const header of ["gzip", "deflate, GZIP;q=0.5", "*", "br, gzip"]) equal(takesGzip(header), true, header);
  for (const header of ["", "br", "gzip;q=0", "gzip;q=0,*", "identity", "xgzip"]) {
    equal(takesGzip(header), false, header);
  }
});

Deno.test("expose() escapes what labels and help hold, and tells families as each format wants it", () => {
  const family: Family = { name: "a_bytes", type: "counter", unit: "bytes", help: 'a "b" \\ c' };
  const labels = formatLabels({ one: 'q"b\\n\n', none: undefined, two: "" });
  equal(labels, 'one="q\\"b\\\\n\\n",two=""');
  const families = [{ family, samples: [`a_bytes_total{${labels}} 1\n`] }];
  deepStrictEqual([...expose(families, "openmetrics")], [
    '# TYPE a_bytes counter\n# UNIT a_bytes bytes\n# HELP a_bytes a \\"b\\" \\\\ c\n',
    `a_bytes_total{${labels}} 1\n`,
    "# EOF\n",
  ]);
  deepStrictEqual([...expose(families, "prometheus")], [
    '# HELP a_bytes_total a "b" \\\\ c\n# TYPE a_bytes_total counter\n',
    `a_bytes_total{${labels}} 1\n`,
  ]);
});

Deno.test("scrape() exports every family, and the counters of the engine", async () => {
  const engine = await busyEngine();
  engine.missing.add("eth9");
  const families = await scrape({ engine, abi: 2, startMs: 0 });
  const shown = families.map(({ family }) => family.name);
  deepStrictEqual(FAMILIES.map(({ name }) => name).filter((name) => !shown.includes(name)), ["mcr_rule_drops"]);
  const text = await export_(engine, "openmetrics"), place = 'interface="a\\"\\\\b<i>é"';
  const rule = 'rule="239.1.1.1:1:a\\"\\\\b<i>é",name="camera-1"';
  const output = `${rule},output="239.2.2.2:6000:a\\"\\\\b<i>é",${place},group="239.2.2.2",port="6000"`;
  for (
    const line of [
      'mcr_build_info{version="0.1.0",abi="2"} 1',
      "process_start_time_seconds 1700000000.5",
      'mcr_rules{state="active"} 2',
      'mcr_drops_total{reason="socket_full"} 4',
      'mcr_drops_total{reason="ring_full"} 0',
      `mcr_rule_datagrams_total{${rule},${place},group="239.1.1.1",port="1"} 10`,
      `mcr_rule_latency_seconds_bucket{${rule},le="0.000008192"} 0`,
      `mcr_rule_latency_seconds_bucket{${rule},le="0.000016384"} 9`,
      `mcr_rule_latency_seconds_bucket{${rule},le="1.073741824"} 9`,
      `mcr_rule_latency_seconds_bucket{${rule},le="+Inf"} 10`,
      `mcr_rule_latency_seconds_sum{${rule}} 0.0015`,
      `mcr_rule_latency_seconds_count{${rule}} 10`,
      `mcr_output_datagrams_total{${output}} 9`,
      `mcr_output_drops_total{${output},reason="socket_full"} 1`,
      'mcr_worker_drops_total{worker="0",core="3",reason="no_rule"} 2',
      'mcr_interface_mtu_bytes{interface="eth0"} 1500',
    ]
  ) ok(text.includes(`\n${line}\n`) || text.startsWith(`${line}\n`), line);
});

Deno.test("countBelow() counts what lies below each bound, and everything behind them", () => {
  const buckets = emptyHistogram().map((_, i) => i + 1),
    naive = BOUNDS.map(({ bucketCount }) => {
      return buckets.slice(0, bucketCount).reduce((sum, count) => sum + count, 0);
    });
  deepStrictEqual(countBelow(buckets), [...naive, 101 * 102 / 2]);
  // 32 buckets, four a doubling from 256 ns, end at 65,536 ns.
  deepStrictEqual(BOUNDS.find(({ bucketCount }) => bucketCount === 32)!.seconds, 65.536e-6);
});

/** An engine of many rules, which notes how long it was read without a pause. */
class WideEngine extends FakeEngine {
  override *readings(): Generator<RuleReading> {
    const rate = { datagrams_per_s: 0, bits_per_s: 0, drops_per_s: 0 };
    const rates = { over_1s: rate, over_10s: rate, over_60s: rate };
    const idle = { received: 0, received_bytes: 0, relayed: 0, drops: {}, rates, outputs: [] };
    for (let port = 1; port <= 10_000; port++) {
      const input = { interface: "eth0", group: "239.1.1.1", port };
      const counters: RuleCounters = { id: `239.1.1.1:${port}:eth0`, input, ...idle };
      yield { counters, histogram: undefined, state: "active", waiting_for: [] };
      // What reading a rule costs, and more.
      for (const startMs = performance.now(); performance.now() - startMs < 0.01;);
    }
  }
}

Deno.test("scrape() of 10,000 rules lets others have their turn again and again", async () => {
  let turns = 0;
  const timer = setInterval(() => turns++, 0);
  const startMs = performance.now();
  await scrape({ engine: new WideEngine(), abi: 2, startMs: 0 });
  const tookMs = performance.now() - startMs;
  clearInterval(timer);
  ok(tookMs > 100 && turns >= 10, `${turns} turns in ${tookMs} ms`);
});

Deno.test("Shared makes for all who ask meanwhile, once, and anew for those who come later", async () => {
  let made = 0;
  using shared = new Shared(async () => {
    await new Promise((resolve) => setTimeout(resolve, 10));
    return ++made;
  });
  deepStrictEqual(await Promise.all([shared.get(), shared.get()]), [1, 1]);
  equal(await shared.get(), 1, "what has just been made is good for as long as it took, and more");
  while (await shared.get() === 1) await new Promise((resolve) => setTimeout(resolve, 5));
  equal(made, 2);
});

Deno.test("Shared tries again after a failure", async () => {
  let tries = 0;
  using shared = new Shared(() => ++tries === 1 ? Promise.reject(new Error("no")) : Promise.resolve(tries));
  equal(await shared.get().catch((error) => error.message), "no");
  while (await shared.get().catch(() => 1) === 1) await new Promise((resolve) => setTimeout(resolve, 5));
  equal(tries, 2);
});

/** Whether a command runs and ends well. */
async function succeeds(command: string, ...args: string[]): Promise<boolean> {
  try {
    return (await new Deno.Command(command, { args, stdout: "null", stderr: "null" }).output()).success;
  } catch {
    return false;
  }
}

/** Gives a program a text; resolves with what it has to say when it is not content. */
async function complaintsOf(text: string, command: string, ...args: string[]): Promise<string> {
  const child = new Deno.Command(command, { args, stdin: "piped", stdout: "piped", stderr: "piped" }).spawn();
  const writer = child.stdin.getWriter();
  await writer.write(new TextEncoder().encode(text));
  await writer.close();
  const { success, stdout, stderr } = await child.output();
  const said = new TextDecoder().decode(stdout) + new TextDecoder().decode(stderr);
  return success ? said : said || "it failed without a word";
}

async function findPython(): Promise<string | null> {
  for (const python of ["python3", "/usr/bin/python3"]) {
    if (await succeeds(python, "-c", "import prometheus_client.openmetrics.parser")) return python;
  }
  return null;
}

/** A test with a program that not every machine has. */
function testWith(program: string, isThere: boolean, name: string, fn: () => Promise<void>): void {
  Deno.test({ name: isThere ? name : `${name} (${program} is not installed)`, ignore: !isThere, fn });
}

const hasPromtool = await succeeds("promtool", "--version");
/** The Python that has the parser: that of the system has the package of the system, and need not be the first. */
const python = await findPython();

testWith("promtool", hasPromtool, "promtool finds nothing to say about the metrics", async () => {
  equal(await complaintsOf(await export_(await busyEngine(), "prometheus"), "promtool", "check", "metrics"), "");
});

testWith(
  "python3 prometheus_client",
  python !== null,
  "the parser of prometheus_client reads all samples",
  async () => {
    const parsers = { openmetrics: "prometheus_client.openmetrics.parser", prometheus: "prometheus_client.parser" };
    for (const format of ["openmetrics", "prometheus"] as const) {
      const text = await export_(await busyEngine(), format);
      const read = `import sys; from ${parsers[format]} import text_string_to_metric_families as families`;
      const count = "print(sum(len(family.samples) for family in families(sys.stdin.read())))";
      const lines = text.split("\n").filter((line) => line !== "" && !line.startsWith("#"));
      equal(await complaintsOf(text, python!, "-c", `${read}; ${count}`), `${lines.length}\n`, format);
    }
  },
);

/** The expressions of the dashboard. */
async function dashboardExpressions(): Promise<string[]> {
  const dashboard = JSON.parse(await Deno.readTextFile(new URL("packaging/grafana/mcr.json", ROOT)));
  const targets: { readonly expr: string }[] = dashboard.panels.flatMap((panel: { targets: unknown[] }) =>
    panel.targets
  );
  const variables: { readonly definition?: string }[] = dashboard.templating.list;
  return [
    ...targets.map(({ expr }) => expr),
    ...variables.flatMap(({ definition }) => definition ?? []),
    ...dashboard.annotations.list.map(({ expr }: { expr: string }) => expr),
  ];
}

Deno.test("every metric of the dashboard is exported", async () => {
  const names = (await dashboardExpressions()).flatMap((
    expression,
  ) => [...expression.matchAll(/\b(mcr|process)_\w+/g)]);
  ok(names.length > 20);
  for (const [name] of names) ok(SAMPLE_NAMES.has(name), name);
});

testWith("promtool", hasPromtool, "promtool understands every expression of the dashboard", async () => {
  const expressions = (await dashboardExpressions()).filter((expression) => !expression.startsWith("label_values("));
  const rules = expressions.map((expression, i) => {
    const expr = expression.replaceAll("$__rate_interval", "5m").replaceAll(/\$(instance|rule)/g, ".*");
    return { record: `test:expression:${i}`, expr };
  });
  const file = await Deno.makeTempFile({ prefix: "mcr-", suffix: ".yaml" });
  try {
    // JSON is YAML.
    await Deno.writeTextFile(file, JSON.stringify({ groups: [{ name: "dashboard", rules }] }));
    const said = await complaintsOf("", "promtool", "check", "rules", file);
    ok(said.includes(`SUCCESS: ${rules.length} rules found`), said);
  } finally {
    await Deno.remove(file);
  }
});

Deno.test("docs/operations.md has every metric, by the name of its samples, with its help", async () => {
  const text = await Deno.readTextFile(new URL("docs/operations.md", ROOT));
  const rows = [...text.matchAll(/^\| `((?:mcr|process)_\w+)` +\| (?:`[^|]*`|) *\| (.+?) +\|$/gm)];
  deepStrictEqual(
    rows.map(([, name, help]) => [name, help]),
    FAMILIES.map((family) => [sampleName(family), family.help.replace(/\.$/, "")]),
  );
});
