/**
 * libmcr, loaded once and checked: its functions, and the funnel that all their results go through.
 *
 * @module
 */
import { MCR_ABI_VERSION, symbols } from "./abi.ts";
import { NativeError } from "./error.ts";

/** All is as in `mcr.h`, but that the one call that waits does so on a thread of its own. */
const SYMBOLS = {
  ...symbols,
  mcr_poll: { parameters: ["buffer", "u32", "u32", "buffer"], result: "i32", nonblocking: true },
} as const satisfies Deno.ForeignLibraryInterface;

/** The functions of libmcr, under their C names. */
export type Native = Deno.DynamicLibrary<typeof SYMBOLS>["symbols"];

/** The program that runs as worker, generator and sink. */
export const nativeProgram: string = Deno.env.get("MCR_NATIVE") ?? builtFile("bin/mcr-native");

/** The functions. The library stays loaded as long as the process lives. */
export const native: Native = openLibrary(Deno.env.get("MCR_LIB") ?? builtFile("lib/libmcr.so"));

function builtFile(name: string): string {
  return new URL(`../zig-out/${name}`, import.meta.url).pathname;
}

/**
 * Loads a libmcr.
 *
 * @throws {NativeError} `ENOEXEC` when the file is no libmcr, or not one that was built from our `mcr.h`.
 */
export function openLibrary(path: string): Native {
  const abi = libraryAbi(path);
  if (abi !== MCR_ABI_VERSION) {
    throw new NativeError(
      "ENOEXEC",
      `Cannot use "${path}": it was built with ABI ${abi}, this program needs ${MCR_ABI_VERSION}; build both together`,
    );
  }
  try {
    return Deno.dlopen(path, SYMBOLS).symbols;
  } catch (error) {
    throw cannotLoad(path, error);
  }
}

/** Asks with one symbol only, so that a library which lacks others is told apart from one that can't be loaded. */
function libraryAbi(path: string): number {
  try {
    const library = Deno.dlopen(path, { mcr_abi_version: symbols.mcr_abi_version });
    try {
      return library.symbols.mcr_abi_version();
    } finally {
      library.close();
    }
  } catch (error) {
    throw cannotLoad(path, error);
  }
}

function cannotLoad(path: string, error: unknown): NativeError {
  return new NativeError("ENOEXEC", `Cannot load "${path}": ${(error as Error).message}; run ./dev native`);
}

/** Passes a result on, or throws what the library says of the failure. */
export function check(status: number): number {
  if (status >= 0) return status;
  throw new NativeError(errorName(status), text(native.mcr_error()));
}

/** The symbol of an errno, of either sign. */
export function errorName(error: number): string {
  return text(native.mcr_error_name(error));
}

/** A string that C owns. */
export function text(pointer: Deno.PointerValue): string {
  return pointer === null ? "" : Deno.UnsafePointerView.getCString(pointer);
}

/** A string for C: UTF-8 with its end marked. */
export function cString(value: string): Uint8Array<ArrayBuffer> {
  return new TextEncoder().encode(`${value}\0`);
}

/** What the loaded library says of itself. */
export function nativeVersion(): { readonly version: string; readonly abi: number } {
  return { version: text(native.mcr_version()), abi: native.mcr_abi_version() };
}
