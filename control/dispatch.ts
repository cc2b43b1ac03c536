/**
 * From a request line to its reply line: finds the method, calls it, and turns whatever it throws into an error reply.
 *
 * @module
 */
import { quote } from "./check.ts";
import { ControlError } from "./error.ts";
import type { Log } from "./log.ts";
import {
  formatError,
  formatResult,
  type MethodTable,
  parseRequest,
  type Request,
  RequestError,
  RPC,
} from "./protocol.ts";
import { didYouMean } from "./suggest.ts";

/**
 * Carries out the request in `line` and makes the line to answer, or `null` for a notification. What needs no waiting is
 * answered at once, so that the caller knows the size of the answer before it takes the next request. Never rejects.
 */
export function answerLine(line: Uint8Array, methods: MethodTable, log: Log): string | null | Promise<string | null> {
  let request: Request;
  try {
    request = parseRequest(line);
  } catch (error) {
    return formatError(error instanceof RequestError ? error.id : null, error);
  }
  const { id, method } = request;
  const succeed = (result: unknown): string | null => id === undefined ? null : formatResult(id, result);
  const fail = (error: unknown): string | null => {
    if (!(error instanceof ControlError)) log(`${method} failed: ${describeFault(error)}`, "error");
    return id === undefined ? null : formatError(id, error);
  };
  try {
    const result = callMethod(request, methods);
    return result instanceof Promise ? result.then(succeed).catch(fail) : succeed(result);
  } catch (error) {
    return fail(error);
  }
}

function callMethod({ id, method, params }: Request, methods: MethodTable): unknown {
  if (!Object.hasOwn(methods, method)) {
    const hint = didYouMean(method, Object.keys(methods));
    const message = `Cannot call ${quote(method)}: no such method${hint}`;
    throw new RequestError(RPC.methodNotFound, "not_found", message, id ?? null);
  }
  return methods[method as keyof MethodTable](params);
}

/** A fault of ours, not the client's: the log wants to know where. */
function describeFault(error: unknown): string {
  return error instanceof Error ? error.stack ?? error.message : String(error);
}
