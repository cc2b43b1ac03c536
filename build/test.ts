/**
 * Runs test suites and adds up what they count: `test.ts SUITE... [DENO TEST ARGUMENTS]`.
 *
 * Every stage runs, whatever became of the one before it; the last line is the sum of all. A stage that fails without
 * counting anything (a formatter, a build, a crash) is one failure.
 *
 * @module
 */

interface Counts {
  readonly passed: number;
  readonly failed: number;
  readonly skipped: number;
}

interface Stage {
  readonly command: readonly string[];
  /** Finds the counts in the output; without it, the stage only succeeds or fails. */
  readonly count?: (output: string) => Counts | undefined;
}

const NOTHING: Counts = { passed: 0, failed: 0, skipped: 0 };

const STYLE: readonly Stage[] = [
  { command: ["deno", "fmt", "--check"] },
  { command: ["deno", "lint"] },
  { command: ["deno", "check", "--quiet"] },
  { command: ["zig", "fmt", "--check", "build.zig", "build"] },
];
const NATIVE: Stage = { command: ["deno", "task", "--quiet", "native"] };
const FUZZ: Stage = { command: ["deno", "task", "--quiet", "fuzz"], count: countOfC };
const C_UNIT: Stage = { command: ["zig", "build", "test"], count: countOfC };

/** The suites, by the names that the tasks of `deno.json` use. Only the last takes further arguments. */
const SUITES: Record<string, (args: readonly string[]) => readonly Stage[]> = {
  ok: (args) => [...STYLE, NATIVE, C_UNIT, denoTest(["--ignore=tests/e2e", "tests"], args)],
  unit: (args) => [NATIVE, C_UNIT, denoTest(["tests/unit"], args)],
  boundary: (args) => [NATIVE, denoTest(["tests/boundary"], args)],
  fuzz: () => [FUZZ],
  e2e: (args) => [NATIVE, denoTest(["tests/e2e"], args)],
};

/** Arguments that begin with a file take the place of the suite's own. */
function denoTest(files: readonly string[], args: readonly string[]): Stage {
  const own = args.length === 0 || args[0]!.startsWith("-") ? files : [];
  return { command: ["deno", "test", "--allow-all", "--no-check", ...own, ...args], count: countOfDeno };
}

/** The last line of `tests/unit/main.c`, and of `build/fuzz.ts`. */
function countOfC(output: string): Counts | undefined {
  const found = output.match(/^(\d+) passed, (\d+) failed, (\d+) skipped$/m);
  return found ? { passed: Number(found[1]), failed: Number(found[2]), skipped: Number(found[3]) } : undefined;
}

/** The last line of `deno test`: "ok | 12 passed (3 steps) | 0 failed | 1 ignored (2s)". */
function countOfDeno(output: string): Counts | undefined {
  const lines = output.matchAll(/^(?:ok|FAILED) \| (\d+) passed\b.*? \| (\d+) failed\b(?:.*? \| (\d+) ignored\b)?/gm);
  const found = [...lines].at(-1);
  return found ? { passed: Number(found[1]), failed: Number(found[2]), skipped: Number(found[3] ?? 0) } : undefined;
}

/** Runs a stage, showing its output as it comes. */
async function run({ command, count }: Stage): Promise<Counts> {
  await say(`\n--- ${command.join(" ")}\n`);
  const child = new Deno.Command(command[0]!, {
    args: command.slice(1),
    stdout: "piped",
    env: { NO_COLOR: "1" },
  }).spawn();
  let output = "";
  const decoder = new TextDecoder();
  for await (const chunk of child.stdout) {
    await write(chunk);
    output += decoder.decode(chunk, { stream: true });
  }
  const { success } = await child.status;

  const counts = count?.(output) ?? NOTHING;
  const isUncounted = !success && counts.failed === 0 || success && count && counts === NOTHING;
  return isUncounted ? { ...counts, failed: counts.failed + 1 } : counts;
}

async function write(bytes: Uint8Array): Promise<void> {
  for (let done = 0; done < bytes.length;) done += await Deno.stdout.write(bytes.subarray(done));
}

async function say(text: string): Promise<void> {
  await write(new TextEncoder().encode(text));
}

function stagesOf(args: readonly string[]): Stage[] {
  const end = args.findIndex((name) => !(name in SUITES));
  const names = end < 0 ? args : args.slice(0, end);
  if (names.length === 0) {
    throw new TypeError(`Cannot test "${args[0] ?? ""}": expected ${Object.keys(SUITES).join(", ")}`);
  }
  return names.flatMap((name, index) => [...SUITES[name]!(index === names.length - 1 ? args.slice(names.length) : [])]);
}

if (import.meta.main) {
  let total = NOTHING;
  for (const stage of stagesOf(Deno.args)) {
    const { passed, failed, skipped } = await run(stage);
    total = { passed: total.passed + passed, failed: total.failed + failed, skipped: total.skipped + skipped };
  }
  const skipped = total.skipped > 0 ? `, ${total.skipped} skipped` : "";
  await say(`\n${total.passed} passed, ${total.failed} failed${skipped}\n`);
  if (total.failed > 0) Deno.exit(1);
}
