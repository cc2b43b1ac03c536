/**
 * Capture files in the format pcapng, as tcpdump and Wireshark read them: one section, an interface description for each
 * interface and link type, and a packet with its time to the nanosecond and a comment.
 *
 * @module
 */
import type { TracedDatagram } from "./trace.ts";

const SECTION = 0x0a0d0d0a, INTERFACE = 1, PACKET = 6;
const BYTE_ORDER = 0x1a2b3c4d;
/** Options of blocks; each kind of block numbers its own. */
const END = 0, COMMENT = 1, NAME = 2, RESOLUTION = 9, APPLICATION = 4;
/** What the length of an option can say. */
const OPTION_BYTES_MAX = 0xffff;
/** Time stamps count 10^-9 seconds. */
const NANOSECONDS = 9;

/** Writes a capture file piece by piece. */
export class PcapngWriter {
  readonly #application: string;
  /** Numbers of the interfaces described so far, by name and link type. */
  readonly #interfaces = new Map<string, number>();

  constructor(application: string) {
    this.#application = application;
  }

  /** What the file begins with. */
  begin(): Uint8Array {
    const fixed = new DataView(new ArrayBuffer(16));
    fixed.setUint32(0, BYTE_ORDER, true);
    fixed.setUint16(4, 1, true);
    // The length of the section is left open: -1.
    fixed.setBigInt64(8, -1n, true);
    return block(SECTION, [bytesOf(fixed), options([[APPLICATION, encode(this.#application)]])]);
  }

  /** A datagram with its frame, and its interface if that was not described before; nothing without a frame. */
  add({ time, interface: name, frame, verdict, steps }: TracedDatagram): Uint8Array {
    if (frame === undefined) return new Uint8Array(0);
    const key = `${frame.link_type} ${name}`;
    const described = this.#interfaces.has(key) ? [] : [describeInterface(name, frame.link_type)];
    if (described.length > 0) this.#interfaces.set(key, this.#interfaces.size);
    const data = Uint8Array.fromBase64(frame.base64), ns = nanosecondsOf(time);
    const fixed = new DataView(new ArrayBuffer(20));
    fixed.setUint32(0, this.#interfaces.get(key)!, true);
    fixed.setUint32(4, Number(ns >> 32n), true);
    fixed.setUint32(8, Number(ns & 0xffff_ffffn), true);
    fixed.setUint32(12, data.length, true);
    fixed.setUint32(16, frame.bytes, true);
    const comment = [verdict, ...steps.map(({ is_passed: isPassed, text }) => `${isPassed ? "+" : "-"} ${text}`)].join(
      "\n",
    );
    return concat([
      ...described,
      block(PACKET, [bytesOf(fixed), padded(data), options([[COMMENT, encodeShort(comment)]])]),
    ]);
  }
}

function describeInterface(name: string, linkType: number): Uint8Array {
  const fixed = new DataView(new ArrayBuffer(8));
  fixed.setUint16(0, linkType, true);
  return block(INTERFACE, [bytesOf(fixed), options([[NAME, encode(name)], [RESOLUTION, Uint8Array.of(NANOSECONDS)]])]);
}

function nanosecondsOf(time: string): bigint {
  const [, seconds, fraction] = /^(.*)\.(\d{9})Z$/.exec(time)!;
  return BigInt(Date.parse(`${seconds}Z`)) * 1_000_000n + BigInt(fraction!);
}

/** Its length stands at both ends of a block. */
function block(type: number, parts: readonly Uint8Array[]): Uint8Array {
  const body = concat(parts), whole = new Uint8Array(body.length + 12), view = new DataView(whole.buffer);
  view.setUint32(0, type, true);
  view.setUint32(4, whole.length, true);
  whole.set(body, 8);
  view.setUint32(whole.length - 4, whole.length, true);
  return whole;
}

function options(list: readonly (readonly [number, Uint8Array])[]): Uint8Array {
  return concat([...list, [END, new Uint8Array(0)] as const].map(([code, value]) => {
    const head = new DataView(new ArrayBuffer(4));
    head.setUint16(0, code, true);
    head.setUint16(2, value.length, true);
    return concat([bytesOf(head), padded(value)]);
  }));
}

function padded(bytes: Uint8Array): Uint8Array {
  const whole = new Uint8Array(Math.ceil(bytes.length / 4) * 4);
  whole.set(bytes);
  return whole;
}

function bytesOf(view: DataView): Uint8Array {
  return new Uint8Array(view.buffer, view.byteOffset, view.byteLength);
}

function encode(text: string): Uint8Array {
  return new TextEncoder().encode(text);
}

/** As much of a text as an option can hold: of a rule with very many outputs not all are told. */
function encodeShort(text: string): Uint8Array {
  const bytes = new Uint8Array(OPTION_BYTES_MAX);
  return bytes.subarray(0, new TextEncoder().encodeInto(text, bytes).written);
}

function concat(parts: readonly Uint8Array[]): Uint8Array {
  const whole = new Uint8Array(parts.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}
