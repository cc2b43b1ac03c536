/**
 * The supervisor's end of a worker's control channel.
 *
 * @module
 */
import * as abi from "./abi.ts";
import { Descriptor } from "./descriptor.ts";
import { check, errorName, native } from "./library.ts";
import type { InputSocket } from "./sockets.ts";
import { stretches } from "./stretches.ts";

/** What a worker says. */
export type WorkerMessage =
  | { readonly type: "ready" }
  | { readonly type: "acknowledge"; readonly generation: number }
  | { readonly type: "failed"; readonly code: string; readonly text: string };

/** What can be said to a worker beside the type, by the names of `struct mcr_message`. */
interface Fields {
  readonly index?: number;
  readonly count?: number;
  readonly slot_count?: number;
  readonly core?: number;
  readonly uid?: number;
  readonly gid?: number;
  readonly coalesce_us?: number;
  readonly busy_poll_us?: number;
  readonly segments_max?: number;
  readonly priority?: number;
}

/** What a worker is told first. */
export interface StartOptions {
  readonly index: number;
  readonly core: number;
  /** Absent to keep the supervisor's. */
  readonly uid?: number;
  readonly gid?: number;
  /** See `struct mcr_message`; 0 when absent. */
  readonly coalesceUs?: number;
  readonly busyPollUs?: number;
  /** Datagrams of one send; as many as the kernel takes when absent. */
  readonly segments?: number;
  /** Real-time priority; none when absent. */
  readonly priority?: number;
}

/** A channel; `theirs` is for the process that is spawned. */
export class Channel implements Disposable {
  readonly ours: Descriptor;
  readonly theirs: Descriptor;

  constructor() {
    const pair = new Int32Array(2);
    check(native.mcr_channel_open(pair));
    this.ours = new Descriptor(pair[0]!);
    this.theirs = new Descriptor(pair[1]!);
  }

  /** Says who it is, where it runs, as whom, and what it counts on. */
  start(options: StartOptions, stats: Descriptor): void {
    const { index, core, uid = abi.MCR_KEEP_ID, gid = abi.MCR_KEEP_ID } = options;
    const { coalesceUs = 0, busyPollUs = 0, segments = 0, priority = 0 } = options;
    const profile = { coalesce_us: coalesceUs, busy_poll_us: busyPollUs, segments_max: segments, priority };
    const fields = { index, core, uid, gid, ...profile };
    this.#send(abi.MCR_MESSAGE_START, fields, [stats.fd]);
  }

  /** Hands over a ring. */
  input(index: number, { slotCount, socket, progress }: Pick<InputSocket, "slotCount" | "socket" | "progress">): void {
    this.#send(abi.MCR_MESSAGE_INPUT, { index, slot_count: slotCount }, [socket.fd, progress.fd]);
  }

  /** Takes a ring away. */
  endInput(index: number): void {
    this.#send(abi.MCR_MESSAGE_INPUT_END, { index });
  }

  /** Hands over sockets, by index. */
  outputs(sockets: ReadonlyMap<number, Descriptor>): void {
    for (const { first, count } of stretches(sockets.keys(), abi.MCR_MESSAGE_FDS_MAX)) {
      const fds = Array.from({ length: count }, (_, i) => sockets.get(first + i)!.fd);
      this.#send(abi.MCR_MESSAGE_OUTPUTS, { index: first }, fds);
    }
  }

  /** Takes sockets away. */
  endOutputs(indexes: Iterable<number>): void {
    for (const { first, count } of stretches(indexes, abi.MCR_OUTPUTS_MAX)) {
      this.#send(abi.MCR_MESSAGE_OUTPUTS_END, { index: first, count });
    }
  }

  /** Hands over the table of a generation. */
  table(table: Descriptor): void {
    this.#send(abi.MCR_MESSAGE_TABLE, {}, [table.fd]);
  }

  /** The next message; undefined when there is none; null when the worker is gone. */
  receive(): WorkerMessage | null | undefined {
    const message = new DataView(new ArrayBuffer(abi.mcr_message.sizeof));
    const status = native.mcr_channel_receive(this.ours.fd, message);
    if (status === 0) return null;
    if (status < 0) {
      const code = errorName(status);
      if (code === "EAGAIN") return undefined;
      if (code === "ECONNRESET") return null;
      check(status);
    }
    return readMessage(message);
  }

  #send(type: number, fields: Fields, fds: readonly number[] = []): void {
    const message = new DataView(new ArrayBuffer(abi.mcr_message.sizeof));
    message.setUint32(abi.mcr_message.type, type, true);
    for (const [name, value] of Object.entries(fields) as [keyof Fields, number][]) {
      message.setUint32(abi.mcr_message[name], value, true);
    }
    check(native.mcr_channel_send(this.ours.fd, message, new Int32Array(fds), fds.length));
  }

  [Symbol.dispose](): void {
    this.ours[Symbol.dispose]();
    this.theirs[Symbol.dispose]();
  }
}

function readMessage(message: DataView): WorkerMessage {
  switch (message.getUint32(abi.mcr_message.type, true)) {
    case abi.MCR_MESSAGE_READY:
      return { type: "ready" };
    case abi.MCR_MESSAGE_ACKNOWLEDGE:
      return { type: "acknowledge", generation: Number(message.getBigUint64(abi.mcr_message.generation, true)) };
    default: {
      const bytes = new Uint8Array(message.buffer, abi.mcr_message.text, abi.mcr_message.text_count);
      const text = new TextDecoder().decode(bytes.subarray(0, bytes.indexOf(0)));
      return { type: "failed", code: errorName(message.getInt32(abi.mcr_message.error, true)), text };
    }
  }
}
