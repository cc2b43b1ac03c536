// Goal: the listener of metrics serves a page that holds no more than it should, whatever things are called, and no client
// holds up another.
import { deepStrictEqual, equal, match, ok, rejects } from "node:assert/strict";
import type { Engine } from "../../control/engine.ts";
import { drawStatus } from "../../control/metrics/draw.ts";
import { CLIENTS_MAX, type Door, HEAD_BYTES_MAX, HttpServer, type Request } from "../../control/metrics/http.ts";
import { CONTENT_SECURITY_POLICY, renderPage, SCRIPT } from "../../control/metrics/page.ts";
import { serveMetrics } from "../../control/metrics/server.ts";
import { readStatus, RULES_MAX, type Status } from "../../control/metrics/status.ts";
import { FakeEngine } from "./fake_engine.ts";

const HOSTILE = "<img src=x>'&\"";

async function engineWith(count: number): Promise<FakeEngine> {
  const engine = new FakeEngine();
  await engine.apply(Array.from({ length: count }, (_, i) => {
    const input = { interface: HOSTILE, group: "239.1.1.1", port: i + 1, sources: ["10.0.0.1"] };
    return { after: { id: `rule-${i}`, name: `name-${i}`, input, outputs: [{ ...input, port: 6000 }] } };
  }));
  return engine;
}

function read(engine: Engine): Promise<Status> {
  return readStatus({ engine, abi: 2, startMs: Date.now() - 61_000 });
}

Deno.test("the page escapes all names, and says what drops mean", async () => {
  const engine = await engineWith(2);
  engine.missing.add(HOSTILE);
  engine.dropped = { socket_full: 1234 };
  const page = renderPage(await read(engine));
  ok(!page.includes("<img"), "no tag comes of a name");
  ok(page.includes("waiting for &#60;img src=x&#62;&#39;&#38;&#34;"));
  match(page, /<b>socket_full<\/b>.*1\.23k.*look at socket_full/);
  match(page, /up 1m/);
  match(page, /<noscript><meta http-equiv="refresh"/);
});

Deno.test("the page shows at most so many rules, those that drop first, in their order", async () => {
  class Engine extends FakeEngine {
    override *readings(): ReturnType<FakeEngine["readings"]> {
      const [reading] = [...super.readings()];
      for (let i = 0; i < 2 * RULES_MAX; i++) {
        const drops: Record<string, number> = i === 2 * RULES_MAX - 1 ? { max_rate: 1 } : {};
        const over_1s = { datagrams_per_s: i === 700 ? 5 : 1, bits_per_s: 0, drops_per_s: 0 };
        const rates = { ...reading!.counters.rates, over_1s };
        yield { ...reading!, counters: { ...reading!.counters, id: `rule-${i}`, drops, rates, outputs: [] } };
      }
    }
  }
  const engine = new Engine(), input = { interface: "eth0", group: "239.1.1.1", port: 1 };
  await engine.apply([{ after: { id: "rule", input, outputs: [] } }]);
  const status = await read(engine);
  deepStrictEqual([status.rule_count, status.rules.length], [2 * RULES_MAX, RULES_MAX]);
  deepStrictEqual(status.rules.slice(-2).map(({ id }) => id), ["rule-700", `rule-${2 * RULES_MAX - 1}`]);
  ok(drawStatus(status).includes(`${RULES_MAX} of ${2 * RULES_MAX}`));
});

Deno.test("the page draws in the browser what the supervisor draws", async () => {
  const status = await read(await engineWith(3));
  const loop = SCRIPT.indexOf("\nconst main");
  ok(loop > 0);
  // Alone, with nothing of this program in reach.
  const draw = new Function(`${SCRIPT.slice(0, loop)}\nreturn ${drawStatus.name};`)();
  equal(draw(JSON.parse(JSON.stringify(status))), drawStatus(status));
});

/** A door that a test pushes clients through. */
class TestDoor implements Door {
  readonly #listener = Deno.listen({ transport: "tcp", hostname: "127.0.0.1", port: 0 });

  async connect(): Promise<Deno.TcpConn> {
    return await Deno.connect({ hostname: "127.0.0.1", port: this.#listener.addr.port });
  }

  async accept(): Promise<Deno.TcpConn | null> {
    return await this.#listener.accept().catch(() => null);
  }

  [Symbol.asyncDispose](): Promise<void> {
    try {
      this.#listener.close();
    } catch {
      // A second time.
    }
    return Promise.resolve();
  }
}

/** Sends text and reads to the end. */
async function converse(connection: Deno.Conn, text: string): Promise<string> {
  await connection.write(new TextEncoder().encode(text));
  return await new Response(connection.readable).text();
}

async function hello(
  { path, headers }: Request,
): Promise<{ status: 200; headers: Record<string, string>; body: Uint8Array[] }> {
  if (path === "/fault") throw new Error("a fault");
  const text = `${path} ${headers.get("x-a") ?? ""}`;
  return await Promise.resolve({
    status: 200,
    headers: { "content-type": "text/plain" },
    body: [new TextEncoder().encode(text)],
  });
}

const CONVERSATIONS: readonly [request: string, answer: RegExp][] = [
  [
    "GET /x?y=1 HTTP/1.1\r\nX-A: b \r\nx-a:c\r\n\r\n",
    /^HTTP\/1\.1 200 OK\r\n.*content-length: 6\r\n.*\r\n\r\n\/x b,c$/s,
  ],
  ["GET http://h/x HTTP/1.0\n\n", /^HTTP\/1\.1 200 OK\r\n.*\r\n\r\n\/x $/s],
  ["HEAD / HTTP/1.1\r\n\r\n", /^HTTP\/1\.1 200 OK\r\n.*content-length: 2\r\nconnection: close\r\n\r\n$/s],
  [
    "POST / HTTP/1.1\r\nContent-Length: 3\r\n\r\nabc",
    /^HTTP\/1\.1 405 .*allow: GET, HEAD\r\n.*expected GET or HEAD\n$/s,
  ],
  ["GET /fault HTTP/1.1\r\n\r\n", /^HTTP\/1\.1 500 .*the log of the supervisor says why\n$/s],
  ["GET / HTTP/2.0\r\n\r\n", /^HTTP\/1\.1 400 .*expected HTTP\/1\.1\n$/s],
  ["\x16\x03\x01\r\n\r\n", /^HTTP\/1\.1 400 /],
  ["GET  / HTTP/1.1\r\n\r\n", /^HTTP\/1\.1 400 /],
  ["GET / HTTP/1.1\r\nno colon\r\n\r\n", /^HTTP\/1\.1 400 .*a header/s],
  [`GET / HTTP/1.1\r\nx: ${"y".repeat(HEAD_BYTES_MAX)}\r\n\r\n`, /^HTTP\/1\.1 431 .*longer than 8192 bytes\n$/s],
];

Deno.test("HttpServer answers what it should, and refuses the rest with a sentence", async () => {
  const door = new TestDoor(), logged: string[] = [];
  const log = (message: string): void => void logged.push(message);
  await using _server = new HttpServer({ door, answer: hello, log });
  for (const [request, answer] of CONVERSATIONS) match(await converse(await door.connect(), request), answer);
  deepStrictEqual(logged, ["Cannot answer a request for {path}: {reason}"]);
});

Deno.test("HttpServer lets nobody wait for clients that are silent, slow or too many", async () => {
  const door = new TestDoor(), body = [new Uint8Array(16 << 20)];
  const answer = (request: Request) =>
    request.path === "/large" ? Promise.resolve({ status: 200 as const, headers: {}, body }) : hello(request);
  await using _server = new HttpServer({ door, answer, log: () => {}, headPatienceMs: 1000, answerPatienceMs: 1000 });
  const idle = await Promise.all(Array.from({ length: CLIENTS_MAX - 1 }, () => door.connect()));
  const [slow] = idle;
  await slow!.write(new TextEncoder().encode("GET /large HTTP/1.1\r\n\r\n"));
  match(await converse(await door.connect(), "GET / HTTP/1.1\r\n\r\n"), /^HTTP\/1\.1 200 OK/);
  await using last = new AsyncDisposableStack();
  last.defer(() => [...idle, extra].forEach((one) => one.close()));
  const extra = await door.connect();
  const over = await door.connect();
  equal(await converse(over, "").catch((error) => error.name), "", "one too many is closed at once");
  const ends = await Promise.all(idle.slice(1).map((one) => one.read(new Uint8Array(1)).catch(() => null)));
  deepStrictEqual(new Set(ends), new Set([null]), "who says nothing is closed");
  match(await converse(await door.connect(), "GET / HTTP/1.1\r\n\r\n"), /^HTTP\/1\.1 200 OK/);
});

interface Site extends AsyncDisposable {
  readonly port: number;
  get(path: string, headers?: Record<string, string>): Promise<Response>;
}

/** Metrics on a port of this machine: another one where somebody has taken it in the meantime. */
async function serve(triesMax = 10): Promise<Site> {
  const probe = Deno.listen({ hostname: "127.0.0.1", port: 0 }), { port } = probe.addr;
  probe.close();
  const engine = await engineWith(1), source = { engine, abi: 2, startMs: 0 };
  const server = await serveMetrics({
    ...{ address: { kind: "tcp", host: "127.0.0.1", port }, access: {}, source, log: () => {} },
  }).catch((error) => {
    if (triesMax > 1 && error.cause instanceof Deno.errors.AddrInUse) return undefined;
    throw error;
  });
  if (server === undefined) return await serve(triesMax - 1);
  return {
    port,
    get: (path, headers = {}) => fetch(`http://127.0.0.1:${port}${path}`, { headers }),
    [Symbol.asyncDispose]: () => server[Symbol.asyncDispose](),
  };
}

Deno.test("serveMetrics() serves each resource as it should be taken, and nothing else", async () => {
  await using site = await serve();
  const openmetrics = await site.get("/metrics", {
    accept: "application/openmetrics-text",
    "accept-encoding": "identity",
  });
  equal(openmetrics.headers.get("content-type"), "application/openmetrics-text; version=1.0.0; charset=utf-8");
  const plain = await openmetrics.text();
  ok(plain.endsWith("\n# EOF\n"));
  const zipped = await site.get("/metrics", { accept: "application/openmetrics-text", "accept-encoding": "gzip" });
  equal(await zipped.text(), plain, "zipped it is the same");
  const text = await site.get("/metrics");
  equal(text.headers.get("content-type"), "text/plain; version=0.0.4; charset=utf-8");
  ok(!(await text.text()).includes("# EOF"));
  const page = await site.get("/");
  equal(page.headers.get("content-security-policy"), CONTENT_SECURITY_POLICY);
  match(await page.text(), /^<!doctype html>/);
  equal((await (await site.get("/status.json")).json()).rule_count, 1);
  const missing = await site.get("/etc/passwd");
  deepStrictEqual([missing.status, await missing.text()], [
    404,
    "Cannot find that: there are /, /status.json and /metrics\n",
  ]);
});

Deno.test("serveMetrics() says what to do where it cannot listen", async () => {
  using other = Deno.listen({ transport: "tcp", hostname: "127.0.0.1", port: 0 });
  const { port } = other.addr, source = { engine: new FakeEngine(), abi: 1, startMs: 0 };
  const at = (host: string): Promise<AsyncDisposable> =>
    serveMetrics({ address: { kind: "tcp", host, port }, access: {}, source, log: () => {} });
  await rejects(at("127.0.0.1"), /": Address already in use; another program listens there, choose another --metrics$/);
  // An address of TEST-NET-1 is nobody's.
  await rejects(at("192.0.2.1"), /": Cannot assign requested address; no interface of this host has that address$/);
});

Deno.test("serveMetrics() on a loopback address answers to no name but localhost", async () => {
  await using site = await serve();
  const ask = async (host: string): Promise<string> => {
    const connection = await Deno.connect({ hostname: "127.0.0.1", port: site.port });
    return await converse(connection, `GET /status.json HTTP/1.1\r\nHost: ${host}\r\n\r\n`);
  };
  for (const host of ["localhost:9464", "127.0.0.1", "[::1]:9464"]) match(await ask(host), /^HTTP\/1\.1 200 OK/, host);
  for (const host of ["evil.example", "127.0.0.1.evil.example", "localhost.evil.example:80"]) {
    match(await ask(host), /^HTTP\/1\.1 421 .*for another host: expected an address or localhost\n$/s, host);
  }
});
