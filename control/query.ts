/**
 * The commands that ask the supervisor for something and show it.
 *
 * @module
 */
import {
  type Command,
  connectTo,
  JSON_OPTION,
  jsonLine,
  type Option,
  readArguments,
  SOCKET_OPTION,
} from "./command.ts";
import { soon } from "./client.ts";
import { UsageError } from "./error.ts";
import { parseWhole } from "./number.ts";
import type { Methods, Nothing } from "./protocol.ts";
import { watch } from "./watch.ts";

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
  /** Whether `--watch` asks again and again. */
  readonly isWatchable?: boolean;
}

const WATCH_OPTION: Option = {
  name: "watch",
  value: "[SECONDS]",
  help: "show it again every so many seconds, in place on a terminal; 1 unless given",
};

/** A day: who wants less often has cron. */
const WATCH_SECONDS_MAX = 86_400;

/** Makes the command: one call, its answer as text or, with `--json`, as it came. */
export function makeQuery<Name extends QueryName>({ method, format, isWatchable, ...texts }: Query<Name>): Command {
  const command: Command = {
    ...texts,
    usage: `mcr ${texts.name} ${isWatchable ? `[--watch ${WATCH_OPTION.value}] ` : ""}[-j] [--socket PATH]`,
    options: [...isWatchable ? [WATCH_OPTION] : [], JSON_OPTION, SOCKET_OPTION],

    async run(args, surroundings): Promise<string> {
      const given = readArguments(command, args);
      const seconds = readSeconds(given.one("watch"));
      using client = await connectTo(given);
      const isJson = given.has("json");
      const show = async (width?: number): Promise<string> => {
        const result = await soon(client.call(method, {}));
        return isJson ? jsonLine(result) : format(result, width);
      };
      if (seconds === undefined) return await show(surroundings.size?.()?.columns);
      return await watch(show, { seconds, isAppended: isJson, separator: isJson ? "" : "\n" }, surroundings);
    },
  };
  return command;
}

function readSeconds(text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  if (text === "") return 1;
  const seconds = parseWhole(text, 1, WATCH_SECONDS_MAX);
  if (seconds !== undefined) return seconds;
  throw new UsageError(`Cannot use --watch "${text}": expected seconds, 1 to ${WATCH_SECONDS_MAX}`);
}
