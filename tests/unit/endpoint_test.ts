import { deepStrictEqual, equal, match, rejects } from "node:assert/strict";
import { Endpoint } from "../../control/endpoint.ts";
import { findGroup, parseSocketGroup, parseSocketMode } from "../../control/socket_access.ts";

const quiet = (): void => {};

/** A directory that goes away with the test. */
class Directory implements AsyncDisposable {
  readonly path = Deno.makeTempDirSync({ prefix: "mcr-" });
  readonly socket = `${this.path}/mcr.sock`;
  async [Symbol.asyncDispose](): Promise<void> {
    await Deno.remove(this.path, { recursive: true });
  }
}

function exists(path: string): boolean {
  try {
    return Deno.lstatSync(path) !== null;
  } catch {
    return false;
  }
}

/** Leaves a socket behind to which nobody listens, as a killed supervisor does. */
function leaveStaleSocket(path: string): void {
  const listener = Deno.listen({ transport: "unix", path: `${path}.moved` });
  Deno.renameSync(`${path}.moved`, path);
  listener.close();
}

Deno.test("Endpoint listens with mode 0660, makes the directory and removes the socket", async () => {
  await using directory = new Directory();
  const path = `${directory.path}/made/mcr.sock`;
  {
    using endpoint = await Endpoint.claim(path);
    await using _listener = endpoint.listen({}, quiet);
    equal(Deno.statSync(path).mode! & 0o777, 0o660);
    equal(Deno.statSync(`${directory.path}/made`).mode! & 0o777, 0o755);
    equal(Deno.statSync(`${path}.lock`).mode! & 0o777, 0o600);
  }
  equal(exists(path), false);
});

Deno.test("Endpoint leaves the umask as it was", async () => {
  await using directory = new Directory();
  const before = Deno.umask();
  using endpoint = await Endpoint.claim(directory.socket);
  await using _listener = endpoint.listen({}, quiet);
  equal(Deno.umask(), before);
});

Deno.test("Endpoint.claim() refuses a path that another supervisor has, before and after it listens", async () => {
  await using directory = new Directory();
  using first = await Endpoint.claim(directory.socket);
  const message = /^Error: Cannot listen on ".*mcr\.sock": another supervisor does/;
  await rejects(Endpoint.claim(directory.socket), message);
  await using _listener = first.listen({}, quiet);
  await rejects(Endpoint.claim(directory.socket), message);
  (await Deno.connect({ transport: "unix", path: directory.socket })).close();
});

Deno.test("Endpoint.claim() gives the path to one of many that start at once", async () => {
  await using directory = new Directory();
  leaveStaleSocket(directory.socket);
  const claims = await Promise.allSettled(Array.from({ length: 20 }, () => Endpoint.claim(directory.socket)));
  const winners = claims.filter((claim) => claim.status === "fulfilled");
  equal(winners.length, 1);
  winners[0]!.value[Symbol.dispose]();
});

Deno.test("Endpoint.claim() takes over a stale socket", async () => {
  await using directory = new Directory();
  leaveStaleSocket(directory.socket);
  equal(exists(directory.socket), true);
  using endpoint = await Endpoint.claim(directory.socket);
  await using _listener = endpoint.listen({}, quiet);
  (await Deno.connect({ transport: "unix", path: directory.socket })).close();
});

Deno.test("Endpoint.claim() never takes a live socket, whoever listens", async () => {
  await using directory = new Directory();
  using listener = Deno.listen({ transport: "unix", path: directory.socket });
  await rejects(Endpoint.claim(directory.socket), /another program does/);
  equal(exists(directory.socket), true);
  (await listener.accept()).close();
});

Deno.test("Endpoint.claim() refuses a file that is no socket and leaves it alone", async () => {
  await using directory = new Directory();
  await Deno.writeTextFile(directory.socket, "precious");
  await rejects(Endpoint.claim(directory.socket), /it exists and is not a socket; remove it yourself/);
  equal(await Deno.readTextFile(directory.socket), "precious");
});

Deno.test("Endpoint.claim() makes one directory, not a path of them", async () => {
  await using directory = new Directory();
  const path = `${directory.path}/a/b/mcr.sock`;
  await rejects(Endpoint.claim(path), /^Error: Cannot make directory ".*\/a\/b" for the socket ".*\/mcr\.sock": /);
});

Deno.test("Endpoint gives the path up when it is not listened to", async () => {
  await using directory = new Directory();
  (await Endpoint.claim(directory.socket))[Symbol.dispose]();
  using again = await Endpoint.claim(directory.socket);
  match(again.path, /mcr\.sock$/);
});

Deno.test("findGroup() reads /etc/group", async () => {
  await using directory = new Directory();
  const file = `${directory.path}/group`;
  await Deno.writeTextFile(file, "root:x:0:\nmcrx:x:7:\nmcr:x:1234:alice,bob\nbroken\n");
  equal(findGroup("mcr", file), 1234);
  equal(findGroup("root", file), 0);
  equal(findGroup("broken", file), undefined);
  equal(findGroup("nobody-here", file), undefined);
  equal(findGroup("mcr", `${file}.none`), undefined);
});

Deno.test("parseSocketGroup() and parseSocketMode() take what people write, and nothing else", async () => {
  await using directory = new Directory();
  const file = `${directory.path}/group`;
  await Deno.writeTextFile(file, "mcr:x:1234:\n");
  const groups = ["mcr", "77", "0", "nobody-here", "-1", "4294967295", ""].map((text) => parseSocketGroup(text, file));
  deepStrictEqual(groups, [1234, 77, 0, undefined, undefined, undefined, undefined]);
  const modes = ["0660", "660", "0600", "0666", "rw-rw----", "8", "0888", "00660", "1777", ""].map(parseSocketMode);
  deepStrictEqual(modes.slice(0, 4), [0o660, 0o660, 0o600, 0o666]);
  deepStrictEqual(modes.slice(4), [undefined, undefined, undefined, undefined, undefined, undefined]);
});

Deno.test("Endpoint gives the socket the mode and the group that it was told", async () => {
  await using directory = new Directory();
  using endpoint = await Endpoint.claim(directory.socket);
  const group = Deno.gid()!;
  await using _listener = endpoint.listen({ mode: 0o600, group }, quiet);
  const { mode, gid } = Deno.statSync(directory.socket);
  deepStrictEqual([mode! & 0o777, gid], [0o600, group]);
});
