/**
 * Where the clients of the metrics come in: a TCP port, or a Unix socket that is as well kept as the control socket.
 *
 * @module
 */
import { Endpoint } from "../endpoint.ts";
import { reasonOf } from "../error.ts";
import type { Log } from "../log.ts";
import type { MetricsAddress } from "../metrics_address.ts";
import type { SocketAccess } from "../socket_access.ts";
import type { Door } from "./http.ts";

/** Starts to listen; throws where that cannot be. */
export async function openDoor(address: MetricsAddress, access: SocketAccess, log: Log): Promise<Door> {
  return address.kind === "tcp" ? openPort(address.host, address.port) : await openSocket(address.path, access, log);
}

function openPort(hostname: string, port: number): Door {
  let listener: Deno.TcpListener;
  try {
    listener = Deno.listen({ transport: "tcp", hostname, port });
  } catch (error) {
    const place = hostname.includes(":") ? `[${hostname}]:${port}` : `${hostname}:${port}`;
    throw new Error(`Cannot serve metrics on "${place}": ${reasonOf(error)}${adviceFor(error)}`, { cause: error });
  }
  let isOpen = true;
  return {
    async accept(): Promise<Deno.TcpConn | null> {
      try {
        return await listener.accept();
      } catch (error) {
        if (!isOpen) return null;
        throw error;
      }
    },
    [Symbol.asyncDispose](): Promise<void> {
      if (isOpen) listener.close();
      isOpen = false;
      return Promise.resolve();
    },
  };
}

function adviceFor(error: unknown): string {
  if (error instanceof Deno.errors.AddrInUse) return "; another program listens there, choose another --metrics";
  return error instanceof Deno.errors.AddrNotAvailable ? "; no interface of this host has that address" : "";
}

async function openSocket(path: string, access: SocketAccess, log: Log): Promise<Door> {
  await using stack = new AsyncDisposableStack();
  const endpoint = stack.use(await Endpoint.claim(path, "--metrics"));
  const listener = stack.use(endpoint.listen(access, log));
  const kept = stack.move();
  return {
    accept: async () => (await listener.accept())?.stream ?? null,
    [Symbol.asyncDispose]: () => kept.disposeAsync(),
  };
}
