// Goal: the event loop hears of descriptors while C waits for them, and the wait is never in the way.
import { ok, strictEqual, throws } from "node:assert/strict";
import { Descriptor } from "../../ffi/descriptor.ts";
import { check, native } from "../../ffi/library.ts";
import { Poller } from "../../ffi/poller.ts";

Deno.test("a poller calls when there is something to read, each time, until it is told to forget", async () => {
  await using poller = new Poller();
  using event = new Descriptor(check(native.mcr_event_open()));
  let calls = 0, called = Promise.withResolvers<void>();
  poller.watch(event, () => {
    calls++;
    native.mcr_event_clear(event.fd);
    called.resolve();
  });
  for (let round = 1; round <= 3; round++) {
    native.mcr_event_signal(event.fd);
    await called.promise;
    strictEqual(calls, round);
    called = Promise.withResolvers();
  }
  poller.forget(event);
  using other = new Descriptor(check(native.mcr_event_open()));
  native.mcr_event_signal(event.fd);
  poller.watch(other, () => called.resolve());
  native.mcr_event_signal(other.fd);
  await called.promise;
  poller.forget(other);
  strictEqual(calls, 3);
});

Deno.test("a poller that is disposed while it waits ends at once, however often", async () => {
  const poller = new Poller();
  await new Promise((resolve) => setTimeout(resolve, 10));
  const before = performance.now();
  await Promise.all([poller[Symbol.asyncDispose](), poller[Symbol.asyncDispose]()]);
  await poller[Symbol.asyncDispose]();
  const took = performance.now() - before;
  ok(took < 500, `it took ${took} ms`);
});

Deno.test("mcr_poll() refuses more descriptors than it has room for", async () => {
  const count = 1025;
  const status = await native.mcr_poll(new Int32Array(count), count, 0, new Uint8Array(count));
  throws(() => check(status), { code: "EINVAL" });
});
