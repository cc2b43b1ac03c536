// Goal: whoever takes a worker over, by a datagram that exploits it, has gained next to nothing: a worker can do what
// relaying needs and no more.
import { deepStrictEqual, notStrictEqual, ok } from "node:assert/strict";
import { testRelay } from "./case.ts";
import { output, Process, run } from "./process.ts";
import { gen } from "./traffic.ts";

/** What the kernel says of a process that has no rights at all. */
const WITHOUT_RIGHTS = {
  CapInh: "0000000000000000",
  CapPrm: "0000000000000000",
  CapEff: "0000000000000000",
  CapBnd: "0000000000000000",
  CapAmb: "0000000000000000",
  NoNewPrivs: "1",
  // A filter is in force.
  Seccomp: "2",
};

testRelay("a worker has no capability, no way to gain one, and a system call filter", {}, async ({ supervisor }) => {
  const { pid } = (await supervisor.workers())[0]!;
  const status = await readStatus(pid!);
  const found = Object.fromEntries(Object.keys(WITHOUT_RIGHTS).map((key) => [key, status[key]]));
  deepStrictEqual(found, WITHOUT_RIGHTS);
});

testRelay("a worker is not the supervisor's user, where there is another one to be", {}, async ({ supervisor }) => {
  const { pid } = (await supervisor.workers())[0]!;
  const { Uid, Gid, Groups } = await readStatus(pid!);
  const own = await readStatus(supervisor.process.pid);
  if (await isOnlyUser()) {
    deepStrictEqual({ Uid, Gid }, { Uid: own.Uid, Gid: own.Gid });
    return;
  }
  for (const [name, ids] of Object.entries({ Uid, Gid })) {
    for (const id of ids!.split("\t")) notStrictEqual(id, "0", `${name} of the worker: ${ids}`);
  }
  deepStrictEqual(Groups, "", "the worker has no supplementary groups");
});

testRelay("a worker holds the descriptors that it was given and no other", {}, async ({ supervisor }) => {
  await supervisor.add({ in: "in0", group: "239.1.1.1", port: 5001, outputs: ["239.2.2.2:6000:out0"] });
  const { pid } = (await supervisor.workers())[0]!;
  const kinds = await readDescriptorKinds(pid!);
  deepStrictEqual(kinds, ["/dev/null", "/dev/null", "pipe", "socket", "anon_inode:[io_uring]", "socket"]);
});

testRelay("each worker is pinned to one core, the one that is shown", { workers: 2 }, async ({ supervisor }) => {
  for (const { pid, core } of await supervisor.workers()) {
    const { Cpus_allowed_list: cores } = await readStatus(pid!);
    deepStrictEqual(cores, String(core));
  }
});

for (
  const [args, priority] of [
    [["--profile", "latency"], 1],
    [["--profile", "latency", "--realtime", "0"], 0],
    [["--profile", "latency", "--busy-poll-us", "0"], 1],
    [["--realtime", "7"], 7],
    [[], 0],
  ] as const
) {
  const how = args.join(" ") || "no option";
  testRelay(`with ${how} a worker has priority ${priority}, where it may`, { args }, async ({ supervisor }) => {
    const mayBe = (await run(["chrt", "--fifo", "1", "true"])).code === 0;
    const { pid } = (await supervisor.workers())[0]!;
    const fields = (await Deno.readTextFile(`/proc/${pid}/stat`)).split(") ")[1]!.split(" ");
    // rt_priority is field 40 of proc(5); the first here is field 3.
    deepStrictEqual(Number(fields[40 - 3]), mayBe ? priority : 0);
  });
}

const LOOKING = { args: ["--profile", "latency", "--busy-poll-us", "100000"] };
testRelay("a worker that precedes others on its core leaves them turns", LOOKING, async ({ network, supervisor }) => {
  await supervisor.add({ in: "in0", group: "239.1.1.1", port: 5001, outputs: ["239.2.2.2:6000:out0"] });
  const { core } = (await supervisor.workers())[0]!;
  // Always one before the worker has looked long enough: by itself it would never sleep.
  await using _gen = await Process.start(gen(network, { group: "239.1.1.1", port: 5001, count: 10_000_000 }));
  const longest = `let longest = 0, last = performance.now();
    for (const end = last + 3000; last < end;) {
      const now = performance.now();
      longest = Math.max(longest, now - last);
      last = now;
    }
    console.log(longest);`;
  const ms = Number(await output(["taskset", "-c", String(core), Deno.execPath(), "eval", longest]));
  // The kernel's limit stops real-time processes for the last 50 ms of each second, and would give it those only.
  ok(ms < 700, `a process on the worker's core stood still for ${ms} ms`);
});

/** The fields of `/proc/PID/status`. */
async function readStatus(pid: number): Promise<Record<string, string>> {
  const lines = (await Deno.readTextFile(`/proc/${pid}/status`)).trimEnd().split("\n");
  return Object.fromEntries(lines.map((line) => {
    const end = line.indexOf(":");
    return [line.slice(0, end), line.slice(end + 1).trim()];
  }));
}

/** What the descriptors of a process are, in their order, without what tells one pipe or socket from another. */
async function readDescriptorKinds(pid: number): Promise<string[]> {
  const numbers = [...Deno.readDirSync(`/proc/${pid}/fd`)].map(({ name }) => Number(name)).sort((a, b) => a - b);
  const targets = await Promise.all(numbers.map((number) => Deno.readLink(`/proc/${pid}/fd/${number}`)));
  return targets.map((target) => target.replace(/:\[\d+\]$/, ""));
}

/** Whether this user namespace knows one user only. */
async function isOnlyUser(): Promise<boolean> {
  const [, , count] = (await Deno.readTextFile("/proc/self/uid_map")).trim().split(/\s+/);
  return count === "1";
}
