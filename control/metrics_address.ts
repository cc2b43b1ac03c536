/**
 * Where metrics are served, as people write it.
 *
 * @module
 */
import { parseAddress } from "./address.ts";
import { parseWhole } from "./number.ts";

/** A place to listen. */
export type MetricsAddress =
  | { readonly kind: "unix"; readonly path: string }
  | { readonly kind: "tcp"; readonly host: string; readonly port: number };

/** What it must be, in the words of every message about it. */
export const EXPECTED_METRICS = "ADDRESS:PORT, as in 127.0.0.1:9464 or [::1]:9464, or unix:/PATH";

/** Bytes of a path that a Unix socket can have, without the NUL. */
const PATH_BYTES_MAX = 107;

/** Reads a place to listen; undefined when it is none. Names of hosts are none: they may mean anything tomorrow. */
export function parseMetricsAddress(text: string): MetricsAddress | undefined {
  if (text.startsWith("unix:")) {
    const path = text.slice("unix:".length);
    const isPath = /^\/[^\0]*[^/\0]$/.test(path) && new TextEncoder().encode(path).length <= PATH_BYTES_MAX;
    return isPath ? { kind: "unix", path } : undefined;
  }
  const { v6, v4, port: portText } = /^(?:\[(?<v6>[^\]]*)\]|(?<v4>[^:]*)):(?<port>[^:]*)$/.exec(text)?.groups ?? {};
  const host = parseAddress(v6 ?? v4 ?? ""), port = parseWhole(portText ?? "", 1, 65_535);
  if (host === undefined || port === undefined || host.family !== (v6 === undefined ? 4 : 6)) return undefined;
  return { kind: "tcp", host: host.text, port };
}
