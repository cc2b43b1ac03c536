/**
 * A program of its own, run in a namespace: joins a group and tells of each datagram who sent it, which `mcr sink` does
 * not look at. `listener.ts ADDRESS GROUP PORT`, where ADDRESS is the interface's; a line of JSON a datagram.
 *
 * @module
 */
import { createSocket } from "node:dgram";

/** What the listener prints of a datagram. */
export interface Heard {
  readonly address: string;
  readonly port: number;
  readonly length: number;
}

async function listen(address: string, group: string, port: number): Promise<void> {
  const socket = createSocket({ type: "udp4", reuseAddr: true });
  socket.on("message", (message, sender) => {
    const heard: Heard = { address: sender.address, port: sender.port, length: message.length };
    say(Deno.stdout, JSON.stringify(heard));
  });
  await new Promise<void>((resolve) => socket.bind(port, group, resolve));
  socket.addMembership(group, address);
  say(Deno.stderr, "ready");
}

function say(stream: typeof Deno.stdout, line: string): void {
  stream.writeSync(new TextEncoder().encode(`${line}\n`));
}

if (import.meta.main) {
  const [address, group, port] = Deno.args;
  await listen(address!, group!, Number(port));
}
