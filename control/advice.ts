/**
 * Errors of the system as advice to whoever runs it.
 *
 * @module
 */
import { messageOf } from "./error.ts";

/** Rethrows why the relay could not be opened, with what can be done about it. */
export function explainOpenFailure(error: unknown): never {
  throw new Error(`Cannot start the relay: ${messageOf(error)}${adviceFor(error)}`, { cause: error });
}

/** What to do about an error of the data plane: a second sentence, or nothing. */
export function adviceFor(error: unknown): string {
  const code = error instanceof Error && "code" in error ? error.code : undefined;
  const isUring = /io_uring/.test(messageOf(error));
  if (isUring && (code === "ENOSYS" || code === "EPERM")) {
    return "; the kernel has io_uring switched off, see the setting kernel.io_uring_disabled";
  }
  if (code === "EPERM" || code === "EACCES") {
    return "; it needs CAP_NET_RAW and CAP_NET_ADMIN: run it as root, give the program the capabilities with " +
      '"setcap cap_net_raw,cap_net_admin+ep FILE", or set AmbientCapabilities in its systemd unit';
  }
  return "";
}
