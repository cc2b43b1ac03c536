// ./dev, deno.json and the pins speak of the same things.
import { deepStrictEqual, ok, strictEqual } from "node:assert/strict";

const ROOT = new URL("../../", import.meta.url).pathname;

async function read(path: string): Promise<string> {
  return await Deno.readTextFile(ROOT + path);
}

/** The version that a project is pinned to in build/toolchain.txt. */
async function pinOf(name: string): Promise<string | undefined> {
  return new RegExp(`^${name}==(\\S+)`, "m").exec(await read("build/toolchain.txt"))?.[1];
}

Deno.test("./dev help lists every task, from any directory, without setting anything up", async () => {
  const { code, stdout } = await new Deno.Command(`${ROOT}dev`, {
    args: ["help"],
    cwd: "/",
    env: { PATH: "/usr/bin:/bin" },
  })
    .output();
  strictEqual(code, 0);
  const listed = new TextDecoder().decode(stdout).matchAll(/^ {2}([a-z0-9:]+)/gm);
  const { tasks } = JSON.parse(await read("deno.json"));
  deepStrictEqual([...listed].map((line) => line[1]).toSorted(), [...Object.keys(tasks), "mcr"].toSorted());
});

Deno.test("the pinned Zig is the one that build.zig accepts", async () => {
  const accepted = /^const zig_version = "(.+)";$/m.exec(await read("build.zig"))?.[1];
  ok(accepted);
  strictEqual(await pinOf("ziglang"), accepted);
});

Deno.test("the pinned Deno is the one that runs", async () => {
  strictEqual(await pinOf("deno"), Deno.version.deno);
});

Deno.test("build/pack.ts writes the trailer that csrc/launch.h declares", async () => {
  const header = await read("csrc/launch.h");
  const script = await read("build/pack.ts");
  for (
    const [macro, constant] of [["MCR_PAYLOAD_ALIGNMENT", "PAYLOAD_ALIGNMENT"], [
      "MCR_TRAILER_VERSION",
      "TRAILER_VERSION",
    ]]
  ) {
    const declared = new RegExp(`#define ${macro} (\\d+)u`).exec(header)?.[1];
    ok(declared);
    strictEqual(new RegExp(`const ${constant} = (\\d+);`).exec(script)?.[1], declared);
  }
});
