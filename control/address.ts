/**
 * IP addresses and prefixes as people write them: read strictly, kept in one form, compared. IPv6 has the form of RFC
 * 5952; an IPv4 address counts as the 16 bytes that `mcr.h` writes it as, so that one length of a prefix fits both.
 *
 * @module
 */
import { addressBytes, parseIpv4, readAddress } from "../ffi/address.ts";
import { parseWhole } from "./number.ts";

/** Bits of the 16-byte form. */
export const ADDRESS_BITS = 128;

/** Bits that stand before an IPv4 address in it. */
const IPV4_OFFSET = 96;

/** An address, or a range of them that begins with the same bits. */
export interface Prefix {
  /** The text that all of them are compared by: `239.1.1.1`, `ff3e::/96`. An address has no length. */
  readonly text: string;
  /** The first address, as text. */
  readonly address: string;
  /** The first address. */
  readonly bytes: Uint8Array;
  /** Bits of the prefix in the 16-byte form: 128 is one address. */
  readonly bits: number;
  readonly family: 4 | 6;
}

/** Reads an address; undefined when it is none. IPv4 written as IPv6, `::ffff:1.2.3.4`, is none. */
export function parseAddress(text: string): Prefix | undefined {
  const family = parseIpv4(text) !== undefined ? 4 : isIpv6(text) ? 6 : undefined;
  if (family === undefined) return undefined;
  const bytes = addressBytes(text), address = readAddress(bytes);
  return address.includes(":") === (family === 6) ? { text: address, address, bytes, bits: 128, family } : undefined;
}

/** What was read lately: from a rule's first check to its memberships, each of its addresses is read a dozen times. */
const recent = new Map<string, Prefix>();
const RECENT_MAX = 16384;

/**
 * Reads an address, or a prefix such as `239.1.0.0/24`; undefined when it is neither. Bits beyond the length are cut off:
 * whoever minds compares the text.
 */
export function parsePrefix(text: string): Prefix | undefined {
  const known = recent.get(text);
  if (known !== undefined) return known;
  const prefix = readPrefix(text);
  if (prefix === undefined) return undefined;
  if (recent.size >= RECENT_MAX) recent.clear();
  recent.set(text, prefix);
  return prefix;
}

function readPrefix(text: string): Prefix | undefined {
  const slash = text.indexOf("/");
  const one = parseAddress(slash < 0 ? text : text.slice(0, slash));
  if (one === undefined || slash < 0) return one;
  const offset = one.family === 4 ? IPV4_OFFSET : 0;
  const length = parseWhole(text.slice(slash + 1), 0, ADDRESS_BITS - offset);
  return length === undefined ? undefined : cut(one, offset + length);
}

/** Whether a text that was read as this prefix has bits beyond it, as `239.1.0.5/24`. */
export function hasBitsBeyond(text: string, prefix: Prefix): boolean {
  return parseAddress(text.split("/")[0]!)?.address !== prefix.address;
}

/** The prefix of that many bits that an address lies in. */
function cut(one: Prefix, bits: number): Prefix {
  if (bits === ADDRESS_BITS) return one;
  const bytes = mask(one.bytes, bits);
  // Of IPv4 all 96 bits before the address are kept, so what it is read as stays IPv4.
  const address = readAddress(bytes);
  const length = bits - (one.family === 4 ? IPV4_OFFSET : 0);
  return { text: `${address}/${length}`, address, bytes, bits, family: one.family };
}

/** The bytes with all but the first bits 0. */
export function mask(bytes: Uint8Array, bits: number): Uint8Array<ArrayBuffer> {
  const masked = new Uint8Array(bytes);
  const whole = bits >> 3;
  if (whole === masked.length) return masked;
  masked[whole]! &= 0xff00 >> (bits & 7);
  masked.fill(0, whole + 1);
  return masked;
}

/** Whether one prefix has every address of the other. */
export function contains(outer: Prefix, inner: Prefix): boolean {
  return outer.bits <= inner.bits && outer.family === inner.family && hasPrefix(inner.bytes, outer);
}

/** Whether two prefixes have addresses in common: then one is within the other. */
export function overlaps(one: Prefix, other: Prefix): boolean {
  return contains(one, other) || contains(other, one);
}

function hasPrefix(bytes: Uint8Array, { bytes: wanted, bits }: Prefix): boolean {
  const whole = bits >> 3;
  for (let i = 0; i < whole; i++) {
    if (bytes[i] !== wanted[i]) return false;
  }
  return whole === 16 || ((bytes[whole]! ^ wanted[whole]!) & (0xff00 >> (bits & 7)) & 0xff) === 0;
}

/** Orders prefixes by their first address, then by length, for lists that say the same whatever order they came in. */
export function compareAddresses(one: Prefix, other: Prefix): number {
  for (let i = 0; i < 16; i++) {
    if (one.bytes[i] !== other.bytes[i]) return one.bytes[i]! - other.bytes[i]!;
  }
  return one.bits - other.bits;
}

const MULTICAST = [known("224.0.0.0/4"), known("ff00::/8")];

/** What is neither a group nor an address that a datagram can be sent to. */
const UNUSABLE = [
  known("0.0.0.0/8"),
  known("240.0.0.0/4"),
  // Nobody has an address there but `::1`; in the 16-byte form IPv4 lies there.
  known("::/64"),
  // Groups of scope 0 are reserved, those of scope 1 never leave an interface.
  known("ff00::/15"),
];

const LINK_LOCAL = [known("fe80::/10"), known("ff02::/16"), known("224.0.0.0/24")];

/** A prefix that stands in this source. */
function known(text: string): Prefix {
  return parsePrefix(text)!;
}

/** Whether all of it are multicast groups. */
export function isMulticast(prefix: Prefix): boolean {
  return MULTICAST.some((groups) => contains(groups, prefix));
}

/** Whether all of it are addresses of single hosts. */
export function isUnicast(prefix: Prefix): boolean {
  return !MULTICAST.some((groups) => overlaps(groups, prefix)) && isUsable(prefix);
}

/** Whether datagrams can be sent to all of it: multicast, or to single hosts, but not a mixture of both. */
export function isDestination(prefix: Prefix): boolean {
  return isUsable(prefix) && (isMulticast(prefix) || isUnicast(prefix));
}

function isUsable(prefix: Prefix): boolean {
  return prefix.text === "::1" || !UNUSABLE.some((range) => overlaps(range, prefix));
}

/** Whether it never leaves the network that it is sent on. */
export function isLinkLocal(prefix: Prefix): boolean {
  return LINK_LOCAL.some((range) => contains(range, prefix));
}

function isIpv6(text: string): boolean {
  // Longer than any, and what follows would take its time.
  if (text.length > 45 || !text.includes(":")) return false;
  const halves = text.split("::");
  if (halves.length > 2) return false;
  const counts = halves.map((half, i) => countWords(half, i === halves.length - 1));
  if (counts.includes(undefined)) return false;
  const count = counts.reduce<number>((sum, one) => sum + one!, 0);
  return halves.length === 2 ? count <= 7 : count === 8;
}

/** How many 16-bit words the colon-separated text has; undefined where one is none. The last may be an IPv4 address. */
function countWords(half: string, isLast: boolean): number | undefined {
  if (half === "") return 0;
  const parts = half.split(":");
  const last = parts.at(-1)!;
  const hasIpv4 = isLast && last.includes(".");
  if (hasIpv4 && parseIpv4(last) === undefined) return undefined;
  const words = hasIpv4 ? parts.slice(0, -1) : parts;
  return words.every((word) => /^[0-9a-fA-F]{1,4}$/.test(word)) ? words.length + (hasIpv4 ? 2 : 0) : undefined;
}
