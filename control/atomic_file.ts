/**
 * Files that are replaced, never half written.
 *
 * @module
 */

/**
 * Replaces a file in one step: whoever reads it finds the old text or the new one, also after a crash or on a full disk.
 * A symbolic link stays, what it points at is replaced. Keeps the mode of the file; a new one gets 0644.
 */
export async function writeAtomically(file: string, text: string, mode = 0o644): Promise<void> {
  const target = await Deno.realPath(file).catch(() => file);
  const temporary = `${target}.${Deno.pid}.new`;
  const old = await Deno.stat(target).catch(() => undefined);
  try {
    {
      using opened = await Deno.open(temporary, { write: true, create: true, truncate: true, mode });
      for (let rest = new TextEncoder().encode(text); rest.length > 0;) {
        rest = rest.subarray(await opened.write(rest));
      }
      await opened.sync();
    }
    if (old?.mode !== null && old?.mode !== undefined) await Deno.chmod(temporary, old.mode & 0o7777);
    await Deno.rename(temporary, target);
  } catch (error) {
    await Deno.remove(temporary).catch(() => {});
    throw error;
  }
  // The new name itself is on the disk only when its directory is.
  using directory = await Deno.open(target.replace(/[^/]*$/, "") || ".");
  await directory.sync();
}
