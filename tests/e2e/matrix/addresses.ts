/**
 * Which address family comes in and goes out, and what may stand between the IP header and the datagram.
 *
 * @module
 */
import { type Case, INPUT_6, OUTPUT_6, passes, relays, rule } from "./bench.ts";

/** A datagram as long as its filling, one that fills a frame, and sizes that form no runs. */
const SIZES = "64-1400";

export const ADDRESSES: readonly Case[] = [
  relays("IPv4 -> IPv4", { ear: { seen: { source: "10.2.0.2", ttl: 1, dscp: 0, ecn: 0 } } }),
  relays("IPv6 -> IPv6", {
    rule: rule(INPUT_6, OUTPUT_6),
    ear: { seen: { source: "fd02::2", ttl: 1, dscp: 0, ecn: 0 } },
  }),
  relays("IPv4 -> IPv6", { rule: rule({}, OUTPUT_6), ear: { seen: { source: "fd02::2" } } }),
  relays("IPv6 -> IPv4", { rule: rule(INPUT_6), ear: { seen: { source: "10.2.0.2" } } }),
  relays("IPv4 -> IPv4, IPv6 and IPv4", {
    rule: rule({}, [{}, OUTPUT_6, { group: "239.2.2.3" }]),
    flow: { stream: { size: SIZES } },
  }),
  relays("IPv6 -> IPv6, IPv4 and IPv6", {
    rule: rule(INPUT_6, [OUTPUT_6, {}, { ...OUTPUT_6, port: 6001 }]),
    flow: { stream: { size: SIZES } },
  }),
  relays("empty datagrams' least, and the largest of a frame, IPv6 -> IPv4", {
    rule: rule(INPUT_6),
    flow: { stream: { size: "64,1452" } },
  }),
  relays("one rule's output port is its input port, and its output group its input group", {
    rule: rule({}, { group: "239.1.1.1", port: 5001 }),
  }),
  relays("options in the IPv4 header", { flow: { stream: { ipOptions: true } } }),
  relays("options in the IPv4 header -> IPv6", { rule: rule({}, OUTPUT_6), flow: { stream: { ipOptions: true } } }),
  relays("a destination options header of IPv6", {
    rule: rule(INPUT_6, OUTPUT_6),
    flow: { stream: { ipOptions: true } },
  }),
  relays("a destination options header of IPv6 -> IPv4", {
    rule: rule(INPUT_6),
    flow: { stream: { ipOptions: true } },
  }),
  relays("IPv4 without UDP checksums -> IPv6, where they must be", {
    rule: rule({}, OUTPUT_6),
    flow: { stream: { noChecksum: true } },
  }),
  relays("a link-local group of IPv6 -> IPv4", { rule: rule({ group: "ff02::1234" }) }),
  relays("IPv4 -> a link-local group of IPv6", { rule: rule({}, { group: "ff02::1234" }) }),
  passes("the same link-local group on two interfaces is two groups", {
    rules: [
      rule({ group: "ff02::1234" }, { interface: "out0", group: "ff02::1234" }),
      rule({ group: "ff02::1234", interface: "out0" }, { interface: "in0", group: "ff02::1235" }),
    ],
    flows: [
      { stream: { count: 500 } },
      { stream: { count: 700, namespace: "sink", interface: "k0" }, rule: 1 },
    ],
    ears: [{}, { place: { namespace: "source", interface: "s0" } }],
  }),
  passes("three rules side by side, each its own", {
    rules: [
      rule(),
      rule({ group: "239.1.1.2" }, { group: "239.2.2.3" }),
      rule({ port: 5002 }, { group: "239.2.2.4" }),
    ],
    flows: [{}, { rule: 1, stream: { count: 500 } }, { rule: 2, stream: { count: 250 } }],
    ears: [{}, {}, {}],
  }),
  passes("another group and another port of the interface are nobody's", {
    rules: [rule()],
    flows: [
      { stream: { group: "239.1.1.2" }, rule: null },
      { stream: { port: 5002 }, rule: null },
      {},
    ],
    ears: [{}],
  }),
  passes("the same port and group of the other family are nobody's", {
    rules: [rule(), rule(INPUT_6, { group: "239.2.2.3" })],
    flows: [
      { stream: { group: "ff3e::1:2" }, rule: null },
      { stream: { group: "239.1.1.3" }, rule: null },
      {},
      { rule: 1 },
    ],
    ears: [{}, {}],
  }),
];
