// Goal: what is really broken, mcr doctor finds, and the command that it prints mends it when it is run as printed.
import { deepStrictEqual, match, ok, strictEqual } from "node:assert/strict";
import type { Finding } from "../../control/doctor/finding.ts";
import { type Relay, testNetwork, testRelay } from "./case.ts";
import { mcr, type RuleWords, Supervisor } from "./mcr.ts";
import { Network } from "./network.ts";
import { type Ended, output, run, until } from "./process.ts";
import { checkComplete, send, Sink } from "./traffic.ts";

const RULE: RuleWords = { in: "in0", group: "239.1.1.1", port: 5001, outputs: ["239.2.2.2:6000:out0"] };

/** What `mcr doctor -j` prints. */
interface Report {
  readonly findings: readonly Finding[];
  readonly mendings?: readonly { readonly mend: string; readonly result: string }[];
}

/** Runs `mcr doctor -j` in a namespace; its exit status must be what its findings say. */
async function diagnose(
  network: Network,
  socket: string,
  args: readonly string[] = [],
  from = "relay",
): Promise<Report> {
  const ended = await run(network.within(from, mcr("doctor", "-j", "--socket", socket, ...args)));
  return reportOf(ended);
}

function reportOf({ stdout, stderr, code }: Ended): Report {
  const report: Report = stdout === "" ? { findings: [] } : JSON.parse(stdout);
  const isWrong = report.findings.some(({ level }) => level === "warning" || level === "error");
  deepStrictEqual([code, stderr], [isWrong ? 1 : 0, ""]);
  return report;
}

/** The only finding of a check. */
function only({ findings }: Report, check: string): Finding {
  const found = findings.filter((finding) => finding.check === check);
  deepStrictEqual(found.length, 1, JSON.stringify(findings));
  return found[0]!;
}

/** Runs a command as it is printed, in a shell of the relay's namespace in which `mcr` is the program under test. */
async function runAsPrinted(network: Network, command: string, namespace = "relay"): Promise<Ended> {
  const folder = await Deno.makeTempDir({ prefix: "mcr-doctor-" });
  try {
    const words = mcr().map((word) => `'${word.replaceAll("'", "'\\''")}'`).join(" ");
    await Deno.writeTextFile(`${folder}/mcr`, `#!/bin/sh\nexec ${words} "$@"\n`, { mode: 0o755 });
    const env = { PATH: `${folder}:${Deno.env.get("PATH")}` };
    return await run(network.within(namespace, ["sh", "-c", command]), { env });
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

/** Finds something of a level, mends it as printed, and looks again. */
async function mend({ network, supervisor }: Relay, check: string, level: Finding["level"]): Promise<Finding> {
  const found = only(await diagnose(network, supervisor.socket), check);
  strictEqual(found.level, level, JSON.stringify(found));
  const { code, stderr } = await runAsPrinted(network, found.mend!);
  strictEqual(code, 0, `"${found.mend}" said:\n${stderr}`);
  // The supervisor hears of interfaces a moment later.
  await until(`${check} was well`, async () => {
    return only(await diagnose(network, supervisor.socket), check).level === "ok" || undefined;
  });
  return found;
}

async function checkRelaying({ network }: Relay): Promise<void> {
  await using sink = await Sink.start(network, { group: "239.2.2.2", port: 6000, count: 100 });
  const sent = await send(network, { group: "239.1.1.1", port: 5001, count: 100 });
  checkComplete(await sink.received(), sent);
}

testRelay("an output interface that is down is found, and mended", {}, async (relay) => {
  const { id } = await relay.supervisor.add(RULE);
  await relay.network.ip("relay", "link", "set", "out0", "down");
  await relay.supervisor.untilRule(id, "pending");
  const { text } = await mend(relay, "interfaces", "error");
  match(text, /^out0 is down, and rule 239\.1\.1\.1:5001:in0 needs it$/);
  await relay.supervisor.untilRule(id, "active");
  await checkRelaying(relay);
});

testRelay("an interface that is missing is found, until it comes", {}, async ({ network, supervisor }) => {
  const { id } = await supervisor.add({ ...RULE, in: "in7" });
  strictEqual(
    only(await diagnose(network, supervisor.socket), "interfaces").text,
    `there is no interface in7, and rule ${id} needs it`,
  );
  await network.ip("relay", "link", "add", "in7", "type", "bridge");
  await network.ip("relay", "link", "set", "in7", "up");
  await supervisor.untilRule(id, "active");
  const { findings } = await diagnose(network, supervisor.socket, ["--rule", id]);
  ok(!findings.some(({ text }) => text.startsWith("there is no interface")));
});

testRelay("an MTU that is smaller than what is relayed is found, and mended", {}, async (relay) => {
  await relay.network.ip("relay", "link", "set", "out0", "mtu", "1280");
  await relay.supervisor.add(RULE);
  await checkRelaying(relay);
  const { text } = await mend(relay, "mtu", "warning");
  match(text, /have 1344 bytes on average, out0 carries 1280/);
});

testRelay("a bridge that snoops without a querier is found, and gets one", {}, async (relay) => {
  const { network, supervisor } = relay;
  await network.ip("relay", "link", "add", "br0", "type", "bridge");
  await network.ip("relay", "link", "set", "in0", "master", "br0");
  await network.ip("relay", "link", "set", "br0", "up");
  await supervisor.add(RULE);
  await mend(relay, "snooping", "warning");
  await checkRelaying(relay);
});

testRelay("--fix gives back the right to join groups, and leaves the rest alone", {}, async (relay) => {
  const { network, supervisor } = relay;
  await output(network.within("relay", ["sysctl", "-qw", "net.ipv4.igmp_max_memberships=0"]));
  const { id } = await supervisor.add(RULE);
  const memberships = async (...args: string[]): Promise<readonly string[]> => {
    const { findings } = await diagnose(network, supervisor.socket, args);
    return findings.filter(({ check }) => check === "memberships").map(({ level, text }) => `${level} ${text}`);
  };
  match(
    (await memberships()).join("\n"),
    /^error .*igmp_max_memberships is 0.*\nwarning 239\.1\.1\.1 is not joined on in0/,
  );
  await supervisor.add({ ...RULE, in: "in0.7" });

  const { mendings } = await diagnose(network, supervisor.socket, ["--fix"]);

  const done = mendings!.filter(({ result }) => result === "done").map(({ mend }) => mend);
  ok(done.includes("sysctl -w net.ipv4.igmp_max_memberships=20"), JSON.stringify(mendings));
  ok(
    mendings!.some(({ result, mend }) => result === "left" && mend.startsWith("ip link add")),
    JSON.stringify(mendings),
  );
  match((await memberships("--rule", id)).join("\n"), /^warning 239\.1\.1\.1 is not joined/);
  await supervisor.remove(id);
  await supervisor.add(RULE);
  match((await memberships("--rule", id)).join("\n"), /^ok /);
  await checkRelaying(relay);
});

testRelay("drops of now are a warning with their advice, those of before a note", {}, async (relay) => {
  const { network, supervisor } = relay;
  await supervisor.add(RULE);
  const drops = async (): Promise<Finding> => only(await diagnose(network, supervisor.socket), "drops");
  strictEqual((await drops()).level, "ok");
  await send(network, { group: "239.1.1.1", port: 5001, count: 100, args: ["--corrupt", "udp-checksum"] });
  const now = await until("the drops were seen", async () => {
    const found = await drops();
    return found.level === "warning" ? found : undefined;
  });
  match(now.text, /^100 of no rule in particular were dropped as udp_checksum: the UDP checksum is wrong/);
  await until("they were over", async () => (await drops()).level === "note" || undefined);
});

testRelay("a ring that was too small is found, with a command line of more slots that works", {
  args: ["--ring-slots", "64"],
}, async (relay) => {
  const { network, supervisor } = relay;
  await supervisor.add(RULE);
  // A worker that stands still fills its ring on any machine.
  const { pid } = (await supervisor.workers())[0]!;
  Deno.kill(pid!, "SIGSTOP");
  try {
    await send(network, { group: "239.1.1.1", port: 5001, count: 1000 });
  } finally {
    Deno.kill(pid!, "SIGCONT");
  }
  await until("a ring was full", async () => {
    return only(await diagnose(network, supervisor.socket), "ring").level === "warning" || undefined;
  });
  const { mend } = only(await diagnose(network, supervisor.socket), "ring");
  const words = `--workers 1 --socket ${supervisor.socket} --ring-slots 256`;
  strictEqual(mend, `mcr run ${words}`);
});

testRelay("a second supervisor on the same interface is found, and ended", {}, async (relay) => {
  const { network, supervisor } = relay;
  await supervisor.add(RULE);
  await using second = await Supervisor.start(network);
  await second.add(RULE);
  const { text } = await mend(relay, "duplicates", "warning");
  match(text, /also listens on in0/);
  strictEqual((await second.process.end()).code, 0);
});

testRelay("from another network namespace doctor says how to look into that of the supervisor", {}, async (relay) => {
  const { network, supervisor } = relay;
  await supervisor.add({ ...RULE, outputs: ["239.2.2.2:6000:gone0"] });
  const report = await diagnose(network, supervisor.socket, [], "source");
  ok(!report.findings.some(({ check }) => check === "interfaces"), "which cannot be seen from there");
  const { mend } = only(report, "supervisor");
  const there = await runAsPrinted(network, mend!, "source");
  strictEqual(there.code, 1, there.stderr);
  match(there.stdout, /^error +interfaces +there is no interface gone0, and rule/m);
});

testNetwork("without a supervisor and without rights doctor says what it could not look at", async () => {
  await using network = await Network.create("relay");
  const bare = ["setpriv", "--bounding-set", "-all", "--inh-caps", "-all", "--"];
  const report = reportOf(
    await run(network.within("relay", [...bare, ...mcr("doctor", "-j", "--socket", "/tmp/none/x")])),
  );
  strictEqual(
    only(report, "supervisor").text,
    'none listens on "/tmp/none/x": nothing could be asked about rules and drops',
  );
  strictEqual(only(report, "capabilities").level, "note");
  ok(!report.findings.some(({ check }) => check === "drops"));
});
