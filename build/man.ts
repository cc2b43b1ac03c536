/**
 * Writes the man pages: `man.ts FOLDER` makes `FOLDER/man1/mcr.1` and its like, and leaves no other pages there.
 *
 * @module
 */
import { COMMANDS } from "../control/commands/mod.ts";
import { describeAll } from "../control/commands/native.ts";
import { configPage } from "./man_config.ts";
import { manPages } from "./man_page.ts";

if (import.meta.main) {
  const [folder] = Deno.args;
  if (!folder) throw new TypeError("Cannot write man pages: expected FOLDER");
  const pages = [...manPages(await describeAll(COMMANDS)), configPage()];
  for (const section of new Set(pages.map(({ section }) => section))) {
    await Deno.remove(`${folder}/man${section}`, { recursive: true }).catch(() => {});
    await Deno.mkdir(`${folder}/man${section}`, { recursive: true });
  }
  for (const { name, section, text } of pages) {
    await Deno.writeTextFile(`${folder}/man${section}/${name}.${section}`, text);
  }
}
