/**
 * Checks of the machine: kernel, rights, limits, clock. Pure.
 *
 * @module
 */
import { groupCount, membershipsOf, RANGE_GROUPS_MAX } from "../memberships.ts";
import { type Finding, Findings } from "./finding.ts";
import { CAPABILITY, inputNames, linkNamed, numberOf, rulesOf, subjectOf, type SystemView } from "./view.ts";

const KERNEL_MIN = [6, 1] as const;
/** Wanted without CAP_NET_ADMIN, as the relay asks for them where it may: queues of large frames, send buffers. */
const RECEIVE_BYTES = 64 << 20, SEND_BYTES = 4 << 20;
/** An instruction of a filter has 8 bytes, and a group with its port takes 7 of them. */
const FILTER_BYTES_PER_RULE = 7 * 8, FILTER_BYTES_MAX = 4096 * 8;
const OPTION_MEMORY_BYTES = 131_072;
const MEMBERSHIPS = 20, SOURCES = 10;
/** Descriptors beside those of outputs and rings. */
const FILES_SPARE = 256, FILES_WANTED = 1 << 20;
/** A datagram that came later than now shows that the clock was put back. */
const FUTURE_MS = 1000;

/** The version. */
export function checkKernel({ kernel }: SystemView): readonly Finding[] {
  const found = new Findings("kernel");
  const [major = 0, minor = 0] = kernel.split(/[.-]/).map(Number);
  if (major < KERNEL_MIN[0] || (major === KERNEL_MIN[0] && minor < KERNEL_MIN[1])) {
    found.add("error", `Linux ${kernel} is too old: ${KERNEL_MIN.join(".")} or later is wanted`);
  }
  return found.orOk(`Linux ${kernel}`);
}

/** Whether workers may have a ring for their sends. */
export function checkUring(view: SystemView): readonly Finding[] {
  const found = new Findings("io_uring");
  const disabled = view.setting("kernel/io_uring_disabled");
  const mend = "sysctl -w kernel.io_uring_disabled=0";
  if (view.daemon?.workers.some(({ state }) => state === "running")) return found.orOk("the workers have their rings");
  if (disabled === "2") found.add("error", "the kernel has io_uring switched off for everybody", mend);
  const group = numberOf(view, "kernel/io_uring_group");
  const { can, groups } = subjectOf(view);
  const isLetIn = can(CAPABILITY.sysAdmin) || (group !== undefined && groups.includes(group));
  if (disabled === "1" && !isLetIn) {
    found.add("error", "the kernel allows io_uring only to root and to the group kernel.io_uring_group", mend);
  }
  return found.orOk("allowed");
}

/** What the kernel was built with. */
export function checkFeatures(view: SystemView): readonly Finding[] {
  const found = new Findings("features");
  if (view.option("CONFIG_PACKET") === undefined) {
    return found.orOk("the kernel does not tell how it was built: not looked at");
  }
  for (const option of ["CONFIG_PACKET", "CONFIG_IO_URING"].filter((name) => view.option(name) === "n")) {
    found.add("error", `the kernel was built without ${option}, which every relaying needs`);
  }
  const isWanted = rulesOf(view).some(({ input }) => input.exclusive);
  for (const option of ["CONFIG_NET_SCH_INGRESS", "CONFIG_NET_CLS_BPF"].filter((name) => view.option(name) === "n")) {
    found.add(isWanted ? "error" : "note", `the kernel was built without ${option}, which exclusive rules need`);
  }
  return found.orOk("packet sockets, io_uring and, for exclusive rules, cls_bpf");
}

/** What the supervisor may do. */
export function checkCapabilities(view: SystemView): readonly Finding[] {
  const found = new Findings("capabilities");
  const subject = subjectOf(view), isRunning = view.daemon?.process !== undefined;
  if (view.daemon !== undefined && !isRunning) return found.orOk("those of the supervisor cannot be seen from here");
  const lacks = [
    ...(subject.can(CAPABILITY.netRaw) ? [] : ["CAP_NET_RAW"]),
    ...(subject.can(CAPABILITY.netAdmin) ? [] : ["CAP_NET_ADMIN"]),
  ].join(" and ");
  const mend = 'setcap cap_net_raw,cap_net_admin+ep "$(command -v mcr)"';
  if (lacks !== "" && isRunning) {
    const text = `the supervisor lacks ${lacks}: buffers are small, exclusive rules and receive offload are refused; ` +
      "the command gives it to whoever starts the next one";
    found.add("warning", text, mend);
  } else if (lacks !== "") {
    found.add("note", `mcr run by this user would lack ${lacks}`, mend);
  }
  return found.orOk(isRunning ? "the supervisor has CAP_NET_RAW and CAP_NET_ADMIN" : "mcr run by this user would do");
}

/** Buffers, which the relay can only widen by itself with rights. */
export function checkBuffers(view: SystemView): readonly Finding[] {
  const found = new Findings("buffers");
  const want = (name: string, bytes: number, why: string): void => {
    const is = numberOf(view, `net/core/${name}`);
    if (is === undefined || is >= bytes) return;
    found.add("warning", `net.core.${name} is ${is}: ${why}`, `sysctl -w net.core.${name}=${bytes}`, { isSafe: true });
  };
  if (!subjectOf(view).can(CAPABILITY.netAdmin)) {
    want("rmem_max", RECEIVE_BYTES, "without CAP_NET_ADMIN large frames find no room (copy_lost)");
    want("wmem_max", SEND_BYTES, "without CAP_NET_ADMIN outputs drop bursts (socket_full)");
  }
  const rules = inputNames(view).map((name) => rulesOf(view).filter(({ input }) => input.interface === name).length);
  const filterBytes = Math.min(FILTER_BYTES_MAX, Math.max(0, ...rules) * FILTER_BYTES_PER_RULE);
  if ((numberOf(view, "net/core/optmem_max") ?? Infinity) < filterBytes) {
    want("optmem_max", OPTION_MEMORY_BYTES, "the filter of an input does not fit, and lets too much through");
  }
  return found.orOk("large enough, or the relay's to enlarge");
}

/** Memberships, which the relay spreads over as many sockets as it takes. */
export function checkMemberships(view: SystemView): readonly Finding[] {
  const found = new Findings("memberships");
  const refuse = (name: string, wanted: number, what: string): void => {
    if (numberOf(view, `net/${name}`) !== 0) return;
    const setting = `net.${name.replace("/", ".")}`;
    found.add("error", `${setting} is 0: no socket may join ${what}`, `sysctl -w ${setting}=${wanted}`, {
      isSafe: true,
    });
  };
  refuse("ipv4/igmp_max_memberships", MEMBERSHIPS, "a group");
  refuse("ipv4/igmp_max_msf", SOURCES, "a group for one source");
  for (const { id, input } of rulesOf(view)) {
    const joined = view.daemon!.joined.get(input.interface);
    // What is missing or down is told elsewhere, and joined when it comes.
    if (!linkNamed(view, input.interface)?.isUp || joined === undefined) continue;
    if (groupCount(input) > RANGE_GROUPS_MAX) {
      const text =
        `${input.group} of rule ${id} are more than ${RANGE_GROUPS_MAX} groups, of which none is joined: let the ` +
        "switch send them here unasked";
      found.add("note", text);
      continue;
    }
    const missing = membershipsOf(input).map(({ group, source }) => source === undefined ? group : `${source}@${group}`)
      .find((one) => !joined.includes(one));
    if (missing === undefined) continue;
    const text =
      `${missing} is not joined on ${input.interface}, though rule ${id} is for it: the log says why; it is tried ` +
      "again when the rule is added again";
    found.add("warning", text);
  }
  if (view.setting("net/ipv4/igmp_max_memberships") === undefined) return found.all();
  const groups = new Set(rulesOf(view).map(({ input }) => `${input.interface} ${input.group}`)).size;
  return found.orOk(`${groups} wanted; igmp_max_memberships limits a socket, and there are as many as it takes`);
}

/** Descriptors and locked memory. */
export function checkLimits(view: SystemView): readonly Finding[] {
  const found = new Findings("limits");
  const { pid, filesMax, filesOpen } = subjectOf(view);
  const outputs = rulesOf(view).reduce((count, rule) => count + rule.outputs.length, 0);
  const rings = inputNames(view).length * (view.daemon?.workers.length ?? 1);
  const needed = FILES_SPARE + Math.max(filesOpen ?? 0, outputs + 2 * rings);
  if (filesMax < needed) {
    const text = `process ${pid} may have ${filesMax} open files, and ${needed} would leave some room`;
    found.add("warning", text, `prlimit --pid ${pid} --nofile=${FILES_WANTED}:${FILES_WANTED}`, { isSafe: true });
  }
  if (view.daemon?.process !== undefined && view.daemon.lockedKib.includes(0)) {
    const text = "the memory of a worker is not locked and may be swapped out; the limit is for those started later";
    found.add("note", text, `prlimit --pid ${view.daemon.pid} --memlock=unlimited:unlimited`, { isSafe: true });
  }
  return found.orOk(`${filesOpen ?? "?"} of ${filesMax} files open`);
}

/** The clock, which times of arrival and latencies are told by. */
export function checkClock(view: SystemView): readonly Finding[] {
  const found = new Findings("clock");
  const newest = Math.max(0, ...(view.daemon?.stats.rules ?? []).map((rule) => rule.last_seen_ms ?? 0));
  if (newest > view.nowMs + FUTURE_MS) {
    const seconds = Math.round((newest - view.nowMs) / 1000);
    found.add(
      "warning",
      `the clock was put back: a datagram came ${seconds} s from now; latencies are wrong meanwhile`,
    );
  }
  if (view.isClockSynchronized === false) {
    const text = "nothing keeps the clock right: what the relay tells of times cannot be compared with other hosts";
    found.add("note", text, "timedatectl set-ntp true");
  }
  return found.orOk(view.isClockSynchronized === undefined ? "not looked at" : "kept right");
}
