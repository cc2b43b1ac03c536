/**
 * `mcr remove`: asks the supervisor to forget one rule.
 *
 * @module
 */
import { type Command, connectTo, JSON_OPTION, jsonLine, readArguments, SOCKET_OPTION } from "../command.ts";
import { UsageError } from "../error.ts";

/** The `remove` command. */
export const remove: Command = {
  name: "remove",
  usage: "mcr remove ID|NAME [-j] [--socket PATH]",
  summary: "Remove a rule from the running relay",
  details: "Returns when no worker relays by the rule any more.",
  example: "mcr remove 239.1.1.1:5001:eth0",
  options: [JSON_OPTION, SOCKET_OPTION],
  positionalsMax: 1,
  positional: "ID|NAME",

  async run(args): Promise<string> {
    const given = readArguments(remove, args);
    const [id] = given.positionals;
    if (!id) throw new UsageError(`Cannot remove a rule without its id or name: expected ${remove.usage}`);
    using client = await connectTo(given);
    const result = await client.call("rule.remove", { id });
    return given.has("json") ? jsonLine(result) : `rule ${result.id} removed\n`;
  },
};
