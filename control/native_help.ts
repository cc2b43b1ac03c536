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
  const { options, text } = readBody(rest!);
  return {
    ...command,
    usage,
    details: `${summary}\n\n${text}`.trimEnd(),
    example: `# ${title}\n${lines.map((line) => line.trim()).join("\n    ")}`,
    options,
  };
}

/** The options but for `--help`, which all commands have, and the text between and after them. */
function readBody(body: string): { options: Option[]; text: string } {
  const options: Option[] = [];
  const text: string[] = [];
  for (const line of body.split("\n")) {
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
    } else if (/^ +-/.test(line)) {
      throw new TypeError(`Cannot read a line of help as an option: "${line}"`);
    } else {
      text.push(line);
    }
  }
  return {
    options: options.filter(({ name }) => name !== "help"),
    text: text.join("\n").trim().replaceAll(/\n{3,}/g, "\n\n"),
  };
}
