import { deepStrictEqual, equal, match, ok, throws } from "node:assert/strict";
import { main } from "../../cli.ts";
import type { Command } from "../../control/command.ts";
import { proposalOf } from "../../control/completions/proposal.ts";
import { describeNative } from "../../control/native_help.ts";
import { TestSupervisor } from "./fake_engine.ts";

async function mcr(...args: string[]): Promise<[status: number, output: string, messages: string]> {
  let output = "";
  let messages = "";
  const write = (text: string): Promise<void> => Promise.resolve(void (output += text));
  const status = await main(args, { write, notice: (text) => void (messages += text) });
  return [status, output, messages];
}

Deno.test("mcr __complete rules lists ids and names, each with what it is", async () => {
  await using supervisor = await TestSupervisor.start();
  const at = ["--socket", supervisor.path];
  const rule = ["--in", "eth0", "--group", "239.1.1.1", "--out", "239.2.2.2:1:eth1,239.2.2.2:2:eth1,239.2.2.2:3:eth1"];
  await mcr("add", ...rule, "--port", "1", "--name", "camera-1", ...at);
  await mcr("add", ...rule, "--port", "2", ...at);
  const [status, output, messages] = await mcr("__complete", "rules", ...at);
  deepStrictEqual([status, messages], [0, ""]);
  equal(
    output,
    `239.1.1.1:1:eth0\tcamera-1
camera-1\t239.1.1.1:1:eth0
239.1.1.1:2:eth0\tto 239.2.2.2:1:eth1, 239.2.2.2:2:eth1, ...
`,
  );
});

Deno.test("mcr __complete is silent without a supervisor, and soon when one does not answer", async () => {
  deepStrictEqual(await mcr("__complete", "rules", "--socket", "/nonexistent/mcr.sock"), [0, "", ""]);
  const folder = await Deno.makeTempDir();
  try {
    using _mute = Deno.listen({ transport: "unix", path: `${folder}/mcr.sock` });
    const start = performance.now();
    deepStrictEqual(await mcr("__complete", "rules", "--socket", `${folder}/mcr.sock`), [0, "", ""]);
    ok(performance.now() - start < 5000);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

Deno.test("mcr __complete is for no person: it is in no list", async () => {
  const [, output] = await mcr("help");
  ok(!output.includes("__complete"));
  match((await mcr("completion"))[2], /did you mean "completions"\?/);
});

Deno.test("mcr completions wants a shell that it knows", async () => {
  match((await mcr("completions"))[2], /^mcr: Cannot print completions for no shell: expected mcr completions bash/);
  match((await mcr("completions", "fishy"))[2], /for "fishy": expected bash, zsh or fish; did you mean "fish"\?\n$/);
  equal((await mcr("completions", "toString"))[0], 2);
});

Deno.test("proposalOf() tells from the name of a value what can be proposed", () => {
  deepStrictEqual(proposalOf("IFACE"), { kinds: ["interface"], words: [] });
  deepStrictEqual(proposalOf("IFACE[,...]"), { kinds: ["interfaces"], words: [] });
  deepStrictEqual(proposalOf("GROUP:PORT:IFACE[,...]"), { kinds: ["outputs"], words: [] });
  deepStrictEqual(proposalOf("ID|NAME"), { kinds: ["rule"], words: [] });
  deepStrictEqual(proposalOf("on|off|auto"), { kinds: [], words: ["on", "off", "auto"] });
  deepStrictEqual(proposalOf("N|auto"), { kinds: [], words: ["auto"] });
  deepStrictEqual(proposalOf("N[k|M]"), { kinds: [], words: [] });
});

const COMMAND: Command = {
  name: "hum",
  usage: "",
  summary: "Hum",
  example: "",
  options: [],
  isPassedOn: true,
  run: () => Promise.resolve(""),
};

Deno.test("describeNative() reads the help of a program", () => {
  const help = `Usage: mcr hum --tune NAME [options]

Hum a tune.

Example: a song for 3 minutes
  mcr hum --tune NAME \\
          --time 180

  --tune NAME     which tune,
                  of those known

This one needs a voice:
  -q, --quiet     in a low one
  -h, --help      print this text

Ends by itself.

--tune and
--quiet go together.
`;
  const described = describeNative(COMMAND, help);
  deepStrictEqual({ ...described, run: null }, {
    ...COMMAND,
    run: null,
    usage: "mcr hum --tune NAME [options]",
    details: "Hum a tune.\n\nThis one needs a voice:\n\nEnds by itself.\n\n--tune and\n--quiet go together.",
    example: "# a song for 3 minutes\nmcr hum --tune NAME \\\n    --time 180",
    options: [
      { name: "tune", value: "NAME", help: "which tune, of those known" },
      { name: "quiet", short: "q", help: "in a low one" },
    ],
  });
  throws(() => describeNative(COMMAND, "hum: no such file"), /Cannot read the help of mcr hum/);
  throws(() => describeNative(COMMAND, help.replace("-q,", "-q")), /Cannot read a line of help as an option: " {2}-q /);
});
