/**
 * On which interfaces this host has joined a group, as the kernel lists it.
 *
 * @module
 */
import { addressBytes } from "../ffi/address.ts";

/** The interfaces; none where the lists cannot be read. */
export function joinedOn(group: string, read: (path: string) => string = readQuietly): readonly string[] {
  const bytes = addressBytes(group);
  return group.includes(":")
    ? findIpv6(read("/proc/net/igmp6"), bytes.toHex())
    : findIpv4(read("/proc/net/igmp"), bytes.slice(12));
}

/** A line for each interface, and below it one for each group: as a number in the byte order of the machine. */
function findIpv4(text: string, address: Uint8Array<ArrayBuffer>): readonly string[] {
  const number = new Uint32Array(address.buffer)[0]!.toString(16).toUpperCase().padStart(8, "0");
  const found: string[] = [];
  let name = "";
  for (const line of text.split("\n").slice(1)) {
    name = /^\d+\s+(.+?)\s*:/.exec(line)?.[1] ?? name;
    if (/^\s+([0-9A-F]{8})\b/.exec(line)?.[1] === number) found.push(name);
  }
  return found;
}

function findIpv6(text: string, address: string): readonly string[] {
  return text.split("\n").map((line) => line.trim().split(/\s+/))
    .filter(([, , group]) => group === address).map(([, name]) => name!);
}

function readQuietly(path: string): string {
  try {
    return Deno.readTextFileSync(path);
  } catch {
    return "";
  }
}
