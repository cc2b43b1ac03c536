/**
 * Files that are replaced, never half written.
 *
 * @module
 */
import { reasonOf } from "./error.ts";

/**
 * Replaces a file in one step: whoever reads it finds the old text or the new one, also after a crash or on a full disk.
 * A symbolic link stays, what it points at is replaced. Keeps the mode of the file, and its owner and group where this
 * user may; a new one gets `mode`.
 */
export async function writeAtomically(file: string, text: string, mode = 0o644): Promise<void> {
  const target = await Deno.realPath(file).catch(() => file);
  const temporary = `${target}.${Deno.pid}.new`;
  const old = await Deno.stat(target).catch(() => undefined);
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
