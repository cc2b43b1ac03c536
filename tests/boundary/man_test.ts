// Goal: `man` shows every page that `./dev man` makes, without a word of complaint, and all that it should hold.
import { deepStrictEqual, match, ok, strictEqual } from "node:assert/strict";
import { CONFIG_EXAMPLE, configKeys, configPage } from "../../build/man_config.ts";
import { type ManPage, manPages } from "../../build/man_page.ts";
import { spellings } from "../../control/command.ts";
import { allOf, makeGroup } from "../../control/command_tree.ts";
import { COMMANDS } from "../../control/commands/mod.ts";
import { CONFIG_FIELDS } from "../../control/config.ts";
import { parseConfig } from "../../control/yaml/file.ts";
import { describeAll } from "../../control/commands/native.ts";
import "../../ffi/library.ts";

const commands = await describeAll(COMMANDS);

interface Shown {
  readonly text: string;
  readonly complaints: string;
}

/** The page as somebody sees it, on a terminal that is wide enough for all that is not to be broken. */
async function show({ name, section, text }: ManPage, columns = 100): Promise<Shown> {
  const folder = await Deno.makeTempDir({ prefix: "mcr-man-" });
  try {
    const file = `${folder}/${name}.${section}`;
    await Deno.writeTextFile(file, text);
    const env = { MAN_KEEP_STDERR: "1", MANWIDTH: String(columns), LC_ALL: "C.UTF-8", MANPAGER: "cat", MANOPT: "" };
    const args = ["--warnings=w", "--encoding=UTF-8", "--local-file", file];
    const { code, stdout, stderr } = await new Deno.Command("man", { args, env }).output();
    const decoder = new TextDecoder();
    strictEqual(code, 0, decoder.decode(stderr));
    return { text: decoder.decode(stdout), complaints: decoder.decode(stderr) };
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

/** Whether there is a real `man`: minimal images have a script in its place. */
async function isManThere(): Promise<boolean> {
  try {
    const { success, stdout } = await new Deno.Command("man", { args: ["--version"] }).output();
    return success && /^man \d/.test(new TextDecoder().decode(stdout));
  } catch {
    return false;
  }
}

const ignore = !await isManThere();
const reason = ignore ? " (skipped: there is no man, apt-get install man-db brings it)" : "";

/** Words are compared, not how they are spread over lines. */
function words(text: string): string {
  return text.replaceAll(/\s+/g, " ").trim();
}

Deno.test({
  name: `man shows mcr.yaml(5), with every key of a configuration file${reason}`,
  ignore,
  fn: async () => {
    const { text, complaints } = await show(configPage());
    strictEqual(complaints, "");
    strictEqual((await show(configPage(), 80)).complaints, "");
    match(text, /^MCR\.YAML\(5\) /);
    const keys = configKeys();
    deepStrictEqual(keys.filter(({ path }) => !/[.[]/.test(path)).map(({ path }) => path), Object.keys(CONFIG_FIELDS));
    for (const path of ["rules[].outputs[].ttl", "profile.coalesce_us", "interfaces.IFACE.receive_offload"]) {
      ok(keys.some((key) => key.path === path), path);
    }
    for (const key of keys) ok(words(text).includes(words(`${key.path} ${key.text}`)), key.path);
    ok(words(text).includes(words(CONFIG_EXAMPLE)));
    strictEqual(parseConfig("mcr.yaml", CONFIG_EXAMPLE).config.rules.length, 1);
  },
});

Deno.test("./dev man writes each page into the folder of its section, and removes those of before", async () => {
  const folder = await Deno.makeTempDir({ prefix: "mcr-man-" });
  try {
    await Deno.mkdir(`${folder}/man1`);
    await Deno.writeTextFile(`${folder}/man1/mcr-gone.1`, "");
    const script = new URL("../../build/man.ts", import.meta.url).pathname;
    const config = new URL("../../deno.json", import.meta.url).pathname;
    const args = ["run", "--quiet", "--allow-all", "--config", config, script, folder];
    const { success, stderr } = await new Deno.Command(Deno.execPath(), { args }).output();
    ok(success, new TextDecoder().decode(stderr));
    const names = (section: number): string[] =>
      [...Deno.readDirSync(`${folder}/man${section}`)].map((one) => one.name);
    deepStrictEqual(names(5), ["mcr.yaml.5"]);
    deepStrictEqual(names(1).sort(), manPages(commands).map(({ name }) => `${name}.1`).sort());
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

for (const page of manPages(commands)) {
  Deno.test({
    name: `man shows ${page.name}(${page.section})${reason}`,
    ignore,
    fn: async () => {
      const { text, complaints } = await show(page);
      strictEqual(complaints, "");
      match(text, new RegExp(`^${page.name.toUpperCase()}\\(1\\) `));
      strictEqual((await show(page, 80)).complaints, "");
      const command = allOf(commands).find(({ name }) => page.name === `mcr-${name.replaceAll(" ", "-")}`);
      if (command === undefined) {
        for (const { name, summary } of commands) ok(words(text).includes(`mcr-${name}(1) ${summary}.`), name);
        return;
      }
      const { usage, example, details = "", options } = command;
      for (const part of [usage, example, ...details.split("\n\n")]) ok(words(text).includes(words(part)), part);
      for (const option of options) {
        const title = spellings(option).join(", ") + (option.value === undefined ? "" : ` ${option.value}`);
        // What a short option does begins beside it.
        ok(["\n", " "].some((end) => text.includes(`\n       ${title}${end}`)), option.name);
      }
    },
  });
}

Deno.test({
  name: `man complains about a page that is wrong${reason}`,
  ignore,
  fn: async () => {
    const text = '.TH X 1 "" "" ""\n.SH NAME\nx \\- y\n.NOSUCH\n';
    match((await show({ name: "x", section: 1, text })).complaints, /NOSUCH/);
  },
});

Deno.test({
  name: `every character arrives, and a command below another has a page${reason}`,
  ignore,
  fn: async () => {
    const strange = `.a dot, 'a quote', a \\ backslash, - ~ ^ \` "two"`;
    const leaf = {
      name: "door open",
      aliases: ["unlock"],
      usage: "mcr door open",
      summary: "Open it",
      details: `${strange}\n.B\n\nand\n  'as it\n  .is\nand on`,
      example: "mcr door open",
      options: [{ name: "far", value: "N", help: strange }],
      run: () => Promise.resolve(""),
    };
    const group = makeGroup({ name: "door", summary: "Doors", example: "mcr door open", subcommands: [leaf] });
    const pages = manPages([group]);
    deepStrictEqual(pages.map(({ name }) => name), ["mcr", "mcr-door", "mcr-door-open"]);
    match((await show(pages[1]!)).text, /^COMMANDS\n +mcr-door-open\(1\)\n +Open it\.$/m);
    const { text, complaints } = await show(pages[2]!);
    strictEqual(complaints, "");
    strictEqual(words(text).split(words(strange)).length, 3);
    match(text, /\n +and\n {9}'as it\n {9}\.is\n {7}and on\n/);
    match(text, /Also called mcr door unlock\./);
    match(text, /^SEE ALSO\n +mcr-door\(1\)$/m);
  },
});
