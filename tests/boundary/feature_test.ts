import { deepStrictEqual, throws } from "node:assert/strict";
import { hasFeature, setFeature } from "../../ffi/feature.ts";
import { NativeError } from "../../ffi/error.ts";
import { listInterfaces } from "../../ffi/interfaces.ts";

const LOOPBACK = listInterfaces().find(({ name }) => name === "lo")!.index;
/** No interface has it. */
const NO_INTERFACE = 0x7fffffff;

function refused(change: () => unknown, code: string, message: RegExp): void {
  throws(change, (error: NativeError) => {
    deepStrictEqual(
      [error instanceof NativeError, error.code, message.test(error.message)],
      [true, code, true],
      error.message,
    );
    return true;
  });
}

Deno.test("hasFeature() knows what the loopback interface can and cannot do", () => {
  // The kernel fixes both.
  deepStrictEqual([hasFeature(LOOPBACK, "loopback"), hasFeature(LOOPBACK, "rx-gro-hw")], [true, false]);
});

Deno.test("setFeature() leaves alone what is so already, and needs no right for that", () => {
  deepStrictEqual(setFeature(LOOPBACK, "loopback", true), false);
  deepStrictEqual(setFeature(LOOPBACK, "rx-gro-hw", false), false);
});

Deno.test("setFeature() says which feature a driver keeps, or the kernel does not have", () => {
  refused(
    () => setFeature(LOOPBACK, "rx-gro-hw", true),
    "EOPNOTSUPP",
    /^Cannot switch rx-gro-hw on for "lo": the driver/,
  );
  refused(
    () => setFeature(LOOPBACK, "rx-gro-x", true),
    "ENOENT",
    /^Cannot switch rx-gro-x on for "lo": this kernel has/,
  );
  refused(() => hasFeature(LOOPBACK, "rx-gro-x"), "ENOENT", /^Cannot ask for rx-gro-x of "lo": this kernel has no/);
});

Deno.test("features of an interface that is not there are refused as ENODEV", () => {
  refused(() => setFeature(NO_INTERFACE, "rx-gro", true), "ENODEV", /features of interface 2147483647: it is gone/);
  refused(() => hasFeature(NO_INTERFACE, "rx-gro"), "ENODEV", /it is gone/);
});
