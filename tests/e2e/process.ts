/**
 * Child processes of a test: what they say is collected, each wait has an end, and none outlives its owner.
 *
 * @module
 */

/** How long anything that takes no time by itself may take, on a machine that is busy with other things. */
export const PATIENCE_MS = 20_000;

/** Between two looks at a state that nobody announces. */
const LOOK_PAUSE_MS = 20;

/** How a process ended, and all that it said. */
export interface Ended {
  readonly command: string;
  readonly code: number;
  readonly signal: Deno.Signal | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** What differs from the test's own surroundings. */
export interface ProcessOptions {
  readonly env?: Readonly<Record<string, string>>;
  /** Written to standard input, which is then closed; without it there is none. */
  readonly stdin?: string;
}

type StreamName = "stdout" | "stderr";

/** A running child. Disposing it ends it: by SIGTERM, and by SIGKILL when that does not help. */
export class Process implements AsyncDisposable {
  readonly command: string;
  readonly #child: Deno.ChildProcess;
  readonly #text: Record<StreamName, string> = { stdout: "", stderr: "" };
  readonly #ended: Promise<Ended>;
  #isRunning = true;
  /** Whether all that it will ever say has been read. */
  #isSilent = false;
  /** Resolves when it has said something, or will say nothing more. */
  #news = Promise.withResolvers<void>();

  private constructor(argv: readonly string[], child: Deno.ChildProcess) {
    this.command = argv.join(" ");
    this.#child = child;
    const reading = Promise.all([this.#read("stdout"), this.#read("stderr")]);
    this.#ended = child.status.then(async ({ code, signal }) => {
      this.#isRunning = false;
      await reading;
      this.#isSilent = true;
      this.#tell();
      return { command: this.command, code, signal, ...this.#text };
    });
  }

  static async start(argv: readonly string[], options: ProcessOptions = {}): Promise<Process> {
    const child = new Deno.Command(argv[0]!, {
      args: argv.slice(1),
      env: { NO_COLOR: "1", ...options.env },
      stdin: options.stdin === undefined ? "null" : "piped",
      stdout: "piped",
      stderr: "piped",
    }).spawn();
    const process = new Process(argv, child);
    if (options.stdin !== undefined) {
      const writer = child.stdin.getWriter();
      await writer.write(new TextEncoder().encode(options.stdin));
      await writer.close();
    }
    return process;
  }

  get pid(): number {
    return this.#child.pid;
  }

  get isRunning(): boolean {
    return this.#isRunning;
  }

  /** What it has said so far. */
  get stdout(): string {
    return this.#text.stdout;
  }

  get stderr(): string {
    return this.#text.stderr;
  }

  /** The lines of a stream from the first on, as they come. */
  async *lines(stream: StreamName): AsyncGenerator<string> {
    for (let start = 0;;) {
      const end = this.#text[stream].indexOf("\n", start);
      if (end >= 0) {
        yield this.#text[stream].slice(start, end);
        start = end + 1;
      } else if (this.#isSilent) {
        return;
      } else {
        await this.#news.promise;
      }
    }
  }

  /** Waits until a line of the stream matches; fails when the process ends before, or it takes too long. */
  async line(stream: StreamName, pattern: RegExp, patienceMs = PATIENCE_MS): Promise<RegExpMatchArray> {
    const what = `"${pattern.source}"`;
    return await within(patienceMs, this.#find(stream, pattern, what), () => `${what} from ${this.#describe()}`);
  }

  /** Waits for its end. */
  async end(patienceMs = PATIENCE_MS): Promise<Ended> {
    return await within(patienceMs, this.#ended, () => `the end of ${this.#describe()}`);
  }

  kill(signal: Deno.Signal): void {
    if (this.#isRunning) this.#child.kill(signal);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#isRunning) {
      this.kill("SIGTERM");
      await this.end(PATIENCE_MS / 4).catch(() => this.kill("SIGKILL"));
    }
    await this.#ended;
  }

  async #read(stream: StreamName): Promise<void> {
    for await (const text of this.#child[stream].pipeThrough(new TextDecoderStream())) {
      this.#text[stream] += text;
      this.#tell();
    }
  }

  #tell(): void {
    this.#news.resolve();
    this.#news = Promise.withResolvers();
  }

  async #find(stream: StreamName, pattern: RegExp, what: string): Promise<RegExpMatchArray> {
    for await (const line of this.lines(stream)) {
      const match = pattern.exec(line);
      if (match) return match;
    }
    return fail(what, await this.#ended);
  }

  #describe(): string {
    return `"${this.command}", which said:\n${this.#text.stdout}${this.#text.stderr}`;
  }
}

/** Runs a command to its end, whatever that is. */
export async function run(argv: readonly string[], options: ProcessOptions = {}): Promise<Ended> {
  await using process = await Process.start(argv, options);
  return await process.end();
}

/** Runs a command that must succeed; resolves to what it wrote to standard output. */
export async function output(argv: readonly string[], options: ProcessOptions = {}): Promise<string> {
  const ended = await run(argv, options);
  if (ended.code !== 0) fail("success", ended);
  return ended.stdout;
}

/** Looks again and again until there is something to see, and returns it. */
export async function until<Seen>(what: string, look: () => Promise<Seen | undefined>): Promise<Seen> {
  for (const end = performance.now() + PATIENCE_MS; performance.now() < end;) {
    const seen = await look();
    if (seen !== undefined) return seen;
    await new Promise((resolve) => setTimeout(resolve, LOOK_PAUSE_MS));
  }
  throw new Error(`Waited ${PATIENCE_MS} ms in vain until ${what}`);
}

async function within<Result>(ms: number, work: Promise<Result>, what: () => string): Promise<Result> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const limit = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`Waited ${ms} ms in vain for ${what()}`)), ms);
  });
  try {
    return await Promise.race([work, limit]);
  } finally {
    clearTimeout(timer);
  }
}

function fail(wanted: string, { command, code, signal, stdout, stderr }: Ended): never {
  throw new Error(`Wanted ${wanted}, but "${command}" ended with ${signal ?? code}:\n${stdout}${stderr}`);
}
