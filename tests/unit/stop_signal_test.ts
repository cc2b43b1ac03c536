import { deepStrictEqual } from "node:assert/strict";
import { reloadSignal } from "../../control/stop_signal.ts";

/** Sends this process a signal, and lets it come. */
async function hangUp(): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  Deno.addSignalListener("SIGHUP", resolve);
  // A signal that is waited for does not keep the process alive.
  const life = setInterval(() => {}, 1000);
  Deno.kill(Deno.pid, "SIGHUP");
  await promise;
  clearInterval(life);
  Deno.removeSignalListener("SIGHUP", resolve);
  // Whoever else listens has been called as well by the next turn.
  await new Promise((resolve) => setTimeout(resolve));
}

Deno.test("SIGHUP is heard before it can be obeyed, one reload comes after the other, the last is waited for", async () => {
  const said: string[] = [];
  using signal = reloadSignal();
  await hangUp();
  let gate = Promise.withResolvers<void>();
  {
    await using _serving = signal.serve(async () => {
      said.push("begin");
      await gate.promise;
      said.push("end");
    });
    await hangUp();
    await hangUp();
    await hangUp();
    deepStrictEqual(said, ["begin"], "the one that came before");
    const first = gate;
    gate = Promise.withResolvers();
    first.resolve();
    await new Promise((resolve) => setTimeout(resolve));
    deepStrictEqual(said.splice(0), ["begin", "end", "begin"], "one more for the other three");
    gate.resolve();
  }
  deepStrictEqual(said, ["end"]);
  await hangUp();
  deepStrictEqual(said, ["end"], "and nothing when it is over");
});
