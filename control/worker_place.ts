/**
 * Where workers run and as whom.
 *
 * @module
 */
import { MCR_WORKERS_MAX } from "../ffi/abi.ts";

/** The account that packages make for mcr, and the one that every system has. */
const ACCOUNTS = ["mcr", "nobody"];

/**
 * The core of each worker: `cores` in turn, or the available ones. 0 workers are one a core.
 *
 * @throws {RangeError} when a core is not available, or there are too many workers.
 */
export function chooseCores(
  workers: number,
  available: readonly number[],
  cores: readonly number[] = available,
): number[] {
  for (const core of cores) {
    if (!available.includes(core)) {
      throw new RangeError(`Cannot run a worker on core ${core}: this process may use ${available.join(", ")}`);
    }
  }
  const count = workers === 0 ? cores.length : workers;
  if (count > MCR_WORKERS_MAX) throw new RangeError(`Cannot run ${count} workers: at most ${MCR_WORKERS_MAX}`);
  return Array.from({ length: count }, (_, i) => cores[i % cores.length]!);
}

/** Whom worker processes become: nobody in particular where the supervisor is root, else they stay who it is. */
export function workerIdentity(): { readonly uid?: number; readonly gid?: number } {
  if (Deno.uid() !== 0) return {};
  return accountIdentity(readAccounts()) ?? { uid: 65534, gid: 65534 };
}

function readAccounts(): string {
  try {
    return Deno.readTextFileSync("/etc/passwd");
  } catch (error) {
    // A container of one file has none.
    if (error instanceof Deno.errors.NotFound) return "";
    throw error;
  }
}

/** User and group of the first account of ours in the text of `/etc/passwd`. */
export function accountIdentity(accounts: string): { readonly uid: number; readonly gid: number } | undefined {
  const lines = accounts.split("\n").map((line) => line.split(":"));
  for (const name of ACCOUNTS) {
    const line = lines.find((fields) => fields[0] === name);
    if (line !== undefined) return { uid: Number(line[2]), gid: Number(line[3]) };
  }
  return undefined;
}
