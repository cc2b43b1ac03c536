/**
 * Cables of TUN (no link header) or TAP (Ethernet) devices, which may say that they are of another kind. The module is also
 * the program that carries what one end sends to the other: `tun.ts MODE NETNS NAME NETNS NAME`; it prints "ready" when
 * there are both.
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
  const program = ["run", "--quiet", "--allow-all", fileURLToPath(import.meta.url), mode, ...ends];
  const process = await Process.start([Deno.execPath(), ...program]);
  try {
    await process.line("stderr", /^ready$/);
    for (const end of cable) await setUp(network, end);
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
  const [mode, ...ends] = Deno.args;
  const libc = Deno.dlopen("libc.so.6", LIBC).symbols;
  const one = openTun(libc, mode as TunMode, ends[0]!, ends[1]!);
  const other = openTun(libc, mode as TunMode, ends[2]!, ends[3]!);
  Deno.stderr.writeSync(new TextEncoder().encode("ready\n"));
  await Promise.all([carry(libc, one, other), carry(libc, other, one)]);
}
