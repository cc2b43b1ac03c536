// Goal: dist/mcr is whole by itself. It runs from anywhere, whatever lies around it, and says so when it is not whole.
import { deepStrictEqual, doesNotMatch, match, strictEqual } from "node:assert/strict";
import { MCR_VERSION } from "../../ffi/abi.ts";

const MCR = new URL("../../dist/mcr", import.meta.url).pathname;

interface Result {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** `mcr help` is the shortest way through the runtime: it reads nothing and asks nobody. */
async function run(file: string, args: string[], env: Record<string, string> = {}, cwd = "/"): Promise<Result> {
  const { code, stdout, stderr } = await new Deno.Command(file, { args, env, cwd, stdin: "null" }).output();
  const decoder = new TextDecoder();
  return { code, stdout: decoder.decode(stdout), stderr: decoder.decode(stderr) };
}

/** A directory that nobody else can look into, removed after use. */
class Folder implements AsyncDisposable {
  readonly path: string;

  private constructor(path: string) {
    this.path = path;
  }

  static async create(): Promise<Folder> {
    const path = await Deno.makeTempDir({ prefix: "mcr-one-file-" });
    await Deno.chmod(path, 0o700);
    return new Folder(path);
  }

  /** A copy of the executable in it. */
  async copy(): Promise<string> {
    const file = `${this.path}/mcr`;
    await Deno.copyFile(MCR, file);
    return file;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Deno.remove(this.path, { recursive: true });
  }
}

/** Why dist/mcr cannot be tested, or null: one that was built before the native part of today is another program. */
async function findObstacle(): Promise<string | null> {
  try {
    const native = new URL("../../zig-out/bin/mcr-native", import.meta.url);
    const [{ mtime: built }, { mtime: needed }] = await Promise.all([Deno.stat(MCR), Deno.stat(native)]);
    return built! < needed! ? "dist/mcr is older than zig-out/bin/mcr-native" : null;
  } catch {
    return "dist/mcr is not there";
  }
}

const obstacle = await findObstacle();
const ignore = obstacle !== null;
const reason = ignore ? ` (skipped: ${obstacle}, ./dev build makes it)` : "";

function test(name: string, fn: () => Promise<void>): void {
  Deno.test({ name: name + reason, ignore, fn });
}

test("mcr --version is answered with the version", async () => {
  deepStrictEqual(await run(MCR, ["--version"]), { code: 0, stdout: `mcr ${MCR_VERSION}\n`, stderr: "" });
});

test("mcr help comes through the runtime", async () => {
  const { code, stdout, stderr } = await run(MCR, ["help"]);
  match(stdout, /^usage: mcr COMMAND/m);
  deepStrictEqual({ code, stderr }, { code: 0, stderr: "" });
});

test("at a terminal the runtime has nothing of its own to say", async () => {
  // Of all terminals this one is everywhere.
  const script = await run("/usr/bin/script", ["--quiet", "--return", "--command", `${MCR} list --jsn`, "/dev/null"]);
  deepStrictEqual(script.stdout.split("\r\n"), [
    'mcr: Cannot use --jsn: mcr list has no such option; did you mean "--json"?',
    "",
  ]);
  strictEqual(script.code, 2);
});

test("arguments with spaces and dashes arrive as they are", async () => {
  const { code, stderr } = await run(MCR, ["no such command"]);
  match(stderr, /no such command/);
  strictEqual(code, 2);
});

test("by a link with the name of another program it takes that one's command lines", async () => {
  await using folder = await Folder.create();
  const nowhere = `${folder.path}/mcr.sock`;
  for (const name of ["mcrd", "mcrctl", "mcrgen"]) await Deno.symlink(MCR, `${folder.path}/${name}`);
  await Deno.mkdir(`${folder.path}/hard`);
  await Deno.link(await folder.copy(), `${folder.path}/hard/mcrctl`);
  for (const mcrctl of [`${folder.path}/mcrctl`, `${folder.path}/hard/mcrctl`]) {
    deepStrictEqual(
      await run(mcrctl, ["--socket-path", nowhere, "list"]),
      await run(MCR, ["list", "--socket", nowhere]),
    );
  }
  match((await run(`${folder.path}/mcrd`, ["--help"])).stdout, /^usage: mcr mcrd supervisor/m);
  deepStrictEqual(await run(`${folder.path}/mcrd`, ["--version"]), await run(MCR, ["--version"]));
  const { code, stderr } = await run(`${folder.path}/mcrgen`, ["--interface", "lo", "--group", "x", "--port", "1"]);
  strictEqual(
    stderr.split("\n")[0],
    'mcr gen: Cannot use --group "x": expected an IPv4 or IPv6 address such as 239.1.1.1 or ff3e::1',
  );
  strictEqual(code, 2);
});

const CAPABILITIES = "cap_net_raw,cap_net_admin+ep";
/** setpriv itself keeps what it has as root until it is another program. */
const AS_NOBODY = ["--reuid=65534", "--regid=65534", "--clear-groups", "env"];

/** Whether a file of a temporary directory can have capabilities, and an ordinary user gets them by it. */
async function hasFileCapabilities(): Promise<boolean> {
  if (Deno.uid() !== 0) return false;
  await using folder = await Folder.create();
  const grep = `${folder.path}/grep`;
  await Deno.chmod(folder.path, 0o755);
  try {
    await Deno.copyFile("/bin/grep", grep);
    await run("setcap", [CAPABILITIES, grep]);
    return /000003000$/m.test((await run("setpriv", [...AS_NOBODY, grep, "CapEff", "/proc/self/status"])).stdout);
  } catch {
    return false;
  }
}

const canBeGiven = await hasFileCapabilities();

Deno.test({
  name: "with file capabilities it relays for a user who has none" +
    (canBeGiven ? reason : " (skipped: needs root, setcap of libcap2-bin, and a /tmp that heeds them)"),
  ignore: ignore || !canBeGiven,
  async fn(): Promise<void> {
    await using folder = await Folder.create();
    const file = await folder.copy();
    await Deno.chmod(folder.path, 0o777);
    strictEqual((await run("setcap", [CAPABILITIES, file])).code, 0);
    // Its packet sockets are open when it comes to the metrics.
    const args = ["run", "--socket", `${folder.path}/mcr.sock`, "--metrics", "unix:/nonexistent/none/m.sock"];
    const { code, stderr } = await run("setpriv", [...AS_NOBODY, file, ...args]);
    match(stderr, /^mcr: Cannot make directory "\/nonexistent\/none"/);
    strictEqual(code, 1);
  },
});

test("a copy runs from a directory that is closed to others", async () => {
  await using folder = await Folder.create();
  deepStrictEqual(await run(await folder.copy(), ["help"]), await run(MCR, ["help"]));
});

test("the surroundings do not steer the runtime, and it leaves nothing there", async () => {
  await using folder = await Folder.create();
  const traps = { "deno.json": "{", "package.json": "{", ".npmrc": "registry=none", ".env": "MCR_LIB=none" };
  for (const [name, text] of Object.entries(traps)) await Deno.writeTextFile(`${folder.path}/${name}`, text);
  const env = {
    DENO_DIR: `${folder.path}/cache`,
    DENO_V8_FLAGS: "--no-such-flag",
    NODE_OPTIONS: "--require=/nonexistent",
    OTEL_DENO: "true",
    RUST_LOG: "trace",
    MCR_LIB: "/nonexistent",
    MCR_NATIVE: "/nonexistent",
  };
  deepStrictEqual(await run(MCR, ["help"], env, folder.path), await run(MCR, ["help"]));
  // Loads libmcr, then fails for want of a directory.
  const supervisor = ["run", "--socket", `${folder.path}/deno.json/mcr.sock`];
  const { code, stderr } = await run(MCR, supervisor, env, folder.path);
  deepStrictEqual({ code, stderr }, { code: 1, stderr: (await run(MCR, supervisor)).stderr });
  doesNotMatch(stderr, /libmcr|Cannot load/);

  const left = [...Deno.readDirSync(folder.path)].map(({ name }) => name);
  deepStrictEqual(left.toSorted(), Object.keys(traps).toSorted());
});

test("a file that is cut short is refused with a sentence", async () => {
  await using folder = await Folder.create();
  const file = await folder.copy();
  const { size } = await Deno.stat(file);
  for (const bytes of [size - 1, size - 96, Math.floor(size / 2)]) {
    await Deno.truncate(file, bytes);
    const { code, stderr } = await run(file, ["help"]);
    strictEqual(stderr, "mcr: Cannot start: the executable is cut short or damaged; install it again\n");
    strictEqual(code, 1);
  }
});

test("a trailer that points elsewhere is refused with a sentence", async () => {
  await using folder = await Folder.create();
  const path = await folder.copy();
  {
    using file = await Deno.open(path, { write: true });
    await file.seek(-96, Deno.SeekMode.End);
    await file.write(new Uint8Array(8).fill(0xff));
  }
  const { code, stderr } = await run(path, ["help"]);
  strictEqual(stderr, "mcr: Cannot start: the executable is damaged; install it again\n");
  strictEqual(code, 1);
});

test("MCR_RUNTIME=cache unpacks once, for this user only, and runs from there", async () => {
  await using folder = await Folder.create();
  const env = { MCR_RUNTIME: "cache", XDG_CACHE_HOME: folder.path };
  const expected = await run(MCR, ["help"]);
  deepStrictEqual(await run(MCR, ["help"], env), expected);

  const made = [...Deno.readDirSync(`${folder.path}/mcr`)].map(({ name }) => name);
  strictEqual(made.length, 1);
  const unpacked = `${folder.path}/mcr/${made[0]}`;
  const { mode, ino } = await Deno.stat(unpacked);
  strictEqual(mode! & 0o777, 0o700);

  deepStrictEqual(await run(MCR, ["help"], env), expected);
  strictEqual((await Deno.stat(unpacked)).ino, ino);

  await Deno.chmod(unpacked, 0o755);
  const { code, stderr } = await run(MCR, ["help"], env);
  match(stderr, /^mcr: Cannot use ".*": it must belong to this user and be closed to others\n$/);
  strictEqual(code, 1);
});

test("MCR_RUNTIME refuses what it does not know", async () => {
  const { code, stderr } = await run(MCR, ["help"], { MCR_RUNTIME: "fast" });
  strictEqual(stderr, 'mcr: Cannot start: MCR_RUNTIME is "fast", and "map" or "cache" is wanted\n');
  strictEqual(code, 1);
});
