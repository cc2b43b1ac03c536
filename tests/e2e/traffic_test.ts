// Goal: the tools that other tests rest on. What `mcr gen` is told is on the wire, what `mcr sink` says is what came, each
// number exactly; and what gen breaks no kernel hands on, while all the rest arrives.
import { deepStrictEqual } from "node:assert/strict";
import { findMissingLink } from "./access.ts";
import { access, testNetwork } from "./case.ts";
import { nativeMcr } from "./mcr.ts";
import { Network } from "./network.ts";
import { run } from "./process.ts";
import {
  checkComplete,
  checkNothing,
  checkSeen,
  type Corruption,
  type ExpectedSeen,
  type Place,
  type Received,
  send,
  type Sent,
  Sink,
  type Stream,
} from "./traffic.ts";

const IPV4 = { group: "239.1.1.1", port: 5001 };
const IPV6 = { group: "ff3e::1", port: 5001 };

/** What is sent and received over one cable, and nothing between. */
interface Exchange {
  readonly sent: Sent;
  readonly received: Received;
}

/** The network `relay`, without a relay: the sink listens where that would. */
async function withCable(body: (network: Network) => Promise<void>): Promise<void> {
  await using network = await Network.create("relay");
  await network.addAddress6({ namespace: "source", interface: "s0", address: "fd01::1/64" });
  await network.addAddress6({ namespace: "relay", interface: "in0", address: "fd01::2/64" });
  // Streams of one source in fragments, side by side, keep more than 64 of others between two of a datagram.
  await run(network.within("relay", ["sh", "-c", "echo 0 >/proc/sys/net/ipv4/ipfrag_max_dist"]));
  await body(network);
}

/** Sends a stream to a sink that listens for it, or elsewhere. */
async function exchange(
  network: Network,
  stream: Omit<Stream, "count"> & { readonly count?: number },
  place: Partial<Place> = {},
): Promise<Exchange> {
  const { group, port, protocol, flows, flowsBy } = stream;
  const same = { group, ...given({ port, protocol, flows, flowsBy }) };
  await using sink = await Sink.start(network, { namespace: "relay", interface: "in0", ...same, ...place });
  const sent = await send(network, { count: 200, rate: 2_000, ...stream });
  return { sent, received: await (sent.sent === 0 ? sink.receivedSoFar() : sink.received()) };
}

/** How many exchanges may share the cable at a time. */
const PARALLEL = 6;

/** Does something with each of many, several at a time, and says of which it failed. */
async function forEach<Case>(cases: readonly Case[], act: (one: Case, index: number) => Promise<void>): Promise<void> {
  for (let start = 0; start < cases.length; start += PARALLEL) {
    await Promise.all(
      cases.slice(start, start + PARALLEL).map((one, offset) => {
        return act(one, start + offset).catch((error: unknown) => {
          throw new Error(JSON.stringify(one), { cause: error });
        });
      }),
    );
  }
}

/** The stream with destinations that no other index has: groups of its own, or ports. */
function apart<Some extends Pick<Stream, "group" | "port">>(stream: Some, index: number): Some {
  const number = 8 * index + 1;
  if (/^(239|ff)/.test(stream.group)) return { ...stream, group: stream.group.replace(/\d+$/, String(number)) };
  return { ...stream, port: stream.port! + number };
}

/** Without the fields that are undefined. */
function given<Fields extends object>(fields: Fields): { [Name in keyof Fields]: Exclude<Fields[Name], undefined> } {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined)) as never;
}

/** What arrives whole, and what its headers say. */
const WHOLE: Readonly<Record<string, readonly [Parameters<typeof exchange>[1], ExpectedSeen]>> = {
  "IPv4": [IPV4, { ttl: 1, dscp: 0, ecn: 0, source: "10.1.0.1" }],
  "IPv6": [IPV6, { ttl: 1, dscp: 0, ecn: 0, source: "fd01::1" }],
  "a unicast destination": [{ ...IPV4, group: "10.1.0.2" }, { source: "10.1.0.1" }],
  "a unicast destination of IPv6": [{ ...IPV6, group: "fd01::2" }, { source: "fd01::1" }],
  "a link-local group, four flows": [{ ...IPV6, group: "ff02::1234", flows: 4 }, { ttl: 1 }],
  "flows by port": [{ ...IPV6, flows: 4, flowsBy: "port" }, {}],
  "TTL, DSCP, ECN and source port": [
    { ...IPV4, ttl: 64, dscp: 46, ecn: 1, sourcePort: 7777 },
    { ttl: 64, dscp: 46, ecn: 1, source_port: 7777 },
  ],
  "hop limit, DSCP, ECN and source port": [
    { ...IPV6, ttl: 255, dscp: 10, ecn: 3, sourcePort: 7777 },
    { ttl: 255, dscp: 10, ecn: 3, source_port: 7777 },
  ],
  "a source of elsewhere": [{ ...IPV4, source: "192.0.2.7" }, { source: "192.0.2.7" }],
  "an IPv6 source of elsewhere": [{ ...IPV6, source: "2001:db8::7" }, { source: "2001:db8::7" }],
  "the largest datagram": [{ ...IPV4, size: 65507, count: 20, rate: 500 }, {}],
  "the largest datagram over IPv6": [{ ...IPV6, size: 65507, count: 20, rate: 500 }, {}],
  "fragments": [{ ...IPV4, fragment: 400, ttl: 9, dscp: 8 }, { ttl: 9, dscp: 8, source: "10.1.0.1" }],
  "fragments of 8 bytes, the last first": [{ ...IPV4, fragment: 8, fragmentOrder: "reverse", size: 200 }, {}],
  "fragments of IPv6, the last first": [{ ...IPV6, fragment: 400, fragmentOrder: "reverse" }, { ttl: 1 }],
  "IP options": [{ ...IPV4, ipOptions: true, sourcePort: 9 }, { source: "10.1.0.1", source_port: 9 }],
  "destination options of IPv6": [{ ...IPV6, ipOptions: true }, { source: "fd01::1" }],
  "no checksum": [{ ...IPV4, noChecksum: true }, {}],
  "a tag of VLAN 0, which is a priority": [{ ...IPV4, vlan: 0 }, { source: "10.1.0.1" }],
  "a tag of VLAN 0 in another": [{ ...IPV6, vlan: "0.0" }, { source: "fd01::1" }],
  "ESP": [{ group: "239.1.1.1", protocol: "esp", spi: 4711, ttl: 3 }, { spi: 4711, ttl: 3, source_port: {} }],
  "ESP over IPv6": [{ group: "ff3e::1", protocol: "esp", dscp: 46 }, { spi: 256, dscp: 46 }],
  "ESP in fragments": [{ group: "239.1.1.1", protocol: "esp", size: 9000 }, { spi: 256 }],
};

testNetwork("gen sends what it is told, and sink tells it: exactly, by each header field", async () => {
  await withCable(async (network) => {
    await forEach(Object.entries(WHOLE), async ([, [stream, seen]], index) => {
      const { sent, received } = await exchange(network, apart(stream, index));
      checkComplete(received, sent);
      checkSeen(received, seen);
    });
  });
});

testNetwork("whole frames reach a host by its station address", async () => {
  await withCable(async (network) => {
    const toMac = await network.macOf("relay", "in0");
    for (const group of ["10.1.0.2", "fd01::2"]) {
      const { sent, received } = await exchange(network, { group, protocol: "esp", spi: 300, toMac });
      checkComplete(received, sent);
      checkSeen(received, { spi: 300 });
    }
  });
});

testNetwork("an interface is found by the whole of its name", async () => {
  await withCable(async (network) => {
    const name = "fifteen-letters";
    await network.ip("source", "link", "add", name, "type", "veth", "peer", "name", "other");
    await network.ip("source", "addr", "add", "10.7.0.1/24", "dev", name);
    await network.ipBatch("source", ["link set other up", `link set ${name} up`]);
    deepStrictEqual((await send(network, { ...IPV4, interface: name, count: 1 })).sent, 1);
    const to = ["--group", IPV4.group, "--port", String(IPV4.port), "--count", "1"];
    const { code, stderr } = await run(network.within("source", nativeMcr("gen", "--interface", `${name}-`, ...to)));
    deepStrictEqual([code, stderr], [
      1,
      `mcr gen: Cannot send on "${name}-": no interface has this name or address\n`,
    ]);
  });
});

testNetwork("headers that differ are counted apart", async () => {
  await withCable(async (network) => {
    await using sink = await Sink.start(network, { namespace: "relay", interface: "in0", ...IPV4, count: 600 });
    await send(network, { ...IPV4, count: 100, ttl: 5, sourcePort: 1001 });
    await send(network, { ...IPV4, count: 200, ttl: 5, dscp: 1, source: "192.0.2.1", sourcePort: 1001 });
    await send(network, { ...IPV4, count: 300, ttl: 6, dscp: 1, ecn: 2, source: "192.0.2.2", sourcePort: 1002 });
    checkSeen(await sink.received(), {
      ttl: { 5: 300, 6: 300 },
      dscp: { 0: 100, 1: 500 },
      ecn: { 0: 300, 2: 300 },
      source: { "10.1.0.1": 100, "192.0.2.1": 200, "192.0.2.2": 300 },
      source_port: { 1001: 300, 1002: 300 },
      spi: {},
    });
  });
});

testNetwork(
  "a sink that goes by counters counts what it cannot read, and makes nothing of smaller packets",
  async () => {
    await withCable(async (network) => {
      const place = { namespace: "relay", interface: "in0", counters: true, size: 1000, idle: 30 };
      await using sink = await Sink.start(network, { ...place, ...IPV4, count: 500 });
      await send(network, { ...IPV4, count: 500, size: 1000 });
      deepStrictEqual((await sink.received()).received, 500);
      // 43 bytes, where those of IPv6 have 62 before their payload.
      await using other = await Sink.start(network, { ...place, ...IPV6, count: 10 });
      await send(network, { ...IPV4, count: 500, size: 1, args: ["--payload", "x"] });
      deepStrictEqual((await other.receivedSoFar()).received, 0);
    });
  },
);

testNetwork("a sink that joins for sources receives from these and no other", async () => {
  await withCable(async (network) => {
    for (
      const { to, from, other } of [
        { to: IPV4, from: ["192.0.2.1", "10.1.0.1"], other: "192.0.2.2" },
        { to: IPV6, from: ["2001:db8::1", "fd01::1"], other: "2001:db8::2" },
      ]
    ) {
      await using sink = await Sink.start(network, { namespace: "relay", interface: "in0", ...to, from });
      await send(network, { ...to, count: 10, source: other });
      await send(network, { ...to, count: 20, source: from[0]! });
      await send(network, { ...to, count: 30 });
      checkSeen(await sink.received(), { source: { [from[0]!]: 20, [from[1]!]: 30 } });
    }
  });
});

testNetwork("frames with the tag of a VLAN are not for the interface below it", async () => {
  await withCable(async (network) => {
    for (const vlan of ["100", "100.200", "0.200"]) {
      await using sink = await Sink.start(network, { namespace: "relay", interface: "in0", ...IPV4 });
      await send(network, { ...IPV4, count: 50, vlan });
      checkNothing(await sink.receivedSoFar());
    }
  });
});

const noVlan = await findMissingLink(access, "link", "under0", "name", "probe", "type", "vlan", "id", "1");

testNetwork("frames with tags are for the interfaces of their VLANs", async () => {
  await withCable(async (network) => {
    await network.ip("relay", "link", "add", "link", "in0", "name", "v0", "type", "vlan", "id", "100");
    await network.ip(
      "relay",
      "link",
      "add",
      "link",
      "in0",
      "name",
      "v1",
      "type",
      "vlan",
      "proto",
      "802.1ad",
      "id",
      "100",
    );
    await network.ip("relay", "link", "add", "link", "v1", "name", "v2", "type", "vlan", "id", "200");
    for (const name of ["v0", "v1", "v2"]) await network.ip("relay", "link", "set", name, "up");
    for (const [vlan, name] of [["100", "v0"], ["100.200", "v2"]] as const) {
      const { sent, received } = await exchange(network, { ...IPV4, vlan }, { interface: name });
      checkComplete(received, sent);
    }
  });
}, noVlan);

/** What a kernel says of each fault: nothing, unless it counts checksums, or cuts what is too short for it. */
const BROKEN: readonly (readonly [
  Corruption,
  Parameters<typeof exchange>[1],
  Partial<Record<"socket_drops" | "corrupt", number>>,
])[] = [
  ["udp-checksum", IPV4, { socket_drops: 20 }],
  ["udp-checksum", IPV6, { socket_drops: 20 }],
  ["udp-checksum", { ...IPV4, fragment: 400 }, { socket_drops: 20 }],
  ["udp-no-checksum", IPV6, {}],
  ["udp-length", IPV4, {}],
  ["udp-length", IPV6, {}],
  ["udp-short", IPV4, { corrupt: 20 }],
  ["udp-short", IPV6, { corrupt: 20 }],
  ["udp-truncated", IPV4, {}],
  ["udp-truncated", IPV6, {}],
  ["port-0", IPV4, {}],
  ["port-0", IPV6, {}],
  ["ip-checksum", IPV4, {}],
  ["ip-length", IPV4, {}],
  ["ip-length", IPV6, {}],
  ["ip-short", IPV4, {}],
  ["ip-version", IPV4, {}],
  ["ip-version", IPV6, {}],
  ["ip-header-length", IPV4, {}],
  ["ip-truncated", IPV4, {}],
  ["ip-truncated", IPV6, {}],
  ["fragment-missing", { ...IPV4, fragment: 400 }, {}],
  ["fragment-missing", { ...IPV6, fragment: 400 }, {}],
  ["fragment-overlap", { ...IPV4, fragment: 400 }, {}],
  ["fragment-overlap", { ...IPV6, fragment: 400 }, {}],
];

testNetwork("datagrams that gen breaks are refused by the kernel, and those between arrive", async () => {
  await withCable(async (network) => {
    await forEach(BROKEN, async ([corrupt, to, counts], index) => {
      const { sent, received } = await exchange(network, { ...apart(to, index), corrupt, corruptEvery: 10 });
      deepStrictEqual({ sent: sent.sent, broken: sent.broken }, { sent: 180, broken: 20 });
      const { corrupt: cut, socket_drops } = received;
      deepStrictEqual({ corrupt: cut, socket_drops }, { corrupt: 0, socket_drops: 0, ...counts });
      checkComplete({ ...received, corrupt: 0, socket_drops: 0 }, sent);
    });
  });
});

testNetwork("ESP that is too short for its header carries nothing", async () => {
  await withCable(async (network) => {
    const stream = { group: "239.1.1.1", protocol: "esp", corrupt: "esp-short", corruptEvery: 4 } as const;
    const { sent, received } = await exchange(network, stream);
    deepStrictEqual([sent.sent, sent.broken, received.foreign], [150, 50, 50]);
    checkComplete({ ...received, foreign: 0 }, sent);
  });
});

testNetwork("a broken datagram that is handed on is told from all others", async () => {
  await withCable(async (network) => {
    // SPI 0 is nothing that a raw socket looks at.
    const stream = { group: "239.1.1.1", protocol: "esp", corrupt: "esp-spi", corruptEvery: 4 } as const;
    const { sent, received } = await exchange(network, stream);
    deepStrictEqual([sent.sent, sent.broken, received.broken], [150, 50, 50]);
    checkComplete({ ...received, broken: 0 }, sent);
  });
});
