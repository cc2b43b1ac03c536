/**
 * The status page's contents as HTML. The supervisor draws them, and the page itself draws them again from what it
 * fetches: it takes these functions along as text, so they use nothing but each other and those of `units.ts`.
 *
 * @module
 */
import type { Drops, InterfaceStatus, OutputCounters, Rate, WorkerStatus } from "../model.ts";
import { formatAge, formatMicroseconds, formatShort } from "../units.ts";
import type { RuleView, Status } from "./status.ts";

/** Text that may stand anywhere in HTML. */
export function escapeHtml(text: string): string {
  return text.replace(/[&<>"']/g, (character) => `&#${character.charCodeAt(0)};`);
}

/** A cell, with the heading that stands before it where the table is too narrow to be one. */
export function cell(heading: string, html: string, kind = ""): string {
  return `<td data-heading="${heading}"${kind && ` class="${kind}"`}>${html}</td>`;
}

/** A table, or what is said where it would be empty. */
export function table(title: string, headings: readonly string[], rows: readonly string[], nothing: string): string {
  const heads = headings.map((heading) => `<th scope="col">${heading}</th>`).join("");
  const body = rows.length === 0
    ? `<p class="nothing">${nothing}</p>`
    : `<div class="scroll"><table><thead><tr>${heads}</tr></thead><tbody>${rows.join("")}</tbody></table></div>`;
  return `<section><h2>${title}</h2>${body}</section>`;
}

/** A number; nothing is dim, and an alarm stands out. */
export function numberCell(heading: string, text: string, isNothing: boolean, isAlarm = false): string {
  return cell(heading, escapeHtml(text), `number${isNothing ? " dim" : isAlarm ? " alarm" : ""}`);
}

/** A place as one word. */
export function placeOf(place: { group: string; port: number | string; protocol?: string; interface: string }): string {
  const address = place.group.includes(":") ? `[${place.group}]` : place.group;
  const port = place.protocol === "esp" ? "esp" : place.port;
  return `${escapeHtml(`${address}:${port}`)} <span class="at">${escapeHtml(place.interface)}</span>`;
}

/** How many were dropped, with the reasons behind it. */
export function dropCell(drops: Drops): string {
  const entries = Object.entries(drops), count = entries.reduce((sum, [, one]) => sum + one, 0);
  const reasons = entries.map(([reason, one]) => `${escapeHtml(reason)} ${formatShort(one)}`).join(", ");
  const html = `${formatShort(count)}${reasons && ` <span class="why">${reasons}</span>`}`;
  return cell("dropped", html, `number${count === 0 ? " dim" : " warn"}`);
}

/** Datagrams, bits and drops of a second. */
export function rateCells(rate: Rate): string {
  return numberCell("datagrams/s", formatShort(rate.datagrams_per_s), rate.datagrams_per_s === 0) +
    numberCell("bit/s", formatShort(rate.bits_per_s), rate.bits_per_s === 0) +
    numberCell("drops/s", formatShort(rate.drops_per_s), rate.drops_per_s === 0, true);
}

/** How long ago. */
export function ageCell(timeMs: number | undefined, nowMs: number): string {
  return numberCell("last seen", timeMs === undefined ? "never" : formatAge(nowMs - timeMs), timeMs === undefined);
}

/** One rule, and below it its outputs. */
export function ruleRows(rule: RuleView, nowMs: number): string {
  const waiting = rule.waiting_for.map(escapeHtml).join(", ");
  const state = rule.state === "active" ? "" : ` <span class="tag">waiting for ${waiting}</span>`;
  const from = [...rule.input.sources ?? [], ...(rule.input.exclude_sources ?? []).map((source) => `not ${source}`)];
  const place = placeOf(rule.input) +
    (from.length === 0 ? "" : ` <span class="at">from ${escapeHtml(from.join(", "))}</span>`);
  const title = rule.name === undefined ? place : `<b>${escapeHtml(rule.name)}</b> <span class="place">${place}</span>`;
  const { latency } = rule;
  const times = [["p50", latency?.p50_us], ["p99", latency?.p99_us]] as const;
  return `<tr class="rule">${cell("", title + state, "title")}${rateCells(rule.rates.over_1s)}${dropCell(rule.drops)}` +
    times.map(([heading, time]) => {
      return numberCell(heading, time === undefined ? "-" : formatMicroseconds(time), time === undefined);
    }).join("") +
    `${ageCell(rule.last_seen_ms, nowMs)}</tr>` +
    rule.outputs.map((output) => outputRow(output, nowMs)).join("");
}

/** One output of a rule. */
export function outputRow(one: OutputCounters, nowMs: number): string {
  return `<tr class="output">${cell("", `<span class="arrow">→</span> ${placeOf(one.output)}`, "title")}` +
    `${rateCells(one.rates.over_1s)}${dropCell(one.drops)}<td class="gap"></td><td class="gap"></td>` +
    `${ageCell(one.last_seen_ms, nowMs)}</tr>`;
}

/** One worker. */
export function workerRow(worker: WorkerStatus): string {
  const state = worker.state === "running" ? "running" : `<span class="tag">${worker.state}</span>`;
  return `<tr class="rule">${cell("", `<b>${worker.index}</b> <span class="at">core ${worker.core}</span>`, "title")}` +
    `${cell("state", state)}${rateCells(worker.rates.over_1s)}${dropCell(worker.drops)}` +
    numberCell("superframes", formatShort(worker.superframes), worker.superframes === 0) +
    `${numberCell("restarts", formatShort(worker.restarts), worker.restarts === 0, true)}</tr>`;
}

/** One interface. */
export function interfaceRow({ name, up, mtu, addresses, joined = [] }: InterfaceStatus): string {
  const groups = joined.length > 8
    ? `${joined.slice(0, 8).join(", ")} and ${joined.length - 8} more`
    : joined.join(", ");
  return `<tr class="rule">${cell("", `<b>${escapeHtml(name)}</b>`, "title")}` +
    cell("state", up ? "up" : '<span class="tag">down</span>') + numberCell("MTU", String(mtu), false) +
    cell("addresses", escapeHtml(addresses.join(", ")) || "none", addresses.length === 0 ? "dim" : "") +
    `${cell("joined groups", escapeHtml(groups) || "none", joined.length === 0 ? "dim" : "")}</tr>`;
}

/** One of the numbers at the top. */
export function figure(label: string, value: string, note: string, kind = ""): string {
  return `<div class="figure ${kind}"><dt>${label}</dt><dd>${value}<small>${note}</small></dd></div>`;
}

/** The numbers at the top. */
export function figures({ totals, sent, rule_count: rules, pending_count: pending, ...status }: Status): string {
  const over = totals.rates.over_1s, drops = over.drops_per_s + sent.drops_per_s;
  const dropped = status.drops.reduce((sum, { count }) => sum + count, 0);
  const running = status.workers.filter(({ state }) => state === "running").length;
  const all = status.workers.length;
  return `<dl class="figures">${
    figure("received", `${formatShort(over.datagrams_per_s)}/s`, `${formatShort(over.bits_per_s)}bit/s`)
  }${figure("sent", `${formatShort(sent.datagrams_per_s)}/s`, `${formatShort(sent.bits_per_s)}bit/s`)}${
    figure("dropped", `${formatShort(drops)}/s`, `${formatShort(dropped)} so far`, drops > 0 ? "alarm" : "")
  }${
    figure("rules", formatShort(rules), pending === 0 ? "all active" : `${pending} waiting`, pending > 0 ? "warn" : "")
  }${
    figure("workers", String(all), running === all ? "all running" : `${running} running`, running < all ? "alarm" : "")
  }</dl>`;
}

/** All of it. */
export function drawStatus(status: Status): string {
  const { rules, rule_count: count, drops, time_ms: nowMs } = status;
  const rates = ["datagrams/s", "bit/s", "drops/s", "dropped"];
  const dropRows = [...drops].sort((one, other) => other.count - one.count).map(({ reason, count, advice }) => {
    return `<tr class="rule">${cell("", `<b>${escapeHtml(reason)}</b>`, "title")}` +
      `${numberCell("datagrams", formatShort(count), false)}${
        cell("what to look at", escapeHtml(advice), "advice")
      }</tr>`;
  });
  const title = rules.length === count ? "Rules" : `Rules <small>${rules.length} of ${count}: the busiest</small>`;
  return figures(status) +
    table("Drops", ["reason", "datagrams", "what to look at"], dropRows, "Nothing has been dropped.") +
    table(
      title,
      ["rule and outputs", ...rates, "p50", "p99", "last seen"],
      rules.map((rule) => ruleRows(rule, nowMs)),
      "There are no rules.",
    ) +
    table(
      "Workers",
      ["worker", "state", ...rates, "superframes", "restarts"],
      status.workers.map(workerRow),
      "There are no workers.",
    ) +
    table(
      "Interfaces",
      ["interface", "state", "MTU", "addresses", "joined groups"],
      status.interfaces.map(interfaceRow),
      "There are no interfaces.",
    );
}

/** What the page takes along. */
export const DRAWING: readonly ((...args: never[]) => string)[] = [
  escapeHtml,
  cell,
  table,
  numberCell,
  placeOf,
  dropCell,
  rateCells,
  ageCell,
  ruleRows,
  outputRow,
  workerRow,
  interfaceRow,
  figure,
  figures,
  drawStatus,
];
