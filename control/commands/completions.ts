/**
 * `mcr completions`, which prints a script for a shell, and `mcr __complete`, which that script asks for live rules.
 *
 * @module
 */
import { connectUnheard } from "../client.ts";
import { type Command, readArguments, SOCKET_OPTION } from "../command.ts";
import { UsageError } from "../error.ts";
import type { RuleStatus } from "../model.ts";
import { formatEndpoint } from "../rule_text.ts";
import { resolveSocketPath } from "../socket_path.ts";
import { didYouMean } from "../suggest.ts";
import { describeAll } from "./native.ts";

/** Somebody waits with a finger on the key. */
const PATIENCE_MS = 1000;

/** The `completions` command, for the commands that `all` lists. */
export function makeCompletions(all: () => readonly Command[]): Command {
  const completions: Command = {
    name: "completions",
    usage: "mcr completions bash|zsh|fish",
    summary: "Print a script that lets a shell complete command lines",
    details: `It completes commands, options, interfaces and the names of live rules. Put it
where the shell looks for such scripts:
  bash  /usr/share/bash-completion/completions/mcr
  zsh   /usr/local/share/zsh/site-functions/_mcr
  fish  /etc/fish/completions/mcr.fish`,
    example: `mcr completions bash > /usr/share/bash-completion/completions/mcr
mcr completions zsh > /usr/local/share/zsh/site-functions/_mcr
mcr completions fish > ~/.config/fish/completions/mcr.fish`,
    options: [],
    positionalsMax: 1,
    positional: "bash|zsh|fish",

    async run(args): Promise<string> {
      const [shell] = readArguments(completions, args).positionals;
      if (shell === undefined) {
        throw new UsageError(`Cannot print completions for no shell: expected ${completions.usage}`);
      }
      const { SHELLS } = await import("../completions/mod.ts");
      const script = Object.hasOwn(SHELLS, shell) ? SHELLS[shell] : undefined;
      if (script === undefined) {
        throw new UsageError(
          `Cannot print completions for "${shell}": expected bash, zsh or fish${
            didYouMean(shell, Object.keys(SHELLS))
          }`,
        );
      }
      return script(await describeAll(all()));
    },
  };
  return completions;
}

/** The `__complete` command: lines of a word, a tab and what it is. It says nothing when it cannot say anything. */
export const complete: Command = {
  name: "__complete",
  usage: "mcr __complete rules [--socket PATH]",
  summary: "List what a shell can complete",
  example: "mcr __complete rules",
  options: [SOCKET_OPTION],
  positionalsMax: 1,
  positional: "rules",

  async run(args): Promise<string> {
    const given = readArguments(complete, args);
    if (given.positionals[0] !== "rules") throw new UsageError(`Cannot list that: expected ${complete.usage}`);
    try {
      // Not heard first: who does not answer would be waited for.
      using client = await connectUnheard(resolveSocketPath(given.one("socket"), "client"));
      using patience = limit();
      const answer = await Promise.race([client.call("rule.list", {}), patience.over]);
      return answer?.rules.flatMap(ruleLines).join("") ?? "";
    } catch {
      return "";
    }
  },
};

/** Resolves to nothing when it has taken too long. */
function limit(): Disposable & { readonly over: Promise<undefined> } {
  const { promise: over, resolve } = Promise.withResolvers<undefined>();
  const timer = setTimeout(() => resolve(undefined), PATIENCE_MS);
  return { over, [Symbol.dispose]: () => clearTimeout(timer) };
}

function ruleLines({ id, name, outputs }: RuleStatus): string[] {
  const what = `to ${outputs.map(formatEndpoint).slice(0, 2).join(", ")}${outputs.length > 2 ? ", ..." : ""}`;
  return [`${id}\t${name ?? what}\n`, ...name === undefined ? [] : [`${name}\t${id}\n`]];
}
