/**
 * The rules that are in force together, and what they must not do to each other. A set never changes: adding and
 * removing return a new one, so a change that fails half way leaves nothing behind.
 *
 * @module
 */
import { ControlError } from "./error.ts";
import type { Rule, RuleInput, RuleSpec } from "./model.ts";
import { describePlace, formatEndpoint, ruleId } from "./rule_text.ts";

/** Rules of one supervisor. */
export const RULES_MAX = 65536;

/** Places of a cycle that a message spells out. */
const PLACES_SHOWN_MAX = 16;

/** Rules that may be in force together: no input and no name twice, and no loop. */
export class RuleSet implements Iterable<Rule> {
  static readonly EMPTY: RuleSet = new RuleSet(new Map(), new Map());

  readonly #rules: Map<string, Rule>;
  readonly #idsByName: Map<string, string>;

  private constructor(rules: Map<string, Rule>, idsByName: Map<string, string>) {
    this.#rules = rules;
    this.#idsByName = idsByName;
  }

  /** How many there are. */
  get size(): number {
    return this.#rules.size;
  }

  /** The rules, oldest first. */
  [Symbol.iterator](): Iterator<Rule> {
    return this.#rules.values();
  }

  /** The rule with this id or name. Ids have colons and names have none, so one word never means two rules. */
  get(idOrName: string): Rule {
    const rule = this.#rules.get(this.#idsByName.get(idOrName) ?? idOrName);
    if (rule === undefined) throw new ControlError("not_found", `Cannot find rule "${idOrName}": there is none`, "id");
    return rule;
  }

  /** The set with one rule more. */
  add(spec: RuleSpec): RuleSet {
    const set = this.#copy();
    set.#insert(spec);
    return set;
  }

  /** The set with all those rules that `add` in turn would take; `refuse` is told of the others. */
  addAll<Source extends { readonly spec: RuleSpec }>(
    sources: readonly Source[],
    refuse: (source: Source, error: unknown) => void,
  ): RuleSet {
    const set = this.#copy();
    for (const source of sources) {
      try {
        set.#insert(source.spec);
      } catch (error) {
        refuse(source, error);
      }
    }
    return set;
  }

  #copy(): RuleSet {
    return new RuleSet(new Map(this.#rules), new Map(this.#idsByName));
  }

  /** Only on a set that nobody else has yet. */
  #insert(spec: RuleSpec): void {
    const rule: Rule = { id: ruleId(spec.input), ...spec };
    if (this.#rules.size >= RULES_MAX) {
      throw new ControlError("limit", `Cannot add rule ${rule.id}: there are ${RULES_MAX} rules, the limit`);
    }
    this.#refuseDuplicate(rule);
    this.#refuseLoop(rule);
    this.#rules.set(rule.id, rule);
    if (rule.name !== undefined) this.#idsByName.set(rule.name, rule.id);
  }

  /** The set without the rule of this id or name. */
  remove(idOrName: string): RuleSet {
    const rule = this.get(idOrName);
    const set = this.#copy();
    set.#rules.delete(rule.id);
    if (rule.name !== undefined) set.#idsByName.delete(rule.name);
    return set;
  }

  #refuseDuplicate(rule: Rule): void {
    const same = this.#rules.get(rule.id);
    if (same !== undefined) {
      const message = `Cannot add a rule for ${describePlace(rule.input)}: rule ${title(same)} has this input`;
      throw new ControlError("duplicate", message, "input");
    }
    const namesake = rule.name === undefined ? undefined : this.#idsByName.get(rule.name);
    if (namesake !== undefined) {
      const message = `Cannot add a rule of name "${rule.name}": rule ${namesake} has this name`;
      throw new ControlError("duplicate", message, "name");
    }
  }

  #refuseLoop(rule: Rule): void {
    const cycle = this.#findCycle(rule);
    if (cycle === undefined) return;
    const message = `Cannot add rule ${rule.id}: it would feed its own input: ${spellOut(cycle)}`;
    throw new ControlError("loop", message, "outputs");
  }

  /**
   * The way from the input of `rule` through rules of this set back to itself. Places are nodes, rules are edges, and
   * an output feeds the rule whose id is its place; every place is looked at once. The kind of interface is not asked
   * for: a frame that leaves comes back on `lo` and through bridges, and interfaces change under us.
   */
  #findCycle(rule: Rule): readonly RuleInput[] | undefined {
    const cameFrom = new Map<string, Rule>();
    const waiting = [rule];
    for (let from = waiting.pop(); from !== undefined; from = waiting.pop()) {
      for (const output of from.outputs) {
        const place = formatEndpoint(output);
        if (place === rule.id) return wayBack(rule, from, cameFrom);
        const next = this.#rules.get(place);
        if (next === undefined || cameFrom.has(place)) continue;
        cameFrom.set(place, from);
        waiting.push(next);
      }
    }
    return undefined;
  }
}

/** The inputs on the way that led to `last`, whose output is the input of `rule` again. */
function wayBack(rule: Rule, last: Rule, cameFrom: ReadonlyMap<string, Rule>): RuleInput[] {
  const way = [rule.input];
  for (let at: Rule | undefined = last; at !== undefined; at = cameFrom.get(at.id)) way.push(at.input);
  return way.reverse();
}

/** The places of a cycle in order; of a very long one only the two ends, which are what a person can act on. */
function spellOut(cycle: readonly RuleInput[]): string {
  const places = cycle.map(describePlace);
  if (places.length > PLACES_SHOWN_MAX) {
    const left = places.length - PLACES_SHOWN_MAX;
    places.splice(PLACES_SHOWN_MAX / 2, left, `(${left} more)`);
  }
  return places.join(" -> ");
}

/** The rule's id and, where it has one, its name. */
function title(rule: Rule): string {
  return rule.name === undefined ? rule.id : `${rule.id} ("${rule.name}")`;
}
