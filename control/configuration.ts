/**
 * The configuration of a running relay: what it was started with, how a file's rules become those in force, and the file
 * in which rules that were added at run time survive a restart.
 *
 * @module
 */
import { refuse, takeNothing, takeObject } from "./check.ts";
import { CONFIG, type Config, CONFIG_VERSION, RULES, type Settings } from "./config.ts";
import type { RuleChange } from "./engine.ts";
import { ControlError } from "./error.ts";
import type { Log } from "./log.ts";
import type { Rule, RuleSpec } from "./model.ts";
import type { Methods, MethodTable, Session } from "./protocol.ts";
import type { RuleBook } from "./rule_book.ts";
import { compareRules, isSameRule, type RulesDifference, specOf } from "./rule_difference.ts";
import { RULES_MAX, RuleSet } from "./rule_set.ts";
import { ruleId } from "./rule_text.ts";
import { boolean } from "./schema.ts";
import type { StateFile } from "./state_file.ts";

/** What a supervisor is configured with. */
export interface ConfigurationOptions {
  /** All but the rules. */
  readonly settings: Settings;
  /** Where they are from; absent where nobody named a file and there is none in its usual place. */
  readonly file?: string;
  /** Where rules that no file has are kept. */
  readonly state?: StateFile;
}

type ConfigMethods = Extract<keyof Methods, `config.${string}`>;

/** Rules that a client has handed over, to be applied with the next ones. */
const STAGED = new WeakMap<Session, RuleSpec[]>();

/** Answers the methods that begin with `config`. */
export class Configuration {
  readonly #options: ConfigurationOptions;
  readonly #rules: RuleBook;
  readonly #log: Log;
  /** The rules of the file, by id, as they were last applied. */
  #configured: ReadonlyMap<string, RuleSpec> = new Map();
  #isKeeping = false;

  readonly methods: Pick<MethodTable, ConfigMethods>;

  constructor(options: ConfigurationOptions, rules: RuleBook, log: Log) {
    this.#options = options;
    this.#rules = rules;
    this.#log = log;
    this.methods = {
      "config.get": (params) => this.#get(params),
      "config.check": (params) => ({ rules: checkConfig(takeObject(params, "", ["config"]).config).rules.length }),
      "config.stage": (params, session) => stage(params, session),
      "config.apply": (params, session) => this.#apply(params, session),
    };
  }

  /** Makes these the rules in force, all or nothing. */
  become(specs: readonly RuleSpec[]): Promise<RulesDifference> {
    const answer = (changes: readonly RuleChange[]): RulesDifference => {
      this.#configured = new Map(specs.map((spec) => [ruleId(spec.input), spec]));
      return summarize(changes, specs.length);
    };
    return this.#rules.change("apply the configuration", (rules) => rules.become(specs), answer);
  }

  /**
   * Begins with the rules of the file, all of them or none, and those of the state file, one by one: what no longer goes
   * with the others is left out, and told.
   */
  async start(specs: readonly RuleSpec[]): Promise<void> {
    const kept = await this.#options.state?.read() ?? [];
    if (specs.length > 0) await this.become(specs);
    await Promise.all(kept.map(async (spec) => {
      const id = ruleId(spec.input);
      try {
        await this.#rules.change(`add rule ${id}`, (rules) => [rules.add(spec)], () => undefined);
      } catch (error) {
        if (!(error instanceof ControlError)) throw error;
        this.#log("rule {id} was added at run time and is not again: {reason}", "warning", {
          id,
          reason: error.message,
        });
      }
    }));
    this.#isKeeping = true;
    await this.keep();
  }

  /** Keeps the rules that no file has, once all have been read. Resolves when they are on the disk. */
  async keep(): Promise<void> {
    if (this.#isKeeping) {
      await this.#options.state?.write(() => [...this.#rules].filter((rule) => !this.#isConfigured(rule)));
    }
  }

  #isConfigured(rule: Rule): boolean {
    const own = this.#configured.get(rule.id);
    return own !== undefined && isSameRule(own, rule);
  }

  #get(params: unknown): Methods["config.get"]["result"] {
    takeNothing(params);
    const { settings, file } = this.#options;
    const config: Config = { version: CONFIG_VERSION, ...settings, rules: [...this.#rules].map(specOf) };
    return { config, ...(file === undefined ? {} : { file }) };
  }

  async #apply(params: unknown, session?: Session): Promise<RulesDifference> {
    const { rules, dry_run = false, merge = false } = takeObject(params, "", ["rules", "dry_run", "merge"]);
    const isDry = boolean.take(dry_run, "dry_run"), isMerge = boolean.take(merge, "merge");
    const staged = session && STAGED.get(session) || [];
    if (session !== undefined) STAGED.delete(session);
    const specs = [...staged, ...RULES.take(rules, "rules")];
    if (isMerge) return await this.#merge(specs, isDry);
    return isDry ? await this.#compare(specs) : await this.become(specs);
  }

  /** Adds the rules whose input none has, all or nothing. Those stay rules that were added at run time. */
  async #merge(specs: readonly RuleSpec[], isDry: boolean): Promise<RulesDifference> {
    const make = (rules: RuleSet): readonly RuleChange[] => {
      const changes = rules.extend(specs);
      if (isDry) rules.undo(changes);
      added = changes.map(({ after }) => after!.id);
      return isDry ? [] : changes;
    };
    let added: readonly string[] = [];
    await this.#rules.change("merge the configuration", make, () => undefined);
    return { added, removed: [], replaced: [], unchanged: specs.length - added.length };
  }

  /** What `become` would do, or be refused for. */
  #compare(specs: readonly RuleSpec[]): Promise<RulesDifference> {
    const make = (rules: RuleSet): readonly RuleChange[] => {
      rules.undo(rules.become(specs));
      return [];
    };
    return this.#rules.change("compare the configuration", make, () => compareRules(this.#rules, specs));
  }
}

/** What was changed to have so many rules. */
function summarize(changes: readonly RuleChange[], count: number): RulesDifference {
  const added = changes.flatMap(({ before, after }) => before === undefined ? after!.id : []);
  const removed = changes.flatMap(({ before, after }) => after === undefined ? before!.id : []);
  const replaced = changes.flatMap(({ before, after }) => before !== undefined && after !== undefined ? after.id : []);
  return { added, removed, replaced, unchanged: count - added.length - replaced.length };
}

function stage(params: unknown, session?: Session): Methods["config.stage"]["result"] {
  if (session === undefined) {
    throw new ControlError("failed", "Cannot stage rules: there is no connection to keep them");
  }
  const rules = [...STAGED.get(session) ?? [], ...RULES.take(takeObject(params, "", ["rules"]).rules, "rules")];
  if (rules.length > RULES_MAX) {
    throw new ControlError("limit", `Cannot stage ${rules.length} rules: a relay has at most ${RULES_MAX}`, "rules");
  }
  STAGED.set(session, rules);
  return { staged: rules.length };
}

/** Checks a whole configuration, the rules against each other too. */
export function checkConfig(value: unknown): Config {
  if (value === undefined) refuse("config", value, "a configuration");
  const config = CONFIG.take(value, "");
  new RuleSet().become(config.rules);
  return config;
}
