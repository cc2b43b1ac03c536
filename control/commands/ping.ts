/**
 * `mcr ping`: whether the supervisor answers.
 *
 * @module
 */
import { makeQuery } from "../query.ts";

/** The `ping` command. */
export const ping = makeQuery({
  name: "ping",
  summary: "Ask whether the supervisor answers",
  example: "mcr ping && echo alive",
  method: "ping",
  format: ({ pid, uptime_ms }) => `supervisor ${pid} is up for ${formatDuration(uptime_ms)}\n`,
});

/** A duration in its two largest units: `1 h 12 min`. */
export function formatDuration(durationMs: number): string {
  const seconds = Math.floor(durationMs / 1000);
  const minutes = Math.floor(seconds / 60);
  const hours = Math.floor(minutes / 60);
  const days = Math.floor(hours / 24);
  if (days > 0) return `${days} d ${hours % 24} h`;
  if (hours > 0) return `${hours} h ${minutes % 60} min`;
  if (minutes > 0) return `${minutes} min ${seconds % 60} s`;
  return `${seconds} s`;
}
