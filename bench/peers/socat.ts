/**
 * socat: one process, one datagram at a time from a socket that has joined to another.
 *
 * @module
 */
import { output, Process } from "../../tests/e2e/process.ts";
import { endRelay, isInstalled, type Job, type Members, type Peer, type Relay } from "../peer.ts";
import type { Testbed } from "../topology.ts";

/** Asked for; the kernel gives what net.core.rmem_max allows. */
const RECEIVE_BUFFER_BYTES = 16 * 1024 * 1024;

/** Room for any datagram. */
const BUFFER_BYTES = 65536;

export const SOCAT: Peer = {
  name: "socat",

  async describe(): Promise<string> {
    return /socat version (\S+)/.exec(await output(["socat", "-V"]))?.[0] ?? "socat";
  },

  async missing(): Promise<string | undefined> {
    return await isInstalled("socat") ? undefined : "apt install socat";
  },

  refuses({ outputs, idleRules, workers }: Job): Promise<string | undefined> {
    if (outputs.length > 1) return Promise.resolve("it sends to one address");
    if (idleRules > 0) return Promise.resolve("it has no rules: a process each");
    return Promise.resolve(workers > 1 ? "it is one process" : undefined);
  },

  destinations: ({ outputs }) => outputs,

  async launch(bed: Testbed, { inputs, outputs: [to] }: Job): Promise<Relay> {
    const joins = inputs.map(({ group }) => `ip-add-membership=${group}:in0`).join(",");
    const from = `UDP4-RECV:${inputs[0]!.port},${joins},reuseaddr,rcvbuf=${RECEIVE_BUFFER_BYTES}`;
    const [, address] = /inet (\S+)\//.exec(await bed.network.ip("relay", "addr", "show", "dev", "out0"))!;
    const target = `UDP4-SEND:${to!.group}:${to!.port},ip-multicast-if=${address}`;
    const process = await Process.start(bed.atRelay(["socat", "-b", String(BUFFER_BYTES), "-u", from, target]));
    return {
      get said(): string {
        return process.stderr;
      },
      configure: () => Promise.resolve(),
      members: (): Promise<Members> => Promise.resolve({ workers: [process.pid] }),
      [Symbol.asyncDispose]: () => endRelay(process, bed),
    };
  },
};
