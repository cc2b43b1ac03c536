// Goal: what `mcr completions` prints works in the shells themselves: they propose commands, options, interfaces and
// live rules, and stay silent without a supervisor.
import { deepStrictEqual, strictEqual } from "node:assert/strict";
import { main } from "../../cli.ts";
import type { Command } from "../../control/command.ts";
import { makeGroup } from "../../control/command_tree.ts";
import { COMMANDS } from "../../control/commands/mod.ts";
import { describeAll } from "../../control/commands/native.ts";
import { SHELLS } from "../../control/completions/mod.ts";
import "../../ffi/library.ts";
import { TestSupervisor } from "../unit/fake_engine.ts";

const CLI = new URL("../../cli.ts", import.meta.url).pathname;
const RULE = "239.1.1.1:5001:lo";

const LEAF: Command = {
  name: "door open",
  aliases: ["unlock"],
  usage: "mcr door open [--far N] [WAY]",
  summary: "Open it: the [front] door",
  example: "mcr door open",
  options: [{ name: "far", value: "N", help: "how far, in 'cm' [1:9]" }, { name: "key", value: "PATH", help: "a key" }],
  positionalsMax: 1,
  positional: "in|out",
  run: () => Promise.resolve(""),
};
const DOOR = makeGroup({
  name: "door",
  summary: "What doors do",
  example: "mcr door open",
  subcommands: [LEAF, { ...LEAF, name: "door close", aliases: [] }],
});

/** What each shell proposes for a line, as the words that the last one would become. */
const PROPOSALS: readonly [line: string, words: string[]][] = [
  ["mcr ad", ["add", "add-rule"]],
  ["mcr remo", ["remove"]],
  ["mcr --socket /tmp wor", ["workers"]],
  ["mcr help sta", ["stats"]],
  ["mcr completions ", ["bash", "fish", "zsh"]],
  ["mcr run --prof", ["--profile"]],
  ["mcr run --profile ", ["balanced", "latency", "throughput"]],
  ["mcr run --profile=lat", ["--profile=latency"]],
  ["mcr add --input-interface lo", ["lo"]],
  ["mcr add-rule --in lo", ["lo"]],
  ["mcr add --outputs 239.1.1.1:5000:lo", ["239.1.1.1:5000:lo"]],
  ["mcr add --out 239.1.1.1:5:eth0,239.1.1.2:6:lo", ["239.1.1.1:5:eth0,239.1.1.2:6:lo"]],
  ["mcr add --out [ff3e::2]:6000:lo", ["[ff3e::2]:6000:lo"]],
  ["mcr add --out 239.1.1.1:5:eth0,[ff3e::lo", []],
  ["mcr run --receive-offload eth0,lo", ["eth0,lo"]],
  ["mcr gen --gso ", ["auto", "off", "on"]],
  ["mcr sink --interface lo", ["lo"]],
  ["mcr list --socket /etc/host-of-no-file", []],
  ["mcr remove 239.1.1.1:5", [RULE]],
  ["mcr remove cam", ["camera-1"]],
  ["mcr remove ", [RULE, "camera-1"]],
  ["mcr remove --socket /nonexistent ", []],
  ["mcr remove --socket=/nonexistent cam", []],
  ["mcr config ap", ["apply"]],
  ["mcr config ", ["apply", "check", "diff", "import", "save", "schema", "show"]],
  ["mcr config apply --me", ["--merge"]],
  ["mcr config check /etc/host-of-no-file", []],
  ["mcr config check /etc/hostnam", ["/etc/hostname"]],
  ["mcr config import -o /etc/hostnam", ["/etc/hostname"]],
  ["mcr config import -o /tmp/x.yaml /etc/hostnam", ["/etc/hostname"]],
  ["mcr run -c /etc/hostnam", ["/etc/hostname"]],
  ["mcr help config sa", ["save"]],
  ["mcr door ", ["close", "open", "unlock"]],
  ["mcr door unlock --fa", ["--far"]],
  ["mcr door open --far 3 i", ["in"]],
  ["mcr door open --key /etc/host-of-no-file", []],
  ["mcr list nonsense", []],
  ["mcr nonsense", []],
];

interface Surroundings extends AsyncDisposable {
  readonly folder: string;
  readonly env: Record<string, string>;
}

/** A folder with the scripts and an `mcr` to call, and a supervisor with one rule. */
async function surroundings(): Promise<Surroundings> {
  const supervisor = await TestSupervisor.start();
  const folder = await Deno.makeTempDir({ prefix: "mcr-completions-" });
  const commands = await describeAll([...COMMANDS, DOOR]);
  for (const [shell, script] of Object.entries(SHELLS)) {
    await Deno.writeTextFile(`${folder}/script.${shell}`, script(commands));
  }
  const program = `#!/bin/sh\nexec '${Deno.execPath()}' run --quiet --no-check --allow-all '${CLI}' "$@"\n`;
  await Deno.writeTextFile(`${folder}/mcr`, program, { mode: 0o755 });
  const input = { interface: "lo", group: "239.1.1.1", port: 5001 };
  const outputs = [{ interface: "eth1", group: "239.2.2.2", port: 6000 }];
  using peer = await supervisor.dial();
  const request = { jsonrpc: "2.0", id: 1, method: "rule.add", params: { name: "camera-1", input, outputs } };
  await peer.send(`${JSON.stringify(request)}\n`);
  await peer.receive();
  const env = {
    PATH: `${folder}:${Deno.env.get("PATH")}`,
    MCR_SOCKET: supervisor.path,
    HOME: folder,
    LC_ALL: "C.UTF-8",
  };
  return {
    folder,
    env,
    async [Symbol.asyncDispose](): Promise<void> {
      await supervisor[Symbol.asyncDispose]();
      await Deno.remove(folder, { recursive: true });
    },
  };
}

async function runShell(argv: readonly string[], env: Record<string, string>, input = ""): Promise<string> {
  const [program, ...args] = ["timeout", "--kill-after=1", "120", ...argv];
  const child = new Deno.Command(program!, { args, env, stdin: "piped", stdout: "piped", stderr: "piped" }).spawn();
  const writer = child.stdin.getWriter();
  await writer.write(new TextEncoder().encode(input));
  await writer.close();
  const { code, stdout, stderr } = await child.output();
  const decoder = new TextDecoder();
  deepStrictEqual({ code, stderr: decoder.decode(stderr) }, { code: 0, stderr: "" });
  return decoder.decode(stdout);
}

/** A test in a shell that may not be there. */
function testIn(shell: string, name: string, body: (here: Surroundings) => Promise<void>): void {
  const isThere = (Deno.env.get("PATH") ?? "").split(":").some((folder) => {
    try {
      return Deno.statSync(`${folder}/${shell}`).isFile;
    } catch {
      return false;
    }
  });
  const reason = isThere ? "" : ` (skipped: there is no ${shell}, apt-get install ${shell} brings it)`;
  Deno.test({
    name: `${shell} ${name}${reason}`,
    ignore: !isThere,
    fn: async () => {
      await using here = await surroundings();
      await body(here);
    },
  });
}

/** What a shell printed, which ended the proposals for each line with one of `=`. */
function checkProposals(printed: string, expectedOf: (line: string, words: string[]) => string[]): void {
  const answers = printed.split("=\n");
  strictEqual(answers.pop(), "");
  strictEqual(answers.length, PROPOSALS.length);
  PROPOSALS.forEach(([line, words], index) => {
    deepStrictEqual(answers[index]!.split("\n").filter(Boolean).toSorted(), expectedOf(line, words), line);
  });
}

const LINES = PROPOSALS.map(([line]) => `${line}\n`).join("");

testIn("bash", "proposes what there is", async ({ folder, env }) => {
  const script = `
    source "$1"
    while IFS= read -r line; do
      COMP_LINE=$line COMP_POINT=\${#line} COMPREPLY=()
      _mcr
      printf '%s\\n' "\${COMPREPLY[@]}" =
    done`;
  const printed = await runShell(["bash", "-uc", script, "bash", `${folder}/script.bash`], env, LINES);
  // What readline replaces begins behind the last colon or equals sign.
  checkProposals(printed, (line, words) => {
    const done = /(\S*[:=])?\S*$/.exec(line)![1] ?? "";
    return words.map((word) => word.slice(done.length)).toSorted();
  });
});

testIn("bash", "knows the command that is completed, with its path", async ({ folder, env }) => {
  const script =
    'source "$1"; complete -p mcr; COMP_LINE="$2 remove cam" COMP_POINT=${#COMP_LINE}; _mcr; echo $COMPREPLY';
  const printed = await runShell(["bash", "-c", script, "bash", `${folder}/script.bash`, `${folder}/mcr`], env);
  strictEqual(printed, "complete -F _mcr mcr\ncamera-1\n");
});

testIn("bash", "proposes nothing that would be more than a word", async ({ folder, env }) => {
  const names = ["a$(id)", "a`id`", "a;id", "a&id", "a|id", "a>id", "a'id", 'a"id', "a\\id", "aid"];
  const lines = names.map((name) => `239.9.9.9:1:${name}\tto 239.1.1.1:1:lo\n`).join("");
  await Deno.writeTextFile(`${folder}/lister`, `#!/bin/sh\ncat <<'E'\n${lines}E\n`, { mode: 0o755 });
  const script = 'source "$1"; COMP_LINE="$2 remove 239.9" COMP_POINT=${#COMP_LINE}; _mcr; echo "${COMPREPLY[@]}"';
  const printed = await runShell(["bash", "-c", script, "bash", `${folder}/script.bash`, `${folder}/lister`], env);
  strictEqual(printed, "239.9.9.9:1:aid\n");
});

testIn("fish", "proposes what there is", async ({ folder, env }) => {
  const script = `
    source ${folder}/script.fish
    while read -l line
      complete -C "$line" | string replace -r '\\t.*' ''
      echo =
    end`;
  const printed = await runShell(["fish", "--no-config", "-c", script], env, LINES);
  checkProposals(printed, (_line, words) => words.toSorted());
});

/** Drives an interactive zsh in a terminal of its own: types a line and a tab, and prints what the line became. */
const ZSH = `
  zmodload zsh/zpty
  zpty shell zsh -f -i
  # Reads on until $1 was printed.
  until-said() {
    local said part
    repeat 1500; do
      zpty -rt shell part && said+=$part
      [[ $said == *$1* ]] && break
      sleep 0.02
    done
    print -rn -- $said
  }
  zpty -w shell "PS1=; autoload -Uz compinit; compinit -u -D; source $1; unsetopt beep auto_list auto_menu"
  zpty -w shell 'show() { print -r -- "<$BUFFER>"; BUFFER= }; zle -N show; bindkey "^T" show; print REA""DY'
  until-said READY >/dev/null
  while IFS= read -r line; do
    zpty -wn shell "$line"$'\\t\\x14'
    until-said '>' | tr -d '\\r\\n' | sed 's/.*<\\(.*\\)>.*/\\1|/'
    print
  done
  zpty -d shell
`;

/** A line becomes what is common to all proposals, with a space or a hyphen where there is only one. */
function completedBy(line: string, words: readonly string[]): string {
  const before = line.slice(0, line.length - /\S*$/.exec(line)![0].length);
  if (words.length === 0) return line;
  let common = words[0]!;
  while (!words.every((word) => word.startsWith(common))) common = common.slice(0, -1);
  return before + common;
}

testIn("zsh", "completes lines to what there is", async ({ folder, env }) => {
  const printed = await runShell(["zsh", "-fc", ZSH, "zsh", `${folder}/script.zsh`], { ...env, TERM: "dumb" }, LINES);
  const lines = printed.trimEnd().split("\n").map((line) => line.replace(/[ =-]*\|$/, ""));
  strictEqual(lines.length, PROPOSALS.length, printed);
  PROPOSALS.forEach(([line, words], index) => strictEqual(lines[index], completedBy(line, words).trimEnd(), line));
});

testIn("zsh", "loads the script as a function by its name, too", async ({ folder, env }) => {
  await Deno.copyFile(`${folder}/script.zsh`, `${folder}/_mcr`);
  const script = 'fpath=("$1" $fpath); autoload -Uz compinit; compinit -u -D; print $_comps[mcr]; zsh -n "$1/_mcr"';
  strictEqual(await runShell(["zsh", "-fc", script, "zsh", folder], env), "_mcr\n");
});

Deno.test("mcr completions prints the script of a shell, for all commands", async () => {
  for (const [shell, script] of Object.entries(SHELLS)) {
    let printed = "";
    const write = (text: string): Promise<void> => Promise.resolve(void (printed += text));
    strictEqual(await main(["completions", shell], { write, notice: () => {} }), 0);
    strictEqual(printed, script(await describeAll(COMMANDS)));
  }
});
