/**
 * Makes the one-file executable: `pack.ts OUT NATIVE RUNTIME SCRIPT LIBRARY`. The layout is that of `csrc/launch.h`.
 *
 * @module
 */
import { createHash } from "node:crypto";

/** As in `csrc/launch.h`. */
const PAYLOAD_ALIGNMENT = 65536;
const TRAILER_BYTES = 96;
const TRAILER_VERSION = 1;
const TRAILER_MAGIC = "mcr-one\n";

interface Payload {
  readonly offset: number;
  readonly bytes: number;
}

/** A file that is written from front to back, and hashed on the way. */
class Writer {
  readonly #file: Deno.FsFile;
  readonly #hash = createHash("sha256");
  #bytes = 0;

  constructor(file: Deno.FsFile) {
    this.#file = file;
  }

  /** Bytes written so far. */
  get bytes(): number {
    return this.#bytes;
  }

  /** The first half of the SHA-256 over all that was written, in hexadecimal. */
  get hash(): string {
    return this.#hash.copy().digest("hex").slice(0, 32);
  }

  async write(chunk: Uint8Array): Promise<void> {
    this.#hash.update(chunk);
    this.#bytes += chunk.length;
    for (let done = 0; done < chunk.length;) done += await this.#file.write(chunk.subarray(done));
  }

  /** Appends a file where it can be mapped. */
  async append(path: string): Promise<Payload> {
    await this.write(new Uint8Array(-this.#bytes & (PAYLOAD_ALIGNMENT - 1)));
    const offset = this.#bytes;
    using source = await Deno.open(path);
    for await (const chunk of source.readable) await this.write(chunk);
    return { offset, bytes: this.#bytes - offset };
  }
}

function trailerOf(payloads: readonly Payload[], hash: string): Uint8Array {
  const trailer = new Uint8Array(TRAILER_BYTES);
  const view = new DataView(trailer.buffer);
  payloads.forEach(({ offset, bytes }, index) => {
    view.setBigUint64(index * 16, BigInt(offset), true);
    view.setBigUint64(index * 16 + 8, BigInt(bytes), true);
  });
  trailer.set(new TextEncoder().encode(hash), 48);
  view.setUint32(84, TRAILER_VERSION, true);
  trailer.set(new TextEncoder().encode(TRAILER_MAGIC), 88);
  return trailer;
}

async function pack(out: string, native: string, payloadPaths: readonly string[]): Promise<void> {
  using file = await Deno.open(out, { write: true, createNew: true, mode: 0o755 });
  const writer = new Writer(file);
  await writer.append(native);
  const payloads = [];
  for (const path of payloadPaths) payloads.push(await writer.append(path));
  await writer.write(trailerOf(payloads, writer.hash));
}

if (import.meta.main) {
  const [out, native, runtime, script, library] = Deno.args;
  if (!out || !native || !runtime || !script || !library) {
    throw new TypeError("Cannot pack: expected OUT NATIVE RUNTIME SCRIPT LIBRARY");
  }
  // A rename replaces an executable that is running, which cannot be written to.
  const temporary = `${out}.${Deno.pid}`;
  try {
    await pack(temporary, native, [runtime, script, library]);
    await Deno.rename(temporary, out);
  } catch (error) {
    await Deno.remove(temporary).catch(() => {});
    throw error;
  }
}
