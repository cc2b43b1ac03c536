// Goal: metrics and the status page show what happened, metrics go on when a worker dies, and a browser shows the page.
import { deepStrictEqual, equal, match, ok } from "node:assert/strict";
import { request } from "node:http";
import { text } from "node:stream/consumers";
import { testNetwork } from "./case.ts";
import { type RuleWords, type RunOptions, Supervisor } from "./mcr.ts";
import { Network } from "./network.ts";
import { Process, run, until } from "./process.ts";
import { gen, send } from "./traffic.ts";

const COUNT = 2_000, BYTES = 500;
/** Of the two outputs one waits for an interface that never comes. */
const RULE: RuleWords = {
  ...{ in: "in0", group: "239.1.1.1", port: 5001 },
  outputs: ["239.2.2.2:6000:out0", "239.2.2.2:6000:never0"],
};
const STREAM = { group: RULE.group, port: RULE.port, size: BYTES };
const LABELS = 'rule="239.1.1.1:5001:in0",interface="in0",group="239.1.1.1",port="5001"';
const SENT = 'output="239.2.2.2:6000:out0",interface="out0",group="239.2.2.2",port="6000"';
const LOST = 'output="239.2.2.2:6000:never0",interface="never0",group="239.2.2.2",port="6000"';

/** A relay that serves metrics on a Unix socket. */
function testMetrics(
  name: string,
  body: (relay: { network: Network; supervisor: Supervisor; path: string }) => Promise<void>,
): void {
  testNetwork(name, async () => {
    await using stack = new AsyncDisposableStack();
    const directory = await Deno.makeTempDir({ prefix: "mcr-e2e-" }), path = `${directory}/metrics.sock`;
    stack.defer(() => Deno.remove(directory, { recursive: true }));
    const network = stack.use(await Network.create("relay"));
    const supervisor = stack.use(await Supervisor.start(network, { args: ["--metrics", `unix:${path}`] }));
    await body({ network, supervisor, path });
    await supervisor.stop();
  });
}

/** What is served there, as the format that was asked for. */
async function fetchFrom(socketPath: string, path: string, accept = "application/openmetrics-text"): Promise<string> {
  const { promise, resolve, reject } = Promise.withResolvers<string>();
  request({ socketPath, path, headers: { accept } }, (response) => resolve(text(response))).on("error", reject).end();
  return await promise;
}

/** The samples, by name and labels. */
async function scrape(path: string): Promise<Map<string, number>> {
  const lines = (await fetchFrom(path, "/metrics")).split("\n").filter((line) => line !== "" && !line.startsWith("#"));
  return new Map(lines.map((line) => {
    const space = line.lastIndexOf(" ");
    return [line.slice(0, space), Number(line.slice(space + 1))];
  }));
}

testMetrics(
  "metrics are what was sent, received and dropped, to the datagram",
  async ({ network, supervisor, path }) => {
    await supervisor.add(RULE);
    equal((await Deno.stat(path)).mode! & 0o777, 0o660);

    await send(network, { ...STREAM, count: COUNT });

    const samples = await until("all was counted", async () => {
      const samples = await scrape(path);
      return samples.get(`mcr_output_datagrams_total{${'rule="239.1.1.1:5001:in0"'},${SENT}}`) === COUNT
        ? samples
        : undefined;
    });
    const rule = 'rule="239.1.1.1:5001:in0"',
      expected: Record<string, number> = {
        [`mcr_rule_datagrams_total{${LABELS}}`]: COUNT,
        [`mcr_rule_bytes_total{${LABELS}}`]: COUNT * BYTES,
        [`mcr_rule_relayed_datagrams_total{${LABELS}}`]: COUNT,
        [`mcr_rule_active{${LABELS}}`]: 0,
        [`mcr_rule_latency_seconds_count{${rule}}`]: COUNT,
        [`mcr_rule_latency_seconds_bucket{${rule},le="+Inf"}`]: COUNT,
        [`mcr_output_due_datagrams_total{${rule},${LOST}}`]: COUNT,
        [`mcr_output_datagrams_total{${rule},${LOST}}`]: 0,
        [`mcr_output_bytes_total{${rule},${SENT}}`]: COUNT * BYTES,
        [`mcr_output_drops_total{${rule},${LOST},reason="no_interface"}`]: COUNT,
        'mcr_drops_total{reason="no_interface"}': COUNT,
        'mcr_rules{state="pending"}': 1,
        'mcr_interface_joined_groups{interface="in0"}': 1,
      };
    deepStrictEqual(Object.fromEntries(Object.keys(expected).map((name) => [name, samples.get(name)])), expected);
    const p50 = (await supervisor.stats()).rules[0]!.latency!.p50_us;
    const sum = samples.get(`mcr_rule_latency_seconds_sum{${rule}}`)!;
    ok(
      sum > p50 * 1e-6 * COUNT / 2 * 0.8,
      `${sum} s in all, and half of them took ${p50} us or more`,
    );
    const below = [...samples].filter(([name]) => name.startsWith("mcr_rule_latency_seconds_bucket")).map(([, n]) => n);
    deepStrictEqual(below, below.toSorted((a, b) => a - b), "buckets hold what the ones below them do");
  },
);

testMetrics("counters go on when a worker dies, and when an output goes", async ({ network, supervisor, path }) => {
  const { id } = await supervisor.add(RULE);
  await using source = await Process.start(gen(network, { ...STREAM, count: 10_000_000, rate: 5_000 }));
  const isCounter = (name: string): boolean => /_(total|bucket|count|sum)(\{|$)/.test(name);
  let before = await until("traffic flows", async () => {
    const samples = await scrape(path);
    return samples.get(`mcr_rule_datagrams_total{${LABELS}}`)! > 1_000 ? samples : undefined;
  });
  const [worker] = await supervisor.workers();
  Deno.kill(worker!.pid!, "SIGKILL");
  for (let restarts = 0, more = 0; restarts === 0 || more < 1_000;) {
    const samples = await scrape(path);
    for (const [name, value] of before) ok(!isCounter(name) || samples.get(name)! >= value, `${name} was ${value}`);
    before = samples;
    restarts = [...samples].find(([name]) => name.startsWith("mcr_worker_restarts_total"))![1];
    more = samples.get(`mcr_rule_datagrams_total{${LABELS}}`)! - worker!.received;
  }
  source.kill("SIGTERM");
  await source.end();
  await supervisor.checkCounters();

  const dropped = (await scrape(path)).get('mcr_drops_total{reason="no_interface"}')!;
  await supervisor.remove(id);
  const after = await scrape(path);
  equal(after.get('mcr_drops_total{reason="no_interface"}'), dropped, "what the output dropped has happened");
  equal(after.get(`mcr_rule_datagrams_total{${LABELS}}`), undefined);
});

const TCP: RunOptions = { args: ["--metrics", "127.0.0.1:9464"] };

testNetwork("a supervisor that cannot serve the metrics of its file says why, and does not start", async () => {
  await using network = await Network.create("relay");
  await using _first = await Supervisor.start(network, TCP);
  const file = await Deno.makeTempFile({ prefix: "mcr-e2e-", suffix: ".yaml" });
  try {
    await Deno.writeTextFile(file, "version: 1\nmetrics: 127.0.0.1:9464\nrules: []\n");
    const message = await Supervisor.start(network, { args: ["-c", file] }).then(() => "", (error) => String(error));
    match(message, /mcr: Cannot serve metrics on "127\.0\.0\.1:9464": Address already in use; another program listens/);
  } finally {
    await Deno.remove(file);
  }
});

const hasChromium = await run(["chromium", "--version"]).then(({ code }) => code === 0, () => false);

/** Runs a browser on the status page, in a place of its own. */
async function browse(
  network: Network,
  directory: string,
  ...args: string[]
): Promise<{ stdout: string; stderr: string }> {
  const place = ["--headless", "--no-sandbox", "--disable-gpu", `--user-data-dir=${directory}/profile`];
  const talk = ["--enable-logging=stderr", "--hide-scrollbars", "--virtual-time-budget=5000"];
  const argv = ["timeout", "90", "chromium", ...place, ...talk, ...args, "http://127.0.0.1:9464/"];
  await using browser = await Process.start(network.within("relay", argv), { env: { HOME: directory } });
  return await browser.end(90_000);
}

const missing = hasChromium ? null : "chromium is not installed";

testNetwork("a browser shows the status page, refreshes it and finds no fault", async () => {
  await using network = await Network.create("relay");
  await using stack = new AsyncDisposableStack();
  const directory = await Deno.makeTempDir({ prefix: "mcr-e2e-" });
  stack.defer(() => Deno.remove(directory, { recursive: true }));
  await network.ip("relay", "link", "set", "lo", "up");
  await using supervisor = await Supervisor.start(network, TCP);
  await supervisor.add(RULE);
  await supervisor.add({ ...RULE, in: "<s>late0", port: 5002 });
  await send(network, { ...STREAM, count: COUNT });

  const { stdout, stderr } = await browse(network, directory, "--dump-dom");
  match(stdout, /<body class="live">/, "the page has drawn itself anew");
  match(stdout, /239\.1\.1\.1:5001 <span class="at">in0<\/span>/);
  match(stdout, /<b>no_interface<\/b>.*the output waits for its interface/);
  match(stdout, /waiting for &lt;s&gt;late0/);
  ok(!/CONSOLE/.test(stderr), stderr);

  // MCR_SCREENSHOT=FILE keeps the picture.
  const file = Deno.env.get("MCR_SCREENSHOT") || `${directory}/page.png`;
  await browse(network, directory, "--window-size=1280,900", `--screenshot=${file}`);
  const png = new DataView((await Deno.readFile(file)).buffer);
  deepStrictEqual([png.getUint32(16), png.getUint32(20)], [1280, 900]);
  ok(png.byteLength > 20_000, `${png.byteLength} bytes are no empty page`);
  await supervisor.stop();
}, missing);
