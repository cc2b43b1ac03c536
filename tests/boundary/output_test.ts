// Goal: what could not be printed is no success, and what is printed goes nowhere else.
import { deepStrictEqual, match, strictEqual } from "node:assert/strict";
import { createSocket } from "node:dgram";
import { once } from "node:events";
import { nativeProgram } from "../../ffi/library.ts";
import { run } from "../e2e/process.ts";

/** Runs a native command as a shell does with `redirection`. */
function inShell(args: string, redirection: string): ReturnType<typeof run> {
  return run(["sh", "-c", `exec "$0" ${args} ${redirection}`, nativeProgram]);
}

for (const redirection of [">/dev/full", ">&-"]) {
  Deno.test(`what mcr --version, gen and sink cannot print is told, and fails: ${redirection}`, async () => {
    const messages = {
      "--version": /^mcr: Cannot write to standard output: /,
      "gen --interface lo --group 127.0.0.1 --port 9 --count 1": /^mcr gen: Cannot write to standard output: /,
      "sink --interface lo --group 239.1.1.1 --port 5000 --counters --timeout 0.01 -j":
        /^ready\nmcr sink: Cannot write to standard output: /,
    };
    for (const [args, message] of Object.entries(messages)) {
      const { code, stderr } = await inShell(args, redirection);
      match(stderr, message);
      strictEqual(code, 1);
    }
  });
}

Deno.test("mcr gen without a standard output sends its datagrams, and not its summary", async () => {
  const received: string[] = [];
  const listener = createSocket("udp4").bind(0, "127.0.0.1");
  await once(listener, "listening");
  const { port } = listener.address(), ended = Promise.withResolvers<void>();
  listener.on("message", (payload) => {
    received.push(payload.toString());
    if (received.at(-1) === "the end") ended.resolve();
  });

  await inShell(`gen --interface lo --group 127.0.0.1 --port ${port} --count 2 --size 8 --payload datagram`, ">&-");
  listener.send("the end", port, "127.0.0.1");
  await ended.promise;
  await new Promise<void>((closed) => listener.close(() => closed()));

  deepStrictEqual(received, ["datagram", "datagram", "the end"]);
});
