/**
 * Builds tests/fuzz/parse_fuzz.c with clang-19 (libFuzzer, AddressSanitizer, UndefinedBehaviorSanitizer) and runs it
 * for 5 seconds, or for as many as `MCR_FUZZ_SECONDS` says. What makes it fail is left in zig-out/fuzz/.
 *
 * @module
 */

const FOLDER = "zig-out/fuzz";
const PROGRAM = `${FOLDER}/parse_fuzz`;
const SOURCES = [
  "tests/fuzz/parse_fuzz.c",
  ...["bpf", "model", "rule_model"].map((name) => `tests/unit/${name}.c`),
  ...["base", "filter", "filter_plan", "filter_tree", "parse", "reassembly", "route", "route_compile", "route_plan"]
    .map((name) => `csrc/${name}.c`),
];
const FLAGS = [
  "-std=c17",
  "-D_GNU_SOURCE",
  "-g",
  "-O1",
  "-fsanitize=fuzzer,address,undefined",
  "-fno-sanitize-recover=all",
  "-Icsrc",
  "-Itests/unit",
];

/** Return: whether it succeeded; undefined when there is no such program. */
async function run(command: string, args: readonly string[]): Promise<boolean | undefined> {
  try {
    const child = new Deno.Command(command, { args: [...args], stdout: "inherit", stderr: "inherit" }).spawn();
    return (await child.status).success;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return undefined;
    throw error;
  }
}

/** How long to run. */
export function fuzzSeconds(text: string | undefined): number {
  const seconds = Number(text ?? 5);
  if (!Number.isInteger(seconds) || seconds < 1) {
    throw new RangeError(`Cannot use MCR_FUZZ_SECONDS "${text}": expected a whole number of seconds from 1 on`);
  }
  return seconds;
}

async function fuzz(): Promise<boolean | undefined> {
  const seconds = fuzzSeconds(Deno.env.get("MCR_FUZZ_SECONDS"));
  await Deno.mkdir(FOLDER, { recursive: true });
  const isBuilt = await run("clang-19", [...FLAGS, ...SOURCES, "-o", PROGRAM]);
  if (isBuilt !== true) return isBuilt;
  // What it finds goes into the first folder; the seeds stay as they are.
  const found = await Deno.makeTempDir({ prefix: "mcr-fuzz-" });
  try {
    const limits = [`-max_total_time=${seconds}`, "-timeout=10", "-max_len=4096", "-print_final_stats=1"];
    return await run(PROGRAM, [...limits, `-artifact_prefix=${FOLDER}/`, found, "tests/fuzz/corpus"]);
  } finally {
    await Deno.remove(found, { recursive: true });
  }
}

if (import.meta.main) {
  const isSound = await fuzz();
  const text = isSound === undefined
    ? "skipped: the fuzz target needs clang-19 with libFuzzer (Debian: clang-19 and libclang-rt-19-dev)\n"
    : "";
  const counts = [isSound === true, isSound === false, isSound === undefined].map(Number);
  await Deno.stdout.write(
    new TextEncoder().encode(`${text}${counts[0]} passed, ${counts[1]} failed, ${counts[2]} skipped\n`),
  );
  if (isSound === false) Deno.exit(1);
}
