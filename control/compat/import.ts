/**
 * The reference implementation's configuration as one of ours, with word of all that does not come along.
 *
 * @module
 */
import { quote } from "../check.ts";
import { type Config, CONFIG_VERSION } from "../config.ts";
import type { Problem } from "../config_text.ts";
import { ControlError } from "../error.ts";
import type { RuleSpec } from "../model.ts";
import { parseCores } from "../number.ts";
import { isRuleName, RULE } from "../rule.ts";
import { RuleSet } from "../rule_set.ts";
import { whole } from "../schema.ts";
import { didYouMean } from "../suggest.ts";

/** What a file of theirs comes to. */
export interface Imported {
  readonly config: Config;
  /** What has no equal, and what became of it: the path, and a sentence. */
  readonly notes: readonly string[];
  /** What is wrong, by their rules or by ours; the configuration does without. */
  readonly problems: readonly Problem[];
}

/** The parts of theirs that mcr has nothing for, and who has. */
const WITHOUT_EQUAL: Readonly<Record<string, string>> = {
  pim: "mcr speaks no PIM; a router, pimd or FRR beside it does",
  igmp: "mcr is no IGMP querier; a switch, a router or the bridge (mcast_querier) is",
  msdp: "mcr speaks no MSDP; a router or FRR beside it does",
  control_plane: "it serves PIM and MSDP, which mcr does not speak",
};
const KEYS = ["pinning", "rules", "multicast_ttl", ...Object.keys(WITHOUT_EQUAL)];
const RULE_KEYS = ["name", "input", "outputs"];
const INPUT_KEYS = ["interface", "group", "port", "protocol"];
const OUTPUT_KEYS = ["interface", "group", "port", "ttl"];

const PORT = whole("a port, 1 to 65535", 1, 65535);
const TTL = whole("a time to live, 0 to 255", 0, 255);
const CORE = whole("the number of a core", 0, 8191);

type Fields = Readonly<Record<string, unknown>>;

/** Makes a configuration of ours of what a file of theirs holds. */
export function importConfig(value: unknown): Imported {
  return new Importer().import(value);
}

class Importer {
  readonly #notes: string[] = [];
  readonly #problems: Problem[] = [];
  readonly #rules = new RuleSet();
  readonly #names = new Set<string>();

  import(value: unknown): Imported {
    const taken = this.#attempt("", () => {
      const fields = this.#fields(value, "", KEYS);
      const cores = this.#attempt("pinning", () => this.#cores(fields.pinning));
      const ttl = this.#attempt("multicast_ttl", () => this.#ttl(fields.multicast_ttl));
      const rules = this.#attempt("rules", () => this.#takeRules(fields.rules)) ?? [];
      for (const [key, why] of Object.entries(WITHOUT_EQUAL)) {
        if (fields[key] !== undefined) this.#note(key, `left out: ${why}`);
      }
      return { ...(cores === undefined ? {} : { cores }), ...(ttl === undefined ? {} : { ttl }), rules };
    });
    const config: Config = { version: CONFIG_VERSION, ...taken, rules: taken?.rules ?? [] };
    return { config, notes: this.#notes, problems: this.#problems };
  }

  /** Theirs pins workers to cores by interface; each of ours listens on all interfaces. */
  #cores(value: unknown): string | undefined {
    if (value === undefined) return undefined;
    const lists = Object.entries(objectAt(value, "pinning")).map(([name, list]) => {
      const path = `pinning.${name}`;
      const cores = listAt(list, path).map((core, index) => CORE.take(core, `${path}[${index}]`));
      return cores.length > 0 ? cores : refuse(path, list, "at least one core");
    });
    const text = [...new Set(lists.flat())].sort((a, b) => a - b).join(",");
    if (parseCores(text) === undefined) return undefined;
    this.#note("pinning", `taken as cores "${text}": workers of mcr are pinned, and each listens on all interfaces`);
    return text;
  }

  #ttl(value: unknown): number | undefined {
    if (value === undefined) return undefined;
    const ttl = TTL.take(value, "multicast_ttl");
    if (ttl > 0) return ttl;
    this.#note("multicast_ttl", "left out: with a time to live of 0 nothing leaves the host; 1 holds");
    return undefined;
  }

  #takeRules(value: unknown): RuleSpec[] {
    return listAt(value ?? [], "rules").flatMap((rule, index) => {
      const path = `rules[${index}]`;
      return this.#attempt(path, () => this.#takeRule(rule, path)) ?? [];
    });
  }

  #takeRule(value: unknown, path: string): RuleSpec | undefined {
    const fields = this.#fields(value, path, RULE_KEYS);
    const { protocol, ...input } = this.#input(fields.input, `${path}.input`);
    const outputs = listAt(fields.outputs, `${path}.outputs`).map((output, index) =>
      this.#output(output, `${path}.outputs[${index}]`, protocol)
    );
    if (outputs.length === 0) {
      this.#note(path, "left out: it has no outputs");
      return undefined;
    }
    const name = this.#name(fields.name, `${path}.name`);
    const named = name === undefined ? {} : { name };
    const rule = RULE.take({ ...named, input: { ...input, ...protocol }, outputs }, path);
    this.#rules.add(rule);
    if (name !== undefined) this.#names.add(name);
    return rule;
  }

  #input(value: unknown, path: string): Fields & { readonly protocol: Fields } {
    const { interface: name, group, port, protocol } = this.#fields(value, path, INPUT_KEYS);
    PORT.take(port, `${path}.port`);
    // Theirs takes this one word, in small letters, for ESP, and all others for UDP.
    if (protocol === "esp") {
      this.#note(`${path}.port`, "left out: ESP has no ports");
      return { interface: name, group, protocol: { protocol } };
    }
    if (protocol !== undefined && protocol !== "udp") {
      this.#note(`${path}.protocol`, `${quote(protocol)} is taken for "udp", as mcrd takes it`);
    }
    return { interface: name, group, port, protocol: {} };
  }

  #output(value: unknown, path: string, protocol: Fields): Fields {
    const { port, ...output } = this.#fields(value, path, OUTPUT_KEYS);
    PORT.take(port, `${path}.port`);
    if (Object.keys(protocol).length === 0) return { ...output, port };
    this.#note(`${path}.port`, "left out: ESP has no ports");
    return output;
  }

  /** Theirs are any text, and may be there twice. */
  #name(value: unknown, path: string): string | undefined {
    if (value === undefined) return undefined;
    if (typeof value !== "string") refuse(path, value, "a string");
    if (isRuleName(value) && !this.#names.has(value)) return value;
    const why = this.#names.has(value) ? "another rule has this name" : "a name has letters, digits, ., _ and - only";
    this.#note(path, `${quote(value)} is left out: ${why}`);
    return undefined;
  }

  /** The fields of an object that are there and not null, which means the same to theirs; others are noted. */
  #fields(value: unknown, path: string, known: readonly string[]): Fields {
    const entries = Object.entries(objectAt(value, path)).filter(([, one]) => one !== null);
    return Object.fromEntries(entries.filter(([key]) => {
      const isKnown = known.includes(key);
      if (!isKnown) this.#note(at(path, key), `left out: there is no such field${didYouMean(key, known)}`);
      return isKnown;
    }));
  }

  #note(path: string, text: string): void {
    this.#notes.push(`${path}: ${text}`);
  }

  /** What is wrong is kept with the path of the part that therefore does not come along. */
  #attempt<Result>(path: string, take: () => Result): Result | undefined {
    try {
      return take();
    } catch (error) {
      if (!(error instanceof ControlError)) throw error;
      const { message } = error;
      this.#problems.push({ path, message: message.includes(path) ? message : `${path}: ${message}` });
      return undefined;
    }
  }
}

function at(path: string, key: string): string {
  return path === "" ? key : `${path}.${key}`;
}

function objectAt(value: unknown, path: string): object {
  return typeof value === "object" && value !== null && !Array.isArray(value)
    ? value
    : refuse(path, value, "an object");
}

function listAt(value: unknown, path: string): readonly unknown[] {
  return Array.isArray(value) ? value : refuse(path, value, "a list");
}

function refuse(path: string, value: unknown, expected: string): never {
  const what = path === "" ? "the configuration" : `"${path}"`;
  const message = value === undefined
    ? `Cannot go on: ${what} is missing, expected ${expected}`
    : `Cannot accept ${what} ${quote(value)}: expected ${expected}`;
  throw new ControlError("invalid", message, path);
}
