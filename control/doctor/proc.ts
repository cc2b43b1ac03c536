/**
 * What `/proc` tells of processes and of the kernel. All of it may be forbidden to this user, or not be there.
 *
 * @module
 */
import { gunzipSync } from "node:zlib";
import type { ProcessView } from "./view.ts";

/** The text of a file; undefined where it cannot be read. */
export function readText(path: string): string | undefined {
  try {
    return Deno.readTextFileSync(path);
  } catch {
    return undefined;
  }
}

/** Where a link leads; undefined where that cannot be read. */
export function readLinkText(path: string): string | undefined {
  try {
    return Deno.readLinkSync(path);
  } catch {
    return undefined;
  }
}

function listNames(path: string): readonly string[] | undefined {
  try {
    return [...Deno.readDirSync(path)].map(({ name }) => name);
  } catch {
    return undefined;
  }
}

/** A process; undefined where it is none, or not to be seen. */
export function readProcess(pid: number): ProcessView | undefined {
  const status = readText(`/proc/${pid}/status`), limits = readText(`/proc/${pid}/limits`);
  if (status === undefined || limits === undefined) return undefined;
  const field = (name: string): string => new RegExp(`^${name}:\\s*(.*)$`, "m").exec(status)?.[1] ?? "";
  const capabilities = BigInt(`0x${field("CapEff") || "0"}`);
  const [, files = "0"] = /^Max open files\s+(\d+|unlimited)/m.exec(limits) ?? [];
  return {
    pid,
    groups: `${field("Gid")} ${field("Groups")}`.trim().split(/\s+/).map(Number),
    can: (capability) => (capabilities >> BigInt(capability) & 1n) === 1n,
    filesMax: files === "unlimited" ? Infinity : Number(files),
    filesOpen: listNames(`/proc/${pid}/fd`)?.length,
    lockedKib: Number.parseInt(field("VmLck") || "0"),
    words: wordsOf(pid),
  };
}

function wordsOf(pid: number): readonly string[] {
  return (readText(`/proc/${pid}/cmdline`) ?? "").split("\0").slice(0, -1);
}

/** The processes that have workers. */
export function listSupervisors(): readonly number[] {
  const parents = (listNames("/proc") ?? []).filter((name) => /^\d+$/.test(name)).map(Number).flatMap((pid) => {
    const [program, word] = wordsOf(pid);
    if (program !== "mcr" || word !== "__worker") return [];
    const parent = /^PPid:\s*(\d+)$/m.exec(readText(`/proc/${pid}/status`) ?? "")?.[1];
    return parent === undefined ? [] : [Number(parent)];
  });
  return [...new Set(parents)];
}

/** Indices of the interfaces that a process has packet sockets on, of this network namespace. */
export function listenedOn(pid: number): ReadonlySet<number> | undefined {
  const files = listNames(`/proc/${pid}/fd`);
  if (files === undefined) return undefined;
  const inodes = new Set(
    files.map((name) => /^socket:\[(\d+)\]$/.exec(readLinkText(`/proc/${pid}/fd/${name}`) ?? "")?.[1]),
  );
  const rows = (readText("/proc/net/packet") ?? "").trim().split("\n").slice(1).map((row) => row.trim().split(/\s+/));
  return new Set(rows.filter((row) => inodes.has(row[8])).map((row) => Number(row[4])));
}

/** How the kernel was built, by the names of its options; undefined where it does not tell. */
export function readKernelOptions(release: string): ReadonlyMap<string, string> | undefined {
  const text = unpacked("/proc/config.gz") ?? readText(`/boot/config-${release}`);
  if (text === undefined) return undefined;
  return new Map([...text.matchAll(/^(CONFIG_\w+)=(.*)$/gm)].map(([, name, value]) => [name!, value!]));
}

function unpacked(path: string): string | undefined {
  try {
    return new TextDecoder().decode(gunzipSync(Deno.readFileSync(path)));
  } catch {
    return undefined;
  }
}
