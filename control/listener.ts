/**
 * The control socket while it is listened on: each client comes as its bytes and as who it is.
 *
 * @module
 */
import type { ControlSocket } from "../ffi/control_socket.ts";
import { Caller, type Owner } from "./caller.ts";
import { SocketStream } from "./socket_stream.ts";

/** A client that has just come. */
export interface Guest {
  readonly stream: SocketStream;
  readonly caller: Caller;
}

/** Takes clients in. Owns the socket, not its file. */
export class Listener implements AsyncDisposable {
  readonly #socket: ControlSocket;
  readonly #owner: Owner;

  constructor(socket: ControlSocket, { uid, gid }: Owner) {
    this.#socket = socket;
    this.#owner = { uid, gid };
  }

  /** The next client, when it comes; `null` once disposed. For one caller at a time. */
  async accept(): Promise<Guest | null> {
    const accepted = await this.#socket.accept(this.#owner.gid ?? 0);
    if (accepted === null) return null;
    return { stream: new SocketStream(accepted.fd), caller: new Caller(accepted.peer, this.#owner) };
  }

  /** Idempotent. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.#socket[Symbol.asyncDispose]();
  }
}
