import { deepStrictEqual, equal, match } from "node:assert/strict";
import { answerLine, type Asker } from "../../control/dispatch.ts";
import { ControlError, type ErrorCode } from "../../control/error.ts";
import { memoryLogger, type Reply } from "./fake_engine.ts";
import { formatError, formatResult, type MethodTable, parseReply, RPC_NUMBERS } from "../../control/protocol.ts";

const log: string[] = [];
const { logs } = memoryLogger(log);

/** Just enough methods: `ping` answers at once, `rule.remove` later, `rule.get` has a fault. */
const METHODS = {
  "ping": () => ({ pid: 1, uptime_ms: 2 }),
  "rule.remove": () => Promise.resolve({ id: "x" }),
  "rule.list": () => {
    throw new ControlError("limit", "Cannot list", "rules");
  },
  "rule.get": () => Promise.reject(new TypeError("a fault of ours")),
} as unknown as MethodTable;

/** A client that may do anything. */
const ROOT: Asker = { mayChange: true, identity: { uid: 0, pid: 1, command: "test" } };

/** The answer to a line, as JSON. */
async function answer(line: string | Uint8Array): Promise<unknown> {
  const bytes = typeof line === "string" ? new TextEncoder().encode(line) : line;
  const reply = await answerLine(bytes, METHODS, logs, ROOT);
  return reply === null ? null : JSON.parse(reply);
}

Deno.test("answerLine() answers with the id of the request", async () => {
  for (const id of [1, 0, -5, 1.5, "a", "", null]) {
    const reply = await answer(JSON.stringify({ jsonrpc: "2.0", id, method: "ping" }));
    deepStrictEqual(reply, { jsonrpc: "2.0", id, result: { pid: 1, uptime_ms: 2 } });
  }
  deepStrictEqual(await answer('{"jsonrpc":"2.0","id":7,"method":"rule.remove"}'), {
    jsonrpc: "2.0",
    id: 7,
    result: { id: "x" },
  });
});

Deno.test("answerLine() does not answer notifications, whatever comes of them", async () => {
  for (const method of ["ping", "rule.remove", "rule.list", "rule.get", "nonsense"]) {
    equal(await answer(JSON.stringify({ jsonrpc: "2.0", method })), null, method);
  }
});

Deno.test("answerLine() answers what needs no waiting at once", () => {
  const line = new TextEncoder().encode('{"jsonrpc":"2.0","id":1,"method":"ping"}');
  equal(typeof answerLine(line, METHODS, logs, ROOT), "string");
});

const BAD_LINES: readonly [what: string, line: string | Uint8Array, number: number, id: unknown, message: RegExp][] = [
  ["garbage", "garbage", -32700, null, /^Cannot parse the line as JSON: /],
  ["half an object", '{"jsonrpc":"2.0","id":1', -32700, null, /^Cannot parse the line as JSON/],
  ["bytes that are no UTF-8", Uint8Array.of(0x22, 0xff, 0x22), -32700, null, /it is not UTF-8/],
  ["100,000 open brackets", "[".repeat(100_000), -32700, null, /^Cannot parse the line as JSON/],
  ["a number", "5", -32600, null, /it is no object/],
  ["null", "null", -32600, null, /it is no object/],
  ["a batch", '[{"jsonrpc":"2.0","id":1,"method":"ping"}]', -32600, null, /it is a batch, send one object a line/],
  ["another version", '{"jsonrpc":"1.0","id":4,"method":"ping"}', -32600, 4, /"jsonrpc" is "1\.0", expected "2\.0"/],
  ["no version", '{"id":4,"method":"ping"}', -32600, 4, /"jsonrpc" is undefined/],
  ["an id that is none", '{"jsonrpc":"2.0","id":{},"method":"ping"}', -32600, null, /"id" is neither/],
  ["an endless id", '{"jsonrpc":"2.0","id":1e999,"method":"ping"}', -32600, null, /"id" is neither/],
  ["an id that is not exact", '{"jsonrpc":"2.0","id":9007199254740993,"method":"ping"}', -32600, null, /at most 2\^53/],
  ["a number that is none", '{"jsonrpc":1e999,"id":4,"method":"ping"}', -32600, 4, /"jsonrpc" is Infinity, expected/],
  ["no method", '{"jsonrpc":"2.0","id":4}', -32600, 4, /"method" is undefined, expected a string/],
  ["an unknown method", '{"jsonrpc":"2.0","id":4,"method":"png"}', -32601, 4, /no such method; did you mean "ping"\?/],
  ["an inherited method", '{"jsonrpc":"2.0","id":4,"method":"toString"}', -32601, 4, /Cannot call "toString"/],
];
for (const [what, line, number, id, message] of BAD_LINES) {
  Deno.test(`answerLine() refuses ${what}`, async () => {
    const reply = await answer(line) as Reply;
    const { code, message: text, data } = reply.error!;
    deepStrictEqual([reply.jsonrpc, reply.id, code], ["2.0", id, number]);
    match(text, message);
    equal(data.code, number === -32601 ? "not_found" : "invalid");
  });
}

Deno.test("answerLine() passes refusals on and logs only our own faults", async () => {
  log.length = 0;
  deepStrictEqual(await answer('{"jsonrpc":"2.0","id":1,"method":"rule.list"}'), {
    jsonrpc: "2.0",
    id: 1,
    error: { code: -32005, message: "Cannot list", data: { code: "limit", path: "rules" } },
  });
  deepStrictEqual(log, []);
  deepStrictEqual(await answer('{"jsonrpc":"2.0","id":1,"method":"rule.get"}'), {
    jsonrpc: "2.0",
    id: 1,
    error: { code: -32603, message: "a fault of ours", data: { code: "failed" } },
  });
  match(log.join(), /^rule\.get failed: TypeError: a fault of ours\n +at .*protocol_test/);
});

Deno.test("parseReply() reads back what was formatted", () => {
  const bytes = (line: string): Uint8Array => new TextEncoder().encode(line);
  deepStrictEqual(parseReply(bytes(formatResult(3, { a: 1 }))), { id: 3, result: { a: 1 } });
  for (const code of Object.keys(RPC_NUMBERS) as ErrorCode[]) {
    const error = new ControlError(code, "Cannot do it", "outputs[0].port");
    deepStrictEqual(parseReply(bytes(formatError(null, error))), { id: null, error });
  }
});

Deno.test("every error code has a number of its own", () => {
  const numbers = Object.values(RPC_NUMBERS);
  equal(new Set(numbers).size, numbers.length);
});

Deno.test("answerLine() lets who may not change look, and notes each change with its asker and its result", async () => {
  const guest: Asker = { mayChange: false, identity: { uid: 7, pid: 8, command: "x" } };
  const noted: string[] = [];
  const ask = async (asker: Asker, method: string, params = {}): Promise<unknown> => {
    const line = new TextEncoder().encode(JSON.stringify({ jsonrpc: "2.0", id: 1, method, params }));
    return JSON.parse((await answerLine(line, METHODS, memoryLogger(noted).logs, asker))!).error?.data.code;
  };
  deepStrictEqual([await ask(guest, "ping"), await ask(guest, "rule.remove", { id: "a" })], [undefined, "forbidden"]);
  deepStrictEqual([await ask(ROOT, "rule.remove", { id: "b" }), await ask(ROOT, "rule.list")], [undefined, "limit"]);
  await ask(ROOT, "rule.remove", { id: "x".repeat(2000) });
  match(
    noted[0]!,
    /^uid 7 pid 8 \(x\) rule\.remove \{"id":"a"\}: Cannot call "rule\.remove": this user may look/,
  );
  deepStrictEqual(noted[1], 'uid 0 pid 1 (test) rule.remove {"id":"b"}: done');
  deepStrictEqual([noted.length, noted[2]!.length < 1100], [3, true]);
});
