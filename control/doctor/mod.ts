/**
 * All checks in the order in which their findings are told, and the mending of what is safe to mend.
 *
 * @module
 */
import type { Finding } from "./finding.ts";
import {
  checkBuffers,
  checkCapabilities,
  checkClock,
  checkFeatures,
  checkKernel,
  checkLimits,
  checkMemberships,
  checkUring,
} from "./machine.ts";
import { checkInterfaces, checkMtu, checkOffload, checkReversePath, checkSnooping, checkTtl } from "./network.ts";
import { checkDrops, checkDuplicates, checkRing, checkSocket } from "./relay.ts";
import type { SystemView } from "./view.ts";

const CHECKS: readonly ((view: SystemView) => readonly Finding[])[] = [
  checkKernel,
  checkUring,
  checkFeatures,
  checkClock,
  checkSocket,
  checkDuplicates,
  checkCapabilities,
  checkLimits,
  checkBuffers,
  checkMemberships,
  checkInterfaces,
  checkMtu,
  checkSnooping,
  checkReversePath,
  checkOffload,
  checkRing,
  checkTtl,
  checkDrops,
];

/** What all checks find. */
export function examine(view: SystemView): readonly Finding[] {
  return CHECKS.flatMap((check) => check(view));
}

/** What became of a command that was to mend something. */
export interface Mending {
  readonly mend: string;
  /** `left`: it might do more than mend, so it is for a person to decide. */
  readonly result: "done" | "failed" | "left";
  /** What the command said when it failed. */
  readonly reason?: string;
}

/** Runs the commands that only widen a limit, and names those that it leaves alone; each once. */
export async function mendAll(
  findings: readonly Finding[],
  run: (command: string) => Promise<string | undefined> = runCommand,
): Promise<readonly Mending[]> {
  const mendings = new Map<string, Mending>();
  for (const { mend, is_safe: isSafe, level } of findings) {
    if (mend === undefined || level === "ok" || mendings.has(mend)) continue;
    const failure = isSafe ? await run(mend) : undefined;
    const result = !isSafe ? "left" : failure === undefined ? "done" : "failed";
    mendings.set(mend, { mend, result, ...(failure === undefined ? {} : { reason: failure }) });
  }
  return [...mendings.values()];
}

/** Runs a command; what it said when it failed, else undefined. */
async function runCommand(command: string): Promise<string | undefined> {
  const { success, stderr, code } = await new Deno.Command("/bin/sh", { args: ["-c", command], stdin: "null" })
    .output();
  return success ? undefined : new TextDecoder().decode(stderr).trim() || `status ${code}`;
}
