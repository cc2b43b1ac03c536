// Goal: whatever is wrong with what it is told, mcr says what, ends with the exit status that scripts rely on, has done
// nothing of it by halves, and works on.
import { deepStrictEqual, match } from "node:assert/strict";
import { type Relay, testNetwork, testRelay } from "./case.ts";
import { addArguments, exists, mcr, type RuleWords, Supervisor } from "./mcr.ts";
import { Network } from "./network.ts";
import { type Ended, run, until } from "./process.ts";
import { checkComplete, send, Sink } from "./traffic.ts";
import { connect, ControlError } from "../../mod.ts";

const RULE: RuleWords = { in: "in0", group: "239.1.1.1", port: 5001, outputs: ["239.2.2.2:6000:out0"] };

/** Command lines of `mcr add` that make no sense, and what is said of them. */
const WRONG_COMMAND_LINES: readonly (readonly [readonly string[], RegExp])[] = [
  [addLine({ group: "239.1.1" }), /--input-group "239\.1\.1": expected an IPv4 or IPv6 address/],
  [addLine({ group: "0.1.1.1" }), /--input-group "0\.1\.1\.1": expected an IPv4 or IPv6 address/],
  [addLine({ port: -1 }), /--input-port/],
  [addLine({ port: 65537 }), /--input-port "65537": expected a port, 1 to 65535/],
  [addLine({ port: 65536 }), /--input-port "65536": expected a port, 1 to 65535/],
  [
    addLine({ in: "a-name-that-is-too-long" }),
    /--input-interface "a-name-that-is-too-long": expected an interface name/,
  ],
  [addLine({ outputs: [] }), /expected GROUP:PORT:IFACE/],
  [addLine({}).slice(0, -2), /without outputs: expected --outputs GROUP:PORT:IFACE/],
  [addLine({ outputs: ["239.2.2.2:6000"] }), /output "239\.2\.2\.2:6000": expected GROUP:PORT:IFACE/],
  [addLine({ outputs: ["239.2.2.2:65536:out0"] }), /the port is "65536", expected a port/],
  [addLine({ outputs: ["239.2.2:6000:out0"] }), /the group is "239\.2\.2", expected an IPv4 or IPv6 address/],
  [addLine({ outputs: [...RULE.outputs, ...RULE.outputs] }), /outputs\[1\]: it repeats outputs\[0\]/],
  [[...addLine({}), "--tll", "3"], /--tll/],
  [["lst"], /"mcr lst".*did you mean "list"/],
];

/** Requests that a client of our own would not send, and the code and text of the refusal. */
const WRONG_REQUESTS: readonly (readonly [unknown, number, RegExp])[] = [
  [
    addRequest({ input: { interface: "in0", group: "239.1.1.1", port: -1 } }),
    -32602,
    /"input\.port" -1: expected a port/,
  ],
  [addRequest({ input: { interface: "in0", group: "239.1.1.1", port: 65536 } }), -32602, /"input\.port" 65536/],
  [addRequest({ input: { interface: "in0", group: "1.2.3", port: 1 } }), -32602, /"input\.group" "1\.2\.3"/],
  [addRequest({ outputs: [] }), -32602, /"outputs" \[\]: expected a list of 1 to/],
  [addRequest({ outputs: "all" }), -32602, /"outputs" "all": expected a list/],
  [addRequest({ output: [] }), -32602, /"output": no such field.*outputs/],
  [{ jsonrpc: "2.0", id: 7, method: "rule.ad", params: {} }, -32601, /"rule\.ad": no such method.*rule\.add/],
  [{ jsonrpc: "2.0", id: 7, method: "rule.add" }, -32602, /expected an object/],
  [{ id: 7, method: "ping" }, -32600, /"jsonrpc"/],
  [[1, 2], -32600, /batch/],
];

testRelay("a command line that makes no sense is refused with what was expected, status 2", {}, async (relay) => {
  await supervisorUnmoved(relay, async () => {
    for (const [args, message] of WRONG_COMMAND_LINES) {
      checkRefusal(await relay.supervisor.attempt(...args), 2, message);
    }
  });
});

testRelay("a request that makes no sense is refused with the field that is wrong", {}, async (relay) => {
  await supervisorUnmoved(relay, async () => {
    using client = await RawClient.connect(relay.supervisor.socket);
    for (const [request, code, message] of WRONG_REQUESTS) {
      const { error } = await client.ask(JSON.stringify(request));
      deepStrictEqual(error?.code, code, JSON.stringify({ request, error }));
      match(error.message, message);
    }
  });
});

testRelay("a rule for an input that has one is refused, naming that rule", {}, async (relay) => {
  await supervisorUnmoved(relay, async () => {
    const again = addLine({ outputs: ["239.8.8.8:6000:out0"] });
    checkRefusal(await relay.supervisor.attempt(...again), 1, /rule 239\.1\.1\.1:5001:in0 has this input/);
  });
});

testRelay("a rule that would feed itself is refused, alone and by way of others", {}, async (relay) => {
  const { supervisor } = relay;
  await supervisor.add({ in: "out0", group: "239.2.2.2", port: 6000, outputs: ["239.3.3.3:7000:in0"] });
  await supervisorUnmoved(relay, async () => {
    const alone = addLine({ group: "239.7.7.7", outputs: ["239.7.7.7:5001:in0"] });
    checkRefusal(await supervisor.attempt(...alone), 1, /it would feed its own input: in0 239\.7\.7\.7:5001/);
    const around = addLine({ group: "239.3.3.3", port: 7000, outputs: ["239.1.1.1:5001:in0"] });
    checkRefusal(await supervisor.attempt(...around), 1, /feed its own input: .*239\.2\.2\.2:6000.*239\.3\.3\.3:7000/);
  });
});

testRelay("of a rule with one wrong output nothing is applied", {}, async (relay) => {
  await supervisorUnmoved(relay, async () => {
    using client = await connect(relay.supervisor.socket);
    const outputs = [
      { interface: "out0", group: "239.8.8.8", port: 6000 },
      { interface: "out0", group: "239.8.8.9", port: 65536 },
    ];
    const input = { interface: "in0", group: "239.8.8.7", port: 5001 };
    const refusal = await client.call("rule.add", { input, outputs }).catch((error) => error);
    deepStrictEqual([refusal instanceof ControlError, refusal.path], [true, "outputs[1].port"]);
  });
});

testRelay(
  "a rule with more outputs than the limit of open files allows is refused",
  { filesLimit: 2500 },
  async (relay) => {
    await supervisorUnmoved(relay, async () => {
      const outputs = Array.from({ length: 900 }, (_, index) => `239.8.8.8:${index + 1}:out0`);
      const refused = await relay.supervisor.attempt(...addLine({ group: "239.8.8.7", outputs }));
      checkRefusal(refused, 1, /more than 451 output sockets in use: the limit of open files \(ulimit -n\) is 2500/);
    });
  },
);

testRelay("removing a rule that is not there is refused with status 1", {}, async (relay) => {
  await supervisorUnmoved(relay, async () => {
    checkRefusal(await relay.supervisor.attempt("remove", "239.9.9.9:1:in0"), 1, /"239\.9\.9\.9:1:in0": there is none/);
  });
});

testRelay("garbage on the socket is answered with an error, and the next line with an answer", {}, async (relay) => {
  await supervisorUnmoved(relay, async () => {
    using client = await RawClient.connect(relay.supervisor.socket);
    for (const garbage of ["rm -rf /", "{", "null", '"add"', "\x00\x01\xfe\xff"]) {
      const { id, error } = await client.ask(garbage);
      deepStrictEqual([id, typeof error?.message], [null, "string"], `the answer to ${JSON.stringify(garbage)}`);
    }
    const { id, result } = await client.ask('{"jsonrpc":"2.0","id":"still there","method":"ping"}');
    deepStrictEqual([id, typeof result], ["still there", "object"]);
  });
});

testRelay("a line of 2 MiB is refused and its client let go", {}, async (relay) => {
  await supervisorUnmoved(relay, async () => {
    using client = await RawClient.connect(relay.supervisor.socket);
    const { error } = await client.ask("x".repeat(2 << 20));
    match(error!.message, /longer than 1048576 bytes/);
    deepStrictEqual(await client.answer(), null, "the supervisor closes the connection");
  });
});

testRelay("clients that say nothing, or half a line, delay nobody", {}, async (relay) => {
  await supervisorUnmoved(relay, async () => {
    using clients = new DisposableStack();
    for (let count = 0; count < 50; count++) {
      const client = clients.use(await RawClient.connect(relay.supervisor.socket));
      if (count % 2 === 0) await client.write('{"jsonrpc":"2.0",');
    }
    await relay.supervisor.command("ping");
  });
});

testNetwork("without a supervisor a command says how to start one, status 3", async () => {
  const env = { MCR_SOCKET: "/tmp/there is no such directory/mcr.sock" };
  checkRefusal(await run(mcr("list"), { env }), 3, /"\/tmp\/there is no such directory\/mcr\.sock".*"mcr run"/);
});

testNetwork("without capabilities mcr run names the one it lacks and how to give it", async () => {
  const directory = await Deno.makeTempDir({ prefix: "mcr-e2e-" });
  const bare = ["setpriv", "--bounding-set", "-all", "--inh-caps", "-all", "--"];
  try {
    const ended = await run([...bare, ...mcr("run", "--workers", "1", "--socket", `${directory}/mcr.sock`)]);
    checkRefusal(ended, 1, /CAP_NET_RAW.*setcap cap_net_raw,cap_net_admin\+ep/);
    deepStrictEqual(await exists(`${directory}/mcr.sock`), false, "there is no socket to be misled by");
  } finally {
    await Deno.remove(directory, { recursive: true });
  }
});

testRelay("a second supervisor on the same socket is refused, and the first unharmed", {}, async (relay) => {
  const { network, supervisor } = relay;
  await supervisorUnmoved(relay, async () => {
    const second = await run(network.within("relay", mcr("run", "--workers", "1", "--socket", supervisor.socket)));
    checkRefusal(second, 1, /Cannot listen on ".*mcr\.sock": another supervisor does/);
  });
});

testNetwork("the socket that a killed supervisor left is taken over", async () => {
  await using network = await Network.create("relay");
  await using killed = await Supervisor.start(network);
  killed.process.kill("SIGKILL");
  await killed.process.end();
  deepStrictEqual(await exists(killed.socket), true);
  checkRefusal(await killed.attempt("list"), 3, /nobody listens there/);
  // Whose ring still fills could relay what the next one relays too.
  await until("the workers were gone", async () => (await network.pids("relay")).length === 0 || undefined);

  await using next = await Supervisor.start(network, { socket: killed.socket });
  await next.add(RULE);
  await checkRelaying({ network, supervisor: next });
  await next.stop();
});

/** The arguments of `mcr add` for the usual rule with something else in it. */
function addLine(change: Partial<RuleWords>): string[] {
  return addArguments({ ...RULE, ...change });
}

/** A `rule.add` request for a good rule with something else in it. */
function addRequest(change: Record<string, unknown>): unknown {
  const input = { interface: "in0", group: "239.6.6.6", port: 5001 };
  const outputs = [{ interface: "out0", group: "239.6.6.7", port: 5001 }];
  return { jsonrpc: "2.0", id: 7, method: "rule.add", params: { input, outputs, ...change } };
}

/** Checks that a rule of before is as it was, and relays, after `body` has been refused things. */
async function supervisorUnmoved(relay: Relay, body: () => Promise<void>): Promise<void> {
  const { supervisor } = relay;
  await supervisor.add(RULE);
  const before = await supervisor.rules();
  const generations = (await supervisor.workers()).map(({ generation }) => generation);

  await body();

  deepStrictEqual(await supervisor.rules(), before, "the rules are as before");
  deepStrictEqual(
    (await supervisor.workers()).map(({ generation }) => generation),
    generations,
    "and so are the tables",
  );
  await checkRelaying(relay);
}

/** Checks that the usual rule relays. */
async function checkRelaying({ network }: Relay): Promise<void> {
  await using sink = await Sink.start(network, { group: "239.2.2.2", port: 6000, count: 100 });
  const sent = await send(network, { group: "239.1.1.1", port: 5001, count: 100 });
  checkComplete(await sink.received(), sent);
}

/** Checks that a command was refused: nothing on standard output, and this on standard error. */
function checkRefusal({ command, code, stdout, stderr }: Ended, expected: number, message: RegExp): void {
  deepStrictEqual({ code, stdout }, { code: expected, stdout: "" }, `"${command}" said:\n${stderr}`);
  match(stderr, /^mcr: /, `"${command}" says who speaks`);
  match(stderr, message);
}

/** What comes back on a line. */
interface Answer {
  readonly id: unknown;
  readonly result?: unknown;
  readonly error?: { readonly code: number; readonly message: string };
}

/** A client that may send anything. */
class RawClient implements Disposable {
  readonly #stream: Deno.UnixConn;
  #text = "";

  private constructor(stream: Deno.UnixConn) {
    this.#stream = stream;
  }

  static async connect(path: string): Promise<RawClient> {
    return new RawClient(await Deno.connect({ transport: "unix", path }));
  }

  async write(text: string): Promise<void> {
    // One byte a character, so that a text can be no UTF-8.
    for (let rest = Uint8Array.from(text, (character) => character.charCodeAt(0)); rest.length > 0;) {
      rest = rest.subarray(await this.#stream.write(rest));
    }
  }

  /** Sends a line and waits for the answer. */
  async ask(line: string): Promise<Answer> {
    await this.write(`${line}\n`);
    const answer = await this.answer();
    if (answer === null) {
      throw new Error(`The supervisor closed the connection instead of answering ${line.slice(0, 80)}`);
    }
    return answer;
  }

  /** The next line; `null` when the supervisor has closed the connection. */
  async answer(): Promise<Answer | null> {
    const buffer = new Uint8Array(4096);
    while (!this.#text.includes("\n")) {
      const count = await this.#stream.read(buffer);
      if (count === null) return null;
      this.#text += new TextDecoder().decode(buffer.subarray(0, count));
    }
    const end = this.#text.indexOf("\n");
    const line = this.#text.slice(0, end);
    this.#text = this.#text.slice(end + 1);
    return JSON.parse(line);
  }

  [Symbol.dispose](): void {
    this.#stream.close();
  }
}
