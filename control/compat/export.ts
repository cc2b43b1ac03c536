/**
 * A configuration of ours in the shape of the reference implementation's, as far as that goes.
 *
 * @module
 */
import { parseAddress } from "../address.ts";
import type { Config } from "../config.ts";
import type { RuleInput, RuleOutput, RuleSpec } from "../model.ts";
import { parseCores } from "../number.ts";

/** The shape of theirs: what `mcrctl config show` prints. */
export function describeConfig({ cores, ttl, rules }: Config): Readonly<Record<string, unknown>> {
  const pinned = cores === undefined ? undefined : parseCores(cores);
  const inputs = [...new Set(rules.map(({ input }) => input.interface))];
  return {
    pinning: pinned === undefined ? {} : Object.fromEntries(inputs.map((name) => [name, pinned])),
    rules: rules.map(describeRule),
    multicast_ttl: typeof ttl === "number" ? ttl : null,
  };
}

/** A rule in their shape. */
export function describeRule({ name, input, outputs }: RuleSpec): Readonly<Record<string, unknown>> {
  return {
    ...name === undefined ? {} : { name },
    input: {
      interface: input.interface,
      group: input.group,
      // Theirs wants one and does not look at it.
      port: input.protocol === "esp" ? 1 : input.port,
      protocol: input.protocol === "esp" ? "esp" : null,
    },
    outputs: outputs.map(({ group, port, interface: name, ttl }) => ({
      group,
      port: input.protocol === "esp" ? 1 : port,
      interface: name,
      ...(ttl === undefined ? {} : { ttl }),
    })),
  };
}

/** The paths of what their shape has no room for, or no such value. */
export function lostFields(rules: readonly RuleSpec[]): string[] {
  return rules.flatMap(({ name: _, input, outputs, ...rest }, index) =>
    [
      ...Object.keys(rest).filter((key) => ["max_rate", "allow_loop"].includes(key)),
      ...lostInput(input).map((key) => `input.${key}`),
      ...outputs.flatMap((output, place) => lostOutput(output, input).map((key) => `outputs[${place}].${key}`)),
    ].map((path) => `rules[${index}].${path}`)
  );
}

function lostInput({ interface: _, group, port, protocol, ...rest }: RuleInput): string[] {
  return [
    ...isGroup(group) ? [] : ["group"],
    ...isPort(port) || protocol === "esp" ? [] : ["port"],
    ...Object.keys(rest),
  ];
}

function lostOutput({ interface: _, group, port, ttl, ...rest }: RuleOutput, { protocol }: RuleInput): string[] {
  return [
    ...isGroup(group) ? [] : ["group"],
    ...isPort(port) || protocol === "esp" ? [] : ["port"],
    ...ttl === "decrement" ? ["ttl"] : [],
    ...Object.keys(rest),
  ];
}

/** Theirs has IPv4 addresses, no prefixes. */
function isGroup(text: string): boolean {
  return parseAddress(text)?.family === 4;
}

function isPort(port: unknown): boolean {
  return typeof port === "number" && port > 0;
}
