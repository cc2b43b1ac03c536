/**
 * Cables of TUN (no link header) or TAP (Ethernet) devices, which may say that they are of another kind. The module is also
 * the program that carries what one end sends to the other: `tun.ts MODE NETNS NAME NETNS NAME`, or what comes in on an
 * interface with the tag of a VLAN to a TAP device: `tun.ts vlan NETNS NAME TRUNK ID`. It prints "ready" when all is there.
 *
 * @module
 */
import { fileURLToPath } from "node:url";
import type { Cable, CableEnd, Network } from "./network.ts";
import { Process } from "./process.ts";

/** `tun` carries IP packets, `tap` Ethernet frames; `gre` and `ipip` are `tun` with the link type of such a tunnel. */
export type TunMode = "tun" | "tap" | "gre" | "ipip";

/** Why there can be none here, or null. */
export async function findMissingTun(): Promise<string | null> {
  const isThere = await Deno.stat("/dev/net/tun").then(() => true, () => false);
  return isThere ? null : "Cannot make such an interface: there is no /dev/net/tun";
}

/** Plugs such a cable in. It is there until the process is disposed. */
export async function connectTun(network: Network, mode: TunMode, cable: Cable): Promise<Process> {
  const ends = cable.flatMap((end) => [network.fullName(end.namespace), end.interface]);
  return await start(network, [mode, ...ends], cable);
}

/** Makes what stands in for the interface of a VLAN, to which only frames come in. It is there until the process is disposed. */
export async function standInForVlan(network: Network, end: CableEnd, trunk: string, id: number): Promise<Process> {
  return await start(network, ["vlan", network.fullName(end.namespace), end.interface, trunk, String(id)], [end]);
}

async function start(network: Network, args: readonly string[], made: readonly CableEnd[]): Promise<Process> {
  const program = ["run", "--quiet", "--allow-all", fileURLToPath(import.meta.url), ...args];
  const process = await Process.start([Deno.execPath(), ...program]);
  try {
    await process.line("stderr", /^ready$/);
    for (const end of made) await setUp(network, end);
    return process;
  } catch (error) {
    await process[Symbol.asyncDispose]();
    throw error;
  }
}

/** The queue holds all of a test's datagrams: the program is slower than a cable. */
async function setUp(network: Network, { namespace, interface: name, address }: CableEnd): Promise<void> {
  if (address !== undefined) await network.ip(namespace, "addr", "add", address, "dev", name);
  await network.ip(namespace, "link", "set", name, "up", "multicast", "on", "txqueuelen", "10000");
}

const LIBC = {
  open: { parameters: ["buffer", "i32"], result: "i32" },
  ioctl: { parameters: ["i32", "u64", "buffer"], result: "i32" },
  ioctlNumber: { name: "ioctl", parameters: ["i32", "u64", "u64"], result: "i32" },
  setns: { parameters: ["i32", "i32"], result: "i32" },
  socket: { parameters: ["i32", "i32", "i32"], result: "i32" },
  setsockopt: { parameters: ["i32", "i32", "i32", "buffer", "u32"], result: "i32" },
  bind: { parameters: ["i32", "buffer", "u32"], result: "i32" },
  if_nametoindex: { parameters: ["buffer"], result: "u32" },
  read: { parameters: ["i32", "buffer", "usize"], result: "isize", nonblocking: true },
  write: { parameters: ["i32", "buffer", "usize"], result: "isize" },
} as const satisfies Deno.ForeignLibraryInterface;

type Libc = Deno.DynamicLibrary<typeof LIBC>["symbols"];

const CLONE_NEWNET = 0x40000000, TUNSETIFF = 0x400454ca, TUNSETLINK = 0x400454cd, O_RDWR = 2;
/** `IFF_TUN` or `IFF_TAP`, and `IFF_NO_PI`: nothing before the packet. */
const TUN = 0x1001, TAP = 0x1002;
/** With the link type: `ARPHRD_ETHER`, `ARPHRD_NONE`, `ARPHRD_IPGRE`, `ARPHRD_TUNNEL`. */
const KINDS: Readonly<Record<TunMode, { readonly flags: number; readonly linkType: number }>> = {
  tap: { flags: TAP, linkType: 1 },
  tun: { flags: TUN, linkType: 0xfffe },
  gre: { flags: TUN, linkType: 778 },
  ipip: { flags: TUN, linkType: 768 },
};
/** `struct ifreq`: a name of 16 bytes, then flags. */
const IFREQ_BYTES = 40, IFREQ_FLAGS_OFFSET = 16;
const PACKET_BYTES_MAX = 65_549;

/** Makes a device in a network namespace, which this thread is in from then on. */
function openTun(libc: Libc, mode: TunMode, namespace: string, name: string): number {
  const { flags, linkType } = KINDS[mode];
  const open = (path: string): number => check(path, libc.open(new TextEncoder().encode(`${path}\0`), O_RDWR));
  const there = check("open", libc.open(new TextEncoder().encode(`/run/netns/${namespace}\0`), 0));
  check("setns", libc.setns(there, CLONE_NEWNET));
  const tun = open("/dev/net/tun"), request = new Uint8Array(IFREQ_BYTES);
  new TextEncoder().encodeInto(name, request);
  new DataView(request.buffer).setUint16(IFREQ_FLAGS_OFFSET, flags, true);
  check("TUNSETIFF", libc.ioctl(tun, BigInt(TUNSETIFF), request));
  check("TUNSETLINK", libc.ioctlNumber(tun, BigInt(TUNSETLINK), BigInt(linkType)));
  return tun;
}

const AF_PACKET = 17, SOCK_RAW = 3, SOL_SOCKET = 1, SO_ATTACH_FILTER = 26, ETH_P_ALL = 3;
const SOCKADDR_LL_BYTES = 20, SOCK_FPROG_BYTES = 16;

/** Opens a socket that receives what has the tag of a VLAN, on an interface of this thread's namespace: without the tag. */
function openTagged(libc: Libc, trunk: string, id: number): number {
  // The tag's control information, its VLAN ID, and whether that is the one: `SKF_AD_VLAN_TAG`, AND, JEQ, RET, RET.
  const filter = new BigUint64Array([[0x20, 0, 0xfffff02c], [0x54, 0, 0xfff], [0x15, 1, id], [6, 0, 0xffff], [6, 0, 0]]
    .map(([code, elseSkip, k]) => BigInt(code! | elseSkip! << 24) & 0xffffffffn | BigInt(k!) << 32n));
  const program = new DataView(new ArrayBuffer(SOCK_FPROG_BYTES)), at = Deno.UnsafePointer.of(filter);
  program.setUint16(0, filter.length, true);
  program.setBigUint64(8, Deno.UnsafePointer.value(at), true);
  const address = new DataView(new ArrayBuffer(SOCKADDR_LL_BYTES));
  address.setUint16(0, AF_PACKET, true);
  address.setUint16(2, ETH_P_ALL);
  address.setInt32(4, libc.if_nametoindex(new TextEncoder().encode(`${trunk}\0`)), true);
  // Deaf until it is bound.
  const socket = check("socket", libc.socket(AF_PACKET, SOCK_RAW, 0));
  check("filter", libc.setsockopt(socket, SOL_SOCKET, SO_ATTACH_FILTER, program.buffer, SOCK_FPROG_BYTES));
  check("bind", libc.bind(socket, address.buffer, SOCKADDR_LL_BYTES));
  return socket;
}

function check(what: string, result: number): number {
  if (result < 0) throw new Error(`Cannot make a TUN device: ${what} failed`);
  return result;
}

/** What the other end does not take is lost, as on a cable that is not plugged in. */
async function carry(libc: Libc, from: number, to: number): Promise<void> {
  const packet = new Uint8Array(PACKET_BYTES_MAX);
  for (;;) {
    const length = await libc.read(from, packet, BigInt(packet.length));
    if (length > 0n) libc.write(to, packet, length);
  }
}

if (import.meta.main) {
  const [mode, ...args] = Deno.args;
  const libc = Deno.dlopen("libc.so.6", LIBC).symbols;
  const isVlan = mode === "vlan";
  const one = openTun(libc, isVlan ? "tap" : mode as TunMode, args[0]!, args[1]!);
  const other = isVlan
    ? openTagged(libc, args[2]!, Number(args[3]))
    : openTun(libc, mode as TunMode, args[2]!, args[3]!);
  Deno.stderr.writeSync(new TextEncoder().encode("ready\n"));
  await Promise.all([carry(libc, other, one), ...isVlan ? [] : [carry(libc, one, other)]]);
}
