/**
 * Networks for a test: namespaces joined by cables (veth pairs), in the topologies that README.md draws. All is removed
 * when the network is disposed; what a killed run left behind, when the next network is made.
 *
 * @module
 */
import { output, run, until } from "./process.ts";

/** An interface of a namespace and its address. */
export interface End {
  readonly namespace: string;
  readonly interface: string;
  readonly address: string;
}

/** One end of a cable. Ports of a switch have no address. */
export type CableEnd = Omit<End, "address"> & Partial<End>;

/** A veth pair. */
export type Cable = readonly [CableEnd, CableEnd];

const SINK_CABLE: Cable = [
  { namespace: "relay", interface: "out0", address: "10.2.0.2/24" },
  { namespace: "sink", interface: "k0", address: "10.2.0.1/24" },
];

const SOURCE_CABLE: Cable = [
  { namespace: "source", interface: "s0", address: "10.1.0.1/24" },
  { namespace: "relay", interface: "in0", address: "10.1.0.2/24" },
];

/** What the names of namespaces begin with: `mcr-<pid of the test>-<number>-<name>`. */
const PREFIX = "mcr";

/** The networks there are. */
export const TOPOLOGIES = {
  /** source ── relay ── sink */
  relay: [SOURCE_CABLE, SINK_CABLE],
  /** source ── switch ── relay ── sink: what the switch is, is up to the test */
  switch: [
    [
      { namespace: "source", interface: "s0", address: "10.1.0.1/24" },
      { namespace: "switch", interface: "w0" },
    ],
    [
      { namespace: "switch", interface: "w1" },
      { namespace: "relay", interface: "in0", address: "10.1.0.2/24" },
    ],
    SINK_CABLE,
  ],
  /** source ── relay ── sink, and both sides of the sink back to the relay */
  loop: [
    SOURCE_CABLE,
    SINK_CABLE,
    [
      { namespace: "relay", interface: "back0", address: "10.3.0.2/24" },
      { namespace: "sink", interface: "k1" },
    ],
  ],
  /** source ── relay ── left, and relay ── right */
  fork: [
    SOURCE_CABLE,
    [
      { namespace: "relay", interface: "out0", address: "10.2.0.2/24" },
      { namespace: "left", interface: "l0", address: "10.2.0.1/24" },
    ],
    [
      { namespace: "relay", interface: "out1", address: "10.3.0.2/24" },
      { namespace: "right", interface: "r0", address: "10.3.0.1/24" },
    ],
  ],
} as const satisfies Record<string, readonly Cable[]>;

/** The name of a topology. */
export type TopologyName = keyof typeof TOPOLOGIES;

let networkCount = 0;

/** Namespaces and the cables between them. */
export class Network implements AsyncDisposable {
  readonly #prefix = `${PREFIX}-${Deno.pid}-${++networkCount}`;
  readonly #namespaces = new Set<string>();

  private constructor() {}

  /** Makes a network; of what cannot be made whole nothing is left. */
  static async create(topology: TopologyName): Promise<Network> {
    await removeLeftovers();
    const network = new Network();
    try {
      const cables: readonly Cable[] = TOPOLOGIES[topology];
      for (const { namespace } of cables.flat()) await network.#addNamespace(namespace);
      for (const cable of cables) await network.connect(cable);
    } catch (error) {
      await network[Symbol.asyncDispose]();
      throw error;
    }
    return network;
  }

  /** Plugs a cable in, between namespaces of this network. */
  async connect([a, b]: Cable): Promise<void> {
    const peer = ["peer", "name", b.interface, "netns", this.fullName(b.namespace)];
    await this.ip(a.namespace, "link", "add", a.interface, "type", "veth", ...peer);
    for (const end of [a, b]) {
      const address = end.address === undefined ? [] : [`addr add ${end.address} dev ${end.interface}`];
      await this.ipBatch(end.namespace, [...address, `link set ${end.interface} up`]);
    }
  }

  /** Removes a cable with both its interfaces. */
  async disconnect([{ namespace, interface: name }]: Cable): Promise<void> {
    await this.ip(namespace, "link", "del", name);
  }

  /**
   * Gives an interface an IPv6 address, which can be used at once, beside a link-local one. From then on it says things
   * by itself: memberships, neighbours.
   */
  async addAddress6({ namespace, interface: name, address }: End): Promise<void> {
    const settings = { accept_dad: 0, router_solicitations: 0, disable_ipv6: 0 };
    const lines = Object.entries(settings).map(([key, value]) =>
      `echo ${value} >/proc/sys/net/ipv6/conf/${name}/${key}`
    );
    await output(this.within(namespace, ["sh", "-ec", lines.join("\n")]));
    await this.ip(namespace, "addr", "add", address, "dev", name, "nodad");
  }

  /** The station address of an interface, for `Stream.toMac`. */
  async macOf(namespace: string, name: string): Promise<string> {
    const [link] = JSON.parse(await this.ip(namespace, "-j", "link", "show", name));
    return link.address;
  }

  /** Runs `ip` in a namespace. */
  async ip(namespace: string, ...args: string[]): Promise<string> {
    return await output(["ip", "-n", this.fullName(namespace), ...args]);
  }

  /** The same for many lines at once. */
  async ipBatch(namespace: string, lines: readonly string[]): Promise<void> {
    await output(["ip", "-n", this.fullName(namespace), "-batch", "-"], { stdin: lines.join("\n") + "\n" });
  }

  /** The command line that runs `argv` in a namespace, with the process id that it is started with. */
  within(namespace: string, argv: readonly string[]): string[] {
    return ["ip", "netns", "exec", this.fullName(namespace), ...argv];
  }

  /** The processes of a namespace. */
  async pids(namespace: string): Promise<number[]> {
    return await pidsOf(this.fullName(namespace));
  }

  /** The name by which `ip netns` knows it. */
  fullName(namespace: string): string {
    return `${this.#prefix}-${namespace}`;
  }

  /** Removes everything; rejects when a process was still running there and had to be killed. */
  async [Symbol.asyncDispose](): Promise<void> {
    const names = [...this.#namespaces].map((namespace) => this.fullName(namespace));
    this.#namespaces.clear();
    try {
      // Workers of a killed supervisor end by themselves, a moment later.
      await until("no process was left in the network", async () => {
        const pids = await Promise.all(names.map(pidsOf));
        return pids.flat().length === 0 ? true : undefined;
      });
    } finally {
      for (const name of names) await removeNamespace(name);
    }
  }

  async #addNamespace(namespace: string): Promise<void> {
    if (this.#namespaces.has(namespace)) return;
    const name = this.fullName(namespace);
    await output(["ip", "netns", "add", name]);
    this.#namespaces.add(namespace);
    // Without IPv6 no interface says anything by itself, and counters count what the test sends. A source may be anybody,
    // whatever this host does about such.
    const quiet = "for i in all default; do echo 1 >/proc/sys/net/ipv6/conf/$i/disable_ipv6; done";
    const open = "for i in /proc/sys/net/ipv4/conf/*/rp_filter; do echo 0 >$i; done";
    await output(this.within(namespace, ["sh", "-c", `${open}; [ ! -e /proc/sys/net/ipv6 ] || { ${quiet}; }`]));
    await this.ip(namespace, "link", "set", "lo", "up");
  }
}

async function pidsOf(name: string): Promise<number[]> {
  const { stdout } = await run(["ip", "netns", "pids", name]);
  return stdout.split("\n").filter((line) => line !== "").map(Number);
}

async function removeNamespace(name: string): Promise<void> {
  for (const pid of await pidsOf(name)) {
    try {
      Deno.kill(pid, "SIGKILL");
    } catch {
      // It has ended since.
    }
  }
  await output(["ip", "netns", "del", name]);
}

/** Removes the networks of test runs that are no more. */
async function removeLeftovers(): Promise<void> {
  for (const line of (await output(["ip", "netns", "list"])).split("\n")) {
    const [, name, pid] = new RegExp(`^(${PREFIX}-(\\d+)-\\S+)`).exec(line) ?? [];
    if (name === undefined || pid === undefined || await isAlive(Number(pid))) continue;
    await removeNamespace(name);
  }
}

async function isAlive(pid: number): Promise<boolean> {
  return await Deno.stat(`/proc/${pid}`).then(() => true, () => false);
}
