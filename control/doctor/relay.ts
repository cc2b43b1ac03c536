/**
 * Checks of the relay: its socket, its neighbours, its drops. Pure.
 *
 * @module
 */
import { RING_SLOTS } from "../config.ts";
import type { Drops, Rate } from "../model.ts";
import { formatEndpoint } from "../rule_text.ts";
import { type Finding, Findings, shellWord } from "./finding.ts";
import { linkNamed, type SystemView } from "./view.ts";

/** Reasons that rules themselves ask for, or that end by themselves. */
const WANTED = ["no_rule", "source"];
/** Reasons that other checks tell more of. */
const TOLD_ELSEWHERE = ["ttl", "ring_full"];
const QUEUE_LENGTH = 10_000, RECEIVE_BYTES = 64 << 20;

/** What is at the path of the control socket. */
export function checkSocket({ socket: { path, state, reason }, daemon, isElsewhere }: SystemView): readonly Finding[] {
  const found = new Findings("supervisor");
  if (state === "dead") {
    found.add("note", `"${path}" was left by a supervisor that was killed: the next one takes it over`);
  } else if (state === "forbidden") {
    found.add("warning", `this user may not connect to "${path}": be root, or in the group of that file`);
  } else if (state === "failing") {
    found.add("error", `somebody listens on "${path}" and does not do what a supervisor does: ${reason}`);
  } else if (state === "other") {
    found.add(
      "error",
      `"${path}" is no control socket: mcr run would refuse to replace it`,
      `ls -l ${shellWord(path)}`,
    );
  } else if (state === "none") {
    found.add("note", `none listens on "${path}": nothing could be asked about rules and drops`);
  }
  if (isElsewhere && daemon !== undefined) {
    const text =
      "it runs in another network namespace, whose interfaces and settings cannot be seen from here; there they can";
    found.add("note", text, `nsenter --target ${daemon.pid} --net mcr doctor --socket ${shellWord(path)}`);
  }
  return found.orOk(`process ${daemon?.pid} answers on "${path}"`);
}

/** Other supervisors. */
export function checkDuplicates({ strangers, daemon, socket: { state } }: SystemView): readonly Finding[] {
  const found = new Findings("duplicates");
  for (const { pid, shared } of strangers) {
    if (shared !== undefined && shared.length > 0) {
      const text =
        `process ${pid} is another supervisor and also listens on ${shared.join(", ")}: what both have rules ` +
        "for leaves twice; one of them is to end";
      found.add("warning", text, `kill ${pid}`);
    } else if (daemon === undefined) {
      const which = state === "failing" ? "perhaps the one that does not answer" : "and not on that socket";
      found.add("note", `process ${pid} is a supervisor, ${which}`);
    } else if (shared === undefined) {
      found.add("note", `process ${pid} is another supervisor; what it listens on cannot be seen by this user`);
    }
  }
  return found.orOk(
    strangers.length === 0 ? "no other supervisor runs here" : "no other listens on the same interfaces",
  );
}

/** Rings that were full. */
export function checkRing(view: SystemView): readonly Finding[] {
  const found = new Findings("ring");
  if (view.daemon === undefined) return found.all();
  const count = view.daemon.stats.totals.drops["ring_full"] ?? 0;
  if (count === 0) return found.orOk("no ring was ever full");
  const { stats: { totals, advice }, ringSlots = RING_SLOTS.unset } = view.daemon;
  const text = `${count} frames found a ring full (ring_full): ${advice["ring_full"]}`,
    level = levelOf(totals.rates.over_10s);
  if (ringSlots >= RING_SLOTS.max) found.add(level, `${text}; it has as many slots as there can be`);
  else found.add(level, `${text}; start the supervisor so`, withSlots(view.daemon.process?.words ?? [], 4 * ringSlots));
  return found.all();
}

/** The command line of a supervisor with so many slots, or as many as there can be. */
function withSlots(words: readonly string[], slots: number): string {
  const rest = words.slice(words.lastIndexOf("run") + 1);
  const at = rest.findIndex((word) => /^--ring-slots(=|$)/.test(word));
  const isApart = rest[at] === "--ring-slots";
  if (at >= 0) rest.splice(at, isApart ? 2 : 1);
  const own = words.includes("run") ? rest : [], count = String(Math.min(RING_SLOTS.max, slots));
  return ["mcr", "run", ...own, "--ring-slots", count].map(shellWord).join(" ");
}

/** All other drops: those of rules, of outputs, and those that could not be told to be a rule's. */
export function checkDrops(view: SystemView): readonly Finding[] {
  const found = new Findings("drops");
  if (view.daemon === undefined) return found.all();
  const { totals, rules, advice } = view.daemon.stats;
  const tell = (where: string, drops: Drops, rate: Rate, mend: (reason: string) => string | undefined): void => {
    for (const [reason, count] of Object.entries(drops)) {
      if (count === 0 || TOLD_ELSEWHERE.includes(reason)) continue;
      const level = WANTED.includes(reason) ? "note" : levelOf(rate);
      found.add(
        level,
        `${count} of ${where} were dropped as ${reason}: ${advice[reason] ?? "see mcr stats"}`,
        mend(reason),
      );
    }
  };
  for (const { id, input, drops, rates, outputs } of rules) {
    tell(`rule ${id}`, drops, rates.over_10s, mendInput);
    for (const { output, drops, rates } of outputs) {
      const where = `rule ${id} to ${formatEndpoint(output)}`;
      tell(where, drops, rates.over_10s, (reason) => mendOutput(view, reason, output.interface, input.interface));
    }
  }
  const nobodys = subtract(totals.drops, rules.map((rule) => rule.drops));
  tell("no rule in particular", nobodys, totals.rates.over_10s, mendInput);
  return found.orOk("none, but for what other lines tell");
}

/** What is dropped now is wrong now; what was dropped once is good to know. */
function levelOf({ drops_per_s: perSecond }: Rate): "warning" | "note" {
  return perSecond > 0 ? "warning" : "note";
}

function subtract(whole: Drops, parts: readonly Drops[]): Drops {
  const rest = (reason: string): number =>
    parts.reduce((count, part) => count - (part[reason] ?? 0), whole[reason] ?? 0);
  return Object.fromEntries(Object.keys(whole).map((reason) => [reason, rest(reason)]));
}

function mendInput(reason: string): string | undefined {
  return reason === "copy_lost" ? `sysctl -w net.core.rmem_max=${RECEIVE_BYTES}` : undefined;
}

function mendOutput(view: SystemView, reason: string, via: string, from: string): string | undefined {
  const name = shellWord(via), link = linkNamed(view, via);
  if (reason === "no_buffer") return `ip link set dev ${name} txqueuelen ${QUEUE_LENGTH}`;
  if (reason === "too_big") {
    const mtu = Math.max(linkNamed(view, from)?.mtu ?? 0, link?.mtu ?? 0);
    return mtu > (link?.mtu ?? 0) ? `ip link set dev ${name} mtu ${mtu}` : undefined;
  }
  const isDown = link !== undefined && !link.isUp;
  return isDown && ["unreachable", "no_interface"].includes(reason) ? `ip link set dev ${name} up` : undefined;
}
