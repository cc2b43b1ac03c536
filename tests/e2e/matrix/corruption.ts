/**
 * Datagrams that are broken in one way each, with good ones between: every one is counted under its reason, none is handed
 * on, and all others are.
 *
 * @module
 */
import type { RuleSpec } from "../../../mod.ts";
import type { Corruption, Stream } from "../traffic.ts";
import { type Case, INPUT_6, OUTPUT_6, passes, rule } from "./bench.ts";

const IPV4 = rule(), IPV6 = rule(INPUT_6, OUTPUT_6), ESP = rule({ protocol: "esp", port: 0 }, { port: 0 });

function counts(
  corrupt: Corruption,
  what: string,
  one: RuleSpec,
  reason: string | null,
  stream: Partial<Stream> = {},
): Case {
  return passes(`${corrupt} of ${what}`, {
    rules: [one],
    flows: [{ stream: { corrupt, corruptEvery: 10, ...stream }, broken: reason }],
    ears: [{}],
  });
}

export const CORRUPTION: readonly Case[] = [
  counts("udp-checksum", "IPv4", IPV4, "udp_checksum"),
  counts("udp-checksum", "IPv6", IPV6, "udp_checksum"),
  counts("udp-checksum", "IPv4 in fragments", IPV4, "udp_checksum", { fragment: 400 }),
  counts("udp-no-checksum", "IPv6", IPV6, "udp_checksum"),
  counts("udp-length", "IPv4", IPV4, "udp_length"),
  counts("udp-length", "IPv6", IPV6, "udp_length"),
  counts("udp-short", "IPv4", IPV4, "udp_length"),
  counts("udp-short", "IPv6", IPV6, "udp_length"),
  counts("udp-truncated", "IPv4", IPV4, "truncated"),
  counts("udp-truncated", "IPv6", IPV6, "truncated"),
  counts("port-0", "IPv4", IPV4, "port_zero"),
  counts("port-0", "IPv6", IPV6, "port_zero"),
  counts("port-0", "IPv4, where the rule takes any port", rule({ port: 0 }), "port_zero"),
  counts("ip-checksum", "IPv4", IPV4, "ip_checksum"),
  counts("ip-length", "IPv4", IPV4, "ip_length"),
  counts("ip-length", "IPv6", IPV6, "ip_length"),
  counts("ip-short", "IPv4", IPV4, "ip_length"),
  counts("ip-version", "IPv4", IPV4, "ip_version"),
  counts("ip-version", "IPv6", IPV6, "ip_version"),
  counts("ip-header-length", "IPv4", IPV4, "ip_header"),
  counts("ip-truncated", "IPv4: nothing says for which rule it was", IPV4, null),
  counts("ip-truncated", "IPv6: nothing says for which rule it was", IPV6, null),
  counts("esp-short", "ESP", ESP, "esp"),
  counts("esp-spi", "ESP", ESP, "esp"),
];
