/**
 * Rules in the form that C takes, and the sealed table that workers forward by.
 *
 * @module
 */
import * as abi from "./abi.ts";
import { writeAddress } from "./address.ts";
import { Descriptor } from "./descriptor.ts";
import { check, native } from "./library.ts";

/** An output with the numbers that stand for it. Addresses are checked. */
export interface NumberedOutput {
  /** Index of its socket; absent while it has none. */
  readonly socket?: number | undefined;
  /** Slot of its counters. */
  readonly stats: number;
  /** Largest payload that needs no IP fragments. */
  readonly segmentMax: number;
  /** `mcr_output_flag`, but for `RAW`. */
  readonly flags: number;
  /** Destination, or the first of a range. */
  readonly group: string;
  /** Bits of the prefix, of 128; 128 is one address. */
  readonly groupBits: number;
  readonly port: number;
  readonly interfaceIndex: number;
  /** DSCP and ECN as one byte. */
  readonly trafficClass: number;
  /** How it sends frames; absent to send through the UDP socket. */
  readonly raw?: { readonly socket: number; readonly header: Uint8Array; readonly headerBytes: number } | undefined;
}

/** An entry of a source list. */
export interface NumberedSource {
  readonly address: string;
  /** Bits of the prefix, of 128. */
  readonly bits: number;
}

/** A rule with the numbers that stand for it. Addresses are checked. */
export interface NumberedRule {
  /** Destination, or the first of a range. */
  readonly group: string;
  /** Bits of the prefix, of 128; 128 is one address. */
  readonly groupBits: number;
  /** `MCR_PROTOCOL_*`. */
  readonly protocol: number;
  readonly portFirst: number;
  readonly portLast: number;
  /** Index of the input. */
  readonly input: number;
  /** Slot of its counters. */
  readonly stats: number;
  readonly outputs: readonly NumberedOutput[];
  /** None: all. */
  readonly sources: readonly NumberedSource[];
  readonly excluded: readonly NumberedSource[];
  /** A second; 0 without limit. */
  readonly datagramsMax: number;
  readonly bitsMax: number;
}

/** The arrays of `mcr.h` that rules are given in. */
export interface PackedRules {
  readonly count: number;
  readonly bytes: Uint8Array<ArrayBuffer>;
  readonly outputCount: number;
  readonly outputBytes: Uint8Array<ArrayBuffer>;
  readonly sourceCount: number;
  readonly sourceBytes: Uint8Array<ArrayBuffer>;
}

/** Writes rules as C reads them. */
export function packRules(rules: readonly NumberedRule[]): PackedRules {
  const outputCount = rules.reduce((sum, rule) => sum + rule.outputs.length, 0);
  const sourceCount = rules.reduce((sum, rule) => sum + rule.sources.length + rule.excluded.length, 0);
  const bytes = new Uint8Array(rules.length * abi.mcr_rule.sizeof);
  const outputBytes = new Uint8Array(outputCount * abi.mcr_output.sizeof);
  const sourceBytes = new Uint8Array(sourceCount * abi.mcr_source.sizeof);
  let outputFirst = 0, sourceFirst = 0;
  rules.forEach((rule, index) => {
    writeRule(bytes, index, rule, outputFirst, sourceFirst);
    writeOutputs(outputBytes, outputFirst, rule);
    writeSources(sourceBytes, sourceFirst, rule);
    outputFirst += rule.outputs.length;
    sourceFirst += rule.sources.length + rule.excluded.length;
  });
  return { count: rules.length, bytes, outputCount, outputBytes, sourceCount, sourceBytes };
}

/** Writes a rule as the one of this number, its outputs and its sources beginning at those. */
export function writeRule(
  bytes: Uint8Array,
  index: number,
  rule: NumberedRule,
  outputFirst: number,
  sourceFirst: number,
): void {
  const at = index * abi.mcr_rule.sizeof, view = new DataView(bytes.buffer, bytes.byteOffset);
  const put = (offset: number, value: number): void => view.setUint32(at + offset, value, true);
  writeAddress(bytes, at + abi.mcr_rule.group, rule.group);
  put(abi.mcr_rule.group_bits, rule.groupBits);
  put(abi.mcr_rule.protocol, rule.protocol);
  put(abi.mcr_rule.port_first, rule.portFirst);
  put(abi.mcr_rule.port_last, rule.portLast);
  put(abi.mcr_rule.input, rule.input);
  put(abi.mcr_rule.stats, rule.stats);
  put(abi.mcr_rule.output_first, outputFirst);
  put(abi.mcr_rule.output_count, rule.outputs.length);
  put(abi.mcr_rule.source_first, sourceFirst);
  put(abi.mcr_rule.source_count, rule.sources.length);
  put(abi.mcr_rule.excluded_first, sourceFirst + rule.sources.length);
  put(abi.mcr_rule.excluded_count, rule.excluded.length);
  view.setBigUint64(at + abi.mcr_rule.datagrams_max, BigInt(rule.datagramsMax), true);
  view.setBigUint64(at + abi.mcr_rule.bits_max, BigInt(rule.bitsMax), true);
}

/** Writes a rule's outputs, the first as the one of this number. */
export function writeOutputs(bytes: Uint8Array, first: number, { outputs }: NumberedRule): void {
  const view = new DataView(bytes.buffer, bytes.byteOffset);
  outputs.forEach((output, i) => {
    const at = (first + i) * abi.mcr_output.sizeof, { raw } = output;
    const put = (offset: number, value: number): void => view.setUint32(at + offset, value, true);
    put(abi.mcr_output.socket, output.socket ?? abi.MCR_NO_SOCKET);
    put(abi.mcr_output.stats, output.stats);
    put(abi.mcr_output.segment_max, output.segmentMax);
    put(abi.mcr_output.flags, output.flags | (raw === undefined ? 0 : abi.MCR_OUTPUT_RAW));
    writeAddress(bytes, at + abi.mcr_output.group, output.group);
    put(abi.mcr_output.group_bits, output.groupBits);
    put(abi.mcr_output.port, output.port);
    put(abi.mcr_output.interface, output.interfaceIndex);
    put(abi.mcr_output.traffic_class, output.trafficClass);
    if (raw === undefined) return;
    put(abi.mcr_output.raw_socket, raw.socket);
    view.setUint8(at + abi.mcr_output.header_bytes, raw.headerBytes);
    bytes.set(raw.header, at + abi.mcr_output.header);
  });
}

/** Writes a rule's sources, those excluded behind the others, the first as the one of this number. */
export function writeSources(bytes: Uint8Array, first: number, { sources, excluded }: NumberedRule): void {
  const view = new DataView(bytes.buffer, bytes.byteOffset);
  [...sources, ...excluded].forEach(({ address, bits }, i) => {
    const at = (first + i) * abi.mcr_source.sizeof;
    writeAddress(bytes, at + abi.mcr_source.address, address);
    view.setUint32(at + abi.mcr_source.bits, bits, true);
  });
}

/** What a table says beside its rules. */
export interface TableOptions {
  /** From where the relay itself sends, each as `outputSender()` says it, one behind the other: what comes from there has come in a loop. */
  readonly senders: Uint8Array<ArrayBuffer>;
  /** Of all rules together, a second; 0 without limit. */
  readonly datagramsMax: number;
  readonly bitsMax: number;
}

/** Nothing is refused. */
export const NO_LIMITS: TableOptions = { senders: new Uint8Array(0), datagramsMax: 0, bitsMax: 0 };

/** Makes the table of one generation: a sealed memfd. */
export function compileTable(generation: number, rules: PackedRules, options: TableOptions = NO_LIMITS): Descriptor {
  const { senders } = options;
  const counts = new Uint8Array(abi.mcr_rules.sizeof), view = new DataView(counts.buffer);
  view.setUint32(abi.mcr_rules.rule_count, rules.count, true);
  view.setUint32(abi.mcr_rules.output_count, rules.outputCount, true);
  view.setUint32(abi.mcr_rules.source_count, rules.sourceCount, true);
  view.setUint32(abi.mcr_rules.sender_count, senders.length / abi.mcr_sender.sizeof, true);
  view.setBigUint64(abi.mcr_rules.datagrams_max, BigInt(options.datagramsMax), true);
  view.setBigUint64(abi.mcr_rules.bits_max, BigInt(options.bitsMax), true);
  const { bytes, outputBytes, sourceBytes } = rules;
  return new Descriptor(check(
    native.mcr_table_compile(BigInt(generation), counts, bytes, outputBytes, sourceBytes, senders),
  ));
}
