// Goal: systemd understands all of the unit that is shipped.
import { deepStrictEqual, match } from "node:assert/strict";
import { run } from "../e2e/process.ts";

const UNIT = new URL("../../packaging/systemd/mcr.service", import.meta.url);

const hasSystemd = await run(["systemd-analyze", "--version"]).then(({ code }) => code === 0, () => false);

Deno.test({
  name: `packaging/systemd/mcr.service is a unit${hasSystemd ? "" : " (skipped: systemd-analyze is not installed)"}`,
  ignore: !hasSystemd,
  async fn(): Promise<void> {
    const unit = await Deno.readTextFile(UNIT);
    match(unit, /^ExecStart=\/usr\/local\/bin\/mcr run$/m);
    const folder = await Deno.makeTempDir({ prefix: "mcr-unit-" });
    try {
      // The program need not be installed where the tests run.
      await Deno.writeTextFile(`${folder}/mcr.service`, unit.replace("/usr/local/bin/mcr", "/bin/true"));
      const { code, stdout, stderr } = await run(["systemd-analyze", "verify", "--man=no", `${folder}/mcr.service`]);
      const complaints = stderr.split("\n").filter((line) => line.includes("mcr.service"));
      deepStrictEqual({ code, stdout, complaints }, { code: 0, stdout: "", complaints: [] });
    } finally {
      await Deno.remove(folder, { recursive: true });
    }
  },
});
