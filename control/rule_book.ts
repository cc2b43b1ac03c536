/**
 * The rules in force and the order in which they change. Whatever is asked for while a change is being made is made
 * together afterwards, since the engine takes any number of changes at the price of one.
 *
 * @module
 */
import type { Engine, RuleChange } from "./engine.ts";
import { ControlError, messageOf } from "./error.ts";
import type { Rule } from "./model.ts";
import type { RuleSet } from "./rule_set.ts";

/** Something that is asked for, and whom to answer. */
interface Request {
  /** In the words of the message if the engine cannot: "add rule 239.1.1.1:5001:eth0". */
  readonly what: string;
  readonly make: (rules: RuleSet) => readonly RuleChange[];
  /** Called at the moment when it is in force. What it returns is called once the hooks have done their part. */
  readonly answer: (changes: readonly RuleChange[]) => () => void;
  readonly reject: (error: unknown) => void;
}

/** A request that the rules allow, with what it comes to. */
interface Accepted {
  readonly request: Request;
  readonly changes: readonly RuleChange[];
}

/** Who is told what becomes of requests, before whoever made them. */
export interface RuleBookHooks {
  readonly onChange: (changes: readonly RuleChange[]) => void;
  /** What has to be done before whoever asked is told that it is done. */
  readonly onSettled?: () => Promise<void>;
  /** The engine could not do what was asked for. */
  readonly onFailure: (what: string, reason: string) => void;
}

/** The rules of one engine. */
export class RuleBook {
  readonly #engine: Engine;
  readonly #hooks: RuleBookHooks;
  /** With what is being changed; what the engine relays by is below. */
  readonly #wanted: RuleSet;
  readonly #inForce = new Map<string, Rule>();
  /** Rules that are not shown any more: the engine may have forgotten them before it says so. */
  #leaving: ReadonlySet<Rule> = new Set();
  #waiting: Request[] = [];
  #isBusy = false;

  constructor(engine: Engine, rules: RuleSet, hooks: RuleBookHooks) {
    this.#engine = engine;
    this.#wanted = rules;
    this.#hooks = hooks;
  }

  /** The rules in force, oldest first. */
  *[Symbol.iterator](): Generator<Rule> {
    for (const rule of this.#inForce.values()) {
      if (!this.#leaving.has(rule)) yield rule;
    }
  }

  /** The rule in force with this id or name. */
  get(idOrName: string): Rule {
    const known = this.#inForce.get(idOrName), rule = known ?? this.#wanted.get(idOrName);
    if (this.#leaving.has(rule)) {
      throw new ControlError("not_found", `Cannot show rule ${rule.id}: it is being removed`);
    }
    if (this.#inForce.get(rule.id) !== rule) {
      throw new ControlError("not_found", `Cannot show rule ${rule.id}: it is being added`);
    }
    return rule;
  }

  /**
   * Changes the rules, after all that was asked for before: `make` finds those as its predecessors left them. All it does
   * is done or nothing; where it throws it has undone what it did itself. Resolves to what `answer` makes of the changes
   * at the moment they are in force.
   */
  change<Result>(
    what: string,
    make: (rules: RuleSet) => readonly RuleChange[],
    answer: (changes: readonly RuleChange[]) => Result,
  ): Promise<Result> {
    const { promise, resolve, reject } = Promise.withResolvers<Result>();
    const makeAnswer = (changes: readonly RuleChange[]): () => void => {
      const result = answer(changes);
      return () => resolve(result);
    };
    this.#waiting.push({ what, make, answer: makeAnswer, reject });
    if (!this.#isBusy) {
      this.#isBusy = true;
      queueMicrotask(() => this.#work());
    }
    return promise;
  }

  async #work(): Promise<void> {
    while (this.#waiting.length > 0) {
      const accepted = this.#accept(this.#waiting);
      await this.#carryOut(accepted);
      // Where many come at once, those that have arrived meanwhile are read first.
      if (accepted.length > 1 && this.#waiting.length > 0) await new Promise((resolve) => setTimeout(resolve));
    }
    this.#isBusy = false;
  }

  /** Takes requests that can be carried out in one step: the first ones, up to one that changes what another has. */
  #accept(waiting: Request[]): Accepted[] {
    const accepted: Accepted[] = [], made = new Set<Rule>();
    while (waiting.length > 0) {
      const request = waiting.shift()!;
      try {
        const changes = request.make(this.#wanted);
        if (changes.some(({ before }) => before !== undefined && made.has(before))) {
          this.#wanted.undo(changes);
          waiting.unshift(request);
          break;
        }
        for (const { after } of changes) after && made.add(after);
        accepted.push({ request, changes });
      } catch (error) {
        request.reject(error);
      }
    }
    return accepted;
  }

  /** Carries out requests in one step; where the engine fails that, one by one, so that each gets its own answer. */
  async #carryOut(accepted: readonly Accepted[]): Promise<void> {
    const changes = accepted.flatMap((one) => one.changes);
    const stays = new Set(changes.map(({ after }) => after?.id));
    this.#leaving = new Set(
      changes.flatMap(({ before }) => before === undefined || stays.has(before.id) ? [] : before),
    );
    try {
      if (changes.length > 0) await this.#engine.apply(changes);
    } catch (error) {
      this.#leaving = new Set();
      this.#wanted.undo(changes);
      if (accepted.length === 1) return this.#fail(accepted[0]!.request, messageOf(error));
      for (const { request } of accepted) await this.#carryOut(this.#accept([request]));
      return;
    }
    this.#adopt(changes);
    const answers = accepted.map(({ request, changes }) => request.answer(changes));
    // Also where the rules stay as they are: a file may have some now that it had not.
    if (accepted.length > 0) await this.#hooks.onSettled?.();
    for (const answer of answers) answer();
  }

  #fail({ what, reject }: Request, reason: string): void {
    this.#hooks.onFailure(what, reason);
    reject(new ControlError("failed", `Cannot ${what}: ${reason}`));
  }

  #adopt(changes: readonly RuleChange[]): void {
    for (const { before, after } of changes) {
      if (before !== undefined && before.id !== after?.id) this.#inForce.delete(before.id);
      if (after !== undefined) this.#inForce.set(after.id, after);
    }
    this.#leaving = new Set();
    this.#hooks.onChange(changes);
  }
}
