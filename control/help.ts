/**
 * Help texts, made from what the commands say of themselves. Examples come first: most who ask want one.
 *
 * @module
 */
import { type Command, type Option, spellings } from "./command.ts";
import { wordOf } from "./command_tree.ts";

const WIDTH = 80;

/** What `mcr help` prints. */
export function overview(commands: readonly Command[]): string {
  return `mcr - relay UDP multicast between interfaces

  mcr run                       # start the relay, then in another terminal:
  mcr add --in eth0 --group 239.1.1.1 --port 5001 --out 239.2.2.2:6000:eth1
  mcr stats                     # see what it does

usage: mcr COMMAND [OPTION...]

${commandLines(commands)}

"mcr help COMMAND" tells more of one. Exit status: 0 done, 1 refused or failed,
2 wrong use, 3 no supervisor.
`;
}

/** What `mcr help COMMAND` and `mcr COMMAND --help` print. */
export function commandHelp(command: Command): string {
  const { usage, summary, details, example, options, subcommands, aliases = [] } = command;
  const parts = [`${summary}.`, indented(example), wrap(`usage: ${usage}`, "         ")];
  if (details !== undefined) parts.push(details);
  if (subcommands !== undefined) parts.push(`commands:\n${commandLines(subcommands)}`);
  if (options.length > 0) parts.push(`options:\n${optionLines(options)}`);
  if (aliases.length > 0) parts.push(`also called: ${aliases.join(", ")}`);
  return parts.join("\n\n") + "\n";
}

/** An option as it is written, all ways, with what its value is called: `-j, --json`. */
export function optionTitle(option: Option): string {
  return spellings(option).join(", ") + (option.value === undefined ? "" : ` ${option.value}`);
}

function commandLines(commands: readonly Command[]): string {
  const width = Math.max(...commands.map((command) => wordOf(command).length));
  return commands.map((command) => `  ${wordOf(command).padEnd(width)}  ${command.summary}`).join("\n");
}

function optionLines(options: readonly Option[]): string {
  return options.map((option) => `  ${optionTitle(option)}\n${wrap(`      ${option.help}`, "      ")}`).join("\n");
}

function indented(text: string): string {
  return `  ${text.replaceAll("\n", "\n  ")}`;
}

/** Breaks a line at spaces that stand in no brackets; the lines after the first begin with `indent`. */
function wrap(text: string, indent: string): string {
  const lines: string[] = [];
  let line = "";
  for (const word of text.split(/(?<=\S) +(?![^[]*\])/)) {
    if (line !== "" && line.length + 1 + word.length > WIDTH) {
      lines.push(line);
      line = indent + word;
    } else {
      line = line === "" ? word : `${line} ${word}`;
    }
  }
  return [...lines, line].join("\n");
}
