// Goal: what the kernel refuses comes back as a code and a sentence, and leaves nothing behind.
import { deepStrictEqual, ok, strictEqual, throws } from "node:assert/strict";
import * as abi from "../../ffi/abi.ts";
import { MCR_PROTOCOL_ESP, MCR_PROTOCOL_UDP } from "../../ffi/abi.ts";
import { Descriptor } from "../../ffi/descriptor.ts";
import { InterfaceWatch, listInterfaces } from "../../ffi/interfaces.ts";
import { check, native } from "../../ffi/library.ts";
import { packRules } from "../../ffi/route_table.ts";
import { InputSocket, Memberships, openAbsorber, openOutput } from "../../ffi/sockets.ts";
import { availableCores, CAP_NET_RAW, hasCapability } from "../../ffi/system.ts";
import { run } from "../e2e/process.ts";

const LOOPBACK = listInterfaces().find(({ name }) => name === "lo")!;
/** No interface has it: numbers are given out from 1 on. */
const NO_INTERFACE = 2 ** 31 - 1;
const OUTPUT = {
  interfaceIndex: LOOPBACK.index,
  protocol: MCR_PROTOCOL_UDP,
  address: "239.255.9.9",
  port: 6000,
  ttl: 1,
  trafficClass: 0,
  isConnected: true,
  isFragmenting: true,
  sendBufferBytes: 65536,
};

/** What outputs may not be, and what is said of it after "Cannot". */
const BAD_OUTPUTS = [
  ["to port 0", { port: 0 }, "EINVAL", "open an output: wanted port 1 to 65535"],
  ["to port 65536", { port: 65536 }, "EINVAL", "open an output: wanted port 1 to 65535"],
  ["with TTL 0", { ttl: 0 }, "EINVAL", "open an output: wanted TTL 1 to 255"],
  ["with TTL 256", { ttl: 256 }, "EINVAL", "open an output: wanted TTL 1 to 255"],
  ["with traffic class 256", { trafficClass: 256 }, "EINVAL", "open an output: wanted traffic class 0 to 255"],
  ["of TCP", { protocol: 6 }, "EINVAL", "open an output: wanted protocol UDP or ESP"],
  ["to nowhere", { address: "0.0.0.0" }, "EINVAL", "open an output: wanted an address to send to"],
  [
    "of ESP with a port",
    { protocol: MCR_PROTOCOL_ESP, sourcePort: 5000, port: 0 },
    "EINVAL",
    "open an output: wanted source port 0 to 65535, and no ports with ESP",
  ],
  [
    "to IPv4 from IPv6",
    { source: "::1" },
    "EINVAL",
    "open an output: wanted a source address of the same family",
  ],
  [
    "on no interface",
    { interfaceIndex: 0 },
    "EINVAL",
    "open an output: wanted an interface, and a send buffer of less than 2 GiB",
  ],
  [
    "to a broadcast address",
    { address: "255.255.255.255" },
    "EINVAL",
    `find a way for output 255.255.255.255:6000 on interface ${LOOPBACK.index}: Invalid argument`,
  ],
  ...["192.0.2.1", "239.255.9.9", "255.255.255.255", "127.255.255.255"].map((source) =>
    [
      `from ${source}`,
      { source },
      "EADDRNOTAVAIL",
      `take the source address${source === "192.0.2.1" ? " or port" : ""} for output 239.255.9.9:6000 on interface ` +
      `${LOOPBACK.index}: Cannot assign requested address`,
    ] as const
  ),
  ...([["239.255.9.9", "239.255.9.9"], ["127.0.0.1", "127.0.0.1"], ["ff15::9", "[ff15::9]"], ["::1", "[::1]"]] as const)
    .map(([address, text]) =>
      [
        `to ${address} on an interface that is missing`,
        { address, interfaceIndex: NO_INTERFACE },
        "EADDRNOTAVAIL",
        `set the output interface for output ${text}:6000 on interface ${NO_INTERFACE}: Cannot assign requested address`,
      ] as const
    ),
] as const;

for (const [what, options, code, message] of BAD_OUTPUTS) {
  Deno.test(`an output ${what} is refused with ${code}, and leaves no descriptor`, () => {
    const before = descriptorCount();
    throws(() => openOutput({ ...OUTPUT, ...options }), { name: "NativeError", code, message: `Cannot ${message}` });
    strictEqual(descriptorCount(), before);
  });
}

Deno.test("a source port that somebody else has is refused with EADDRINUSE; outputs share theirs", () => {
  const options = { ...OUTPUT, address: "127.0.0.1", source: "127.0.0.1" };
  const alone = openOutput(options), sender = new DataView(new ArrayBuffer(abi.mcr_sender.sizeof));
  check(native.mcr_output_sender(alone.fd, sender.buffer));
  const port = sender.getUint32(abi.mcr_sender.port, true);
  throws(() => openOutput({ ...options, sourcePort: port }), { name: "NativeError", code: "EADDRINUSE" });
  alone[Symbol.dispose]();
  using first = openOutput({ ...options, sourcePort: port });
  using second = openOutput({ ...options, sourcePort: port, port: 6001 });
  ok(first.fd !== second.fd);
});

/** A test that opens packet sockets. */
function testPacket(name: string, fn: () => void | Promise<void>): void {
  const ignore = !hasCapability(CAP_NET_RAW);
  Deno.test({ name: ignore ? `${name} (skipped: needs CAP_NET_RAW)` : name, ignore, fn });
}

function descriptorCount(): number {
  return [...Deno.readDirSync("/proc/self/fd")].length;
}

for (
  const [what, open, code, message] of [
    [
      "a ring of 100 slots",
      () => new InputSocket(LOOPBACK.index, 100, 0),
      "EINVAL",
      "Cannot open a packet ring of 100 slots: wanted a power of two from 64 to 262144",
    ],
    [
      "a ring of 2^19 slots",
      () => new InputSocket(LOOPBACK.index, 2 ** 19, 0),
      "EINVAL",
      "Cannot open a packet ring of 524288 slots: wanted a power of two from 64 to 262144",
    ],
    [
      "an absorber of an address that is no group",
      () => openAbsorber(LOOPBACK.index, "127.0.0.1", 6000),
      "EINVAL",
      "Cannot open an absorber: wanted an interface, an IPv4 group, port 1 to 65535",
    ],
  ] as const
) {
  Deno.test(`${what} is refused with ${code}, and leaves no descriptor`, () => {
    const before = descriptorCount();
    throws(open, { name: "NativeError", code, message });
    strictEqual(descriptorCount(), before);
  });
}

testPacket("a ring on an interface that is missing is refused with ENODEV, and leaves no descriptor", () => {
  const before = descriptorCount();
  const message = `Cannot bind the packet socket on interface ${NO_INTERFACE}: No such device`;
  throws(() => new InputSocket(NO_INTERFACE, 64, 0), { name: "NativeError", code: "ENODEV", message });
  strictEqual(descriptorCount(), before);
});

Deno.test("a ring without the capability is refused with EPERM, which says the one that is missing", async () => {
  const here = (name: string): string => JSON.stringify(new URL(`../../ffi/${name}`, import.meta.url));
  const script = `
    import { InputSocket } from ${here("sockets.ts")};
    import { CAP_NET_RAW, hasCapability } from ${here("system.ts")};
    try {
      new InputSocket(${LOOPBACK.index}, 64, 0);
    } catch ({ name, code, message }) {
      console.log(JSON.stringify({ name, code, message, has: hasCapability(CAP_NET_RAW) }));
    }`;
  const drop = hasCapability(CAP_NET_RAW) ? ["setpriv", "--bounding-set=-net_raw", "--inh-caps=-net_raw"] : [];
  const { stdout, stderr } = await run([...drop, Deno.execPath(), "eval", "--no-check", script]);
  ok(stdout !== "", stderr);
  deepStrictEqual(JSON.parse(stdout), {
    name: "NativeError",
    code: "EPERM",
    message: `Cannot open a packet socket on interface ${LOOPBACK.index}: Operation not permitted; needs CAP_NET_RAW`,
    has: false,
  });
});

testPacket("rings of one fanout number share it; each ends once", () => {
  const before = descriptorCount();
  const first = new InputSocket(LOOPBACK.index, 64, 0);
  const second = new InputSocket(LOOPBACK.index, 64, first.fanout);
  ok(first.fanout > 0);
  strictEqual(second.fanout, first.fanout);
  for (const input of [first, second, first]) input[Symbol.dispose]();
  strictEqual(descriptorCount(), before);
});

testPacket("a filter is exact for 100 groups and says when it had to widen, for 4,000", () => {
  using input = new InputSocket(LOOPBACK.index, 64, 0);
  const rules = (count: number): ReturnType<typeof packRules> =>
    packRules(
      Array.from({ length: count }, (_, i) => ({
        group: `239.${i >> 8}.${i & 255}.1`,
        groupBits: 128,
        protocol: MCR_PROTOCOL_UDP,
        portFirst: 5001,
        portLast: 5001,
        sources: [],
        excluded: [],
        datagramsMax: 0,
        bitsMax: 0,
        input: 3,
        stats: i,
        outputs: [],
      })),
    );
  deepStrictEqual([input.filter(3, rules(100)), input.filter(3, rules(4000)), input.filter(4, rules(4000))], [
    true,
    false,
    true,
  ]);
});

/** The groups of 239.255.7.0/24 that the host has joined on the loopback interface. */
function joinedGroups(): string[] {
  const lines = Deno.readTextFileSync("/proc/net/igmp").split("\n").filter((line) => line.startsWith("\t\t\t\t"));
  const groups = lines.map((line) => line.trim().slice(0, 8).match(/../g)!.reverse().map((hex) => parseInt(hex, 16)));
  return groups.map((bytes) => bytes.join(".")).filter((group) => group.startsWith("239.255.7."));
}

Deno.test("more groups are joined than one socket may hold; each is left once, the rest at the end", () => {
  const before = descriptorCount();
  const groups = Array.from({ length: 45 }, (_, i) => `239.255.7.${i}`);
  const memberships = new Memberships();
  try {
    for (const group of [...groups, ...groups]) memberships.join(LOOPBACK.index, group);
    deepStrictEqual(joinedGroups().toSorted(), groups.toSorted());
    memberships.leave(LOOPBACK.index, "239.255.7.3");
    memberships.leave(LOOPBACK.index, "239.255.7.3");
    memberships.leave(LOOPBACK.index, "239.255.7.99");
    deepStrictEqual(joinedGroups().length, 44);
    memberships.join(LOOPBACK.index, "239.255.7.3");
    deepStrictEqual(joinedGroups().length, 45);
  } finally {
    memberships[Symbol.dispose]();
    memberships[Symbol.dispose]();
  }
  deepStrictEqual(joinedGroups(), []);
  strictEqual(descriptorCount(), before);
});

Deno.test("joining on an interface that is missing is refused with ENODEV", () => {
  using memberships = new Memberships();
  const message = `Cannot join 239.255.7.1 on interface ${NO_INTERFACE}: No such device`;
  throws(() => memberships.join(NO_INTERFACE, "239.255.7.1"), { name: "NativeError", code: "ENODEV", message });
});

Deno.test("a descriptor that is disposed twice takes nobody else's away", () => {
  const first = new Descriptor(check(native.mcr_event_open()));
  const { fd } = first;
  first[Symbol.dispose]();
  using second = new Descriptor(check(native.mcr_event_open()));
  strictEqual(second.fd, fd, "the number is given out again");
  first[Symbol.dispose]();
  check(native.mcr_event_signal(second.fd));
  strictEqual(first.fd, -1);
});

Deno.test("listInterfaces() says what the kernel does", () => {
  const { name, index, mtu, up, addresses } = LOOPBACK;
  const read = (file: string): string => Deno.readTextFileSync(`/sys/class/net/lo/${file}`).trim();
  deepStrictEqual({ name, index: String(index), mtu: String(mtu) }, { name, index: read("ifindex"), mtu: read("mtu") });
  strictEqual(up, (Number(read("flags")) & 1) === 1);
  if (up) ok(addresses.includes("127.0.0.1"));
});

Deno.test("an interface watch that is disposed twice ends once, and says so", () => {
  const watch = new InterfaceWatch();
  watch.drain();
  watch[Symbol.dispose]();
  watch[Symbol.dispose]();
  throws(() => watch.drain(), { name: "NativeError", code: "EBADF" });
});

Deno.test("availableCores() is what the kernel allows", () => {
  const [, list] = /^Cpus_allowed_list:\s*(\S+)$/m.exec(Deno.readTextFileSync("/proc/self/status"))!;
  const cores = list!.split(",").flatMap((range) => {
    const [first, last = first] = range.split("-").map(Number) as [number, number?];
    return Array.from({ length: last - first + 1 }, (_, i) => first + i);
  });
  deepStrictEqual(availableCores(), cores);
});
