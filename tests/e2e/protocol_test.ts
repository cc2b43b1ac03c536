// Goal: who talks to the control socket from a shell, as docs/reference.md shows it with socat and jq, is answered what it
// says there.
import { strictEqual } from "node:assert/strict";
import { testNetwork } from "./case.ts";
import { Supervisor } from "./mcr.ts";
import { Network } from "./network.ts";
import { output, Process, run, until } from "./process.ts";

const TEXT = await Deno.readTextFile(new URL("../../docs/reference.md", import.meta.url));

/** The shell commands that call socat, in order; behind them, what they print, where that is told. */
const [ASK, LISTEN] = [...TEXT.matchAll(/^```sh\n([^`]*?socat[^`]*?)^```\n(?:\n```text\n(.*?)^```$)?/gms)];

/** Of the tools that the examples need, one that is not there. */
async function findMissing(): Promise<string | null> {
  for (const tool of ["socat", "jq"]) {
    const { code } = await run(["sh", "-c", `command -v ${tool}`]);
    if (code !== 0) return `${tool} is not there, apt-get install ${tool} brings it`;
  }
  return null;
}

testNetwork("the control socket answers socat and jq as docs/reference.md says", async () => {
  await using network = await Network.create("relay");
  await using supervisor = await Supervisor.start(network);
  const env = { MCR_SOCKET: supervisor.socket };
  const [, ask, answers] = ASK!;
  strictEqual(await output(["sh", "-euc", ask!], { env }), answers);

  const folder = await Deno.makeTempDir({ prefix: "mcr-protocol-" });
  try {
    // Its input ends when we say so, as that of a terminal does, or in a minute.
    const input = `for i in $(seq 600); do [ -e ${folder}/end ] && break; sleep 0.1; done`;
    await using listening = await Process.start(["sh", "-euc", `${input} | { ${LISTEN![1]} }`], { env });
    let isHeard = false;
    const heard = listening.line("stdout", /^rule (\S+) added$/).then(([, id]) => {
      isHeard = true;
      return id;
    });
    await until("the listener heard of a rule", async () => {
      const place = { in: "in0", group: "239.1.1.2", port: 5001, outputs: ["239.2.2.2:6000:out0"] };
      await supervisor.remove((await supervisor.add(place)).id);
      return isHeard || undefined;
    });
    strictEqual(await heard, "239.1.1.2:5001:in0");
    await Deno.writeTextFile(`${folder}/end`, "");
    strictEqual((await listening.end()).code, 0);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
  await supervisor.stop();
}, await findMissing());
