import { deepStrictEqual, equal } from "node:assert/strict";
import { Outbox, OUTBOX_BYTES_BUSY, OUTBOX_BYTES_MAX } from "../../control/outbox.ts";

/** A peer that takes as many bytes as it is told to, when it is told to. */
class SlowPeer {
  text = "";
  #pending: { bytes: Uint8Array; resolve: (count: number) => void; reject: (error: Error) => void } | null = null;

  write(bytes: Uint8Array): Promise<number> {
    return new Promise((resolve, reject) => this.#pending = { bytes, resolve, reject });
  }

  /** Takes that much of what is being written, and waits until the outbox knows. */
  async take(count: number): Promise<void> {
    const { bytes, resolve } = this.#pending!;
    const taken = bytes.subarray(0, count);
    this.text += new TextDecoder().decode(taken);
    resolve(taken.length);
    await new Promise((done) => setTimeout(done, 0));
  }

  leave(): void {
    this.#pending!.reject(new Error("gone"));
  }
}

const never = (): never => {
  throw new Error("the peer was given up");
};

Deno.test("Outbox writes lines in order, however little the peer takes", async () => {
  const peer = new SlowPeer();
  const outbox = new Outbox(peer, { onStall: never });
  outbox.push("one\n");
  outbox.push("two\n");
  equal(outbox.bytes, 8);
  for (const count of [1, 2, 10, 3, 10]) await peer.take(count);
  await outbox.flushed();
  deepStrictEqual([peer.text, outbox.bytes], ["one\ntwo\n", 0]);
});

Deno.test("Outbox.room() waits until the peer has read", async () => {
  const peer = new SlowPeer();
  const outbox = new Outbox(peer, { onStall: never });
  await outbox.room();
  outbox.push("x".repeat(OUTBOX_BYTES_BUSY + 10));
  let hasRoom = false;
  const waiting = outbox.room().then(() => hasRoom = true);
  await peer.take(9);
  equal(hasRoom, false);
  await peer.take(1);
  await waiting;
  peer.leave();
  await outbox.flushed();
});

Deno.test("Outbox lets go of a peer that is gone", async () => {
  const peer = new SlowPeer();
  const outbox = new Outbox(peer, { onStall: never });
  outbox.push("x".repeat(OUTBOX_BYTES_BUSY + 10));
  const waiting = outbox.room();
  peer.leave();
  await Promise.all([waiting, outbox.flushed()]);
  outbox.push("more\n");
  deepStrictEqual([outbox.isBroken, outbox.bytes], [true, 0]);
});

Deno.test("Outbox gives up a peer that has too much to read and reads nothing", async () => {
  const peer = new SlowPeer();
  const { promise: stalled, resolve } = Promise.withResolvers<void>();
  const outbox = new Outbox(peer, { onStall: resolve, stallMs: 5 });
  outbox.push("x".repeat(OUTBOX_BYTES_MAX + 1));
  await stalled;
  peer.leave();
  await outbox.flushed();
});

Deno.test("Outbox is patient with a peer that has little to read", async () => {
  const peer = new SlowPeer();
  const outbox = new Outbox(peer, { onStall: never, stallMs: 1 });
  outbox.push("x".repeat(OUTBOX_BYTES_MAX));
  await new Promise((done) => setTimeout(done, 10));
  equal(outbox.isBroken, false);
  peer.leave();
  await outbox.flushed();
});
