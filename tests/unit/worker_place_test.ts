import { deepStrictEqual, throws } from "node:assert/strict";
import { accountIdentity, chooseCores } from "../../control/worker_place.ts";

for (
  const [name, args, expected] of [
    ["one worker a core unless a number is given", [0, [0, 1, 4]], [0, 1, 4]],
    ["a number of workers takes the first cores", [2, [0, 1, 4]], [0, 1]],
    ["more workers than cores share them in turn", [5, [2, 3]], [2, 3, 2, 3, 2]],
    ["cores that were named come in their order", [0, [0, 1, 2, 3], [3, 1]], [3, 1]],
    ["workers are spread over the cores that were named", [3, [0, 1, 2, 3], [3, 1]], [3, 1, 3]],
    ["64 workers", [64, [0]], Array(64).fill(0)],
  ] as const
) {
  Deno.test(`chooseCores(): ${name}`, () => {
    const [workers, available, cores] = args;
    deepStrictEqual(chooseCores(workers, available, cores), expected);
  });
}

Deno.test("chooseCores() refuses a core outside the affinity mask, and says what there is", () => {
  const message = "Cannot run a worker on core 7: this process may use 0, 1";
  throws(() => chooseCores(1, [0, 1], [0, 7]), new RangeError(message));
});

Deno.test("chooseCores() refuses more workers than there can be", () => {
  const message = "Cannot run 65 workers: at most 64";
  throws(() => chooseCores(65, [0, 1]), new RangeError(message));
  throws(() => chooseCores(0, Array.from({ length: 65 }, (_, core) => core)), new RangeError(message));
});

const ROOT = "root:x:0:0:root:/root:/bin/bash";
const NOBODY = "nobody:x:65534:65533:nobody:/nonexistent:/usr/sbin/nologin";
const MCR = "mcr:x:990:991::/:/usr/sbin/nologin";

for (
  const [name, lines, expected] of [
    ["mcr before nobody, wherever they stand", [ROOT, NOBODY, MCR], { uid: 990, gid: 991 }],
    ["nobody where there is no mcr", [ROOT, NOBODY], { uid: 65534, gid: 65533 }],
    ["not an account whose name only begins so", [ROOT, MCR.replace("mcr", "mcr2")], undefined],
    ["none in an empty file", [], undefined],
  ] as const
) {
  Deno.test(`accountIdentity(): ${name}`, () => {
    deepStrictEqual(accountIdentity(lines.map((line) => `${line}\n`).join("")), expected);
  });
}
