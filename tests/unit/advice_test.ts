import { equal, match, throws } from "node:assert/strict";
import { adviceFor, explainOpenFailure } from "../../control/advice.ts";

/** An error as the data plane throws it. */
function nativeError(code: string, message: string): Error {
  return Object.assign(new Error(message), { code });
}

Deno.test("adviceFor() names the capabilities and how to give them", () => {
  for (const code of ["EPERM", "EACCES"]) {
    const advice = adviceFor(nativeError(code, "Cannot open a packet socket: Operation not permitted"));
    match(advice, /CAP_NET_RAW and CAP_NET_ADMIN: run it as root, .*setcap cap_net_raw,cap_net_admin\+ep.*AmbientCap/);
  }
});

Deno.test("adviceFor() names the setting that switches io_uring off", () => {
  for (const code of ["EPERM", "ENOSYS"]) {
    match(adviceFor(nativeError(code, "Cannot set up io_uring: no")), /see the setting kernel\.io_uring_disabled/);
  }
});

Deno.test("adviceFor() keeps quiet about everything else", () => {
  equal(adviceFor(nativeError("ENOMEM", "Cannot map the ring")), "");
  equal(adviceFor(new Error("Cannot load the library")), "");
  equal(adviceFor("odd"), "");
});

Deno.test("explainOpenFailure() keeps the message and the cause", () => {
  const cause = nativeError("ENOMEM", "Cannot map the ring");
  throws(() => explainOpenFailure(cause), { message: "Cannot start the relay: Cannot map the ring", cause });
});
