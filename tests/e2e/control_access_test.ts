// Goal: who may connect to the control socket may look; to change anything takes root, the supervisor's own user, or the
// socket's group; and the log says who did what.
import { deepStrictEqual, match, strictEqual } from "node:assert/strict";
import { fileURLToPath } from "node:url";
import { testRelay } from "./case.ts";
import { addArguments, type RuleWords, type Supervisor } from "./mcr.ts";
import { type Ended, run } from "./process.ts";

const RULE: RuleWords = { in: "in0", group: "239.1.1.1", port: 5001, outputs: ["239.2.2.2:6000:out0"] };
const ID = "239.1.1.1:5001:in0";

/** A user and a group that no system has. */
const USER = 41_234;
const GROUP = 44_321;

/** Whom a command is run as. */
interface Identity {
  readonly gid?: number;
  readonly groups?: readonly number[];
}

/** Runs a command as the user `USER`. */
async function attemptAs(
  supervisor: Supervisor,
  { gid = USER, groups = [] }: Identity,
  ...args: string[]
): Promise<Ended> {
  await Deno.chmod(supervisor.socket.replace(/[^/]*$/, ""), 0o755);
  const program = fileURLToPath(new URL("../boundary/other_user.ts", import.meta.url));
  const deno = [Deno.execPath(), "run", "--quiet", "--no-check", "--allow-all", program];
  return await run([...deno, String(USER), String(gid), groups.join(","), ...args], {
    env: { MCR_SOCKET: supervisor.socket },
  });
}

/** Whether there are other users to be here: in a user namespace there may be none. */
async function hasUsers(): Promise<boolean> {
  const [first, , count] = (await Deno.readTextFile("/proc/self/uid_map")).trim().split(/\s+/);
  return first === "0" && Number(count) > Math.max(USER, GROUP);
}

const OPEN = ["--socket-mode", "0666", "--socket-group", String(GROUP)];

testRelay("a user without rights may list and not change, and is noted", { args: OPEN }, async ({ supervisor }) => {
  if (!await hasUsers()) return;
  await supervisor.add(RULE);

  const listed = await attemptAs(supervisor, {}, "list", "-j");
  strictEqual(listed.code, 0, listed.stderr);
  deepStrictEqual(JSON.parse(listed.stdout).rules.map(({ id }: { id: string }) => id), [ID]);

  const traced = await attemptAs(supervisor, {}, "trace", "239.1.1.1");
  match(traced.stderr, /^mcr: Cannot call "trace\.start": this user may look but change nothing/);

  const refusal = 'Cannot call "rule.remove": this user may look but change nothing; be root, ';
  const removed = await attemptAs(supervisor, {}, "remove", ID);
  strictEqual(removed.code, 1);
  match(removed.stderr, new RegExp(`^mcr: ${refusal}`));
  deepStrictEqual((await supervisor.rules()).map(({ id }) => id), [ID]);

  const [, uid, params, result] = await supervisor.process.line(
    "stderr",
    /audit: uid (\d+) pid \d+ \(\S+\) rule\.remove (\{.*?\}): (.*)$/,
  );
  deepStrictEqual([uid, JSON.parse(params!)], [String(USER), { id: ID }]);
  strictEqual(result!.startsWith(refusal), true, result);
});

for (const [how, identity] of [["own", { gid: GROUP }], ["supplementary", { groups: [7, GROUP] }]] as const) {
  testRelay(`the socket's group as a client's ${how} one is enough to change rules`, { args: OPEN }, async (relay) => {
    if (!await hasUsers()) return;
    const added = await attemptAs(relay.supervisor, identity, ...addArguments(RULE));
    strictEqual(added.code, 0, added.stderr);
    deepStrictEqual((await relay.supervisor.rules()).map(({ id }) => id), [ID]);
    const wanted = new RegExp(`audit: uid ${USER} pid \\d+ \\(\\S+\\) rule\\.add \\{.*"port":5001.*\\}: done$`);
    await relay.supervisor.process.line("stderr", wanted);
  });
}

testRelay("a user outside the socket's group cannot connect", { args: OPEN.slice(2) }, async ({ supervisor }) => {
  if (!await hasUsers()) return;
  const refused = await attemptAs(supervisor, {}, "list");
  strictEqual(refused.code, 1);
  match(refused.stderr, /^mcr: Cannot connect to ".*": Permission denied .*be root or in the group/);
  strictEqual((await attemptAs(supervisor, { groups: [GROUP] }, "list")).code, 0);
});
