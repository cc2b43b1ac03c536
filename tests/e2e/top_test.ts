// Goal: mcr top shows what flows as it flows, does what keys say, survives its supervisor, and leaves the terminal as it
// found it, whatever ends it.
import { deepStrictEqual, doesNotMatch, match, ok, strictEqual } from "node:assert/strict";
import { readLines } from "../../control/lines.ts";
import { type Relay, testRelay } from "./case.ts";
import { mcr, Supervisor } from "./mcr.ts";
import { Process, until } from "./process.ts";
import { hasTmux, Tmux } from "./tmux.ts";
import { gen } from "./traffic.ts";

/** How tmux writes a bold red number, and any colour but the usual one. */
const ESCAPE = "\x1b";
const DROP_COLOUR = new RegExp(`${ESCAPE}\\[(?:0;)?1;31m|${ESCAPE}\\[1m${ESCAPE}\\[31m`);
const ANY_COLOUR = new RegExp(`${ESCAPE}\\[(?:\\d+;)*3[0-7]`);

/** A test with a relay, and a terminal to look at it from. */
function testTop(
  name: string,
  body: (relay: Relay, terminal: Tmux) => Promise<void>,
  env: Record<string, string> = {},
): void {
  if (!hasTmux) return Deno.test({ name: `${name} (tmux is not installed)`, ignore: true, fn: () => {} });
  testRelay(name, {}, async (relay) => {
    await using terminal = await Tmux.open({ MCR_SOCKET: relay.supervisor.socket, ...env });
    await body(relay, terminal);
  });
}

/** Two rules with traffic: a slow one, one output of which waits, and a quick one. */
async function startTraffic({ network, supervisor }: Relay): Promise<AsyncDisposable> {
  const rule = ["--in", "in0", "--port", "5001"];
  await supervisor.command(
    "add",
    ...rule,
    "--group",
    "239.1.1.1",
    "--name",
    "slow",
    "--out",
    "239.2.2.1:6000:out0,239.2.2.1:6000:never0",
  );
  await supervisor.command("add", ...rule, "--group", "239.1.1.2", "--name", "quick", "--out", "239.2.2.2:6000:out0");
  const stream = { port: 5001, size: "1000", count: 10_000_000 };
  await using undo = new AsyncDisposableStack();
  undo.use(await Process.start(gen(network, { ...stream, group: "239.1.1.1", rate: 1_000 })));
  undo.use(await Process.start(gen(network, { ...stream, group: "239.1.1.2", rate: 4_000 })));
  return undo.move();
}

testTop("mcr top shows what flows, and keys sort, filter and open it", async (relay, terminal) => {
  await using _traffic = await startTraffic(relay);
  await terminal.start("mcr top");

  // By rate at first, the quick one first; the last columns show how it went.
  await terminal.untilScreen(
    /^quick +(3\.9|4\.0)\dk +3\d\.\dM +0 +0 .*[▁▂▃▄▅▆▇█]{3}\nslow +\S+ +\S+M? +(9\d\d|1\.0\dk) /m,
  );
  await terminal.press("n", "n");
  await terminal.untilScreen(/by name, reversed.*\n.*\nslow .*\nquick /);
  match(await terminal.colours(), DROP_COLOUR, "drops are red");
  await terminal.press("o");
  await terminal.untilScreen(/-> 239\.2\S+:never0 .*\n +\S+ no_interface: the output waits for its interface/);
  await terminal.press("o", "/", "q", "u");
  await terminal.untilScreen(/1 of 2 rules {2}filter: qu_\n.*\nquick .*\n\n/);
  await terminal.press("Enter");
  await terminal.untilScreen(/filter: qu\n/);
  await terminal.press("Escape", "w");
  await terminal.untilScreen(/over 10s.*\n.*\nslow .*\nquick /);

  await terminal.resize(140, 10);
  await terminal.untilScreen(/^slow .{100,}$/m);
  strictEqual((await terminal.screen()).trimEnd().split("\n").length, 10, "the last line is the help");
  await terminal.resize(60, 24);
  await until("all fitted the narrow terminal", async () => {
    return (await terminal.screen()).split("\n")[23]?.startsWith("q quit") || undefined;
  });

  await terminal.press("q");
  strictEqual(await terminal.untilDone(), 0);
});

testTop("mcr top leaves the terminal as it was, whatever ends it", async ({ supervisor }, terminal) => {
  const before = await terminal.condition();
  deepStrictEqual(before.flags, "alternate 0, cursor 1");
  const ends: readonly [what: string, end: () => Promise<void>, status: number][] = [
    ["q", () => terminal.press("q"), 0],
    ["Ctrl-C", () => terminal.press("C-c"), 0],
    ...([["SIGTERM", 143], ["SIGINT", 130], ["SIGHUP", 129], ["SIGQUIT", 131]] as const).map(([signal, status]) => {
      return [signal, async () => Deno.kill(await terminal.pid(), signal), status] as const;
    }),
  ].map(([what, end, status]) => [what as string, end as () => Promise<void>, status as number]);
  for (const [what, end, status] of ends) {
    await terminal.start("mcr top");
    await terminal.untilScreen(/^mcr top .*\n.*\nRULE /);
    const during = await terminal.condition();
    deepStrictEqual(during.flags, "alternate 1, cursor 0", "it has the whole terminal");
    ok(during.settings !== before.settings, "and its keys");
    await end();
    strictEqual(await terminal.untilDone(), status, what);
    deepStrictEqual(await terminal.condition(), before, what);
  }
  doesNotMatch(supervisor.process.stderr, /error/);
});

testTop("mcr top takes the terminal over again when it was stopped meanwhile", async (_relay, terminal) => {
  const before = await terminal.condition();
  await terminal.start("mcr top");
  await terminal.untilScreen(/^mcr top /);
  Deno.kill(await terminal.pid(), "SIGSTOP");
  // The shell has the terminal, and has written over the picture.
  await terminal.untilScreen(/Stopped/);
  // A plain shell finds its line in the state in which mcr top has it: Enter is no new line there.
  await terminal.press("fg; echo done $?", "C-j");
  await terminal.untilScreen(/^mcr top .*\n.*\nRULE [^]*q quit/);
  doesNotMatch(await terminal.screen(), /Stopped|fg/);
  await terminal.press("q");
  strictEqual(await terminal.untilDone(), 0);
  deepStrictEqual(await terminal.condition(), before);
});

testTop(
  "mcr top says that its supervisor is silent or has gone, and goes on when it is back",
  async ({ network }, terminal) => {
    const before = await terminal.condition();
    await using killed = await Supervisor.start(network, {}, "sink");
    await killed.command("add", "--in", "x0", "--group", "239.1.1.1", "--port", "5001", "--out", "239.2.2.2:6000:y0");
    await terminal.start(`mcr top --socket ${killed.socket}`);
    await terminal.untilScreen(/^mcr top {2}1 rule /);
    try {
      killed.process.kill("SIGSTOP");
      await terminal.untilScreen(/^mcr top {2}1 rule [^]*has been silent for \d+s: these numbers are old$/m);
    } finally {
      killed.process.kill("SIGCONT");
    }
    await terminal.untilScreen(/^mcr top {2}1 rule [^]*q quit/);
    killed.process.kill("SIGKILL");
    await killed.process.end();
    await terminal.untilScreen(/^mcr top {2}1 rule .*\n.*\n.*\n239\.1\.1\.1:5001:x0 [^]*Cannot .*trying again$/m);

    await using _next = await Supervisor.start(network, { socket: killed.socket }, "sink");
    await terminal.untilScreen(/^mcr top {2}0 rules[^]*q quit/);
    await terminal.press("q");
    strictEqual(await terminal.untilDone(), 0);
    deepStrictEqual(await terminal.condition(), before);
  },
);

testTop("mcr top gives the terminal back before it says what went wrong", async ({ supervisor }, terminal) => {
  const before = await terminal.condition();
  const good = await supervisor.stats();
  const path = `${await Deno.makeTempDir({ prefix: "mcr-e2e-" })}/mcr.sock`;
  // A supervisor whose first numbers are as they should be, and then nonsense.
  using listener = Deno.listen({ transport: "unix", path });
  const numbers = [good, { ...good, rules: null }];
  const serving = (async (): Promise<void> => {
    for await (const accepted of listener) {
      using connection = accepted;
      for await (const line of readLines(connection, 1024)) {
        const { id, method } = JSON.parse(new TextDecoder().decode(line));
        const result = method === "version" ? { version: "0.1.0", abi: 2, protocol: 1 } : numbers.shift() ?? null;
        await connection.write(new TextEncoder().encode(`${JSON.stringify({ jsonrpc: "2.0", id, result })}\n`));
      }
    }
  })();
  strictEqual(await terminal.command(`mcr top --socket ${path}`), 1);
  match(await terminal.screen(), /^mcr: Cannot read .*null/m);
  deepStrictEqual(await terminal.condition(), before);
  listener.close();
  await serving;
  await Deno.remove(path.slice(0, path.lastIndexOf("/")), { recursive: true });
});

testTop("mcr top without colour has none", async (relay, terminal) => {
  await using _traffic = await startTraffic(relay);
  await terminal.start("NO_COLOR=1 mcr top");
  await terminal.untilScreen(/^slow +\S+ +\S+ +[1-9]/m);
  doesNotMatch(await terminal.colours(), ANY_COLOUR);
  await terminal.press("q");
  strictEqual(await terminal.untilDone(), 0);
});

testTop("mcr top refuses what is no terminal, or can only write letters", async ({ supervisor }, terminal) => {
  const { code, stderr } = await supervisor.attempt("top");
  deepStrictEqual([code, stderr], [
    1,
    'mcr: Cannot show mcr top: standard output is no terminal; use "mcr stats --watch"\n',
  ]);
  strictEqual(await terminal.command("mcr top </dev/null"), 1);
  match(await terminal.screen(), /standard input is no terminal/);
  strictEqual(await terminal.command("TERM=dumb mcr top"), 1);
  match(await terminal.screen(), /the terminal is of type "dumb"/);
  strictEqual(await terminal.command("mcr top --socket /nowhere/mcr.sock"), 3);
});

testTop("mcr stats --watch stays in its place on a terminal, and is appended elsewhere", async (relay, terminal) => {
  await using _traffic = await startTraffic(relay);
  await terminal.start("mcr stats --watch");
  const inOf = async (): Promise<number> => {
    return Number((await terminal.untilScreen(/^239\.1\.1\.2:5001:in0 \(quick\)\s+(\d+) /m))[1]);
  };
  const first = await inOf();
  await until("the number grew", async () => await inOf() > first || undefined);
  strictEqual((await terminal.screen()).match(/^RULE /gm)?.length, 1, "one table");
  await terminal.press("C-c");
  await terminal.untilScreen(/^\$ ?$/m);

  await using appended = await Process.start(mcr("stats", "--watch=1", "-j", "--socket", relay.supervisor.socket));
  let last = -1, lineCount = 0;
  for await (const line of appended.lines("stdout")) {
    const { received } = JSON.parse(line).totals;
    ok(received > last, "each line is newer");
    last = received;
    if (++lineCount === 3) break;
  }
});
