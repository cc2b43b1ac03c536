import { deepStrictEqual, equal, rejects } from "node:assert/strict";
import { type ByteSource, LineTooLongError, readLines } from "../../control/lines.ts";

/** A source that gives these pieces, one a read. */
function source(...pieces: (string | Uint8Array)[]): ByteSource {
  const waiting = pieces.map((piece) => typeof piece === "string" ? new TextEncoder().encode(piece) : piece);
  return {
    read(buffer): Promise<number | null> {
      const piece = waiting.shift();
      if (piece === undefined) return Promise.resolve(null);
      buffer.set(piece);
      return Promise.resolve(piece.length);
    },
  };
}

async function collect(from: ByteSource, bytesMax = 100): Promise<string[]> {
  const lines = await Array.fromAsync(readLines(from, bytesMax));
  return lines.map((line) => new TextDecoder("utf-8", { fatal: true }).decode(line));
}

Deno.test("readLines() puts lines together and takes them apart", async () => {
  deepStrictEqual(await collect(source("a\nbc", "d\n", "e\nf\n")), ["a", "bcd", "e", "f"]);
  deepStrictEqual(await collect(source("a\nno newline at the end")), ["a", "no newline at the end"]);
  deepStrictEqual(await collect(source()), []);
});

Deno.test("readLines() leaves out empty lines", async () => {
  deepStrictEqual(await collect(source("\n\n\r\na\r\n\n")), ["a\r"]);
});

Deno.test("readLines() does not mind where a character is cut", async () => {
  const bytes = new TextEncoder().encode("µ€😀\nµ\n");
  deepStrictEqual(await collect(source(...[...bytes].map((byte) => Uint8Array.of(byte)))), ["µ€😀", "µ"]);
});

Deno.test("readLines() hands out lines that later reads do not change", async () => {
  const lines = await Array.fromAsync(readLines(source("aa", "a\nbb", "b\ncc\n"), 100));
  deepStrictEqual(lines.map((line) => new TextDecoder().decode(line)), ["aaa", "bbb", "cc"]);
});

Deno.test("readLines() takes a line of exactly the limit and no more", async () => {
  const line = "x".repeat(100);
  deepStrictEqual(await collect(source(line, "\n", `${line}\n`)), [line, line]);
  await rejects(collect(source(`${line}x\n`)), LineTooLongError);
});

Deno.test("readLines() gives up before the end of a line that is too long", async () => {
  let readCount = 0;
  const endless: ByteSource = {
    read(buffer): Promise<number> {
      readCount++;
      return Promise.resolve(buffer.fill(0x78, 0, 10).length && 10);
    },
  };
  await rejects(collect(endless), /longer than 100 bytes/);
  equal(readCount, 11);
});
