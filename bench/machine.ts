/**
 * The machine that the bench runs on: what the report says of it, and whether it will do.
 *
 * @module
 */
import { output } from "../tests/e2e/process.ts";
import { isInstalled } from "./peer.ts";
import type { Machine } from "./report.ts";

/** What is started besides the relays, and the packages that have it. */
const TOOLS = {
  ip: "iproute2",
  ethtool: "ethtool",
  taskset: "util-linux",
  chrt: "util-linux",
  setsid: "util-linux",
  pgrep: "procps",
} as const;

/** Describes the machine as it is now. */
export async function describeMachine(cores: readonly number[]): Promise<Machine> {
  const cpu = /^model name\s*:\s*(.+)$/m.exec(await Deno.readTextFile("/proc/cpuinfo"))?.[1] ?? Deno.build.arch;
  return {
    kernel: Deno.osRelease(),
    cpu: cpu.replace(/\s+/g, " "),
    cores: cores.length,
    date: new Date().toISOString().slice(0, 16).replace("T", " "),
    load: Deno.loadavg()[0]!,
  };
}

/** The cores that this process may use. */
export async function usableCores(): Promise<number[]> {
  const list = /^Cpus_allowed_list:\s*(\S+)$/m.exec(await Deno.readTextFile("/proc/self/status"))![1]!;
  return list.split(",").flatMap((range) => {
    const [first, last = first] = range.split("-").map(Number);
    return Array.from({ length: last! - first! + 1 }, (_, index) => first! + index);
  });
}

/** Says what a bench cannot do without. */
export async function requireMachine(cores: readonly number[]): Promise<void> {
  if (Deno.uid() !== 0) {
    throw new Error("Cannot measure as an ordinary user: moving receive work between cores needs root; use sudo");
  }
  if (cores.length < 2) throw new Error("Cannot measure on one core: the generator needs another than the relay's");
  for (const [tool, name] of Object.entries(TOOLS)) {
    if (!await isInstalled(tool)) throw new Error(`Cannot measure without ${tool}: install ${name}`);
  }
}

/** Keeps this process, and what it starts without saying where, off the relay's core. */
export async function moveTo(core: number): Promise<void> {
  await output(["taskset", "-acp", String(core), String(Deno.pid)]);
}
