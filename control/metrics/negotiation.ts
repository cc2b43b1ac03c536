/**
 * What a client would like to get, out of the headers `Accept` and `Accept-Encoding`.
 *
 * @module
 */
import type { Format } from "./exposition.ts";

/** An entry of such a header. */
interface Choice {
  readonly name: string;
  readonly parameters: ReadonlyMap<string, string>;
  /** 0 to 1. */
  readonly quality: number;
}

/** The entries of a header; what makes no sense counts as not wanted. */
function choicesOf(header: string): Choice[] {
  return header.split(",").map((entry) => {
    const [name = "", ...words] = entry.split(";").map((word) => word.trim().toLowerCase());
    const parameters = new Map(words.map((word) => {
      const [key = "", ...value] = word.split("=");
      return [key.trim(), value.join("=").trim().replace(/^"(.*)"$/, "$1")];
    }));
    const quality = Number(parameters.get("q") ?? 1);
    return { name, parameters, quality: quality >= 0 && quality <= 1 ? quality : 0 };
  });
}

/** The format that the client likes best: OpenMetrics where it names that, else that of Prometheus. */
export function chooseFormat(accept: string): Format {
  const choices = choicesOf(accept);
  const qualityOf = (isIt: (choice: Choice) => boolean): number =>
    Math.max(0, ...choices.filter(isIt).map(({ quality }) => quality));
  const hasVersion = ({ parameters }: Choice, version: string): boolean =>
    (parameters.get("version") ?? version) === version;
  const openmetrics = qualityOf((one) => one.name === "application/openmetrics-text" && hasVersion(one, "1.0.0"));
  const prometheus = qualityOf((one) => one.name === "text/plain" && hasVersion(one, "0.0.4"));
  return openmetrics > 0 && openmetrics >= prometheus ? "openmetrics" : "prometheus";
}

/** Whether the client takes gzip. */
export function takesGzip(acceptEncoding: string): boolean {
  const choices = choicesOf(acceptEncoding);
  const gzip = choices.find(({ name }) => name === "gzip") ?? choices.find(({ name }) => name === "*");
  return gzip !== undefined && gzip.quality > 0;
}
