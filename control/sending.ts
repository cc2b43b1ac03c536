/**
 * How outputs send what their rule's input takes, in the terms of `mcr.h`.
 *
 * @module
 */
import {
  MCR_OUTPUT_DSCP_COPY,
  MCR_OUTPUT_ECN_COPY,
  MCR_OUTPUT_ESP,
  MCR_OUTPUT_GROUP_MAP,
  MCR_OUTPUT_PORT_MAP,
  MCR_OUTPUT_TTL_DECREMENT,
  MCR_PROTOCOL_ESP,
  MCR_PROTOCOL_UDP,
} from "../ffi/abi.ts";
import { ADDRESS_BITS, parsePrefix } from "./address.ts";
import type { RuleInput, RuleOutput } from "./model.ts";
import { portCount, portRange } from "./ports.ts";

/** IP and UDP header. */
const IPV4_BYTES = 20, IPV6_BYTES = 40, UDP_BYTES = 8;

/** How a rule's output sends, whatever the interface. */
export interface Sending {
  readonly protocol: number;
  /** `mcr_output_flag`: what each datagram brings. */
  readonly flags: number;
  /** The destination, or the first of a range. */
  readonly group: string;
  readonly groupBits: number;
  readonly port: number;
  /** What leaves has it, unless it takes it from the datagram. */
  readonly ttl: number;
  /** DSCP and ECN as one byte. */
  readonly trafficClass: number;
}

/** Works out how an output sends what an input takes; `unsetTtl` is the time to live where it names none. */
export function sendingOf(output: RuleOutput, input: RuleInput, unsetTtl: number | "decrement"): Sending {
  const { address, bits } = parsePrefix(output.group)!;
  const isEsp = input.protocol === "esp";
  const { first } = portRange(output.port === 0 ? input.port : output.port);
  const isPortMapped = !isEsp && (output.port === 0 ? portCount(input.port) : portCount(output.port)) > 1;
  const ttl = output.ttl ?? unsetTtl;
  const flags = (ttl === "decrement" ? MCR_OUTPUT_TTL_DECREMENT : 0) |
    (output.dscp === "copy" ? MCR_OUTPUT_DSCP_COPY : 0) |
    (output.ecn === "copy" ? MCR_OUTPUT_ECN_COPY : 0) |
    (bits === ADDRESS_BITS ? 0 : MCR_OUTPUT_GROUP_MAP) |
    (isPortMapped ? MCR_OUTPUT_PORT_MAP : 0) |
    (isEsp ? MCR_OUTPUT_ESP : 0);
  const fixed = (value: number | "copy" | undefined): number => typeof value === "number" ? value : 0;
  return {
    protocol: protocolOf(input),
    flags,
    group: address,
    groupBits: bits,
    port: first,
    ttl: typeof ttl === "number" ? ttl : 1,
    trafficClass: fixed(output.dscp) << 2 | fixed(output.ecn),
  };
}

/** The number of the IP protocol that an input takes. */
export function protocolOf({ protocol }: RuleInput): number {
  return protocol === "esp" ? MCR_PROTOCOL_ESP : MCR_PROTOCOL_UDP;
}

/** The largest payload that needs no IP fragments on an interface. */
export function segmentMax({ protocol, group }: Sending, mtu: number): number {
  const headers = (group.includes(":") ? IPV6_BYTES : IPV4_BYTES) + (protocol === MCR_PROTOCOL_UDP ? UDP_BYTES : 0);
  return Math.max(0, mtu - headers);
}
