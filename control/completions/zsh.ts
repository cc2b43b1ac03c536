/**
 * Completions for zsh.
 *
 * @module
 */
import { type Command, type Option, SOCKET_OPTION, spellings } from "../command.ts";
import { wordsOf } from "../command_tree.ts";
import { type Kind, optionsOf, type Proposal, proposalOf, quoteFor } from "./proposal.ts";

/** The function that proposes the things of a kind. */
const ACTIONS: Readonly<Record<Kind, string>> = {
  interface: "__mcr_interfaces",
  interfaces: "__mcr_listed",
  outputs: "__mcr_outputs",
  rule: "__mcr_rules",
  file: "_files",
  command: "__mcr_commands",
};

/** The script: a function to load by name, or to source. */
export function zshScript(commands: readonly Command[]): string {
  const top: readonly Option[] = [SOCKET_OPTION, { name: "version", help: "print the version" }];
  return HEAD + holderFunction("__mcr_commands", "__mcr_at_top", commands, top) +
    commands.map((command) => commandFunctions(command)).join("") + TAIL;
}

function commandFunctions(command: Command): string {
  const { subcommands, positional, positionalsMax = 0 } = command;
  const name = functionOf(command);
  if (subcommands !== undefined) {
    return holderFunction(`_${name}_commands`, name, subcommands, optionsOf(command)) +
      subcommands.map(commandFunctions).join("");
  }
  const specs = optionsOf(command).flatMap(optionSpecs);
  if (positional !== undefined) {
    specs.push(quote(`${positionalsMax === 1 ? "1" : "*"}:${escape(positional)}:${actionOf(proposalOf(positional))}`));
  }
  return `
${name}() {
    _arguments -s ${specs.join(" \\\n        ")}
}
`;
}

/** Two functions: one proposes commands, the other leads on to the one that was typed. */
function holderFunction(list: string, name: string, below: readonly Command[], options: readonly Option[]): string {
  const words = below.flatMap((command) => {
    return wordsOf(command).map((word) => quote(`${word}:${command.summary}`));
  });
  // What help tells of is named as if it were called.
  const next = (command: Command): string => command.name === "help" ? name : functionOf(command);
  const cases = below.map((command) => `        ${wordsOf(command).join("|")}) ${next(command)} ;;\n`);
  const specs = options.flatMap(optionSpecs);
  return `
${list}() {
    local -a commands=(
        ${words.join("\n        ")}
    )
    _describe -t commands command commands
}

${name}() {
    local context state state_descr line
    typeset -A opt_args
    _arguments -C -s ${specs.join(" \\\n        ")} \\
        '1:command:${list}' '*::argument:->argument' && return
    if [[ $state == argument ]]; then
        case $words[1] in
${cases.join("")}        esac
    fi
}
`;
}

/** Two underscores begin the names of all other functions. */
function functionOf({ name }: Command): string {
  return `_mcr_${name.replaceAll(/[ -]/g, "_")}`;
}

/** One specification for each spelling; which of them exclude each other is not worth knowing. */
function optionSpecs(option: Option): string[] {
  const repeats = option.isRepeatable ? "*" : "";
  return spellings(option).map((spelling) => {
    const title = `${repeats}${spelling}${valueMark(spelling, option)}[${escape(option.help)}]`;
    if (option.value === undefined) return quote(title);
    return quote(`${title}:${escape(option.value)}:${actionOf(proposalOf(option.value))}`);
  });
}

/** \`--name=\` takes its value in the same word or in the next one, \`-n+\` too. */
function valueMark(spelling: string, { value }: Option): string {
  if (value === undefined) return "";
  return spelling.startsWith("--") ? "=" : "+";
}

/** A space proposes nothing, but says what is expected. */
function actionOf({ kinds, words }: Proposal): string {
  if (kinds.length > 0) return ACTIONS[kinds[0]!];
  return words.length > 0 ? `(${words.join(" ")})` : " ";
}

function escape(text: string): string {
  return text.replaceAll(/[\\[\]:]/g, "\\$&");
}

function quote(text: string): string {
  return quoteFor("sh", text);
}

const HEAD = `#compdef mcr
# Completions of mcr for zsh, made by "mcr completions zsh".

__mcr_interfaces() {
    local -a names=(/sys/class/net/*(N:t))
    compadd "$@" -a names
}

__mcr_listed() {
    compset -P '*,'
    __mcr_interfaces
}

# The interface of GROUP:PORT:IFACE. Colons in brackets are those of an address.
__mcr_outputs() {
    compset -P '*,'
    [[ \${(Q)PREFIX} != \\[* || \${(Q)PREFIX} == \\[*\\]:*:* ]] || return 1
    compset -P '*:*:' && __mcr_interfaces
}

# The live rules, by id and by name; nothing where no supervisor answers.
__mcr_rules() {
    local -a at rules ids
    local index=\${typed[(i)--socket]}
    (( index >= $#typed )) || at=(--socket $typed[index+1])
    at+=(\${(M)typed:#--socket=*})
    rules=("\${(@f)$($typed[1] __complete rules $at 2>/dev/null </dev/null)}")
    rules=(\${rules:#})
    (( $#rules )) || return 1
    ids=(\${rules%%$'\\t'*})
    rules=(\${rules/$'\\t'/  -- })
    compadd -l -d rules -a ids
}
`;

const TAIL = `
_mcr() {
    # What was typed, whole; the functions above see only their part of it.
    local -a typed=($words)
    __mcr_at_top
}

if [[ $funcstack[1] == _mcr ]]; then
    _mcr "$@"
else
    compdef _mcr mcr
fi
`;
