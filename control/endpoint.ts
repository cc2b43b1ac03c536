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
import { messageOf } from "./error.ts";
import type { Log } from "./log.ts";

/** Owner and group may read and write, others nothing: what umask takes from 0777. */
const SOCKET_UMASK = 0o117;

/** The group that may use the socket, if there is one of this name. */
const GROUP_NAME = "mcr";

/** The right to listen on one path. */
export class Endpoint implements Disposable {
  readonly path: string;
  readonly #lock: Deno.FsFile;
  #listener: Deno.UnixListener | null = null;

  private constructor(path: string, lock: Deno.FsFile) {
    this.path = path;
    this.#lock = lock;
  }

  /** Takes the right to listen on `path`; throws when another supervisor has it or something else is in the way. */
  static async claim(path: string): Promise<Endpoint> {
    makeDirectory(path);
    const lock = takeLock(path);
    try {
      await removeStaleSocket(path);
    } catch (error) {
      lock.close();
      throw error;
    }
    return new Endpoint(path, lock);
  }

  /** Starts to listen. The socket has its final mode from the moment it exists. */
  listen(log: Log): Deno.UnixListener {
    const umask = Deno.umask(SOCKET_UMASK);
    try {
      this.#listener = Deno.listen({ transport: "unix", path: this.path });
    } catch (error) {
      throw new Error(`Cannot listen on "${this.path}": ${messageOf(error)}`, { cause: error });
    } finally {
      Deno.umask(umask);
    }
    giveToGroup(this.path, log);
    return this.#listener;
  }

  /** Removes the socket and gives the path free, in this order. Closing the listener is up to whoever listens. */
  [Symbol.dispose](): void {
    if (this.#listener !== null) removeIfThere(this.path);
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
    throw new Error(`Cannot make directory "${directory}" for the control socket: ${messageOf(error)}`, {
      cause: error,
    });
  }
}

function takeLock(path: string): Deno.FsFile {
  const lockPath = `${path}.lock`;
  let file: Deno.FsFile;
  try {
    file = Deno.openSync(lockPath, { create: true, write: true, mode: 0o600 });
  } catch (error) {
    throw new Error(`Cannot open lock file "${lockPath}": ${messageOf(error)}`, { cause: error });
  }
  if (file.tryLockSync(true)) return file;
  file.close();
  throw new Error(`Cannot listen on "${path}": another supervisor does; stop it first or choose another --socket`);
}

/** Makes room for a new socket. The lock says that no supervisor of ours is alive; the connection, that nobody is. */
async function removeStaleSocket(path: string): Promise<void> {
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
  throw new Error(`Cannot listen on "${path}": another program does; stop it first or choose another --socket`);
}

function removeIfThere(path: string): void {
  try {
    Deno.removeSync(path);
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
  }
}

/** Lets the group `mcr` use the socket, if the machine has one; without it the socket is the owner's alone. */
function giveToGroup(path: string, log: Log): void {
  const gid = findGroup(GROUP_NAME);
  if (gid === undefined) return;
  try {
    Deno.chownSync(path, null, gid);
  } catch (error) {
    log(`Cannot give "${path}" to group "${GROUP_NAME}": ${messageOf(error)}`, "warning");
  }
}

/** The number of a group in `/etc/group`. */
export function findGroup(name: string, file = "/etc/group"): number | undefined {
  let text: string;
  try {
    text = Deno.readTextFileSync(file);
  } catch {
    return undefined;
  }
  const entry = text.split("\n").map((line) => line.split(":")).find((fields) => fields[0] === name);
  const gid = Number.parseInt(entry?.[2] ?? "", 10);
  return Number.isNaN(gid) ? undefined : gid;
}
