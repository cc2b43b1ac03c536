/**
 * Help texts, made from what the commands say of themselves.
 *
 * @module
 */
import type { Command, Option } from "./command.ts";

const WIDTH = 80;

/** What `mcr help` prints. */
export function overview(commands: readonly Command[]): string {
  const width = Math.max(...commands.map(({ name }) => name.length));
  const lines = commands.map(({ name, summary }) => `  ${name.padEnd(width)}  ${summary}`);
  return `mcr - relay UDP multicast between interfaces

usage: mcr COMMAND [OPTION...]

${lines.join("\n")}

"mcr help COMMAND" tells more of one. Exit status: 0 done, 1 refused or failed,
2 wrong use, 3 no supervisor.
`;
}

/** What `mcr help COMMAND` and `mcr COMMAND --help` print. */
export function commandHelp(command: Command): string {
  const { usage, summary, details, example, options, aliases = [] } = command;
  const parts = [wrap(`usage: ${usage}`, "         "), `${summary}.`];
  if (details !== undefined) parts.push(details);
  if (options.length > 0) parts.push(`options:\n${optionLines(options)}`);
  if (aliases.length > 0) parts.push(`also called: ${aliases.join(", ")}`);
  parts.push(`example:\n  ${example.replaceAll("\n", "\n  ")}`);
  return parts.join("\n\n") + "\n";
}

function optionLines(options: readonly Option[]): string {
  return options.map((option) => {
    const names = [option.name, ...option.aliases ?? []].map((name) => `--${name}`);
    if (option.short !== undefined) names.unshift(`-${option.short}`);
    const value = option.value === undefined ? "" : ` ${option.value}`;
    return `  ${names.join(", ")}${value}\n${wrap(`      ${option.help}`, "      ")}`;
  }).join("\n");
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
