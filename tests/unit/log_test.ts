import { deepStrictEqual, equal, match, throws } from "node:assert/strict";
import { isJournalStream, Logger, type LoggerOptions, renderMessage } from "../../control/log.ts";
import { AREAS, levelsOf, parseLogLevels, takeLogLevels } from "../../control/log_level.ts";
import { TestSupervisor } from "./fake_engine.ts";

/** A logger that writes into an array. */
function setUp(options: Omit<LoggerOptions, "write"> = {}): { logger: Logger; lines: string[] } {
  const lines: string[] = [];
  return { logger: new Logger({ write: (line) => lines.push(line), ...options }), lines };
}

Deno.test("a line of text says how bad it is, unless it is not, and who changed what", () => {
  const { logger, lines } = setUp();
  using _logger = logger;
  logger.logs.worker("worker {index} failed: {reason}", "error", { index: 0, reason: "no memory" });
  logger.logs.supervisor("ready");
  logger.logs.audit("uid {uid}", "info", { uid: 7 });
  deepStrictEqual(lines, ["mcr: error: worker 0 failed: no memory\n", "mcr: ready\n", "mcr: audit: uid 7\n"]);
});

Deno.test("a line of JSON has the time, the area and the fields", () => {
  const { logger, lines } = setUp({ format: "json" });
  using _logger = logger;
  logger.logs.rule("rule {id} is {state}, waiting for {names}", "info", {
    id: "a",
    state: "pending",
    names: ["x", "y"],
  });
  logger.logs.supervisor("ready");
  const [first, second] = lines.map((line) => JSON.parse(line));
  match(first.time, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/);
  deepStrictEqual({ ...first, time: "" }, {
    time: "",
    level: "info",
    area: "rule",
    message: "rule a is pending, waiting for x, y",
    fields: { id: "a", state: "pending", names: ["x", "y"] },
  });
  deepStrictEqual(Object.keys(second), ["time", "level", "area", "message"]);
});

Deno.test("lines for the journal begin with their priority", () => {
  const { logger, lines } = setUp({ isJournal: true, levels: levelsOf("debug") });
  using _logger = logger;
  for (const level of ["debug", "info", "warning", "error"] as const) logger.logs.worker("x", level);
  deepStrictEqual(lines.map((line) => line.slice(0, 3)), ["<7>", "<6>", "<4>", "<3>"]);
});

Deno.test("isJournalStream() compares what systemd names with what there is", async () => {
  const path = await Deno.makeTempFile();
  const { dev, ino } = await Deno.stat(path);
  deepStrictEqual(
    [`${dev}:${ino}`, `${dev}:${ino! + 1}`, "", "nonsense"].map((named) => isJournalStream(named, path)),
    [true, false, false, false],
  );
  await Deno.remove(path);
  equal(isJournalStream(`${dev}:${ino}`, path), false);
});

Deno.test("each area has its level, which can be changed", () => {
  const { logger, lines } = setUp({ levels: { worker: "warning" } });
  using _logger = logger;
  const logAll = (): string[] => {
    for (const level of ["debug", "info", "warning"] as const) {
      logger.logs.worker(`w-${level}`, level);
      logger.logs.rule(`r-${level}`, level);
    }
    return lines.splice(0).map((line) => line.trim().split(" ").at(-1)!);
  };
  deepStrictEqual(logAll(), ["r-info", "w-warning", "r-warning"]);
  logger.setLevels({ worker: "debug", rule: "error" });
  deepStrictEqual(logAll(), ["w-debug", "w-info", "w-warning"]);
  deepStrictEqual(logger.levels, { ...levelsOf("info"), worker: "debug", rule: "error" });
});

Deno.test("a message that comes again and again is written ten times, then counted; other words are another", async () => {
  const counted = Promise.withResolvers<string>();
  const lines: string[] = [];
  const write = (line: string): void => {
    lines.push(line);
    if (line.includes("suppressed")) counted.resolve(line);
  };
  using logger = new Logger({ write, windowMs: 20 });
  for (let index = 0; index < 1000; index++) logger.logs.rule("rule {id} is pending", "info", { id: index });
  logger.logs.rule("another");
  deepStrictEqual([lines.length, lines[9], lines[10]], [11, "mcr: rule 9 is pending\n", "mcr: another\n"]);
  // The timer alone does not keep a process alive.
  const keepAlive = setInterval(() => {}, 1000);
  equal(await counted.promise, 'mcr: 990 more of "rule {id} is pending" were suppressed\n');
  clearInterval(keepAlive);
  logger.logs.rule("rule {id} is pending", "info", { id: "again" });
  equal(lines.at(-1), "mcr: rule again is pending\n");
});

Deno.test("what was counted is told at the end, and changes are always told", () => {
  const { logger, lines } = setUp({ format: "json" });
  for (let index = 0; index < 100; index++) {
    logger.logs.audit("uid {uid}", "info", { uid: index });
    logger.logs.worker("worker {index} failed", "error", { index });
  }
  logger[Symbol.dispose]();
  equal(lines.filter((line) => line.includes('"audit"')).length, 100);
  const { level, area, fields } = JSON.parse(lines.at(-1)!);
  deepStrictEqual({ level, area, fields }, {
    level: "error",
    area: "worker",
    fields: { suppressed: 90, of: "worker {index} failed" },
  });
});

Deno.test("renderMessage() puts fields in once, and leaves what it does not know", () => {
  equal(renderMessage("{a} {b} {toString}", { a: "{b}", b: 2 }), "{b} 2 {toString}");
  equal(renderMessage("{a}"), "{a}");
});

Deno.test("a line is one line, and moves no cursor", () => {
  const { logger, lines } = setUp();
  using _logger = logger;
  logger.logs.audit("{who}", "info", { who: "a\nmcr: forged\x1b[2J\x9b\u202eeslaf\u2028" });
  deepStrictEqual(lines, ["mcr: audit: a mcr: forged?[2J??eslaf?\n"]);
});

Deno.test("a line of JSON moves no cursor either, and says what was said", () => {
  const { logger, lines } = setUp({ format: "json" });
  using _logger = logger;
  const who = "a\n\x1b[2J\x9b\x7f\u202eeslaf\u2028";
  logger.logs.audit("by {who}", "info", { who });
  match(lines[0]!, /^[\x20-\x7e]+\n$/);
  equal(JSON.parse(lines[0]!).fields.who, who);
});

Deno.test("parseLogLevels() takes one level for all, or of areas, the last word counting", () => {
  deepStrictEqual(parseLogLevels("debug", "x"), levelsOf("debug"));
  deepStrictEqual(parseLogLevels("worker=debug,audit=error", "x"), { worker: "debug", audit: "error" });
  deepStrictEqual(parseLogLevels("worker=debug,warning", "x"), levelsOf("warning"));
  for (const text of ["", "worker", "worker=", "=info", "loud", "worker=info,", "worker=debug=info"]) {
    throws(() => parseLogLevels(text, "--log-level"), { message: /^Cannot use --log-level ".*": expected LEVEL or / });
  }
  throws(() => parseLogLevels("workers=debug", "x"), /did you mean "worker"\?/);
  throws(() => parseLogLevels("worker=warn", "x"), /did you mean "warning"\?/);
});

Deno.test("log.level asks without levels, and sets those that it is given or none", async () => {
  await using supervisor = await TestSupervisor.start();
  using client = await supervisor.connect();
  deepStrictEqual(await client.call("log.level", {}), { levels: levelsOf("info") });
  const changed = { levels: { ...levelsOf("info"), worker: "debug" } };
  deepStrictEqual(await client.call("log.level", { levels: { worker: "debug" } }), changed);
  throws(() => takeLogLevels({ levels: { worker: "debug", rule: "loud" } }), { code: "invalid", path: "levels.rule" });
  throws(() => takeLogLevels({ levels: { wrk: "debug" } }), { code: "invalid", path: "levels.wrk" });
  deepStrictEqual(await client.call("log.level", {}), changed);
  equal(supervisor.log.filter((line) => line.includes("log.level")).length, 1, "only the change is noted");
  equal(AREAS.every((area) => area in changed.levels), true);
});
