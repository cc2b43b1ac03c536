/**
 * Traffic of the bench: `mcr gen` offers it, the sink's interface says how much of it came through.
 *
 * @module
 */
import { nativeMcr } from "../tests/e2e/mcr.ts";
import { output } from "../tests/e2e/process.ts";
import { type Destination, INPUT, OUTPUT } from "./peer.ts";
import type { Try } from "./search.ts";
import type { Testbed } from "./topology.ts";

/** What is sent, apart from how much. */
export interface Load {
  /** Sizes of UDP payload, as `mcr gen --size` takes them. */
  readonly size: string;
  /** Consecutive groups, served in turn. */
  readonly flows: number;
  /** Further arguments of `mcr gen`. */
  readonly args?: readonly string[];
}

/** What `mcr gen -j` says. */
export interface Sent {
  readonly sent: number;
  readonly bytes: number;
  readonly rate: number;
}

/** More hops than routers on the way; kernel routing takes one off. */
const TTL = 8;

/** How long a relay may take from its configuration to the first datagram that it relays. */
const WARM_UP_MS = 8000;

/** Meanwhile this is offered again and again: enough for a datagram of every flow, each by itself. */
const WARM_UP_RATE = 1000;
const WARM_UP_SECONDS = 0.2;

/** Sends for a while from the source to the relay; resolves to what the kernel took. */
export async function send(bed: Testbed, load: Load, rate: number, seconds: number): Promise<Sent> {
  return JSON.parse(await output(bed.atEdge("source", genArguments("s0", INPUT, load, rate, seconds))));
}

/** Sends as much as it can in the relay's place, to the sink. */
export async function sendAlone(bed: Testbed, load: Load, seconds: number): Promise<Sent> {
  return JSON.parse(await output(bed.atRelay(genArguments("out0", OUTPUT, load, 0, seconds))));
}

function genArguments(link: string, to: Destination, load: Load, rate: number, seconds: number): string[] {
  const where = ["--interface", link, "--group", to.group, "--port", String(to.port), "--ttl", String(TTL)];
  const what = ["--size", load.size, "--flows", String(load.flows), "--rate", String(rate), "--verify", "off"];
  return nativeMcr("gen", "-j", ...where, ...what, "--duration", String(seconds), ...load.args ?? []);
}

/** Offers a rate once. `copies` is how often each datagram should arrive. */
export async function offer(bed: Testbed, load: Load, rate: number, seconds: number, copies: number): Promise<Try> {
  const before = await bed.settled();
  const sent = await send(bed, load, rate, seconds);
  const after = await bed.settled();
  const due = sent.bytes * copies;
  return { offered: rate, achieved: sent.rate, loss: (due - (after.bytes - before.bytes)) / due };
}

/** Sends a little until it arrives; a relay that was told what to do may still be doing it. */
export async function warmUp(bed: Testbed, flows: number): Promise<void> {
  const before = await bed.arrived();
  for (const end = performance.now() + WARM_UP_MS; performance.now() < end;) {
    await send(bed, { size: "64", flows, args: ["--gso", "off"] }, WARM_UP_RATE, WARM_UP_SECONDS);
    if ((await bed.settled()).frames > before.frames) return;
  }
  throw new Error("Nothing arrives at the sink");
}
