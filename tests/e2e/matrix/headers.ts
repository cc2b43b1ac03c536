/**
 * What the headers of relayed datagrams say: time to live, traffic class, source address and port, as the sink sees it on
 * the wire.
 *
 * @module
 */
import { type Case, INPUT_6, OUTPUT_6, passes, relays, rule } from "./bench.ts";

export const HEADERS: readonly Case[] = [
  relays("TTL as the supervisor says, whatever it was", {
    flow: { stream: { ttl: 77 } },
    ear: { seen: { ttl: 1 } },
  }),
  relays("TTL fixed", { rule: rule({}, { ttl: 9 }), ear: { seen: { ttl: 9 } } }),
  relays("hop limit fixed, and another TTL beside it", {
    rule: rule(INPUT_6, [{ ...OUTPUT_6, ttl: 255 }, { ...OUTPUT_6, port: 6001, ttl: 2 }]),
    ear: {},
  }),
  relays("TTL less one", {
    rule: rule({}, { ttl: "decrement" }),
    flow: { stream: { ttl: 64 } },
    ear: { seen: { ttl: 63 } },
  }),
  relays("hop limit less one", {
    rule: rule(INPUT_6, { ...OUTPUT_6, ttl: "decrement" }),
    flow: { stream: { ttl: 64 } },
    ear: { seen: { ttl: 63 } },
  }),
  relays("TTL less one, of IPv4 -> hop limit", {
    rule: rule({}, { ...OUTPUT_6, ttl: "decrement" }),
    flow: { stream: { ttl: 2 } },
    ear: { seen: { ttl: 1 } },
  }),
  passes("TTL used up at one output and not at the other", {
    rules: [rule({}, [{ ttl: "decrement" }, { group: "239.2.2.3", ttl: 5 }])],
    flows: [{ stream: { ttl: 1 }, lost: { 0: "ttl" } }, { stream: { ttl: 3, count: 500 } }],
    ears: [{ seen: { ttl: { 2: 500 } } }, { seen: { ttl: { 5: 1500 } } }],
  }),
  passes("hop limit used up", {
    rules: [rule(INPUT_6, { ...OUTPUT_6, ttl: "decrement" })],
    flows: [{ stream: { ttl: 1 }, lost: { 0: "ttl" } }, { stream: { ttl: 2, count: 100 } }],
    ears: [{ seen: { ttl: { 1: 100 } } }],
  }),
  relays("DSCP and ECN are nothing unless told", {
    flow: { stream: { dscp: 46, ecn: 1 } },
    ear: { seen: { dscp: 0, ecn: 0 } },
  }),
  relays("DSCP and ECN fixed", {
    rule: rule({}, { dscp: 34, ecn: 2 }),
    flow: { stream: { dscp: 46, ecn: 1 } },
    ear: { seen: { dscp: 34, ecn: 2 } },
  }),
  relays("DSCP and ECN fixed, IPv6", {
    rule: rule(INPUT_6, { ...OUTPUT_6, dscp: 34, ecn: 2 }),
    ear: { seen: { dscp: 34, ecn: 2 } },
  }),
  passes("DSCP and ECN copied", {
    rules: [rule({}, { dscp: "copy", ecn: "copy" })],
    flows: [{ stream: { dscp: 46, ecn: 1 } }, { stream: { dscp: 10, ecn: 3, count: 500 } }],
    ears: [{ seen: { dscp: { 46: 1000, 10: 500 }, ecn: { 1: 1000, 3: 500 } } }],
  }),
  passes("DSCP copied, ECN fixed; IPv6 -> IPv4", {
    rules: [rule(INPUT_6, { dscp: "copy", ecn: 2 })],
    flows: [{ stream: { dscp: 46, ecn: 1 } }, { stream: { dscp: 63, ecn: 3, count: 500 } }],
    ears: [{ seen: { dscp: { 46: 1000, 63: 500 }, ecn: 2 } }],
  }),
  passes("ECN copied, DSCP fixed; IPv4 -> IPv6", {
    rules: [rule({}, { ...OUTPUT_6, dscp: 8, ecn: "copy" })],
    flows: [{ stream: { dscp: 46, ecn: 1 } }, { stream: { ecn: 3, count: 500 } }],
    ears: [{ seen: { dscp: 8, ecn: { 1: 1000, 3: 500 } } }],
  }),
  relays("source address of the interface, wherever it came from", {
    flow: { stream: { source: "192.0.2.7" } },
    ear: { seen: { source: "10.2.0.2" } },
  }),
  relays("source address given", {
    rule: rule({}, { source: "10.2.0.7" }),
    ear: { seen: { source: "10.2.0.7" } },
  }),
  relays("source address given, of another interface", {
    rule: rule({}, { source: "10.1.0.2" }),
    ear: { seen: { source: "10.1.0.2" } },
  }),
  relays("source address given, IPv6", {
    rule: rule({}, { ...OUTPUT_6, source: "fd02::7" }),
    ear: { seen: { source: "fd02::7" } },
  }),
  relays("source port given", { rule: rule({}, { source_port: 7777 }), ear: { seen: { source_port: 7777 } } }),
  relays("source address and port given, two outputs, IPv6", {
    rule: rule(
      INPUT_6,
      [OUTPUT_6, { ...OUTPUT_6, port: 6001 }].map((output) => ({
        ...output,
        source: "fd02::7",
        source_port: 7777,
      })),
    ),
    ear: { seen: { source: "fd02::7", source_port: 7777 } },
  }),
];
