/**
 * Documents whose commands a test runs as they are printed, in a network of their own.
 *
 * @module
 */
import { findAccess, inUserNamespace } from "./access.ts";
import { mcr } from "./mcr.ts";
import { type Ended, run } from "./process.ts";

const access = await findAccess();

/** The blocks in a language of one section of a document. */
async function blocksOf(document: string, section: string, language: string): Promise<string[]> {
  const text = await Deno.readTextFile(new URL(`../../${document}`, import.meta.url));
  const start = text.indexOf(`\n## ${section}\n`);
  const body = text.slice(start, text.indexOf("\n## ", start + 1));
  return [...body.matchAll(/^```(\w+)\n(.*?)^```$/gms)].filter(([, one]) => one === language).map(([, , block]) =>
    block!
  );
}

/**
 * Lines that a section says are printed and that were not, in this order. Times and numbers are another time others; a line
 * `…` stands for any; text that was broken into several lines may be in one.
 */
export async function findUnprinted(document: string, section: string, printed: string): Promise<string[]> {
  const blocks = (await blocksOf(document, section, "text")).filter((block) => !/^ *\+-+\+/m.test(block));
  let rest = shapeOf(printed);
  return blocks.flatMap((block) => block.trimEnd().split("\n")).filter((line) => {
    const shape = shapeOf(line), at = rest.indexOf(shape);
    if (line === "…" || at < 0) return line !== "…";
    rest = rest.slice(at + shape.length);
    return false;
  });
}

/** What of a text is always the same. */
function shapeOf(text: string): string {
  return text.replaceAll(/\d{4}-\d\d-\d\dT[\d:.]+Z/g, "TIME")
    .replaceAll(/from 192\.0\.2\.1:\d+/g, "from SOURCE")
    .replaceAll(/(?<![\w.:])\d[\d.]*(?:[num]?s|[kM])?(?![\w.:]*[\w:])/g, "N").replaceAll(/\s+/g, " ").trim();
}

/** Runs a command with a network, names of namespaces and a /run of its own, so that the lab meets nothing of the host. */
function alone(kind: "direct" | "user", argv: readonly string[]): string[] {
  if (kind === "user") return inUserNamespace(argv);
  return ["unshare", "--net", "--mount", "--", "sh", "-c", 'mount -t tmpfs tmpfs /run && exec "$@"', "sh", ...argv];
}

/** Runs the commands of a section to their end; the first that fails ends it. */
async function follow(document: string, section: string): Promise<Ended> {
  if (access.kind === "none") throw new Error(access.reason);
  const folder = await Deno.makeTempDir({ prefix: "mcr-document-" });
  try {
    const words = mcr().map((word) => `'${word.replaceAll("'", "'\\''")}'`).join(" ");
    await Deno.writeTextFile(`${folder}/mcr`, `#!/bin/sh\nexec ${words} "$@"\n`, { mode: 0o755 });
    const env = { PATH: `${folder}:${Deno.env.get("PATH")}`, MCR_SOCKET: "" };
    const commands = (await blocksOf(document, section, "sh")).join("");
    const script = `${commands}\nip netns list`;
    return await run(alone(access.kind, ["sh", "-eu", "-c", script]), { env });
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

/** A test that follows a section of a document, and looks at what that has said. */
export function testDocument(document: string, section: string, check: (ended: Ended) => void | Promise<void>): void {
  const name = `${document} works as printed`;
  const follows = async (): Promise<void> => await check(await follow(document, section));
  if (access.kind === "none") Deno.test({ name: `${name} (${access.reason})`, ignore: true, fn: follows });
  else Deno.test(name, follows);
}
