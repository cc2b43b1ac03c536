/**
 * End-to-end test cases: where the user may not make network namespaces each runs in a user namespace, and where that is
 * not allowed either it is skipped with the reason.
 *
 * @module
 */
import { match } from "node:assert/strict";
import { fileURLToPath } from "node:url";
import { findAccess, inUserNamespace } from "./access.ts";
import { type RunOptions, Supervisor } from "./mcr.ts";
import { Network, type TopologyName } from "./network.ts";
import { output } from "./process.ts";

/** What a case with a relay is given. */
export interface Relay {
  readonly network: Network;
  readonly supervisor: Supervisor;
}

/** How namespaces may be made here. */
export const access = await findAccess();

/** A test that may make networks. It is skipped where something else is missing, for that reason. */
export function testNetwork(name: string, body: () => Promise<void>, missing: string | null = null): void {
  if (missing !== null) return Deno.test({ name: `${name} (${missing})`, ignore: true, fn: body });
  if (access.kind === "direct") return Deno.test(name, body);
  if (access.kind === "user") return Deno.test(name, () => testInUserNamespace(name));
  Deno.test({ name: `${name} (${access.reason})`, ignore: true, fn: body });
}

/**
 * A test with a running relay. Whatever it is about, its relay must at the end have counted every datagram exactly and
 * stop without leaving anything behind.
 */
export function testRelay(
  name: string,
  { topology = "relay", ...options }: RunOptions & { readonly topology?: TopologyName },
  body: (relay: Relay) => Promise<void>,
): void {
  testNetwork(name, async () => {
    await using network = await Network.create(topology);
    await using supervisor = await Supervisor.start(network, options);
    try {
      await body({ network, supervisor });
      await supervisor.stop();
    } catch (error) {
      throw new Error(`The supervisor said:\n${supervisor.process.stderr}`, { cause: error });
    }
  });
}

/** Runs the one test of this file in a process that may make networks. */
async function testInUserNamespace(name: string): Promise<void> {
  const filter = `/^${name.replace(/[.*+?^${}()|[\]\\/]/g, "\\$&")}$/`;
  const file = fileURLToPath(Deno.mainModule);
  const report = await output(inUserNamespace([Deno.execPath(), "test", "--allow-all", "--filter", filter, file]));
  match(report, /\b1 passed\b/, "the filter finds the test");
}
