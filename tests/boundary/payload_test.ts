// Goal: what `mcr gen --payload` is told to send is what arrives: the text, cut or filled with zeroes to each size.
import { deepStrictEqual, match } from "node:assert/strict";
import { createSocket } from "node:dgram";
import { once } from "node:events";
import { nativeProgram } from "../../ffi/library.ts";
import { run } from "../e2e/process.ts";

/** What arrives of so many datagrams of a generator on the loopback interface. */
async function receive(count: number, ...options: string[]): Promise<{ payloads: string[]; summary: string }> {
  const socket = createSocket("udp4");
  const payloads: string[] = [];
  try {
    socket.bind(0, "127.0.0.1");
    await once(socket, "listening");
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const timer = setTimeout(() => reject(new Error(`only ${payloads.length} of ${count} came`)), 10_000);
    socket.on("message", (message) => {
      payloads.push(message.toString("latin1"));
      if (payloads.length === count) resolve();
    });
    const place = ["--interface", "lo", "--group", "127.0.0.1", "--port", String(socket.address().port)];
    const { code, stdout, stderr } = await run([nativeProgram, "gen", ...place, "--count", String(count), ...options]);
    deepStrictEqual([code, stderr], [0, ""]);
    await promise.finally(() => clearTimeout(timer));
    return { payloads, summary: stdout };
  } finally {
    socket.close();
  }
}

Deno.test("mcr gen --payload sends the text, filled with zeroes or cut to the size", async () => {
  const { payloads, summary } = await receive(4, "--size", "8,5,3,1", "--payload", "HELLO");
  deepStrictEqual(payloads, ["HELLO\0\0\0", "HELLO", "HEL", "H"]);
  match(summary, /^sent 4 datagrams, 17 bytes /);
  match(summary, / 4 {2}-\n$/, "no digest, which sink could not compare");
});

Deno.test("mcr gen --payload sends runs in one piece as well", async () => {
  const { payloads, summary } = await receive(6, "--size", "4", "--payload", "abc", "--gso", "on", "--burst", "6");
  deepStrictEqual(payloads, Array(6).fill("abc\0"));
  match(summary, /UDP_SEGMENT/);
});
