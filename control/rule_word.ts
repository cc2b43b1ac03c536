/**
 * Outputs written as one word, as command lines have them.
 *
 * @module
 */
import { ControlError } from "./error.ts";
import type { RuleOutput } from "./model.ts";
import { parseWhole } from "./number.ts";
import { parsePorts } from "./ports.ts";
import { EXPECTED, isInterfaceName, PARTS, RULE_OUTPUT } from "./rule.ts";
import { type Schema, takeOr } from "./schema.ts";
import { didYouMean } from "./suggest.ts";

/** An address or a prefix, in brackets where it has colons, its length in them or behind; port; interface; options. */
const WORD = /^(?:\[([^\[\]]*)\](\/[^:]*)?|([^:\[\]]*)):([^:]*):([^:/]*)((?:\/.*)?)$/s;

/** What can be said of an output behind its interface, each with its value. */
const OPTIONS = {
  ttl: PARTS.ttl,
  dscp: PARTS.dscp,
  ecn: PARTS.ecn,
  source: PARTS.ownSource,
  source_port: PARTS.sourcePort,
  oversize: PARTS.oversize,
} as const satisfies { readonly [Name in keyof RuleOutput]?: Schema<RuleOutput[Name]> };

/** The name of such an option. */
export type OutputOption = keyof typeof OPTIONS;

/** All names that may stand behind an output's interface. */
const NAMES = [...Object.keys(OPTIONS), "raw"];

/**
 * Reads an output written as `GROUP:PORT:IFACE`, with options as in `239.2.2.2:6000:eth1/ttl=8/source=10.0.0.1/raw`.
 *
 * @example
 * ```ts
 * import { deepStrictEqual } from "node:assert/strict";
 *
 * deepStrictEqual(parseOutput("[ff3e::1]:6000:eth1/ttl=8"), { interface: "eth1", group: "ff3e::1", port: 6000, ttl: 8 });
 * ```
 */
export function parseOutput(text: string): RuleOutput {
  const refuse = (why: string): never => {
    throw new ControlError("invalid", `Cannot parse output "${text}": ${why}`);
  };
  const [, inBrackets, behind = "", bare, portText, name, options] = WORD.exec(text) ?? [];
  if (portText === undefined) {
    const hint = text.split("/")[0]!.split(":").length > 4 ? ", an IPv6 group in brackets as in [ff3e::1]" : "";
    return refuse(`expected ${EXPECTED.output}${hint}`);
  }
  const groupText = inBrackets === undefined ? bare! : inBrackets + behind;
  const group = takeOr(
    PARTS.group,
    groupText,
    (expected) => refuse(`the group is "${groupText}", expected ${expected}`),
  );
  const port = parsePorts(portText) ?? refuse(`the port is "${portText}", expected ${EXPECTED.outputPort}`);
  if (!isInterfaceName(name)) return refuse(`the interface is "${name}", expected ${EXPECTED.interface}`);
  return RULE_OUTPUT.take({ interface: name, group, port, ...parseOptions(options!, refuse) }, "");
}

function parseOptions(text: string, refuse: (why: string) => never): Record<string, unknown> {
  const options: Record<string, unknown> = {};
  for (const word of text.split("/").slice(1)) {
    const [, name, value] = /^([^=]*)(?:=(.*))?$/s.exec(word)!;
    if (Object.hasOwn(options, name!)) refuse(`"${name}" is given twice`);
    if (name === "raw" && value === undefined) options[name] = true;
    else if (isOutputOption(name!)) {
      options[name] = parseOutputOption(name, value ?? "", (expected) => {
        return refuse(`${name} is "${value ?? ""}", expected ${expected}`);
      });
    } else {refuse(
        `"${word}" is no option of an output${didYouMean(name!, NAMES) || `; known are ${NAMES.join(", ")}`}`,
      );}
  }
  return options;
}

function isOutputOption(name: string): name is OutputOption {
  return Object.hasOwn(OPTIONS, name);
}

/** Reads the value of an output's option as it is written in a word or on a command line. */
export function parseOutputOption<Name extends OutputOption>(
  name: Name,
  text: string,
  refuse: (expected: string) => never,
): RuleOutput[Name] {
  const schema: Schema<RuleOutput[OutputOption]> = OPTIONS[name];
  return takeOr(schema, parseWhole(text, 0, 65535) ?? text, refuse) as RuleOutput[Name];
}
