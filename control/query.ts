/**
 * The commands that ask the supervisor for something and show it.
 *
 * @module
 */
import { type Command, connectTo, JSON_OPTION, jsonLine, readArguments, SOCKET_OPTION } from "./command.ts";
import type { Methods, Nothing } from "./protocol.ts";

/** The methods that take no parameters. */
type QueryName = { [Name in keyof Methods]: Methods[Name]["params"] extends Nothing ? Name : never }[keyof Methods];

/** What makes one such command different from the others. */
export interface Query<Name extends QueryName> {
  readonly name: string;
  readonly summary: string;
  readonly details?: string;
  readonly example: string;
  readonly method: Name;
  /** The answer as text for people, in lines of at most `width` columns; on a terminal they are given. */
  readonly format: (result: Methods[Name]["result"], width?: number) => string;
}

/** Makes the command: one call, its answer as text or, with `--json`, as it came. */
export function makeQuery<Name extends QueryName>({ method, format, ...texts }: Query<Name>): Command {
  const command: Command = {
    ...texts,
    usage: `mcr ${texts.name} [-j] [--socket PATH]`,
    options: [JSON_OPTION, SOCKET_OPTION],

    async run(args, { size }): Promise<string> {
      const given = readArguments(command, args);
      using client = await connectTo(given);
      const result = await client.call(method, {});
      return given.has("json") ? jsonLine(result) : format(result, size?.()?.columns);
    },
  };
  return command;
}
