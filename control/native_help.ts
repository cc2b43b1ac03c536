/**
 * Reads the help of the native programs, which alone know their options, so that completions and man pages have them.
 *
 * @module
 */
import type { Command, Option } from "./command.ts";

/** A line of options: two spaces, `-j, --json` or `--port N`, two spaces or more, what it does. */
const OPTION = /^ {2}(?:-(?<short>\w), )?--(?<name>[a-z-]+)(?: (?<value>\S+))? {2,}(?<help>\S.*)$/;
const CONTINUED = /^ {10,}(\S.*)$/;

/** The command with what the help of its program says of it. */
export function describeNative(command: Command, help: string): Command {
  const { groups: { usage, summary, example, rest } = {} } =
    /^Usage: (?<usage>.*)\n\n(?<summary>[^]*?)\n\nExample: (?<example>[^]*?)\n\n(?<rest>[^]*)$/.exec(help) ?? {};
  if (usage === undefined) throw new TypeError(`Cannot read the help of mcr ${command.name}: it has another form`);
  const [title, ...lines] = example!.split("\n");
  return {
    ...command,
    usage,
    details: [summary!, ...rest!.split("\n\n").slice(1)].join("\n\n").trimEnd(),
    example: `# ${title}\n${lines.map((line) => line.trim()).join("\n    ")}`,
    options: readOptions(rest!.split("\n\n")[0]!),
  };
}

/** The options but for `--help`, which all commands have. */
function readOptions(text: string): Option[] {
  const options: Option[] = [];
  for (const line of text.split("\n")) {
    const { groups } = OPTION.exec(line) ?? {};
    const continued = CONTINUED.exec(line)?.[1];
    if (groups !== undefined) {
      const { short, name, value, help } = groups;
      options.push({
        name: name!,
        ...(short === undefined ? {} : { short }),
        ...(value === undefined ? {} : { value }),
        help: help!,
      });
    } else if (continued !== undefined && options.length > 0) {
      const last = options.pop()!;
      options.push({ ...last, help: `${last.help} ${continued}` });
    } else {
      throw new TypeError(`Cannot read a line of help as an option: "${line}"`);
    }
  }
  return options.filter(({ name }) => name !== "help");
}
