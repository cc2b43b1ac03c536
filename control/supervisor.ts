/**
 * The supervisor's mind: the rules in force and the order in which they change. What the data plane makes of them is the
 * engine's business, who asks is the server's.
 *
 * @module
 */
import { takeNothing } from "./check.ts";
import { DropWatch } from "./drop_watch.ts";
import { Configuration, type ConfigurationOptions } from "./configuration.ts";
import type { Engine, RuleChange } from "./engine.ts";
import type { EventHub } from "./event_hub.ts";
import type { Log, Logger } from "./log.ts";
import { takeLogLevels } from "./log_level.ts";
import type { Drops, Rule, RuleStatus } from "./model.ts";
import { ruleNews } from "./news.ts";
import { chooseProtocol } from "./negotiation.ts";
import type { MethodTable, RuleReference } from "./protocol.ts";
import { parseRuleReference, parseRuleSpec } from "./rule.ts";
import { RuleBook } from "./rule_book.ts";
import { RuleSet } from "./rule_set.ts";
import { ruleId } from "./rule_text.ts";
import { subscribe } from "./subscription.ts";
import { type OpenTap, Tracer } from "./tracer.ts";
import { VERSION } from "./version.ts";

/** What a supervisor is made of. */
export interface SupervisorOptions {
  readonly engine: Engine;
  readonly logger: Pick<Logger, "logs" | "levels" | "setLevels">;
  /** Where what happens is told; `event.subscribe` lets clients listen. */
  readonly events: EventHub;
  /** What it was started with; nothing unless given. */
  readonly configuration?: ConfigurationOptions;
  /** How traces capture; without it there are none. */
  readonly openTap?: OpenTap;
  /** The number of the boundary between TypeScript and C that was loaded. */
  readonly abi: number;
}

/** Answers the methods of the control socket out of one rule set and one engine. Does not own the engine. */
export class Supervisor {
  readonly #engine: Engine;
  readonly #log: Log;
  readonly #events: EventHub;
  readonly #startedMs = performance.now();
  readonly #rules: RuleBook;

  /** The rules as a file has them, and the settings beside them. */
  readonly configuration: Configuration;

  /** What the control socket serves. */
  readonly methods: MethodTable;

  constructor({ engine, logger, events, configuration = { settings: {} }, openTap, abi }: SupervisorOptions) {
    this.#engine = engine;
    this.#log = logger.logs.rule;
    this.#events = events;
    this.#rules = new RuleBook(engine, new RuleSet(), {
      onChange: (changes) => this.#tell(changes),
      onSettled: () => this.configuration.keep(),
      onFailure: (what, reason) => this.#log("Cannot {what}: {reason}", "error", { what, reason }),
    });
    this.configuration = new Configuration(configuration, this.#rules, this.#log);
    const read = (): Drops => engine.drops(), advise = (reason: string): string => engine.advice(reason);
    events.feed("drop", () => new DropWatch({ read, advise, tell: (event) => events.emit(event) }));
    const rules = (): RuleStatus[] => [...this.#rules].map((rule) => this.#status(rule));
    const tracer = new Tracer({ engine, openTap, rules, unsetTtl: configuration.settings.ttl ?? 1 });
    this.methods = {
      "rule.add": (params) => this.#addRule(params),
      "rule.replace": (params) => this.#replaceRule(params),
      "rule.remove": (params) => this.#removeRule(params),
      "rule.list": withoutParams(() => ({ rules: rules() })),
      "rule.get": (params) => this.#status(this.#rules.get(parseRuleReference(params))),
      ...this.configuration.methods,
      "stats.get": withoutParams(() => this.#engine.stats()),
      "worker.list": withoutParams(() => ({ workers: this.#engine.workers() })),
      "interface.list": withoutParams(() => ({ interfaces: this.#engine.interfaces() })),
      "log.level": (params) => {
        logger.setLevels(takeLogLevels(params));
        return { levels: logger.levels };
      },
      "event.subscribe": (params, session) => subscribe(events, params, session),
      "trace.start": (params, session) => tracer.start(params, session),
      "ping": withoutParams(() => ({ pid: Deno.pid, uptime_ms: Math.floor(performance.now() - this.#startedMs) })),
      "version": (params) => ({ version: VERSION, abi, protocol: chooseProtocol(params) }),
    };
  }

  async #addRule(params: unknown): Promise<RuleStatus> {
    const spec = parseRuleSpec(params);
    return await this.#enter(`add rule ${ruleId(spec.input)}`, (rules) => rules.add(spec));
  }

  async #replaceRule(params: unknown): Promise<RuleStatus> {
    const spec = parseRuleSpec(params);
    return await this.#enter(`replace rule ${ruleId(spec.input)}`, (rules) => rules.replace(spec));
  }

  async #removeRule(params: unknown): Promise<RuleReference> {
    const reference = parseRuleReference(params);
    const answer = ([change]: readonly RuleChange[]): RuleReference => ({ id: change!.before!.id });
    return await this.#rules.change(`remove rule ${reference}`, (rules) => [rules.remove(reference)], answer);
  }

  /** Makes a change that leaves a rule, which is answered. */
  #enter(what: string, make: (rules: RuleSet) => RuleChange): Promise<RuleStatus> {
    return this.#rules.change(what, (rules) => [make(rules)], ([change]) => this.#status(change!.after!));
  }

  /** Says what was changed. */
  #tell(changes: readonly RuleChange[]): void {
    for (const { before, after } of changes) {
      if (after === undefined) {
        this.#log("rule {id} removed", "debug", { id: before!.id });
        continue;
      }
      const { state, waiting_for } = this.#engine.placement(after.id);
      const how = before === undefined ? "added" : before.id === after.id ? "replaced" : "put in place of {before}";
      const waiting = waiting_for.length === 0 ? "" : ", waiting for {waiting_for}";
      const fields = { id: after.id, state, waiting_for, ...(before === undefined ? {} : { before: before.id }) };
      this.#log(`rule {id} ${how}, {state}${waiting}`, "debug", fields);
    }
    if (!this.#events.isWanted("rule")) return;
    for (const news of ruleNews(changes, (rule) => this.#status(rule))) this.#events.emit(news);
  }

  #status(rule: Rule): RuleStatus {
    const { state, waiting_for } = this.#engine.placement(rule.id);
    return { ...rule, state, waiting_for };
  }
}

/** A method that takes no parameters. */
function withoutParams<Result>(answer: () => Result): (params: unknown) => Result {
  return (params): Result => {
    takeNothing(params);
    return answer();
  };
}
