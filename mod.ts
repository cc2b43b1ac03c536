/**
 * Controls a running `mcr` from a program: a typed client for its control socket, the rule model, and the checks that
 * the supervisor itself makes.
 *
 * @example Add a rule
 * ```ts ignore
 * import { connect, parseOutput } from "@mcr/mcr";
 *
 * using client = await connect();
 * const rule = await client.call("rule.add", {
 *   input: { interface: "eth0", group: "239.1.1.1", port: 5001 },
 *   outputs: [parseOutput("239.2.2.2:6000:eth1")],
 * });
 * ```
 *
 * @module
 */
export { type Client, connect } from "./control/client.ts";
export { ControlError, type ErrorCode, NoDaemonError } from "./control/error.ts";
export type {
  DropEvent,
  EventFilter,
  EventKind,
  InterfaceEvent,
  MissedEvent,
  RelayEvent,
  RuleEvent,
  WorkerEvent,
} from "./control/event.ts";
export type { EventStream, NotificationStream, TraceStream } from "./control/event_stream.ts";
export type { Area, Level, LogLevels } from "./control/log_level.ts";
export type {
  Drops,
  InterfaceStatus,
  Latency,
  OutputCounters,
  Ports,
  Protocol,
  Rate,
  RateLimit,
  Rates,
  Rule,
  RuleCounters,
  RuleInput,
  RuleOutput,
  RuleSpec,
  RuleState,
  RuleStatus,
  Stats,
  WorkerCounters,
  WorkerState,
  WorkerStatus,
} from "./control/model.ts";
export type { MethodName, Methods, Nothing, RuleReference } from "./control/protocol.ts";
export { parseRuleSpec } from "./control/rule.ts";
export { ruleId } from "./control/rule_text.ts";
export { parseOutput } from "./control/rule_word.ts";
export { resolveSocketPath } from "./control/socket_path.ts";
export type {
  TracedDatagram,
  TraceEnd,
  TraceEvent,
  TraceNeighbour,
  TraceRequest,
  TraceSettings,
  TraceStep,
  TraceVerdict,
} from "./control/trace.ts";
export { PROTOCOL_VERSION, VERSION } from "./control/version.ts";
