/**
 * `other_user.ts UID GID GROUP[,GROUP...] ARGUMENT...`: `mcr` as another user. It becomes that user only when everything
 * is loaded, so the sources and the runtime may be where others cannot read.
 *
 * @module
 */
import { main } from "../../cli.ts";

const libc = Deno.dlopen("libc.so.6", {
  setgroups: { parameters: ["usize", "buffer"], result: "i32" },
  setresgid: { parameters: ["u32", "u32", "u32"], result: "i32" },
  setresuid: { parameters: ["u32", "u32", "u32"], result: "i32" },
}).symbols;

function say(stream: typeof Deno.stdout, text: string): void {
  stream.writeSync(new TextEncoder().encode(text));
}

const [uid, gid, groups, ...args] = Deno.args;
const list = Uint32Array.from(groups!.split(",").filter((group) => group !== ""), Number);
const failed = libc.setgroups(BigInt(list.length), list) || libc.setresgid(Number(gid), Number(gid), Number(gid)) ||
  libc.setresuid(Number(uid), Number(uid), Number(uid));
if (failed !== 0) throw new Error(`Cannot become user ${uid}`);
Deno.exit(
  await main(args, {
    write: (text) => Promise.resolve(say(Deno.stdout, text)),
    notice: (text) => say(Deno.stderr, text),
  }),
);
