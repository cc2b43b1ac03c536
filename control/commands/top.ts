/**
 * `mcr top`: the rules at work, live, on the whole terminal.
 *
 * @module
 */
import { connect } from "../client.ts";
import { type Command, readArguments, SOCKET_OPTION, type Surroundings, type TerminalSize } from "../command.ts";
import { messageOf } from "../error.ts";
import { Mailbox } from "../mailbox.ts";
import type { Stats } from "../model.ts";
import { parseKeys, Screen } from "../screen.ts";
import { resolveSocketPath } from "../socket_path.ts";
import { START, type TopState, withKey, withStats } from "../top_state.ts";
import { drawTop, pageOf } from "../top_view.ts";
import { formatAge } from "../units.ts";
import { canMoveCursor } from "../watch.ts";

/** The supervisor looks at its counters once a second. */
const PERIOD_MS = 1000;
/** So long a silence of the supervisor is worth a word: what is shown is old by then. */
const SILENCE_MS = 3000;
/** Of the supervisor's time one part in so many is for us, where it takes long to answer. */
const SUPERVISOR_SHARE = 10;
/** However long that took: it may have been stopped meanwhile. */
const PAUSE_MS_MAX = 5000;

/** What signals end us, and what status we then have. */
const STATUS = { SIGHUP: 129, SIGINT: 130, SIGQUIT: 131, SIGTERM: 143 } as const;

/** What can happen. */
type Happening =
  | { readonly kind: "stats"; readonly stats: Stats }
  | { readonly kind: "trouble"; readonly message: string }
  | { readonly kind: "keys"; readonly keys: readonly string[] }
  | { readonly kind: "resize" }
  | { readonly kind: "resume" }
  | { readonly kind: "end"; readonly status: number };

/** The `top` command. */
export const top: Command = {
  name: "top",
  usage: "mcr top [--socket PATH]",
  summary: "Watch the rules at work, live",
  details: `One line a rule: datagrams and bits of payload in a second, drops a second and
in all, latency, and the rate of the last minutes as a graph. Keys:

  n r b d l a     sort by name, rate, bits, drops, latency, last seen; the same
                  key again reverses; left and right go through them
  w               rates over 1 s, 10 s or 60 s
  o               the outputs below their rules, with drops by reason
  /               show only rules with this text in name, group or interface
  up down space   scroll; also PageUp, PageDown, Home, End, j, k, g, G
  q, Ctrl-C       quit

When the supervisor goes or is silent, the last numbers stay and it is said so.
NO_COLOR is respected. Where there is no terminal, "mcr stats --watch" does.`,
  example: "mcr top",
  options: [SOCKET_OPTION],

  async run(args, surroundings): Promise<number> {
    const given = readArguments(top, args);
    const size = requireTerminal(surroundings);
    const path = resolveSocketPath(given.one("socket"), "client");
    // Who is not there at all is no case for a full screen.
    const first = await ask(path);
    return await show(path, first, surroundings, size);
  },
};

function requireTerminal({ size }: Surroundings): () => TerminalSize {
  const refuse = (why: string): never => {
    throw new Error(`Cannot show mcr top: ${why}; use "mcr stats --watch"`);
  };
  if (size?.() === undefined) refuse("standard output is no terminal");
  if (!Deno.stdin.isTerminal()) refuse("standard input is no terminal");
  if (!canMoveCursor()) refuse(`the terminal is of type "${Deno.env.get("TERM") ?? ""}", which cannot move the cursor`);
  let last: TerminalSize = { columns: 80, rows: 24 };
  return () => last = size!() ?? last;
}

async function ask(path: string): Promise<Stats> {
  using client = await connect(path);
  return await client.call("stats.get", {});
}

async function show(path: string, first: Stats, { write }: Surroundings, size: () => TerminalSize): Promise<number> {
  const screen = new Screen((Deno.env.get("NO_COLOR") ?? "") === "");
  const isUnicode = /utf-?8/i.test(Deno.env.get("LC_ALL") || Deno.env.get("LC_CTYPE") || Deno.env.get("LANG") || "");
  using happenings = new Mailbox<Happening>();
  using _signals = takeSignals(happenings);
  let state = withStats(START, first);
  const draw = async (): Promise<void> => {
    const place = { ...size(), isUnicode, nowMs: Date.now() };
    const { lines, scroll } = drawTop(state, place);
    state = { ...state, scroll };
    const changes = screen.draw(lines, place);
    if (changes !== "") await write(changes);
  };
  const takeOver = async (): Promise<void> => {
    Deno.stdin.setRaw(true);
    await write(screen.enter());
  };
  try {
    await takeOver();
    await draw();
    readKeys(happenings);
    poll(path, happenings);
    for (;;) {
      const one = await happenings.next();
      if (one.kind === "end") return one.status;
      if (one.kind === "resume") await takeOver();
      const next = apply(state, one, pageOf(size()));
      if (next === null) return 0;
      state = next;
      await draw();
    }
  } finally {
    // A terminal that has gone needs nothing any more.
    await write(screen.leave()).catch(() => {});
    try {
      Deno.stdin.setRaw(false);
    } catch {
      // As above.
    }
  }
}

function apply(state: TopState, one: Happening, page: number): TopState | null {
  if (one.kind === "stats") return withStats(state, one.stats);
  if (one.kind === "trouble") return { ...state, trouble: one.message };
  if (one.kind !== "keys") return state;
  return one.keys.reduce<TopState | null>((now, key) => now && withKey(now, key, page), state);
}

/** Asks for the numbers until the mailbox is closed, over a new connection where the old one has ended. */
async function poll(path: string, happenings: Mailbox<Happening>): Promise<void> {
  while (!happenings.isClosed) {
    try {
      using client = await connect(path);
      while (!happenings.isClosed) {
        const askedMs = performance.now();
        const stats = await unlessSilent(happenings, client.call("stats.get", {}));
        happenings.add({ kind: "stats", stats });
        const shareMs = (performance.now() - askedMs) * SUPERVISOR_SHARE;
        await pause(Math.min(PAUSE_MS_MAX, Math.max(PERIOD_MS, shareMs)));
      }
    } catch (error) {
      happenings.add({ kind: "trouble", message: `${messageOf(error)}; trying again` });
      await pause(PERIOD_MS);
    }
  }
}

/** Says again and again how long the answer has not come. */
async function unlessSilent<Result>(happenings: Mailbox<Happening>, answer: Promise<Result>): Promise<Result> {
  const askedMs = performance.now();
  const timer = setInterval(() => {
    const silence = formatAge(performance.now() - askedMs);
    happenings.add({
      kind: "trouble",
      message: `The supervisor has been silent for ${silence}: these numbers are old`,
    });
  }, SILENCE_MS);
  try {
    return await answer;
  } finally {
    clearInterval(timer);
  }
}

async function readKeys(happenings: Mailbox<Happening>): Promise<void> {
  const buffer = new Uint8Array(256), decoder = new TextDecoder();
  try {
    for (let count = await Deno.stdin.read(buffer); count !== null; count = await Deno.stdin.read(buffer)) {
      happenings.add({ kind: "keys", keys: parseKeys(decoder.decode(buffer.subarray(0, count), { stream: true })) });
    }
  } catch {
    // The terminal has gone.
  }
  happenings.add({ kind: "end", status: STATUS.SIGHUP });
}

/** Has signals end us in good order, a second one at once: the terminal may not take what would restore it. */
function takeSignals(happenings: Mailbox<Happening>): Disposable {
  let endCount = 0;
  const handlers = new Map<Deno.Signal, () => void>([
    ["SIGWINCH", () => happenings.add({ kind: "resize" })],
    ["SIGCONT", () => happenings.add({ kind: "resume" })],
  ]);
  for (const [signal, status] of Object.entries(STATUS)) {
    handlers.set(signal as Deno.Signal, () => {
      if (++endCount > 1) Deno.exit(status);
      happenings.add({ kind: "end", status });
    });
  }
  for (const [signal, handle] of handlers) Deno.addSignalListener(signal, handle);
  return {
    [Symbol.dispose](): void {
      for (const [signal, handle] of handlers) Deno.removeSignalListener(signal, handle);
    },
  };
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
