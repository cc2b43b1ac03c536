/**
 * The control socket as a thing in the file system: makes sure that one supervisor owns it, that a live one never loses
 * it, and that it is never open to more users than it should be. Knows nothing of what is said over it.
 *
 * Who owns the path is decided by an exclusive flock on `<path>.lock`, held as long as the supervisor lives and given
 * back by the kernel however it ends. The lock file stays: removing it would let two supervisors lock two files of the
 * same name.
 *
 * @module
 */
import { dirname } from "node:path";
import { ControlSocket } from "../ffi/control_socket.ts";
import { messageOf } from "./error.ts";
import { Listener } from "./listener.ts";
import type { Log } from "./log.ts";
import { findGroup, type SocketAccess } from "./socket_access.ts";

/** Owner and group may read and write, others nothing. */
const SOCKET_MODE = 0o660;

/** The group that may use the socket, if there is one of this name. */
const GROUP_NAME = "mcr";

/** The right to listen on one path. */
export class Endpoint implements Disposable {
  readonly path: string;
  readonly #lock: Deno.FsFile;
  #isListening = false;

  private constructor(path: string, lock: Deno.FsFile) {
    this.path = path;
    this.#lock = lock;
  }

  /**
   * Takes the right to listen on `path`; throws when another supervisor has it or something else is in the way.
   *
   * @param option where another path is chosen, for the message
   */
  static async claim(path: string, option = "--socket"): Promise<Endpoint> {
    makeDirectory(path);
    const lock = takeLock(path, option);
    try {
      await removeStaleSocket(path, option);
    } catch (error) {
      lock.close();
      throw error;
    }
    return new Endpoint(path, lock);
  }

  /** Starts to listen. The socket has its group before it is open to it. */
  listen({ mode = SOCKET_MODE, group }: SocketAccess, log: Log): Listener {
    const socket = new ControlSocket(this.path);
    this.#isListening = true;
    try {
      if (group === undefined) giveToOurGroup(this.path, log);
      else giveTo(group, this.path);
      Deno.chmodSync(this.path, mode);
      return new Listener(socket, Deno.statSync(this.path));
    } catch (error) {
      socket[Symbol.asyncDispose]();
      throw error;
    }
  }

  /** Removes the socket and gives the path free, in this order. Closing the listener is up to whoever listens. */
  [Symbol.dispose](): void {
    if (this.#isListening) removeIfThere(this.path);
    this.#lock.close();
  }
}

function makeDirectory(path: string): void {
  const directory = dirname(path);
  try {
    Deno.mkdirSync(directory);
    Deno.chmodSync(directory, 0o755);
  } catch (error) {
    if (error instanceof Deno.errors.AlreadyExists) return;
    throw new Error(`Cannot make directory "${directory}" for the socket "${path}": ${messageOf(error)}`, {
      cause: error,
    });
  }
}

function takeLock(path: string, option: string): Deno.FsFile {
  const lockPath = `${path}.lock`;
  let file: Deno.FsFile;
  try {
    file = Deno.openSync(lockPath, { create: true, write: true, mode: 0o600 });
  } catch (error) {
    throw new Error(`Cannot open lock file "${lockPath}": ${messageOf(error)}`, { cause: error });
  }
  if (file.tryLockSync(true)) return file;
  file.close();
  throw new Error(`Cannot listen on "${path}": another supervisor does; stop it first or choose another ${option}`);
}

/** Makes room for a new socket. The lock says that no supervisor of ours is alive; the connection, that nobody is. */
async function removeStaleSocket(path: string, option: string): Promise<void> {
  let info: Deno.FileInfo;
  try {
    info = Deno.lstatSync(path);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return;
    throw new Error(`Cannot look at "${path}": ${messageOf(error)}`, { cause: error });
  }
  if (!info.isSocket) throw new Error(`Cannot listen on "${path}": it exists and is not a socket; remove it yourself`);
  try {
    (await Deno.connect({ transport: "unix", path })).close();
  } catch (error) {
    if (!(error instanceof Deno.errors.ConnectionRefused)) {
      throw new Error(`Cannot tell whether "${path}" is in use: ${messageOf(error)}`, { cause: error });
    }
    removeIfThere(path);
    return;
  }
  throw new Error(`Cannot listen on "${path}": another program does; stop it first or choose another ${option}`);
}

function removeIfThere(path: string): void {
  try {
    Deno.removeSync(path);
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
  }
}

/** Lets the group `mcr` use the socket, if the machine has one; without it the group is the supervisor's own. */
function giveToOurGroup(path: string, log: Log): void {
  const group = findGroup(GROUP_NAME);
  if (group === undefined) return;
  try {
    giveTo(group, path);
  } catch (error) {
    log(messageOf(error), "warning");
  }
}

function giveTo(group: number, path: string): void {
  try {
    Deno.chownSync(path, null, group);
  } catch (error) {
    const why = `${messageOf(error)}; be root or a member of it`;
    throw new Error(`Cannot give "${path}" to group ${group}: ${why}`, { cause: error });
  }
}
