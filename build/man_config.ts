/**
 * `mcr.yaml(5)`, made from the definition that configuration files are checked by.
 *
 * @module
 */
import { configJsonSchema, SYSTEM_CONFIG } from "../control/config.ts";
import type { JsonSchema } from "../control/schema.ts";
import { definitions, escape, examples, line, type ManPage, page, paragraphs, reference, section } from "./man_page.ts";

/** A file that says the most usual things. */
export const CONFIG_EXAMPLE = `version: 1
workers: 2
cores: 2,3
profile: balanced
state: /var/lib/mcr/rules.json
rules:
  - name: camera-1
    input: { interface: eth0, group: 239.1.1.1, port: 5001 }
    outputs:
      - { interface: eth1, group: 239.2.2.2, port: 6000, ttl: 8 }
      - { interface: eth2, group: 239.2.2.2, port: 6000 }`;

const DESCRIPTION = `A configuration file is YAML 1.2. It says how the relay runs, as the options of mcr run do, which
count more, and what it relays, as mcr add does. A key that is not below, a key that is there twice, a value that is
none of those named, two rules for the same datagrams and rules that would feed themselves are errors: with line and
column, and nothing of the file is taken.

What is said beside the rules takes effect when the relay starts. The rules of a changed file take effect at once, all
or none, with mcr config apply or at SIGHUP. What can be said more than once is marked [], as in rules[].outputs[].ttl;
IFACE stands for the name of an interface.`;

const FILES: readonly (readonly [file: string, meaning: string])[] = [
  [SYSTEM_CONFIG, "the file of mcr run without -c, if there is one"],
];

/** A key, however deep, and what is to be said of it. */
export interface Key {
  /** As in `rules[].outputs[].ttl`. */
  readonly path: string;
  readonly text: string;
}

/** The page. */
export function configPage(): ManPage {
  return page("mcr.yaml", [
    section("NAME", "mcr.yaml \\- configuration file of the multicast relay mcr"),
    section("SYNOPSIS", `\\fBmcr run \\-c\\fR \\fIFILE\\fR\n.br\n\\fB${escape(SYSTEM_CONFIG)}\\fR\n`),
    section("EXAMPLE", examples(CONFIG_EXAMPLE)),
    section("DESCRIPTION", paragraphs(DESCRIPTION)),
    section("KEYS", configKeys().map(({ path, text }) => `.TP\n.B ${escape(path)}\n${line(text)}\n`).join("")),
    section("FILES", definitions(FILES)),
    section("SEE ALSO", [reference("mcr", ","), reference("mcr-run", ","), reference("mcr-config")].join("")),
  ], 5);
}

/** All keys, those of objects behind the key that holds them. */
export function configKeys(): Key[] {
  return keysOf(configJsonSchema(), "");
}

function keysOf(schema: JsonSchema, path: string): Key[] {
  const { properties = {}, required = [], items, additionalProperties, anyOf = [] } = schema as Parts;
  const below = Object.entries(properties).flatMap(([name, one]) => {
    const own = path === "" ? name : `${path}.${name}`;
    return [{ path: own, text: describe(one, required.includes(name)) }, ...keysOf(one, own)];
  });
  return [
    ...below,
    ...items === undefined ? [] : keysOf(items, `${path}[]`),
    ...typeof additionalProperties === "object" ? keysOf(additionalProperties, `${path}.IFACE`) : [],
    ...anyOf.flatMap((one) => keysOf(one, path)),
  ];
}

/** The keywords of JSON Schema that the definition uses to hold others. */
interface Parts {
  readonly properties?: Readonly<Record<string, JsonSchema>>;
  readonly required?: readonly string[];
  readonly items?: JsonSchema;
  readonly additionalProperties?: JsonSchema | false;
  readonly anyOf?: readonly JsonSchema[];
}

function describe(schema: JsonSchema, isRequired: boolean): string {
  const parts = [
    `${schema.description}`,
    ...isRequired ? ["Must be there"] : [],
    ...schema.default === undefined ? [] : [`Unless given: ${schema.default}`],
  ];
  return parts.map((part) => `${part}.`).join(" ");
}
