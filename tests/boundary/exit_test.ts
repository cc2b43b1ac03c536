// Goal: a program that ends without a word to its workers ends as it would without them, and they end too.
import { deepStrictEqual, match, ok } from "node:assert/strict";
import { type Ended, run, until } from "../e2e/process.ts";

/** Starts a worker and a poller that waits for it; prints the worker's process id. */
const PROGRAM = `
import { TestWorker } from ${JSON.stringify(new URL("./worker_case.ts", import.meta.url))};
const worker = await TestWorker.ready();
console.log(worker.process.pid);
await new Promise((resolve) => setTimeout(resolve, 20));
`;

/** Runs the program to its end and waits for the end of its worker. */
async function end(lastLine: string): Promise<Ended> {
  const ended = await run([Deno.execPath(), "eval", "--no-check", PROGRAM + lastLine]);
  const pid = Number(ended.stdout);
  ok(pid > 0, ended.stderr);
  await until(`worker ${pid} was gone`, () => isGone(pid));
  return ended;
}

/** Gone, or dead and waiting for somebody to notice. */
async function isGone(pid: number): Promise<true | undefined> {
  try {
    return / Z /.test(await Deno.readTextFile(`/proc/${pid}/stat`)) || undefined;
  } catch {
    return true;
  }
}

Deno.test("an uncaught exception ends a program with a running worker with status 1, and the worker", async () => {
  const { code, signal, stderr } = await end('throw new Error("out of luck");');
  deepStrictEqual({ code, signal }, { code: 1, signal: null });
  match(stderr, /Error: out of luck/);
});

Deno.test("Deno.exit() ends a program with a running worker with its status, and the worker", async () => {
  const { code, signal, stderr } = await end("Deno.exit(7);");
  deepStrictEqual({ code, signal, stderr }, { code: 7, signal: null, stderr: "" });
});

Deno.test("SIGKILL ends a program with a running worker, and the worker", async () => {
  const { signal } = await end('Deno.kill(Deno.pid, "SIGKILL");');
  deepStrictEqual(signal, "SIGKILL");
});

Deno.test("a program that disposes its worker and poller ends by itself", async () => {
  const { code, signal, stderr } = await end("await worker[Symbol.asyncDispose]();");
  deepStrictEqual({ code, signal, stderr }, { code: 0, signal: null, stderr: "" });
});
