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

/** SIGHUP, which asks for the configuration to be read again and never ends the process, until disposed. */
export interface ReloadSignal extends Disposable {
  /**
   * Has `reload` called when the signal comes, or has come before; never while it is still at work, and then once for any
   * number of signals. Disposing that waits for the last call.
   */
  serve(reload: () => Promise<void>): AsyncDisposable;
}

/** Takes SIGHUP from now on. */
export function reloadSignal(): ReloadSignal {
  let reload: (() => Promise<void>) | undefined, isDue = false, work: Promise<void> = Promise.resolve();
  const start = (): void => {
    work = work.then(() => {
      isDue = false;
      return reload?.();
    });
  };
  const handle = (): void => {
    if (isDue) return;
    isDue = true;
    if (reload !== undefined) start();
  };
  Deno.addSignalListener("SIGHUP", handle);
  return {
    serve(call): AsyncDisposable {
      reload = call;
      if (isDue) start();
      return {
        async [Symbol.asyncDispose](): Promise<void> {
          reload = undefined;
          await work;
        },
      };
    },
    [Symbol.dispose]: (): void => Deno.removeSignalListener("SIGHUP", handle),
  };
}
