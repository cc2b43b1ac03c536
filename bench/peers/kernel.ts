/**
 * The kernel's own multicast routing, its table filled by smcrouted. It changes neither group nor port, and the sender
 * must be one that the reverse-path check accepts: it is what a relay is compared with where routing would do.
 *
 * @module
 */
import { output, Process, until } from "../../tests/e2e/process.ts";
import { endRelay, idleGroup, isInstalled, type Job, type Members, type Peer, type Relay, scratch } from "../peer.ts";
import type { Testbed } from "../topology.ts";

/** MAXVIFS of the kernel. */
const INTERFACES_MAX = 32;

export const KERNEL: Peer = {
  name: "kernel",

  async describe(): Promise<string> {
    const version = /SMCRoute (\S+)/i.exec(await output(["smcrouted", "-v"]))?.[1] ?? "";
    return `kernel multicast routing by smcroute ${version}`.trim();
  },

  async missing(): Promise<string | undefined> {
    return await isInstalled("smcrouted") ? undefined : "apt install smcroute";
  },

  refuses({ outputs }: Job): Promise<string | undefined> {
    if (outputs.length <= 1) return Promise.resolve(undefined);
    return Promise.resolve(`one copy an interface, ${INTERFACES_MAX} interfaces`);
  },

  destinations: ({ inputs }) => inputs,

  async launch(bed: Testbed, job: Job): Promise<Relay> {
    const directory = await scratch();
    const file = `${directory.path}/smcroute.conf`;
    const [, source] = /inet (\S+)\//.exec(await bed.network.ip("source", "addr", "show", "dev", "s0"))!;
    await Deno.writeTextFile(file, configuration(job, source!));
    const own = ["-P", `${directory.path}/smcroute.pid`, "-u", `${directory.path}/smcroute.sock`];
    const process = await Process.start(bed.atRelay(["smcrouted", "-n", "-N", "-f", file, ...own]));
    return {
      get said(): string {
        return process.stderr;
      },
      configure: () => untilRouting(bed),
      members: (): Promise<Members> => Promise.resolve({ supervisor: process.pid, workers: [] }),
      async [Symbol.asyncDispose](): Promise<void> {
        await endRelay(process, bed);
        await directory[Symbol.asyncDispose]();
      },
    };
  },
};

/**
 * Every route names its source: such a one is in the kernel from the start and stays there. One for any source has to be
 * asked for by the first packet, again and again, on a core that may be too busy to answer.
 */
function configuration({ inputs, idleRules }: Job, source: string): string {
  const idle = Array.from({ length: idleRules }, (_, index) => idleGroup(index));
  return [
    "phyint in0 enable",
    "phyint out0 enable",
    ...inputs.map(({ group }) => `mgroup from in0 group ${group}`),
    ...[...inputs.map(({ group }) => group), ...idle].map((group) => {
      return `mroute from in0 source ${source} group ${group} to out0`;
    }),
    "",
  ].join("\n");
}

/** Waits until both interfaces take part in routing. */
async function untilRouting(bed: Testbed): Promise<void> {
  await until("the kernel routed between in0 and out0", async () => {
    const table = await output(bed.network.within("relay", ["cat", "/proc/net/ip_mr_vif"]));
    return table.includes("in0") && table.includes("out0") || undefined;
  });
}
