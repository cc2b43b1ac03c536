/**
 * Where the control socket is, when nobody says.
 *
 * @module
 */
import { accessSync, constants, existsSync } from "node:fs";
import { UsageError } from "./error.ts";

/** Where a supervisor that serves the whole machine listens. */
export const SYSTEM_SOCKET = "/run/mcr/mcr.sock";

/** The kernel's limit: `sun_path` has 108 bytes, the last one a zero. */
const PATH_BYTES_MAX = 107;

/** What the choice depends on. */
export interface SocketSurroundings {
  readonly env: (name: string) => string | undefined;
  readonly uid: number | null;
  readonly exists: (path: string) => boolean;
  readonly isWritable: (path: string) => boolean;
}

/** This process's own. */
export function hereAndNow(): SocketSurroundings {
  return { env: (name) => Deno.env.get(name), uid: Deno.uid(), exists: existsSync, isWritable };
}

/**
 * The control socket's path: `given` (`--socket`), else `MCR_SOCKET`, else `/run/mcr/mcr.sock` for root and whoever may
 * write there, else `$XDG_RUNTIME_DIR/mcr.sock`. A client prefers a socket that exists: a member of the group `mcr`
 * reaches the machine's supervisor although it could not run one.
 */
export function resolveSocketPath(
  given: string | undefined,
  role: "supervisor" | "client",
  here: SocketSurroundings = hereAndNow(),
): string {
  const named = given ?? (here.env("MCR_SOCKET") || undefined);
  return checkPath(named ?? defaultPath(role, here));
}

function defaultPath(role: "supervisor" | "client", here: SocketSurroundings): string {
  const runtimeDirectory = here.env("XDG_RUNTIME_DIR");
  const own = runtimeDirectory ? `${runtimeDirectory}/mcr.sock` : undefined;
  if (here.uid === 0 || here.isWritable("/run/mcr")) return SYSTEM_SOCKET;
  if (role === "client" && !(own && here.exists(own)) && here.exists(SYSTEM_SOCKET)) return SYSTEM_SOCKET;
  if (own) return own;
  // A client can still say that nobody is there.
  if (role === "client") return SYSTEM_SOCKET;
  throw new UsageError(
    `Cannot choose a control socket: "/run/mcr" is not writable and XDG_RUNTIME_DIR is not set; name one with --socket or MCR_SOCKET`,
  );
}

function checkPath(path: string): string {
  const length = new TextEncoder().encode(path).length;
  if (length >= 1 && length <= PATH_BYTES_MAX && !path.includes("\0")) return path;
  const why = length === 0 ? "it is empty" : `a path may have ${PATH_BYTES_MAX} bytes, this one has ${length}`;
  throw new UsageError(`Cannot use control socket "${path}": ${path.includes("\0") ? "it contains a zero byte" : why}`);
}

function isWritable(path: string): boolean {
  try {
    accessSync(path, constants.W_OK);
    return true;
  } catch {
    return false;
  }
}
