// Goal: mcr doctor finds each thing that is wrong, says it with the right weight, and names the command that mends it.
import { deepStrictEqual, equal, match, ok } from "node:assert/strict";
import { main } from "../../cli.ts";
import { formatReport } from "../../control/commands/doctor.ts";
import { collect } from "../../control/doctor/collect.ts";
import { formatFinding, shellWord } from "../../control/doctor/finding.ts";
import { examine, mendAll } from "../../control/doctor/mod.ts";
import { pickRule } from "../../control/doctor/network.ts";
import type { SystemView } from "../../control/doctor/view.ts";
import type { RuleSpec } from "../../control/model.ts";
import { daemon, drops, link, machine, NOBODY, ratesOf, ROOT, SPEC, statusOf, totals } from "./doctor_view.ts";
import { TestSupervisor } from "./fake_engine.ts";

/** What is not well, as `level check mend`, and all texts. */
function problems(view: SystemView): string[] {
  return examine(view).filter(({ level }) => level !== "ok")
    .map(({ level, check, mend, is_safe: isSafe }) =>
      [level, check, ...(mend === undefined ? [] : [`$ ${mend}`]), ...(isSafe ? ["(safe)"] : [])].join(" ")
    );
}

function textOf(view: SystemView, check: string): string {
  return examine(view).filter((finding) => finding.check === check).map(({ text }) => text).join("\n");
}

Deno.test("doctor finds nothing on a sound machine, with a supervisor or without", () => {
  deepStrictEqual(problems(machine()), []);
  const alone = machine({ daemon: undefined, socket: { path: "/x", state: "none" } });
  deepStrictEqual(problems(alone), ["note supervisor"]);
  const checks = examine(alone).map(({ check }) => check);
  ok(!checks.includes("ring") && !checks.includes("mtu"), "what it could not look at is not said to be well");
});

const BROKEN: readonly (readonly [string, SystemView, readonly string[]])[] = [
  ["an old kernel", machine({ kernel: "5.15.0-1" }), ["error kernel"]],
  ["a kernel of the same series", machine({ kernel: "6.0.19" }), ["error kernel"]],
  [
    "io_uring switched off",
    machine({
      settings: { "kernel/io_uring_disabled": "2" },
      daemon: undefined,
      socket: { path: "/x", state: "none" },
    }),
    ["error io_uring $ sysctl -w kernel.io_uring_disabled=0", "note supervisor"],
  ],
  [
    "io_uring for root only, and another user",
    machine({
      settings: { "kernel/io_uring_disabled": "1" },
      daemon: daemon([SPEC], { workers: [], process: { ...NOBODY, can: (one) => one !== 21 } }),
    }),
    ["error io_uring $ sysctl -w kernel.io_uring_disabled=0"],
  ],
  [
    "a kernel without cls_bpf, and no rule that needs it",
    machine({ options: { CONFIG_NET_CLS_BPF: "n" } }),
    ["note features"],
  ],
  [
    "a kernel without cls_bpf, and an exclusive rule",
    machine({
      options: { CONFIG_NET_CLS_BPF: "n" },
      daemon: daemon([{ ...SPEC, input: { ...SPEC.input, exclusive: true } }]),
    }),
    ["error features"],
  ],
  ["a clock that runs free", machine({ isClockSynchronized: false }), ["note clock $ timedatectl set-ntp true"]],
  [
    "a clock that was put back",
    machine({ daemon: daemon([SPEC], drops({ last_seen_ms: 1_060_000 })) }),
    ["warning clock"],
  ],
  [
    "a supervisor without CAP_NET_ADMIN, and small buffers",
    machine({ daemon: daemon([SPEC], { process: { ...ROOT, can: (one) => one !== 12 } }) }),
    [
      'warning capabilities $ setcap cap_net_raw,cap_net_admin+ep "$(command -v mcr)"',
      "warning buffers $ sysctl -w net.core.rmem_max=67108864 (safe)",
      "warning buffers $ sysctl -w net.core.wmem_max=4194304 (safe)",
    ],
  ],
  [
    "a filter that does not fit",
    machine({
      settings: { "net/core/optmem_max": "20480" },
      daemon: daemon(Array.from({ length: 400 }, (_, i): RuleSpec => ({
        input: { interface: "eth0", group: `239.1.${i >> 8}.${i & 255}`, port: 1 },
        outputs: SPEC.outputs,
      }))),
    }),
    ["warning buffers $ sysctl -w net.core.optmem_max=131072 (safe)"],
  ],
  [
    "memberships forbidden",
    machine({ settings: { "net/ipv4/igmp_max_memberships": "0", "net/ipv4/igmp_max_msf": "0" } }),
    [
      "error memberships $ sysctl -w net.ipv4.igmp_max_memberships=20 (safe)",
      "error memberships $ sysctl -w net.ipv4.igmp_max_msf=10 (safe)",
    ],
  ],
  [
    "a group that could not be joined",
    machine({ daemon: daemon([SPEC], { joined: new Map([["eth0", ["239.1.1.2"]]]) }) }),
    ["warning memberships"],
  ],
  [
    "more groups than are joined one by one",
    machine({
      daemon: daemon([{
        input: { ...SPEC.input, group: "239.1.0.0/16" },
        outputs: [{ ...SPEC.outputs[0]!, group: "239.2.0.0/16" }],
      }]),
    }),
    ["note memberships"],
  ],
  [
    "few descriptors, and memory that is not locked",
    machine({ daemon: daemon([SPEC], { process: { ...ROOT, filesMax: 256 }, lockedKib: [0, 2048] }) }),
    [
      "warning limits $ prlimit --pid 100 --nofile=1048576:1048576 (safe)",
      "note limits $ prlimit --pid 100 --memlock=unlimited:unlimited (safe)",
    ],
  ],
  [
    "an interface that is down, and one that is missing",
    machine({ links: [link("eth0", 2, { isUp: false, hasCarrier: false })] }),
    ["error interfaces $ ip link set dev eth0 up", "error interfaces"],
  ],
  [
    "a VLAN that is missing, with its interface",
    machine({ daemon: daemon([{ ...SPEC, input: { ...SPEC.input, interface: "eth0.100" } }]) }),
    [
      "error interfaces $ ip link add link eth0 name eth0.100 type vlan id 100 && ip link set dev eth0.100 up",
    ],
  ],
  [
    "no carrier, and no address to send from",
    machine({ links: [link("eth0", 2, { hasCarrier: false }), link("eth1", 3, { addresses: ["fe80::1"] })] }),
    ["warning interfaces", "error interfaces"],
  ],
  [
    "an address to send from that is not there, and a wait that nothing explains",
    machine({
      daemon: daemon([SPEC], {
        rules: [
          { ...statusOf({ ...SPEC, outputs: [{ ...SPEC.outputs[0]!, source: "10.9.9.9" }] }), waiting_for: ["eth1"] },
          { ...statusOf(SPEC), waiting_for: ["eth0"] },
        ],
      }),
    }),
    ["error interfaces", "error interfaces"],
  ],
  [
    "an output with too small an MTU",
    machine({ links: [link("eth0", 2), link("eth1", 3, { mtu: 1280 })] }),
    ["warning mtu $ ip link set dev eth1 mtu 1500"],
  ],
  [
    "snooping without a querier, where a rule listens, where one does not, and where it is well",
    machine({
      links: [
        link("eth0", 2, { master: "br0" }),
        link("eth1", 3),
        link("br0", 4, { bridge: { isSnooping: true, hasQuerier: false } }),
        link("docker0", 5, { bridge: { isSnooping: true, hasQuerier: false } }),
        link("br1", 6, { bridge: { isSnooping: true, hasQuerier: true } }),
        link("br2", 7, { bridge: { isSnooping: false, hasQuerier: false } }),
      ],
    }),
    [
      "warning snooping $ ip link set dev br0 type bridge mcast_querier 1",
      "note snooping $ ip link set dev docker0 type bridge mcast_querier 1",
    ],
  ],
  [
    "a strict reverse-path check by the setting for all",
    machine({ settings: { "net/ipv4/conf/all/rp_filter": "1" } }),
    ["note rp_filter $ sysctl -w net/ipv4/conf/eth0/rp_filter=2"],
  ],
  [
    "a long stream without receive offload",
    machine({ daemon: daemon([SPEC], drops({ rates: ratesOf(50_000) })) }),
    ["note offload $ ethtool -K eth0 rx-gro on rx-udp-gro-forwarding on"],
  ],
  [
    "a ring that is full now",
    machine({
      daemon: daemon([SPEC], {
        ...totals({ ring_full: 7 }, 1),
        process: { ...ROOT, words: ["mcr", "run", "--ring-slots", "64", "--ttl", "4"] },
        ringSlots: 64,
      }),
    }),
    ["warning ring $ mcr run --ttl 4 --ring-slots 256"],
  ],
  [
    "a ring that was full once",
    machine({ daemon: daemon([SPEC], totals({ ring_full: 7 }, 0)) }),
    ["note ring $ mcr run --ring-slots 32768"],
  ],
  [
    "a ring that was full though a file has it large",
    machine({ daemon: daemon([SPEC], { ...totals({ ring_full: 7 }, 0), ringSlots: 65_536 }) }),
    ["note ring $ mcr run --ring-slots 262144"],
  ],
  [
    "a ring that was full though none can be larger",
    machine({ daemon: daemon([SPEC], { ...totals({ ring_full: 7 }, 0), ringSlots: 262_144 }) }),
    ["note ring"],
  ],
  [
    "time to live used up",
    machine({ daemon: daemon([SPEC], drops({}, { drops: { ttl: 5 }, rates: ratesOf(0, 5) })) }),
    ["warning ttl"],
  ],
  [
    "datagrams that are too big",
    machine({
      links: [link("eth0", 2, { mtu: 9000 }), link("eth1", 3)],
      daemon: daemon([SPEC], drops({}, { drops: { too_big: 5 }, rates: ratesOf(0, 5) })),
    }),
    ["warning drops $ ip link set dev eth1 mtu 9000"],
  ],
  [
    "a queue that is full",
    machine({ daemon: daemon([SPEC], drops({}, { drops: { no_buffer: 5 }, rates: ratesOf(0, 5) })) }),
    ["warning drops $ ip link set dev eth1 txqueuelen 10000"],
  ],
  ["corrupt datagrams", machine({ daemon: daemon([SPEC], totals({ udp_checksum: 5 }, 2)) }), ["warning drops"]],
  ["sources that no rule wants", machine({ daemon: daemon([SPEC], totals({ source: 5 }, 2)) }), ["note drops"]],
  [
    "another supervisor that listens on the same interface",
    machine({ strangers: [{ pid: 200, shared: ["eth0"] }, { pid: 201, shared: [] }, { pid: 202, shared: undefined }] }),
    ["warning duplicates $ kill 200", "note duplicates"],
  ],
  [
    "a socket that nobody listens on",
    machine({ daemon: undefined, socket: { path: "/run/mcr/mcr.sock", state: "dead" } }),
    ["note supervisor"],
  ],
  [
    "a socket behind which nobody answers, and who that could be",
    machine({
      daemon: undefined,
      socket: { path: "/run/mcr/mcr.sock", state: "failing", reason: "silent for 10s" },
      strangers: [{ pid: 200, shared: undefined }],
    }),
    ["error supervisor", "note duplicates"],
  ],
  [
    "a file that is no socket",
    machine({ daemon: undefined, socket: { path: "/tmp/a b", state: "other" } }),
    ["error supervisor $ ls -l '/tmp/a b'"],
  ],
  [
    "a supervisor in another network namespace",
    machine({ isElsewhere: true, links: [] }),
    ["note supervisor $ nsenter --target 100 --net mcr doctor --socket /run/mcr/mcr.sock"],
  ],
];

for (const [what, view, expected] of BROKEN) {
  Deno.test(`doctor finds ${what}`, () => deepStrictEqual(problems(view), expected));
}

Deno.test("collect() says of a supervisor that does not answer that it is there", async () => {
  const directory = await Deno.makeTempDir({ prefix: "mcr-" }), path = `${directory}/mcr.sock`;
  using _silent = Deno.listen({ transport: "unix", path });
  const { socket } = await collect(path, 10);
  equal(socket.state, "failing");
  match(socket.reason!, /has been silent/);
  await Deno.remove(directory, { recursive: true });
});

Deno.test("doctor tells rule, output, reason and advice of a drop, and that of no rule apart", () => {
  const dropping = drops({ drops: { max_rate: 2 } }, { drops: { too_big: 5 } });
  const { stats } = dropping;
  const mixed = { stats: { ...stats!, totals: { ...stats!.totals, drops: { max_rate: 2, udp_checksum: 4 } } } };
  deepStrictEqual(textOf(machine({ daemon: daemon([SPEC], mixed) }), "drops").split("\n"), [
    "2 of rule 239.1.1.1:5001:eth0 were dropped as max_rate: see mcr stats",
    "5 of rule 239.1.1.1:5001:eth0 to 239.2.2.2:6000:eth1 were dropped as too_big: raise its MTU",
    "4 of no rule in particular were dropped as udp_checksum: look at the way",
  ]);
});

Deno.test("doctor --rule looks at one rule, by id or name", () => {
  const other: RuleSpec = { ...SPEC, name: "other", input: { ...SPEC.input, interface: "eth9" } };
  const view = machine({ daemon: daemon([SPEC, other]) });
  deepStrictEqual(problems(view), ["error interfaces"]);
  deepStrictEqual(problems(pickRule(view, "camera-1")!), []);
  deepStrictEqual(problems(pickRule(view, "239.1.1.1:5001:eth9")!), ["error interfaces"]);
  equal(pickRule(view, "none"), undefined);
});

Deno.test("doctor fits 80 columns, leaves commands whole, and lets no name reach the terminal or the shell", () => {
  for (const [, view] of BROKEN) {
    for (const line of formatReport(examine(view), []).split("\n")) {
      ok(line.length <= 80 || line.includes("$ "), line);
    }
  }
  equal(shellWord("eth0.100"), "eth0.100");
  equal(shellWord("a$(b)'c"), "'a$(b)'\\''c'");
  const hostile = machine({ links: [link("eth0", 2), link("eth1", 3), link("\x1b[2J;rm", 4, { isUp: true })] });
  ok(
    !formatReport(
      examine({ ...hostile, daemon: daemon([{ ...SPEC, input: { ...SPEC.input, interface: "\x1b[2J;rm" } }]) }),
      [],
    ).includes("\x1b"),
  );
  const finding = {
    check: "mtu",
    level: "warning",
    text: "word ".repeat(20).trim(),
    mend: "a ".repeat(60).trim(),
  } as const;
  const lines = formatFinding(finding).trimEnd().split("\n");
  equal(lines.at(-1), `         $ ${finding.mend}`);
  match(lines[1]!, /^ {22}word/);
});

Deno.test("doctor --fix runs what only widens a limit, names the rest, and tells what failed", async () => {
  const ran: string[] = [];
  const run = (command: string): Promise<string | undefined> => {
    ran.push(command);
    return Promise.resolve(command.includes("wmem") ? "permission denied" : undefined);
  };
  const view = machine({
    daemon: daemon([SPEC], { process: { ...ROOT, can: (one) => one !== 12 } }),
    links: [link("eth0", 2, { isUp: false }), link("eth1", 3)],
  });
  const mendings = await mendAll(examine(view), run);
  deepStrictEqual(ran, ["sysctl -w net.core.rmem_max=67108864", "sysctl -w net.core.wmem_max=4194304"]);
  deepStrictEqual(mendings.map(({ result }) => result), ["left", "done", "failed", "left"]);
  match(formatReport([], mendings), /^failed: sysctl -w net\.core\.wmem_max=4194304\n {4}permission denied$/m);
  match(formatReport([], mendings), /^left to you: ip link set dev eth0 up$/m);
});

Deno.test("mcr doctor asks the supervisor, and ends with 1 when its rules miss an interface", async () => {
  await using supervisor = await TestSupervisor.start();
  const run = async (...args: string[]): Promise<{ status: number; text: string }> => {
    let text = "";
    const hear = (more: string): void => void (text += more);
    const terminal = { write: (more: string) => Promise.resolve(hear(more)), notice: hear };
    return { status: await main(["doctor", ...args, "--socket", supervisor.path], terminal), text };
  };
  using client = await supervisor.connect();
  await client.call("rule.add", { ...SPEC, input: { ...SPEC.input, interface: "nowhere0" } });
  const { status, text } = await run("-j");
  equal(status, 1);
  const { findings } = JSON.parse(text) as { findings: { check: string; level: string }[] };
  equal(findings.find(({ check }) => check === "interfaces")?.level, "error", text);
  equal((await run("--rule", "none")).status, 1);
  match((await run("--rule", "none")).text, /^mcr: Cannot look at rule "none": there is none$/m);
  match((await run("--fixx")).text, /did you mean "--fix"/);
});
