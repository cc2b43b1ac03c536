/**
 * Latency: from the generator's system call to the time stamp of the kernel at the sink.
 *
 * @module
 */
import { nativeMcr } from "../tests/e2e/mcr.ts";
import { Process } from "../tests/e2e/process.ts";
import { send } from "./load.ts";
import type { Measure, Sample, Stand } from "./measure.ts";

/** Datagrams a second while it is measured. */
const RATE = 20_000;

/** When nothing has come for so long, nothing comes any more. */
const IDLE_SECONDS = 0.3;

/** Measures `p50`, `p99` and `p999`, in microseconds. */
export const measureLatency: Measure = async function* (stand): AsyncGenerator<void, Sample> {
  const sample = await watch(stand);
  yield;
  return sample;
};

async function watch({ bed, load, peer, job, effort, say }: Stand): Promise<Sample> {
  const { group, port } = peer.destinations(job)[0]!;
  const where = ["--interface", "k0", "--group", group, "--port", String(port), "--verify", "off"];
  const argv = nativeMcr("sink", "-j", ...where, "--idle", String(IDLE_SECONDS), "--timeout", "20");
  await using sink = await Process.start(bed.atEdge("sink", argv));
  await sink.line("stderr", /^ready$/);
  const sent = await send(bed, load, RATE, effort.watchSeconds);
  const { received, latency_us } = JSON.parse((await sink.end()).stdout);
  const loss = (sent.sent - received) / sent.sent;
  say(`p50 ${latency_us.p50}, p99 ${latency_us.p99}, p99.9 ${latency_us.p99_9} us, ${(loss * 100).toFixed(2)} % lost`);
  const { p50, p99, p99_9 } = latency_us;
  return { p50: { value: p50, loss }, p99: { value: p99, loss }, p999: { value: p99_9, loss } };
}
