/**
 * The network that a relay is measured in, and on which core its work is done:
 *
 *     source s0 ──── in0 relay out0 ──── k0 sink
 *     generator's    relay's core: the kernel's receive work of in0,
 *     core           the relay, the kernel's send work, and k0's discarding
 *
 * Frames of s0 are handed to the relay's core by RPS, as a NIC would interrupt it. A veth pair does the receive work of
 * its other end where it is sent from, so that k0's is on the relay's core too, the same for every relay: nobody has
 * joined there, and the kernel discards each frame at its route look-up.
 *
 * @module
 */
import { Network } from "../tests/e2e/network.ts";
import { output, run } from "../tests/e2e/process.ts";

/** Which core does what. */
export interface Cores {
  /** Carries the relay; some peers pin themselves to core 0, so it begins there. */
  readonly relay: readonly number[];
  readonly generator: number;
}

/** How the cables differ from what veth does by default. */
export interface Links {
  /** Largest IP packet on both cables. */
  readonly mtu?: number;
  /** What the generator hands over in runs arrives as one frame; otherwise its device cuts the runs. */
  readonly hasSuperframes?: boolean;
  /** The relay's output device cuts segmented sends itself, in software, rather than pass them on whole. */
  readonly cutsEgress?: boolean;
  /** The receive work of `in0` stays on the generator's core: the relay's core is left with the relay and its sending. */
  readonly receivesElsewhere?: boolean;
  /** Datagrams that arrive back to back are merged (GRO) for the relay, and by whom. */
  readonly receiveOffload?: ReceiveOffload;
}

/**
 * Where the work of merging is done. A veth merges where it is sent from, which is the generator's core: the relay's core
 * is spared that work as by a NIC that merges in hardware (`ahead`). A thread can do it on the relay's core instead
 * (`counted`), so that it is measured; at rates of hundreds of thousands waking it costs the generator too much.
 */
export type ReceiveOffload = "ahead" | "counted";

/** What has arrived at the sink. */
export interface Arrived {
  /** UDP payload. */
  readonly bytes: number;
  readonly frames: number;
}

/** Ethernet, IPv4 and UDP headers: once in every frame, however many datagrams it is worth. */
const HEADER_BYTES = 14 + 20 + 8;

/** Groups that a socket may join; socat joins all of a scenario on one. */
const MEMBERSHIPS_MAX = 100;

/** What no longer arrives after this pause does not come any more. */
const SETTLE_MS = 40;

/** How long stragglers are waited for: a full receive buffer at a slow relay's rate. */
const SETTLE_MAX_MS = 2000;

/** A network of three namespaces, tuned and counted. All of it goes when it is disposed. */
export class Testbed implements AsyncDisposable {
  readonly network: Network;
  readonly cores: Cores;

  private constructor(network: Network, cores: Cores) {
    this.network = network;
    this.cores = cores;
  }

  static async create(cores: Cores, links: Links): Promise<Testbed> {
    const bed = new Testbed(await Network.create("relay"), cores);
    try {
      await bed.#tune(links);
    } catch (error) {
      await bed[Symbol.asyncDispose]();
      throw error;
    }
    return bed;
  }

  /** The command line that runs `argv` where the relay runs, on its cores only. */
  atRelay(argv: readonly string[]): string[] {
    return this.network.within("relay", ["taskset", "-c", this.cores.relay.join(","), ...argv]);
  }

  /** The command line that runs `argv` in the source's or the sink's namespace, on the generator's core. */
  atEdge(namespace: "source" | "sink", argv: readonly string[]): string[] {
    return this.network.within(namespace, ["taskset", "-c", String(this.cores.generator), ...argv]);
  }

  /** Counts what has arrived at the sink's interface so far. */
  async arrived(): Promise<Arrived> {
    const [link] = JSON.parse(await this.network.ip("sink", "-s", "-j", "link", "show", "k0"));
    const { bytes, packets }: { bytes: number; packets: number } = link.stats64.rx;
    return { bytes: bytes - HEADER_BYTES * packets, frames: packets };
  }

  /** Counts when nothing arrives any more. */
  async settled(): Promise<Arrived> {
    let last = await this.arrived();
    for (const end = performance.now() + SETTLE_MAX_MS; performance.now() < end;) {
      await new Promise((resolve) => setTimeout(resolve, SETTLE_MS));
      const now = await this.arrived();
      if (now.frames === last.frames) return now;
      last = now;
    }
    return last;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.network[Symbol.asyncDispose]();
  }

  async #tune(links: Links): Promise<void> {
    const { mtu, hasSuperframes = false, cutsEgress = false, receiveOffload } = links;
    const ends = [["source", "s0"], ["relay", "in0"], ["relay", "out0"], ["sink", "k0"]] as const;
    if (mtu !== undefined) {
      for (const [namespace, name] of ends) await this.network.ip(namespace, "link", "set", name, "mtu", String(mtu));
    }
    await this.#feature("source", "s0", "tx-udp-segmentation", hasSuperframes);
    await this.#feature("relay", "out0", "tx-udp-segmentation", !cutsEgress);
    if (!links.receivesElsewhere) {
      await this.#write("relay", "/sys/class/net/in0/queues/rx-*/rps_cpus", coreMask(this.cores.relay));
    }
    await this.#write("relay", "/proc/sys/net/ipv4/igmp_max_memberships", String(MEMBERSHIPS_MAX));
    if (receiveOffload === undefined) return;
    await this.#feature("relay", "in0", "gro", true);
    await this.#feature("relay", "in0", "rx-udp-gro-forwarding", true);
    if (receiveOffload === "counted") await this.#mergeOnRelayCore();
  }

  /** Moves the receive work of `in0` to a thread that precedes all else on the relay's core, as soft interrupts do. */
  async #mergeOnRelayCore(): Promise<void> {
    const others = await receiveThreads();
    await this.#write("relay", "/sys/class/net/in0/threaded", "1");
    const [thread] = (await receiveThreads()).filter((pid) => !others.includes(pid));
    if (thread === undefined) throw new Error("Cannot move the merging of in0: the kernel made no thread for it");
    await output(["taskset", "-cp", this.cores.relay.join(","), String(thread)]);
    await output(["chrt", "--fifo", "-p", "1", String(thread)]);
  }

  async #feature(namespace: string, name: string, feature: string, isOn: boolean): Promise<void> {
    await output(this.network.within(namespace, ["ethtool", "-K", name, feature, isOn ? "on" : "off"]));
  }

  async #write(namespace: string, pattern: string, text: string): Promise<void> {
    const loop = `for file in ${pattern}; do echo ${text} >"$file" || exit 1; done`;
    await output(this.network.within(namespace, ["sh", "-c", loop]));
  }
}

/** The kernel threads that receive for some `in0`. */
async function receiveThreads(): Promise<number[]> {
  const { stdout } = await run(["pgrep", "^napi/in0-"]);
  return stdout.split("\n").filter((line) => line !== "").map(Number);
}

/** Cores as the kernel's masks are written: hexadecimal, 32 to a group, the highest first. */
export function coreMask(cores: readonly number[]): string {
  const mask = cores.reduce((sum, core) => sum | 1n << BigInt(core), 0n).toString(16);
  return mask.replace(/(?=(?:.{8})+$)(?!^)/g, ",");
}
