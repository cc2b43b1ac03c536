/**
 * The rules that are wanted together, and what they must not do to each other. Every change says what it was, so that
 * one that fails later can be undone: adding one rule to 10,000 copies nothing.
 *
 * @module
 */
import type { RuleChange } from "./engine.ts";
import { ControlError } from "./error.ts";
import type { Rule, RuleInput, RuleSpec } from "./model.ts";
import { describeRegion, type Entry, InputIndex, readEntry, type Region, sent } from "./region.ts";
import { isSameRule } from "./rule_difference.ts";
import { describePlace, formatEndpoint, ruleId } from "./rule_text.ts";

/** Rules of one supervisor. */
export const RULES_MAX = 65536;

/** Places of a cycle that a message spells out. */
const PLACES_SHOWN_MAX = 16;

/** Ranges can be cut in ever new ways on the way round; after so many, a rule that has been passed is not passed again. */
const STEPS_MAX = 10_000;

/** A rule on the way of a datagram. */
interface Step {
  readonly entry: Entry;
  /** What of it comes this way. */
  readonly region: Region;
  readonly from?: Step;
}

/** Rules that may be in force together: no datagram is for two of one key, no name is there twice, and no loop. */
export class RuleSet {
  readonly #entries = new Map<string, Entry>();
  readonly #idsByName = new Map<string, string>();
  /** By interface, protocol, group and port: all but the sources. */
  readonly #byPlace = new Map<string, Set<Entry>>();
  readonly #inputs = new InputIndex();

  /** How many there are. */
  get size(): number {
    return this.#entries.size;
  }

  /** The rules. */
  *[Symbol.iterator](): Generator<Rule> {
    for (const { rule } of this.#entries.values()) yield rule;
  }

  /** The rule with this id or name. Ids have colons and names have none, so one word never means two rules. */
  get(idOrName: string): Rule {
    const entry = this.#entries.get(this.#idsByName.get(idOrName) ?? idOrName);
    if (entry === undefined) throw new ControlError("not_found", `Cannot find rule "${idOrName}": there is none`, "id");
    return entry.rule;
  }

  /** Adds a rule. */
  add(spec: RuleSpec): RuleChange {
    const after = this.#insert(makeRule(spec));
    return { after };
  }

  /** Removes the rule of this id or name. */
  remove(idOrName: string): RuleChange {
    const before = this.get(idOrName);
    this.#delete(before);
    return { before };
  }

  /** Puts a rule in place of the one that has its input or its name; if there is none, adds it. */
  replace(spec: RuleSpec): RuleChange {
    const rule = makeRule(spec);
    const others = this.#othersWith(rule);
    if (others.length > 1) {
      const names = others.map(title).join(" and ");
      throw new ControlError("duplicate", `Cannot replace one rule by ${rule.id}: it would replace ${names}`, "input");
    }
    const [before] = others;
    if (before === undefined) return { after: this.#insert(rule) };
    this.#delete(before);
    try {
      return { before, after: this.#insert(rule) };
    } catch (error) {
      this.#put(readEntry(before));
      throw error;
    }
  }

  /**
   * Makes these the rules, all of them or, where one is refused, none. Rules that are there already stay as they are. The
   * path of an error begins with the rule's place: `rules[2].input`.
   */
  become(specs: readonly RuleSpec[]): readonly RuleChange[] {
    const kept = this.#keepSame(specs), changes: RuleChange[] = [];
    // First what goes: what comes may have its name, its input, or close a loop with it.
    const gone = new Map([...this].filter(({ id }) => !kept.has(id)).map((rule) => [rule.id, rule]));
    for (const rule of gone.values()) this.#delete(rule);
    specs.forEach((spec, index) => {
      if (kept.get(ruleId(spec.input)) === spec) return;
      try {
        const after = this.#insert(makeRule(spec)), before = gone.get(after.id);
        gone.delete(after.id);
        changes.push({ ...(before === undefined ? {} : { before }), after });
      } catch (error) {
        this.undo(changes);
        for (const rule of gone.values()) this.#put(readEntry(rule));
        throw placed(error, `rules[${index}]`);
      }
    });
    return [...[...gone.values()].map((before) => ({ before })), ...changes];
  }

  /** Adds those of the rules whose input none had before, all of them or none. Paths of errors are as in `become()`. */
  extend(specs: readonly RuleSpec[]): readonly RuleChange[] {
    const changes = new Map<string, RuleChange>();
    specs.forEach((spec, index) => {
      const id = ruleId(spec.input);
      if (this.#entries.has(id) && !changes.has(id)) return;
      try {
        changes.set(id, this.add(spec));
      } catch (error) {
        this.undo([...changes.values()]);
        throw placed(error, `rules[${index}]`);
      }
    });
    return [...changes.values()];
  }

  /** The first of the specs for each rule that is there and says the same. */
  #keepSame(specs: readonly RuleSpec[]): ReadonlyMap<string, RuleSpec> {
    const kept = new Map<string, RuleSpec>();
    for (const spec of specs) {
      const id = ruleId(spec.input), own = this.#entries.get(id);
      if (own !== undefined && !kept.has(id) && isSameRule(own.rule, spec)) kept.set(id, spec);
    }
    return kept;
  }

  /** Takes changes back, all that have come before any that have gone: one may have the name that the other had. */
  undo(changes: readonly RuleChange[]): void {
    const come = new Set(changes.flatMap(({ after }) => after ?? []));
    const gone = new Set(changes.flatMap(({ before }) => before ?? []));
    for (const rule of come.difference(gone)) this.#delete(rule);
    for (const rule of gone.difference(come)) this.#put(readEntry(rule));
  }

  #insert(rule: Rule): Rule {
    if (this.#entries.size >= RULES_MAX) {
      throw new ControlError("limit", `Cannot add rule ${rule.id}: there are ${RULES_MAX} rules, the limit`);
    }
    const entry = readEntry(rule);
    this.#refuseDuplicate(entry);
    this.#put(entry);
    const cycle = rule.allow_loop ? undefined : this.#findCycle(entry);
    if (cycle === undefined) return rule;
    this.#delete(rule);
    const message = `Cannot add rule ${rule.id}: it would feed its own input: ${spellOut(cycle)}`;
    throw new ControlError("loop", message, "outputs");
  }

  #put(entry: Entry): void {
    const { rule } = entry, place = formatEndpoint(rule.input);
    this.#entries.set(rule.id, entry);
    if (rule.name !== undefined) this.#idsByName.set(rule.name, rule.id);
    const others = this.#byPlace.get(place);
    if (others === undefined) this.#byPlace.set(place, new Set([entry]));
    else others.add(entry);
    this.#inputs.add(entry);
  }

  #delete({ id, name, input }: Rule): void {
    const entry = this.#entries.get(id)!, place = formatEndpoint(input), others = this.#byPlace.get(place)!;
    this.#entries.delete(id);
    if (name !== undefined) this.#idsByName.delete(name);
    others.delete(entry);
    if (others.size === 0) this.#byPlace.delete(place);
    this.#inputs.delete(entry);
  }

  /** The rules whose input or name this one has. */
  #othersWith(rule: Rule): Rule[] {
    const others = new Set<Rule>();
    const id = rule.name === undefined ? undefined : this.#idsByName.get(rule.name);
    if (id !== undefined) others.add(this.#entries.get(id)!.rule);
    for (const { rule: other } of this.#byPlace.get(formatEndpoint(rule.input)) ?? []) {
      if (commonSource(rule.input, other.input) !== undefined) others.add(other);
    }
    return [...others];
  }

  #refuseDuplicate({ rule }: Entry): void {
    for (const { rule: same } of this.#byPlace.get(formatEndpoint(rule.input)) ?? []) {
      const source = commonSource(rule.input, same.input);
      if (source === undefined) continue;
      const has = source === "" ? "has this input" : `has this input from ${source}`;
      const message = `Cannot add a rule for ${describePlace(rule.input)}: rule ${title(same)} ${has}`;
      throw new ControlError("duplicate", message, "input");
    }
    const namesake = rule.name === undefined ? undefined : this.#idsByName.get(rule.name);
    if (namesake !== undefined) {
      const message = `Cannot add a rule of name "${rule.name}": rule ${namesake} has this name`;
      throw new ControlError("duplicate", message, "name");
    }
  }

  /**
   * The way of some datagram from a rule of this set through others back to itself. The kind of interface is not asked
   * for: a frame that leaves comes back on `lo` and through bridges, and interfaces change under us.
   */
  #findCycle(entry: Entry): readonly RuleInput[] | undefined {
    const passed = new Set<string>();
    const waiting: Step[] = [{ entry, region: entry.input }];
    let count = 0;
    for (let step = waiting.pop(); step !== undefined; step = waiting.pop()) {
      const seen = new Set<string>();
      for (const output of step.entry.rule.outputs) {
        const region = sent(output, step.entry, step.region);
        // Many outputs may go to one place.
        const place = describeRegion(region);
        if (seen.has(place)) continue;
        seen.add(place);
        for (const next of this.#inputs.find(region)) {
          if (next.entry === entry) return wayBack(entry, step);
          const key = next.entry.rule.id + (++count > STEPS_MAX ? "" : describeRegion(next.region));
          if (passed.has(key)) continue;
          passed.add(key);
          waiting.push({ ...next, from: step });
        }
      }
    }
    return undefined;
  }
}

/** The same error about a part of a list. */
function placed(error: unknown, place: string): unknown {
  if (!(error instanceof ControlError)) return error;
  return new ControlError(error.code, error.message, error.path === undefined ? place : `${place}.${error.path}`);
}

function makeRule(spec: RuleSpec): Rule {
  return { id: ruleId(spec.input), ...spec };
}

/** What both inputs of one place say of sources: an entry that both lists have, `""` where neither has a list. */
function commonSource({ sources: ours }: RuleInput, { sources: theirs }: RuleInput): string | undefined {
  if (ours === undefined && theirs === undefined) return "";
  return ours?.find((source) => theirs?.includes(source));
}

/** The inputs on the way that led to `last`, whose output is the input of the first again. */
function wayBack({ rule }: Entry, last: Step): RuleInput[] {
  const way = [rule.input];
  for (let step: Step | undefined = last; step !== undefined; step = step.from) way.push(step.entry.rule.input);
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
