// Goal: what is kept in files is replaced whole, by a file of the same mode and owner, and what fails names the file.
import { deepStrictEqual, match, rejects, strictEqual } from "node:assert/strict";
import { writeAtomically } from "../../control/atomic_file.ts";
import { StateFile } from "../../control/state_file.ts";

async function inFolder(body: (folder: string) => Promise<void>): Promise<void> {
  const folder = await Deno.makeTempDir({ prefix: "mcr-file-" });
  try {
    await body(folder);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

const isRoot = Deno.uid() === 0;

Deno.test({
  name: `a file that is replaced keeps mode, owner and group${isRoot ? "" : " (skipped: not root)"}`,
  ignore: !isRoot,
  fn: () =>
    inFolder(async (folder) => {
      const file = `${folder}/mcr.yaml`;
      await writeAtomically(file, "old", 0o640);
      await Deno.chown(file, 1234, 5678);
      await writeAtomically(file, "new");
      const { mode, uid, gid } = await Deno.stat(file);
      deepStrictEqual([mode! & 0o7777, uid, gid, await Deno.readTextFile(file)], [0o640, 1234, 5678, "new"]);
    }),
});

Deno.test("a link where the new file is to be written is not followed", () =>
  inFolder(async (folder) => {
    const file = `${folder}/mcr.yaml`, other = `${folder}/other`;
    await Deno.writeTextFile(other, "theirs");
    await Deno.symlink(other, `${file}.${Deno.pid}.new`);
    await writeAtomically(file, "ours");
    deepStrictEqual(await Promise.all([file, other].map((path) => Deno.readTextFile(path))), ["ours", "theirs"]);
    deepStrictEqual([...Deno.readDirSync(folder)].map(({ name }) => name).toSorted(), ["mcr.yaml", "other"]);
  }));

Deno.test("a file is written where symbolic links lead, also where there is nothing yet", () =>
  inFolder(async (folder) => {
    const file = `${folder}/mcr.yaml`, round = `${folder}/round`;
    await Deno.mkdir(`${folder}/data`);
    await Deno.symlink("data/mcr.yaml", `${folder}/link`);
    await Deno.symlink(`${folder}/link`, file);
    for (const text of ["new", "newer"]) {
      await writeAtomically(file, text);
      strictEqual(await Deno.readTextFile(`${folder}/data/mcr.yaml`), text);
    }
    strictEqual((await Deno.lstat(file)).isSymlink, true);
    await Deno.symlink("round", round);
    await rejects(writeAtomically(round, "text"), {
      message: `Cannot write "${round}": its symbolic links lead nowhere`,
    });
  }));

Deno.test("what is no file is neither replaced nor moved aside", () =>
  inFolder(async (folder) => {
    const pipe = `${folder}/pipe`;
    await new Deno.Command("mkfifo", { args: [pipe] }).output();
    await rejects(writeAtomically(pipe, "text"), { message: `Cannot write "${pipe}": it is not a regular file` });
    await rejects(new StateFile(pipe, () => {}).read(), /"\S+\/pipe": it is not a regular file$/);
    deepStrictEqual([...Deno.readDirSync(folder)].map(({ name }) => name), ["pipe"]);
  }));

Deno.test("a file for which there is no room is as it was", () =>
  inFolder(async (folder) => {
    const file = `${folder}/mcr.yaml`;
    await Deno.writeTextFile(file, "old");
    // A process that may write 1024 bytes stands for a disk that is full: both are told so in the middle of the file.
    const { href } = new URL("../../control/atomic_file.ts", import.meta.url);
    const script = `const { writeAtomically } = await import("${href}");
      await writeAtomically("${file}", "x".repeat(100_000)).catch((error) => console.log(error.message));`;
    const limited = `trap "" XFSZ; ulimit -f 2; exec "$0" eval --quiet "$1"`;
    const { stdout } = await new Deno.Command("sh", { args: ["-c", limited, Deno.execPath(), script] }).output();
    match(new TextDecoder().decode(stdout), /^Cannot write "\S+": File too large/);
    strictEqual(await Deno.readTextFile(file), "old");
    deepStrictEqual([...Deno.readDirSync(folder)].map(({ name }) => name), ["mcr.yaml"]);
  }));

Deno.test("a file that cannot be written is named", () =>
  inFolder(async (folder) => {
    const file = `${folder}/none/mcr.yaml`;
    await rejects(writeAtomically(file, "text"), ({ message }) => {
      strictEqual(message.startsWith(`Cannot write "${file}": No such file or directory`), true, message);
      return true;
    });
  }));

Deno.test("a corrupt state file that cannot be moved aside is told of, and the relay starts", async () => {
  const logged: string[] = [];
  const file = new StateFile("/proc/self/comm", (text, level, fields) => {
    logged.push(`${level} ${text} ${JSON.stringify(fields)}`);
  });
  deepStrictEqual(await file.read(), []);
  strictEqual(logged.length, 1);
  match(logged[0]!, /^error the state file \{path\} is corrupt and could not be moved aside .*"\/proc\/self\/comm"/);
});
