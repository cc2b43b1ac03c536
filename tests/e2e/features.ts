/**
 * Features of a network's interfaces. The module is also the program that looks at them, run in a namespace:
 * `features.ts INTERFACE [FEATURE on|off]` switches the feature, if one is named, and prints a line of JSON.
 *
 * @module
 */
import { fileURLToPath } from "node:url";
import { hasFeature, setFeature } from "../../ffi/feature.ts";
import { listInterfaces } from "../../ffi/interfaces.ts";
import type { Network } from "./network.ts";
import { output } from "./process.ts";

/** What receive offload switches. */
export interface Offload {
  readonly gro: boolean;
  readonly forwarding: boolean;
}

/** How the interface of a namespace is set. */
export async function readOffload(network: Network, namespace: string, name: string): Promise<Offload> {
  return JSON.parse(await look(network, namespace, name));
}

/** Switches a feature, by its name in full. */
export async function switchFeature(
  network: Network,
  namespace: string,
  name: string,
  feature: string,
  isOn: boolean,
): Promise<void> {
  await look(network, namespace, name, feature, isOn ? "on" : "off");
}

async function look(network: Network, namespace: string, ...args: string[]): Promise<string> {
  const program = [Deno.execPath(), "run", "--quiet", "--allow-all", fileURLToPath(import.meta.url)];
  return await output(network.within(namespace, [...program, ...args]));
}

if (import.meta.main) {
  const [name, feature, state] = Deno.args;
  const { index } = listInterfaces().find((one) => one.name === name)!;
  if (feature !== undefined) setFeature(index, feature, state === "on");
  const offload: Offload = { gro: hasFeature(index, "rx-gro"), forwarding: hasFeature(index, "rx-udp-gro-forwarding") };
  Deno.stdout.writeSync(new TextEncoder().encode(JSON.stringify(offload)));
}
