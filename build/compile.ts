/**
 * Makes `dist/mcr-compiled` by `deno compile`, the standard way, which needs denort: Deno's runtime archive, from Deno's
 * own host or from the file that `DENORT_BIN` names.
 *
 * @module
 */

const OUT = "dist/mcr-compiled";

const { success, stderr } = await new Deno.Command(Deno.execPath(), {
  args: [
    "compile",
    "--quiet",
    "--no-check",
    "--output",
    OUT,
    // The library and the native program are files: they are found beside cli.ts, in the directory it unpacks to.
    "--self-extracting",
    "--include=zig-out/lib/libmcr.so",
    "--include=zig-out/bin/mcr-native",
    ...["read", "write", "env", "sys", "run", "net", "ffi"].map((right) => `--allow-${right}`),
    "cli.ts",
  ],
  stderr: "piped",
  env: { NO_COLOR: "1" },
}).output();

if (!success) {
  const reason = new TextDecoder().decode(stderr);
  const message = reason.includes("denort")
    ? `Cannot compile: Deno's runtime archive (denort ${Deno.version.deno} for ${Deno.build.target}) is neither on ` +
      `dl.deno.land nor where DENORT_BIN points; ./dev build makes dist/mcr without it\n`
    : reason;
  Deno.stderr.writeSync(new TextEncoder().encode(message));
  Deno.exit(1);
}
