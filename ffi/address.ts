/**
 * IPv4 addresses between their dotted form and the 16 bytes that `mcr.h` wants, `::ffff:a.b.c.d`.
 *
 * @module
 */

/** Writes a checked dotted address at an offset. */
export function writeAddress(bytes: Uint8Array, offset: number, address: string): void {
  bytes.fill(0, offset, offset + 10);
  bytes.fill(0xff, offset + 10, offset + 12);
  address.split(".").forEach((part, i) => bytes[offset + 12 + i] = Number(part));
}

/** The 16 bytes of a checked dotted address. */
export function addressBytes(address: string): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(16);
  writeAddress(bytes, 0, address);
  return bytes;
}

/** The dotted form of 16 bytes. */
export function readAddress(bytes: Uint8Array): string {
  return bytes.subarray(12, 16).join(".");
}
