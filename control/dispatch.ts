/**
 * From a request line to its reply line: finds the method, calls it, and turns whatever it throws into an error reply.
 *
 * @module
 */
import { quote } from "./check.ts";
import { ControlError, messageOf } from "./error.ts";
import type { Log, Logs } from "./log.ts";
import {
  formatError,
  formatResult,
  IS_CHANGE,
  type MethodName,
  type MethodTable,
  parseRequest,
  type Request,
  RequestError,
  RPC,
  type Session,
} from "./protocol.ts";
import { didYouMean } from "./suggest.ts";

/** Parameters as long as this show what a change was about; a whole rule of one output has 150. */
const AUDIT_LENGTH_MAX = 1000;

/** Who a request comes from, as far as it matters here. */
export interface Asker {
  readonly mayChange: boolean;
  /** Who that is, for the log. */
  readonly identity: { readonly uid: number; readonly pid: number; readonly command: string };
}

/** Where faults are logged, and who changed what. */
export type ServerLogs = Pick<Logs, "control" | "audit">;

/**
 * Carries out the request in `line` and makes the line to answer, or `null` for a notification. What needs no waiting is
 * answered at once, so that the caller knows the size of the answer before it takes the next request. Never rejects.
 */
export function answerLine(
  line: Uint8Array,
  methods: MethodTable,
  logs: ServerLogs,
  asker: Asker,
  session?: Session,
): string | null | Promise<string | null> {
  let request: Request;
  try {
    request = parseRequest(line);
  } catch (error) {
    return formatError(error instanceof RequestError ? error.id : null, error);
  }
  const { id, method } = request;
  const succeed = (result: unknown): string | null => {
    audit(request, asker, logs.audit, "done");
    return id === undefined ? null : formatResult(id, result);
  };
  const fail = (error: unknown): string | null => {
    if (!(error instanceof ControlError)) {
      logs.control("{method} failed: {fault}", "error", { method, fault: describeFault(error) });
    }
    audit(request, asker, logs.audit, messageOf(error));
    return id === undefined ? null : formatError(id, error);
  };
  try {
    const result = callMethod(request, methods, asker, session);
    return result instanceof Promise ? result.then(succeed).catch(fail) : succeed(result);
  } catch (error) {
    return fail(error);
  }
}

function callMethod({ id, method, params }: Request, methods: MethodTable, asker: Asker, session?: Session): unknown {
  if (!Object.hasOwn(methods, method)) {
    const hint = didYouMean(method, Object.keys(methods));
    const message = `Cannot call ${quote(method)}: no such method${hint}`;
    throw new RequestError(RPC.methodNotFound, "not_found", message, id ?? null);
  }
  if (isChange(method, params) && !asker.mayChange) {
    const wanted = "be root, the user of the supervisor or in the group of its socket";
    throw new ControlError(
      "forbidden",
      `Cannot call ${quote(method)}: this user may look but change nothing; ${wanted}`,
    );
  }
  return methods[method as keyof MethodTable](params, session);
}

function isChange(method: string, params: unknown): boolean {
  return Object.hasOwn(IS_CHANGE, method) && IS_CHANGE[method as MethodName](params);
}

/** Notes who wanted to change what, and what came of it. */
function audit({ method, params }: Request, asker: Asker, log: Log, result: string): void {
  if (!isChange(method, params)) return;
  const fields = { ...asker.identity, method, params: shorten(JSON.stringify(params) ?? ""), result: shorten(result) };
  log("uid {uid} pid {pid} ({command}) {method} {params}: {result}", "info", fields);
}

/** A client chooses how long both are: an error quotes what it could not find. */
function shorten(text: string): string {
  return text.length <= AUDIT_LENGTH_MAX ? text : `${text.slice(0, AUDIT_LENGTH_MAX)}...`;
}

/** A fault of ours, not the client's: the log wants to know where. */
function describeFault(error: unknown): string {
  return error instanceof Error ? error.stack ?? error.message : String(error);
}
