/**
 * Interfaces of all kinds, as input and as output. A kind that this kernel has not is skipped.
 *
 * @module
 */
import { findMissingLink } from "../access.ts";
import { access } from "../case.ts";
import type { Cable } from "../network.ts";
import { output, until } from "../process.ts";
import { connectTun, findMissingTun, standInForVlan, type TunMode } from "../tun.ts";
import { type Bench, type Case, type Outcome, OUTPUT, pass, type Passage, passes, rule } from "./bench.ts";

/** Arguments of `ip`, in a namespace: to make something, and to remove it. */
interface Device {
  readonly namespace: string;
  readonly add: readonly string[];
  readonly remove: readonly string[];
}

function words(line: string): string[] {
  return line.split(" ");
}

/** `ip` in the relay's namespace: `link add …`, and what undoes it. */
function inRelay(add: string, remove: string): Device {
  return { namespace: "relay", add: words(add), remove: words(remove) };
}

/** Does something while these devices are there. */
async function withDevices(bench: Bench, devices: readonly Device[], body: () => Promise<Outcome>): Promise<Outcome> {
  const made: Device[] = [];
  try {
    for (const device of devices) {
      await bench.network.ip(device.namespace, ...device.add);
      made.unshift(device);
    }
    return await body();
  } finally {
    for (const { namespace, remove } of made) await bench.network.ip(namespace, ...remove);
  }
}

function on(name: string, devices: readonly Device[], passage: Passage, missing: string | null = null): Case {
  return { name, missing, run: (bench) => withDevices(bench, devices, () => pass(bench, passage)) };
}

/** A rule from one interface to another. */
function between(input: string, output: string, source?: string): ReturnType<typeof rule> {
  return rule({ interface: input }, { interface: output, ...(source === undefined ? {} : { source }) });
}

function whole(...rules: readonly ReturnType<typeof rule>[]): Passage {
  return { rules, flows: [{}], ears: [{}] };
}

/** What the program that carries the packets of a TUN device can keep up with. */
const TUN_STREAM = { count: 500, rate: 2000 };

// ---- VLANs ----

const noVlan = await findMissingLink(access, "link", "under0", "name", "probe", "type", "vlan", "id", "1");

const VLAN_100 = [
  inRelay("link add link in0 name in0.100 type vlan id 100", "link del in0.100"),
  inRelay("link set in0.100 up", "link set in0.100 down"),
];

function tagged(name: string, vlan: string): Case {
  return passes(name, {
    rules: [rule()],
    flows: [{ stream: { vlan }, rule: null }, { stream: { count: 500 } }],
    ears: [{}],
  });
}

const VLANS: readonly Case[] = [
  tagged("frames of a VLAN on the trunk are not the trunk's", "100"),
  tagged("frames of a VLAN in a VLAN (QinQ) are not the trunk's", "100.200"),
  passes("a tag of VLAN 0 is a priority only: the frames are the trunk's", {
    rules: [rule()],
    flows: [{ stream: { vlan: 0 } }],
    ears: [{}],
  }),
  on("a rule on a VLAN, and one for the same group on its trunk", VLAN_100, {
    rules: [between("in0", "out0"), rule({ interface: "in0.100" }, { group: "239.2.2.3" })],
    flows: [{}, { stream: { vlan: 100, count: 500 }, rule: 1 }, { stream: { vlan: 200, count: 300 }, rule: null }],
    ears: [{}, {}],
  }, noVlan),
  {
    name: "the same with a TAP that is given the frames of the VLAN",
    missing: await findMissingTun(),
    run: async (bench) => {
      const end = { namespace: "relay", interface: "in0.100" };
      await using _vlan = await standInForVlan(bench.network, end, "in0", 100);
      return await pass(bench, {
        rules: [between("in0", "out0"), rule({ interface: "in0.100" }, { group: "239.2.2.3" })],
        flows: [
          {},
          { stream: { interface: "s0", vlan: 100, ...TUN_STREAM }, rule: 1 },
          { stream: { vlan: 200, count: 300 }, rule: null },
        ],
        ears: [{}, {}],
      });
    },
  },
  on("a VLAN as output", [
    inRelay("link add link out0 name out0.100 type vlan id 100", "link del out0.100"),
    inRelay("addr add 10.7.0.2/24 dev out0.100", "addr flush dev out0.100"),
    inRelay("link set out0.100 up", "link set out0.100 down"),
    ...["link add link k0 name k0.100 type vlan id 100", "link set k0.100 up"].map((add) => ({
      namespace: "sink",
      add: words(add),
      remove: words(add.startsWith("link add") ? "link del k0.100" : "link set k0.100 down"),
    })),
  ], {
    rules: [between("in0", "out0.100")],
    flows: [{}],
    ears: [{ place: { interface: "k0.100" }, seen: { source: "10.7.0.2" } }],
  }, noVlan),
];

// ---- bridges ----

/** A bridge with one port. */
function bridge(name: string, port: string): Device[] {
  return [
    inRelay(`link add ${name} type bridge`, `link del ${name}`),
    inRelay(`link set ${name} up`, `link set ${name} down`),
    inRelay(`link set ${port} master ${name}`, `link set ${port} nomaster`),
  ];
}

const BRIDGES: readonly Case[] = [
  on("a bridge as input", bridge("br0", "in0"), whole(between("br0", "out0"))),
  on("a port of a bridge as input", bridge("br0", "in0"), whole(between("in0", "out0"))),
  on("a bridge and its port, each with a rule", bridge("br0", "in0"), {
    rules: [between("in0", "out0"), rule({ interface: "br0", group: "239.1.1.2" }, { group: "239.2.2.3" })],
    flows: [{}, { rule: 1, stream: { count: 500 } }],
    ears: [{}, {}],
  }),
  on("fragments on a bridge and its port, each with a rule", bridge("br0", "in0"), {
    rules: [between("in0", "out0"), rule({ interface: "br0", group: "239.1.1.2" }, { group: "239.2.2.3" })],
    flows: [{ stream: { fragment: 400 } }, { rule: 1, stream: { count: 500, fragment: 400 } }],
    ears: [{}, {}],
  }),
  on("a bridge as output", [
    ...bridge("br1", "out0"),
    inRelay("addr add 10.8.0.2/24 dev br1", "addr flush dev br1"),
  ], { ...whole(between("in0", "br1")), ears: [{ seen: { source: "10.8.0.2" } }] }),
  on("from one bridge to another", [
    ...bridge("br0", "in0"),
    ...bridge("br1", "out0"),
    inRelay("addr add 10.8.0.2/24 dev br1", "addr flush dev br1"),
  ], { ...whole(between("br0", "br1")), ears: [{ seen: { source: "10.8.0.2" } }] }),
];

// ---- interfaces on top of others ----

const noMacvlan = await findMissingLink(access, "link", "under0", "name", "probe", "type", "macvlan");

const MACVLANS: readonly Case[] = [
  on(
    "a macvlan as input",
    [
      inRelay("link add link in0 name mac0 type macvlan mode bridge", "link del mac0"),
      inRelay("link set mac0 up", "link set mac0 down"),
    ],
    whole(between("mac0", "out0")),
    noMacvlan,
  ),
  on(
    "a macvlan as output",
    [
      inRelay("link add link out0 name mac1 type macvlan mode bridge", "link del mac1"),
      inRelay("addr add 10.8.0.3/24 dev mac1", "addr flush dev mac1"),
      inRelay("link set mac1 up", "link set mac1 down"),
    ],
    { ...whole(between("in0", "mac1")), ears: [{ seen: { source: "10.8.0.3" } }] },
    noMacvlan,
  ),
];

// ---- tunnels ----

/** Two ends of a tunnel over a cable of the network. */
interface Tunnel {
  readonly id: number;
  readonly far: string;
  readonly over: string;
  readonly farAddress: string;
  readonly nearAddress: string;
  readonly name: string;
}

const TUNNEL_IN: Tunnel = {
  id: 1,
  far: "source",
  over: "10.1.0",
  farAddress: "10.11.0.1/24",
  nearAddress: "10.11.0.2/24",
  name: "t0",
};
const TUNNEL_OUT: Tunnel = {
  id: 2,
  far: "sink",
  over: "10.2.0",
  farAddress: "10.12.0.1/24",
  nearAddress: "10.12.0.2/24",
  name: "t1",
};

/** The far end of either cable has .1, the relay .2. */
function tunnel({ id, far, over, farAddress, nearAddress, name }: Tunnel, type: (id: number) => string): Device[] {
  const ends = [[far, "1", "2", farAddress], ["relay", "2", "1", nearAddress]] as const;
  return ends.flatMap(([namespace, own, other, address]) => [
    {
      namespace,
      add: words(`link add ${name} type ${type(id)} local ${over}.${own} remote ${over}.${other}`),
      remove: words(`link del ${name}`),
    },
    { namespace, add: words(`addr add ${address} dev ${name}`), remove: words(`addr flush dev ${name}`) },
    { namespace, add: words(`link set ${name} up multicast on`), remove: words(`link set ${name} down`) },
  ]);
}

/** In by a tunnel, out by a cable and by another tunnel. */
function throughTunnels(kind: string, type: (id: number) => string, missing: string | null): Case {
  return on(`${kind} in; out by a cable and by ${kind}`, [...tunnel(TUNNEL_IN, type), ...tunnel(TUNNEL_OUT, type)], {
    rules: [rule({ interface: "t0" }, [{}, { interface: "t1", group: "239.2.2.3" }])],
    flows: [{ stream: { interface: "t0" } }],
    ears: [{}, { place: { interface: "t1" }, seen: { source: "10.12.0.2" } }],
  }, missing);
}

/** What `ip link add … type` takes; the two tunnels of a case differ in their id. */
const TUNNEL_TYPES: readonly (readonly [kind: string, type: (id: number) => string])[] = [
  ["VXLAN", (id) => `vxlan id ${id} dstport 4789`],
  ["GRE", () => "gre"],
  ["GRE with Ethernet", () => "gretap"],
  ["IP in IP", () => "ipip"],
];

const TUNNELS: readonly Case[] = await Promise.all(TUNNEL_TYPES.map(async ([kind, type]) => {
  const probe = ["probe", "type", ...words(type(1)), "local", "192.0.2.1", "remote", "192.0.2.2"];
  return throughTunnels(kind, type, await findMissingLink(access, ...probe));
}));

// ---- WireGuard ----

async function findMissingWireguard(): Promise<string | null> {
  const missing = await findMissingLink(access, "probe", "type", "wireguard");
  if (missing !== null) return missing;
  return await output(["wg", "--version"]).then(
    () => null,
    () => 'the command "wg" is missing; install wireguard-tools',
  );
}

/** One end: its device, and the key that the other end knows it by. */
async function addWireguard({ network }: Bench, namespace: string, address: string): Promise<string> {
  await network.ip(namespace, "link", "add", "wg0", "type", "wireguard");
  const configure = "umask 077; key=$(mktemp); wg genkey >$key; wg set wg0 listen-port 51820 private-key $key; rm $key";
  await output(network.within(namespace, ["sh", "-ec", configure]));
  await network.ip(namespace, "addr", "add", address, "dev", "wg0");
  await network.ip(namespace, "link", "set", "wg0", "up", "multicast", "on");
  return (await output(network.within(namespace, ["wg", "show", "wg0", "public-key"]))).trim();
}

/** Waits until an end has keys for what it sends. Until then the kernel keeps 128 packets of it, and no more. */
async function untilShaken({ network }: Bench, namespace: string): Promise<void> {
  await until(`WireGuard of ${namespace} had agreed on keys`, async () => {
    const shown = await output(network.within(namespace, ["wg", "show", "wg0", "latest-handshakes"]));
    return /\t[1-9]\d*$/.test(shown.trim()) || undefined;
  });
}

/** Each end takes everything from the other and sends everything to it. */
function throughWireguard(name: string, far: string, over: string, passage: Passage, missing: string | null): Case {
  return {
    name,
    missing,
    run: async (bench) => {
      const ends = [["relay", "10.13.0.2/24", `${over}.1`], [far, "10.13.0.1/24", `${over}.2`]] as const;
      try {
        const keys: string[] = [];
        for (const [namespace, address] of ends) keys.push(await addWireguard(bench, namespace, address));
        for (const [index, [namespace, , other]] of ends.entries()) {
          const peer = ["peer", keys[1 - index]!, "endpoint", `${other}:51820`, "allowed-ips", "0.0.0.0/0"];
          // Keeping alive begins at once. The second end, which the first one knows by then, begins the handshake.
          const alive = ["persistent-keepalive", "25"];
          await output(bench.network.within(namespace, ["wg", "set", "wg0", ...peer, ...alive]));
        }
        for (const [namespace] of ends) await untilShaken(bench, namespace);
        return await pass(bench, passage);
      } finally {
        for (const [namespace] of ends) await bench.network.ip(namespace, "link", "del", "wg0").catch(() => {});
      }
    },
  };
}

const noWireguard = await findMissingWireguard();

const WIREGUARD: readonly Case[] = [
  throughWireguard("WireGuard as input", "source", "10.1.0", {
    rules: [between("wg0", "out0")],
    flows: [{ stream: { interface: "wg0" } }],
    ears: [{}],
  }, noWireguard),
  throughWireguard("WireGuard as output", "sink", "10.2.0", {
    rules: [between("in0", "wg0")],
    flows: [{}],
    ears: [{ place: { interface: "wg0" }, seen: { source: "10.13.0.2" } }],
  }, noWireguard),
];

// ---- TUN and TAP ----

const TUN_IN: Cable = [
  { namespace: "source", interface: "u0", address: "10.14.0.1/24" },
  { namespace: "relay", interface: "u0", address: "10.14.0.2/24" },
];
const TUN_OUT: Cable = [
  { namespace: "relay", interface: "u1", address: "10.15.0.2/24" },
  { namespace: "sink", interface: "u1", address: "10.15.0.1/24" },
];

function throughTun(mode: TunMode, kind: string, missing: string | null): Case {
  return {
    name: `${kind} in; out by a cable and by ${kind}`,
    missing,
    run: async (bench) => {
      await using _in = await connectTun(bench.network, mode, TUN_IN);
      await using _out = await connectTun(bench.network, mode, TUN_OUT);
      return await pass(bench, {
        rules: [rule({ interface: "u0" }, [{}, { interface: "u1", group: "239.2.2.3" }])],
        flows: [{ stream: { interface: "u0", ...TUN_STREAM } }],
        ears: [{}, { place: { interface: "u1" }, seen: { source: "10.15.0.2" } }],
      });
    },
  };
}

const noTun = await findMissingTun();

// ---- interfaces without an address ----

/** Takes the addresses of IPv4 away from a cable's end, and gives them back. */
function without(name: string, addresses: readonly string[]): Device[] {
  return addresses.map((address) => inRelay(`addr del ${address} dev ${name}`, `addr add ${address} dev ${name}`));
}

const NAMELESS: readonly Case[] = [
  on("an input without an address", without("in0", ["10.1.0.2/24"]), whole(between("in0", "out0"))),
  on("an output without an address, and a source that is given", without("out0", ["10.2.0.7/24", "10.2.0.2/24"]), {
    ...whole(rule({}, { ...OUTPUT, source: "10.1.0.2" })),
    ears: [{ seen: { source: "10.1.0.2" } }],
  }),
];

export const LINKS: readonly Case[] = [
  ...VLANS,
  ...BRIDGES,
  ...MACVLANS,
  ...TUNNELS,
  ...WIREGUARD,
  throughTun("tun", "TUN", noTun),
  throughTun("tap", "TAP", noTun),
  throughTun("gre", "TUN of GRE's link type", noTun),
  throughTun("ipip", "TUN of IP in IP's link type", noTun),
  ...NAMELESS,
];
