/**
 * `mcr version`: this program's version and, if one is running, the supervisor's.
 *
 * @module
 */
import { connectUnheard } from "../client.ts";
import { type Arguments, type Command, JSON_OPTION, jsonLine, readArguments, SOCKET_OPTION } from "../command.ts";
import { NoDaemonError } from "../error.ts";
import type { Methods } from "../protocol.ts";
import { resolveSocketPath } from "../socket_path.ts";
import { PROTOCOL_VERSION, VERSION } from "../version.ts";

/** The `version` command. */
export const version: Command = {
  name: "version",
  usage: "mcr version [-j] [--socket PATH]",
  summary: "Print the version, and that of the running supervisor",
  example: "mcr version",
  options: [JSON_OPTION, SOCKET_OPTION],

  async run(args): Promise<string> {
    const given = readArguments(version, args);
    const supervisor = await askSupervisor(given);
    if (given.has("json")) {
      return jsonLine({ version: VERSION, protocol: PROTOCOL_VERSION, supervisor });
    }
    const ours = `mcr ${VERSION}\n`;
    if (supervisor === undefined) return ours;
    return `${ours}supervisor ${supervisor.version}, abi ${supervisor.abi}, protocol ${supervisor.protocol}\n`;
  },
};

/** No supervisor is an answer too. */
async function askSupervisor(given: Arguments): Promise<Methods["version"]["result"] | undefined> {
  try {
    using client = await connectUnheard(resolveSocketPath(given.one("socket"), "client"));
    return await client.call("version", {});
  } catch (error) {
    if (error instanceof NoDaemonError) return undefined;
    throw error;
  }
}
