/**
 * A worker process, from spawn to reaping.
 *
 * @module
 */
import type { Channel } from "./channel.ts";
import { Descriptor } from "./descriptor.ts";
import { check, cString, native } from "./library.ts";

const SIGKILL = 9;

/** A running or ended worker. */
export class WorkerProcess implements Disposable {
  readonly pid: number;
  /** Readable when the process has ended. */
  readonly pidfd: Descriptor;

  /** Starts `program __worker` on the channel, whose other end is then the process' alone. */
  constructor(program: string, channel: Channel) {
    const pidfd = new Int32Array(1);
    this.pid = check(native.mcr_worker_spawn(cString(program), channel.theirs.fd, pidfd));
    this.pidfd = new Descriptor(pidfd[0]!);
    channel.theirs[Symbol.dispose]();
  }

  /** Ends it at once; the kernel keeps what is in its rings. */
  kill(): void {
    native.mcr_worker_kill(this.pidfd.fd, SIGKILL);
  }

  /** The exit status, or 128 and the signal; undefined while it runs. Takes note of the end, so once only. */
  reap(): number | undefined {
    const status = new Int32Array(1);
    return check(native.mcr_worker_reap(this.pidfd.fd, status)) === 1 ? status[0]! : undefined;
  }

  [Symbol.dispose](): void {
    this.pidfd[Symbol.dispose]();
  }
}
