// Goal: the supervisor knows of each client who it is, by the word of the kernel and not by the client's.
import { deepStrictEqual, notStrictEqual, ok, strictEqual, throws } from "node:assert/strict";
import { type Accepted, ControlSocket } from "../../ffi/control_socket.ts";
import { Descriptor } from "../../ffi/descriptor.ts";

/** A path in a directory that goes away with it. */
class Place implements AsyncDisposable {
  readonly #directory = Deno.makeTempDirSync({ prefix: "mcr-control-" });
  readonly path = `${this.#directory}/mcr.sock`;
  async [Symbol.asyncDispose](): Promise<void> {
    await Deno.remove(this.#directory, { recursive: true });
  }
}

/** Takes in a client that connects now; the client has gone when this resolves. */
async function acceptOne(socket: ControlSocket, path: string, group: number): Promise<Accepted> {
  using _client = await Deno.connect({ transport: "unix", path });
  const accepted = await socket.accept(group);
  ok(accepted !== null);
  new Descriptor(accepted.fd)[Symbol.dispose]();
  return accepted;
}

Deno.test("a client is known by its process, user and group", async () => {
  await using place = new Place();
  await using socket = new ControlSocket(place.path);
  const gid = Deno.gid()!;
  const { peer } = await acceptOne(socket, place.path, gid);
  deepStrictEqual(peer, { pid: Deno.pid, uid: Deno.uid(), gid, isMember: true });
});

Deno.test("a client is no member of a group that it does not have", async () => {
  await using place = new Place();
  await using socket = new ControlSocket(place.path);
  const status = Deno.readTextFileSync("/proc/self/status");
  const own = [Deno.gid()!, .../^Groups:\t(.*)$/m.exec(status)![1]!.trim().split(" ").map(Number)];
  const foreign = Math.max(...own) + 1;
  strictEqual((await acceptOne(socket, place.path, foreign)).peer.isMember, false);
});

Deno.test("accept() waits for the next client, and ends when the socket is closed", async () => {
  await using place = new Place();
  const socket = new ControlSocket(place.path);
  const waiting = socket.accept(0);
  using _client = await Deno.connect({ transport: "unix", path: place.path });
  const accepted = await waiting;
  notStrictEqual(accepted, null);
  new Descriptor(accepted!.fd)[Symbol.dispose]();
  const none = socket.accept(0);
  await socket[Symbol.asyncDispose]();
  strictEqual(await none, null);
  strictEqual(await socket.accept(0), null);
});

Deno.test("the file of the socket is its owner's alone from the start, whatever the umask", async () => {
  await using place = new Place();
  const umask = Deno.umask(0);
  try {
    await using _socket = new ControlSocket(place.path);
    strictEqual(Deno.statSync(place.path).mode! & 0o777, 0o600);
  } finally {
    Deno.umask(umask);
  }
});

Deno.test("a path that is taken, or too long, is refused", async () => {
  await using place = new Place();
  await using _socket = new ControlSocket(place.path);
  throws(() => new ControlSocket(place.path), { code: "EADDRINUSE", message: /^Cannot listen on ".*mcr\.sock": / });
  throws(() => new ControlSocket("/".repeat(108)), { code: "EINVAL", message: /of 108 bytes: wanted 1 to 107$/ });
  throws(() => new ControlSocket(""), { code: "EINVAL" });
});
