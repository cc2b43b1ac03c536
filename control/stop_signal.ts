/**
 * The signals that a supervisor obeys.
 *
 * @module
 */
import type { Log } from "./log.ts";

/** The signals, and the exit status of a process that ends by them. */
const STATUS = { SIGTERM: 128 + 15, SIGINT: 128 + 2 } as const;

/** A wait for the first signal. */
export interface StopSignal extends Disposable {
  /** Resolves when it has come. */
  readonly received: Promise<void>;
}

/** Takes SIGTERM and SIGINT until disposed: the first is a request, the second ends the process at once. */
export function stopSignal(log: Log): StopSignal {
  const { promise: received, resolve } = Promise.withResolvers<void>();
  let count = 0;
  const signals = Object.keys(STATUS) as (keyof typeof STATUS)[];
  const handlers = signals.map((signal) => {
    const handle = (): void => {
      if (++count > 1) Deno.exit(STATUS[signal]);
      log("{signal}: stopping", "info", { signal });
      resolve();
    };
    Deno.addSignalListener(signal, handle);
    return { signal, handle };
  });
  return {
    received,
    [Symbol.dispose](): void {
      for (const { signal, handle } of handlers) Deno.removeSignalListener(signal, handle);
    },
  };
}

/** Calls `reload` at each SIGHUP until disposed. */
export function onReload(reload: () => void): Disposable {
  Deno.addSignalListener("SIGHUP", reload);
  return { [Symbol.dispose]: (): void => Deno.removeSignalListener("SIGHUP", reload) };
}
