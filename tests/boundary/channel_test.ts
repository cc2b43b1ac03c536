// Goal: what is said on a control channel arrives, in as few messages as the kernel allows, and its end is noticed.
import { deepStrictEqual, strictEqual, throws } from "node:assert/strict";
import * as abi from "../../ffi/abi.ts";
import { Channel } from "../../ffi/channel.ts";
import { Descriptor } from "../../ffi/descriptor.ts";
import { check, errorName, native } from "../../ffi/library.ts";
import { raiseFilesLimit } from "../../ffi/system.ts";

/** Says something as a worker does. */
function sayAsWorker(channel: Channel, fill: (message: DataView<ArrayBuffer>) => void): void {
  const message = new DataView(new ArrayBuffer(abi.mcr_message.sizeof));
  fill(message);
  check(native.mcr_channel_send(channel.theirs.fd, message, new Int32Array(), 0));
}

/** What a worker hears until there is nothing more: type, index and count of each message. */
function hearAsWorker(channel: Channel): number[][] {
  const heard: number[][] = [];
  for (;;) {
    const message = new DataView(new ArrayBuffer(abi.mcr_message.sizeof));
    const status = native.mcr_channel_receive(channel.theirs.fd, message);
    if (status < 0) {
      strictEqual(errorName(status), "EAGAIN");
      return heard;
    }
    const { type, index, count } = abi.mcr_message;
    heard.push([type, index, count].map((at) => message.getUint32(at, true)));
  }
}

Deno.test("receive() is undefined when nothing has been said, null when the worker is gone", () => {
  using channel = new Channel();
  strictEqual(channel.receive(), undefined);
  channel.theirs[Symbol.dispose]();
  strictEqual(channel.receive(), null);
});

Deno.test("receive() reads what workers say, the last word before the end included", () => {
  using channel = new Channel();
  sayAsWorker(channel, (message) => message.setUint32(abi.mcr_message.type, abi.MCR_MESSAGE_READY, true));
  sayAsWorker(channel, (message) => {
    message.setUint32(abi.mcr_message.type, abi.MCR_MESSAGE_ACKNOWLEDGE, true);
    message.setBigUint64(abi.mcr_message.generation, 2n ** 40n, true);
  });
  sayAsWorker(channel, (message) => {
    message.setUint32(abi.mcr_message.type, abi.MCR_MESSAGE_FAILED, true);
    message.setInt32(abi.mcr_message.error, 12, true);
    new TextEncoder().encodeInto("Cannot go on", new Uint8Array(message.buffer, abi.mcr_message.text));
  });
  channel.theirs[Symbol.dispose]();
  deepStrictEqual([channel.receive(), channel.receive(), channel.receive(), channel.receive()], [
    { type: "ready" },
    { type: "acknowledge", generation: 2 ** 40 },
    { type: "failed", code: "ENOMEM", text: "Cannot go on" },
    null,
  ]);
});

Deno.test("receive() ends a text that has no end where its room ends", () => {
  using channel = new Channel();
  sayAsWorker(channel, (message) => {
    new Uint8Array(message.buffer).fill(0x61);
    message.setUint32(abi.mcr_message.type, abi.MCR_MESSAGE_FAILED, true);
    message.setInt32(abi.mcr_message.error, 1, true);
  });
  const text = "a".repeat(abi.mcr_message.text_count - 1);
  deepStrictEqual(channel.receive(), { type: "failed", code: "EPERM", text });
});

Deno.test("descriptors that a worker sends do not pile up", () => {
  using channel = new Channel();
  const count = (): number => [...Deno.readDirSync("/proc/self/fd")].length;
  const before = count();
  const message = new DataView(new ArrayBuffer(abi.mcr_message.sizeof));
  message.setUint32(abi.mcr_message.type, abi.MCR_MESSAGE_READY, true);
  check(native.mcr_channel_send(channel.theirs.fd, message, new Int32Array(3).fill(channel.theirs.fd), 3));
  deepStrictEqual(channel.receive(), { type: "ready" });
  strictEqual(count(), before);
});

Deno.test("outputs() hands over 600 sockets in stretches of 253, and a gap ends one", () => {
  using channel = new Channel();
  using socket = new Descriptor(check(native.mcr_event_open()));
  channel.outputs(new Map([...Array(600).keys(), 700].map((index) => [index, socket])));
  const { MCR_MESSAGE_OUTPUTS: type } = abi;
  deepStrictEqual(hearAsWorker(channel), [[type, 0, 0], [type, 253, 0], [type, 506, 0], [type, 700, 0]]);
});

Deno.test("endOutputs() takes 65,536 sockets away in one message", () => {
  using channel = new Channel();
  channel.endOutputs(Array(abi.MCR_OUTPUTS_MAX).keys());
  channel.endOutputs([5, 1, 2]);
  const { MCR_MESSAGE_OUTPUTS_END: type } = abi;
  deepStrictEqual(hearAsWorker(channel), [[type, 0, 65536], [type, 1, 2], [type, 5, 1]]);
});

Deno.test("all that a new worker may have to be told fits while it does not listen yet", () => {
  using channel = new Channel();
  using one = new Descriptor(check(native.mcr_event_open()));
  // Without privileges, descriptors that are on their way count against the limit of open ones.
  const limit = raiseFilesLimit();
  const inputCount = Math.min(abi.MCR_INPUTS_MAX, limit >> 3), outputCount = Math.min(abi.MCR_OUTPUTS_MAX, limit >> 1);
  channel.start({ index: 0, core: 0 }, one);
  for (let index = 0; index < inputCount; index++) {
    channel.input(index, { slotCount: 64, socket: one, progress: one });
  }
  channel.outputs(new Map(Array.from({ length: outputCount }, (_, index) => [index, one])));
  channel.table(one);
  strictEqual(hearAsWorker(channel).length, 1 + inputCount + Math.ceil(outputCount / 253) + 1);
});

Deno.test("telling a worker that does not listen ends in EAGAIN, not in waiting", () => {
  using channel = new Channel();
  throws(() => {
    for (;;) channel.endInput(0);
  }, { name: "NativeError", code: "EAGAIN" });
  hearAsWorker(channel);
  channel.endInput(0);
});

Deno.test("telling a worker that is gone is refused with EPIPE", () => {
  using channel = new Channel();
  channel.theirs[Symbol.dispose]();
  throws(() => channel.endInput(0), {
    name: "NativeError",
    code: "EPIPE",
    message: `Cannot send message ${abi.MCR_MESSAGE_INPUT_END} on the control channel: Broken pipe`,
  });
});

Deno.test("254 descriptors in one message are refused", () => {
  using channel = new Channel();
  const fds = new Int32Array(254).fill(channel.ours.fd);
  throws(
    () => check(native.mcr_channel_send(channel.ours.fd, new DataView(new ArrayBuffer(256)), fds, fds.length)),
    { code: "EINVAL", message: "Cannot send 254 descriptors at once: at most 253" },
  );
});

Deno.test("a channel can be disposed twice", () => {
  const channel = new Channel();
  channel[Symbol.dispose]();
  channel[Symbol.dispose]();
  throws(() => channel.endInput(0), { code: "EBADF" });
});
