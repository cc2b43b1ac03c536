// Goal: what a program can check of the house style is checked by one. Every check is tried on small bad examples first,
// so that none of them passes because it sees nothing.
import { deepStrictEqual } from "node:assert/strict";
import { fileURLToPath } from "node:url";
import { findForeignImports, findStrayPointers, findWrongImports, findWrongIncludes } from "./tidy/layers.ts";
import { findLongFiles, findLongFunctions, findLongLines } from "./tidy/sizes.ts";
import { type Finding, readSources, type Source } from "./tidy/source.ts";
import {
  findAny,
  findDeadCode,
  findDeadLinks,
  findLooseSpace,
  findUnbuilt,
  findUnfinished,
  findUnintroduced,
  findUnknownNames,
} from "./tidy/words.ts";

/** A claim about the project, and an example where it does not hold. */
interface Check {
  readonly claim: string;
  readonly find: (sources: readonly Source[]) => Finding[];
  /** Files by path; what is fine in them must not be found. */
  readonly example: Readonly<Record<string, string>>;
  readonly findings: readonly Finding[];
}

const ROOT = fileURLToPath(new URL("..", import.meta.url));

/** Body lines of a function. */
function body(lines: number): string {
  return "\tx();\n".repeat(lines);
}

const CHECKS: readonly Check[] = [
  {
    claim: "C modules know only whom they may know",
    find: findWrongIncludes,
    example: {
      "csrc/parse.c": '#include "parse.h"\n#include "base.h"\n#include "route.h"\n',
      "csrc/egress.h": '#include "mcr.h"\n#include "route.h"\n',
      "csrc/worker.c": '#include "gen.h"\n#include <stdio.h>\n',
      "csrc/novel.c": '#include "base.h"\n',
    },
    findings: [
      "csrc/parse.c:3: parse must not know route.h",
      "csrc/worker.c:1: worker must not know gen.h",
      "csrc/novel.c:1: no line in tests/tidy/layers.ts says what this may include",
    ],
  },
  {
    claim: "imports go one way: cli.ts, control/commands, control, ffi",
    find: findWrongImports,
    example: {
      "mod.ts": 'export { a } from "./control/a.ts";\nexport * from "./ffi/b.ts";\n',
      "control/a.ts": 'import { b } from "../ffi/b.ts";\nimport { c } from "./commands/c.ts";\n',
      "control/commands/c.ts": 'const cli = await import("../../cli.ts");\n',
      "ffi/b.ts": [
        'import type { A } from "../control/a.ts";',
        'import { type B } from "../control/a.ts";',
        "import {",
        "  a,",
        "  type C,",
        '} from "../control/a.ts";',
        '// import { a } from "../control/a.ts"',
      ].join("\n"),
    },
    findings: [
      "mod.ts:2: must not import ffi/b.ts",
      "control/a.ts:2: must not import control/commands/c.ts",
      "control/commands/c.ts:1: must not import cli.ts",
      "ffi/b.ts:3: must not import control/a.ts",
    ],
  },
  {
    claim: "packages are named in deno.json before they are imported",
    find: findForeignImports,
    example: {
      "deno.json": '{ "imports": { "yaml": "npm:yaml@2.8.1" } }',
      "control/a.ts": 'import "node:path";\nimport "yaml";\nimport x from "npm:left-pad";\nimport("jsr:@std/cli");\n',
    },
    findings: [
      'control/a.ts:3: deno.json does not name "npm:left-pad"',
      'control/a.ts:4: deno.json does not name "jsr:@std/cli"',
    ],
  },
  {
    claim: "only ffi/ touches foreign functions, raw pointers and C names",
    find: findStrayPointers,
    example: {
      "control/a.ts": '// mcr_close\nconst text = "mcr_close";\nDeno.dlopen(text, {});\n',
      "cli.ts": "native.mcr_close(Deno.UnsafePointer.of(x));\n",
      "ffi/b.ts": "Deno.dlopen();\n",
    },
    findings: [
      "control/a.ts:3: Deno.dlopen belongs in ffi/",
      "cli.ts:1: mcr_close belongs in ffi/",
      "cli.ts:1: Deno.UnsafePointer belongs in ffi/",
    ],
  },
  {
    claim: "no file has more than 600 lines",
    find: findLongFiles,
    example: { "csrc/a.c": body(601), "ffi/b.ts": body(600) },
    findings: ["csrc/a.c:600: 601 lines, at most 600"],
  },
  {
    claim: "no function has more than 70 lines",
    find: findLongFunctions,
    example: {
      "csrc/a.c": `static const int x[] = {\n${body(80)}};\nint f(void)\n{\n${body(70)}}\nint g(void)\n{\n${
        body(71)
      }}\n`,
      "ffi/b.ts": `function f(): void {\n${body(70)}}\nconst g = async (x: X): Promise<void> => {\n${body(71)}};\n`,
      "ffi/c.ts": `class C {\n  f(\n    x: string,\n  ): { a: 1 } {\n${body(71)}  }\n  if (a) {\n${
        body(71)
      }  }\n  if (\n    a\n  ) {\n${body(71)}  }\n}\n`,
      "build.zig": `const C = struct {\n    fn f() void {\n${body(71)}    }\n};\n`,
    },
    findings: [
      "csrc/a.c:157: a function of 71 lines, at most 70",
      "ffi/b.ts:73: a function of 71 lines, at most 70",
      "ffi/c.ts:4: a function of 71 lines, at most 70",
      "build.zig:2: a function of 71 lines, at most 70",
    ],
  },
  {
    claim: "no line of C has more than 120 columns",
    find: findLongLines,
    example: { "csrc/a.h": `${"x".repeat(120)}\n\t${"x".repeat(113)}\n` },
    findings: ["csrc/a.h:2: 121 columns, at most 120"],
  },
  {
    claim: "no line ends with white space and every file with one newline",
    find: findLooseSpace,
    example: { "dev": "a \nb\n", "README.md": "a\n\tb\t\n\n", "cli.ts": "a", "empty": "" },
    findings: [
      "dev:1: white space at the end",
      "README.md:2: white space at the end",
      "README.md:4: does not end with one newline",
      "cli.ts:1: does not end with one newline",
    ],
  },
  {
    claim: "nothing is marked as left to do",
    find: findUnfinished,
    example: { "csrc/a.c": `/* ${"TO"}DO: more */\n/* mktemp XX${"XX"} */\n`, "docs/a.md": `FIX${"ME"}\n` },
    findings: [`csrc/a.c:1: TO${"DO"} is left`, `docs/a.md:1: FIX${"ME"} is left`],
  },
  {
    claim: "nothing has the type any",
    find: findAny,
    example: {
      "cli.ts":
        'const text = "as any";\n// x: any\nlet x: any;\nf(x as any);\nconst m: Map<string, any> = `${a as any}`;\n',
    },
    findings: [
      "cli.ts:3: the type any",
      "cli.ts:4: the type any",
      "cli.ts:5: the type any",
      "cli.ts:5: the type any",
    ],
  },
  {
    claim: "C names in comments and documents are names of something",
    find: findUnknownNames,
    example: {
      "csrc/a.h": "/* See mcr_close() and mcr_shut(). */\nint mcr_close(int fd);\n",
      "ffi/b.ts": "// mcr_cl* and mcr_op*\nconst text = 'mcr_gone';\n",
      "docs/a.md": "`mcr_lost` and `mcr_seen_total`\n",
      "control/metrics/families.ts": 'const LIST = [{ name: "mcr_seen" }];\n',
    },
    findings: [
      "csrc/a.h:1: there is no mcr_shut",
      "ffi/b.ts:1: there is no mcr_op*",
      "docs/a.md:1: there is no mcr_lost",
    ],
  },
  {
    claim: "no code is commented out",
    find: findDeadCode,
    example: {
      "csrc/a.c": "/* close(fd); */\n/* Closes it; then opens it. */\n// if (fd < 0) {\n",
      "cli.ts": "// Reads all (of it);\n// const x = 1;\n// this.x = 1;\n//   await.f(x);\n",
      "build.zig": "    // b.install(x);\n",
    },
    findings: [
      "csrc/a.c:1: code in a comment",
      "csrc/a.c:3: code in a comment",
      "cli.ts:2: code in a comment",
      "cli.ts:3: code in a comment",
      "cli.ts:4: code in a comment",
      "build.zig:1: code in a comment",
    ],
  },
  {
    claim: "every source begins with what it is",
    find: findUnintroduced,
    example: { "csrc/a.c": "#include <a.h>\n", "ffi/b.ts": "/** Bytes. */\n", "tests/c_test.ts": "import x;\n" },
    findings: ["csrc/a.c:1: does not begin with what it is"],
  },
  {
    claim: "build.zig lists the C files that there are",
    find: findUnbuilt,
    example: { "build.zig": '"a.c",\n"gone.c",\n', "csrc/a.c": "", "csrc/b.c": "", "tests/unit/c_test.c": "" },
    findings: [
      "csrc/b.c:1: build.zig does not list it",
      "tests/unit/c_test.c:1: build.zig does not list it",
      "build.zig:2: there is no gone.c",
    ],
  },
];

const sources = readSources(ROOT);

for (const { claim, find, example, findings } of CHECKS) {
  Deno.test(claim, () => deepStrictEqual(find(sources), []));
  Deno.test(`tidy sees where it is not so that ${claim}`, () => {
    deepStrictEqual(find(Object.entries(example).map(([path, text]) => ({ path, text }))), findings);
  });
}

Deno.test("links between documents lead somewhere", () => {
  const isThere = (path: string): boolean => {
    try {
      Deno.statSync(ROOT + path);
      return true;
    } catch {
      return false;
    }
  };
  deepStrictEqual(findDeadLinks(sources, isThere), []);
});

Deno.test("tidy sees links that lead nowhere", () => {
  const documents = [
    {
      path: "docs/a.md",
      text: "# The *first* part\n[b](b.md) [c](../c.md) [web](https://x.org/y) [up](../README.md)\n",
    },
    { path: "README.md", text: "[a](docs/a.md#the-first-part) [a](docs/a.md#part-2)\n[self](#nowhere)\n" },
  ];
  const paths = documents.map(({ path }) => path);
  deepStrictEqual(findDeadLinks(documents, (path) => paths.includes(path)), [
    "docs/a.md:2: there is no docs/b.md",
    "docs/a.md:2: there is no c.md",
    "README.md:1: docs/a.md has no heading #part-2",
    "README.md:2: README.md has no heading #nowhere",
  ]);
});

Deno.test("tidy looks at all parts of the project", () => {
  const paths = new Set(sources.map(({ path }) => path));
  const expected = ["dev", ".ci/run", "build.zig", "cli.ts", "control/commands/add.ts", "csrc/mcr.h", "ffi/abi.ts"];
  deepStrictEqual(expected.filter((path) => !paths.has(path)), []);
});
