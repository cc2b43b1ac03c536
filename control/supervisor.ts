/**
 * The supervisor's mind: the rules in force and the order in which they change. What the data plane makes of them is the
 * engine's business, who asks is the server's.
 *
 * @module
 */
import { takeNothing } from "./check.ts";
import type { Engine } from "./engine.ts";
import { ControlError, messageOf } from "./error.ts";
import type { Log } from "./log.ts";
import type { Rule, RuleStatus } from "./model.ts";
import type { MethodTable } from "./protocol.ts";
import { parseRuleReference, parseRuleSpec, ruleId } from "./rule.ts";
import { RuleSet } from "./rule_set.ts";
import { PROTOCOL_VERSION, VERSION } from "./version.ts";

/** What a supervisor is made of. */
export interface SupervisorOptions {
  readonly engine: Engine;
  readonly log: Log;
  /** The number of the boundary between TypeScript and C that was loaded. */
  readonly abi: number;
}

/** Answers the methods of the control socket out of one rule set and one engine. Does not own the engine. */
export class Supervisor {
  readonly #engine: Engine;
  readonly #log: Log;
  readonly #startedMs = performance.now();
  /** What the engine relays by. Replaced only after it has said so. */
  #rules = RuleSet.EMPTY;
  /** The rule being removed: no longer shown, for the engine may have forgotten it before it says so. */
  #leaving: string | null = null;
  /** Settles when the last change asked for has been made or refused. */
  #lastChange: Promise<unknown> = Promise.resolve();

  /** What the control socket serves. */
  readonly methods: MethodTable;

  constructor({ engine, log, abi }: SupervisorOptions) {
    this.#engine = engine;
    this.#log = log;
    this.methods = {
      "rule.add": (params) => this.#addRule(params),
      "rule.remove": (params) => this.#removeRule(params),
      "rule.list": withoutParams(() => ({ rules: this.#shown().map((rule) => this.#status(rule)) })),
      "rule.get": (params) => this.#getRule(params),
      "stats.get": withoutParams(() => this.#engine.stats()),
      "worker.list": withoutParams(() => ({ workers: this.#engine.workers() })),
      "interface.list": withoutParams(() => ({ interfaces: this.#engine.interfaces() })),
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

  async #addRule(params: unknown): Promise<RuleStatus> {
    const spec = parseRuleSpec(params);
    const id = ruleId(spec.input);
    return await this.#change(async () => {
      await this.#apply(this.#rules.add(spec), `Cannot add rule ${id}`);
      const status = this.#status(this.#rules.get(id));
      const waiting = status.waiting_for.length === 0 ? "" : `, waiting for ${status.waiting_for.join(", ")}`;
      this.#log(`rule ${id} added, ${status.state}${waiting}`);
      return status;
    });
  }

  async #removeRule(params: unknown): Promise<{ readonly id: string }> {
    const reference = parseRuleReference(params);
    return await this.#change(async () => {
      const { id } = this.#rules.get(reference);
      this.#leaving = id;
      await this.#apply(this.#rules.remove(id), `Cannot remove rule ${id}`).finally(() => this.#leaving = null);
      this.#log(`rule ${id} removed`);
      return { id };
    });
  }

  /** Makes one change at a time, in the order in which they were asked for: each sees the rules the last one left. */
  #change<Result>(make: () => Promise<Result>): Promise<Result> {
    const change = this.#lastChange.then(make);
    this.#lastChange = change.catch(() => {});
    return change;
  }

  async #apply(rules: RuleSet, failure: string): Promise<void> {
    try {
      await this.#engine.apply([...rules]);
    } catch (error) {
      const message = `${failure}: ${messageOf(error)}`;
      this.#log(message, "error");
      throw new ControlError("failed", message);
    }
    this.#rules = rules;
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
