// Goal: the command lines of mcrd, mcrctl and mcrgen run a relay, from its start to a stream that is relayed.
import { deepStrictEqual, match, strictEqual } from "node:assert/strict";
import { testNetwork } from "./case.ts";
import { mcr } from "./mcr.ts";
import { Network } from "./network.ts";
import { output, Process, until } from "./process.ts";
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

/** As a user of the reference implementation has it; it says more than there is an equal of. */
const THEIRS = `{
  // Where they come in.
  pinning: { in0: [0] },
  rules: [
    { name: "camera-1", input: { interface: "in0", group: "239.1.1.1", port: 5001 },
      outputs: [{ group: "239.2.2.2", port: 6000, interface: "out0" }] },
  ],
  igmp: { querier_interfaces: ["in0"] },
}
`;

testNetwork(
  "mcrd --config, mcrctl config and log-level, mcrgen --payload: their files run a relay of ours",
  async () => {
    await using network = await Network.create("relay");
    const folder = await Deno.makeTempDir({ prefix: "mcr-e2e-" });
    try {
      const socket = `${folder}/mcr.sock`, file = `${folder}/mcrd.json5`;
      await Deno.writeTextFile(file, THEIRS);
      const start = words(`mcrd supervisor --config ${file} --control-socket-path ${socket}`);
      await using mcrd = await Process.start(network.within("relay", start));
      await mcrd.line("stderr", /^mcr: warning: \S+\/mcrd\.json5: pinning: taken as cores "0": /);
      await mcrd.line("stderr", /^mcr: warning: \S+\/mcrd\.json5: igmp: left out: mcr is no IGMP querier/);
      await mcrd.line("stderr", /^mcr: ready on \S+, 1 worker\(s\)$/);
      const mcrctl = async (line: string): Promise<unknown> => {
        return JSON.parse(await output(words(`mcrctl --socket-path ${socket} ${line}`)));
      };
      const rule = (number: number, name?: string): unknown => ({
        ...name === undefined ? {} : { name },
        input: { interface: "in0", group: `239.1.1.${number}`, port: 5001, protocol: null },
        outputs: [{ group: "239.2.2.2", port: 6000, interface: "out0" }],
      });
      const config = (...rules: unknown[]): unknown => ({ pinning: { in0: [0] }, rules, multicast_ttl: null });
      deepStrictEqual(await mcrctl("config show"), { Config: config(rule(1, "camera-1")) });

      const input = "--input-interface in0 --input-group 239.1.1.2 --input-port 5001";
      await mcrctl(`add ${input} --outputs 239.2.2.2:6000:out0`);
      deepStrictEqual(await mcrctl("config save"), { Success: `Configuration saved to ${file}` });
      const saved = JSON.parse(await Deno.readTextFile(file));
      deepStrictEqual([saved.rules, saved.igmp], [[rule(1, "camera-1"), rule(2)], { querier_interfaces: ["in0"] }]);
      deepStrictEqual(await mcrctl(`config load --file ${file}`), {
        Success: "Configuration merged (0 rules added, 2 skipped as duplicates)",
      });
      deepStrictEqual(await mcrctl(`config check --file ${file}`), { ConfigValidation: { valid: true, errors: [] } });
      await Deno.writeTextFile(file, THEIRS);
      mcrd.kill("SIGHUP");
      await mcrd.line("stderr", /SIGHUP: \S+: 0 added, 1 removed, 0 replaced, 1 unchanged/);

      deepStrictEqual(await mcrctl("log-level set --facility Ingress --level debug"), {
        Success: "Log level for Ingress set to DEBUG",
      });
      deepStrictEqual(await mcrctl("log-level get"), {
        LogLevels: { global: "Info", facility_overrides: { DataPlane: "Debug" } },
      });

      await using sink = await Sink.start(network, { group: "239.2.2.2", port: 6000 });
      const stream = "--group 239.1.1.1 --port 5001 --interface 10.1.0.1 --count 100 --size 4 --payload HELLO -q";
      match(await output(network.within("source", words(`mcrgen ${stream}`))), /^sent 100 datagrams, 400 bytes /);
      await until("all of them are relayed", async () => {
        const { Stats: [counters] } = await mcrctl("stats") as { Stats: Record<string, unknown>[] };
        return counters!.packets_relayed === 100 || undefined;
      });
      strictEqual((await sink.receivedSoFar()).foreign, 100, "relayed, and of no generator's making");
      mcrd.kill("SIGTERM");
      strictEqual((await mcrd.end()).code, 0);
    } finally {
      await Deno.remove(folder, { recursive: true });
    }
  },
);
