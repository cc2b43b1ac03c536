/**
 * A real terminal for programs that need one: a tmux of its own with one pane, and a shell in it.
 *
 * @module
 */
import { mcr } from "./mcr.ts";
import { output, run, until } from "./process.ts";

/** What the shell says when it has run what it was told, and how that ended. */
const DONE = /^done (\d+)$/m;

let terminalCount = 0;

/** Whether tmux is there to be used. */
export const hasTmux = await run(["tmux", "-V"]).then(({ code }) => code === 0, () => false);

/** A terminal. Disposing it hangs up. */
export class Tmux implements AsyncDisposable {
  readonly #directory: string;
  readonly #name = `mcr-${Deno.pid}-${++terminalCount}`;

  private constructor(directory: string) {
    this.#directory = directory;
  }

  /** Opens one of 80 columns and 24 rows whose shell knows `mcr` and these variables. */
  static async open(env: Readonly<Record<string, string>>): Promise<Tmux> {
    const terminal = new Tmux(await Deno.makeTempDir({ prefix: "mcr-tmux-" }));
    const words = mcr().map((word) => `'${word.replaceAll("'", "'\\''")}'`).join(" ");
    await Deno.writeTextFile(`${terminal.#directory}/mcr`, `#!/bin/sh\necho $$ >"$0.pid"\nexec ${words} "$@"\n`, {
      mode: 0o755,
    });
    const PATH = `${terminal.#directory}:${Deno.env.get("PATH")}`;
    const variables = Object.entries({ ...env, PATH, PS1: "$ ", LC_ALL: "C.UTF-8" }).map(([name, value]) =>
      `${name}=${value}`
    );
    const shell = ["env", "-u", "NO_COLOR", "-u", "ENV", ...variables, "sh"];
    await terminal.#tmux("-u", "-f", "/dev/null", "new-session", "-d", "-x", "80", "-y", "24", ...shell);
    return terminal;
  }

  /** Types a line and Enter. */
  async type(line: string): Promise<void> {
    await this.#tmux("send-keys", "-l", line);
    await this.press("Enter");
  }

  /** Presses keys, by tmux's names for them. */
  async press(...keys: string[]): Promise<void> {
    await this.#tmux("send-keys", ...keys);
  }

  /** Runs a command line to its end; resolves to its exit status. */
  async command(line: string): Promise<number> {
    await this.start(line);
    return await this.untilDone();
  }

  /** Types a command line, after which the shell says that it is done. */
  async start(line: string): Promise<void> {
    await this.type(`clear; ${line}; echo done $?`);
  }

  /** Waits for what `start()` has started; resolves to its exit status. */
  async untilDone(): Promise<number> {
    return Number((await this.untilScreen(DONE))[1]);
  }

  /** Waits until the screen matches. */
  async untilScreen(pattern: RegExp): Promise<RegExpMatchArray> {
    let screen = "";
    try {
      return await until(
        "the screen was as wanted",
        async () => pattern.exec(screen = await this.screen()) ?? undefined,
      );
    } catch (error) {
      throw new Error(`Waited in vain for ${pattern} on this screen:\n${screen}`, { cause: error });
    }
  }

  /** The text on the screen. */
  async screen(): Promise<string> {
    return await this.#tmux("capture-pane", "-p");
  }

  /** The text on the screen, with what colours it. */
  async colours(): Promise<string> {
    return await this.#tmux("capture-pane", "-p", "-e");
  }

  async resize(columns: number, rows: number): Promise<void> {
    await this.#tmux("resize-window", "-x", String(columns), "-y", String(rows));
  }

  /** The process of the `mcr` that was started last. */
  async pid(): Promise<number> {
    return Number(await Deno.readTextFile(`${this.#directory}/mcr.pid`));
  }

  /** What a program could leave behind: the alternate screen, the cursor, the settings of the line. */
  async condition(): Promise<{ readonly flags: string; readonly settings: string }> {
    const flags = await this.#tmux("display-message", "-p", "alternate #{alternate_on}, cursor #{cursor_flag}");
    const tty = (await this.#tmux("display-message", "-p", "#{pane_tty}")).trim();
    return { flags: flags.trim(), settings: await output(["stty", "-F", tty, "-a"]) };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#tmux("kill-server");
    await Deno.remove(this.#directory, { recursive: true });
  }

  async #tmux(...args: string[]): Promise<string> {
    return await output(["tmux", "-S", `${this.#directory}/${this.#name}`, ...args]);
  }
}
