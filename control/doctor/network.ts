/**
 * Checks of interfaces and of what they are connected to. Pure.
 *
 * @module
 */
import type { RuleOutput, RuleStatus } from "../model.ts";
import { formatEndpoint } from "../rule_text.ts";
import { type Finding, Findings, shellWord } from "./finding.ts";
import { inputNames, isVisible, linkNamed, type LinkView, numberOf, rulesOf, type SystemView } from "./view.ts";

/** Bytes of IP and UDP headers before a payload. */
const HEADER_BYTES = { ipv4: 28, ipv6: 48 } as const;
/** Below it long streams cost too little for it to matter. */
const MERGING_WORTH_PER_S = 20_000;

/** Interfaces that rules name. */
export function checkInterfaces(view: SystemView): readonly Finding[] {
  const found = new Findings("interfaces");
  if (!isVisible(view)) return found.all();
  const names = new Set(rulesOf(view).flatMap(({ input, outputs }) => [input, ...outputs].map((one) => one.interface)));
  for (const name of names) {
    const link = linkNamed(view, name);
    const ids = rulesOf(view).filter(({ input, outputs }) => [input, ...outputs].some((one) => one.interface === name));
    const who = ids.length === 1 ? `rule ${ids[0]!.id} needs it` : `${ids.length} rules need it`;
    if (link === undefined) found.add("error", `there is no interface ${name}, and ${who}`, creationOf(view, name));
    else checkLink(found, link, who);
  }
  for (const rule of rulesOf(view)) {
    const { id, outputs } = rule;
    const bare = outputs.find((output) => isBare(linkNamed(view, output.interface), output));
    if (bare === undefined) {
      explainWait(found, view, rule);
      continue;
    }
    found.add(
      "error",
      `${bare.interface} has no IPv4 address for rule ${id} to send from: give it one with ip addr add`,
    );
  }
  return found.orOk(names.size === 0 ? "no rule names any" : `${[...names].join(", ")} are there and up`);
}

function checkLink(found: Findings, { name, isUp, hasCarrier }: LinkView, who: string): void {
  if (!isUp) found.add("error", `${name} is down, and ${who}`, `ip link set dev ${shellWord(name)} up`);
  else if (!hasCarrier) {
    found.add("warning", `${name} is up but has no carrier, and ${who}: look at cable and other end`);
  }
}

/** Why a rule waits for what is there and up. */
function explainWait(found: Findings, view: SystemView, { id, outputs, waiting_for: names }: RuleStatus): void {
  for (const name of names) {
    const link = linkNamed(view, name);
    if (link === undefined || !link.isUp) continue;
    const sources = outputs.filter((output) => output.interface === name).flatMap(({ source }) => source ?? []);
    const foreign = sources.find((source) => !link.addresses.includes(source));
    const why = foreign === undefined
      ? `rule ${id} waits for ${name}, though that is there and up: the log says why`
      : `${name} does not have the address ${foreign} for rule ${id} to send from: give it that with ip addr add`;
    found.add("error", why);
  }
}

function isBare(link: LinkView | undefined, { group, source }: RuleOutput): boolean {
  const isIpv4 = !group.includes(":");
  return link !== undefined && link.isUp && isIpv4 && source === undefined &&
    !link.addresses.some((address) => !address.includes(":"));
}

/** How an interface that is missing can be made: by its name, where it is that of a VLAN. */
function creationOf(view: SystemView, name: string): string | undefined {
  const [, below, tag] = /^(.+)\.(\d{1,4})$/.exec(name) ?? [];
  if (below === undefined || linkNamed(view, below) === undefined) return undefined;
  const [word, own] = [shellWord(below), shellWord(name)];
  return `ip link add link ${word} name ${own} type vlan id ${tag} && ip link set dev ${own} up`;
}

/** What is relayed against what outputs can carry at once. */
export function checkMtu(view: SystemView): readonly Finding[] {
  const found = new Findings("mtu");
  if (!isVisible(view)) return found.all();
  const told = new Set<string>();
  for (const { id, outputs, received, received_bytes: bytes, input } of view.daemon?.stats.rules ?? []) {
    const payload = received === 0 ? 0 : Math.ceil(bytes / received);
    for (const output of outputs.map((one) => one.output)) {
      const link = linkNamed(view, output.interface);
      const size = payload + (output.group.includes(":") ? HEADER_BYTES.ipv6 : HEADER_BYTES.ipv4);
      if (link === undefined || payload === 0 || size <= link.mtu || told.has(link.name)) continue;
      told.add(link.name);
      const fate = output.oversize === "drop" ? "those that do not fit are dropped" : "they leave in fragments";
      const text = `packets of rule ${id} have ${size} bytes on average, ${link.name} carries ${link.mtu}: ${fate}`;
      const mtu = Math.max(size, linkNamed(view, input.interface)?.mtu ?? 0);
      found.add("warning", text, `ip link set dev ${shellWord(link.name)} mtu ${mtu}`);
    }
  }
  return found.orOk("outputs carry what is relayed, on average");
}

/** Bridges of this host that send groups only where they were joined. */
export function checkSnooping(view: SystemView): readonly Finding[] {
  const found = new Findings("snooping");
  if (view.isElsewhere) return found.all();
  const named = new Set(
    rulesOf(view).flatMap(({ input, outputs }) => [input, ...outputs])
      .flatMap((one) => [one.interface, linkNamed(view, one.interface)?.master]),
  );
  for (const { name, bridge, isUp } of view.links) {
    if (bridge === undefined || !isUp || !bridge.isSnooping || bridge.hasQuerier) continue;
    const text =
      `bridge ${name} snoops, but nobody asks who wants which group: it floods all of them to all ports, and ` +
      "switches behind it that snoop stop a stream after some minutes";
    const level = named.has(name) ? "warning" : "note";
    found.add(level, text, `ip link set dev ${shellWord(name)} type bridge mcast_querier 1`);
  }
  return found.orOk("no bridge of this host snoops without a querier; switches do not tell");
}

/** The reverse-path check, which does not concern the relay. */
export function checkReversePath(view: SystemView): readonly Finding[] {
  const found = new Findings("rp_filter");
  if (!isVisible(view)) return found.all();
  const all = numberOf(view, "net/ipv4/conf/all/rp_filter") ?? 0;
  for (const name of inputNames(view)) {
    const own = numberOf(view, `net/ipv4/conf/${name}/rp_filter`);
    if (own === undefined || Math.max(all, own) !== 1) continue;
    const text =
      `strict on ${name}: the relay takes datagrams before that check, but other programs of this host get ` +
      "none from sources that are not routed there";
    found.add("note", text, `sysctl -w ${shellWord(`net/ipv4/conf/${name}/rp_filter=2`)}`);
  }
  return found.orOk("no matter: the relay takes datagrams before that check");
}

/** Whether the kernel puts datagrams together on their way in, where that would be worth it. */
export function checkOffload(view: SystemView): readonly Finding[] {
  const found = new Findings("offload");
  if (!isVisible(view)) return found.all();
  const rates = new Map<string, number>();
  for (const { input, rates: { over_10s: rate } } of view.daemon?.stats.rules ?? []) {
    rates.set(input.interface, (rates.get(input.interface) ?? 0) + rate.datagrams_per_s);
  }
  for (const [name, rate] of rates) {
    const link = linkNamed(view, name);
    if (link === undefined || link.isMerging || rate < MERGING_WORTH_PER_S) continue;
    const text = `${name} takes ${Math.round(rate)} datagrams a second one by one: with receive offload long streams ` +
      "reached 1,000,000 a second where they reached 400,000 without (bench/report.json), in bursts; " +
      "mcr run --receive-offload switches it";
    found.add("note", text, `ethtool -K ${shellWord(name)} rx-gro on rx-udp-gro-forwarding on`);
  }
  return found.orOk("no input would gain much from receive offload");
}

/** Streams that arrive with the last of their time to live. */
export function checkTtl(view: SystemView): readonly Finding[] {
  const found = new Findings("ttl");
  if (view.daemon === undefined) return found.all();
  for (const { id, outputs } of view.daemon.stats.rules) {
    for (const { output, drops, rates } of outputs.filter(({ drops: { ttl = 0 } }) => ttl > 0)) {
      const level = rates.over_10s.drops_per_s > 0 ? "warning" : "note";
      const to = formatEndpoint(output);
      const text = `${drops.ttl} datagrams of rule ${id} came with a time to live of 1, and ${to} takes one off: ` +
        "raise that of the sender, or give the output a fixed one";
      found.add(level, text);
    }
  }
  return found.orOk("no output has had to drop what came with a time to live of 1");
}

/** Rules for `--rule`. */
export function pickRule(view: SystemView, idOrName: string): SystemView | undefined {
  const { daemon } = view;
  const isIt = ({ id, name }: Pick<RuleStatus, "id" | "name">): boolean => id === idOrName || name === idOrName;
  if (daemon === undefined || !daemon.rules.some(isIt)) return undefined;
  const stats = { ...daemon.stats, rules: daemon.stats.rules.filter(isIt) };
  return { ...view, daemon: { ...daemon, rules: daemon.rules.filter(isIt), stats } };
}
