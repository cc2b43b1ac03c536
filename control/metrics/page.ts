/**
 * The status page: whole without JavaScript, and with it drawn anew each second. It loads nothing from anywhere.
 *
 * @module
 */
import { createHash } from "node:crypto";
import { formatAge, formatMicroseconds, formatShort, threeDigits } from "../units.ts";
import { DRAWING, drawStatus, escapeHtml } from "./draw.ts";
import type { Status } from "./status.ts";
import { STYLE } from "./style.ts";

/** How often the page looks, with JavaScript; without, it is loaded again every five seconds. */
const REFRESH_MS = 1000;

/** What follows runs in the browser. Drawing would undo a selection, so it waits while there is one. */
const LOOP = `
const main = document.querySelector("main"), news = document.querySelector("#news");
let answeredMs = Date.now();
async function refresh() {
  try {
    const response = await fetch("status.json", { signal: AbortSignal.timeout(5000) });
    if (!response.ok) throw new Error(String(response.status));
    const status = await response.json();
    if (document.getSelection().isCollapsed) main.innerHTML = ${drawStatus.name}(status);
    answeredMs = Date.now();
    news.textContent = "up " + ${formatAge.name}(status.time_ms - status.start_ms);
    document.body.className = "live";
  } catch {
    news.textContent = "no answer for " + ${formatAge.name}(Date.now() - answeredMs);
    document.body.className = "stale";
  }
  setTimeout(refresh, ${REFRESH_MS});
}
setTimeout(refresh, ${REFRESH_MS});
`;

/** All that runs in the browser. */
export const SCRIPT = [formatShort, formatMicroseconds, formatAge, threeDigits, ...DRAWING].map(String).join("\n") +
  LOOP;

/** What the browser may load and run: what stands in the page, and its data. */
export const CONTENT_SECURITY_POLICY = [
  "default-src 'none'",
  `script-src '${hashOf(SCRIPT)}'`,
  `style-src '${hashOf(STYLE)}'`,
  "connect-src 'self'",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
].join("; ");

function hashOf(text: string): string {
  return `sha256-${createHash("sha256").update(text).digest("base64")}`;
}

/** The page. */
export function renderPage(status: Status): string {
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>mcr</title>
<style>${STYLE}</style>
<noscript><meta http-equiv="refresh" content="5"></noscript>
</head>
<body>
<header>
<h1>mcr</h1>
<p>multicast relay ${escapeHtml(status.version)}</p>
<p id="news" role="status">up ${formatAge(status.time_ms - status.start_ms)}</p>
</header>
<main>${drawStatus(status)}</main>
<footer><a href="metrics">metrics</a> <a href="status.json">status.json</a></footer>
<script>${SCRIPT}</script>
</body>
</html>
`;
}
