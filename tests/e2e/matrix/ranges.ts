/**
 * Rules for many groups and ports at once, and which of several has a datagram.
 *
 * @module
 */
import { type Case, INPUT_6, passes, relays, rule } from "./bench.ts";

/** Some of the 65,536 groups of a /16: the first, the last, and from between. */
const SAMPLES = ["0.0", "17.32", "128.0", "255.192"], SAMPLE_FLOWS = 64;

export const RANGES: readonly Case[] = [
  relays("239.1.0.0/24 -> 239.9.0.0/24, all of it", {
    rule: rule({ group: "239.1.0.0/24" }, { group: "239.9.0.0/24" }),
    flow: { stream: { flows: 256, count: 2560 } },
    ear: { place: { flows: 256 } },
  }),
  relays("a range of groups -> two ranges and a group", {
    rule: rule({ group: "239.1.0.0/28" }, [{ group: "239.9.0.0/28" }, { group: "239.10.1.16/28", port: 6001 }]),
    flow: { stream: { flows: 16, count: 1600 } },
    ear: { place: { flows: 16 } },
  }),
  relays("a range of IPv6 -> a range of IPv6", {
    rule: rule({ group: "ff3e::100/120" }, { group: "ff3e::200/120" }),
    flow: { stream: { flows: 256, count: 2560 } },
    ear: { place: { flows: 256 } },
  }),
  relays("a range of IPv6 -> a range of IPv4", {
    rule: rule({ group: "ff3e::100/124" }, { group: "239.9.0.16/28" }),
    flow: { stream: { flows: 16, count: 1600 } },
    ear: { place: { flows: 16 } },
  }),
  relays("a range of IPv4 -> a range of IPv6, with the TTL less one", {
    rule: rule({ group: "239.1.0.0/28" }, { group: "ff3e::300/124", ttl: "decrement" }),
    flow: { stream: { flows: 16, count: 1600, ttl: 5 } },
    ear: { place: { flows: 16 }, seen: { ttl: 4 } },
  }),
  relays("a range of ports -> a range of ports", {
    rule: rule({ port: "5000-5010" }, { port: "6000-6010" }),
    flow: { stream: { flows: 11, flowsBy: "port", count: 1100 } },
    ear: { place: { flows: 11, flowsBy: "port" } },
  }),
  relays("a range of ports that are kept", {
    rule: rule({ port: "5000-5010" }, { port: 0 }),
    flow: { stream: { flows: 11, flowsBy: "port", count: 1100 } },
    ear: { place: { flows: 11, flowsBy: "port", port: 5000 } },
  }),
  relays("any port, kept", {
    rule: rule({ port: 0 }, { port: 0 }),
    flow: { stream: { port: 40000, flows: 16, flowsBy: "port", count: 1600 } },
    ear: { place: { flows: 16, flowsBy: "port", port: 40000 } },
  }),
  relays("any port -> one port", { rule: rule({ port: 0 }), flow: { stream: { port: 1 } } }),
  relays("a range of groups and one of ports, both mapped", {
    rule: rule({ group: "239.1.0.0/28", port: "5000-5010" }, { group: "239.9.0.0/28", port: "6000-6010" }),
    flow: { stream: { flows: 16, port: 5007, count: 1600 } },
    ear: { place: { flows: 16, port: 6007 } },
  }),
  passes("65,536 groups by one rule", {
    rules: [rule({ group: "239.1.0.0/16" }, { group: "239.9.0.0/16" })],
    flows: SAMPLES.map((sample) => ({
      stream: { group: `239.1.${sample}`, flows: SAMPLE_FLOWS, count: 10 * SAMPLE_FLOWS },
    })),
    ears: SAMPLES.map((sample, index) => ({
      place: { group: `239.9.${sample}`, port: 6000, flows: SAMPLE_FLOWS },
      flows: [index],
    })),
  }),
  passes("an exact group beats a range, the longer prefix the shorter", {
    rules: [
      rule({ group: "239.1.0.0/16" }, { group: "239.2.2.2" }),
      rule({ group: "239.1.1.0/24" }, { group: "239.2.2.3" }),
      rule({ group: "239.1.1.1" }, { group: "239.2.2.4" }),
    ],
    flows: [
      { stream: { group: "239.1.2.1" } },
      { stream: { group: "239.1.1.2", count: 500 }, rule: 1 },
      { stream: { group: "239.1.1.1", count: 300 }, rule: 2 },
    ],
    ears: [{}, {}, {}],
  }),
  passes("one port beats a range, the narrower range the wider, that any port", {
    rules: [
      rule({ port: 0 }, { group: "239.2.2.2" }),
      rule({ port: "5000-5100" }, { group: "239.2.2.3" }),
      rule({ port: "5000-5003" }, { group: "239.2.2.4" }),
      rule({ port: 5001 }, { group: "239.2.2.5" }),
    ],
    flows: [
      { stream: { port: 4999 } },
      { stream: { port: 5004, count: 500 }, rule: 1 },
      { stream: { port: 5003, count: 300 }, rule: 2 },
      { stream: { port: 5001, count: 200 }, rule: 3 },
    ],
    ears: [{}, {}, {}, {}],
  }),
  passes("the group counts before the port", {
    rules: [
      rule({ group: "239.1.1.0/24", port: 5001 }, { group: "239.2.2.3" }),
      rule({ group: "239.1.1.1", port: 0 }, { group: "239.2.2.4" }),
    ],
    flows: [{ stream: { group: "239.1.1.2" } }, { stream: { group: "239.1.1.1", port: 5001 }, rule: 1 }],
    ears: [{}, {}],
  }),
  passes("beside a range is nobody's", {
    rules: [rule({ group: "239.1.1.16/28", port: "5000-5007" }, { group: "239.2.2.2" })],
    flows: [
      ...["239.1.1.15", "239.1.1.32"].map((group) => ({ stream: { group, port: 5000 }, rule: null })),
      ...[4999, 5008].map((port) => ({ stream: { group: "239.1.1.16", port }, rule: null })),
      ...[5000, 5007].map((port) => ({ stream: { group: "239.1.1.31", port } })),
    ],
    ears: [{}],
  }),
  passes("a range with sources beside the same with others", {
    rules: [
      rule({ group: "239.1.1.0/28", sources: ["192.0.2.0/24"] }, { group: "239.9.0.0/28" }),
      rule({ group: "239.1.1.0/28", exclude_sources: ["192.0.2.0/24"] }, { group: "239.9.1.0/28" }),
    ],
    flows: [
      { stream: { group: "239.1.1.3", source: "192.0.2.7" } },
      { stream: { group: "239.1.1.3", source: "198.51.100.7", count: 500 }, rule: 1 },
    ],
    ears: [{ place: { group: "239.9.0.3" } }, { place: { group: "239.9.1.3" } }],
  }),
  passes("a range of IPv6 and an exact group in it", {
    rules: [rule({ group: "ff3e::/96" }, { group: "239.2.2.2" }), rule(INPUT_6, { group: "239.2.2.3" })],
    flows: [{ stream: { group: "ff3e::7:7" } }, { rule: 1 }],
    ears: [{}, {}],
  }),
];
