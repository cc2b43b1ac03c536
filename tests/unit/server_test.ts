import { deepStrictEqual, equal, match, rejects, throws } from "node:assert/strict";
import { NoDaemonError } from "../../control/error.ts";
import { connect } from "../../control/client.ts";
import { chooseProtocol } from "../../control/negotiation.ts";
import { CLIENTS_MAX } from "../../control/server.ts";
import type { RuleSpec } from "../../control/model.ts";
import { RawPeer, TestSupervisor } from "./fake_engine.ts";

/** A request for the ping of this id, as a line. */
function pingLine(id: number): string {
  return `{"jsonrpc":"2.0","id":${id},"method":"ping"}\n`;
}

/** A rule for this port. */
function rule(port: number): RuleSpec {
  return {
    input: { interface: "eth0", group: "239.1.1.1", port },
    outputs: [{ interface: "eth1", group: "239.2.2.2", port }],
  };
}

Deno.test("the server answers many clients at the same time", async () => {
  await using supervisor = await TestSupervisor.start();
  const clients = await Promise.all(Array.from({ length: 20 }, () => supervisor.connect()));
  const answers = await Promise.all(
    clients.flatMap((client) => Array.from({ length: 20 }, () => client.call("ping", {}))),
  );
  deepStrictEqual([...new Set(answers.map(({ pid }) => pid))], [Deno.pid]);
  equal(answers.length, 400);
  for (const client of clients) client[Symbol.dispose]();
});

Deno.test("the server answers quick requests while a slow one of the same client is in progress", async () => {
  await using supervisor = await TestSupervisor.start();
  using client = await supervisor.connect();
  const gate = Promise.withResolvers<void>();
  supervisor.engine.gate = gate.promise;
  let isAdded = false;
  const adding = client.call("rule.add", rule(1)).then(() => isAdded = true);
  await client.call("ping", {});
  equal(isAdded, false);
  gate.resolve();
  await adding;
});

Deno.test("the server lives through garbage and goes on with the same client", async () => {
  await using supervisor = await TestSupervisor.start();
  using peer = await supervisor.dial();
  await peer.send(`garbage\n\n{"jsonrpc":"2.0"}\n${pingLine(1)}`);
  deepStrictEqual([(await peer.receive())?.error?.code, (await peer.receive())?.error?.code], [-32700, -32600]);
  equal((await peer.receive())?.id, 1);
});

Deno.test("the server puts together a request that was cut inside a character", async () => {
  await using supervisor = await TestSupervisor.start();
  using peer = await supervisor.dial();
  const bytes = new TextEncoder().encode('{"jsonrpc":"2.0","id":"µ€😀","method":"ping"}\n');
  // Each write is a read of its own: the server answers a probe of another client in between.
  using other = await supervisor.connect();
  for (const byte of bytes) {
    await peer.send(Uint8Array.of(byte));
    await other.call("ping", {});
  }
  equal((await peer.receive())?.id, "µ€😀");
});

Deno.test("the server refuses a line of 2 MiB and closes the connection after saying so", async () => {
  await using supervisor = await TestSupervisor.start();
  using peer = await supervisor.dial();
  await peer.send(pingLine(1));
  await peer.send(`${"x".repeat(2 << 20)}\n`);
  equal((await peer.receive())?.id, 1);
  deepStrictEqual(await peer.receive(), {
    jsonrpc: "2.0",
    id: null,
    error: { code: -32005, message: "Cannot read the line: it is longer than 1048576 bytes", data: { code: "limit" } },
  });
  equal(await peer.receive(), null);
  using client = await supervisor.connect();
  await client.call("ping", {});
});

Deno.test("the server takes a line of 1 MiB", async () => {
  await using supervisor = await TestSupervisor.start();
  using peer = await supervisor.dial();
  const request = '{"jsonrpc":"2.0","id":1,"method":"ping"}';
  await peer.send(`${request}${" ".repeat((1 << 20) - request.length)}\n`);
  equal((await peer.receive())?.id, 1);
});

Deno.test("a client that never reads delays nobody and costs little memory", async () => {
  await using supervisor = await TestSupervisor.start();
  using busy = await supervisor.connect();
  for (let port = 1; port <= 100; port++) await busy.call("rule.add", rule(port));
  using peer = await supervisor.dial();
  let sentCount = 0;
  let isRefused = false;
  // Requests whose answers have 2 GB in all. The server stops taking them long before that.
  const flood = async (): Promise<void> => {
    const list = '{"jsonrpc":"2.0","id":1,"method":"rule.list"}\n'.repeat(1000);
    for (; sentCount < 100; sentCount++) await peer.send(list);
  };
  const flooding = flood().catch(() => isRefused = true);
  for (let round = 0; round < 100; round++) await busy.call("ping", {});
  equal(sentCount < 100, true);
  equal(Deno.memoryUsage().external < 100 << 20, true);
  await supervisor.stop();
  await flooding;
  equal(isRefused, true);
});

Deno.test("a client that sends much before it reads gets every answer, in order", async () => {
  await using supervisor = await TestSupervisor.start();
  using peer = await supervisor.dial();
  const count = 20_000;
  const sending = peer.send(Array.from({ length: count }, (_, id) => pingLine(id)).join(""));
  for (let id = 0; id < count; id++) equal((await peer.receive())?.id, id);
  await sending;
});

Deno.test("silent, half-open and vanishing clients harm nobody", async () => {
  await using supervisor = await TestSupervisor.start();
  using _silent = await supervisor.dial();
  using half = await supervisor.dial();
  await half.send('{"jsonrpc":"2.0","id":');
  {
    using gone = await supervisor.dial();
    await gone.send(pingLine(1).slice(0, 20));
  }
  const gate = Promise.withResolvers<void>();
  supervisor.engine.gate = gate.promise;
  {
    using impatient = await supervisor.dial();
    await impatient.send(
      `${JSON.stringify({ jsonrpc: "2.0", id: 1, method: "rule.add", params: rule(9) })}\n${pingLine(2)}`,
    );
    equal((await impatient.receive())?.id, 2);
  }
  using client = await supervisor.connect();
  await client.call("ping", {});
  gate.resolve();
  // What was asked for is done, although nobody waits for the answer.
  await client.call("rule.remove", { id: "239.1.1.1:9:eth0" });
  deepStrictEqual(supervisor.engine.applied, [["239.1.1.1:9:eth0"], []]);
});

Deno.test("a client that has said everything still gets its answers", async () => {
  await using supervisor = await TestSupervisor.start();
  using peer = await supervisor.dial();
  await peer.send(pingLine(1) + pingLine(2).trimEnd());
  await peer.stream.closeWrite();
  deepStrictEqual([(await peer.receive())?.id, (await peer.receive())?.id, await peer.receive()], [1, 2, null]);
});

Deno.test("one client too many is told so, and served when another has left", async () => {
  await using supervisor = await TestSupervisor.start();
  const peers = await Promise.all(Array.from({ length: CLIENTS_MAX }, () => supervisor.dial()));
  for (const peer of peers) {
    await peer.send(pingLine(1));
    equal((await peer.receive())?.id, 1);
  }
  await rejects(supervisor.connect(), { code: "limit", message: /Cannot serve another client: 256 are connected/ });
  peers.pop()![Symbol.dispose]();
  for (let isServed = false; !isServed;) {
    const next = await supervisor.connect().catch(() => undefined);
    isServed = next !== undefined;
    next?.[Symbol.dispose]();
  }
  for (const peer of peers) peer[Symbol.dispose]();
});

Deno.test("the server answers what is in progress before it goes", async () => {
  await using supervisor = await TestSupervisor.start();
  using client = await supervisor.connect();
  const gate = Promise.withResolvers<void>();
  supervisor.engine.gate = gate.promise;
  const adding = client.call("rule.add", rule(1));
  await client.call("ping", {});
  const stopping = supervisor.stop();
  await rejects(connect(supervisor.path), NoDaemonError);
  gate.resolve();
  equal((await adding).state, "active");
  await stopping;
  await rejects(client.call("ping", {}), /Cannot get an answer: the supervisor closed the connection/);
});

Deno.test("Client rejects open calls when it is closed, and later ones too", async () => {
  await using supervisor = await TestSupervisor.start();
  const client = await supervisor.connect();
  const gate = Promise.withResolvers<void>();
  supervisor.engine.gate = gate.promise;
  const adding = client.call("rule.add", rule(1));
  await client.call("ping", {});
  client[Symbol.dispose]();
  await rejects(adding, /the client is closed/);
  await rejects(client.call("ping", {}), /the client is closed/);
  gate.resolve();
});

/** Connects to somebody who answers the first line with this one. */
async function connectTo(answer: string): Promise<void> {
  const directory = await Deno.makeTempDir({ prefix: "mcr-" });
  const path = `${directory}/other.sock`;
  using listener = Deno.listen({ transport: "unix", path });
  const connecting = connect(path);
  using peer = new RawPeer(await listener.accept());
  deepStrictEqual(await peer.receive(), {
    ...{ jsonrpc: "2.0", id: 1, method: "version", params: { protocol: [1] } },
  });
  await peer.send(answer);
  try {
    (await connecting)[Symbol.dispose]();
  } finally {
    await Deno.remove(directory, { recursive: true });
  }
}

Deno.test("connect() rejects when the answer is not JSON-RPC", async () => {
  await rejects(connectTo("220 mail.example ESMTP\n"), /^Error: Cannot get an answer from the supervisor: /);
});

Deno.test("connect() says so when the answer breaks off, and does not wait for ever for one", async () => {
  await rejects(connectTo('{"jsonrpc":"2.0","id":1,"res\n'), {
    message: "Cannot get an answer from the supervisor: it broke off in the middle of a line, or speaks no JSON",
  });
  const directory = await Deno.makeTempDir({ prefix: "mcr-" });
  using _silent = Deno.listen({ transport: "unix", path: `${directory}/mcr.sock` });
  await rejects(connect(`${directory}/mcr.sock`, 10), /^Error: Cannot get an answer: the supervisor has been silent/);
  await Deno.remove(directory, { recursive: true });
});

Deno.test("connect() agrees on a version of the protocol, or says which the supervisor speaks", async () => {
  await connectTo('{"jsonrpc":"2.0","id":1,"result":{"version":"0.2.0","abi":1,"protocol":1}}\n');
  const message = "Cannot speak protocol 1: this supervisor speaks 2, 3";
  const error = { code: -32602, message, data: { code: "invalid", path: "protocol" } };
  await rejects(connectTo(`${JSON.stringify({ jsonrpc: "2.0", id: 1, error })}\n`), { name: "ControlError", message });
});

Deno.test("the highest version of the protocol that both speak is chosen", () => {
  equal(chooseProtocol(undefined), 1);
  equal(chooseProtocol({}), 1);
  equal(chooseProtocol({ protocol: [7, 1] }), 1);
  equal(chooseProtocol({ protocol: [1, 3, 2, 5] }, [1, 2, 3]), 3);
  equal(chooseProtocol({}, [1, 2, 3]), 3);
  const wrong: readonly [params: unknown, message: RegExp][] = [
    [{ protocol: [2, 3] }, /^Cannot speak protocol 2 or 3: this supervisor speaks 1$/],
    [{ protocol: [] }, /^Cannot accept "protocol" \[\]: expected a list of 1 to 64 protocol versions$/],
    [{ protocol: 1 }, /^Cannot accept "protocol" 1: expected a list/],
    [{ protocol: ["1"] }, /^Cannot accept "protocol\[0\]" "1": expected the number of a protocol version$/],
    [{ protocl: [1] }, /^Cannot accept "protocl": no such field; did you mean "protocol"\?$/],
  ];
  for (const [params, message] of wrong) throws(() => chooseProtocol(params), { name: "ControlError", message });
});

Deno.test("connect() says that nobody listens, and what to do", async () => {
  await rejects(connect("/nonexistent/mcr.sock"), (error: Error) => {
    match(error.message, /^Cannot reach the supervisor on "\/nonexistent\/mcr\.sock": nobody listens there; start one/);
    return error instanceof NoDaemonError;
  });
});

Deno.test("what a client names is not quoted in the audit without end", async () => {
  await using supervisor = await TestSupervisor.start();
  using client = await supervisor.connect();
  await rejects(client.call("rule.remove", { id: "x".repeat(500_000) }), { code: "not_found" });
  const [line] = supervisor.log.filter((one) => one.includes("rule.remove"));
  match(line!, /^uid \d+ pid \d+ \(.+\) rule\.remove \{"id":"x+\.\.\.: Cannot find rule "x+\.\.\.$/);
  equal(line!.length < 2200, true);
});
