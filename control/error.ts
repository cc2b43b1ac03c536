/**
 * The errors that a caller is expected to tell apart. Everything else is a built-in class or a `NativeError`.
 *
 * @module
 */

/**
 * Why a request was refused, for programs:
 *
 * - `invalid`: the request or one of its fields is not what it must be;
 * - `duplicate`: another rule has this input or this name;
 * - `loop`: the rule's outputs would feed its own input;
 * - `not_found`: no such rule, or no such method;
 * - `forbidden`: it would change something, and the client may only look;
 * - `failed`: the request was fine, the data plane could not do it;
 * - `limit`: one of the documented limits is reached.
 */
export type ErrorCode = "invalid" | "duplicate" | "loop" | "not_found" | "forbidden" | "failed" | "limit";

/** A request that was refused: thrown by the checks and, with the same fields, by the client that receives it. */
export class ControlError extends Error {
  override readonly name = "ControlError";
  readonly code: ErrorCode;
  /** The field that was wrong, as in `outputs[0].port`; absent where no single field is to blame. */
  readonly path?: string;

  constructor(code: ErrorCode, message: string, path?: string) {
    super(message);
    this.code = code;
    if (path !== undefined) this.path = path;
  }
}

/** Nobody listens on the control socket. */
export class NoDaemonError extends Error {
  override readonly name = "NoDaemonError";
}

/** A command line that cannot be understood. */
export class UsageError extends Error {
  override readonly name = "UsageError";
}

/** Why the system refused something, without the number of the error and the path, which the caller tells better. */
export function reasonOf(error: unknown): string {
  return messageOf(error).replace(/ \(os error \d+\).*$/s, "");
}

/** The text of anything thrown. */
export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
