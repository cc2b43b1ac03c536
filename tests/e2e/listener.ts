/**
 * Hears who sends to a group, which `mcr sink` does not look at. The module is also the program that listens, run in a
 * namespace: `listener.ts ADDRESS GROUP PORT`, where ADDRESS is the interface's; it prints a line of JSON a datagram.
 *
 * @module
 */
import { createSocket } from "node:dgram";
import { fileURLToPath } from "node:url";
import type { Network } from "./network.ts";
import { Process, until } from "./process.ts";

/** A datagram that was heard. */
export interface Heard {
  /** The sender's. */
  readonly address: string;
  readonly port: number;
  /** Bytes of payload. */
  readonly length: number;
}

/** Where to listen: on the interface that has this address. */
export interface Ear {
  readonly address: string;
  readonly group: string;
  readonly port: number;
}

/** A running listener. */
export class Listener implements AsyncDisposable {
  readonly #process: Process;

  private constructor(process: Process) {
    this.#process = process;
  }

  /** Starts it and waits until it listens. */
  static async start(network: Network, namespace: string, { address, group, port }: Ear): Promise<Listener> {
    const program = ["run", "--quiet", "--allow-net", fileURLToPath(import.meta.url)];
    const argv = [Deno.execPath(), ...program, address, group, String(port)];
    const listener = new Listener(await Process.start(network.within(namespace, argv)));
    await listener.#process.line("stderr", /^ready$/);
    return listener;
  }

  /** Waits for the first datagram that is as wanted. */
  async hear(isWanted: (heard: Heard) => boolean = () => true): Promise<Heard> {
    return await until("the listener heard what it should", () => Promise.resolve(this.heard().find(isWanted)));
  }

  /** All datagrams so far. */
  heard(): Heard[] {
    const { stdout } = this.#process;
    const lines = stdout.slice(0, stdout.lastIndexOf("\n") + 1).split("\n").slice(0, -1);
    return lines.map((line) => JSON.parse(line));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#process[Symbol.asyncDispose]();
  }
}

async function listen({ address, group, port }: Ear): Promise<void> {
  const socket = createSocket({ type: "udp4", reuseAddr: true });
  socket.on("message", (message, sender) => {
    const heard: Heard = { address: sender.address, port: sender.port, length: message.length };
    say(Deno.stdout, JSON.stringify(heard));
  });
  await new Promise<void>((resolve) => socket.bind(port, group, resolve));
  socket.addMembership(group, address);
  say(Deno.stderr, "ready");
}

function say(stream: { writeSync(bytes: Uint8Array): number }, line: string): void {
  stream.writeSync(new TextEncoder().encode(`${line}\n`));
}

if (import.meta.main) {
  const [address, group, port] = Deno.args;
  await listen({ address: address!, group: group!, port: Number(port) });
}
