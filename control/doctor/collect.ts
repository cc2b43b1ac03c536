/**
 * Reads the machine and the supervisor as they are.
 *
 * @module
 */
import { hasFeature } from "../../ffi/feature.ts";
import { isClockSynchronized, readLink } from "../../ffi/inspect.ts";
import { listInterfaces } from "../../ffi/interfaces.ts";
import { connect, soon } from "../client.ts";
import { messageOf, NoDaemonError } from "../error.ts";
import type { InterfaceStatus } from "../model.ts";
import { listenedOn, listSupervisors, readKernelOptions, readLinkText, readProcess, readText } from "./proc.ts";
import type { LinkView, ProcessView, SocketState, Stranger, SystemView } from "./view.ts";

/** Superframes of a flow are made only with both. */
const MERGING_FEATURES = ["rx-gro", "rx-udp-gro-forwarding"];

/** Looks at everything once; the supervisor may take so long for each answer, 10 s unless given. */
export async function collect(socketPath: string, patienceMs?: number): Promise<SystemView> {
  const { socket, daemon, interfaces } = await ask(socketPath, patienceMs);
  const kernel = Deno.osRelease();
  const options = readKernelOptions(kernel);
  const links = listLinks();
  const isAway = daemon !== undefined && isElsewhere(daemon.pid, interfaces, links);
  return {
    nowMs: Date.now(),
    kernel,
    // Those below net/ are of the network namespace of whoever reads.
    setting: (name) => isAway && name.startsWith("net/") ? undefined : readText(`/proc/sys/${name}`)?.trim(),
    option: (name) => options === undefined ? undefined : options.get(name) ?? "n",
    self: readProcess(Deno.pid) ?? NOTHING_KNOWN,
    isClockSynchronized: attempt(isClockSynchronized),
    links,
    isElsewhere: isAway,
    socket,
    daemon,
    strangers: listStrangers(daemon?.pid, links),
  };
}

const NOTHING_KNOWN: ProcessView = {
  pid: Deno.pid,
  groups: [],
  can: () => false,
  filesMax: Infinity,
  filesOpen: undefined,
  lockedKib: 0,
  words: [],
};

/** What the supervisor says, if one does. */
type Answers = Pick<SystemView, "socket" | "daemon"> & { readonly interfaces: readonly InterfaceStatus[] };

async function ask(path: string, patienceMs?: number): Promise<Answers> {
  try {
    using client = await connect(path, patienceMs);
    const answers = Promise.all([
      client.call("ping", {}),
      client.call("rule.list", {}),
      client.call("stats.get", {}),
      client.call("worker.list", {}),
      client.call("interface.list", {}),
      client.call("config.get", {}),
    ]);
    const [{ pid }, { rules }, stats, { workers }, { interfaces }, { config }] = await soon(answers, patienceMs);
    const lockedKib = workers.flatMap((worker) => readProcess(worker.pid ?? 0)?.lockedKib ?? []);
    const joined = new Map(interfaces.map(({ name, joined = [] }) => [name, joined]));
    const daemon = {
      pid,
      rules,
      stats,
      workers,
      process: readProcess(pid),
      joined,
      lockedKib,
      ringSlots: config.ring_slots,
    };
    return { socket: { path, state: "alive" }, daemon, interfaces };
  } catch (error) {
    return {
      socket: { path, state: stateOf(path, error), reason: messageOf(error) },
      daemon: undefined,
      interfaces: [],
    };
  }
}

function stateOf(path: string, error: unknown): SocketState {
  const info = attempt(() => Deno.lstatSync(path));
  if (info === undefined) return "none";
  if (!info.isSocket) return "other";
  if (error instanceof NoDaemonError) return "dead";
  const isForbidden = error instanceof Error && error.cause instanceof Deno.errors.PermissionDenied;
  return isForbidden ? "forbidden" : "failing";
}

/** By the namespaces themselves where this user may see them, else by what is in them. */
function isElsewhere(pid: number, theirs: readonly InterfaceStatus[], ours: readonly LinkView[]): boolean {
  const [its, own] = [pid, "self"].map((process) => readLinkText(`/proc/${process}/ns/net`));
  if (its !== undefined && own !== undefined) return its !== own;
  const describe = (links: readonly { name: string; index: number }[]): string => {
    return links.map(({ name, index }) => `${index} ${name}`).sort().join("\n");
  };
  return describe(theirs) !== describe(ours);
}

function listLinks(): readonly LinkView[] {
  const all = listInterfaces();
  const names = new Map(all.map(({ index, name }) => [index, name]));
  return all.flatMap(({ name, index, mtu, up, addresses }) => {
    const link = attempt(() => readLink(index));
    if (link === undefined) return [];
    const master = names.get(link.master);
    return [{
      name,
      index,
      mtu,
      isUp: up,
      hasCarrier: link.hasCarrier,
      addresses,
      ...(master === undefined ? {} : { master }),
      ...(link.bridge === undefined ? {} : { bridge: link.bridge }),
      isMerging: MERGING_FEATURES.every((feature) => attempt(() => hasFeature(index, feature)) === true),
    }];
  });
}

/** The other supervisors of this network namespace, those of which that cannot be told included. */
function listStrangers(own: number | undefined, links: readonly LinkView[]): readonly Stranger[] {
  const ours = own === undefined ? undefined : listenedOn(own);
  const here = readLinkText("/proc/self/ns/net");
  return listSupervisors().filter((pid) => pid !== own).flatMap((pid): Stranger[] => {
    const namespace = readLinkText(`/proc/${pid}/ns/net`);
    if (namespace !== undefined && namespace !== here) return [];
    const theirs = listenedOn(pid);
    if (ours === undefined || theirs === undefined) return [{ pid, shared: undefined }];
    return [{ pid, shared: links.filter(({ index }) => ours.has(index) && theirs.has(index)).map(({ name }) => name) }];
  });
}

/** Undefined where that fails: what is gone, or forbidden to this user. */
function attempt<Result>(look: () => Result): Result | undefined {
  try {
    return look();
  } catch {
    return undefined;
  }
}
