/**
 * `mcr log-level`: how much the supervisor logs, asked and changed while it runs.
 *
 * @module
 */
import { type Command, connectTo, JSON_OPTION, jsonLine, readArguments, SOCKET_OPTION } from "../command.ts";
import { makeGroup } from "../command_tree.ts";
import { UsageError } from "../error.ts";
import { AREAS, EXPECTED_LEVELS, type LogLevels, parseLogLevels } from "../log_level.ts";
import { formatTable } from "../table.ts";

const get: Command = {
  name: "log-level get",
  usage: "mcr log-level get [-j] [--socket PATH]",
  summary: "Show the lowest level that is logged, by area",
  example: "mcr log-level get",
  options: [JSON_OPTION, SOCKET_OPTION],

  async run(args): Promise<string> {
    const given = readArguments(get, args);
    using client = await connectTo(given);
    const result = await client.call("log.level", {});
    return given.has("json") ? jsonLine(result) : formatLevels(result.levels);
  },
};

const set: Command = {
  name: "log-level set",
  usage: "mcr log-level set [AREA=]LEVEL[,...] [-j] [--socket PATH]",
  summary: "Change the lowest level that is logged, of one area or of all",
  example: "mcr log-level set worker=debug\nmcr log-level set info,audit=warning",
  options: [JSON_OPTION, SOCKET_OPTION],
  positionalsMax: 1,
  positional: "[AREA=]LEVEL",

  async run(args): Promise<string> {
    const given = readArguments(set, args);
    const word = given.positionals[0];
    if (word === undefined) throw new UsageError(`Cannot set no level: expected ${EXPECTED_LEVELS}`);
    const levels = parseLogLevels(word, "level");
    using client = await connectTo(given);
    const result = await client.call("log.level", { levels });
    return given.has("json") ? jsonLine(result) : formatLevels(result.levels);
  },
};

/** The `log-level` command. */
export const logLevel: Command = makeGroup({
  name: "log-level",
  summary: "Show or change how much the supervisor logs",
  details: `Levels: debug, info, warning, error.
Areas: ${AREAS.join(", ")}.
A change lasts as long as the supervisor; mcr run --log-level says where it
begins.`,
  example: "mcr log-level get\nmcr log-level set worker=debug",
  subcommands: [get, set],
});

function formatLevels(levels: LogLevels): string {
  return formatTable([{ heading: "AREA" }, { heading: "LEVEL" }], AREAS.map((area) => [area, levels[area]]));
}
