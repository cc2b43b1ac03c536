/**
 * What is beyond a rate is dropped, and counted: received = relayed + max_rate, datagram by datagram.
 *
 * @module
 */
import { type Case, type Flow, INPUT_6, OUTPUT_6, passes, rule } from "./bench.ts";

/** One datagram and one bit a second are as good as none: only what has been saved up passes. */
const DATAGRAMS = { max_rate: { datagrams: 1 } }, BITS = { max_rate: { bits: 1 } };

/** What is saved up at such a rate: 128 datagrams, or 64 KiB. */
const SAVED = 128;

/** All at once and singly, so that it takes no second. */
const BURST = { count: 200, size: 512, rate: 0, gso: "off" } as const;

function flow(rest: Flow = {}): Flow {
  return { first: SAVED, ...rest, stream: { ...BURST, ...rest.stream } };
}

/** Of rules. */
export const LIMITS: readonly Case[] = [
  passes("datagrams beyond the rate of a rule", { rules: [rule({}, {}, DATAGRAMS)], flows: [flow()], ears: [{}] }),
  passes("bits beyond the rate of a rule", { rules: [rule({}, {}, BITS)], flows: [flow()], ears: [{}] }),
  passes("datagrams beyond the rate of a rule of IPv6, two outputs", {
    rules: [rule(INPUT_6, [OUTPUT_6, {}], DATAGRAMS)],
    flows: [flow()],
    ears: [{}, {}],
  }),
  passes("the rate of one rule is not that of another", {
    rules: [rule({}, {}, DATAGRAMS), rule({ group: "239.1.1.2" }, { group: "239.2.2.3" })],
    flows: [flow(), { rule: 1 }],
    ears: [{}, {}],
  }),
  passes("a rate that is not reached", {
    rules: [rule({}, {}, { max_rate: { datagrams: 50_000, bits: 1e9 } })],
    flows: [{}],
    ears: [{}],
  }),
];

/** Of all rules together, where the supervisor lets one datagram a second through. */
export const TOTAL_LIMITS: readonly Case[] = [
  passes("datagrams beyond the rate of all rules together", {
    rules: [rule(), rule({ group: "239.1.1.2" }, { group: "239.2.2.3" })],
    flows: [flow(), flow({ rule: 1, first: 0 })],
    ears: [{}, { flows: [] }],
  }),
];
