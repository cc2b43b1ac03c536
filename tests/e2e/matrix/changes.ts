/**
 * Changes while datagrams pass: rules that are replaced, workers that die, and what stays as it is meanwhile; and rules
 * whose datagrams nobody else on the host gets.
 *
 * @module
 */
import { deepStrictEqual } from "node:assert/strict";
import { until } from "../process.ts";
import type { Received } from "../traffic.ts";
import { type Bench, type Case, INPUT, OUTPUT, passes, rule } from "./bench.ts";

/** A second of datagrams that change could lose. */
const STREAM = { count: 20_000, rate: 20_000 };

const ROUNDS = 10;

function hasOnePort({ seen }: Received): void {
  deepStrictEqual(Object.keys(seen.source_port).length, 1, "all came from one port");
}

/** Replaces the rule by itself with other options, again and again. */
async function replaceAgain({ client }: Bench): Promise<void> {
  for (let round = 1; round <= ROUNDS; round++) {
    await client.call("rule.replace", rule({}, [{}, { group: "239.2.2.3", ttl: round }], { name: `round-${round}` }));
  }
}

/** Kills the worker, again and again, each time when it runs. */
async function killAgain({ client }: Bench): Promise<void> {
  for (let round = 0; round < ROUNDS; round++) {
    const pid = await until("the worker ran", async () => {
      const { workers: [worker] } = await client.call("worker.list", {});
      return worker!.state === "running" ? worker!.pid : undefined;
    });
    Deno.kill(pid, "SIGKILL");
    await until("it was another", async () => {
      const { workers: [worker] } = await client.call("worker.list", {});
      return worker!.state === "running" && worker!.pid !== pid || undefined;
    });
  }
}

/** Adds and removes others, and gives the rule another name. */
async function changeOthers({ client }: Bench): Promise<void> {
  for (let round = 1; round <= ROUNDS; round++) {
    const other = rule({ group: `239.8.8.${round}` }, { group: `239.9.9.${round}`, source_port: 7000 + round });
    const { id } = await client.call("rule.add", other);
    await client.call("rule.replace", rule({}, {}, { name: `round-${round}` }));
    await client.call("rule.remove", { id });
  }
}

/** A listener on the relay's own host. */
const LOCAL = { namespace: "relay", interface: "in0" };

export const CHANGES: readonly Case[] = [
  passes("a rule that is replaced loses and repeats nothing at 20,000 a second", {
    rules: [rule({}, [{}, { group: "239.2.2.3" }])],
    during: replaceAgain,
    flows: [{ stream: STREAM }],
    ears: [{ check: hasOnePort }, {}],
  }),
  passes("a source port stays when the worker is killed, and nothing is lost", {
    rules: [rule()],
    during: killAgain,
    flows: [{ stream: { count: 40_000, rate: 20_000 } }],
    ears: [{ check: hasOnePort }],
  }),
  passes("a source port stays when rules come and go", {
    rules: [rule()],
    during: changeOthers,
    flows: [{ stream: STREAM }],
    ears: [{ check: hasOnePort }],
  }),
];

export const EXCLUSIVE: readonly Case[] = [
  passes("without exclusive, the relay's own host gets it too", {
    rules: [rule()],
    flows: [{}],
    ears: [{}, { place: { ...LOCAL, group: INPUT.group, port: 5001 }, flows: [0] }],
  }),
  passes("an exclusive range and the group beside it", {
    rules: [rule({ group: "239.1.1.0/28", port: "5000-5003", exclusive: true }, { group: OUTPUT.group, port: 6000 })],
    flows: [
      { stream: { group: "239.1.1.15", port: 5003 } },
      { stream: { group: "239.1.1.16", port: 5003, count: 300 }, rule: null },
      { stream: { group: "239.1.1.15", port: 5004, count: 200 }, rule: null },
    ],
    ears: [
      {},
      { place: { ...LOCAL, group: "239.1.1.15", port: 5003 }, flows: [] },
      { place: { ...LOCAL, group: "239.1.1.16", port: 5003 }, flows: [1] },
      { place: { ...LOCAL, group: "239.1.1.15", port: 5004 }, flows: [2] },
    ],
  }),
  passes("an exclusive rule takes its sources only, the host gets the others", {
    rules: [rule({ sources: ["192.0.2.7"], exclusive: true })],
    flows: [
      { stream: { source: "192.0.2.7" } },
      { stream: { source: "192.0.2.8", count: 300 }, dropped: "source" },
    ],
    ears: [{}, { place: { ...LOCAL, group: INPUT.group, port: 5001 }, flows: [1], seen: { source: "192.0.2.8" } }],
  }),
  passes("an exclusive rule of IPv6", {
    rules: [rule({ group: "ff3e::1:1", exclusive: true })],
    flows: [{}, { stream: { group: "ff3e::1:2", count: 300 }, rule: null }],
    ears: [
      {},
      { place: { ...LOCAL, group: "ff3e::1:1", port: 5001 }, flows: [] },
      { place: { ...LOCAL, group: "ff3e::1:2", port: 5001 }, flows: [1] },
    ],
  }),
];
