// Goal: the strangest datagrams a relay must carry, and those it must not: a line for each case, with exact counts of what
// went in, what came out, and what was dropped for which reason.
import { ADDRESSES } from "./matrix/addresses.ts";
import { CHANGES, EXCLUSIVE } from "./matrix/changes.ts";
import { CORRUPTION } from "./matrix/corruption.ts";
import { testGroups } from "./matrix/groups.ts";
import { HEADERS } from "./matrix/headers.ts";
import { LIMITS, TOTAL_LIMITS } from "./matrix/limits.ts";
import { LINKS } from "./matrix/links.ts";
import { closeLoop, LOOPS, OWN_SOURCES_RELAYED, REFUSALS } from "./matrix/loops.ts";
import { addSwitch, MANY_MEMBERSHIPS, MEMBERSHIP } from "./matrix/membership.ts";
import { RANGES } from "./matrix/ranges.ts";
import { FRAGMENTS, SIZES } from "./matrix/sizes.ts";
import { SOURCES } from "./matrix/sources.ts";
import { ESP_CASES, UNICAST } from "./matrix/unicast.ts";
import type { Network } from "./network.ts";

/** Addresses of both families everywhere, some of them beside the interface's own. */
async function addAddresses(network: Network): Promise<void> {
  const ends = [
    { namespace: "source", interface: "s0", address: "fd01::1/64" },
    { namespace: "relay", interface: "in0", address: "fd01::2/64" },
    { namespace: "relay", interface: "out0", address: "fd02::2/64" },
    { namespace: "sink", interface: "k0", address: "fd02::1/64" },
  ];
  for (const end of ends) await network.addAddress6(end);
  await network.ip("relay", "addr", "add", "10.2.0.7/24", "dev", "out0");
  await network.ip("relay", "addr", "add", "fd02::7/64", "dev", "out0", "nodad", "preferred_lft", "0");
}

const prepare = addAddresses;

testGroups([
  { title: "IPv4, IPv6 and what their headers say", prepare, cases: [...ADDRESSES, ...HEADERS] },
  { title: "sources and ranges", prepare, cases: [...SOURCES, ...RANGES] },
  { title: "what does not fit, one worker", prepare, cases: [...FRAGMENTS, ...SIZES] },
  { title: "fragments, two workers", prepare, options: { workers: 2 }, cases: FRAGMENTS },
  { title: "what is broken", prepare, cases: CORRUPTION },
  { title: "hosts and ESP", prepare, cases: [...UNICAST, ...ESP_CASES] },
  { title: "interfaces of all kinds", prepare, cases: LINKS },
  { title: "membership behind a switch", topology: "switch", prepare: addSwitch, cases: MEMBERSHIP },
  {
    title: "rules and their changes",
    prepare,
    cases: [...MANY_MEMBERSHIPS, ...REFUSALS, ...CHANGES, ...EXCLUSIVE, ...LIMITS],
  },
  { title: "loops", topology: "loop", prepare: closeLoop, cases: LOOPS },
  {
    title: "loops, own sources relayed",
    topology: "loop",
    prepare: closeLoop,
    options: { args: ["--own-source", "relay"] },
    cases: OWN_SOURCES_RELAYED,
  },
  { title: "a rate of all rules", prepare, options: { args: ["--max-rate", "1pps"] }, cases: TOTAL_LIMITS },
]);
