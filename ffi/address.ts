/**
 * IP addresses between their text and the 16 bytes that `mcr.h` wants: IPv4 as `::ffff:a.b.c.d`.
 *
 * @module
 */

/** Writes a checked address at an offset. */
export function writeAddress(bytes: Uint8Array, offset: number, address: string): void {
  if (address.includes(":")) return writeIpv6(bytes, offset, address);
  bytes.fill(0, offset, offset + 10);
  bytes.fill(0xff, offset + 10, offset + 12);
  const value = parseIpv4(address)!;
  for (let i = 0; i < 4; i++) bytes[offset + 12 + i] = value >>> (24 - 8 * i);
}

/**
 * The number that an IPv4 address in dotted form is; undefined for any other text. Character by character: of 10,000
 * rules that are added, this reads 100,000 addresses.
 */
export function parseIpv4(text: string): number | undefined {
  let value = 0, part = 0, digits = 0, dots = 0;
  for (let i = 0; i < text.length; i++) {
    const digit = text.charCodeAt(i) - 48;
    if (digit === -2) {
      if (digits === 0 || ++dots > 3) return undefined;
      value = value * 256 + part;
      part = digits = 0;
      continue;
    }
    // No part has a 0 before its other digits.
    if (digit < 0 || digit > 9 || (digits > 0 && part === 0)) return undefined;
    part = part * 10 + digit;
    digits++;
    if (part > 255) return undefined;
  }
  return dots === 3 && digits > 0 ? value * 256 + part : undefined;
}

function writeIpv6(bytes: Uint8Array, offset: number, address: string): void {
  const [before, after] = address.split("::").map((half) => half === "" ? [] : half.split(":").flatMap(readWords));
  const words = [
    ...before!,
    ...Array(after === undefined ? 0 : 8 - before!.length - after.length).fill(0),
    ...after ?? [],
  ];
  words.forEach((word: number, i) => {
    bytes[offset + 2 * i] = word >> 8;
    bytes[offset + 2 * i + 1] = word & 0xff;
  });
}

/** The last 32 bits of an IPv6 address may be written as an IPv4 one. */
function readWords(part: string): number[] {
  if (!part.includes(".")) return [parseInt(part, 16)];
  const [a, b, c, d] = part.split(".").map(Number);
  return [a! << 8 | b!, c! << 8 | d!];
}

/** The 16 bytes of a checked address. */
export function addressBytes(address: string): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(16);
  writeAddress(bytes, 0, address);
  return bytes;
}

/** The text of 16 bytes; an IPv6 address in the form of RFC 5952. */
export function readAddress(bytes: Uint8Array): string {
  if (bytes[10] === 0xff && bytes[11] === 0xff && bytes.subarray(0, 10).every((byte) => byte === 0)) {
    return `${bytes[12]}.${bytes[13]}.${bytes[14]}.${bytes[15]}`;
  }
  const words = Array.from({ length: 8 }, (_, i) => bytes[2 * i]! << 8 | bytes[2 * i + 1]!);
  const { at, count } = longestZeros(words);
  const text = (part: readonly number[]): string => part.map((word) => word.toString(16)).join(":");
  if (count < 2) return text(words);
  return `${text(words.slice(0, at))}::${text(words.slice(at + count))}`;
}

function longestZeros(words: readonly number[]): { readonly at: number; readonly count: number } {
  let best = { at: 0, count: 0 };
  for (let at = 0; at < words.length; at++) {
    let count = 0;
    while (words[at + count] === 0) count++;
    if (count > best.count) best = { at, count };
  }
  return best;
}
