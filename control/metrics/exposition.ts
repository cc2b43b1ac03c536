/**
 * Metrics as text: OpenMetrics 1.0, or the older format of Prometheus. Samples are the same in both, only what is said
 * about their families is not.
 *
 * @module
 */

/** A family of samples, as it is declared once. */
export interface Family {
  /** Without the suffixes that samples have: `_total` of counters, `_info`, those of histograms. */
  readonly name: string;
  readonly type: "counter" | "gauge" | "histogram" | "info";
  readonly help: string;
  /** What the name ends with then. */
  readonly unit?: "seconds" | "bytes";
}

/** The formats, by the names that content negotiation gives them here. */
export const CONTENT_TYPES = {
  openmetrics: "application/openmetrics-text; version=1.0.0; charset=utf-8",
  prometheus: "text/plain; version=0.0.4; charset=utf-8",
} as const;

/** A format. */
export type Format = keyof typeof CONTENT_TYPES;

/** A family with its samples, in text. */
export interface Exposed {
  readonly family: Family;
  readonly samples: readonly string[];
}

/** Labels by name; those without a value are left out. */
export type Labels = Readonly<Record<string, string | undefined>>;

/** Labels as they stand between braces. */
export function formatLabels(labels: Labels): string {
  return Object.entries(labels)
    .flatMap(([name, value]) => value === undefined ? [] : `${name}="${escapeValue(value)}"`)
    .join(",");
}

function escapeValue(value: string): string {
  return value.replaceAll("\\", "\\\\").replaceAll('"', '\\"').replaceAll("\n", "\\n");
}

/** The name of a family's samples; those of a histogram have several. */
export function sampleName({ name, type }: Family): string {
  return type === "counter" ? `${name}_total` : type === "info" ? `${name}_info` : name;
}

/** The line of one sample; labels as `formatLabels` makes them. */
export function formatSample(name: string, labels: string, value: number): string {
  return labels === "" ? `${name} ${value}\n` : `${name}{${labels}} ${value}\n`;
}

/** The text, in pieces. */
export function* expose(families: Iterable<Exposed>, format: Format): Generator<string> {
  for (const { family, samples } of families) {
    yield format === "openmetrics" ? describeNewly(family) : describeOldly(family);
    yield* samples;
  }
  if (format === "openmetrics") yield "# EOF\n";
}

function describeNewly({ name, type, help, unit }: Family): string {
  const unitLine = unit === undefined ? "" : `# UNIT ${name} ${unit}\n`;
  return `# TYPE ${name} ${type}\n${unitLine}# HELP ${name} ${escapeValue(help)}\n`;
}

function describeOldly(family: Family): string {
  const name = sampleName(family), type = family.type === "info" ? "gauge" : family.type;
  const help = family.help.replaceAll("\\", "\\\\").replaceAll("\n", "\\n");
  return `# HELP ${name} ${help}\n# TYPE ${name} ${type}\n`;
}
