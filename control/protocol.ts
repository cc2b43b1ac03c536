/**
 * The language of the control socket: JSON-RPC 2.0, one object a line. Declares the methods with their types, and turns
 * requests and replies into lines and back. Knows neither sockets nor rules.
 *
 * @module
 */
import { quote } from "./check.ts";
import { ControlError, type ErrorCode, messageOf } from "./error.ts";
import type { Config } from "./config.ts";
import type { EventFilter, EventKind } from "./event.ts";
import type { LogLevels } from "./log_level.ts";
import type { InterfaceStatus, RuleSpec, RuleStatus, Stats, WorkerStatus } from "./model.ts";

import type { RulesDifference } from "./rule_difference.ts";
import type { TraceRequest, TraceSettings } from "./trace.ts";

/** Bytes in one request line, its newline not counted: a rule of 1024 outputs takes less than a tenth of it. */
export const LINE_BYTES_MAX = 1 << 20;

/** Parameters of a method that has none. */
export type Nothing = Record<string, never>;

/** Names one rule, by its id or by its name. */
export interface RuleReference {
  readonly id: string;
}

/** The methods: what each takes and what it answers. */
export interface Methods {
  "rule.add": { params: RuleSpec; result: RuleStatus };
  "rule.replace": { params: RuleSpec; result: RuleStatus };
  "rule.remove": { params: RuleReference; result: RuleReference };
  "rule.list": { params: Nothing; result: { readonly rules: readonly RuleStatus[] } };
  "rule.get": { params: RuleReference; result: RuleStatus };
  "config.get": { params: Nothing; result: { readonly config: Config; readonly file?: string } };
  "config.check": { params: { readonly config: Config }; result: { readonly rules: number } };
  "config.stage": { params: { readonly rules: readonly RuleSpec[] }; result: { readonly staged: number } };
  "config.apply": {
    params: { readonly rules: readonly RuleSpec[]; readonly dry_run?: boolean; readonly merge?: boolean };
    result: RulesDifference;
  };
  "stats.get": { params: Nothing; result: Stats };
  "worker.list": { params: Nothing; result: { readonly workers: readonly WorkerStatus[] } };
  "interface.list": { params: Nothing; result: { readonly interfaces: readonly InterfaceStatus[] } };
  "log.level": { params: { readonly levels?: Partial<LogLevels> }; result: { readonly levels: LogLevels } };
  "event.subscribe": { params: EventFilter; result: { readonly kinds: readonly EventKind[] } };
  "trace.start": { params: TraceRequest; result: TraceSettings };
  "ping": { params: Nothing; result: { readonly pid: number; readonly uptime_ms: number } };
  "version": {
    params: { readonly protocol?: readonly number[] };
    result: { readonly version: string; readonly abi: number; readonly protocol: number };
  };
}

/** The name of a method. */
export type MethodName = keyof Methods;

/** The connection on which a method is called, for what it has to say after its answer. */
export interface Session {
  /** Sends a line after what waits already, at once; false when too much waits, and the line is forgotten. */
  notify(line: string): boolean;
  /** Resolves when nothing waits any more. */
  flushed(): Promise<void>;
  /** Has something called when the connection ends. */
  onEnd(call: () => void): void;
}

/** What answers requests: one function a method, each of which checks its own parameters. */
export type MethodTable = {
  readonly [Name in MethodName]: (
    params: unknown,
    session?: Session,
  ) => Methods[Name]["result"] | Promise<Methods[Name]["result"]>;
};

/** Whether a request changes anything, which not every client may. */
export const IS_CHANGE: Readonly<Record<MethodName, (params: unknown) => boolean>> = {
  "rule.add": () => true,
  "rule.replace": () => true,
  "rule.remove": () => true,
  "rule.list": () => false,
  "rule.get": () => false,
  "config.get": () => false,
  "config.check": () => false,
  "config.stage": () => false,
  "config.apply": (params) => !(typeof params === "object" && params !== null && "dry_run" in params && params.dry_run),
  "stats.get": () => false,
  "worker.list": () => false,
  "interface.list": () => false,
  "log.level": (params) => typeof params === "object" && params !== null && "levels" in params,
  "event.subscribe": () => false,
  // It changes nothing, but shows who sends what to whom, and payloads.
  "trace.start": () => true,
  "ping": () => false,
  "version": () => false,
};

/** A request id: what the client chose, or `null` in an answer to something that had none that could be read. */
export type RequestId = string | number | null;

/** A request as it came, its parameters not yet looked at. A notification has no id and gets no answer. */
export interface Request {
  readonly id?: RequestId;
  readonly method: string;
  readonly params: unknown;
}

/** The numbers that JSON-RPC 2.0 reserves. */
export const RPC = {
  parseError: -32700,
  invalidRequest: -32600,
  methodNotFound: -32601,
  invalidParams: -32602,
  internalError: -32603,
} as const;

/** The number that goes with each code; where JSON-RPC reserves one for the same thing, that one. */
export const RPC_NUMBERS: Readonly<Record<ErrorCode, number>> = {
  invalid: RPC.invalidParams,
  duplicate: -32001,
  loop: -32002,
  not_found: -32003,
  failed: -32004,
  limit: -32005,
  forbidden: -32006,
};

/** A request that could not even be dispatched; `rpcNumber` says at which step it failed. */
export class RequestError extends ControlError {
  readonly rpcNumber: number;
  /** The id of the request, where one could be read. */
  readonly id: RequestId;

  constructor(rpcNumber: number, code: ErrorCode, message: string, id: RequestId = null) {
    super(code, message);
    this.rpcNumber = rpcNumber;
    this.id = id;
  }
}

/** Reads one line as a request; throws a `RequestError` when it is none. */
export function parseRequest(line: Uint8Array): Request {
  const value = parseJson(line);
  if (Array.isArray(value)) refuseRequest("it is a batch, send one object a line instead");
  if (typeof value !== "object" || value === null) refuseRequest("it is no object");
  const { jsonrpc, id, method, params } = value as Record<string, unknown>;
  // A larger one would come back as its neighbour.
  const isId = typeof id === "string" || (typeof id === "number" && Math.abs(id) <= Number.MAX_SAFE_INTEGER) ||
    id === null;
  if (id !== undefined && !isId) refuseRequest('its "id" is neither a string nor a number of at most 2^53 - 1');
  const known = (id ?? null) as RequestId;
  if (jsonrpc !== "2.0") refuseRequest(`its "jsonrpc" is ${quote(jsonrpc)}, expected "2.0"`, known);
  if (typeof method !== "string") refuseRequest(`its "method" is ${quote(method)}, expected a string`, known);
  return { ...(id === undefined ? {} : { id: known }), method, params };
}

const UTF8 = new TextDecoder("utf-8", { fatal: true });

function parseJson(line: Uint8Array): unknown {
  try {
    return JSON.parse(UTF8.decode(line));
  } catch (error) {
    const why = error instanceof SyntaxError ? messageOf(error) : "it is not UTF-8";
    throw new RequestError(RPC.parseError, "invalid", `Cannot parse the line as JSON: ${why}`);
  }
}

function refuseRequest(why: string, id: RequestId = null): never {
  throw new RequestError(RPC.invalidRequest, "invalid", `Cannot take the line as a request: ${why}`, id);
}

/** The line of a notification: what nobody asked for at this moment. */
export function formatNotification(method: string, params: unknown): string {
  return JSON.stringify({ jsonrpc: "2.0", method, params }) + "\n";
}

/** The line that answers a request with its result. */
export function formatResult(id: RequestId, result: unknown): string {
  return JSON.stringify({ jsonrpc: "2.0", id, result }) + "\n";
}

/** The line that answers a request with what went wrong. */
export function formatError(id: RequestId, error: unknown): string {
  return JSON.stringify({ jsonrpc: "2.0", id, error: describeError(error) }) + "\n";
}

function describeError(error: unknown): { code: number; message: string; data: { code: ErrorCode; path?: string } } {
  if (!(error instanceof ControlError)) {
    return { code: RPC.internalError, message: messageOf(error), data: { code: "failed" } };
  }
  return {
    code: error instanceof RequestError ? error.rpcNumber : RPC_NUMBERS[error.code],
    message: error.message,
    data: { code: error.code, ...(error.path === undefined ? {} : { path: error.path }) },
  };
}

/** An answer: to the request `id`, its result or what went wrong. */
export type Reply = { readonly id: RequestId; readonly result: unknown } | {
  readonly id: RequestId;
  readonly error: ControlError;
};

/** Reads one line as an answer; throws a `SyntaxError` when it is none. */
export function parseReply(line: Uint8Array): Reply {
  const value = parseAnswer(line);
  if (typeof value !== "object" || value === null) throw new SyntaxError("Cannot parse the reply: it is no object");
  const { id, result, error } = value as { id?: RequestId; result?: unknown; error?: unknown };
  if (id === undefined) throw new SyntaxError('Cannot parse the reply: it has no "id"');
  if (error === undefined) return { id, result };
  const { message, data } = error as { message?: unknown; data?: { code?: ErrorCode; path?: string } };
  return { id, error: new ControlError(data?.code ?? "failed", String(message), data?.path) };
}

/** Reads one line as a notification, whose parameters it returns; throws a `SyntaxError` when it is none. */
export function parseNotification(line: Uint8Array): unknown {
  const { id, method, params } = (parseAnswer(line) ?? {}) as Record<string, unknown>;
  if (id !== undefined || method === undefined) throw new SyntaxError("Cannot take the line as a notification");
  return params;
}

function parseAnswer(line: Uint8Array): unknown {
  try {
    return JSON.parse(new TextDecoder().decode(line));
  } catch (cause) {
    throw new SyntaxError("it broke off in the middle of a line, or speaks no JSON", { cause });
  }
}
