/**
 * What this process may do and where it may run.
 *
 * @module
 */
import { check, native } from "./library.ts";

/** Numbers of the capabilities that matter here, from `linux/capability.h`. */
export const CAP_NET_ADMIN = 12;
export const CAP_NET_RAW = 13;
export const CAP_SYS_NICE = 23;

/** Whether this thread has a capability in force. */
export function hasCapability(capability: number): boolean {
  return native.mcr_capability(capability) === 1;
}

/** The cores of the process' affinity mask, ascending. */
export function availableCores(): number[] {
  const cores = new Uint32Array(1024);
  const count = check(native.mcr_cores(cores, cores.length));
  return [...cores.subarray(0, Math.min(count, cores.length))];
}

/** Raises the limit of open descriptors as far as allowed: every output is one. */
export function raiseFilesLimit(): number {
  return check(native.mcr_files_limit_raise());
}
