import { equal, throws } from "node:assert/strict";
import { resolveSocketPath, type SocketSurroundings, SYSTEM_SOCKET } from "../../control/socket_path.ts";

/** Surroundings of an ordinary user, with these variables, paths that exist and directories that can be written. */
function here(
  env: Record<string, string>,
  exists: string[] = [],
  writable: string[] = [],
  uid = 1000,
): SocketSurroundings {
  return {
    env: (name) => env[name],
    uid,
    exists: (path) => exists.includes(path),
    isWritable: (path) => writable.includes(path),
  };
}

const XDG = { XDG_RUNTIME_DIR: "/run/user/1000" };
const OWN = "/run/user/1000/mcr.sock";

Deno.test("resolveSocketPath() prefers --socket, then MCR_SOCKET", () => {
  equal(resolveSocketPath("/a", "client", here({ MCR_SOCKET: "/b" })), "/a");
  equal(resolveSocketPath(undefined, "client", here({ MCR_SOCKET: "/b", ...XDG })), "/b");
  equal(resolveSocketPath(undefined, "client", here({ MCR_SOCKET: "", ...XDG })), OWN);
});

Deno.test("resolveSocketPath() takes /run/mcr for root and whoever may write there", () => {
  for (const role of ["supervisor", "client"] as const) {
    equal(resolveSocketPath(undefined, role, here(XDG, [], [], 0)), SYSTEM_SOCKET);
    equal(resolveSocketPath(undefined, role, here(XDG, [], ["/run/mcr"])), SYSTEM_SOCKET);
  }
});

Deno.test("resolveSocketPath() takes the user's own socket, and for a client the system's where that is the only one", () => {
  equal(resolveSocketPath(undefined, "supervisor", here(XDG, [SYSTEM_SOCKET])), OWN);
  equal(resolveSocketPath(undefined, "client", here(XDG, [SYSTEM_SOCKET])), SYSTEM_SOCKET);
  equal(resolveSocketPath(undefined, "client", here(XDG, [SYSTEM_SOCKET, OWN])), OWN);
  equal(resolveSocketPath(undefined, "client", here({}, [SYSTEM_SOCKET])), SYSTEM_SOCKET);
  equal(resolveSocketPath(undefined, "client", here(XDG)), OWN);
  equal(resolveSocketPath(undefined, "client", here({})), SYSTEM_SOCKET);
});

Deno.test("resolveSocketPath() says what to do when there is no place", () => {
  throws(
    () => resolveSocketPath(undefined, "supervisor", here({})),
    /XDG_RUNTIME_DIR is not set; name one with --socket/,
  );
});

Deno.test("resolveSocketPath() refuses what the kernel would", () => {
  equal(resolveSocketPath(`/${"a".repeat(106)}`, "client", here({})).length, 107);
  throws(() => resolveSocketPath(`/${"a".repeat(107)}`, "client", here({})), /may have 107 bytes, this one has 108/);
  throws(() => resolveSocketPath("", "client", here({})), /it is empty/);
  throws(() => resolveSocketPath("/a\0b", "client", here({})), /zero byte/);
});
