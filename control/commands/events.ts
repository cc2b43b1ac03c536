/**
 * `mcr events`: what happens in the relay, as it happens.
 *
 * @module
 */
import {
  type Arguments,
  type Command,
  connectTo,
  JSON_OPTION,
  jsonLine,
  readArguments,
  SOCKET_OPTION,
} from "../command.ts";
import { UsageError } from "../error.ts";
import { EVENT_KINDS, type EventFilter, EXPECTED_KINDS, isEventKind, type RelayEvent } from "../event.ts";
import { printable } from "../table.ts";

/** The `events` command. */
export const events: Command = {
  name: "events",
  usage: "mcr events [--kind KIND[,...]] [-j] [--socket PATH]",
  summary: "Show what happens in the relay, until interrupted",
  details: `Prints a line for each event, with its time in UTC: rules that are added,
removed, replaced, or wait for an interface; workers that end and are started
again; interfaces that come, go or change; drops: the first of a reason, the
10th, the 100th and so on, and one a minute as long as it goes on. Says on
standard error when it begins. A reader that is too slow is told how many events
it has missed.`,
  example: "mcr events\nmcr events --kind drop,interface\nmcr events -j | jq .kind",
  options: [
    {
      name: "kind",
      value: "KIND[,...]",
      isRepeatable: true,
      help: `only these: ${EVENT_KINDS.join(", ")}`,
    },
    JSON_OPTION,
    SOCKET_OPTION,
  ],

  async run(args, { write, notice }): Promise<string> {
    const given = readArguments(events, args);
    const filter = readFilter(given);
    using client = await connectTo(given);
    using stream = client.events(filter);
    await stream.opened;
    notice("mcr: waiting for events, Ctrl-C ends\n");
    for await (const event of stream) await write(given.has("json") ? jsonLine(event) : formatEventLine(event));
    return "";
  },
};

function readFilter(given: Arguments): EventFilter {
  const kinds = given.all("kind").flatMap((list) => list.split(","));
  const wrong = kinds.find((kind) => !isEventKind(kind));
  if (wrong !== undefined) throw new UsageError(`Cannot use --kind "${wrong}": expected ${EXPECTED_KINDS}`);
  return kinds.length === 0 ? {} : { kinds: kinds.filter(isEventKind) };
}

/** An event as a line for people. */
export function formatEventLine(event: RelayEvent): string {
  return `${event.time} ${event.kind} ${printable(describe(event))}\n`;
}

function describe(event: RelayEvent): string {
  switch (event.kind) {
    case "rule": {
      const { type, id, name, state, waiting_for = [] } = event;
      const title = name === undefined ? id : `${id} (${name})`;
      const waiting = waiting_for.length === 0 ? "" : `, waiting for ${waiting_for.join(", ")}`;
      if (type === "state") return `${title} is ${state}${waiting}`;
      return `${title} ${type}${state === undefined ? "" : `, ${state}${waiting}`}`;
    }
    case "worker":
      return `${event.index} (pid ${event.pid}) ${event.type}${
        event.status === undefined ? "" : ` with ${event.status}`
      }`;
    case "interface": {
      const { name, type, up, mtu, addresses } = event;
      return `${name} ${type}${
        type === "went" ? "" : `: ${[up ? "up" : "down", `mtu ${mtu}`, ...addresses].join(", ")}`
      }`;
    }
    case "drop":
      return `${event.reason}: ${event.count} datagrams: ${event.advice}`;
    case "missed":
      return `${event.count} events: read faster`;
  }
}
