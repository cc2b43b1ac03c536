/**
 * Who may know whom.
 *
 * @module
 */
import { posix } from "node:path";
import { type Finding, findingAt, isIn, type Source, split } from "./source.ts";

/** What every C file may include: the contract, and what all share. */
const COMMON = ["base", "mcr"];

/**
 * The headers of our own that a C module (its header and its source) may include beside its own and the common ones. A
 * new module needs a line here: a decision on what it may know.
 */
const MODULES: Readonly<Record<string, readonly string[]>> = {
  // Common.
  base: [],
  diagnosis: [],
  drop: [],
  limit: [],
  mcr: ["diagnosis", "drop", "limit"],
  // The data path: none of these knows another, but for routes, which are found for flows, and egress, which sends flows
  // as routes say on a ring, as frames too.
  packet_ring: [],
  parse: [],
  rate: [],
  reassembly: ["parse"],
  raw_frame: [],
  route: ["parse", "route_hash"],
  uring: [],
  varying: ["socket_address"],
  egress: ["parse", "raw_frame", "route", "uring", "varying"],
  // The control plane's side of it.
  absorber: [],
  capture: ["filter", "parse", "reassembly"],
  channel: [],
  control_socket: [],
  exclusive: ["filter"],
  feature: [],
  filter: ["filter_code", "filter_plan", "filter_tree"],
  filter_code: ["filter"],
  filter_plan: [],
  filter_tree: ["filter", "filter_code", "filter_plan"],
  hold: ["socket_address"],
  input: ["filter"],
  inspect: ["netlink"],
  interfaces: [],
  netlink: [],
  membership: ["socket_address"],
  output: ["raw_frame", "socket_address"],
  pin: [],
  process: [],
  route_compile: ["route", "route_hash", "route_plan"],
  route_hash: ["route"],
  route_plan: ["route", "route_hash"],
  socket_address: [],
  stats: [],
  sandbox: [],
  traffic_control: ["exclusive", "filter", "netlink"],
  // The worker puts the data path together.
  worker: ["channel", "egress", "packet_ring", "parse", "rate", "reassembly", "route", "uring"],
  worker_control: ["channel", "egress", "packet_ring", "parse", "route", "sandbox", "uring", "worker"],
  worker_wait: ["uring", "worker"],
  // Generator and sink.
  address: [],
  frame: ["address"],
  histogram: [],
  options: ["address"],
  seen: ["address"],
  traffic: ["histogram"],
  gen: ["address", "frame", "gen_report", "gen_socket", "options", "traffic"],
  gen_options: ["gen", "options", "traffic"],
  gen_report: ["address", "gen"],
  gen_sizes: ["gen", "options", "traffic"],
  gen_socket: ["address", "frame", "gen"],
  sink: ["address", "options", "sink_counters", "sink_report", "sink_socket", "traffic"],
  sink_counters: ["sink"],
  sink_options: ["options", "sink", "traffic"],
  sink_report: ["histogram", "seen", "sink", "sink_socket", "traffic"],
  sink_socket: ["address", "sink"],
  // The launcher.
  image: [],
  launch: ["image", "unpack"],
  unpack: ["launch"],
  // The program.
  main: ["gen", "launch", "sink", "worker"],
};

/** Includes in csrc/ that `MODULES` does not allow. */
export function findWrongIncludes(sources: readonly Source[]): Finding[] {
  return sources.filter(({ path }) => /^csrc\/\w+\.[ch]$/.test(path)).flatMap((source) => {
    const name = posix.parse(source.path).name;
    const allowed = MODULES[name];
    if (allowed === undefined) return [`${source.path}:1: no line in tests/tidy/layers.ts says what this may include`];
    return [...source.text.matchAll(/^#include "(\w+)\.h"/gm)]
      .filter(([, header]) => ![name, ...COMMON, ...allowed].includes(header!))
      .map((include) => findingAt(source, include.index, `${name} must not know ${include[1]}.h`));
  });
}

/** A folder or file, and what it may import beside itself; types may come from `types` too. */
const FOLDERS: readonly { readonly of: RegExp; readonly may: RegExp; readonly types?: RegExp }[] = [
  { of: /^cli\.ts$/, may: /^control\// },
  { of: /^mod\.ts$/, may: /^control\/[^/]+$/ },
  { of: /^control\/commands\//, may: /^(control|ffi)\// },
  { of: /^control\/yaml\//, may: /^control\/(yaml\/|[^/]+$)/ },
  { of: /^control\/compat\//, may: /^control\/(compat\/|[^/]+$)/ },
  { of: /^control\/completions\//, may: /^control\/(completions\/|[^/]+$)/ },
  { of: /^control\/doctor\//, may: /^(control\/(doctor\/|[^/]+$)|ffi\/)/ },
  { of: /^control\/metrics\//, may: /^(control\/(metrics\/|[^/]+$)|ffi\/)/ },
  { of: /^control\/[^/]+$/, may: /^(control\/[^/]+|ffi\/.*)$/ },
  { of: /^ffi\//, may: /^ffi\//, types: /^control\// },
];

/** An import or a re-export, with `type` where the whole of it is erased. */
const IMPORT = /^(?:import|export)\s(?<type>type\s)?(?:(?<names>[^"';]*?)\sfrom\s)?\s*"(?<from>[^"]+)"/gm;
const DYNAMIC_IMPORT = /\bimport\("(?<from>[^"]+)"\)/g;

interface Import {
  readonly index: number;
  readonly from: string;
  readonly isType: boolean;
}

function importsOf(source: Source): Import[] {
  const { code } = split(source);
  return [...source.text.matchAll(IMPORT), ...source.text.matchAll(DYNAMIC_IMPORT)]
    // In a comment or a string it is no import.
    .filter(({ index }) => code[index] !== " ")
    .map(({ index, groups }) => ({ index, from: groups!.from!, isType: isErased(groups!.type, groups!.names) }));
}

function isErased(type: string | undefined, names: string | undefined): boolean {
  if (type !== undefined) return true;
  const inner = /^\{(.*)\}$/s.exec(names?.trim() ?? "")?.[1];
  return inner?.split(",").map((name) => name.trim()).filter(Boolean).every((name) => name.startsWith("type ")) ??
    false;
}

/** Imports that go against the direction `cli.ts → control/commands → control/* → ffi/*`. */
export function findWrongImports(sources: readonly Source[]): Finding[] {
  return sources.filter((source) => isIn(source, "ts")).flatMap((source) => {
    const folder = FOLDERS.find(({ of }) => of.test(source.path));
    if (folder === undefined) return [];
    return importsOf(source).filter(({ from }) => from.startsWith(".")).flatMap(({ index, from, isType }) => {
      const target = posix.join(posix.dirname(source.path), from);
      if (folder.may.test(target) || (isType && folder.types?.test(target))) return [];
      return [findingAt(source, index, `must not import ${target}`)];
    });
  });
}

/** Imports of packages that `deno.json` does not name. */
export function findForeignImports(sources: readonly Source[]): Finding[] {
  const settings: { imports?: Record<string, string> } = JSON.parse(
    sources.find(({ path }) => path === "deno.json")?.text ?? "{}",
  );
  const known = Object.keys(settings.imports ?? {});
  return sources.filter((source) => isIn(source, "ts")).flatMap((source) => {
    return importsOf(source)
      .filter(({ from }) => !/^(\.|node:)/.test(from) && !known.includes(from))
      .map(({ index, from }) => findingAt(source, index, `deno.json does not name "${from}"`));
  });
}

/** Where foreign functions are called: ffi/, the tests of the boundary, and a test's program that asks the kernel itself. */
const AT_THE_BOUNDARY = /^(ffi\/|tests\/boundary\/|tests\/e2e\/tun\.ts$)/;

/** Uses of foreign functions and raw pointers elsewhere. */
export function findStrayPointers(sources: readonly Source[]): Finding[] {
  return sources.filter((source) => isIn(source, "ts") && !AT_THE_BOUNDARY.test(source.path))
    .flatMap((source) => {
      return [...split(source).code.matchAll(/\bDeno\.(dlopen|Unsafe\w+)|\bmcr_[a-z]\w*/g)]
        .map((use) => findingAt(source, use.index, `${use[0]} belongs in ffi/`));
    });
}
