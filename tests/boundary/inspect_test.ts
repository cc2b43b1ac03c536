import { equal, throws } from "node:assert/strict";
import { isClockSynchronized, readLink } from "../../ffi/inspect.ts";
import { listInterfaces } from "../../ffi/interfaces.ts";
import { NativeError } from "../../ffi/error.ts";

Deno.test("readLink() looks at an interface, and says which one is gone", () => {
  const { index } = listInterfaces().find(({ name }) => name === "lo")!;
  const { master, bridge } = readLink(index);
  equal(master, 0);
  equal(bridge, undefined);
  throws(() => readLink(999_999), { name: "NativeError", code: "ENODEV", message: /interface 999999/ });
  throws(() => readLink(999_999), NativeError);
});

Deno.test("isClockSynchronized() answers", () => equal(typeof isClockSynchronized(), "boolean"));
