// What build.zig promises of the files that it makes.
import { deepStrictEqual, match, ok, strictEqual } from "node:assert/strict";
import { symbols } from "../../ffi/abi.ts";
import { DynamicSymbols } from "./elf.ts";

const ROOT = new URL("../../", import.meta.url).pathname;

async function zig(cwd: string, ...args: string[]): Promise<{ success: boolean; stderr: string }> {
  const { success, stderr } = await new Deno.Command("zig", { args, cwd, stderr: "piped" }).output();
  return { success, stderr: new TextDecoder().decode(stderr) };
}

Deno.test("ffi/abi.ts is what csrc/mcr.h says now", async () => {
  const folder = await Deno.makeTempDir({ prefix: "mcr-abi-" });
  try {
    const { success, stderr } = await zig(ROOT, "build", "abi", "--prefix", folder);
    ok(success, stderr);
    strictEqual(
      await Deno.readTextFile(`${ROOT}ffi/abi.ts`),
      await Deno.readTextFile(`${folder}/abi.ts`),
      "ffi/abi.ts is out of date: run ./dev abi",
    );
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

Deno.test("libmcr.so exports the functions of mcr.h and nothing else", async () => {
  const library = new DynamicSymbols(await Deno.readFile(`${ROOT}zig-out/lib/libmcr.so`));
  deepStrictEqual(library.exported.toSorted(), Object.keys(symbols).toSorted());
});

Deno.test("libmcr.so needs no glibc newer than 2.31, and no liburing", async () => {
  const library = new DynamicSymbols(await Deno.readFile(`${ROOT}zig-out/lib/libmcr.so`));
  const minors = library.strings.flatMap((text) => /^GLIBC_2\.(\d+)/.exec(text)?.[1] ?? []).map(Number);
  ok(minors.length > 0, "it names the glibc versions that it needs");
  ok(Math.max(...minors) <= 31, `it needs glibc 2.${Math.max(...minors)}`);
  deepStrictEqual(library.strings.filter((text) => text.includes("uring")), []);
});

Deno.test("mcr-native without payloads says what it is", async () => {
  const { code, stderr } = await new Deno.Command(`${ROOT}zig-out/bin/mcr-native`, { args: ["list"] }).output();
  match(new TextDecoder().decode(stderr), /^mcr: Cannot run this command: this file is only the native part of mcr/);
  strictEqual(code, 1);
});

Deno.test("build.zig refuses another version of Zig with a sentence", async () => {
  const folder = await Deno.makeTempDir({ prefix: "mcr-zig-" });
  try {
    const script = await Deno.readTextFile(`${ROOT}build.zig`);
    const wanted = /^const zig_version = "[0-9.]+";$/m;
    match(script, wanted);
    await Deno.writeTextFile(`${folder}/build.zig`, script.replace(wanted, 'const zig_version = "0.1.2";'));
    const { success, stderr } = await zig(folder, "build");
    ok(!success);
    match(stderr, /mcr is built with Zig 0\.1\.2 and this is [0-9.]+: run \.\/dev native/);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});
