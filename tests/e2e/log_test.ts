// Goal: the log can be read by programs and by the journal, and tells more or less while the supervisor runs.
import { deepStrictEqual, match, ok, strictEqual } from "node:assert/strict";
import { testNetwork, testRelay } from "./case.ts";
import { addArguments, mcr, type RuleWords } from "./mcr.ts";
import { Network } from "./network.ts";
import { output, Process } from "./process.ts";

const RULE: RuleWords = { in: "in0", group: "239.1.1.1", port: 5001, outputs: ["239.2.2.2:6000:out0"] };
const ID = "239.1.1.1:5001:in0";

/** One line of the log in JSON. */
interface Line {
  readonly time: string;
  readonly level: string;
  readonly area: string;
  readonly message: string;
  readonly fields?: Readonly<Record<string, unknown>>;
}

testNetwork("each line of the log is an object with --log-format json", async () => {
  await using network = await Network.create("relay");
  const directory = await Deno.makeTempDir({ prefix: "mcr-e2e-" });
  try {
    const args = ["--workers", "1", "--socket", `${directory}/mcr.sock`, "--log-format", "json"];
    await using process = await Process.start(network.within("relay", mcr("run", ...args)));
    await process.line("stderr", /"area":"supervisor","message":"ready on /);
    const env = { MCR_SOCKET: `${directory}/mcr.sock` };
    await output(mcr(...addArguments(RULE)), { env });
    const { workers } = JSON.parse(await output(mcr("workers", "-j"), { env }));
    Deno.kill(workers[0].pid, "SIGKILL");
    await process.line("stderr", /"area":"worker"/);
    process.kill("SIGTERM");

    const { stderr } = await process.end();
    const lines: Line[] = stderr.trimEnd().split("\n").map((line) => JSON.parse(line));
    for (const { time } of lines) strictEqual(new Date(time).toISOString(), time);
    deepStrictEqual(lines.map(({ area, level }) => `${area} ${level}`), [
      "supervisor info",
      "audit info",
      "worker warning",
      "supervisor info",
    ]);
    const { method, uid, result, params } = lines[1]!.fields!;
    deepStrictEqual({ method, uid, result }, { method: "rule.add", uid: Deno.uid(), result: "done" });
    match(String(params), /"port":5001/);
    const { index, pid, status } = lines[2]!.fields!;
    deepStrictEqual({ index, pid, status }, { index: 0, pid: workers[0].pid, status: "signal 9" });
  } finally {
    await Deno.remove(directory, { recursive: true });
  }
});

testNetwork("lines for the journal have priorities", async () => {
  await using network = await Network.create("relay");
  const directory = await Deno.makeTempDir({ prefix: "mcr-e2e-" });
  try {
    // What systemd does: it names the stream that it has connected.
    const script = 'JOURNAL_STREAM=$(stat -Lc %d:%i /proc/self/fd/2) exec "$@"';
    const run = mcr("run", "--workers", "1", "--socket", `${directory}/mcr.sock`);
    await using process = await Process.start(network.within("relay", ["sh", "-c", script, "sh", ...run]));
    await process.line("stderr", /^<6>mcr: ready on \S+, 1 worker\(s\)$/);
  } finally {
    await Deno.remove(directory, { recursive: true });
  }
});

testRelay("the level of an area is changed while the supervisor runs", {}, async ({ supervisor }) => {
  await supervisor.add(RULE);
  const before = supervisor.process.stderr;
  ok(!before.includes("debug"), before);
  const levels = JSON.parse(await supervisor.command("log-level", "set", "rule=debug,audit=error", "-j")).levels;
  deepStrictEqual([levels.rule, levels.audit, levels.worker], ["debug", "error", "info"]);
  match(await supervisor.command("log-level", "get"), /^rule +debug$/m);

  await supervisor.remove(ID);
  await supervisor.process.line("stderr", new RegExp(`^mcr: debug: rule ${ID} removed$`));
  ok(!supervisor.process.stderr.slice(before.length).includes("rule.remove"), "what is below the level is left out");

  const refused = await supervisor.attempt("log-level", "set", "rules=debug");
  strictEqual(refused.code, 2);
  match(
    refused.stderr,
    /^mcr: Cannot use level "rules=debug": expected LEVEL or AREA=LEVEL, .*did you mean "rule"\?$/m,
  );
});
