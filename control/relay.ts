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
import { packRules } from "../ffi/route_table.ts";
import type { PackedRules } from "../ffi/route_table.ts";
import {
  availableCores,
  CAP_NET_ADMIN,
  CAP_NET_RAW,
  CAP_SYS_NICE,
  hasCapability,
  raiseFilesLimit,
} from "../ffi/system.ts";
import { AbsorberSet } from "./absorber_set.ts";
import { isMulticast, parsePrefix } from "./address.ts";
import { adviceFor, adviceOn, Counters } from "./counters.ts";
import type { Engine, RulePlacement } from "./engine.ts";
import { messageOf } from "./error.ts";
import type { EventHub } from "./event_hub.ts";
import { ExclusiveSet } from "./exclusive_set.ts";
import { InputSet } from "./input_set.ts";
import type { Input } from "./input_set.ts";
import type { Logs } from "./log.ts";
import type { Drops, InterfaceStatus, Rule, RuleInput, RuleOutput, Stats, WorkerStatus } from "./model.ts";
import { interfaceNews, labelOf } from "./news.ts";
import { OffloadSet } from "./offload_set.ts";
import { descriptorsOf, OutputSet, wishFor } from "./output_set.ts";
import type { OutputSocket } from "./output_set.ts";
import {
  compare,
  exclusiveRules,
  isKept,
  isNewExclusive,
  isSamePlaced,
  type Listening,
  numberedRules,
  type Placed,
  type PlacedOutput,
  type PlacedRules,
  placeRule,
} from "./placed.ts";
import type { Profile } from "./profile.ts";
import { SAMPLE_PERIOD_MS } from "./rates.ts";
import { segmentMax, type Sending, sendingOf } from "./sending.ts";
import { chooseCores, workerIdentity } from "./worker_place.ts";
import { WorkerPool } from "./worker_pool.ts";

/** What the kernel says of an interface that has gone or is not ready: no reason to refuse a rule. */
const NOT_READY = ["ENODEV", "ENXIO", "ENETDOWN", "ENETUNREACH", "EADDRNOTAVAIL"];

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
  readonly ttl: number;
  /** How the workers trade latency against work. */
  readonly profile: Profile;
  /** Told what happens beside requests: workers that end, interfaces that come. */
  readonly logs: Logs;
  readonly events: EventHub;
}

/** A change that is prepared, and can still be given up. */
interface Draft {
  readonly placed: PlacedRules;
  readonly opened: { readonly inputs: readonly Input[]; readonly outputs: readonly OutputSocket[] };
}

/** Interfaces that can be used, by name. */
type Usable = Map<string, NetworkInterface>;

/** The real engine. */
export class Relay implements Engine {
  readonly #options: RelayOptions;
  readonly #poller: Poller;
  readonly #pool: WorkerPool;
  readonly #watch = new InterfaceWatch();
  readonly #inputs: InputSet;
  readonly #outputs = new OutputSet();
  readonly #exclusive: ExclusiveSet;
  readonly #absorbers: AbsorberSet;
  readonly #counters: Counters;
  readonly #sampleTimer: ReturnType<typeof setInterval>;
  #placed: PlacedRules = new Map();
  /** The interfaces of the last look at them, which was told. */
  #interfaces: readonly InterfaceStatus[] = listInterfaces();
  /** The interfaces that those were placed by, as text. */
  #placedBy = "";
  /** Settles when the last change has been made or has failed. */
  #lastChange: Promise<unknown> = Promise.resolve();
  #isRefreshDue = false;

  private constructor(options: RelayOptions, poller: Poller, pool: WorkerPool) {
    const pages = pool.workers.map((worker) => worker.page);
    this.#options = options;
    this.#poller = poller;
    this.#pool = pool;
    const offload = new OffloadSet(options.receiveOffload, options.logs.interface);
    this.#inputs = new InputSet(options.ringSlots, pages, offload, options.logs.interface);
    this.#exclusive = new ExclusiveSet(options.logs.interface);
    this.#exclusive.sweep(listInterfaces());
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
    raiseFilesLimit();
    if (profile.priority > 0 && !hasCapability(CAP_SYS_NICE)) {
      logs.worker("the workers take turns with other processes: real-time priority needs CAP_SYS_NICE", "warning");
    }
    await using undo = new AsyncDisposableStack();
    const poller = undo.use(new Poller());
    const pool = undo.use(
      await WorkerPool.open({ poller, log: logs.worker, events, cores, profile, identity: workerIdentity() }),
    );
    undo.move();
    return new Relay(options, poller, pool);
  }

  apply(rules: readonly Rule[]): Promise<void> {
    return this.#inOrder(() => {
      this.#requirePrivilege(rules);
      rules.forEach(refuseUnready);
      return this.#change(rules);
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
    return listInterfaces();
  }

  /** Also of a rule that waits: it would be no better off when its interface comes. */
  #requirePrivilege(rules: readonly Rule[]): void {
    if (!rules.some((rule) => isNewExclusive(this.#placed, rule)) || hasCapability(CAP_NET_ADMIN)) return;
    throw new NativeError("EPERM", "an exclusive input needs CAP_NET_ADMIN, which this supervisor lacks");
  }

  #inOrder(change: () => Promise<void>): Promise<void> {
    const done = this.#lastChange.then(change);
    this.#lastChange = done.catch(() => {});
    return done;
  }

  /** Interfaces change in bursts: one look at all of them answers everything that was reported before it. */
  #onInterfaceChange(): void {
    this.#watch.drain();
    this.#tellInterfaces();
    if (this.#isRefreshDue) return;
    this.#isRefreshDue = true;
    this.#inOrder(() => {
      this.#isRefreshDue = false;
      return this.#refresh();
    }).catch((error) => {
      this.#options.logs.interface("interfaces have changed, but {reason}", "error", { reason: messageOf(error) });
    });
  }

  #tellInterfaces(): void {
    const before = this.#interfaces;
    this.#interfaces = listInterfaces();
    for (const news of interfaceNews(before, this.#interfaces)) this.#options.events.emit(news);
  }

  async #refresh(): Promise<void> {
    const before = this.#placed;
    await this.#change([...before.values()].map(({ rule }) => rule));
    for (const { rule, state, waiting_for } of this.#placed.values()) {
      const was = before.get(rule.id)!.waiting_for.join(", "), is = waiting_for.join(", ");
      if (was === is) continue;
      const message = is === "" ? "rule {id} is {state}" : "rule {id} is {state}, waiting for {waiting_for}";
      this.#options.logs.rule(message, "info", { id: rule.id, state, waiting_for });
      this.#options.events.emit({ kind: "rule", type: "state", ...labelOf(rule), state, waiting_for });
    }
  }

  async #change(rules: readonly Rule[]): Promise<void> {
    using undo = new DisposableStack();
    const before = this.#placed;
    const { placed, opened } = this.#draft(rules, undo);
    const change = compare(before, placed);
    if (change === undefined) return;
    const { gone, come, lost, gained } = change;
    for (const { input, rule } of gained) {
      this.#inputs.join(input, rule.input.group);
      undo.defer(() => this.#inputs.leave(input, rule.input.group));
    }
    undo.defer(() => this.#exclusive.apply(exclusiveRules(before, () => true)));
    // What the rest of the host is to get again it gets while it is still relayed; what it is to get no more it loses
    // when the workers relay it. A new rule's interface shows already that it can have a filter.
    this.#exclusive.apply(
      exclusiveRules(placed, (one) => isKept(before, one)),
      (input) => gained.some((one) => one.input === input && isNewExclusive(before, one.rule)),
    );
    // Narrow before the workers forget a rule, widen after they know one: nothing arrives that nobody wants.
    if (lost.length > 0) {
      const kept = [...placed.values()].filter((one) => isKept(before, one));
      this.#filter(lost, packRules(numberedRules(kept)));
    }
    const packed = packRules(numberedRules(placed.values()));
    await this.#pool.deliver({
      inputs: new Map(opened.inputs.map(({ index, sockets }) => [index, sockets])),
      outputs: descriptorsOf(opened.outputs),
      rules: packed,
    });
    this.#placed = placed;
    undo.move();
    this.#filter(gained, packed);
    this.#exclusive.apply(exclusiveRules(placed, () => true));
    for (const { input, rule } of lost) this.#inputs.leave(input, rule.input.group);
    for (const one of come) this.#absorbers.hold(one);
    for (const one of gone) this.#absorbers.release(one);
    this.#retire(gone);
  }

  /** Sets the kernel filters of the inputs of some rules. */
  #filter(changed: readonly Listening[], rules: PackedRules): void {
    for (const input of new Set(changed.map(({ input }) => input))) this.#inputs.filter(input, rules);
  }

  /** Opens what the rules need beside what is there, to be closed again by `undo`. */
  #draft(rules: readonly Rule[], undo: DisposableStack): Draft {
    const interfaces = listInterfaces().filter(({ up }) => up);
    const usable = new Map(interfaces.map((one) => [one.name, one]));
    const opened = { inputs: [] as Input[], outputs: [] as OutputSocket[] };
    const before = this.#placedBy, now = JSON.stringify(interfaces);
    this.#placedBy = now;
    undo.defer(() => this.#placedBy = before);
    const place = (rule: Rule): Placed => {
      const old = this.#placed.get(rule.id);
      if (old?.rule === rule && before === now) return old;
      const isKept = old !== undefined && old.rule.outputs === rule.outputs;
      const slots = isKept ? old.slots : this.#counters.take(rule);
      if (!isKept) undo.defer(() => this.#counters.cancel(slots));
      const input = this.#input(rule, usable, opened.inputs, undo);
      const outputs = rule.outputs.map((output) => {
        return this.#output(output, sendingOf(output, rule.input), usable, opened.outputs, undo);
      });
      const placed = placeRule(rule, slots, input, outputs);
      return old !== undefined && isSamePlaced(old, placed) ? old : placed;
    };
    return { placed: new Map(rules.map((rule) => [rule.id, place(rule)])), opened };
  }

  #input(rule: Rule, usable: Usable, opened: Input[], undo: DisposableStack): Input | undefined {
    const via = usable.get(rule.input.interface);
    if (via === undefined) return undefined;
    const known = this.#inputs.get(via.index);
    if (known !== undefined) return known;
    const input = unlessNotReady(() => this.#inputs.open(via.index, via.name));
    if (input === undefined) {
      usable.delete(via.name);
      return undefined;
    }
    undo.defer(() => this.#inputs.cancel(input));
    opened.push(input);
    return input;
  }

  #output(
    output: RuleOutput,
    sending: Sending,
    usable: Usable,
    opened: OutputSocket[],
    undo: DisposableStack,
  ): PlacedOutput | undefined {
    const via = usable.get(output.interface);
    if (via === undefined) return undefined;
    const ttl = typeof output.ttl === "number" ? output.ttl : this.#options.ttl;
    const wish = wishFor(output, sending, ttl, via), known = this.#outputs.get(wish.key);
    const socket = known ?? unlessNotReady(() => this.#outputs.open(wish));
    if (socket === undefined) return undefined;
    if (known === undefined) {
      undo.defer(() => this.#outputs.cancel(socket));
      opened.push(socket);
    }
    return { socket, segmentMax: segmentMax(sending, via.mtu) };
  }

  /** Closes what only entries that are gone needed, now that no table names it. */
  #retire(gone: readonly Placed[]): void {
    this.#inputs.settle();
    this.#outputs.settle();
    this.#counters.settle();
    if (gone.length === 0) return;
    const inputs = new Set([...this.#placed.values()].map(({ input }) => input));
    const outputs = new Set([...this.#placed.values()].flatMap((one) => one.outputs.map((output) => output?.socket)));
    const oldInputs = [...this.#inputs].filter((input) => !inputs.has(input));
    const oldOutputs = [...this.#outputs].filter((output) => !outputs.has(output));
    this.#pool.retire({
      inputs: oldInputs.map(({ index }) => index),
      outputs: [...descriptorsOf(oldOutputs).keys()],
    });
    for (const input of oldInputs) this.#inputs.close(input);
    for (const output of oldOutputs) this.#outputs.close(output);
    for (const { rule, slots } of gone) {
      if (this.#placed.get(rule.id)?.slots !== slots) this.#counters.release(slots);
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    clearInterval(this.#sampleTimer);
    this.#poller.forget(this.#watch);
    await this.#lastChange;
    // Before the workers stop: what they no longer relay goes its usual way.
    this.#exclusive[Symbol.dispose]();
    this.#absorbers[Symbol.dispose]();
    await this.#pool[Symbol.asyncDispose]();
    this.#inputs[Symbol.dispose]();
    this.#outputs[Symbol.dispose]();
    await this.#poller[Symbol.asyncDispose]();
    this.#watch[Symbol.dispose]();
  }
}

/** What the workers cannot do yet is refused, not passed over. */
function refuseUnready({ input, outputs, max_rate: maxRate }: Rule): void {
  const isPlain = (group: string): boolean => group.includes(".") && isMulticast(parsePrefix(group)!);
  const isExact = ({ group, port }: RuleInput | RuleOutput): boolean =>
    isPlain(group) && !group.includes("/") && typeof port === "number" && port > 0;
  const isReady = maxRate === undefined && isExact(input) && input.sources === undefined &&
    input.exclude_sources === undefined &&
    outputs.every((output) =>
      isExact(output) && typeof output.ttl !== "string" && output.oversize === undefined &&
      [output.dscp, output.ecn, output.source, output.source_port].every((option) => option === undefined)
    );
  if (!isReady) {
    throw new RangeError("this version relays from one IPv4 group and port to others, with no options but ttl and raw");
  }
}

/** Undefined when the interface has gone, or is not ready, since it was listed. */
function unlessNotReady<Opened>(open: () => Opened): Opened | undefined {
  try {
    return open();
  } catch (error) {
    if (error instanceof NativeError && NOT_READY.includes(error.code)) return undefined;
    throw error;
  }
}
