import { deepStrictEqual, strictEqual, throws } from "node:assert/strict";
import { ControlError } from "../../control/error.ts";
import { Slots } from "../../control/slots.ts";

/** Takes `count` slots. */
function take(slots: Slots, count: number): number[] {
  return Array.from({ length: count }, () => slots.take());
}

Deno.test("take() gives out numbers from 0 on", () => {
  deepStrictEqual(take(new Slots(8, "rules"), 3), [0, 1, 2]);
});

Deno.test("take() refuses above the limit, and gives again what was cancelled", () => {
  const slots = new Slots(2, "output sockets");
  take(slots, 2);
  const refusal = new ControlError("limit", "Cannot have more than 2 output sockets in use");
  throws(() => slots.take(), { name: refusal.name, code: refusal.code, message: refusal.message });
  slots.cancel(1);
  strictEqual(slots.take(), 1);
});

Deno.test("take() says why there are no more, where there is a reason", () => {
  throws(
    () => new Slots(0, "pens", "they are dear").take(),
    /^ControlError: Cannot have .* 0 pens in use: they are dear$/,
  );
});

Deno.test("release() keeps a number back until settle()", () => {
  const slots = new Slots(8, "rules");
  take(slots, 2);
  slots.release(0);
  deepStrictEqual(take(slots, 2), [2, 3]);
  slots.settle();
  deepStrictEqual(take(slots, 2), [0, 4]);
});

Deno.test("settle() frees what was released before it, not after", () => {
  const slots = new Slots(2, "rules");
  take(slots, 2);
  slots.release(1);
  slots.settle();
  slots.release(0);
  strictEqual(slots.take(), 1);
  throws(() => slots.take(), ControlError);
});

Deno.test("no two holders ever have the same number, whatever the order", () => {
  const slots = new Slots(64, "rules");
  const held = new Set<number>(), resting = new Set<number>();
  let seed = 1;
  const random = (limit: number): number => (seed = seed * 48271 % 0x7fffffff) % limit;
  const pick = (): number => [...held][random(held.size)]!;
  for (let step = 0; step < 5_000; step++) {
    const choice = random(5);
    if (choice < 2 && held.size + resting.size < 64) {
      const slot = slots.take();
      strictEqual(held.has(slot) || resting.has(slot), false, `slot ${slot} was taken twice`);
      strictEqual(slot < 64, true);
      held.add(slot);
    } else if (choice === 4 && random(10) === 0) {
      slots.settle();
      resting.clear();
    } else if (choice >= 2 && held.size > 0) {
      const slot = pick();
      held.delete(slot);
      if (choice === 2) slots.cancel(slot);
      else {
        slots.release(slot);
        resting.add(slot);
      }
    }
  }
});
