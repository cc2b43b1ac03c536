/**
 * The supervisor's mind: the rules in force and the order in which they change. What the data plane makes of them is the
 * engine's business, who asks is the server's.
 *
 * @module
 */
import { takeNothing } from "./check.ts";
import { DropWatch } from "./drop_watch.ts";
import type { Engine } from "./engine.ts";
import { ControlError, messageOf } from "./error.ts";
import type { EventHub } from "./event_hub.ts";
import type { Log, Logger } from "./log.ts";
import { takeLogLevels } from "./log_level.ts";
import type { Drops, Rule, RuleSpec, RuleStatus } from "./model.ts";
import { ruleNews } from "./news.ts";
import type { MethodTable } from "./protocol.ts";
import { parseRuleReference, parseRuleSpec } from "./rule.ts";
import { RuleSet } from "./rule_set.ts";
import { ruleId } from "./rule_text.ts";
import { subscribe } from "./subscription.ts";
import { PROTOCOL_VERSION, VERSION } from "./version.ts";

/** What a supervisor is made of. */
export interface SupervisorOptions {
  readonly engine: Engine;
  readonly logger: Pick<Logger, "logs" | "levels" | "setLevels">;
  /** Where what happens is told; `event.subscribe` lets clients listen. */
  readonly events: EventHub;
  /** The number of the boundary between TypeScript and C that was loaded. */
  readonly abi: number;
}

/** A rule that is asked for, and whom to answer. */
interface Addition {
  readonly spec: RuleSpec;
  readonly resolve: (status: RuleStatus) => void;
  readonly reject: (error: unknown) => void;
}

/** Answers the methods of the control socket out of one rule set and one engine. Does not own the engine. */
export class Supervisor {
  readonly #engine: Engine;
  readonly #log: Log;
  readonly #events: EventHub;
  readonly #startedMs = performance.now();
  /** What the engine relays by. Replaced only after it has said so. */
  #rules = RuleSet.EMPTY;
  /** The rule being removed: no longer shown, for the engine may have forgotten it before it says so. */
  #leaving: string | null = null;
  /** Additions that wait for the changes before them: made together, since the engine takes any number at the price of one. */
  #additions: Addition[] | undefined;
  /** Settles when the last change asked for has been made or refused. */
  #lastChange: Promise<unknown> = Promise.resolve();

  /** What the control socket serves. */
  readonly methods: MethodTable;

  constructor({ engine, logger, events, abi }: SupervisorOptions) {
    this.#engine = engine;
    this.#log = logger.logs.rule;
    this.#events = events;
    const read = (): Drops => engine.drops(), advise = (reason: string): string => engine.advice(reason);
    events.feed("drop", () => new DropWatch({ read, advise, tell: (event) => events.emit(event) }));
    this.methods = {
      "rule.add": (params) => this.#addRule(params),
      "rule.remove": (params) => this.#removeRule(params),
      "rule.list": withoutParams(() => ({ rules: this.#shown().map((rule) => this.#status(rule)) })),
      "rule.get": (params) => this.#getRule(params),
      "stats.get": withoutParams(() => this.#engine.stats()),
      "worker.list": withoutParams(() => ({ workers: this.#engine.workers() })),
      "interface.list": withoutParams(() => ({ interfaces: this.#engine.interfaces() })),
      "log.level": (params) => {
        logger.setLevels(takeLogLevels(params));
        return { levels: logger.levels };
      },
      "event.subscribe": (params, session) => subscribe(events, params, session),
      "ping": withoutParams(() => ({ pid: Deno.pid, uptime_ms: Math.floor(performance.now() - this.#startedMs) })),
      "version": withoutParams(() => ({ version: VERSION, abi, protocol: PROTOCOL_VERSION })),
    };
  }

  #shown(): Rule[] {
    return [...this.#rules].filter(({ id }) => id !== this.#leaving);
  }

  #getRule(params: unknown): RuleStatus {
    const rule = this.#rules.get(parseRuleReference(params));
    if (rule.id === this.#leaving) {
      throw new ControlError("not_found", `Cannot show rule ${rule.id}: it is being removed`);
    }
    return this.#status(rule);
  }

  #addRule(params: unknown): Promise<RuleStatus> {
    const addition = { spec: parseRuleSpec(params), ...Promise.withResolvers<RuleStatus>() };
    if (this.#additions === undefined) {
      const additions: Addition[] = [];
      this.#additions = additions;
      this.#change(() => {
        if (this.#additions === additions) this.#additions = undefined;
        return this.#addRules(additions);
      });
    }
    this.#additions.push(addition);
    return addition.promise;
  }

  /** Makes additions in one step; where the engine fails that, one by one, so that each gets its own answer. */
  async #addRules(additions: readonly Addition[]): Promise<void> {
    const accepted = new Set(additions);
    const rules = this.#rules.addAll(additions, (addition, error) => {
      accepted.delete(addition);
      addition.reject(error);
    });
    if (accepted.size === 0) return;
    try {
      await this.#engine.apply([...rules]);
    } catch (error) {
      for (const one of accepted) {
        if (accepted.size > 1) await this.#addRules([one]);
        else one.reject(this.#failure(`add rule ${idOf(one)}`, error));
      }
      return;
    }
    this.#adopt(rules);
    for (const one of accepted) {
      const status = this.#status(rules.get(idOf(one)));
      const { id, state, waiting_for } = status;
      const message = waiting_for.length === 0
        ? "rule {id} added, {state}"
        : "rule {id} added, {state}, waiting for {waiting_for}";
      this.#log(message, "debug", { id, state, waiting_for });
      one.resolve(status);
    }
  }

  async #removeRule(params: unknown): Promise<{ readonly id: string }> {
    const reference = parseRuleReference(params);
    // What is added from now on is added after.
    this.#additions = undefined;
    return await this.#change(async () => {
      const { id } = this.#rules.get(reference);
      this.#leaving = id;
      const rules = this.#rules.remove(id);
      try {
        await this.#engine.apply([...rules]);
      } catch (error) {
        throw this.#failure(`remove rule ${id}`, error);
      } finally {
        this.#leaving = null;
      }
      this.#adopt(rules);
      this.#log("rule {id} removed", "debug", { id });
      return { id };
    });
  }

  /** Takes note of the rules that the engine relays by now, and tells what is new. */
  #adopt(rules: RuleSet): void {
    const before = this.#rules;
    this.#rules = rules;
    if (!this.#events.isWanted("rule")) return;
    for (const news of ruleNews(before, rules, (rule) => this.#status(rule))) this.#events.emit(news);
  }

  /** Makes one change at a time, in the order in which they were asked for: each sees the rules the last one left. */
  #change<Result>(make: () => Promise<Result>): Promise<Result> {
    const change = this.#lastChange.then(make);
    this.#lastChange = change.catch(() => {});
    return change;
  }

  #failure(what: string, error: unknown): ControlError {
    const reason = messageOf(error);
    this.#log("Cannot {what}: {reason}", "error", { what, reason });
    return new ControlError("failed", `Cannot ${what}: ${reason}`);
  }

  #status(rule: Rule): RuleStatus {
    const { state, waiting_for } = this.#engine.placement(rule.id);
    return { ...rule, state, waiting_for };
  }
}

function idOf({ spec }: Addition): string {
  return ruleId(spec.input);
}

/** A method that takes no parameters. */
function withoutParams<Result>(answer: () => Result): (params: unknown) => Result {
  return (params): Result => {
    takeNothing(params);
    return answer();
  };
}
