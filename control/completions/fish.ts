/**
 * Completions for fish.
 *
 * @module
 */
import { type Command, type Option, SOCKET_OPTION } from "../command.ts";
import { wordsOf } from "../command_tree.ts";
import { type Kind, optionsOf, type Place, placesOf, proposalOf, quoteFor, valuedEarly } from "./proposal.ts";

/** The command substitution that lists the things of a kind. Of files fish knows by itself. */
const LISTS: Readonly<Record<Exclude<Kind, "file">, string>> = {
  interface: "(__mcr_interfaces)",
  interfaces: "(__mcr_after ',' 0)",
  outputs: "(__mcr_after ':' 2)",
  rule: "(__mcr_rules)",
  command: "(__mcr_commands)",
};

/** The script. */
export function fishScript(commands: readonly Command[]): string {
  const places = placesOf(commands);
  const lines = [...topLines(commands), ...places.flatMap(placeLines)];
  return HEAD + treeFunctions(commands, places) + TAIL + lines.join("\n") + "\n";
}

/** What the walk over the command line must know: the words that lead on from a path, and what to skip. */
function treeFunctions(commands: readonly Command[], places: readonly Place[]): string {
  const branches = [{ paths: [""], below: commands }].concat(
    places.flatMap(({ paths, command: { subcommands } }) => {
      return subcommands === undefined ? [] : [{ paths: [...paths], below: subcommands }];
    }),
  );
  const cases = branches.map(({ paths, below }) => {
    return `        case ${paths.map(quote).join(" ")}\n            set words ${below.flatMap(wordsOf).join(" ")}\n`;
  });
  return `
# The command that the line calls as far as it is typed, one line a word.
function __mcr_path
    set -l tokens (commandline -opc)
    set -e tokens[1]
    set -l path
    set -l skip
    for token in $tokens
        if set -q skip[1]
            set skip
        else if contains -- $token ${valuedEarly(commands, SOCKET_OPTION).join(" ")}
            set skip yes
        else if test "$path/$token" = /help
            # What it tells of is named as if it were called.
            continue
        else if not string match -q -- '-*' $token
            set -l words
            switch "$path"
${cases.join("").replaceAll(/^/gm, "    ").trimEnd()}
            end
            contains -- $token $words; or break
            set -a path $token
        end
    end
    string join \\n -- $path
end
`;
}

function topLines(commands: readonly Command[]): string[] {
  return [
    "complete -c mcr -f",
    `complete -c mcr -n '__mcr_at ""' -l version -d 'print the version'`,
    `complete -c mcr -n '__mcr_at ""' -s h -l help -d 'show help'`,
    `complete -c mcr -n '__mcr_at ""' ${optionFlags(SOCKET_OPTION)}`,
    ...commands.flatMap((command) => wordLines([""], command)),
  ];
}

/** The words that call a command where its path may go on with it. */
function wordLines(above: readonly string[], command: Command): string[] {
  return wordsOf(command).map((word) => {
    return `complete -c mcr -n ${at(above)} -a ${word} -d ${quote(command.summary)}`;
  });
}

function placeLines({ paths, command }: Place): string[] {
  const { subcommands = [], positional } = command;
  const below = subcommands.flatMap((one) => wordLines(paths, one));
  const options = optionsOf(command).map((option) => `complete -c mcr -n ${at(paths)} ${optionFlags(option)}`);
  const { kinds, words } = proposalOf(positional ?? "");
  if (kinds.length + words.length === 0) return [...below, ...options];
  return [...below, ...options, `complete -c mcr -n ${at(paths)} ${argumentFlags(kinds, words)}`];
}

function optionFlags({ name, aliases = [], short, value, help }: Option): string {
  const names = [...short === undefined ? [] : [`-s ${short}`], ...[name, ...aliases].map((one) => `-l ${one}`)];
  const flags = `${names.join(" ")} -d ${quote(help)}`;
  if (value === undefined) return flags;
  const { kinds, words } = proposalOf(value);
  return `${flags} -r ${argumentFlags(kinds, words)}`;
}

/** Of all things only files are proposed by default. */
function argumentFlags(kinds: readonly Kind[], words: readonly string[]): string {
  if (kinds.includes("file")) return "-F";
  const lists = kinds.flatMap((kind) => kind === "file" ? [] : LISTS[kind]);
  const all = [...lists, ...words];
  return all.length === 0 ? "-f" : `-f -a ${quote(all.join(" "))}`;
}

function at(paths: readonly string[]): string {
  return quote(`__mcr_at ${paths.map((path) => `"${path}"`).join(" ")}`);
}

function quote(text: string): string {
  return quoteFor("fish", text);
}

const HEAD = `# Completions of mcr for fish, made by "mcr completions fish".

function __mcr_interfaces
    for path in /sys/class/net/*/
        string match -rg '([^/]+)/$' -- $path
    end
end

# Interfaces behind what is typed up to the last $argv[1], of which there are at least $argv[2].
function __mcr_after
    set -l done (string match -rg -- "^(.*$argv[1])?" (commandline -ct | string replace -r -- '^--[a-z-]+=' ''))
    # Colons in brackets are those of an address.
    set -l item (string split -- , "$done")[-1]
    set item (string replace -r -- '^\\[.*\\]' '' "$item")
    string match -q -- '[*' "$item"; and return
    test (count (string split -- $argv[1] "$item")) -gt $argv[2]; or return
    for name in (__mcr_interfaces)
        echo $done$name
    end
end

# The live rules, by id and by name; nothing where no supervisor answers.
function __mcr_rules
    set -l tokens (commandline -opc)
    set -l socket
    if set -l index (contains -i -- --socket $tokens)
        set socket --socket $tokens[(math $index + 1)]
    end
    set -a socket (string match -- '--socket=*' $tokens)
    $tokens[1] __complete rules $socket 2>/dev/null </dev/null
end
`;

const TAIL = `
# Whether the line calls one of these commands.
function __mcr_at
    contains -- "$(__mcr_path | string join ' ')" $argv
end

function __mcr_commands
    complete -C 'mcr '
end

`;
