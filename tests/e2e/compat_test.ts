// Goal: the command lines of mcrd, mcrctl and mcrgen run a relay, from its start to a stream that is relayed.
import { deepStrictEqual, match, strictEqual } from "node:assert/strict";
import { testNetwork } from "./case.ts";
import { mcr } from "./mcr.ts";
import { Network } from "./network.ts";
import { output, Process } from "./process.ts";
import { Sink } from "./traffic.ts";

/** `mcrd supervisor --control-socket-path /s`: a name of a program and its arguments. */
function words(line: string): string[] {
  return mcr(...line.split(" "));
}

testNetwork("mcrd, mcrctl and mcrgen: a stream is relayed by their command lines", async () => {
  await using network = await Network.create("relay");
  const folder = await Deno.makeTempDir({ prefix: "mcr-e2e-" });
  try {
    const socket = `${folder}/mcr.sock`;
    const start = words(`mcrd supervisor --control-socket-path ${socket} --interface in0 --num-workers 1`);
    await using mcrd = await Process.start(network.within("relay", start));
    await mcrd.line("stderr", /^mcr: ready on \S+, 1 worker\(s\)$/);
    const mcrctl = async (line: string): Promise<unknown> => {
      return JSON.parse(await output(words(`mcrctl --socket-path ${socket} ${line}`)));
    };

    deepStrictEqual(await mcrctl("ping"), { Success: "pong: 1/1 worker streams ready" });
    const input = "--input-interface in0 --input-group 239.1.1.1 --input-port 5001";
    await mcrctl(`add ${input} --outputs 239.2.2.2:6000:out0 --name camera-1`);
    await using sink = await Sink.start(network, { group: "239.2.2.2", port: 6000 });

    const stream = "--group 239.1.1.1 --port 5001 --interface 10.1.0.1 --rate 10000 --size 1400 --count 5000 --batch 5";
    match(await output(network.within("source", words(`mcrgen ${stream}`))), /^sent 5000 datagrams, 7000000 bytes /);

    const { received, lost, duplicated, reordered } = await sink.received();
    deepStrictEqual({ received, lost, duplicated, reordered }, {
      received: 5000,
      lost: 0,
      duplicated: 0,
      reordered: 0,
    });
    const { Stats: [counters] } = await mcrctl("stats") as { Stats: Record<string, unknown>[] };
    deepStrictEqual([counters!.packets_relayed, counters!.bytes_relayed], [5000, 7_000_000]);
    deepStrictEqual(await mcrctl("remove --name camera-1"), {
      Success: "Removed rule 'camera-1' (id: 239.1.1.1:5001:in0)",
    });

    mcrd.kill("SIGTERM");
    strictEqual((await mcrd.end()).code, 0);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});
