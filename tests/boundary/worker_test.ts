// Goal: a worker does what it is told over its channel, says when it cannot, and its end is seen, whatever it is.
import { deepStrictEqual, match, ok, strictEqual, throws } from "node:assert/strict";
import * as abi from "../../ffi/abi.ts";
import { Channel } from "../../ffi/channel.ts";
import { Descriptor } from "../../ffi/descriptor.ts";
import { listInterfaces } from "../../ffi/interfaces.ts";
import { check, native, nativeProgram } from "../../ffi/library.ts";
import { InputSocket, openOutput } from "../../ffi/sockets.ts";
import { packRules } from "../../ffi/route_table.ts";
import { StatsPage } from "../../ffi/stats_page.ts";
import { availableCores, CAP_NET_RAW, hasCapability } from "../../ffi/system.ts";
import { WorkerProcess } from "../../ffi/worker_process.ts";
import { output, until } from "../e2e/process.ts";
import { TestWorker } from "./worker_case.ts";

const LOOPBACK = listInterfaces().find(({ name }) => name === "lo")!;

/** Says a message that `Channel` would not say. */
function sayRaw(
  channel: Channel,
  type: number,
  fields: Partial<Record<"index" | "count" | "slot_count", number>>,
): void {
  const message = new DataView(new ArrayBuffer(abi.mcr_message.sizeof));
  message.setUint32(abi.mcr_message.type, type, true);
  for (const [name, value] of Object.entries(fields)) {
    message.setUint32(abi.mcr_message[name as keyof typeof fields], value, true);
  }
  check(native.mcr_channel_send(channel.ours.fd, message, new Int32Array(), 0));
}

Deno.test("a worker that is started says READY; it runs, and ends with 0 when its channel closes", async () => {
  await using worker = await TestWorker.ready();
  strictEqual(worker.process.reap(), undefined);
  worker.channel.ours[Symbol.dispose]();
  strictEqual(await worker.end(), 0);
});

Deno.test("a worker whose supervisor goes before START ends", async () => {
  await using worker = new TestWorker();
  worker.channel.ours[Symbol.dispose]();
  strictEqual(await worker.end(), 1);
});

Deno.test("a worker acknowledges the generation of each table, and shows it", async () => {
  await using worker = await TestWorker.ready();
  for (const generation of [1, 2, 2 ** 33]) {
    deepStrictEqual(await worker.relayBy(generation, []), { type: "acknowledge", generation });
    strictEqual(worker.page.worker("generation"), generation);
  }
});

Deno.test("SIGKILL makes the pidfd readable; reaped it is 137", async () => {
  await using worker = await TestWorker.ready();
  worker.process.kill();
  strictEqual(await worker.end(), 137);
  // Its io_uring, and with it the channel, goes a moment later.
  strictEqual(await worker.hear(), null);
});

Deno.test("a worker takes 600 sockets in three messages, gives them up, and takes others", async () => {
  await using worker = await TestWorker.ready();
  using socket = openOutput({
    interfaceIndex: LOOPBACK.index,
    protocol: abi.MCR_PROTOCOL_UDP,
    address: "239.255.9.9",
    port: 6000,
    trafficClass: 0,
    isConnected: true,
    isFragmenting: true,
    ttl: 1,
    sendBufferBytes: 65536,
  });
  const sockets = new Map(Array.from({ length: 600 }, (_, index) => [index, socket]));
  worker.channel.outputs(sockets);
  worker.channel.endOutputs(sockets.keys());
  worker.channel.outputs(sockets);
  deepStrictEqual(await worker.relayBy(1, []), { type: "acknowledge", generation: 1 });
});

for (
  const [what, say, code, text] of [
    [
      "a first message that is not START",
      (worker: TestWorker) => sayRaw(worker.channel, 99, {}),
      "EBADMSG",
      "Cannot start with a message of type 99",
    ],
    [
      "START without a statistics page",
      (worker: TestWorker) => sayRaw(worker.channel, abi.MCR_MESSAGE_START, {}),
      "EBADMSG",
      "Cannot take message 1 with 0 descriptors: wanted 1",
    ],
    [
      "a core that does not exist",
      (worker: TestWorker) => worker.start(1000),
      "EINVAL",
      "Cannot pin a worker to core 1000: Invalid argument",
    ],
  ] as const
) {
  Deno.test(`a worker refuses to start on ${what}: FAILED with the reason, then status 1`, async () => {
    await using worker = new TestWorker();
    say(worker);
    deepStrictEqual(await worker.hear(), { type: "failed", code, text });
    strictEqual(await worker.end(), 1);
  });
}

for (
  const [what, say, code, text] of [
    ["a type that it does not know", (channel) => sayRaw(channel, 4711, {}), "EBADMSG", "message of type 4711 here"],
    [
      "a second START",
      (channel, file) => channel.start({ index: 0, core: 0 }, file),
      "EBADMSG",
      "Cannot take a message of type 1 here",
    ],
    [
      "a ring without descriptors",
      (channel) => sayRaw(channel, abi.MCR_MESSAGE_INPUT, { index: 0, slot_count: 64 }),
      "EBADMSG",
      "Cannot take message 2 with 0 descriptors: wanted 2",
    ],
    [
      "a ring beyond the last",
      (channel, file) => channel.input(abi.MCR_INPUTS_MAX, { slotCount: 64, socket: file, progress: file }),
      "EBADMSG",
      "Cannot take input 1024 with 64 slots",
    ],
    [
      "a ring of a size that cannot be",
      (channel, file) => channel.input(0, { slotCount: 65, socket: file, progress: file }),
      "EBADMSG",
      "Cannot take input 0 with 65 slots",
    ],
    [
      "a ring that is none",
      (channel, file) => channel.input(0, { slotCount: 64, socket: file, progress: file }),
      "ENODEV",
      "Cannot map the packet ring of input 0",
    ],
    ["the end of a ring that is not there", (channel) => channel.endInput(3), "EBADMSG", "Cannot end input 3"],
    [
      "outputs beyond the last",
      (channel) => sayRaw(channel, abi.MCR_MESSAGE_OUTPUTS_END, { index: abi.MCR_OUTPUTS_MAX, count: 1 }),
      "EMFILE",
      "Cannot take outputs 65536+1",
    ],
    ["a table that is none", (channel, file) => channel.table(file), "EINVAL", "it is not sealed"],
    [
      "a statistics page as table",
      (channel, _, page) => channel.table(page.memory),
      "EINVAL",
      "Cannot take a route table",
    ],
  ] as const satisfies readonly (readonly [
    string,
    (channel: Channel, file: Descriptor, page: StatsPage) => void,
    string,
    string,
  ])[]
) {
  Deno.test(`a running worker that is told of ${what} says FAILED and ends with 1`, async () => {
    await using worker = await TestWorker.ready();
    using file = new Descriptor(check(native.mcr_event_open()));
    say(worker.channel, file, worker.page);
    const heard = await worker.hear();
    ok(heard?.type === "failed", JSON.stringify(heard));
    strictEqual(heard.code, code);
    ok(heard.text.includes(text), heard.text);
    strictEqual(await worker.end(), 1);
  });
}

Deno.test("a program that is not there is refused with ENOENT, and leaves no descriptor", () => {
  const count = (): number => [...Deno.readDirSync("/proc/self/fd")].length;
  using channel = new Channel();
  const before = count();
  throws(() => new WorkerProcess("/nonexistent/mcr", channel), {
    name: "NativeError",
    code: "ENOENT",
    message: 'Cannot start a worker with "/nonexistent/mcr": No such file or directory',
  });
  strictEqual(count(), before);
});

Deno.test("a worker that has ended can be killed and disposed again", async () => {
  await using worker = await TestWorker.ready();
  worker.process.kill();
  await worker.end();
  worker.process.kill();
  throws(() => worker.process.reap(), { name: "NativeError", message: "Cannot wait for a worker: No child processes" });
  worker.process[Symbol.dispose]();
  worker.process[Symbol.dispose]();
});

Deno.test("a worker runs on the core that it was given", async () => {
  for (const core of availableCores().slice(0, 2)) {
    await using worker = new TestWorker();
    worker.start(core);
    strictEqual((await worker.hear())?.type, "ready");
    match(
      Deno.readTextFileSync(`/proc/${worker.process.pid}/status`),
      new RegExp(`^Cpus_allowed_list:\t${core}$`, "m"),
    );
  }
});

const PORT = 5001, GROUP = "239.255.11.1", OUTPUT_GROUP = "239.255.11.2";
const RULE = {
  group: GROUP,
  groupBits: 128,
  protocol: abi.MCR_PROTOCOL_UDP,
  portFirst: PORT,
  portLast: PORT,
  input: 3,
  stats: 4,
  outputs: [{
    socket: 5,
    stats: 6,
    segmentMax: 1472,
    flags: 0,
    group: OUTPUT_GROUP,
    groupBits: 128,
    port: PORT,
    interfaceIndex: 1,
    trafficClass: 0,
  }],
  sources: [],
  excluded: [],
  datagramsMax: 0,
  bitsMax: 0,
};
const DATAGRAMS = 2000;

/** A ring on the loopback interface that lets the rule's datagrams through, and the output's socket. */
function openSockets(): { input: InputSocket; output: Descriptor } & Disposable {
  const input = new InputSocket(LOOPBACK.index, 4096, 0);
  input.filter(RULE.input, packRules([RULE]));
  const output = openOutput({
    interfaceIndex: LOOPBACK.index,
    protocol: abi.MCR_PROTOCOL_UDP,
    address: OUTPUT_GROUP,
    port: PORT,
    trafficClass: 0,
    isConnected: true,
    isFragmenting: true,
    ttl: 1,
    sendBufferBytes: 1 << 20,
  });
  return {
    input,
    output,
    [Symbol.dispose](): void {
      input[Symbol.dispose]();
      output[Symbol.dispose]();
    },
  };
}

/** Sends datagrams for the rule on the loopback interface. */
async function send(count: number): Promise<void> {
  const args = ["--interface", "lo", "--group", GROUP, "--port", String(PORT), "--ttl", "0"];
  await output([nativeProgram, "gen", ...args, "--count", String(count), "--rate", "40k", "--size", "100", "-j"]);
}

/** All that is counted of the rule and its output. */
function counted(page: StatsPage): number[] {
  return [
    page.worker("received"),
    page.worker("relayed"),
    page.rule(4, "received"),
    page.rule(4, "received_bytes"),
    page.rule(4, "relayed"),
    page.output(6, "due"),
    page.output(6, "sent"),
    page.output(6, "sent_bytes"),
  ];
}

function expected(count: number): number[] {
  return [count, count, count, count * 100, count, count, count, count * 100];
}

function testLoopback(name: string, fn: () => Promise<void>): void {
  const reason = !hasCapability(CAP_NET_RAW)
    ? "needs CAP_NET_RAW"
    : !LOOPBACK.up
    ? "the loopback interface is down"
    : "";
  Deno.test({ name: reason === "" ? name : `${name} (skipped: ${reason})`, ignore: reason !== "", fn });
}

testLoopback("a worker relays what its rule wants, counts it while it is read, and its successor goes on", async () => {
  using page = new StatsPage();
  using sockets = openSockets();
  const start = async (generation: number): Promise<TestWorker> => {
    const worker = await TestWorker.ready(page);
    worker.channel.input(RULE.input, sockets.input);
    worker.channel.outputs(new Map([[5, sockets.output]]));
    deepStrictEqual(await worker.relayBy(generation, [RULE]), { type: "acknowledge", generation });
    return worker;
  };
  let last = 0;
  const untilRelayed = (count: number): Promise<true> =>
    until(`${count} datagrams were relayed`, () => {
      const now = page.rule(4, "received");
      ok(now >= last, "a counter never goes back");
      last = now;
      return Promise.resolve(now === count || undefined);
    });

  {
    await using first = await start(1);
    const sending = send(DATAGRAMS);
    await untilRelayed(DATAGRAMS);
    await sending;
    deepStrictEqual(counted(page), expected(DATAGRAMS));
    first.process.kill();
    await first.end();
    page.settle(RULE.input, sockets.input.progress);
  }
  // Nobody relays now; the ring keeps what comes.
  await send(DATAGRAMS);
  deepStrictEqual(counted(page), expected(DATAGRAMS));

  await using second = await start(2);
  await untilRelayed(2 * DATAGRAMS);
  deepStrictEqual(counted(page), expected(2 * DATAGRAMS));
  second.channel.endInput(RULE.input);
  second.channel.endOutputs([5]);
  deepStrictEqual(await second.relayBy(3, []), { type: "acknowledge", generation: 3 });
  second.channel.ours[Symbol.dispose]();
  strictEqual(await second.end(), 0);
});
