/**
 * Who asks for something over the control socket, and whether it may have it.
 *
 * @module
 */
import type { Peer } from "../ffi/control_socket.ts";

/** Whose the control socket is. */
export interface Owner {
  readonly uid: number | null;
  readonly gid: number | null;
}

/** A client, as the kernel knows it. */
export class Caller {
  readonly #peer: Peer;
  readonly #owner: Owner;
  #command: string | undefined;

  constructor(peer: Peer, owner: Owner) {
    this.#peer = peer;
    this.#owner = owner;
  }

  /** Whether it may change anything: root, the socket's owner and its group may. To look, it is enough to connect. */
  get mayChange(): boolean {
    const { uid, isMember } = this.#peer;
    return uid === 0 || uid === this.#owner.uid || isMember;
  }

  /** Who it is, for the log. The command is what the process calls itself when this is asked first. */
  get identity(): { readonly uid: number; readonly pid: number; readonly command: string } {
    const { uid, pid } = this.#peer;
    this.#command ??= readCommand(pid);
    return { uid, pid, command: this.#command };
  }
}

function readCommand(pid: number): string {
  try {
    return Deno.readTextFileSync(`/proc/${pid}/comm`).trimEnd();
  } catch {
    // It has gone already, or is not to be seen from here.
    return "?";
  }
}
