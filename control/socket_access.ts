/**
 * Who may connect to the control socket: the mode and the group of its file, as people write them.
 *
 * @module
 */
import { parseWhole } from "./number.ts";

/** Mode and group of the socket's file. */
export interface SocketAccess {
  /** 0660 unless given. */
  readonly mode?: number;
  /** A number; that of the group `mcr` unless given, if there is one. */
  readonly group?: number;
}

/** What the parts must be, in the words of every message about them. */
export const EXPECTED_ACCESS = {
  mode: "an octal mode, as in 0660",
  group: "a group of /etc/group, or a group number",
} as const;

/** Numbers above it mean "nobody" to the kernel. */
const GROUP_MAX = 2 ** 32 - 2;

/** Reads a mode; undefined when it is none. */
export function parseSocketMode(text: string): number | undefined {
  return /^0?[0-7]{3}$/.test(text) ? Number.parseInt(text, 8) : undefined;
}

/** Reads a group, by name or number; undefined when there is none such. */
export function parseSocketGroup(text: string, file?: string): number | undefined {
  return parseWhole(text, 0, GROUP_MAX) ?? findGroup(text, file);
}

/** The number of a group in `/etc/group`. */
export function findGroup(name: string, file = "/etc/group"): number | undefined {
  let text: string;
  try {
    text = Deno.readTextFileSync(file);
  } catch {
    return undefined;
  }
  const entry = text.split("\n").map((line) => line.split(":")).find((fields) => fields[0] === name);
  const gid = Number.parseInt(entry?.[2] ?? "", 10);
  return Number.isNaN(gid) ? undefined : gid;
}
