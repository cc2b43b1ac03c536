/**
 * Completions for bash.
 *
 * @module
 */
import { type Command, SOCKET_OPTION, spellings } from "../command.ts";
import { wordsOf } from "../command_tree.ts";
import { optionsOf, placesOf, type Proposal, proposalOf, quoteFor } from "./proposal.ts";

/** The script. It asks for interfaces and rules only when they can be meant. */
export function bashScript(commands: readonly Command[]): string {
  return HEAD + describeFunction(commands) + valueFunction(commands) + TAIL;
}

/** A case by path of what can follow there. */
function describeFunction(commands: readonly Command[]): string {
  const cases = placesOf(commands).map(({ paths, command }) => {
    const { subcommands = [], positional = "" } = command;
    return branch(paths, {
      commands: subcommands.flatMap(wordsOf).join(" "),
      options: optionsOf(command).flatMap(spellings).join(" "),
      argument: thingsOf(proposalOf(positional)),
    });
  });
  const top = { commands: commands.flatMap(wordsOf).join(" "), options: "--help --version --socket", argument: "" };
  return `
# What can follow the command $1.
_mcr_describe() {
    case $1 in
${[branch([""], top), ...cases].join("")}    esac
}
`;
}

function branch(paths: readonly string[], { commands, options, argument }: Record<string, string>): string {
  return `    ${paths.map((path) => quoteFor("sh", path)).join("|")})
        commands=${quoteFor("sh", commands!)}
        options=${quoteFor("sh", options!)}
        argument=${quoteFor("sh", argument!)} ;;
`;
}

/** A case by path and option of what its value can be. */
function valueFunction(commands: readonly Command[]): string {
  const cases = placesOf(commands).flatMap(({ paths, command }) => {
    return command.options.filter(({ value }) => value !== undefined).map((option) => {
      const patterns = paths.flatMap((path) => spellings(option).map((name) => quoteFor("sh", `${path} ${name}`)));
      return `    ${patterns.join("|")}) value=${quoteFor("sh", thingsOf(proposalOf(option.value!)))} ;;\n`;
    });
  });
  const early = `    *' --${SOCKET_OPTION.name}') value=file ;;\n`;
  return `
# What the value of option $2 of command $1 can be; fails where it takes none.
_mcr_value() {
    case "$1 $2" in
${[...cases, early].join("")}    *) return 1 ;;
    esac
}
`;
}

/** Kinds as they are, words with a \`=\` before them. */
function thingsOf({ kinds, words }: Proposal): string {
  return [...kinds, ...words.map((word) => `=${word}`)].join(" ");
}

const HEAD = `# Completions of mcr for bash, made by "mcr completions bash".

# Leaves out what the shell would do more with than take it for a word: interfaces may be called anything.
_mcr_plain() {
    grep -v -e '[$\`"\\;&|<>()]' -e "'"
}

_mcr_interfaces() {
    local path
    for path in /sys/class/net/*/; do
        path=\${path%/}
        printf '%s\\n' "\${path##*/}"
    done | _mcr_plain
}

# The live rules, by id and by name; nothing where no supervisor answers.
_mcr_rules() {
    "\${words[0]}" __complete rules \${socket:+--socket "$socket"} 2>/dev/null </dev/null | _mcr_plain
}

# Proposes the lines, up to a tab, that go on from $1, which begins with $2: the part of it that is done with.
_mcr_propose() {
    local word
    while IFS= read -r word; do
        word=\${word%%$'\\t'*}
        [[ -n $word && $2$word == "$1"* ]] && COMPREPLY+=("$2$word")
    done
}

# Proposes what the things in $2 can be for $1.
_mcr_things() {
    local thing item
    for thing in $2; do
        case $thing in
        interface) _mcr_propose "$1" '' < <(_mcr_interfaces) ;;
        interfaces) _mcr_propose "$1" "\${1%"\${1##*,}"}" < <(_mcr_interfaces) ;;
        outputs)
            # Colons in brackets are those of an address.
            item=\${1##*,}
            item=\${item/#\\[*\\]/}
            [[ $item != *:*:* || $item == *\\[* ]] || _mcr_propose "$1" "\${1%"\${1##*:}"}" < <(_mcr_interfaces)
            ;;
        rule) _mcr_propose "$1" '' < <(_mcr_rules) ;;
        file)
            compopt -o filenames 2>/dev/null
            _mcr_propose "$1" '' < <(compgen -f -- "$1")
            ;;
        =*) _mcr_propose "$1" '' <<<"\${thing#=}" ;;
        esac
    done
}
`;

const TAIL = `
_mcr() {
    # Split anew, at white space only: COMP_WORDS also breaks at the colons of a rule's id.
    local -a words
    local typed=\${COMP_LINE:0:COMP_POINT} path='' socket='' commands options argument value current index begun word
    read -ra words <<<"$typed"
    [[ $typed != *[[:space:]] ]] || words+=('')
    current=\${words[-1]}
    COMPREPLY=()

    _mcr_describe ''
    for ((index = 1; index < \${#words[@]} - 1; index++)); do
        word=\${words[index]}
        if [[ $word == --socket=* ]]; then
            socket=\${word#*=}
        elif [[ $word == -* ]]; then
            _mcr_value "$path" "$word" || continue
            index=$((index + 1))
            # Without the value: that is what is being typed.
            ((index < \${#words[@]} - 1)) || break
            [[ $word != --socket ]] || socket=\${words[index]}
        elif [[ $path == '' && $word == help ]]; then
            options='' argument=''
        elif [[ " $commands " == *" $word "* ]]; then
            path="\${path:+$path }$word"
            _mcr_describe "$path"
        fi
    done

    if ((index == \${#words[@]} - 1 && index > 1)) && [[ \${words[index - 1]} == -* ]] &&
        _mcr_value "$path" "\${words[index - 1]}"; then
        _mcr_things "$current" "$value"
    elif [[ $current == --*=* ]] && _mcr_value "$path" "\${current%%=*}"; then
        begun=\${current%%=*}=
        _mcr_things "\${current#*=}" "$value"
        COMPREPLY=("\${COMPREPLY[@]/#/$begun}")
    elif [[ $current == -* ]]; then
        _mcr_propose "$current" '' <<<"\${options// /$'\\n'}"
    else
        _mcr_propose "$current" '' <<<"\${commands// /$'\\n'}"
        _mcr_things "$current" "$argument"
    fi

    # Readline replaces only what follows the last character at which it breaks words.
    begun=''
    for word in : =; do
        [[ $COMP_WORDBREAKS == *$word* && $current == *$word* ]] || continue
        value=\${current%"\${current##*"$word"}"}
        ((\${#value} <= \${#begun})) || begun=$value
    done
    COMPREPLY=("\${COMPREPLY[@]#"$begun"}")
}

complete -F _mcr mcr
`;
