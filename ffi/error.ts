/**
 * The one error of this folder. Made only here and in `library.ts`, from what C says.
 *
 * @module
 */

/** A native call that could not do what it was asked. */
export class NativeError extends Error {
  override readonly name = "NativeError";
  /** The symbol of the errno, as in `EPERM`. */
  readonly code: string;

  constructor(code: string, message: string) {
    super(message);
    this.code = code;
  }
}
