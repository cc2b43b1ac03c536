/**
 * What is served beside the control socket, for machines that watch and people who look: metrics, and a page.
 *
 * @module
 */
import type { Log } from "../log.ts";
import type { MetricsAddress } from "../metrics_address.ts";
import type { SocketAccess } from "../socket_access.ts";
import { openDoor } from "./door.ts";
import { CONTENT_TYPES, expose, type Format } from "./exposition.ts";
import { HttpServer, refusal, type Request, type Response } from "./http.ts";
import { chooseFormat, takesGzip } from "./negotiation.ts";
import { Pace, Shared } from "./pace.ts";
import { CONTENT_SECURITY_POLICY, renderPage } from "./page.ts";
import { scrape, type Source } from "./scrape.ts";
import { readStatus } from "./status.ts";

/** Where metrics are served, by whom it may be read, and of what. */
export interface MetricsOptions {
  readonly address: MetricsAddress;
  /** Of a Unix socket. */
  readonly access: SocketAccess;
  readonly source: Source;
  readonly log: Log;
}

/** Starts to serve; throws where that cannot be. */
export async function serveMetrics({ address, access, source, log }: MetricsOptions): Promise<AsyncDisposable> {
  const isLocal = address.kind === "tcp" && isLoopback(address.host);
  const door = await openDoor(address, access, log);
  const stack = new AsyncDisposableStack(), site = stack.use(new Site(source));
  stack.use(new HttpServer({ door, answer: (request) => site.answer(request, isLocal), log }));
  return stack;
}

/** One piece of text is as long as this, or a little longer, before it is encoded. */
const PIECE_CHARACTERS = 1 << 16;

/** Headers of every answer: it is of this moment, and is what it says it is. */
const HEADERS = { "cache-control": "no-store", "x-content-type-options": "nosniff", vary: "accept, accept-encoding" };

type Body = readonly Uint8Array[];

/** The resources. */
class Site implements Disposable {
  readonly #source: Source;
  readonly #bodies = new Map<string, Shared<Body>>();

  constructor(source: Source) {
    this.#source = source;
  }

  async answer({ path, headers }: Request, isLocal: boolean): Promise<Response> {
    if (isLocal && !isLocalName(headers.get("host") ?? "localhost")) {
      return refusal(421, "Cannot answer for another host: expected an address or localhost");
    }
    const isZipped = takesGzip(headers.get("accept-encoding") ?? "");
    switch (path) {
      case "/metrics": {
        const format = chooseFormat(headers.get("accept") ?? "");
        return await this.#send(format, CONTENT_TYPES[format], isZipped);
      }
      case "/status.json":
        return await this.#send("status", "application/json; charset=utf-8", isZipped);
      case "/": {
        const response = await this.#send("page", "text/html; charset=utf-8", isZipped);
        const policy = { "content-security-policy": CONTENT_SECURITY_POLICY, "referrer-policy": "no-referrer" };
        return { ...response, headers: { ...response.headers, ...policy } };
      }
      default:
        return refusal(404, "Cannot find that: there are /, /status.json and /metrics");
    }
  }

  async #send(what: Format | "status" | "page", type: string, isZipped: boolean): Promise<Response> {
    const key = `${what} ${isZipped}`;
    let body = this.#bodies.get(key);
    if (body === undefined) this.#bodies.set(key, body = new Shared(() => this.#make(what, isZipped)));
    const encoding = isZipped ? { "content-encoding": "gzip" } : {};
    return { status: 200, headers: { ...HEADERS, "content-type": type, ...encoding }, body: await body.get() };
  }

  async #make(what: Format | "status" | "page", isZipped: boolean): Promise<Body> {
    const text = what === "status"
      ? [JSON.stringify(await readStatus(this.#source))]
      : what === "page"
      ? [renderPage(await readStatus(this.#source))]
      : expose(await scrape(this.#source), what);
    const bytes = ReadableStream.from(encode(text));
    return await Array.fromAsync(isZipped ? bytes.pipeThrough(new CompressionStream("gzip")) : bytes);
  }

  /** After the server: nothing is being made then. */
  [Symbol.dispose](): void {
    for (const body of this.#bodies.values()) body[Symbol.dispose]();
  }
}

/** The bytes of a text, in pieces that are neither small nor large. */
async function* encode(text: Iterable<string>): AsyncGenerator<Uint8Array<ArrayBuffer>> {
  const encoder = new TextEncoder(), pace = new Pace();
  let piece = "";
  for (const part of text) {
    piece += part;
    if (piece.length < PIECE_CHARACTERS) continue;
    yield encoder.encode(piece);
    piece = "";
    await pace.rest();
  }
  yield encoder.encode(piece);
}

function isLoopback(host: string): boolean {
  return host.startsWith("127.") || host === "::1";
}

/**
 * Whether a `Host` header names this host by address, or as localhost. What listens for this host alone answers to no
 * other name: a name can be made to mean this host by anyone who has a web page that is looked at here.
 */
function isLocalName(host: string): boolean {
  return /^(\[[0-9a-f:.]+\]|\d+\.\d+\.\d+\.\d+|localhost)\.?(:\d+)?$/i.test(host);
}
