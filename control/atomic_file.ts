/**
 * Files that are replaced, never half written.
 *
 * @module
 */
import { dirname } from "node:path";
import { reasonOf } from "./error.ts";

/** Links that lead to one another, as many as the kernel follows. */
const LINKS_MAX = 40;

/**
 * Replaces a file in one step: whoever reads it finds the old text or the new one, also after a crash or on a full disk.
 * A symbolic link stays, what it leads to is replaced; what is no file, `/dev/null` say, is refused. Keeps the mode of the
 * file, and its owner and group where this user may; a new one gets `mode`.
 */
export async function writeAtomically(file: string, text: string, mode = 0o644): Promise<void> {
  const target = await followLinks(file);
  const temporary = `${target}.${Deno.pid}.new`;
  const old = await Deno.stat(target).catch(() => undefined);
  if (old !== undefined && !old.isFile) throw new Error(`Cannot write "${file}": it is not a regular file`);
  try {
    // What a killed process of this number has left, or what somebody else has put there.
    await Deno.remove(temporary).catch(() => {});
    {
      using opened = await Deno.open(temporary, { write: true, createNew: true, mode: (old?.mode ?? mode) & 0o777 });
      for (let rest = new TextEncoder().encode(text); rest.length > 0;) {
        rest = rest.subarray(await opened.write(rest));
      }
      await opened.sync();
    }
    if (old !== undefined) {
      await Deno.chown(temporary, old.uid, old.gid).catch(() => {});
      await Deno.chmod(temporary, (old.mode ?? mode) & 0o7777);
    }
    await Deno.rename(temporary, target);
  } catch (error) {
    await Deno.remove(temporary).catch(() => {});
    throw new Error(`Cannot write "${file}": ${reasonOf(error)}`, { cause: error });
  }
  // The new name itself is on the disk only when its directory is.
  using directory = await Deno.open(target.replace(/[^/]*$/, "") || ".");
  await directory.sync();
}

/** What a symbolic link leads to, whether there is anything yet or not. */
async function followLinks(file: string): Promise<string> {
  let target = file;
  for (let count = 0; count < LINKS_MAX; count++) {
    const link = await Deno.readLink(target).catch(() => undefined);
    if (link === undefined) return target;
    target = link.startsWith("/") ? link : `${dirname(target)}/${link}`;
  }
  throw new Error(`Cannot write "${file}": its symbolic links lead nowhere`);
}
