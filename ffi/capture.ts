/**
 * Live traffic, looked at beside the workers, and what the relay's own parser says of it.
 *
 * @module
 */
import * as abi from "./abi.ts";
import { addressBytes, readAddress } from "./address.ts";
import { Descriptor } from "./descriptor.ts";
import { check, native, text } from "./library.ts";

/** The largest frame: an IP packet of 64 KiB, and the header before it. */
const FRAME_BYTES_MAX = 65_536 + 256;

/** One frame. */
export interface Captured {
  /** The kernel's receive timestamp in nanoseconds of Unix time. */
  readonly timeNs: bigint;
  readonly interfaceIndex: number;
  /** As `ARPHRD_*` numbers it. */
  readonly linkType: number;
  /** Of the whole frame, as it was received. */
  readonly frameBytes: number;
  /** The frame, without a VLAN tag that the kernel took off. */
  readonly frame: Uint8Array;
  /** Where the IP header begins in it. */
  readonly packetOffset: number;
  /** The tag: its identifier, and the whole of it with its protocol. */
  readonly vlan?: { readonly id: number; readonly control: number; readonly protocol: number };
  /** Of IP: 4, 6, or 0 for something else. */
  readonly version: number;
  /** Datagrams of a superframe that the kernel has put together; 1 otherwise. */
  readonly datagrams: number;
  readonly isQuery: boolean;
  /** Why the parser refuses it; absent when it takes it. */
  readonly reason?: string;
  /** `MCR_PROTOCOL_*`; this and what follows as far as the packet tells. */
  readonly protocol: number;
  readonly ttl: number;
  readonly group: string;
  readonly port: number;
  readonly source: string;
  readonly sourcePort: number;
  readonly payloadBytes: number;
}

/** A tap for one group, on one interface or all of them (index 0). Readable when something waits. */
export class Capture extends Descriptor {
  readonly #record = new Uint8Array(abi.mcr_captured.sizeof);
  readonly #frame = new Uint8Array(FRAME_BYTES_MAX);
  readonly #memory = new Uint8Array(abi.MCR_CAPTURE_MEMORY_BYTES);

  /** Also takes what is sent to `port` of other groups, unless that is 0. The group is a checked address. */
  constructor(interfaceIndex: number, group: string, port: number) {
    super(check(native.mcr_capture_open(interfaceIndex, addressBytes(group), port)));
  }

  /** The next frame, or datagram of several that are its fragments, a copy; undefined when none waits. */
  read(): Captured | undefined {
    const found = check(
      native.mcr_capture_read(this.fd, this.#memory, this.#record, this.#frame, FRAME_BYTES_MAX),
    );
    return found === 1 ? readRecord(this.#record, this.#frame) : undefined;
  }
}

function readRecord(bytes: Uint8Array<ArrayBuffer>, frame: Uint8Array): Captured {
  const view = new DataView(bytes.buffer);
  const number = (offset: number): number => view.getUint32(offset, true);
  const address = (offset: number): string => readAddress(bytes.subarray(offset, offset + 16));
  const at = abi.mcr_captured;
  const control = number(at.vlan), reason = number(at.reason);
  const segmentBytes = number(at.segment_bytes), payloadBytes = number(at.payload_bytes);
  return {
    timeNs: view.getBigUint64(at.time_ns, true),
    interfaceIndex: number(at.interface),
    linkType: number(at.link_type),
    frameBytes: number(at.frame_bytes),
    frame: frame.slice(0, number(at.captured_bytes)),
    packetOffset: number(at.packet_offset),
    ...(control === abi.MCR_NO_VLAN
      ? {}
      : { vlan: { id: control & 0xfff, control, protocol: number(at.vlan_protocol) } }),
    version: number(at.version),
    datagrams: segmentBytes === 0 ? 1 : Math.max(1, Math.ceil(payloadBytes / segmentBytes)),
    isQuery: number(at.is_query) === 1,
    ...(reason === abi.MCR_DROP_COUNT ? {} : { reason: text(native.mcr_drop_name(reason)) }),
    protocol: number(at.protocol),
    ttl: number(at.ttl),
    group: address(at.group),
    port: number(at.port),
    source: address(at.source),
    sourcePort: number(at.source_port),
    payloadBytes,
  };
}
