/**
 * The data plane as the supervisor sees it: turns rules and interfaces into sockets, a route table and filters, and
 * keeps them so while interfaces come and go.
 *
 * @module
 */
import { NativeError } from "../ffi/error.ts";
import { InterfaceWatch, listInterfaces } from "../ffi/interfaces.ts";
import type { NetworkInterface } from "../ffi/interfaces.ts";
import { Poller } from "../ffi/poller.ts";
import { NO_LIMITS, type TableOptions } from "../ffi/route_table.ts";
import { RuleArena } from "../ffi/rule_arena.ts";
import {
  availableCores,
  CAP_NET_ADMIN,
  CAP_NET_RAW,
  CAP_SYS_NICE,
  hasCapability,
  raiseFilesLimit,
} from "../ffi/system.ts";
import { AbsorberSet } from "./absorber_set.ts";
import { adviceFor, adviceOn, Counters } from "./counters.ts";
import { Draft, type Supplies } from "./draft.ts";
import type { Engine, RuleChange, RulePlacement, RuleReading } from "./engine.ts";
import { ControlError, messageOf } from "./error.ts";
import type { EventHub } from "./event_hub.ts";
import { ExclusiveSet } from "./exclusive_set.ts";
import { HoldSet } from "./hold_set.ts";
import { InputSet } from "./input_set.ts";
import type { Input } from "./input_set.ts";
import type { Logs } from "./log.ts";
import { MembershipSet } from "./membership_set.ts";
import { groupCount, membershipsOf, RANGE_GROUPS_MAX } from "./memberships.ts";
import type { Drops, InterfaceStatus, RateLimit, Rule, Stats, WorkerCounters, WorkerStatus } from "./model.ts";
import { interfaceNews, labelOf } from "./news.ts";
import { OffloadSet } from "./offload_set.ts";
import { descriptorsOf, OutputSet } from "./output_set.ts";
import type { OutputSocket } from "./output_set.ts";
import { exclusiveRules, isKept, type Placed, socketsOf, type Step, withoutPlacesOf } from "./placed.ts";
import type { Profile } from "./profile.ts";
import { SAMPLE_PERIOD_MS } from "./rates.ts";
import { Users } from "./users.ts";
import { chooseCores, workerIdentity } from "./worker_place.ts";
import { WorkerPool } from "./worker_pool.ts";

/** How a relay is set up; nothing of it changes later. */
export interface RelayOptions {
  /** How many worker processes; 0 for one a core. */
  readonly workers: number;
  /** The cores they are pinned to, in turn; those of the affinity mask when absent. */
  readonly cores?: readonly number[];
  /** Slots of each packet ring: a power of two from 64 to 262,144. */
  readonly ringSlots: number;
  /** Input interfaces on which the kernel is to put datagrams together, while they are listened on. */
  readonly receiveOffload: readonly string[];
  /** Whether the host's own copies are to be dropped early, by sockets of ours. */
  readonly absorb: boolean;
  /** Time to live of what outputs send that name none. */
  readonly ttl: number | "decrement";
  /** The most that is relayed by all rules together, in each worker. */
  readonly maxRate?: RateLimit;
  /** What becomes of datagrams that come from where the relay itself sends from. */
  readonly ownSource: "drop" | "relay";
  /** How the workers trade latency against work. */
  readonly profile: Profile;
  /** Told what happens beside requests: workers that end, interfaces that come. */
  readonly logs: Logs;
  readonly events: EventHub;
}

/** The real engine. */
export class Relay implements Engine {
  readonly #options: RelayOptions;
  readonly #poller: Poller;
  readonly #pool: WorkerPool;
  readonly #watch = new InterfaceWatch();
  readonly #inputs: InputSet;
  readonly #outputs: OutputSet;
  readonly #memberships: MembershipSet;
  readonly #exclusive: ExclusiveSet;
  readonly #absorbers: AbsorberSet;
  readonly #holds = new HoldSet();
  readonly #counters: Counters;
  readonly #sampleTimer: ReturnType<typeof setInterval>;
  readonly #placed = new Map<string, Placed>();
  /** Those of them that have an input, as the workers are told of them. */
  readonly #arena = new RuleArena();
  readonly #inputUsers = new Users<Input>();
  readonly #outputUsers = new Users<OutputSocket>();
  /** How many of the rules are exclusive. */
  #exclusiveCount = 0;
  /** The interfaces of the last look at them, which was told. */
  #interfaces: readonly NetworkInterface[] = listInterfaces();
  /** Names of those that have changed since rules were placed by them; undefined while nothing was reported. */
  #changedNames: Set<string> | undefined;
  /** Settles when the last change has been made or has failed. */
  #lastChange: Promise<unknown> = Promise.resolve();
  #isRefreshDue = false;
  /** Whether the last change gave anything back. */
  #mayRest = false;

  private constructor(options: RelayOptions, poller: Poller, pool: WorkerPool, filesLimit: number) {
    const pages = pool.workers.map((worker) => worker.page);
    this.#options = options;
    this.#poller = poller;
    this.#pool = pool;
    const offload = new OffloadSet(options.receiveOffload, options.logs.interface);
    this.#inputs = new InputSet(options.ringSlots, pages, offload, options.logs.interface);
    this.#outputs = new OutputSet(filesLimit);
    this.#memberships = new MembershipSet(options.logs.interface);
    this.#exclusive = new ExclusiveSet(options.logs.interface);
    this.#exclusive.sweep(this.#interfaces);
    this.#absorbers = new AbsorberSet({ isWanted: options.absorb });
    this.#counters = new Counters(pages);
    this.#counters.sample(performance.now());
    this.#sampleTimer = setInterval(() => this.#counters.sample(performance.now()), SAMPLE_PERIOD_MS);
    poller.watch(this.#watch, () => this.#onInterfaceChange());
  }

  /**
   * Starts the workers, with no rules.
   *
   * @throws {NativeError} `EPERM` without the capability to open packet sockets, or what a worker met.
   * @throws {RangeError} when a core or the number of workers is not to be had.
   */
  static async open(options: RelayOptions): Promise<Relay> {
    if (!hasCapability(CAP_NET_RAW)) {
      throw new NativeError("EPERM", "Cannot open packet sockets: this process lacks CAP_NET_RAW");
    }
    const { logs, events, profile } = options;
    const cores = chooseCores(options.workers, availableCores(), options.cores);
    const filesLimit = raiseFilesLimit();
    if (profile.priority > 0 && !hasCapability(CAP_SYS_NICE)) {
      logs.worker("the workers take turns with other processes: real-time priority needs CAP_SYS_NICE", "warning");
    }
    await using undo = new AsyncDisposableStack();
    const poller = undo.use(new Poller());
    const pool = undo.use(
      await WorkerPool.open({ poller, log: logs.worker, events, cores, profile, identity: workerIdentity() }),
    );
    undo.move();
    return new Relay(options, poller, pool, filesLimit);
  }

  apply(changes: readonly RuleChange[]): Promise<void> {
    return this.#inOrder(() => {
      this.#requirePrivilege(changes);
      return this.#change(changes).catch((error) => this.#changeSettled(changes, error));
    });
  }

  placement(id: string): RulePlacement {
    const placed = this.#placed.get(id);
    if (placed === undefined) throw new RangeError(`Cannot place rule "${id}": it has not been applied`);
    return { state: placed.state, waiting_for: placed.waiting_for };
  }

  stats(): Stats {
    const totals = this.#counters.readTotals();
    const rules = [...this.#placed.values()].map(({ rule, slots }) => this.#counters.read(rule, slots));
    return { totals, rules, advice: adviceFor(totals, rules) };
  }

  totals(): WorkerCounters {
    return this.#counters.readTotals();
  }

  *readings(): Generator<RuleReading> {
    for (const { rule, slots, state, waiting_for } of this.#placed.values()) {
      const histogram = this.#counters.readHistogram(slots);
      yield { counters: this.#counters.read(rule, slots, histogram), histogram, state, waiting_for };
    }
  }

  drops(): Drops {
    return this.#counters.readDrops([...this.#placed.values()].flatMap(({ slots }) => slots.outputs));
  }

  advice(reason: string): string {
    return adviceOn(reason);
  }

  workers(): readonly WorkerStatus[] {
    return this.#pool.workers.map(({ index, state, pid, core, restarts, generation, page }) => ({
      index,
      state,
      ...(pid === undefined ? {} : { pid }),
      core,
      restarts,
      generation,
      superframes: page.worker("superframes"),
      wakeups: page.worker("wakeups"),
      ...this.#counters.readWorker(index),
    }));
  }

  interfaces(): readonly InterfaceStatus[] {
    return listInterfaces().map((one) => {
      const joined = this.#memberships.joined(one.index);
      return joined.length === 0 ? one : { ...one, joined };
    });
  }

  /** Also of a rule that waits: it would be no better off when its interface comes. */
  #requirePrivilege(changes: readonly RuleChange[]): void {
    if (!changes.some(isNewlyExclusive) || hasCapability(CAP_NET_ADMIN)) return;
    throw new NativeError("EPERM", "an exclusive input needs CAP_NET_ADMIN, which this supervisor lacks");
  }

  #inOrder(change: () => Promise<void>): Promise<void> {
    const done = this.#lastChange.then(change);
    this.#lastChange = done.catch(() => {});
    return done;
  }

  /** Interfaces change in bursts: one look at all of them answers everything that was reported before it. */
  #onInterfaceChange(): void {
    this.#look();
    if (this.#isRefreshDue) return;
    this.#isRefreshDue = true;
    this.#inOrder(() => {
      this.#isRefreshDue = false;
      return this.#change([]);
    }).catch((error) => {
      this.#options.logs.interface("interfaces have changed, but {reason}", "error", { reason: messageOf(error) });
    });
  }

  /** Takes note of what has changed about interfaces, and tells it. */
  #look(): void {
    if (!this.#watch.drain()) return;
    const before = new Map(this.#interfaces.map((one) => [one.name, JSON.stringify(one)]));
    const old = this.#interfaces;
    this.#interfaces = listInterfaces();
    for (const news of interfaceNews(old, this.#interfaces)) this.#options.events.emit(news);
    const changed = this.#interfaces.filter((one) => {
      const was = before.get(one.name);
      before.delete(one.name);
      return was !== JSON.stringify(one);
    });
    this.#noteNames([...changed.map(({ name }) => name), ...before.keys()]);
  }

  #noteNames(names: Iterable<string>): void {
    this.#changedNames = new Set([...this.#changedNames ?? [], ...names]);
  }

  /** Entries that are to be placed anew: these interfaces have changed, or they wait for something that may have. */
  #restless(names: ReadonlySet<string>): Placed[] {
    return [...this.#placed.values()].filter(({ rule, state }) =>
      state === "pending" || names.has(rule.input.interface) ||
      rule.outputs.some((output) => names.has(output.interface))
    );
  }

  /** Makes changes, and whatever the interfaces ask for since the last one; or nothing. */
  async #change(changes: readonly RuleChange[]): Promise<void> {
    // What was reported before a rule is asked for counts for it: whoever makes an interface may use it at once.
    this.#look();
    const names = this.#changedNames;
    this.#changedNames = undefined;
    try {
      using draft = new Draft(this.#supplies());
      const changing = new Set(changes.map(({ before }) => before?.id));
      for (const { before, after } of changes) draft.add(before && this.#placed.get(before.id), after);
      const restless = names === undefined ? [] : this.#restless(names);
      for (const one of restless) changing.has(one.rule.id) || this.#renew(draft, one);
      if (draft.steps.length > 0) await this.#take(draft);
      if (names !== undefined) this.#holds.retry();
    } catch (error) {
      if (names === undefined) throw error;
      this.#noteNames(names);
      // It may be the rule that cannot be made, not what the interfaces ask for.
      if (changes.length > 0) this.#onInterfaceChange();
      throw error;
    }
  }

  /** Has an entry placed anew. One that cannot be stays as it is until the next change, and keeps no other from anything. */
  #renew(draft: Draft, one: Placed): void {
    const { rule, state, waiting_for } = one;
    try {
      draft.add(one, rule);
    } catch (error) {
      if (!(error instanceof NativeError || error instanceof ControlError)) throw error;
      const message = "rule {id} stays as it is, though interfaces have changed: {reason}";
      this.#options.logs.rule(message, "error", { id: rule.id, reason: error.message });
      const names = [rule.input.interface, ...rule.outputs.map((output) => output.interface)];
      this.#noteNames(state === "pending" ? waiting_for : names);
    }
  }

  /** Makes changes that a limit was in the way of, when nothing rests any more of what was given back: see `Slots`. */
  async #changeSettled(changes: readonly RuleChange[], error: unknown): Promise<void> {
    if (!(error instanceof ControlError && error.code === "limit" && this.#mayRest)) throw error;
    await this.#pool.deliver({
      inputs: new Map(),
      outputs: new Map(),
      rules: this.#arena.packed,
      limits: this.#limits(),
    });
    this.#settle();
    await this.#change(changes);
  }

  #settle(): void {
    this.#mayRest = false;
    this.#inputs.settle();
    this.#outputs.settle();
    this.#counters.settle();
  }

  #supplies(): Supplies {
    const usable = this.#interfaces.filter(({ up }) => up).map((one) => [one.name, one] as const);
    return {
      inputs: this.#inputs,
      outputs: this.#outputs,
      counters: this.#counters,
      interfaces: new Map(usable),
      ttl: this.#options.ttl,
    };
  }

  async #take(draft: Draft): Promise<void> {
    const { steps } = draft, before = steps.flatMap((step) => step.before ?? []);
    const after = steps.flatMap((step) => step.after ?? []);
    this.#join(draft);
    this.#exclude(draft);
    // Narrow before the workers forget a rule, widen after they know one: nothing arrives that nobody wants. What a rule
    // leaves to another, of other sources say, goes on arriving.
    const gone = withoutPlacesOf(before, after), lost = gone.flatMap(({ input }) => input ?? []);
    draft.defer(() => this.#filter(lost));
    for (const one of gone) this.#forget(draft, one);
    this.#filter(lost);
    const isGone = new Set(gone);
    for (const one of before) isGone.has(one) || this.#forget(draft, one);
    for (const one of after) this.#know(draft, one);
    await this.#pool.deliver({
      inputs: new Map(draft.inputs.map(({ index, sockets }) => [index, sockets])),
      outputs: descriptorsOf(draft.outputs),
      rules: this.#arena.packed,
      limits: this.#limits(),
    });
    draft.keep();
    this.#adopt(steps);
    this.#filter(withoutPlacesOf(after, before).flatMap(({ input }) => input ?? []));
    if (this.#isExclusive(steps)) this.#exclusive.apply(exclusiveRules(this.#placed.values(), () => true));
    this.#leave(steps);
    this.#retire(steps);
    for (const step of steps) this.#tell(step);
  }

  #limits(): TableOptions {
    const { ownSource, maxRate } = this.#options;
    const senders = ownSource === "drop" ? this.#outputs.senders : NO_LIMITS.senders;
    return { senders, datagramsMax: maxRate?.datagrams ?? 0, bitsMax: maxRate?.bits ?? 0 };
  }

  /** Takes an entry out of what the workers are told; in again when the draft is given up. */
  #forget(draft: Draft, { numbered: rule }: Placed): void {
    if (rule === undefined) return;
    this.#arena.delete(rule);
    draft.defer(() => this.#arena.add(rule));
  }

  #know(draft: Draft, { numbered: rule }: Placed): void {
    if (rule === undefined) return;
    this.#arena.add(rule);
    draft.defer(() => this.#arena.delete(rule));
  }

  #join(draft: Draft): void {
    for (const { after } of draft.steps) {
      if (after?.input === undefined) continue;
      const { interfaceIndex, interfaceName } = after.input, wanted = membershipsOf(after.rule.input);
      this.#memberships.hold(interfaceIndex, interfaceName, wanted);
      draft.defer(() => this.#memberships.drop(interfaceIndex, wanted));
    }
  }

  /**
   * What the rest of the host is to get again it gets while it is still relayed; what it is to get no more it loses when
   * the workers relay it. A new rule's interface shows already that it can have a filter.
   */
  #exclude(draft: Draft): void {
    const { steps } = draft;
    if (!this.#isExclusive(steps)) return;
    draft.defer(() => this.#exclusive.apply(exclusiveRules(this.#placed.values(), () => true)));
    const old = new Set(steps.map(({ before }) => before));
    const come = new Set(steps.flatMap((step) => isKept(step) ? [] : step.after ?? []));
    const all = [
      ...[...this.#placed.values()].filter((one) => !old.has(one)),
      ...steps.flatMap((step) => step.after ?? []),
    ];
    const fresh = new Set(
      steps.filter(({ before, after }) => isNewlyExclusive({ before: before?.rule, after: after?.rule })).map((
        { after },
      ) => after!.input),
    );
    this.#exclusive.apply(exclusiveRules(all, (one) => !come.has(one)), (input) => fresh.has(input));
  }

  /** Whether any rule is exclusive, or was before these steps. */
  #isExclusive(steps: readonly Step[]): boolean {
    return this.#exclusiveCount > 0 || steps.some(({ before }) => before?.rule.input.exclusive);
  }

  /** The workers relay by these now. */
  #adopt(steps: readonly Step[]): void {
    for (const { after } of steps) {
      if (after === undefined) continue;
      this.#absorbers.hold(after);
      this.#holds.hold(after);
    }
    for (const { before } of steps) {
      if (before === undefined) continue;
      this.#absorbers.release(before);
      this.#holds.release(before);
    }
    for (const { before, after } of steps) {
      if (before !== undefined && before.rule.id !== after?.rule.id) this.#placed.delete(before.rule.id);
      if (after === undefined) continue;
      this.#placed.set(after.rule.id, after);
      if (after.input !== undefined) this.#inputUsers.hold(after.input);
      for (const socket of socketsOf(after)) this.#outputUsers.hold(socket);
    }
    for (const { before, after } of steps) {
      this.#exclusiveCount += Number(after?.rule.input.exclusive ?? false) -
        Number(before?.rule.input.exclusive ?? false);
      if (before?.input !== undefined) this.#inputUsers.drop(before.input);
      for (const socket of before === undefined ? [] : socketsOf(before)) this.#outputUsers.drop(socket);
    }
  }

  /** The newest first, which the kernel finds first: to leave 15,000 groups the other way round took 3.6 s, not 0.1. */
  #leave(steps: readonly Step[]): void {
    for (const { before } of steps.toReversed()) {
      if (before?.input === undefined) continue;
      this.#memberships.drop(before.input.interfaceIndex, membershipsOf(before.rule.input));
    }
  }

  /** Closes what only entries that are gone needed, now that no table names it. */
  #retire(steps: readonly Step[]): void {
    this.#settle();
    const gone = steps.flatMap(({ before }) => before ?? []);
    this.#mayRest = gone.length > 0;
    const inputs = this.#inputUsers.takeUnused(new Set(gone.flatMap(({ input }) => input ?? [])));
    const outputs = this.#outputUsers.takeUnused(new Set(gone.flatMap(socketsOf)));
    this.#pool.retire({ inputs: inputs.map(({ index }) => index), outputs: [...descriptorsOf(outputs).keys()] });
    for (const input of inputs) this.#inputs.close(input);
    for (const output of outputs) this.#outputs.close(output);
    for (const { before, after } of steps) {
      if (before !== undefined && before.slots !== after?.slots) this.#counters.release(before.slots, after?.slots);
    }
  }

  /** Says what a rule waits for now that it did not, or no longer, and what it takes and nobody asks the network for. */
  #tell({ before, after }: Step): void {
    if (after === undefined) return;
    const { rule, state, waiting_for } = after, count = groupCount(rule.input);
    if (before?.rule !== rule) {
      if (count <= RANGE_GROUPS_MAX) return;
      const message =
        "rule {id} takes {count} groups, more than {limit}: none is joined, the network must deliver them unasked";
      return this.#options.logs.rule(message, "warning", { id: rule.id, count, limit: RANGE_GROUPS_MAX });
    }
    const was = before.waiting_for.join(", "), is = waiting_for.join(", ");
    if (was === is) return;
    const message = is === "" ? "rule {id} is {state}" : "rule {id} is {state}, waiting for {waiting_for}";
    this.#options.logs.rule(message, "info", { id: rule.id, state, waiting_for });
    this.#options.events.emit({ kind: "rule", type: "state", ...labelOf(rule), state, waiting_for });
  }

  /** Sets the kernel filters of inputs. */
  #filter(inputs: readonly Input[]): void {
    for (const input of new Set(inputs)) this.#inputs.filter(input, this.#arena.packed);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    clearInterval(this.#sampleTimer);
    this.#poller.forget(this.#watch);
    await this.#lastChange;
    // Before the workers stop: what they no longer relay goes its usual way.
    this.#exclusive[Symbol.dispose]();
    this.#absorbers[Symbol.dispose]();
    this.#holds[Symbol.dispose]();
    await this.#pool[Symbol.asyncDispose]();
    this.#memberships[Symbol.dispose]();
    this.#inputs[Symbol.dispose]();
    this.#outputs[Symbol.dispose]();
    await this.#poller[Symbol.asyncDispose]();
    this.#watch[Symbol.dispose]();
  }
}

function isNewlyExclusive({ before, after }: { before?: Rule | undefined; after?: Rule | undefined }): boolean {
  return after?.input.exclusive === true && before?.input.exclusive !== true;
}
