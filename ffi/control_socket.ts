/**
 * The supervisor's listening socket. Deno's own does not tell who a client is; the kernel does, of a descriptor.
 *
 * @module
 */
import * as abi from "./abi.ts";
import { Descriptor } from "./descriptor.ts";
import { check, cString, errorName, native } from "./library.ts";
import { Poller } from "./poller.ts";

/** Who a client is, as the kernel noted when it connected. */
export interface Peer {
  readonly pid: number;
  readonly uid: number;
  readonly gid: number;
  /** Of the group that was asked for. */
  readonly isMember: boolean;
}

/** A client that was taken in. Its descriptor, non-blocking, is the caller's. */
export interface Accepted {
  readonly fd: number;
  readonly peer: Peer;
}

/** A Unix socket that is listened on. */
export class ControlSocket implements AsyncDisposable {
  readonly #socket: Descriptor;
  readonly #poller: Poller;
  #wake: (() => void) | null = null;
  #isClosed = false;

  /** Makes the file, with mode 0600. */
  constructor(path: string) {
    this.#socket = new Descriptor(check(native.mcr_control_listen(cString(path))));
    this.#poller = new Poller();
  }

  /**
   * Takes in the next client, when it comes; `null` once the socket is closed. For one caller at a time.
   *
   * @param group the group of whose membership the caller wants to know
   * @throws {NativeError} `EMFILE` and its like: the client goes on waiting.
   */
  async accept(group: number): Promise<Accepted | null> {
    const peer = new DataView(new ArrayBuffer(abi.mcr_peer.sizeof));
    while (!this.#isClosed) {
      const status = native.mcr_control_accept(this.#socket.fd, group, peer);
      if (status >= 0) return { fd: status, peer: readPeer(peer) };
      if (errorName(status) !== "EAGAIN") check(status);
      await this.#untilReadable();
    }
    return null;
  }

  async #untilReadable(): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#wake = resolve;
    this.#poller.watch(this.#socket, resolve);
    await promise;
    this.#poller.forget(this.#socket);
  }

  /** Stops listening; the file stays. Idempotent. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#isClosed = true;
    this.#wake?.();
    await this.#poller[Symbol.asyncDispose]();
    this.#socket[Symbol.dispose]();
  }
}

function readPeer(peer: DataView): Peer {
  return {
    pid: peer.getUint32(abi.mcr_peer.pid, true),
    uid: peer.getUint32(abi.mcr_peer.uid, true),
    gid: peer.getUint32(abi.mcr_peer.gid, true),
    isMember: peer.getUint32(abi.mcr_peer.is_member, true) === 1,
  };
}
