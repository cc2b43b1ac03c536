/**
 * Rules in the form that C takes, and the sealed table that workers forward by.
 *
 * @module
 */
import * as abi from "./abi.ts";
import { writeAddress } from "./address.ts";
import { Descriptor } from "./descriptor.ts";
import { check, native } from "./library.ts";

/** An output with the numbers that stand for it. */
export interface NumberedOutput {
  /** Index of its socket; absent while it has none. */
  readonly socket?: number | undefined;
  /** Slot of its counters. */
  readonly stats: number;
  /** Largest payload that needs no IP fragments. */
  readonly segmentMax: number;
  /** How it sends frames; absent to send through the UDP socket. */
  readonly raw?: { readonly socket: number; readonly header: Uint8Array } | undefined;
}

/** A rule with the numbers that stand for it. */
export interface NumberedRule {
  /** Checked, dotted. */
  readonly group: string;
  readonly port: number;
  /** Index of the input. */
  readonly input: number;
  /** Slot of its counters. */
  readonly stats: number;
  readonly outputs: readonly NumberedOutput[];
}

/** `struct mcr_rule[]` and the `struct mcr_output[]` that they refer to. */
export interface PackedRules {
  readonly count: number;
  readonly bytes: Uint8Array<ArrayBuffer>;
  readonly outputCount: number;
  readonly outputBytes: Uint8Array<ArrayBuffer>;
}

/** Writes rules as C reads them. */
export function packRules(rules: readonly NumberedRule[]): PackedRules {
  const outputCount = rules.reduce((sum, rule) => sum + rule.outputs.length, 0);
  const bytes = new Uint8Array(rules.length * abi.mcr_rule.sizeof);
  const outputBytes = new Uint8Array(outputCount * abi.mcr_output.sizeof);
  const view = new DataView(bytes.buffer);
  let output = 0;
  rules.forEach((rule, i) => {
    const packed = packRule(rule), at = i * abi.mcr_rule.sizeof;
    bytes.set(packed.bytes, at);
    view.setUint32(at + abi.mcr_rule.output_first, output, true);
    outputBytes.set(packed.outputBytes, output * abi.mcr_output.sizeof);
    output += rule.outputs.length;
  });
  return { count: rules.length, bytes, outputCount, outputBytes };
}

/** One of 10,000 rules changes, all are packed: each is so once. */
const packed = new WeakMap<NumberedRule, { readonly bytes: Uint8Array; readonly outputBytes: Uint8Array }>();

/** A rule whose outputs begin at 0. */
function packRule(rule: NumberedRule): { readonly bytes: Uint8Array; readonly outputBytes: Uint8Array } {
  const known = packed.get(rule);
  if (known !== undefined) return known;
  const bytes = new Uint8Array(abi.mcr_rule.sizeof), view = new DataView(bytes.buffer);
  writeAddress(bytes, abi.mcr_rule.group, rule.group);
  view.setUint32(abi.mcr_rule.port, rule.port, true);
  view.setUint32(abi.mcr_rule.input, rule.input, true);
  view.setUint32(abi.mcr_rule.stats, rule.stats, true);
  view.setUint32(abi.mcr_rule.output_count, rule.outputs.length, true);
  const made = { bytes, outputBytes: packOutputs(rule.outputs) };
  packed.set(rule, made);
  return made;
}

function packOutputs(outputs: readonly NumberedOutput[]): Uint8Array {
  const bytes = new Uint8Array(outputs.length * abi.mcr_output.sizeof), view = new DataView(bytes.buffer);
  outputs.forEach(({ socket, stats, segmentMax, raw }, i) => {
    const at = i * abi.mcr_output.sizeof;
    view.setUint32(at + abi.mcr_output.socket, socket ?? abi.MCR_NO_SOCKET, true);
    view.setUint32(at + abi.mcr_output.stats, stats, true);
    view.setUint32(at + abi.mcr_output.segment_max, segmentMax, true);
    if (raw === undefined) return;
    view.setUint32(at + abi.mcr_output.raw_socket, raw.socket, true);
    view.setUint8(at + abi.mcr_output.is_raw, 1);
    bytes.set(raw.header, at + abi.mcr_output.header);
  });
  return bytes;
}

/** Makes the table of one generation: a sealed memfd. */
export function compileTable(generation: number, rules: PackedRules): Descriptor {
  const { bytes, count, outputBytes, outputCount } = rules;
  return new Descriptor(check(native.mcr_table_compile(BigInt(generation), bytes, count, outputBytes, outputCount)));
}
