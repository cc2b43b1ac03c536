/**
 * What becomes of one captured datagram, step by step. Pure.
 *
 * @module
 */
import { MCR_PROTOCOL_ESP, MCR_PROTOCOL_UDP } from "../ffi/abi.ts";
import type { Captured } from "../ffi/capture.ts";
import type { Drops, InterfaceStatus, OutputCounters, RuleCounters, RuleOutput, RuleStatus } from "./model.ts";
import { formatDestination, formatEndpoint } from "./rule_text.ts";
import { segmentMax, sendingOf } from "./sending.ts";
import type { TracedDatagram, TraceStep } from "./trace.ts";
import { chooseRule, type Flow, type Mismatch, nearRules } from "./trace_match.ts";

/** Rules that are named because they nearly take a datagram. */
const NEAR_MAX = 4;

/** What there is to judge by. */
export interface Evidence {
  /** Name of the interface that it came in on. */
  readonly interface: string;
  readonly rules: readonly RuleStatus[];
  readonly interfaces: readonly InterfaceStatus[];
  /** Time to live of outputs that name none. */
  readonly unsetTtl: number | "decrement";
  readonly counters: (id: string) => RuleCounters | undefined;
  readonly advice: (reason: string) => string;
}

/** What is said of it. */
export type Judgement = Pick<TracedDatagram, "verdict" | "reason" | "advice" | "rule" | "steps">;

/** What an output does with it. */
interface OutputStep extends TraceStep {
  readonly reason?: string;
}

/** Follows a datagram as far as it gets. */
export function judge(captured: Captured, evidence: Evidence): Judgement {
  const steps: TraceStep[] = [passed(describe(captured, evidence.interface))];
  const end = (verdict: Judgement["verdict"], text: string, reason?: string): Judgement => ({
    verdict,
    ...(reason === undefined ? {} : { reason, advice: evidence.advice(reason) }),
    steps: [...steps, failed(text)],
  });
  const { interface: name } = evidence;
  // A tag of VLAN 0 carries a priority only.
  const { id = 0 } = captured.vlan ?? {};
  if (id !== 0) {
    return end(
      "unwanted",
      `tagged with VLAN ${id}: rules on ${name} take untagged frames, one on ${name}.${id} takes these`,
    );
  }
  const { reason } = captured;
  if (reason !== undefined) return end("dropped", `refused as ${reason}: ${evidence.advice(reason)}`, reason);
  steps.push(passed("well-formed, checksums right"));
  const flow: Flow = { ...captured, interface: name, protocol: captured.protocol === MCR_PROTOCOL_ESP ? "esp" : "udp" };
  const rule = chooseRule(evidence.rules, flow);
  if (rule !== undefined) return followOutputs(captured, rule, evidence, steps);
  const near = nearRules(evidence.rules, flow, NEAR_MAX);
  const isSource = near.some(({ by }) => by === "source");
  const why = near.length === 0 ? "" : `: ${near.map((one) => describeNear(one, flow)).join("; ")}`;
  return end(isSource ? "dropped" : "unwanted", `no rule takes it${why}`, isSource ? "source" : undefined);
}

function passed(text: string): TraceStep {
  return { is_passed: true, text };
}

function failed(text: string): TraceStep {
  return { is_passed: false, text };
}

function describe(
  { source, sourcePort, group, port, protocol, ttl, payloadBytes, datagrams }: Captured,
  name: string,
): string {
  const isUdp = protocol === MCR_PROTOCOL_UDP;
  const place = (address: string, at: number): string =>
    isUdp ? formatDestination({ group: address, port: at }) : address;
  const size = payloadBytes === 0 ? "" : `, ${payloadBytes} bytes of payload`;
  const merged = datagrams === 1 ? "" : ` in ${datagrams} datagrams that the kernel has put together`;
  return `came in on ${name} from ${place(source, sourcePort)} to ${place(group, port)}, TTL ${ttl}${size}${merged}`;
}

function describeNear({ rule: { id, input }, by }: { rule: RuleStatus; by: Mismatch }, flow: Flow): string {
  const own: Record<Mismatch, string> = {
    source: `rule ${id} does not take the source ${flow.source}`,
    port: `rule ${id} takes port ${input.port === 0 ? "any" : input.port}, not ${flow.port}`,
    interface: `rule ${id} listens on ${input.interface}, not on ${flow.interface}`,
    protocol: `rule ${id} takes ${input.protocol ?? "udp"}, not ${flow.protocol}`,
    group: `rule ${id} takes ${input.group}, not ${flow.group}`,
  };
  return own[by];
}

function followOutputs(
  captured: Captured,
  rule: RuleStatus,
  evidence: Evidence,
  before: readonly TraceStep[],
): Judgement {
  const counters = evidence.counters(rule.id);
  const outputs = rule.outputs.map((output, i) => judgeOutput(captured, rule, output, counters?.outputs[i], evidence));
  const passedCount = outputs.filter((output) => output.is_passed).length;
  const verdict = passedCount === outputs.length ? "relayed" : passedCount > 0 ? "partly" : "dropped";
  const reason = outputs.find((output) => !output.is_passed)?.reason;
  const steps = outputs.map(({ is_passed, text }) => ({ is_passed, text }));
  const isOwn = evidence.interfaces.some(({ addresses }) => addresses.includes(captured.source));
  const own = isOwn
    ? ", unless the relay itself has sent it (own_source), for it comes from an address of this host"
    : "";
  const limit = rule.max_rate === undefined ? "" : ", up to its max_rate";
  return {
    verdict,
    ...(reason === undefined ? {} : { reason, advice: evidence.advice(reason) }),
    rule: rule.id,
    steps: [...before, passed(`rule ${rule.id} takes it${limit}${own}${soFar(counters?.drops)}`), ...steps],
  };
}

function judgeOutput(
  { ttl, payloadBytes, datagrams }: Captured,
  rule: RuleStatus,
  output: RuleOutput,
  counters: OutputCounters | undefined,
  { interfaces, unsetTtl }: Evidence,
): OutputStep {
  const to = `to ${formatEndpoint(output)}`;
  const stop = (reason: string, text: string): OutputStep => ({ is_passed: false, reason, text: `${to}: ${text}` });
  if (rule.waiting_for.includes(output.interface)) {
    return stop("no_interface", `waits for ${output.interface}, which is missing, down or without an address`);
  }
  if ((output.ttl ?? unsetTtl) === "decrement" && ttl <= 1) {
    return stop("ttl", `the TTL of ${ttl} is used up, for the output takes one off`);
  }
  const mtu = interfaces.find(({ name }) => name === output.interface)?.mtu ?? Infinity;
  const room = segmentMax(sendingOf(output, rule.input, unsetTtl), mtu), size = Math.ceil(payloadBytes / datagrams);
  if (size > room && output.oversize === "drop") {
    return stop("too_big", `${size} bytes of payload are more than the ${room} that ${output.interface} carries`);
  }
  const fragments = size > room ? `, in fragments, for ${output.interface} carries ${room} bytes at once` : "";
  return { is_passed: true, text: `${to}: sent${fragments}${soFar(counters?.drops)}` };
}

/** What was dropped there since the start. */
function soFar(drops: Drops = {}): string {
  const counts = Object.entries(drops).filter(([, count]) => count > 0).map(([reason, count]) => `${reason} ${count}`);
  return counts.length === 0 ? "" : ` (so far dropped there: ${counts.join(", ")})`;
}
