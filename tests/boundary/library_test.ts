// Goal: what is loaded is the libmcr that this program was built with, or nothing; and it never goes away again.
import { deepStrictEqual, match, ok, strictEqual, throws } from "node:assert/strict";
import { MCR_ABI_VERSION, MCR_DROP_COUNT, MCR_VERSION, symbols } from "../../ffi/abi.ts";
import { NativeError } from "../../ffi/error.ts";
import { errorName, native, nativeVersion, openLibrary, text } from "../../ffi/library.ts";
import { DROP_NAMES } from "../../ffi/stats_page.ts";
import { output } from "../e2e/process.ts";

const LIBRARY = Deno.env.get("MCR_LIB") ?? new URL("../../zig-out/lib/libmcr.so", import.meta.url).pathname;

/** Calls with the path of a file that has these contents; null for none. */
async function withFile(contents: string | Uint8Array | null, use: (path: string) => void): Promise<void> {
  const folder = await Deno.makeTempDir({ prefix: "mcr-library-" });
  const path = `${folder}/libmcr.so`;
  try {
    if (typeof contents === "string") await Deno.writeTextFile(path, contents);
    else if (contents !== null) await Deno.writeFile(path, contents);
    use(path);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

/** A shared library of one function. */
async function compile(source: string): Promise<Uint8Array> {
  const folder = await Deno.makeTempDir({ prefix: "mcr-library-" });
  try {
    await Deno.writeTextFile(`${folder}/library.c`, source);
    await output(["zig", "cc", "-shared", "-nostdlib", "-o", `${folder}/library.so`, `${folder}/library.c`]);
    return await Deno.readFile(`${folder}/library.so`);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

function refusesToOpen(path: string, why: RegExp): void {
  throws(() => openLibrary(path), (error) => {
    ok(error instanceof NativeError);
    strictEqual(error.code, "ENOEXEC");
    match(error.message, why);
    ok(error.message.includes(path));
    return true;
  });
}

Deno.test("a library that was built from another mcr.h is refused", async () => {
  const foreign = await compile(`unsigned mcr_abi_version(void) { return ${MCR_ABI_VERSION + 1}; }`);
  await withFile(foreign, (path) => {
    const wanted = `it was built with ABI ${MCR_ABI_VERSION + 1}, this program needs ${MCR_ABI_VERSION}; build both`;
    refusesToOpen(path, new RegExp(`^Cannot use ".*": ${wanted} together$`));
  });
});

Deno.test("a library that says the right ABI but lacks functions is refused", async () => {
  const poor = await compile(`unsigned mcr_abi_version(void) { return ${MCR_ABI_VERSION}; }`);
  await withFile(poor, (path) => refusesToOpen(path, /^Cannot load ".*": .*mcr_\w+.*; run \.\/dev native$/));
});

Deno.test("a library that is no libmcr is refused", async () => {
  const stranger = await compile("int stranger(void) { return 0; }");
  await withFile(
    stranger,
    (path) => refusesToOpen(path, /^Cannot load ".*": .*mcr_abi_version.*; run \.\/dev native$/),
  );
});

for (
  const [name, contents] of [
    ["a file that is no library", "#!/bin/sh\n"],
    ["an empty file", ""],
    ["a file that is not there", null],
  ] as const
) {
  Deno.test(`${name} is refused`, async () => {
    await withFile(contents, (path) => refusesToOpen(path, /^Cannot load ".*": .*; run \.\/dev native$/));
  });
}

Deno.test("every function of mcr.h resolves", () => {
  deepStrictEqual(Object.keys(native).toSorted(), Object.keys(symbols).toSorted());
  for (const [name, call] of Object.entries(native)) strictEqual(typeof call, "function", name);
});

Deno.test("a library that was closed stays where it is: a thread may still be in it", async () => {
  await withFile(await Deno.readFile(LIBRARY), (path) => {
    const library = Deno.dlopen(path, { mcr_abi_version: symbols.mcr_abi_version });
    library.close();
    ok(Deno.readTextFileSync("/proc/self/maps").includes(path));
  });
});

Deno.test("the library says the version of mcr.h", () => {
  deepStrictEqual(nativeVersion(), { version: MCR_VERSION, abi: MCR_ABI_VERSION });
});

Deno.test("every drop reason has a name of its own, and advice; a number beyond has none", () => {
  strictEqual(DROP_NAMES.length, MCR_DROP_COUNT);
  strictEqual(new Set(DROP_NAMES).size, MCR_DROP_COUNT);
  for (const [reason, name] of DROP_NAMES.entries()) {
    match(name, /^[a-z]+(_[a-z]+)*$/);
    match(text(native.mcr_drop_advice(reason)), /^[^:]+: .*[^.]$/);
  }
  for (const beyond of [MCR_DROP_COUNT, 0xffffffff]) {
    deepStrictEqual([text(native.mcr_drop_name(beyond)), text(native.mcr_drop_advice(beyond))], ["", ""]);
  }
});

Deno.test("errorName() knows an errno by either sign, and numbers what has no name here", () => {
  deepStrictEqual([1, -1, -22, 105, -4095].map(errorName), ["EPERM", "EPERM", "EINVAL", "ENOBUFS", "E4095"]);
});
